"""Each step, for each state of the clouds: what it finds, plans and writes."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest

from jobs.clock import now
from jobs.model import State
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import Record
from jobs.steps import all_steps
from tests.unit.jobs.conftest import CHANNEL
from tests.unit.jobs.steps.looks_of_apps import OF_APPS
from tests.unit.jobs.steps.looks_of_mail import OF_MAIL

DATES = re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|\+\d\d:\d\d)?)?")


def words(text) -> str:
    """Return the key of a text with its values."""
    values = "; ".join(f"{name}: {value}" for name, value in text.values.items()) if text else ""
    return f"{text.key} {values}".strip() if text else ""


def as_seen(found):
    """Return what a finding says, without its times."""
    told = {
        "seen": words(found.seen),
        "reason": str(found.reason or ""),
        "waits for": str(found.waiting_for or ""),
        "looks again": found.until is not None,
        "facts": found.facts,
        "values": found.values,
        "evidence": [f"{each.kind}: {each.text}" for each in found.evidence],
        "station": str(found.signals.station or ""),
    }
    return {name: value for name, value in told.items() if value}


def as_planned(line):
    """Return a line of the plan as a person reads it."""
    flags = ("reversible", "warning", "overwrites")
    return {
        "change": f"{words(line.before)} -> {words(line.after)}",
        "command": line.command.split("\n"),
        "scope": line.scope,
        "note": words(line.note),
        "flags": [name for name in flags if getattr(line, name) is not (name == "reversible")],
    }


def context(
    given,
    answered=(),
    shown: str = "",
    sealed=MappingProxyType({}),
    *,
    looking: bool = False,
    proven: bool = False,
    **run,
):
    """Return the context of a run, with a secret that was shown, and an answer of minutes ago.

    ``sealed`` are values in the vault. RUN stands for the run's ID. A ``proven`` channel has ended
    its setup.
    """
    if answered:
        data = {"question": answered[0], "value": "yes"}
        at = now() - timedelta(minutes=answered[1])
        run["events"] = (*run.get("events", ()), Event(Kind.ANSWERED, at, data=data))
    ctx = given(**run | {"channel": replace(CHANNEL, **run.get("channel", {}))})
    ctx.looking = looking
    if shown:
        ctx.store.mark_secret_shown(shown)
    if proven:
        ctx.store.channels.keep(Record(ctx.run.id, now(), ctx.channel))
    for name, value in sealed.items():
        ctx.vault.put(name.replace("RUN", ctx.run.id), value, 60)
    return ctx


LOOKS = [*OF_MAIL, *OF_APPS]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look.step}: {look.sentence}")
async def test_a_look(look, given, cloud, snapshot):
    """A look changes nothing. What a step writes is what it has planned."""
    step, ctx = all_steps()[look.step], context(given, **look.run)
    for what, answer in look.script.items():
        named = isinstance(answer, dict | list)  # and no status with a body
        own = json.loads(json.dumps(answer).replace("RUN", ctx.run.id)) if named else answer
        cloud.on(what, own)
    found = await step.inspect(ctx)
    assert f"{found.state} {found.cause}".strip() == look.told
    assert cloud.writes == []
    shown = {"found": as_seen(found)}
    if look.run.get("kind") == "check":
        shown["in a check"] = step.diagnosis.as_check_result(found).state
    elif found.state is State.WRONG and (lines := step.plan(ctx, found)):
        await step.apply(ctx, found)
        shown |= {"planned": list(map(as_planned, lines)), "written": list(map(list, cloud.writes))}
    said = json.dumps(shown, default=str).replace(ctx.run.id, "RUN")
    assert json.loads(DATES.sub("DATE", said)) == snapshot
