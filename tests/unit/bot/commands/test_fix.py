"""Text of a fix about causes that it cannot change.

The text shows the causes of the newest check with their time, or says where to look.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adaptive_cards import times
from adaptive_cards.texts import text
from bot.cards.presenters import plan as plan_face
from bot.cards.presenters.card_state import header
from bot.chat.context import ChatContext
from bot.commands import commands
from bot.commands.fix import RECENT
from jobs.clock import now
from jobs.model import Account, Change, Channel, Finding, State
from jobs.runs.run import Event, Kind, Origin, Run
from tests.unit.bot.cards.presenters.stage_events import LINE

MAILBOX = "support@contoso.com"
POLICY_LINE = replace(LINE, step="outbound_policy", row="M4")
RULE, DOMAIN = (
    ("transport_rules", "transport_rule_blocks"),
    ("remote_domain", "remote_domain_blocks_forwarding"),
)
POLICY, TOKEN = ("outbound_policy", "forwarding_blocked"), ("sessions", "session_revoked")


def fixed(
    ctx: ChatContext,
    *causes: tuple[str, str],
    age: timedelta = timedelta(0),
    changes: tuple[Change, ...] = (),
) -> tuple[Run, datetime]:
    """Return a fix with its plan, after a check with these causes, and the time of the check."""
    store, at = ctx.services.store, now() - age
    channel = Channel(MAILBOX, "https://a.b/callback", "x@y.z")
    setup = store.open(channel, ctx.asker, replace(ctx.origin, message="typed-0"))
    store.end(setup, Event(Kind.FINISHED, now()))
    if causes:
        check = store.check(channel, ctx.asker, Origin())
        found = [
            Event(Kind.FOUND, at, step=step, finding=Finding(step, State.WRONG, cause=cause))
            for step, cause in causes
        ]
        store.append(check.id, *found, Event(Kind.CHECKED, at))
        store.channels.set_last_check(MAILBOX, check.id)
    commands()["fix"].run(ctx, MAILBOX)
    run_id = store.channels.running(MAILBOX)
    signed_in = Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", "admin@contoso.com"))
    store.append(run_id, signed_in, Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=changes))
    return store.load(run_id), at


@pytest.mark.parametrize(
    ("cause", "code"),
    [(RULE, "transport_rule_blocks"), (DOMAIN, "remote_domain_blocks_forwarding")],
)
def test_a_fix_that_changes_nothing_says_what_the_check_has_found(anna, cause, code):
    """A fix that changes nothing shows the check's cause, its remedy and whose turn it is.

    The card does not say that every setting is right.
    """
    run, at = fixed(anna, cause)
    sentence = f"{text(f'cause.{code}')} {text(f'remedy.{code}')}"
    drawn = plan_face.plan(run, header(run, 3))
    told = (
        "There is nothing that the bot may change. Administrator's turn: fix what "
        "/check has found, as marked below."
    )
    assert told in drawn.text
    assert f"{times.day_clock(at)}: {sentence}" in str(drawn.content)
    assert "already right" not in drawn.text


@pytest.mark.parametrize(
    ("causes", "age"),
    [
        ([], timedelta(0)),
        ([RULE], RECENT + timedelta(minutes=1)),
        ([POLICY], timedelta(0)),
        ([TOKEN], timedelta(0)),
    ],
)
def test_without_a_recent_one_it_points_to_the_command(anna, causes, age):
    """Without a recent check, or if the bot can fix its causes, the fix points to ``/check``.

    The bot has just read those settings itself. The run asks for a new token if one is needed.
    """
    run, _ = fixed(anna, *causes, age=age)
    drawn = plan_face.plan(run, header(run, 3))
    assert "If mail still does not flow, run /check." in drawn.text
    assert text("plan.named") not in str(drawn.content)


def test_beside_what_it_mends_it_says_what_it_does_not(anna):
    """If mail still stops after the fix, the plan names the other cause before anybody approves."""
    run, _ = fixed(anna, DOMAIN, POLICY, changes=(POLICY_LINE,))
    drawn = plan_face.plan(run, header(run, 3))
    assert "1 change to approve" in drawn.text
    assert "A remote domain forbids" in str(drawn.content)
    anna.services.store.end(run, Event(Kind.CANCELLED, now()))
    assert plan_face.cards(anna.services.store.load(run.id), anna.services) == []
