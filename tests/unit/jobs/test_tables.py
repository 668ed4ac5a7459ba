"""Tests that every table names only steps and causes that exist. A misspelled name is found."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from jobs.causes import cause as table_of_causes, patterns, reader
from jobs.checks import check, reading, verdict
from jobs.engine.step import Diagnosis, Line, Step, rows_of
from jobs.next_action import ActionKind
from jobs.probes import all_probes, contact_center, sign_ins
from jobs.steps import CONSENT, FORM, PROOF, SOMETIMES, all_steps

ROOT = Path(__file__).parents[3]
EVERYTHING = {**all_steps(), **all_probes()}
STEPS = {
    "SOMETIMES": SOMETIMES,
    "FORM": FORM,
    "CONSENT": CONSENT,
    "PROOF": PROOF,
    "FORWARDS": check.FORWARDS,
    "PROOFS": verdict.PROOFS,
    "OWN": [name for names in sign_ins.SmtpLogin.own.values() for name in names],
    "BY_LOG": sign_ins.BY_LOG,
    "BY_LOG_OR_ANSWERS": sign_ins.BY_LOG_OR_ANSWERS,
    "POLICIES": (sign_ins.POLICIES,),
    "SEEN_AT": reading.SEEN_AT,
    "OUTSIDE": reading.OUTSIDE,
    "COUNTED": reading.COUNTED,
    "CHANGES": (reading.CHANGES,),
    "contact_center.ENDS": contact_center.ENDS,
    "contact_center.WITHOUT": contact_center.WITHOUT,
    "causes.toml": [
        name
        for entry in table_of_causes.CAUSES.values()
        for name in (*entry.shown_by, *entry.fixed_by)
    ],
}
KNOWN = patterns.patterns()
LISTS = {**KNOWN.beside, **KNOWN.follows, **KNOWN.narrower}
OF = ("of_sender", "of_recipient", "of_form", "of_credential", "of_place")
CAUSES = {
    "words": [each.meaning.cause for words in KNOWN.words.values() for each in words],
    "lists": [cause for pair in LISTS.items() for cause in (pair[0], *pair[1])],
    "_AT_CONNECT": [each for pair in vars(reader)["_AT_CONNECT"].items() for each in pair],
    "_BARE": vars(reader)["_BARE"],
    "own": sign_ins.SmtpLogin.own,
    "warnings": [
        code
        for each in EVERYTHING.values()
        for code in (*each.diagnosis.warnings, each.deleted_cause)
        if code
    ],
    "groups": [each for name in ("symptoms", "common", *OF) for each in KNOWN.groups[name]],
}
LOOKED_UP = re.compile(r"\b(?:findings|changed)(?:\.get\(|\[)\"(\w+)\"")
"""Pattern of code that looks up a finding or a change with a written-out name."""


@pytest.mark.parametrize("table", STEPS)
def test_a_table_names_steps(table):
    assert {*STEPS[table]} - EVERYTHING.keys() == set()


@pytest.mark.parametrize("table", CAUSES)
def test_a_table_names_causes(table):
    """Each code in a table of words and numbers is a cause."""
    assert {*CAUSES[table]} - table_of_causes.CAUSES.keys() == set()


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_step_names_steps(name):
    """A setup runs its steps without a probe, so no step needs one; a diagnosis may name both."""
    step, steps = EVERYTHING[name], all_steps()
    named = {*step.needs, *step.after, *step.prerequisites.values(), step.shown_in or name}
    told = step.diagnosis
    weighed = {*told.caused_by, *told.superseded_by, *told.disproved_by}
    assert named - (steps if name in steps else EVERYTHING).keys() == set()
    assert weighed - EVERYTHING.keys() == set()


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_step_sets_what_steps_have(name):
    """A misspelled attribute would silently leave the default."""
    kind = type(EVERYTHING[name])
    declared = {each for base in kind.__mro__[:-1] for each in base.__annotations__}
    code = (property, classmethod, staticmethod)
    named = {n: value for n, value in vars(kind).items() if not n.startswith("_")}
    own = {n for n, value in named.items() if not (callable(value) or isinstance(value, code))}
    assert own - declared - {"group"} == set()


def test_a_row_sets_what_its_parts_have():
    """A misspelled field of a diagnosis or of a line would silently leave the default."""
    parts = {"diagnosis": fields(Diagnosis), "line": fields(Line)}
    rows = rows_of("jobs.steps") | rows_of("jobs.probes")
    own = {(part, name) for row in rows.values() for part in parts for name in row.get(part, ())}
    assert own <= {(part, each.name) for part, known in parts.items() for each in known}


@pytest.mark.parametrize("name", all_steps())
def test_a_step_asks_for_an_action(name):
    step = all_steps()[name]
    assert {step.asks, step.asks_if_stuck or step.asks} <= set(ActionKind)


def test_a_name_belongs_to_one_step():
    """A second step with the name would silently replace the first."""
    kinds = [Step]
    for kind in kinds:
        kinds += kind.__subclasses__()
    of_product = [each for each in kinds if each.__module__.startswith("jobs.")]
    names = [vars(kind)["name"] for kind in of_product if "name" in vars(kind)]
    assert sorted(names) == sorted(EVERYTHING)


def test_names_that_are_looked_up_exist():
    """If the source looks up a finding or a change by a name, a step or probe has this name."""
    paths = [*(ROOT / "jobs").rglob("*.py"), *(ROOT / "bot").rglob("*.py")]
    looked_up = {name for path in paths for name in LOOKED_UP.findall(path.read_text("utf-8"))}
    assert (len(looked_up) > 5, looked_up - EVERYTHING.keys()) == (True, set())


def test_each_row_of_the_probes_is_of_a_probe():
    assert rows_of("jobs.probes").keys() == all_probes().keys()
