"""Parsing of typed text: a command, an address, or what else was meant."""

import sys
from html.parser import HTMLParser

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
from tests.fixtures.parsed import table

TYPED = table("typed_messages")
ME = WebexPerson("bot-1", "emailbot@webex.bot", "org-1", "bot", "Email Bot", ("second@webex.bot",))
ANNA = "<spark-mention data-object-type='person' data-object-id='anna'>Anna</spark-mention>"
MENTION = '<spark-mention data-object-type="person" data-object-id="bot-1">Email</spark-mention>'


def message(text: str = "", html: str = "", room_type: str = "group") -> Message:
    """Return a message that a person wrote."""
    return Message("m1", "room-1", room_type, "anna", text, html, "", (), "")


@pytest.mark.parametrize(("html", "name", "argument"), TYPED["markup"])
def test_markup(html, name, argument):
    """Only text that begins with a slash after the mentions is a command.

    A mention of the bot is never part of it.
    """
    typed = parse_command(message("ignored", html.format(bot=MENTION, anna=ANNA)), ME)
    assert (typed.name, typed.argument) == (name, argument)


@pytest.mark.parametrize(("text", "name", "argument"), TYPED["plain"])
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


@pytest.mark.parametrize(("typed", "near"), TYPED["nearest"])
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

    def note(_frame, event: str, called) -> None:
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


@pytest.mark.parametrize(
    ("text", "means"), [(text, each["means"]) for each in TYPED["meant"] for text in each["texts"]]
)
def test_a_sentence_is_understood(text, means):
    """A request to check, a complaint and a greeting are understood, in English and German.

    Only whole words are compared, and a text may name at most one address.
    """
    assert meaning_of(text) == Meaning(**means)


@pytest.mark.parametrize(("text", "address"), TYPED["alone"])
def test_the_only_address(text, address):
    """With unknown words in a text, no address is taken, because the words may be part of it."""
    assert lone_address(text) == address


@drawn(st.text(max_size=200))
def test_no_sentence_raises(text):
    """No text raises an error, and an address is found only in a text with an @ sign."""
    assert meaning_of(text).address == "" or "@" in text
