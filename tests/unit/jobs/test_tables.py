"""Tests that every table names only steps and causes that exist. A misspelled name is found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adaptive_cards.texts import keys
from bot.cards.presenters import verdict as presenter
from bot.cards.presenters import verdict_extras
from jobs.causes import patterns, reader
from jobs.checks import check, remedies, verdict
from jobs.clouds import causes as clouds
from jobs.clouds import turns
from jobs.clouds.cause_codes import (
    CAUSE_CODES,
    UnknownNameError,
    causes,
    own_cause,
    require_causes,
)
from jobs.engine import failures
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.registry import by_name, require_steps, verified, verified_diagnoses
from jobs.engine.step import Probe, Step
from jobs.mail import bounce
from jobs.mail import smtp_login as smtp
from jobs.microsoft import app_manifest, app_only
from jobs.model import Finding
from jobs.probes import (
    _transport_rules,
    all_probes,
    conditional_access,
    connect_changes,
    smtp_login,
)
from jobs.steps import (
    CARRIES_MAIL_SEND,
    CONSENT,
    FORM,
    PROOF,
    SOMETIMES,
    all_steps,
    application,
    connect_form,
    rehearsal,
)

ROOT = Path(__file__).parents[3]
EVERYTHING = {**all_steps(), **all_probes()}
STEPS: dict[str, Iterable[str]] = {
    "SOMETIMES": SOMETIMES,
    "FORM": FORM,
    "CONSENT": CONSENT,
    "PROOF": PROOF,
    "CARRIES_MAIL_SEND": (CARRIES_MAIL_SEND,),
    "connect_form.FORM": connect_form.FORM,
    "FORWARDS": check.FORWARDS,
    "PROOFS": verdict.PROOFS,
    "FIXED_BY": remedies.FIXED_BY,
    "OWN": [name for names in smtp_login.OWN.values() for name in names],
    "BY_LOG": smtp_login.BY_LOG,
    "BY_LOG_OR_ANSWERS": smtp_login.BY_LOG_OR_ANSWERS,
    "POLICIES": (smtp_login.POLICIES,),
    "BY_ANSWERS": conditional_access.BY_ANSWERS,
    "SEEN_AT": presenter.SEEN_AT,
    "OUTSIDE": verdict_extras.OUTSIDE,
    "COUNTED": verdict_extras.COUNTED,
    "CHANGES": (verdict_extras.CHANGES,),
    "connect_changes.ENDS": connect_changes.ENDS,
    "connect_changes.WITHOUT": connect_changes.WITHOUT,
}
KNOWN = patterns.patterns()
LISTS = {**KNOWN.beside, **KNOWN.follows, **KNOWN.narrower}
CAUSES: dict[str, Iterable[str]] = {
    "FIXED_BY": [cause for of in remedies.FIXED_BY.values() for cause in of],
    "TURNS": [cause for of in turns.TURNS.values() for cause in of],
    "SEVERAL": remedies.SEVERAL,
    "GENERATE": turns.GENERATE,
    "UNSPECIFIC": verdict.UNSPECIFIC - {""},
    "NOT_READ": (verdict.NOT_READ,),
    "ROLE_CAUSES": failures.ROLE_CAUSES,
    "OWN": smtp_login.OWN,
    "OF_THE_USER": smtp_login.OF_THE_USER,
    "OF_THE_ACCOUNT": smtp_login.OF_THE_ACCOUNT,
    "OF_THE_PLACE": smtp_login.OF_THE_PLACE,
    "LOCKED": (smtp_login.LOCKED,),
    "BLOCKS": _transport_rules.BLOCKS.values(),
    "ADDRESSES": application.ADDRESSES,
    "OTHERS": app_manifest.OTHERS.values(),
    "SPREADS": rehearsal.SPREADS,
    "PASSES": rehearsal.PASSES,
    "BUSY": smtp.BUSY,
    "CUT_OFF": smtp.CUT_OFF,
    "AT_CONNECT": bounce.AT_CONNECT,
    "LOST": (bounce.LOST,),
    "OF_THE_SENDER": bounce.OF_THE_SENDER,
    "_OF_THE_RECIPIENT": vars(bounce)["_OF_THE_RECIPIENT"],
    "_GONE": vars(app_only)["_GONE"],
    "codes": [each.cause for codes in KNOWN.codes.values() for each in codes.values()],
    "numbers": [each.cause for each in (*KNOWN.numbers.values(), *KNOWN.oauth.values())],
    "words": [each.meaning.cause for words in KNOWN.words.values() for each in words],
    "lists": [cause for pair in LISTS.items() for cause in (pair[0], *pair[1])],
    "_AT_CONNECT": [each for pair in vars(reader)["_AT_CONNECT"].items() for each in pair],
    "_BARE": vars(reader)["_BARE"],
    "_SYMPTOMS": vars(reader)["_SYMPTOMS"],
    "EXPLAINED": verdict_extras.EXPLAINED.values(),
    "SETTLES": clouds.REPLICATION_CAUSES,
}
KNOBS: dict[str, Any] = {
    "needs": ("mailbox_usr",),
    "after": ("customisation",),
    "shown_in": "client_secrets",
    "prerequisites": {"customization_needed": "customisation"},
}
CAUSE_KNOBS: dict[str, Any] = {
    "explains": frozenset({"not_forwardet"}),
    "warnings": frozenset({"not_forwardet"}),
    "settling": {"not_forwardet": "forwarding_settling"},
}
LOOKED_UP = re.compile(r"\b(?:findings|changed)(?:\.get\(|\[)\"(\w+)\"")
"""Pattern of code that looks up a finding or a change with a written-out name."""
SAID = re.compile(r"\bcause=\"(\w+)\"")
"""Pattern of code that makes a finding or an error with a written-out cause."""


def misspelt(names: Iterable[str]) -> list[str]:
    """Return the names with one letter too many in the first."""
    first, *others = names
    return [f"{first}t", *others]


def written(pattern: re.Pattern[str], text: str) -> set[str]:
    """Return the names that the source writes out."""
    return set(pattern.findall(text))


@pytest.fixture(scope="module")
def source() -> str:
    """Return the source of jobs/ and bot/ as one text."""
    return "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("jobs", "bot")
        for path in (ROOT / folder).rglob("*.py")
    )


def with_knob(name: str, value: object) -> Mapping[str, Step]:
    """Return all steps, with one attribute of the SMTP login or its diagnosis set to ``value``."""
    step = type(EVERYTHING["smtp_login"])()
    if hasattr(step, name):
        setattr(step, name, value)
    else:
        step.diagnosis = Diagnosis(**{name: value})
    return {**EVERYTHING, step.name: step}


@pytest.mark.parametrize("table", STEPS)
def test_a_table_names_steps(table: str):
    """Each name in the table is a step or a probe, and a misspelled name raises an error."""
    require_steps(table, STEPS[table], EVERYTHING)
    with pytest.raises(UnknownNameError, match=table):
        require_steps(table, misspelt(STEPS[table]), EVERYTHING)


@pytest.mark.parametrize("table", CAUSES)
def test_a_table_names_causes(table: str):
    """Each code in the table is a cause, and a misspelled code raises an error."""
    require_causes(table, CAUSES[table])
    with pytest.raises(UnknownNameError, match=table):
        require_causes(table, misspelt(CAUSES[table]))


@pytest.mark.parametrize("knob", [*KNOBS, *CAUSE_KNOBS])
def test_a_step_names_steps_and_causes(knob: str):
    """The registry refuses a step that names an unknown step or cause."""
    verified(EVERYTHING)
    with pytest.raises(UnknownNameError, match=rf"smtp_login\.{knob}: unknown"):
        verified(with_knob(knob, {**KNOBS, **CAUSE_KNOBS}[knob]))


@pytest.mark.parametrize("field", ["caused_by", "superseded_by", "disproved_by"])
def test_a_diagnosis_names_steps(field: str):
    """The registry refuses a diagnosis that names an unknown step."""
    verified_diagnoses(EVERYTHING)
    with pytest.raises(
        UnknownNameError, match=rf"smtp_login\.{field}: unknown steps exchange_helth"
    ):
        verified_diagnoses(with_knob(field, ("entra", "exchange_helth")))


def test_a_set_of_causes_fails_where_it_is_made():
    """A module that misspells a cause cannot be imported."""
    assert causes("no_task") == {"no_task"}
    with pytest.raises(UnknownNameError, match="no_taks"):
        causes("no_task", "no_taks")


def test_a_signal_has_its_name():
    """A misspelled signal raises an error when it is set, read, or passed as an argument."""
    signals = EVERYTHING["answers"].ok().signals
    with pytest.raises(TypeError):
        type(signals)(token_live=True)
    with pytest.raises(AttributeError):
        _ = signals.token_live
    with pytest.raises(TypeError):
        replace(EVERYTHING["answers"].ok(), signal=signals)


def test_a_module_declares_its_own_cause(monkeypatch: pytest.MonkeyPatch):
    """A cause can be named once a module has declared it, and no cause can be declared twice."""
    monkeypatch.setattr("jobs.clouds.cause_codes.CAUSE_CODES", {*CAUSE_CODES})
    with pytest.raises(UnknownNameError, match="made_up"):
        causes("made_up")
    assert {own_cause("made_up")} == causes("made_up")
    for taken in ("made_up", "smtp_busy"):
        with pytest.raises(ValueError, match=f"declared twice: {taken}"):
            own_cause(taken)


def test_every_cause_has_its_sentence():
    """The catalog has a sentence for every cause, and for no other code."""
    assert {key.removeprefix("cause.") for key in keys() if key.startswith("cause.")} == CAUSE_CODES


def test_names_that_are_looked_up_exist(source: str):
    """If the source looks up a finding or a change by a name, a step or probe has this name."""
    require_steps("source", written(LOOKED_UP, source), EVERYTHING)
    assert len(written(LOOKED_UP, source)) > 5
    with pytest.raises(UnknownNameError, match="check_secrt"):
        require_steps(
            "source", written(LOOKED_UP, source + 'run.findings.get("check_secrt")'), EVERYTHING
        )


def test_causes_that_are_said_exist(source: str):
    """Every cause that the source gives to a finding or an error exists."""
    require_causes("source", written(SAID, source))
    assert len(written(SAID, source)) > 20
    with pytest.raises(UnknownNameError, match="not_forwardet"):
        require_causes("source", written(SAID, source + 'self.wrong(seen, cause="not_forwardet")'))


@pytest.mark.parametrize("family", ["cause", "remedy"])
def test_each_cause_has_its_texts(family: str):
    """Every cause has a sentence that names it, and a sentence that says what to do."""
    named = {key.removeprefix(f"{family}.") for key in keys() if key.startswith(f"{family}.")}
    assert CAUSE_CODES - named == set()


class Odd(Probe):
    """A probe with an attribute that probes do not have."""

    name = "odd"
    article_row = "X1"
    diagnosys = Diagnosis()

    async def inspect(self, ctx: StepContext) -> Finding:
        """Find nothing."""
        return self.ok()


def test_an_attribute_that_steps_do_not_have_is_refused():
    """A misspelled attribute is refused, because the step would silently keep the default."""
    with pytest.raises(UnknownNameError, match="odd: unknown attributes diagnosys"):
        by_name([Odd()])


def test_a_name_belongs_to_one_step():
    """Two steps with one name are refused, because the second would silently replace the first."""
    probe = next(iter(all_probes().values()))
    with pytest.raises(UnknownNameError, match=f"{probe.name}: two steps have this name"):
        by_name([probe, probe])
