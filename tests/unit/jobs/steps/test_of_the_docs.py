"""The example step of docs/adding-a-step.md, which must work as the page says."""

import re
import sys
import tomllib
import types
from pathlib import Path

import pytest

from jobs.engine import step as steps
from jobs.model import State, Text
from jobs.runs.run import RecordedChange
from tests.unit.jobs.conftest import MAILBOX

PAGE = Path(__file__).parents[4] / "docs" / "adding-a-step.md"
COMMAND = "Set-Mailbox support@contoso.com -LitigationHoldEnabled ${}"


@pytest.fixture
def step(monkeypatch):
    """Return the example step from the page's row and its only block of Python."""
    page = PAGE.read_text(encoding="utf-8")
    ((kind, row), (code, source)) = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    assert (kind, code) == ("toml", "python")
    module = types.ModuleType("docs.litigation_hold")
    monkeypatch.setattr(steps, "rows_of", lambda _: tomllib.loads(row))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, str(PAGE), "exec"), vars(module))  # noqa: S102  a page of ours
    return module.LitigationHold()


async def test_it_looks_plans_and_changes(step, given, cloud):
    """The example step is wrong if the mailbox is on hold, and one cmdlet removes the hold."""
    cloud.on("Get-Mailbox", [{"LitigationHoldEnabled": True}])
    ctx = given()
    found = await step.inspect(ctx)
    (line,) = step.plan(ctx, found)
    await step.apply(ctx, found)
    told = found.state, found.values, line.command
    assert told == (State.WRONG, {"held": "true"}, COMMAND.format("false"))
    assert cloud.writes == [("Set-Mailbox", {"Identity": MAILBOX, "LitigationHoldEnabled": False})]


@pytest.mark.parametrize(("now", "state"), [(True, State.OK), (False, State.WRONG)])
async def test_it_is_undone(step, given, cloud, now, state):
    """The undo of the example step is done once the hold is back."""
    cloud.on("Get-Mailbox", [{"LitigationHoldEnabled": now}])
    ctx = given(kind="undo")
    (line,), values = step.plan(ctx, step.ok()), ({"held": "true"}, {"held": "false"})
    past = RecordedChange(step.name, line, Text("seen.on_hold"), *values, ("run-1",))
    told = (await step.inspect_undo(ctx, past)).state, step.undo_command(ctx, past)
    assert told == (state, COMMAND.format("true"))
    await step.undo(ctx, past)
    assert cloud.writes == [("Set-Mailbox", {"Identity": MAILBOX, "LitigationHoldEnabled": True})]
