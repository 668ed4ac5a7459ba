"""Meaning of a message that is no command, by the word lists of all languages."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn, strategies as st

from bot.chat.parsing import Meaning, lone_address, meaning_of
from tests.unit.bot.commands.typed_commands import MAILBOX

TROUBLE = Meaning(trouble=True)
GREETING = Meaning(greeting=True)


@pytest.mark.parametrize(
    "text",
    [
        MAILBOX,
        f"check {MAILBOX.upper()} please",
        f"Can you check the mailbox {MAILBOX}?",
        f"Bitte {MAILBOX} prüfen.",
    ],
)
def test_an_address_to_check(text):
    """An address alone, or with words that ask for a check, is a request to check the address."""
    assert meaning_of(text) == Meaning(address=MAILBOX)


@pytest.mark.parametrize(
    "text", [f"no mail for {MAILBOX} since 9", f"Bei {MAILBOX} kommen keine Mails an"]
)
def test_an_address_that_gets_no_mail(text):
    """The address in a complaint about missing mail is checked, whatever else the sentence says."""
    assert meaning_of(text) == Meaning(address=MAILBOX, trouble=True)


@pytest.mark.parametrize(
    "text",
    [
        "mail does not arrive",
        "the mail is not coming to agents since this morning",
        "E-mail doesn\N{RIGHT SINGLE QUOTATION MARK}t arrive!",
        "Mail geht nicht",
        "E-Mails kommen seit heute nicht an",
        "the mailbox is not working",
        "E-Mail-Empfang gestört",
    ],
)
def test_mail_that_does_not_arrive(text):
    """A complaint about missing mail is understood in English and German, even after a greeting."""
    assert meaning_of(text) == TROUBLE


@pytest.mark.parametrize("text", ["hello", "Hi!", "hey Email Bot", "hallo", "Guten Morgen,"])
def test_a_greeting(text):
    """A few words that begin with a greeting are understood as a greeting."""
    assert meaning_of(text) == GREETING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "help",
        "hi, how do I connect a mailbox",
        f"please do not set up {MAILBOX}",
        f"{MAILBOX} or sales@contoso.com",
        "support@contoso,com",
        "the mail team is in the room",
        "this does not work",
    ],
)
def test_anything_else_is_not_understood(text):
    """Any other text has no meaning for the bot.

    Only whole words are compared, and a text may name at most one address.
    """
    assert meaning_of(text) == Meaning()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"please {MAILBOX}", MAILBOX),
        (f"sup {MAILBOX}", ""),
        (f"{MAILBOX} sales@contoso.com", ""),
        ("please", ""),
        ("please @contoso.com", ""),
    ],
)
def test_the_only_address(text, address):
    """With unknown words in a text, no address is taken, because the words may be part of it."""
    assert lone_address(text) == address


@drawn(st.text(max_size=200))
def test_it_never_raises(text):
    """No text raises an error, and an address is found only in a text with an @ sign."""
    assert meaning_of(text).address == "" or "@" in text
