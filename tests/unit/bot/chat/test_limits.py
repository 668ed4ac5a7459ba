"""Limits per person, and refusals: answers to an outsider, counts, and the end of a loop."""

from dataclasses import replace
from datetime import datetime

import pytest

from adaptive_cards.texts import text
from bot.chat import limits
from bot.chat.permissions import Denial
from jobs.model import Text
from jobs.runs.audit import read
from jobs.runtime import install
from tests.fixtures.webex_script import receive
from tests.unit.bot.commands.typed_commands import cards

HOUR_S = 3601
MALLORY = "mallory@evil.example"


@pytest.fixture
def write(services, webex_script, reply):
    """Return a function that delivers a 1:1 message, which an outsider writes by default.

    Each call delivers another message, unless the call names one.
    """
    mallory = {"id": "mallory", "emails": [MALLORY], "orgId": "org-9", "type": "person"}
    webex_script.on("GET", "/people/mallory", reply(body=mallory))
    count = iter(range(10_000))

    def script(who: str = "mallory", words: str = "/help", message: str = "") -> datetime | None:
        message = message or f"m{next(count)}"
        body = {"id": message, "roomId": "room-1", "roomType": "direct", "personId": who}
        webex_script.on("GET", f"/messages/{message}", reply(body=body | {"text": words}))
        return receive("messages", message, who, "room-1")

    return script


def trail(services):
    """Return the entries of the audit trail."""
    return [read(line) for line in services.store.audit.entries()]


def limited(services, **settings: int):
    """Install the services with other limits and return them."""
    made = replace(services, bot=replace(services.bot, **settings))
    install(made)
    return made


@pytest.mark.slow
def test_an_outsider_gets_one_answer_an_hour(services, write, said, pass_time):
    """Sixty messages of an outsider within an hour get one card and one entry in the audit trail."""
    for _ in range(60):
        write()
    assert [len(said()), [each["what"] for each in trail(services)]] == [1, ["refused"]]
    pass_time(HOUR_S)
    write()
    entries = trail(services)
    assert [(each["what"], each["by"]) for each in entries] == [("refused", MALLORY)] * 2
    assert len(said()) == 2


def test_the_number_of_answers_is_a_setting(services, write, said):
    """If the bot answers three refusals an hour, the fourth and any later one get no answer."""
    services = limited(services, refusals_per_hour=3)
    for _ in range(5):
        write()
    assert len(said()) == 3
    assert [each["what"] for each in trail(services)] == ["refused"] * 3


def test_every_outsider_has_a_count_of_their_own(services, write, said, webex_script, reply):
    """One outsider's messages do not use up the answer that another outsider gets."""
    eve = {"id": "eve", "emails": ["eve@evil.example"], "orgId": "org-9", "type": "person"}
    webex_script.on("GET", "/people/eve", reply(body=eve))
    for who in ("mallory", "mallory", "eve", "eve"):
        write(who)
    assert len(said()) == 2
    assert [each["by"] for each in trail(services)] == [MALLORY, "eve@evil.example"]


def test_a_clock_that_is_set_back(services, write, said, pass_time):
    """After the clock was set back, a count that began in the future does not silence the bot."""
    write()
    pass_time(-2 * HOUR_S)
    write()
    assert len(said()) == 2


def test_a_loop_of_commands_ends(services, write, said, pass_time):
    """A person who reaches the limit of commands is told so once, and is answered after an hour.

    The audit trail records the time at which the bot answers again.
    """
    services = limited(services, commands_per_hour=10)
    for _ in range(15):
        write("anna")
    posts = [words for _, words in said()]
    told = text("limits.title", most="10")
    assert [told in words for words in posts] == [False] * 10 + [True]
    (entry,) = trail(services)
    again = datetime.fromisoformat(entry["data"]["again"])
    assert (entry["what"], entry["by"]) == ("limited", "anna@example.test")
    assert (again - datetime.fromisoformat(entry["at"])).total_seconds() > HOUR_S - 60
    pass_time(HOUR_S)
    write("anna")
    assert [told in words for _, words in said()] == [False] * 10 + [True, False]


def test_a_delivery_that_is_repeated_counts_once(services, write, said, redis):
    """An event that is tried again keeps its place, and counts once toward the person's limit."""
    limited(services, commands_per_hour=2)
    for message in ("m-1", "m-1", "m-1", "m-2", "m-1"):
        write("anna", message=message)
    assert not any(text("limits.title", most="2") in words for _, words in said())
    assert redis.zcard("commands:anna") == 2


def test_presses_count_as_well(services, webex_script, reply, said):
    """A pressed button counts toward the limit of commands, like a typed command."""
    limited(services, commands_per_hour=2)
    card = {"id": "card-1", "roomId": "room-1", "roomType": "direct", "personId": "bot-1"}
    webex_script.on("GET", "/messages/card-1", reply(body=card))
    for press in ("a1", "a2", "a3", "a4"):
        body = {"id": press, "messageId": "card-1", "personId": "anna", "inputs": {"do": "help"}}
        webex_script.on("GET", f"/attachment/actions/{press}", reply(body=body))
        receive("attachmentActions", press, "anna", "room-1")
    told = text("limits.title", most="2")
    assert [told in words for _, words in said()] == [False, False, True]


def test_every_count_expires(services, write, redis):
    """Each count of a person expires, so no person leaves a key in Redis forever."""
    limited(services, commands_per_hour=1)
    for who in ("anna", "anna", "mallory", "mallory"):
        write(who)
    names = ("commands:anna", "commands:anna:told", "refusals:mallory")
    assert [redis.ttl(name) > 0 for name in names] == [True] * 3


NEXT = ("next_outsider", "next_outsider_direct", "next_part", "next_approver")


def next_steps(shown: str) -> list[str]:
    """Return the next steps that the card names."""
    return [key for key in NEXT if repr(text(f"refused.{key}")) in shown]


@pytest.mark.parametrize("why", Denial)
@pytest.mark.parametrize(
    ("direct", "then"), [(False, "next_outsider"), (True, "next_outsider_direct")]
)
def test_the_next_step_of_a_stranger(anna, webex_script, why, direct, then):
    """The next step fits the kind of room, and names no button that is missing."""
    limits.refuse(replace(anna, direct=direct), why, "refused.message")
    shown = cards(webex_script)
    assert (text(f"refused.{why}") in shown, next_steps(shown)) == (True, [then])


@pytest.mark.parametrize("then", ["next_part", "next_approver", ""])
def test_the_next_step(anna, webex_script, then):
    """A refusal names the next step, unless the reason already does."""
    anna.refuse(Text("refused.space"), then=then)
    shown = cards(webex_script)
    assert (text("refused.space") in shown, text("refused.reference") in shown) == (True, True)
    assert next_steps(shown) == [then] * bool(then)
