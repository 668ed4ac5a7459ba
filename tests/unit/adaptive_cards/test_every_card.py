"""Tests of the rules that every card in every state follows (sketches, "What Webex forced")."""

import json
import re

import pytest

from adaptive_cards.elements import link
from adaptive_cards.locale import Locale, drawn_for, languages
from jobs.causes.cause import CAUSES, page_of
from practice.shared import ABSENT, CARDS as SCHEMA
from practice.webex import card_schema
from practice.webex.cards import parts
from tests.unit.adaptive_cards.all_examples import CARDS, OTHERS

IN_LANGUAGES = {"en": CARDS, **OTHERS}
"""All example cards, by language and name."""
KNOWN = {page_of(cause) for cause in CAUSES} - {""}


def _links(language: str) -> set[str]:
    with drawn_for(Locale(language)):
        return {link("link.learn_more", page)["text"] for page in KNOWN}


LINKS = set[str]().union(*map(_links, languages()))


SHOWN = {
    *("AdaptiveCard", "TextBlock", "RichTextBlock", "TextRun", "ColumnSet", "Column", "Container"),
    *("FactSet", "ActionSet", "Action.Submit", "Action.OpenUrl", "Action.ShowCard"),
    *("Input.Text", "Input.ChoiceSet"),
}


def of_type(card, kind: str):
    """Return the nodes of a card whose type begins so."""
    return [
        node for node in parts(card.content) if "type" in node and node["type"].startswith(kind)
    ]


def of_every_card(rule):
    """Return a test that applies the rule to every example of a language.

    The test names the cards that break the rule.
    """

    @pytest.mark.parametrize("language", IN_LANGUAGES)
    def test(language) -> None:
        broken: dict[str, str] = {}
        for name, card in IN_LANGUAGES[language].items():
            try:
                rule(card)
            except AssertionError as error:
                broken[name] = str(error)
        assert broken == {}

    test.__doc__ = rule.__doc__
    return test


@pytest.mark.slow
@pytest.mark.skipif(not SCHEMA.exists(), reason=ABSENT)
@of_every_card
def test_follows_the_schema(card):
    """Every card validates against Microsoft's schema of version 1.3."""
    assert [error.message for error in card_schema.errors(card.content)] == []
    assert card.content["version"] == "1.3"


@of_every_card
def test_has_at_most_five_actions(card):
    """A card has five actions at most.

    They are its buttons, the parts that open, and the buttons inside those parts.
    """
    actions = of_type(card, "Action.")
    assert len(actions) <= 5, [action["title"] for action in actions]


@of_every_card
def test_uses_only_what_webex_shows(card):
    """Cards use no images, no toggled visibility and nothing newer than version 1.3."""
    assert {node["type"] for node in of_type(card, "")} <= SHOWN


@of_every_card
def test_is_small(card):
    """A card has less than 15 kB as it is sent, and a glyph counts as six bytes."""
    assert len(json.dumps(card.content, separators=(",", ":"))) <= 15_000


@of_every_card
def test_every_text_wraps(card):
    """Every TextBlock wraps, and every ChoiceSet says its style and that one choice is taken."""
    choices = of_type(card, "Input.ChoiceSet")
    assert all(block["wrap"] is True for block in of_type(card, "TextBlock"))
    assert all({"style", "isMultiSelect"} <= set(choice) for choice in choices)


@of_every_card
def test_no_input_is_named_like_a_data_key(card):
    """The name of an input is never a data key, because the client merges both.

    Every button has a verb.
    """
    inputs = {node["id"] for node in of_type(card, "Input.")}
    data = [node["data"] for node in parts(card.content) if "data" in node]
    assert inputs.isdisjoint(key for item in data for key in item)
    assert all("do" in item for item in data)


READS = {
    *("intake", "delegate", "typed", "discovered", "explain", "look_on", "accept", "tac"),
    *("ask_administrator", "ask_consent", "ask_agent", "ask_mailbox_user", "skip_rehearsal"),
}


@of_every_card
def test_only_what_reads_an_input_waits_for_it(card):
    """Only the buttons that use an input are bound to it.

    So Cancel and Help can be pressed while a required field is empty.
    """
    buttons = of_type(card, "Action.Submit")
    reads = [
        each["data"]["do"] in READS and "mailbox_meant" not in each["data"] for each in buttons
    ]
    wanted = ["auto" if read else "none" for read in reads]
    assert [each["associatedInputs"] for each in buttons] == wanted


@of_every_card
def test_has_a_text_for_notifications(card):
    """A card has a text for notifications and for clients without cards.

    The text is one line of 10 to 1,000 characters.
    """
    assert re.fullmatch(r"[^\r\n]{10,1000}", card.text)


@of_every_card
def test_no_template_is_left(card):
    """No card contains ``${``, so a client finds no template to expand."""
    assert "${" not in json.dumps(card.content)


@of_every_card
def test_markdown_is_ours_only(card):
    """A TextBlock never holds an unescaped Markdown character.

    So no person can plant a link, bold words or a list. The only links are those to known pages.
    """
    texts = {node["text"] for node in of_type(card, "TextBlock")} - LINKS
    assert [text for text in texts if re.search(r"(?<!\\)[\[\]*`<>~]", text)] == []


@of_every_card
def test_facts_hold_no_link(card):
    """A FactSet contains no Markdown link, because some clients show its values as Markdown."""
    values = [fact["value"] for node in parts(card.content) for fact in node.get("facts", [])]
    assert [value for value in values if "](" in value] == []


@of_every_card
def test_no_sign_steers_the_line(card):
    """Line ends, control characters and direction marks from outside are never shown on a card."""
    shown = [
        node[name]
        for node in parts(card.content)
        for name in ("text", "title", "value", "label")
        if name in node
    ]
    assert [
        text
        for text in [*shown, card.text]
        if re.search("[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)
    ] == []


@of_every_card
def test_nothing_widens_the_card(card):
    """Outside a TextBlock, a text without a break is never longer than 40 characters.

    A longer one would widen the card.
    """
    runs = [node["text"] for node in of_type(card, "TextRun")]
    values = [fact["value"] for node in parts(card.content) for fact in node.get("facts", [])]
    assert [
        piece for text in runs + values for piece in re.split(r"[\s-]", text) if len(piece) > 40
    ] == []


@of_every_card
def test_one_green_button(card):
    """A card has at most one green button."""
    assert sum(node.get("style") == "positive" for node in parts(card.content)) <= 1


@of_every_card
def test_starts_with_kicker_and_band(card):
    """A card starts with the small top line and the tinted band.

    Any other red box holds only an input.
    """
    kicker, band, *rest = card.content["body"]
    lines = kicker["items"] if kicker["type"] == "Container" else [kicker]
    assert "ColumnSet" in {line["type"] for line in lines}
    assert band["style"] in {"accent", "emphasis", "good", "attention"}
    red = [part["items"][0]["type"] for part in rest if part.get("style") == "attention"]
    assert all(kind.startswith("Input.") for kind in red)
