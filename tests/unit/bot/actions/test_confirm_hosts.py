"""Confirmation of hosts that are not Webex Connect's: a press of its own before any approval."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adaptive_cards.texts import listed, text
from bot.chat.context import ChatContext
from jobs.clock import now
from jobs.model import Channel, Finding, State, Text
from jobs.runs.audit import read
from jobs.runs.run import Event, Kind, Run
from tests.fixtures.run_events import noted
from tests.unit.bot.actions.presses import press, told
from tests.unit.bot.cards.presenters.stage_events import PLANNED, SIGNED_IN

EVIL = "a.imiconnect.io.evil.example"
CALLBACK, FORWARDING = f"https://{EVIL}/callback", "copies@evil.example"
FOREIGN = Channel("support@example.test", CALLBACK, FORWARDING)
DETAILS = Event(Kind.DETAILS, now(), channel=FOREIGN)
HOSTS = f"{EVIL} evil.example"
CONFIRMED = ("answered", {"question": "foreign_hosts", "value": HOSTS})


@pytest.fixture
def run(begin) -> Run:
    """A run whose plan leads to two hosts that are not Webex Connect's."""
    return begin(DETAILS, SIGNED_IN, PLANNED)


def caused(ctx: ChatContext, run: Run) -> list[tuple[str, dict[str, str]]]:
    """Return the events that people caused after the details."""
    return told(ctx, run)[1:]


def with_hosts(ctx: ChatContext, *hosts: str) -> ChatContext:
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
    named: list[Any] = [each["data"] for each in entries if each["what"] == "approved"]
    assert named == [data]


def test_a_second_press(anna, run, said):
    """A second confirmation changes nothing, and the answer says that it is the second."""
    for _ in range(2):
        press(anna, "confirm_hosts", run=run.id, plan="plan-1")
    assert (caused(anna, run), text("refused.twice") in said()[0][1]) == ([CONFIRMED], True)


def test_a_confirmation_counts_for_its_hosts_only(anna, run):
    """A confirmation counts for its hosts only, so new hosts need another press."""
    press(anna, "confirm_hosts", run=run.id, plan="plan-1")
    other = replace(FOREIGN, forwarding_address="copies@other.example")
    anna.services.store.append(run.id, Event(Kind.DETAILS, now(), channel=other), PLANNED)
    press(anna, "approve", run=run.id, plan="plan-1")
    assert [kind for kind, _ in caused(anna, run)] == ["answered", "details"]


def test_hosts_of_the_setting_need_no_press(anna, run):
    """Hosts of the setting CONNECT_HOSTS are Webex Connect's, so there is nothing to confirm."""
    ctx = with_hosts(anna, "*.evil.example", "evil.example")
    press(ctx, "confirm_hosts", run=run.id, plan="plan-1")
    press(ctx, "approve", run=run.id, plan="plan-1")
    assert [(kind, "foreign_hosts" in data) for kind, data in caused(anna, run)] == [
        ("approved", False)
    ]


def test_only_an_approver_confirms(anna, run, said):
    """If approvers are configured, the requester alone cannot confirm the hosts."""
    bot = replace(anna.services.bot, approvers=("boss@example.test",))
    press(
        replace(anna, services=replace(anna.services, bot=bot)),
        "confirm_hosts",
        run=run.id,
        plan="plan-1",
    )
    assert caused(anna, run) == []
    assert text("refused.not_approver", who="boss@example.test") in said()[0][1]


@pytest.mark.parametrize("plan", ["plan-0", "", "x" * 10_000])
def test_an_old_plan_confirms_nothing(anna, run, said, plan):
    """A card of an old plan confirms nothing, because it may show other hosts."""
    press(anna, "confirm_hosts", run=run.id, plan=plan)
    assert (caused(anna, run), text("refused.old") in said()[0][1]) == ([], True)


def test_a_blocked_plan_confirms_nothing(anna, begin):
    """A blocked plan confirms nothing: its addresses may change before it can be approved."""
    wrong = Finding("mailbox_user", State.WRONG, seen=Text("seen.nobody"))
    found = noted(wrong)
    run = begin(DETAILS, SIGNED_IN, found, PLANNED)
    press(anna, "confirm_hosts", run=run.id, plan="plan-1")
    assert caused(anna, run) == []
