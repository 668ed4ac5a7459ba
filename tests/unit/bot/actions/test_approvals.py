"""Approvals of a plan, and the confirmation of hosts that are not Webex Connect's."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import listed, text
from jobs.clock import now
from jobs.model import Channel, Profile, State, Text
from jobs.runs.audit import read
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import changing, found
from tests.unit.bot.actions.presses import RIGHT, of_bot, press, queued, told
from tests.unit.bot.cards.presenters.stage_events import PLANNED, SIGNED_IN

BLOCKING = found("mailbox_user", State.WRONG, seen=Text("seen.nobody"))
EVIL = "a.imiconnect.io.evil.example"
CALLBACK, FORWARDING = f"https://{EVIL}/callback", "copies@evil.example"
FOREIGN = Channel("support@example.test", CALLBACK, FORWARDING)
DETAILS = Event(Kind.DETAILS, now(), channel=FOREIGN)
HOSTS = f"{EVIL} evil.example"
CONFIRMED = ("answered", {"question": "foreign_hosts", "value": HOSTS})
# The buttons of a plan, and what must come before it.
BUTTONS = {"approve": (), "approve_tenant": (), "confirm_hosts": (DETAILS,)}


def caused(ctx, run) -> list[tuple[str, dict[str, str]]]:
    """Return the events that people caused after the details."""
    return [each for each in told(ctx, run) if each[0] != "details"]


@pytest.mark.parametrize(("do", "scope"), [("approve", "mailbox"), ("approve_tenant", "tenant")])
def test_an_approval(anna, begin, do, scope):
    """An approval of the plan in force is recorded with its person, and a worker continues.

    The cards are drawn.
    """
    run = begin(SIGNED_IN, PLANNED)
    press(anna, do, run=run.id, plan="plan-1")
    event = anna.services.store.events(run.id)[-1]
    assert (event.kind, event.by) == (Kind.APPROVED, "anna@example.test")
    assert event.data == {"plan": "plan-1", "scope": scope} | RIGHT
    assert queued(anna) == {f"jobs.advance.advance {run.id}", f"bot.cards.draw.draw {run.id}"}


@pytest.mark.parametrize("do", BUTTONS)
def test_pressed_twice(anna, begin, said, do):
    """A second press changes nothing, and the answer says that it is the second."""
    run = begin(*BUTTONS[do], SIGNED_IN, PLANNED)
    for press_id in ("press-1", "press-2"):
        press(replace(anna, action_id=press_id), do, run=run.id, plan="plan-1")
    (answer,) = said()
    assert (len(caused(anna, run)), text("refused.twice") in answer[1]) == (1, True)


@pytest.mark.parametrize("plan", ["plan-0", "", "x" * 10_000])
@pytest.mark.parametrize("do", [*BUTTONS, "least_privilege"])
def test_an_old_plan(anna, begin, said, do, plan):
    """A card of another plan than the one in force approves nothing, and confirms no host.

    It may show other hosts.
    """
    run = begin(*BUTTONS.get(do, ()), SIGNED_IN, PLANNED)
    press(anna, do, run=run.id, plan=plan)
    assert (caused(anna, run), text("refused.old") in said()[0][1]) == ([], True)


def test_a_plan_that_is_asked_for_anew_gets_no_smaller(anna, begin):
    """After changes were made, a plan that needs a new approval cannot be made smaller.

    The changes of an earlier approval stay. The rest needs another approval, whatever else has
    become wrong.
    """
    run = begin(SIGNED_IN, PLANNED, changing("smtp_auth"), BLOCKING)
    for do in ("least_privilege", "approve"):
        press(anna, do, run=run.id, plan="plan-1")
    assert [kind for kind, _ in told(anna, run)] == ["changing", "approved"]


def test_no_plan_is_not_approved(anna, begin):
    """A forged approval before the plan exists is ignored."""
    run = begin(SIGNED_IN)
    press(anna, "approve", run=run.id)
    assert told(anna, run) == []


@pytest.mark.parametrize("do", BUTTONS)
def test_a_blocked_plan_is_not_approved(anna, begin, do):
    """A plan is not approved while something is wrong that the bot cannot change.

    Nor are its hosts confirmed, because its addresses may change before it can be approved.
    """
    run = begin(*BUTTONS[do], SIGNED_IN, BLOCKING, PLANNED)
    press(anna, do, run=run.id, plan="plan-1")
    assert caused(anna, run) == []


@pytest.mark.parametrize("do", BUTTONS)
def test_only_an_approver_approves(anna, begin, said, do):
    """If approvers are configured, the requester alone cannot approve, or confirm the hosts."""
    run = begin(*BUTTONS[do], SIGNED_IN, PLANNED)
    ctx = of_bot(anna, approvers=("boss@example.test",))
    for direct, key in ((False, "not_approver"), (True, "not_approver_direct")):
        press(replace(ctx, direct=direct), do, run=run.id, plan="plan-1")
        words = text(f"refused.{key}", who="boss@example.test")
        assert (caused(anna, run), words in said()[-1][1]) == ([], True)
    assert "Add an approver who is not in this space" in said()[-2][1]


def test_less_is_asked_for(anna, begin):
    """Before an approval, least privilege changes the details, so that a new plan is made.

    After an approval, the press changes nothing.
    """
    run = begin(SIGNED_IN, PLANNED)
    run = press(anna, "least_privilege", run=run.id, plan="plan-1")
    assert (run.channel.profile, run.plan) == (Profile.LEAST, None)
    approved = Event(Kind.APPROVED, now(), data={"plan": "plan-1", "scope": "mailbox"})
    anna.services.store.append(run.id, PLANNED, approved)
    press(anna, "least_privilege", run=run.id, plan="plan-1")
    assert anna.services.store.events(run.id)[-1] == approved


def test_less_is_asked_for_where_the_plan_is_stopped(anna, begin):
    """Least privilege can be chosen while the plan is blocked.

    The reason may be a permission that least privilege leaves out.
    """
    wrong = found("mail_send", State.WRONG, seen=Text("skipped.mail_send_not_exposed"))
    run = begin(SIGNED_IN, wrong, PLANNED)
    run = press(anna, "least_privilege", run=run.id, plan="plan-1")
    assert run.channel.profile is Profile.LEAST


@pytest.fixture
def run(begin):
    """A run whose plan leads to two hosts that are not Webex Connect's."""
    return begin(DETAILS, SIGNED_IN, PLANNED)


def with_hosts(ctx, *hosts: str):
    """Return the context of a bot with these hosts in its setting CONNECT_HOSTS."""
    settings = replace(ctx.services.settings, connect_hosts=hosts)
    return replace(ctx, services=replace(ctx.services, settings=settings))


@pytest.mark.parametrize("do", ["approve", "approve_tenant"])
def test_without_the_press_nothing_is_approved(anna, run, said, do):
    """An approval is refused until the hosts are confirmed, and the answer names the hosts."""
    press(anna, do, run=run.id, plan="plan-1")
    refused = text("refused.unconfirmed", hosts=listed([EVIL, "evil.example"]))
    assert (caused(anna, run), refused in said()[0][1]) == ([], True)


@pytest.mark.parametrize(("do", "scope"), [("approve", "mailbox"), ("approve_tenant", "tenant")])
def test_with_the_press_the_approval_records_it(anna, run, do, scope):
    """The approval and its audit entry hold both addresses in full, and the confirmed hosts."""
    press(anna, "confirm_hosts", run=run.id, plan="plan-1")
    press(anna, do, run=run.id, plan="plan-1")
    data = {"plan": "plan-1", "scope": scope, "callback_url": CALLBACK}
    data |= {"forwarding_address": FORWARDING, "foreign_hosts": HOSTS}
    assert caused(anna, run) == [CONFIRMED, ("approved", data)]
    entries = [read(line) for line in anna.services.store.audit.entries()]
    assert [each["data"] for each in entries if each["what"] == "approved"] == [data]


def test_a_confirmation_counts_for_its_hosts_only(anna, run):
    """A confirmation counts for its hosts only, so new hosts need another press."""
    press(anna, "confirm_hosts", run=run.id, plan="plan-1")
    other = replace(FOREIGN, forwarding_address="copies@other.example")
    anna.services.store.append(run.id, Event(Kind.DETAILS, now(), channel=other), PLANNED)
    press(anna, "approve", run=run.id, plan="plan-1")
    assert [kind for kind, _ in told(anna, run)] == ["details", "answered", "details"]


def test_hosts_of_the_setting_need_no_press(anna, run):
    """Hosts of the setting CONNECT_HOSTS are Webex Connect's, so there is nothing to confirm."""
    ctx = with_hosts(anna, "*.evil.example", "evil.example")
    press(ctx, "confirm_hosts", run=run.id, plan="plan-1")
    press(ctx, "approve", run=run.id, plan="plan-1")
    assert [(kind, "foreign_hosts" in data) for kind, data in caused(anna, run)] == [
        ("approved", False)
    ]
