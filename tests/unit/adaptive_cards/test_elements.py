"""Tests of the elements of cards."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from adaptive_cards import elements as el, locale
from adaptive_cards.components import fit, kicker_of
from adaptive_cards.texts import render
from jobs.causes.cause import page_of
from jobs.model import Text, every_of, span_of
from practice import cardtext
from tests.fixtures.parsed import table

DRAWN = table("card_texts")


@pytest.mark.parametrize("value", ["", "\u202e", "\x00\x1b"])
def test_no_element_is_without_text(value):
    """An empty or invisible text is replaced by a visible sign.

    Webex refuses a whole card because of one empty text.
    """
    assert [el.run(value)["text"], el.literal(value)["text"]] == [el.NOTHING, el.NOTHING]
    assert el.value_line(value)["inlines"][0]["text"] == el.NOTHING
    assert el.facts([("Name", value)])["facts"] == [{"title": "Name", "value": el.NOTHING}]


@pytest.mark.parametrize(("written", "shown"), DRAWN["markdown"])
def test_markdown_is_escaped(written, shown):
    """Every character that could be Markdown gets a backslash.

    Commands, scopes and addresses keep their looks.
    """
    assert el.markdown(written) == shown


def test_plain_is_one_line():
    """Line ends become one space, and control characters and direction marks are removed.

    Surrogates are removed as well, and letters of any script stay.
    """
    assert el.plain("a\r\n\r\nb\u202e\u200fc\x00\x1b\ud800 \u05d0\u05d1") == "a bc \u05d0\u05d1"
    assert el.plain("x" * 5000, 10) == "x" * 9 + "\u2026"


def test_an_address_keeps_its_domain():
    """A long address keeps its beginning and its domain when it is shortened.

    Other values lose their middle.
    """
    assert (
        el.shorten("4475e4a8d1f03b6c8a108d26d8beea04@mail-us.imiconnect.io", 32)
        == "4475e4a8\u2026@mail-us.imiconnect.io"
    )
    assert el.shorten("a" * 20 + "b" * 20, 11) == "aaaaaa\u2026bbbb"
    assert el.shorten("short", 5) == "short"


@pytest.mark.parametrize("length", [12, 24, 33, 40, 160])
@pytest.mark.parametrize(
    "value",
    [
        "x" * 5000,
        f"{'x' * 99}@{'y' * 99}",
        f"a@{'y' * 99}",
        f"{'x' * 99}@b.io",
        f"say {'x' * 99}@b.io",
    ],
)
def test_shortened_is_short(value, length):
    """A shortened text is never longer than ``length``."""
    assert len(el.shorten(value, length)) <= length


def test_tame_shortens_only_what_cannot_break():
    """Words and hyphenated ids stay whole, and one long word is shortened in its place."""
    guid = "5d1e8a90-7c44-4f0b-a2b6-91c3f0d47e28"
    assert el.tame(f"app {guid} {'x' * 41}.") == f"app {guid} {'x' * 20}\u2026{'x' * 18}."


def test_facts_and_templates_are_taken_apart_unseen():
    """An invisible character breaks up text that a client would show as a link or expand."""
    assert el.fact("[a](b)") == "[a]\u2060(b)"
    assert el.no_template("${x} $x {x}") == "$\u2060{x} $x {x}"


def test_a_cut_leaves_no_markup():
    """A Markdown character whose backslash was cut off gets a new one.

    A cut at another place changes nothing.
    """
    assert [
        el.repair_cut(text) for text in ("a\u2026*\\* b", "a\u2026[b\\]", "a\u2026\\[b", "a\u2026b")
    ] == ["a\u2026\\*\\* b", "a\u2026\\[b\\]", "a\u2026\\[b", "a\u2026b"]


AT = datetime(2026, 11, 24, 14, 2, 8, tzinfo=UTC)


def test_times_are_utc_and_say_so():
    """A time of another zone is shown in UTC and with that word.

    Only a column of seconds leaves the word out.
    """
    elsewhere = AT.astimezone(timezone(timedelta(hours=11)))
    shown = [write(elsewhere) for write in (locale.clock, locale.day, locale.day_clock)]
    assert shown == ["14:02 UTC", "24 Nov 2026", "24 Nov 14:02 UTC"]
    shown = [write(elsewhere, locale.SECONDS) for write in (locale.clock, locale.local_time)]
    assert shown == ["14:02:08 UTC", "14:02:08"]


@pytest.mark.parametrize(("minutes", "shown"), DRAWN["lasted"])
def test_lasted(minutes, shown):
    """A duration is shown in seconds under a minute, in minutes up to two hours, then in hours."""
    assert locale.lasted(timedelta(minutes=minutes)) == shown


@pytest.mark.parametrize(("minutes", "english", "german"), DRAWN["often"])
def test_how_often_is_said_as_people_do(minutes, english, german):
    """How often has no number for one hour and one day; how long has one."""
    lasts = Text("watch.begun_test_mail", {"interval": span_of(timedelta(minutes=minutes))})
    assert f"for {english.removeprefix('every ')}," in render(lasts).replace("for 1 ", "for ")
    words = Text("watch.line_healthy", {"interval": every_of(timedelta(minutes=minutes))})
    assert english in render(words)
    with locale.drawn_for(locale.Locale("de")):
        assert german in render(words)


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1.0, "100%"), (0.999_99, "99.99%"), (0.9987, "99.87%"), (0.5, "50%"), (0.0, "0%")],
)
def test_a_share_is_rounded_down(share, shown):
    """A share is rounded down.

    So a channel that was broken for a minute is never shown with 100%.
    """
    assert locale.percent(share) == shown


def test_both_follow_the_language():
    """Percentages and numbers have the separators of the language.

    In German the comma and the point change places.
    """
    with locale.drawn_for(locale.Locale("de")):
        assert (locale.percent(0.9987), locale.number(12480)) == ("99,87\u00a0%", "12.480")
    assert locale.number(12480) == "12,480"


@pytest.mark.parametrize(
    ("right", "columns"), [("24 Nov 10:42 UTC", 2), ("24. Nov. 11:42 MEZ (10:42 UTC)", 1)]
)
def test_a_long_time_is_below_the_subject_of_a_kicker(right, columns):
    """In the top line of a card, a long time is below the subject and not next to it.

    Next to it, a phone would have no room for the subject's words.
    """
    kicker = kicker_of(Text("audit.kicker"), right)
    assert len(kicker["columns"]) == columns
    assert right in " ".join(cardtext.lines({"type": "AdaptiveCard", "body": [kicker]}))


def test_a_date_at_the_beginning_of_a_fact_keeps_its_day():
    """A date at the beginning of a fact keeps its day, because the card prevents a Markdown list.

    In Markdown, ``27.`` at the beginning of a line is a list's number, which a client may hide.
    """
    shown = el.fact("27. Nov. 04:15 MEZ")
    assert shown.replace(el.WORD_JOINER, "") == "27. Nov. 04:15 MEZ"
    assert not re.match(r"\d+[.)]\s", shown)


FORWARDING = page_of("forwarding_blocked")


def test_a_link_and_a_choice_are_never_cut():
    """A card that is too long shortens its other texts but not a link, or what a choice sends.

    Half an address would lead nowhere, and would be the address of no channel.
    """
    whole = [el.link("link.learn_more", FORWARDING), el.choice("m", "turn.or", [("a" * 200, "a")])]
    content = fit({"body": [*whole, *(el.literal("x" * 2000) for _ in range(60))]})
    assert content["body"][:2] == whole
    assert len(content["body"][2]["text"]) < 200


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[Learn more (aka.ms)](https://aka.ms/x_y)", "Learn more (aka.ms) ↗"),
        (r"\[not a link\](https://evil.example)", "[not a link](https://evil.example)"),
    ],
)
def test_a_link_in_the_text_of_a_card(written, shown):
    """In a card that is shown as text, a link is its title with an arrow.

    An escaped link stays as it was written.
    """
    assert cardtext.plain(written) == shown
