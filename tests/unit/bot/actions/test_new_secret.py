"""Button New secret: the secret is made under the present approval, or under a new plan."""

from __future__ import annotations

import pytest

from adaptive_cards.texts import text
from bot.actions import actions
from bot.chat.context import ChatContext
from jobs.clock import now
from jobs.model import Change, Finding, Scope, State, Text
from jobs.runs.run import Event, Kind, Run
from tests.fixtures.run_events import answered, found, noted
from tests.unit.bot.cards.presenters.stage_events import SIGNED_IN

SHOWN = found("client_secret", facts={"key_id": "k1"})


def planned(step: str) -> tuple[Event, Event]:
    """Return the events of a plan with one line and of its approval."""
    line = Change(
        step, "E3", Text(f"step.{step}"), Text("seen.none"), Text("seen.on"), Scope.APP, "x"
    )
    approved = Event(Kind.APPROVED, now(), data={"plan": "plan-1", "scope": "mailbox"})
    return Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(line,)), approved


def press(ctx: ChatContext, run: Run) -> Run:
    """Press New secret, and return the run afterward."""
    actions()["new_secret"](ctx, {"do": "new_secret", "run": run.id})
    return ctx.services.store.load(run.id)


@pytest.mark.parametrize(("step", "approved"), [("client_secret", True), ("smtp_auth", False)])
def test_a_lost_secret_is_made_again(anna, begin, step, approved):
    """A lost secret is made again, under the plan in force or after a new plan.

    The run no longer counts the old secret as done.
    """
    run = press(anna, begin(SIGNED_IN, *planned(step), SHOWN))
    assert run.answer("new_secret") == "k1"
    assert run.settled("client_secret") is False
    assert bool(run.approvals) == approved
    assert f"jobs.advance.advance {run.id}" in {
        f"{job.func_name} {job.args[0]}" for job in anna.services.runs.queue.jobs
    }


def test_one_press_is_one_secret(anna, begin, said):
    """A second press of New secret is refused, because no other secret was shown meanwhile."""
    run = press(anna, begin(SIGNED_IN, *planned("client_secret"), SHOWN))
    again = press(anna, run)
    assert (again.version, text("refused.old") in said()[-1][1]) == (run.version, True)


def test_a_second_loss_remembers_the_first(anna, begin):
    """If two secrets are lost, both are removed in the end, and neither counts again."""
    run = press(anna, begin(SIGNED_IN, *planned("client_secret"), SHOWN))
    shown = Finding("client_secret", State.OK, facts={"key_id": "k2"})
    anna.services.store.append(run.id, noted(shown))
    assert press(anna, run).answer("new_secret") == "k1,k2"


@pytest.mark.parametrize("used", [True, False])
def test_a_secret_that_is_used_or_unseen_is_kept(anna, begin, used):
    """After Token saved, the secret is kept, because Webex Connect has it.

    Before its page was opened, the secret is kept too, because nobody can have lost it.
    """
    run = begin(SIGNED_IN, *planned("client_secret"), SHOWN)
    if used:
        anna.services.store.append(run.id, answered("token_saved"))
    else:
        anna.services.vault.put(f"secret:{run.id}", "value", 60)
    before = anna.services.store.length(run.id)
    assert press(anna, run).version == before
