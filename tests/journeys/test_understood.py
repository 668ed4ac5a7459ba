"""Messages of people who do not type a command exactly.

Buttons run the command that they meant, and nothing else runs.
"""

from __future__ import annotations

from typing import Any

import pytest

from practice.actors import MAILBOX
from practice.client import People, actions, does
from practice.conversation import Walk, space, words
from practice.stack import Stack

Json = dict[str, Any]
OUTSIDER = "outsider@evil.example"
CHECK = {"do": "typed", "command": "check", "mailbox_meant": MAILBOX}


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    """Settings that answer every refusal, because one outsider is refused several times."""
    return {"REFUSALS_PER_HOUR": "1000"}


@pytest.fixture(scope="module")
def connected(stack: Stack, people: People) -> Walk:
    """Walk in a space in which support@contoso.com was connected."""
    walk = Walk(people, MAILBOX, "Contact center")
    walk.approve(walk.plan())
    walk.to_the_proof()
    return walk


def checked(walk: Walk, card: Json) -> Json:
    """Return the verdict on the channel in the thread of a card."""
    return walk.wait(
        "a verdict",
        lambda m: m["parentId"] == (card["parentId"] or card["id"]) and "missing" in does(m),
    )


def test_a_space_is_told_what_to_type_first(people: People) -> None:
    """The first words of the bot in a space name the two commands with which people begin."""
    people.look()
    before = people.change
    room = space(people)
    greeting = people.wait_for(
        f"a greeting in {room}",
        lambda m: "/setup-email ADDRESS" in words(m) and "/check ADDRESS" in words(m),
        20,
        before,
    )
    assert does(greeting) == {"setup", "check", "help"}


def test_a_mistyped_command_runs_by_its_button(connected: Walk) -> None:
    """The button of a mistyped command runs the right command, with the address that was typed."""
    card = connected.type(f"/chekc {MAILBOX}")
    assert f"Did you mean /check {MAILBOX}?" in words(card)
    connected.press(card, "run_command")
    assert MAILBOX in words(checked(connected, card))


def test_missing_mail_leads_to_a_check(connected: Walk) -> None:
    """A complaint in German about missing mail leads to a check.

    The button names the one channel of the space.
    """
    card = connected.type("Es kommen keine Mails an!")
    connected.press(card, "typed", data=CHECK)
    assert MAILBOX in words(checked(connected, card))


@pytest.mark.parametrize("typed", ["/check suport@contoso.com", "support@contsoo.com"])
def test_a_mistyped_address_leads_to_the_known_channel(connected: Walk, typed: str) -> None:
    """A mistyped address gets a button for the known channel.

    No administrator is asked to sign in for a mailbox that does not exist.
    """
    card = connected.type(typed)
    assert f"Did you mean {MAILBOX}?" in words(card)
    connected.press(card, "typed", data=CHECK)
    assert MAILBOX in words(checked(connected, card))


def test_a_fix_without_an_address_asks_which(connected: Walk) -> None:
    """``/fix`` alone offers the known channel.

    The card's button begins the same run as the typed command, which can be canceled.
    """
    card = connected.type("/fix")
    assert "Fix support@contoso.com" in words(card)
    begun = connected.press(card, "typed", data=CHECK | {"command": "fix"})
    assert MAILBOX in words(begun)
    assert "was canceled" in words(connected.type(f"/cancel {MAILBOX}"))


def test_a_choice_of_runs_ends_with_them(people: People, connected: Walk) -> None:
    """``/cancel`` alone offers two runs, and is one line as soon as one of them ends elsewhere."""
    first, second = (
        Walk(people, each, space(people)) for each in ("one@contoso.com", "two@contoso.com")
    )
    second.room = first.room
    for walk in (first, second):
        walk.ask()
    card = first.type("/cancel")
    offered = [str(each["data"]["run"]) for each in actions(card)]
    assert len(offered) == 2
    second.type(f"/cancel {offered[0]}")
    over = first.wait("one line", lambda each: each["id"] == card["id"] and each["edits"] == 1)
    assert (list(actions(over)), f"Run {offered[0]} was canceled" in words(over)) == ([], True)
    second.type(f"/cancel {offered[1]}")


def test_the_listed_channels_have_buttons(connected: Walk) -> None:
    """``/channels`` leads to a check with one press, and offers the other commands, too."""
    card = connected.type("/channels")
    connected.press(card, "typed", data=CHECK)
    assert MAILBOX in words(checked(connected, card))
    assert all(f"'command': '{name}'" in str(card["card"]) for name in ("fix", "undo", "tac"))


def test_one_command_is_explained(connected: Walk) -> None:
    """``/help check`` explains that command, and the button of the card runs it."""
    card = connected.type("/help check")
    assert "A check changes nothing" in words(card)
    assert MAILBOX in words(connected.press(card, "run_command"))


@pytest.mark.parametrize(("typed", "command"), [("/audit", "audit"), ("/explain", "check")])
def test_a_command_alone_offers_the_channels(connected: Walk, typed: str, command: str) -> None:
    """A command without an address gets a card with a button for the channel known here.

    A file may come before the card.
    """
    connected.type(typed)
    thread = connected.said["id"]
    card = connected.wait("a card", lambda each: each["parentId"] == thread and bool(each["card"]))
    assert f"'command': '{command}', 'mailbox_meant': '{MAILBOX}'" in str(card["card"])


@pytest.mark.parametrize(
    "typed", ["hello", "mail does not arrive", "/channels", "/fix", "/explain", MAILBOX, "/chekc"]
)
def test_an_outsider_learns_nothing(people: People, connected: Walk, typed: str) -> None:
    """While an outsider is in the space, no answer to anybody has a channel or a button."""
    outsider = {"as": OUTSIDER, "room": connected.room}
    people.control("POST", "webex/join", outsider | {"by": connected.requester})
    try:
        for who in (OUTSIDER, connected.requester):
            answer = connected.type(typed, who)
            assert (does(answer), MAILBOX in str(answer["card"])) == (set(), False)
    finally:
        people.control("POST", "webex/leave", outsider)


def test_a_greeting_is_answered_in_one_line(connected: Walk) -> None:
    """The bot answers a greeting in one line. The buttons begin a setup or list the channels."""
    card = connected.type("hello")
    assert ("Hello. Choose one" in words(card), len(words(card).split()) < 25) == (True, True)
    assert MAILBOX in words(connected.press(card, "check"))
