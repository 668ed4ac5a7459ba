"""Parsing of typed text: a command, an address, or what else was meant."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given as drawn, strategies as st

from bot.chat.parsing import (
    HTML_MOST,
    LONGEST,
    Meaning,
    ParsedCommand,
    lone_address,
    meaning_of,
    nearest,
    parse_command,
)
from bot.commands import commands
from bot.webex.client import Message, WebexPerson
from tests.unit.bot.commands.typed_commands import MAILBOX

ME = WebexPerson("bot-1", "emailbot@webex.bot", "org-1", "bot", "Email Bot", ("second@webex.bot",))
ANNA = "<spark-mention data-object-type='person' data-object-id='anna'>Anna</spark-mention>"
MENTION = '<spark-mention data-object-type="person" data-object-id="bot-1">Email</spark-mention>'


def message(text: str = "", html: str = "", room_type: str = "group") -> Message:
    """Return a message that a person wrote."""
    return Message("m1", "room-1", room_type, "anna", text, html, "", (), "")


@pytest.mark.parametrize(
    ("html", "name", "argument"),
    [
        (
            f"<p>{MENTION} /setup-email support@contoso.com</p>",
            "setup-email",
            "support@contoso.com",
        ),
        (f"{MENTION}<br/>/status", "status", ""),
        (f"{MENTION}&nbsp;/setup-email&nbsp;&nbsp;a@b.com", "setup-email", "a@b.com"),
        (f'{MENTION} /setup-email <a href="mailto:a@b.com">a@b.com</a>', "setup-email", "a@b.com"),
        (f"{MENTION} /check a&amp;b@c.com", "check", "a&b@c.com"),
        (f"{MENTION} please do not /setup-email yet", "", ""),
        (f"<p>/check support@contoso.com {MENTION}</p>", "check", "support@contoso.com"),
        (f"{MENTION} /check support@contoso.com{MENTION}", "check", "support@contoso.com"),
        (f"/check {MENTION} support@contoso.com", "check", "support@contoso.com"),
        (f"/check {ANNA} support@contoso.com", "check", "Anna support@contoso.com"),
        (f"{ANNA} {MENTION} /help {ANNA}", "help", "Anna"),
        (f"\u200b{MENTION}\u2060 /help", "help", ""),
        (f"&#8203;{ANNA}&zwnj; /help", "help", ""),
        ("<p>\u200bEmail\u200e Bot\u200b /help</p>", "help", ""),
        ("</spark-mention>/help", "help", ""),
        ("<p>@Email /check a@b.com</p>", "check", "a@b.com"),
        ("<SPARK-MENTION data-object-type='person'>Email</SPARK-MENTION> \u200b/help", "help", ""),
        (f"{MENTION} {ANNA} /help", "help", ""),
        ("<p>emailbot@webex.bot /check a@b.com</p>", "check", "a@b.com"),
        (f"@{MENTION} /check a@b.com", "check", "a@b.com"),
        ("<p>Email B. /check a@b.com</p>", "check", "a@b.com"),
    ],
)
def test_markup(html, name, argument):
    """Only text that begins with a slash after the mentions is a command.

    A mention of the bot is never part of it.
    """
    typed = parse_command(message("ignored", html), ME)
    assert (typed.name, typed.argument) == (name, argument)


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("Email /setup-email a@b.com", "setup-email", "a@b.com"),
        ("@Email Bot: /help", "help", ""),
        ("Email\u00a0Bot /help", "help", ""),
        ("\u200bEmail\u200b Bot \u200b/help", "help", ""),
        ("\ufeffemailbot\u2060 /check a@b.com\u200e", "check", "a@b.com"),
        ("emailbot@webex.bot /check a@b.com", "check", "a@b.com"),
        ("@EmailBot@Webex.bot: /check a@b.com", "check", "a@b.com"),
        ("emailbot@webex.bot.evil.test /check a@b.com", "", ""),
        ("@ Email /check a@b.com", "check", "a@b.com"),
        ("Email B. /check a@b.com", "check", "a@b.com"),
        ("Email \u00d6.: /check a@b.com", "check", "a@b.com"),
        ("Email B /check", "", ""),
        ("Email B. please do not /setup-email yet", "", ""),
        ("emailbot@webex.bot please do not /setup-email yet", "", ""),
        ("Email /prüfen a@b.com", "prüfen", "a@b.com"),
        ("Email /PRU\u0308FEN a@b.com", "prüfen", "a@b.com"),
    ],
)
def test_plain_text_of_a_space(text, name, argument):
    """In plain text, a mention is the bot's name, its first word, or its address.

    A message needs no mention, and a paragraph without markup is plain text.
    """
    for written in (message(text), message("ignored", f"<p>{text}</p>")):
        typed = parse_command(written, ME)
        assert (typed.name, typed.argument) == (name, argument)


@pytest.mark.parametrize("html", ["", f"{MENTION} /help {'x' * 20_000}"])
def test_a_long_text_is_cut(html):
    """A long text is cut at ``LONGEST`` characters at its end, so the command is known."""
    typed = parse_command(message("/help " + "x" * 9000, html), ME)
    assert typed == ParsedCommand("help", "x" * (LONGEST - len("/help ")))


@drawn(
    st.text(),
    st.text() | st.text(alphabet="<>/&;spark-mention \u00a0").map(MENTION.__add__),
    st.sampled_from(["group", "direct", ""]),
)
def test_it_never_raises(text, html, room_type):
    """No text makes the parser raise an error, and only a text with a slash can be a command."""
    typed = parse_command(message(text, html, room_type), ME)
    assert "/" in text + html or (typed.name, typed.argument) == ("", "")


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("setup-emial", "setup-email"),
        ("setupemail", "setup-email"),
        ("checkout", "check"),
        ("hlep", "help"),
        ("cancle", "cancel"),
        ("xyzzy", ""),
        ("", ""),
    ],
)
def test_the_nearest_command(typed, near):
    """A misspelled command is recognized, and an unrelated word is not."""
    assert nearest(typed, commands()) == near


@drawn(st.text(max_size=50))
def test_the_nearest_is_a_command_or_nothing(typed):
    """For any typed word, the nearest command is an existing command or nothing."""
    assert nearest(typed, commands()) in {"", *commands()}


def characters_looked_at(html: str) -> int:
    """Return how many characters the parser looks at one by one, which is most of its work."""
    count = 0

    def note(_frame: Any, event: str, called: Any) -> None:
        nonlocal count
        count += event == "c_call" and called.__name__ == "category"

    sys.setprofile(note)
    try:
        parse_command(message(html=html), ME)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "piece", ["<spark-mention>a", "<spark-mention>a</spark-mention>b", "a<br>"]
)
def test_twice_as_much_is_twice_the_work(piece):
    """A text of twice the length costs about twice the work.

    Mentions in a row, nested or not, are not read again for each mention that follows.
    """
    small, large = (characters_looked_at(piece * count) for count in (100, 200))
    assert 0 < large <= 2.1 * small


@pytest.mark.parametrize("piece", ["<!--", "<spark-mention>", "<a", "</", "&", "<![CDATA["])
def test_no_more_is_read_than_webex_takes(piece, monkeypatch):
    """A text that is longer than a message can be is cut before it is parsed."""
    fed: list[int] = []
    feed = HTMLParser.feed

    def noted(self: HTMLParser, data: str) -> None:
        fed.append(len(data))
        feed(self, data)

    monkeypatch.setattr(HTMLParser, "feed", noted)
    parse_command(message(html=f"{MENTION} /help {piece * 100_000}"), ME)
    assert fed == [HTML_MOST]


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
def test_no_sentence_raises(text):
    """No text raises an error, and an address is found only in a text with an @ sign."""
    assert meaning_of(text).address == "" or "@" in text
