"""Explanation of an error text in words: for a card, for a machine and for a terminal.

The explanation needs no settings, no Redis and no network.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adaptive_cards import Card, components as ui, elements as el, glyphs
from adaptive_cards.texts import has_text, remedy_key, render, text
from jobs.causes.cause import Certainty, FoundCause, known, page_of
from jobs.causes.reader import Reading, UnknownCode
from jobs.model import Text, Turn
from jobs.redact import without_secrets

Json = dict[str, Any]


_MORE_MOST, _UNKNOWN_MOST, _CHECKS_MOST, _LINE_MOST = 6, 4, 2, 300


def explanation(
    read: Reading | None,
    at: datetime,
    *,
    checks: Sequence[str] = (),
    channels: Sequence[el.Element] = (),
    within: bool = False,
) -> Card:
    """Return the card of an explained error; ``within`` chooses the remedies of a run in progress.

    ``checks`` are the mailboxes that a button checks. ``channels`` are the rows of those that the
    text names, with what is known of them now: an error may be older than its repair. Without any
    error ``read`` is None.
    """
    reading = read or Reading(ours=False)
    certain = reading.certain
    possible = reading.causes[len(certain) :]
    told = {"explain.check_turn": checks and (certain[1:] or possible), "explain.cut": reading.cut}
    codes = [el.run(without_secrets(each.code), **el.MONO) for each in certain[:1]]
    body = [
        *(el.rich(each, spacing="Small") for each in codes),
        *ui.titled("explain.also", [_cause(each) for each in certain[1:][:_MORE_MOST]]),
        *ui.titled(_heading(reading), [_cause(each) for each in possible[:_MORE_MOST]]),
        *ui.titled("explain.unknown_codes", list(map(_unknown, reading.unknown[:_UNKNOWN_MOST]))),
        *ui.titled("explain.known_now", channels),
        *(ui.small_print(Text(key)) for key, is_so in told.items() if is_so),
        *el.button_rows(_buttons(reading, checks[:_CHECKS_MOST])),
    ]
    title, words, turn = headline(read, within=within, is_channel=bool(channels))
    look = ("accent", glyphs.WARNING) if certain else ("emphasis", glyphs.UNKNOWN)
    # A remedy that needs nobody says so itself.
    acts = ui.answer_line(Text("explain.who", {"who": f"key:who.{turn}"}))
    turns = [acts] if glyphs.is_person(turn) else []
    band = ui.Band.of(*look, title, el.said(words, spacing="Small"), *turns)
    return ui.finished(ui.kicker_at("notice.explained_kicker", at), band, body, told=2)


def _unknown(found: UnknownCode) -> el.Element:
    line = el.run(without_secrets(found.line)[:_LINE_MOST])
    return el.rich(el.run(f"{found.code}  ", **el.MONO), line, spacing="Small")


def _buttons(reading: Reading, checks: Sequence[str]) -> list[el.Element]:
    pages = {page_of(each.cause): text("button.learn_more") for each in reading.certain[:1]}
    for each in reading.unknown[:_CHECKS_MOST]:
        pages[each.page] = el.fit_title("explain.look_up", each.code)
    return [
        *(el.open_url(title, page) for page, title in pages.items() if page),
        *(el.submit(el.fit_title("explain.check", e), "check", channel=e) for e in checks),
    ]


def _cause(found: FoundCause) -> el.Element:
    mark, page = glyphs.WARNING if found.certain else glyphs.UNKNOWN, page_of(found.cause)
    tell = [] if found.certain else [ui.note(_tell(found))]
    more = ui.learn_more(page, spacing="None")
    return glyphs.marked(mark, el.own(f"cause.{found.cause}"), *tell, *more)


def _heading(reading: Reading) -> str:
    if reading.of(Certainty.CONDITIONAL):
        return "explain.condition"
    return "explain.may_be" if reading.certain else "explain.one_of"


def headline(
    reading: Reading | None, *, within: bool = False, is_channel: bool = False
) -> tuple[Text, Text, Turn]:
    """Return the title, the next step and who acts; instead of an error it may be a channel."""
    if reading is None:
        kind, turn = ("channel", Turn.NOBODY) if is_channel else ("empty", Turn.REQUESTER)
        return Text(f"explain.{kind}_title"), Text(f"explain.{kind}_turn"), turn
    first = reading.causes[0] if reading.causes else None
    if first is None:
        kind = "strange" if reading.strange else "unknown"
        return Text(f"explain.{kind}_title"), Text(f"explain.{kind}_turn"), Turn.REQUESTER
    if first.certain:
        return Text(f"cause.{first.cause}"), _remedy(first, within=within), _whose(first)
    named = {"cause": f"key:cause.{first.cause}"}
    if first.certainty is Certainty.CONDITIONAL:
        words = Text("explain.condition_turn")
        return Text("explain.condition_title", named), words, Turn.REQUESTER
    if len(reading.causes) == 1:
        return Text("explain.likely_title", named), _remedy(first, within=within), _whose(first)
    return Text("explain.open_title"), Text("explain.open_turn"), Turn.REQUESTER


def _remedy(found: FoundCause, *, within: bool = False) -> Text:
    return Text(remedy_key(found.cause, "within" if within else "pasted", "pasted"))


def _whose(found: FoundCause) -> Turn:
    """Return who must act. A pasted error is no request of the bot, so somebody always must."""
    turn = known(found.cause).acts
    if turn is Turn.OPERATOR and remedy_key(found.cause, "pasted").startswith("remedy_pasted."):
        return Turn.CONTACT_CENTER
    return Turn.REQUESTER if turn is Turn.TIME else turn


def _tell(found: FoundCause) -> Text:
    key = f"tell.{found.cause}"
    return Text(key) if has_text(key) else _remedy(found)


def as_json(reading: Reading) -> Json:
    causes = [
        {
            "cause": each.cause,
            "certainty": str(each.certainty),
            "sentence": text(f"cause.{each.cause}"),
            "remedy": text(_remedy(each).key),
            "who": str(_whose(each)),
            "code": without_secrets(each.code),
        }
        | ({} if each.certain else {"tells_apart": text(_tell(each).key)})
        | ({"page": page} if (page := page_of(each.cause)) else {})
        for each in reading.causes
    ]
    unknown = [each._asdict() | {"line": without_secrets(each.line)} for each in reading.unknown]
    told: Json = {"ours": reading.ours, "strange": reading.strange, "causes": causes}
    told |= {"codes": list(reading.codes)} | ({"cut": True} if reading.cut else {})
    return told | ({"unknown": unknown} if unknown else {})


def as_lines(reading: Reading) -> list[str]:
    title, words, turn = headline(reading)
    certain = reading.certain
    lines = [render(title), f"{render(ui.whose_turn(turn))}.", text(words.key)]
    for number, each in enumerate(certain):
        if number:
            lines += ["", text(f"cause.{each.cause}"), text(_remedy(each).key)]
        if page := page_of(each.cause):
            lines.append(text("link.learn_more_at", page=page))
    if possible := reading.causes[len(certain) :]:
        lines += ["", text(_heading(reading))]
        lines += [f"- {text(f'cause.{each.cause}')} {text(_tell(each).key)}" for each in possible]
    if reading.unknown:
        lines += ["", text("explain.unknown_codes")]
        lines += [f"- {e.code}: {without_secrets(e.line)} {e.page}" for e in reading.unknown]
    if certain:
        lines += ["", ", ".join(dict.fromkeys(without_secrets(each.code) for each in certain))]
    return [*lines, text("explain.cut")] if reading.cut else lines
