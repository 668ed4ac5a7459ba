"""Commands /fix and /undo: the plan of each, and what it does not change."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards import times
from adaptive_cards.texts import text
from bot.cards.presenters import plan as plan_face
from bot.cards.presenters.card_state import header
from bot.commands import actions, commands
from bot.commands.changes import RECENT
from jobs.clock import now
from jobs.model import Account, Channel, Finding, RunKind, State, Text
from jobs.runs.run import Event, Kind, Origin, RecordedChange
from tests.fixtures.run_events import found
from tests.unit.bot.actions.presses import other, press
from tests.unit.bot.cards.presenters.stage_events import LINE
from tests.unit.bot.commands.typed_commands import MAILBOX, cards, pressed, proven, type_

POLICY_LINE = replace(LINE, step="outbound_policy", row="M4")
RULE, DOMAIN = (
    ("transport_rules", "transport_rule_blocks"),
    ("remote_domain", "remote_domain_blocks_forwarding"),
)
POLICY, TOKEN = ("outbound_policy", "forwarding_blocked"), ("sessions", "session_revoked")


def fixed(ctx, *causes: tuple[str, str], age: timedelta = timedelta(0), changes=()):
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


def changed(ctx, end: Kind = Kind.CANCELLED, kind: RunKind = RunKind.SETUP, line=LINE):
    """Return a run that has made a change and then ended as given."""
    store, origin = ctx.services.store, replace(ctx.origin, message="typed-0")
    run = store.open(Channel(MAILBOX, "https://a.b/callback", "x@y.z"), ctx.asker, origin, kind)
    wrong = Finding(line.step, State.WRONG, values={"disabled": "true"})
    store.append(
        run.id,
        Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", "admin@contoso.com")),
        found("ids", facts={"object_id": "obj-1"}),
        Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=(line,)),
        Event(Kind.CHANGING, now(), step=line.step, finding=wrong, changes=(line,)),
        Event(Kind.CHANGED, now(), step=line.step),
        Event(Kind.SIGNED_OUT, now()),
    )
    store.end(store.load(run.id), Event(end, now()))
    return store.load(run.id)


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FINISHED])
def test_an_undo_remembers_what_was_before(anna, end):
    """An undo knows the earlier values and the tenant of the setup, finished or not.

    The open undo holds the mailbox.
    """
    setup = changed(anna, end)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert run.kind == "undo"
    assert run.detailed is True
    assert run.channel.tenant_id == "tenant-1"
    assert run.known == {"object_id": "obj-1"}
    assert run.past == {
        "smtp_auth": RecordedChange(
            "smtp_auth", LINE, Text("seen.off"), {"disabled": "true"}, {}, (setup.id,)
        )
    }
    jobs = sorted((str(job.func_name), job.args[0]) for job in anna.services.runs.queue.jobs)
    assert ("jobs.advance.advance", run.id) in jobs


def test_the_same_undo_typed_once_is_one_run(anna, webex_script):
    """An ``/undo`` that is delivered again after a crash continues its own run.

    A second ``/undo`` opens no other run, and its answer points to the first.
    """
    changed(anna)
    opened = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin, RunKind.UNDO)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(opened.id)
    assert (run.detailed, list(run.past)) == (True, ["smtp_auth"])
    type_(replace(anna, message="typed-9"), "undo", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 2
    assert text("notice.running_title_undo", mailbox=MAILBOX, run=run.id) in cards(webex_script)


def test_nothing_recorded_is_said(anna, webex_script):
    """For a channel that was connected manually, ``/undo`` starts no run and says so."""
    proven(anna)
    type_(anna, "undo", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 1
    assert text("notice.undo_nothing_title", mailbox=MAILBOX) in cards(webex_script)


@pytest.fixture
def fix(anna):
    """Return a fix that changed SMTP AUTH, after a setup that changed the forwarding."""
    changed(anna, Kind.FINISHED, line=replace(LINE, step="forwarding", row="M3"))
    return changed(anna, kind=RunKind.FIX)


def test_while_a_run_is_in_progress_undo_names_it(anna, webex_script, fix):
    """An ``/undo`` asks nothing whose every answer would be refused."""
    open_run = anna.services.store.open(fix.channel, anna.asker, anna.origin, RunKind.FIX)
    type_(replace(anna, message="typed-9"), "undo", MAILBOX)
    title = text("notice.running_title_fix", mailbox=MAILBOX, run=open_run.id)
    assert title in cards(webex_script)
    assert {each["do"] for each in pressed(webex_script)} == {"go_on", "begin_again"}


def test_after_a_fix_undo_asks_which(anna, webex_script, fix):
    """After a fix, ``/undo`` offers to undo the fix or to disconnect, and says what each does."""
    type_(anna, "undo", MAILBOX)
    assert not anna.services.store.channels.running(MAILBOX)
    told, meant = cards(webex_script), {"do": "undo", "mailbox_meant": MAILBOX}
    assert pressed(webex_script) == [meant | {"undoes": fix.id}, meant | {"undoes": ""}]
    assert f"After this no mail of {MAILBOX} reaches an agent" in told.replace("after", "After")
    assert "Disconnect" in told


@pytest.mark.parametrize("whole", [True, False])
def test_each_button_undoes_what_it_says(anna, fix, whole):
    """One button plans to undo only the fix, and the other to undo what every run changed."""
    named = "" if whole else fix.id
    press(anna, "undo", mailbox_meant=MAILBOX, undoes=named)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert run.undoes == named
    assert set(run.past) == ({"smtp_auth", "forwarding"} if whole else {"smtp_auth"})


def test_a_fix_of_a_channel_made_by_hand_is_undone_alone(anna):
    """If only a fix has changed anything, ``/undo`` does not offer to disconnect the channel."""
    fix = changed(anna, kind=RunKind.FIX)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert run.undoes == fix.id


@pytest.mark.parametrize("forged", [{"undoes": "NOBODY"}, {"mailbox_meant": "boss@contoso.com"}])
def test_a_forged_button_undoes_nothing(anna, webex_script, fix, forged):
    """A button with another mailbox or run than the bot's own card has plans nothing."""
    right = {"do": "undo", "mailbox_meant": MAILBOX, "undoes": fix.id}
    actions()["undo"](anna, right | forged)
    assert not anna.services.store.channels.running(MAILBOX)
    assert "There is nothing to undo" in cards(webex_script)


def test_another_space_undoes_no_run(anna, fix):
    """A person in a space that does not know the channel cannot undo its runs by a forged press."""
    ben = other(anna, "ben", room="room-2")
    press(ben, "undo", mailbox_meant=MAILBOX, undoes=fix.id)
    assert not anna.services.store.channels.running(MAILBOX)
