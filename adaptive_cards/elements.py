"""Elements and actions of Adaptive Cards 1.3 that Webex displays well, and the rules for their text.

A TextBlock is Markdown and contains only texts from the catalog. Text from outside goes into a
TextRun or a Fact. A card has at most five buttons, including those inside a part that opens.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from adaptive_cards.texts import has_text, render, text
from jobs.model import Text

Element = dict[str, Any]
Elements = Sequence[Element]
Look = str | bool
BOLD: dict[str, Look] = {"weight": "Bolder"}
SUBTLE: dict[str, Look] = {"isSubtle": True}
SMALL: dict[str, Look] = {"size": "Small", "isSubtle": True}
TITLE: dict[str, Look] = {"size": "Medium", "weight": "Bolder"}
MONO: dict[str, Look] = {"fontType": "Monospace"}
NOTHING = "\N{EN DASH}"
"""Character in place of an empty value. Webex refuses a card with an element that has no text."""


def own(key: str, **look: Look) -> Element:
    return _text_block(text(key), look)


def sign(glyph: str, **look: Look) -> Element:
    """Return a TextBlock with a short text of the bot's own, such as a glyph or a row's id."""
    return _text_block(markdown(glyph), look)


def literal(value: str, **look: Look) -> Element:
    """Return a long value, complete, in a TextBlock: only that breaks words in every client."""
    return _text_block(markdown(plain(value)), {**MONO, **look})


def run(value: str, **look: Look) -> Element:
    """Return a TextRun, which has no Markdown, so that a value cannot inject a link."""
    return {"type": "TextRun", "text": tame(plain(value)) or NOTHING, **look}


def rich(*runs: Element, **look: Look) -> Element:
    return {"type": "RichTextBlock", **look, "inlines": list(runs)}


def said(words: Text, **look: Look) -> Element:
    """Return an element for a text: a TextBlock if the text has no values, otherwise a TextRun."""
    if not words.values:
        return own(words.key, **look)
    block = {name: look[name] for name in ("spacing", "horizontalAlignment") if name in look}
    return rich(
        run(render(words), **{name: value for name, value in look.items() if name not in block}),
        **block,
    )


def link(key: str, page: str, **look: Look) -> Element:
    """Return a line that opens a page and names its site; the line does not count as an action.

    The address is never from outside, because a TextBlock is Markdown.
    """
    return _text_block(f"[{markdown(text(key, site=urlsplit(page).netloc))}]({page})", look)


def value_line(value: str) -> Element:
    return rich(run(value, **MONO)) if tame(value) == value else literal(value)


def column(width: str, *items: Element, spacing: str = "") -> Element:
    """Return a Column with a width of ``20px``, ``auto`` or ``stretch``.

    Cisco's widget supports only these kinds of width.
    """
    return {"type": "Column", "width": width, **_spacing(spacing), "items": list(items)}


def columns(*cells: Element, spacing: str = "") -> Element:
    return {"type": "ColumnSet", **_spacing(spacing), "columns": list(cells)}


def container(style: str, *items: Element, spacing: str = "Medium") -> Element:
    tint = {"style": style} if style else {}
    return {"type": "Container", **tint, "spacing": spacing, "items": list(items)}


def facts(pairs: Iterable[tuple[str, str]], spacing: str = "Medium") -> Element:
    rows = [{"title": title, "value": fact(value) or NOTHING} for title, value in pairs]
    return {"type": "FactSet", **_spacing(spacing), "facts": rows}


def read(element: Element) -> str:
    """Return the text of a TextBlock or of a line of TextRuns, as a notification shows it."""
    return "".join(piece["text"] for piece in element.get("inlines", [element]))


def _text_block(words: str, look: dict[str, Look]) -> Element:
    return {"type": "TextBlock", "text": words or NOTHING, **look, "wrap": True}


def _spacing(spacing: str) -> dict[str, str]:
    return {"spacing": spacing} if spacing else {}


ELLIPSIS = "\u2026"
WORD_JOINER = "\u2060"
RUN_MOST = 40
FACT_MOST = 32
TEXT_MOST = 2000
_MAIL_HEAD = 8
_LINE_END = re.compile(r"[\r\n\t\v\f\u0085\u2028\u2029]+")
_CONTROL = r"\x00-\x1f\x7f-\x9f\ud800-\udfff"
"""Characters of Unicode's categories Cc (control) and Cs (surrogate)."""
_UNSHOWN = re.compile(rf"[{_CONTROL}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Pattern of control characters, lone surrogates and direction marks."""
_UNBREAKABLE = re.compile(r"[^\s-]+-?")
_MARKDOWN = re.compile(
    r"[\\`*\[\]<>~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?\w+;)|^(?:[#+-]|\d+(?=[.)]))",
    re.MULTILINE,
)
_NUMBERED = re.compile(r"^(\d+)([.)]\s)")
_CUT = re.compile(rf"{ELLIPSIS}([`*\[\]<>~])")


def plain(value: str, most: int = TEXT_MOST) -> str:
    """Return the text as one line, clipped, and without control characters and direction marks."""
    return clip(_UNSHOWN.sub("", _LINE_END.sub(" ", value)), most)


def clip(value: str, most: int) -> str:
    return value if len(value) <= most else value[: most - 1].rstrip() + ELLIPSIS


def shorten(value: str, most: int) -> str:
    """Return a long value without its middle; an email address keeps its domain if that fits."""
    if len(value) <= most:
        return value
    local, at, domain = value.rpartition("@")
    is_address = at and " " not in value and len(domain) + _MAIL_HEAD + len("@") < most
    tail = at + domain if is_address else value[-(most // 2 - 1) :]
    head = min(len(local), _MAIL_HEAD) if is_address else most - len(tail) - 1
    return value[:head] + ELLIPSIS + tail


def tame(value: str, most: int = RUN_MOST) -> str:
    """Return the text with each unbreakable piece shortened: a long word would widen the card."""
    return _UNBREAKABLE.sub(lambda piece: shorten(piece[0], most), value)


def markdown(value: str) -> str:
    """Return a value for a TextBlock, with a backslash before every Markdown character.

    An underscore inside a word, of which addresses and scopes have many, is not markup.
    """
    return _MARKDOWN.sub(lambda at: f"{at[0]}\\" if at[0].isdigit() else f"\\{at[0]}", value)


def repair_cut(value: str) -> str:
    """Return a shortened TextBlock text with the backslash that the cut may have taken away."""
    return _CUT.sub(f"{ELLIPSIS}\\\\\\1", value)


def fact(value: str) -> str:
    """Return a value for a FactSet, which is Markdown in some clients and plain text in others.

    Links, and a date such as ``27. Nov.`` that Markdown would take for an item of a list and show
    without its day, are disabled with an invisible character.
    """
    told = _NUMBERED.sub(rf"\1{WORD_JOINER}\2", tame(plain(value), FACT_MOST + len("1234-")))
    return told.replace("](", f"]{WORD_JOINER}(")


def no_template(value: str) -> str:
    """Return a text whose ``${`` is split: no client expands it (sketches, "What Webex forced")."""
    return value.replace("${", f"${WORD_JOINER}{{")


TITLE_MOST = 31
ACTIONS_MOST = 5
"""Most actions of a card, with those in parts that open (sketches, "What Webex forced")."""
ADDRESS_MOST = 254


def submit(title: str, do: str, *, main: bool = False, form: bool = False, **data: str) -> Element:
    """Return a button; ``main`` is the card's green one, ``form`` sends and needs its inputs."""
    inputs = {"associatedInputs": "auto"} if form else {}
    return press(title, {"do": do, **data}, main=main) | inputs


def press(title: str, data: dict[str, str], *, main: bool = False) -> Element:
    """Return a button that can be pressed although a required field of the card is empty."""
    style = {"style": "positive"} if main else {}
    button = {"type": "Action.Submit", "title": plain(title), "associatedInputs": "none"}
    return {**button, **style, "data": data}


def open_url(title: str, url: str, *, main: bool = False) -> Element:
    style = {"style": "positive"} if main else {}
    return {"type": "Action.OpenUrl", "title": title, "url": url, **style}


def show_card(title: str, body: list[Element], *actions: Element) -> Element:
    offered = {"actions": list(actions)} if actions else {}
    inner = {"type": "AdaptiveCard", "body": body, **offered}
    return {"type": "Action.ShowCard", "title": title, "card": inner}


def buttons(*actions: Element, spacing: str = "Medium") -> Element:
    return {"type": "ActionSet", "spacing": spacing, "actions": list(actions)}


def in_rows(actions: list[Element]) -> list[list[Element]]:
    """Return the buttons in rows: two in a row if their titles fit side by side, otherwise one."""
    rows: list[list[Element]] = []
    for action in actions:
        last = rows[-1] if rows else []
        if len(last) == 1 and len(last[0]["title"]) + len(action["title"]) <= TITLE_MOST:
            last.append(action)
        else:
            rows.append([action])
    return rows


def button_rows(actions: list[Element], spacing: str = "Medium") -> list[Element]:
    return [buttons(*row, spacing=spacing) for row in in_rows(actions)]


def cancel(header_run: str, *, of_run: bool = False, **data: str) -> Element:
    """Return the Cancel button, which every card of a run has while the run can be canceled."""
    return press(
        text("button.cancel_run" if of_run else "button.cancel"),
        {"do": "cancel", "run": header_run, **data},
    )


def fit_title(key: str, value: str) -> str:
    """Return a button title that contains a value, shortened so that it fits a row at 320 px."""
    return text(key, value=shorten(plain(value), TITLE_MOST - len(text(key, value=""))))


def text_input(name: str, label: str, *, style: str = "email", error: str = "") -> Element:
    """Return an Input.Text for one address or URL; without ``error`` it may stay empty."""
    more = {"errorMessage": text(error)} if error else {}
    return input_text(name, label, ADDRESS_MOST, style=style, isRequired=bool(error), **more)


def input_text(name: str, label: str, most: int, **more: Any) -> Element:
    """Return an Input.Text, with the example that the catalog may have for its label."""
    example = f"{label}_example"
    more |= {"placeholder": text(example)} if has_text(example) else {}
    return {"type": "Input.Text", "id": name, "label": text(label), "maxLength": most, **more}


def choice(name: str, label: str, titles: Iterable[tuple[str, str]], **more: Any) -> Element:
    """Return an Input.ChoiceSet, compact unless ``more`` says otherwise; ``titles`` are (value, title)."""
    return {
        "type": "Input.ChoiceSet",
        "id": name,
        "label": label,
        "style": "compact",
        "isMultiSelect": False,
        "choices": [{"title": title, "value": value} for value, title in titles],
        **more,
    }


def watch_button(mailbox: str, *, watched: bool) -> list[Element]:
    # The list is empty for an address that is too long for a button.
    if len(mailbox) > ADDRESS_MOST:
        return []
    name, verb = ("watch.off_button", "watch_off") if watched else ("watch.add_button", "watch")
    return [submit(text(name), verb, channel=mailbox)]
