"""Tests that every table names only steps and causes that exist. A misspelled name is found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.causes import cause as table_of_causes
from jobs.causes import patterns, reader
from jobs.checks import check, reading, verdict
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.registry import (
    UnknownNameError,
    by_name,
    require_steps,
    verified,
    verified_diagnoses,
)
from jobs.engine.step import Probe, Step
from jobs.model import Finding
from jobs.probes import all_probes, conditional_access, connect_changes, smtp_login
from jobs.steps import CARRIES_MAIL_SEND, CONSENT, FORM, PROOF, SOMETIMES, all_steps, connect_form

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
    "OWN": [name for names in smtp_login.OWN.values() for name in names],
    "BY_LOG": smtp_login.BY_LOG,
    "BY_LOG_OR_ANSWERS": smtp_login.BY_LOG_OR_ANSWERS,
    "POLICIES": (smtp_login.POLICIES,),
    "BY_ANSWERS": conditional_access.BY_ANSWERS,
    "SEEN_AT": reading.SEEN_AT,
    "OUTSIDE": reading.OUTSIDE,
    "COUNTED": reading.COUNTED,
    "CHANGES": (reading.CHANGES,),
    "connect_changes.ENDS": connect_changes.ENDS,
    "connect_changes.WITHOUT": connect_changes.WITHOUT,
}
KNOWN = patterns.patterns()
LISTS = {**KNOWN.beside, **KNOWN.follows, **KNOWN.narrower}
CAUSES: dict[str, Iterable[str]] = {
    "words": [each.meaning.cause for words in KNOWN.words.values() for each in words],
    "lists": [cause for pair in LISTS.items() for cause in (pair[0], *pair[1])],
    "_AT_CONNECT": [each for pair in vars(reader)["_AT_CONNECT"].items() for each in pair],
    "_BARE": vars(reader)["_BARE"],
    "groups": [each for name in ("symptoms", "common") for each in KNOWN.groups[name]],
}
KNOBS: dict[str, Any] = {
    "needs": ("mailbox_usr",),
    "after": ("customisation",),
    "shown_in": "client_secrets",
    "prerequisites": {"customization_needed": "customisation"},
}
LOOKED_UP = re.compile(r"\b(?:findings|changed)(?:\.get\(|\[)\"(\w+)\"")
"""Pattern of code that looks up a finding or a change with a written-out name."""


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
    """Each code in a table of words and numbers is a cause."""
    assert {*CAUSES[table]} - table_of_causes.CAUSES.keys() == set()


@pytest.mark.parametrize("knob", KNOBS)
def test_a_step_names_steps(knob: str):
    """The registry refuses a step that names an unknown step."""
    verified(EVERYTHING)
    with pytest.raises(UnknownNameError, match=rf"smtp_login\.{knob}: unknown"):
        verified(with_knob(knob, KNOBS[knob]))


@pytest.mark.parametrize("field", ["caused_by", "superseded_by", "disproved_by"])
def test_a_diagnosis_names_steps(field: str):
    """The registry refuses a diagnosis that names an unknown step."""
    verified_diagnoses(EVERYTHING)
    with pytest.raises(
        UnknownNameError, match=rf"smtp_login\.{field}: unknown steps exchange_helth"
    ):
        verified_diagnoses(with_knob(field, ("entra", "exchange_helth")))


def test_a_signal_has_its_name():
    """A misspelled signal raises an error when it is set, read, or passed as an argument."""
    signals = EVERYTHING["answers"].ok().signals
    with pytest.raises(TypeError):
        type(signals)(token_live=True)
    with pytest.raises(AttributeError):
        _ = signals.token_live
    with pytest.raises(TypeError):
        replace(EVERYTHING["answers"].ok(), signal=signals)


def test_names_that_are_looked_up_exist(source: str):
    """If the source looks up a finding or a change by a name, a step or probe has this name."""
    require_steps("source", written(LOOKED_UP, source), EVERYTHING)
    assert len(written(LOOKED_UP, source)) > 5
    with pytest.raises(UnknownNameError, match="check_secrt"):
        require_steps(
            "source", written(LOOKED_UP, source + 'run.findings.get("check_secrt")'), EVERYTHING
        )


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
