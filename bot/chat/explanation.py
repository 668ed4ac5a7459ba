"""Explanation of an error text in words: for a card, for a machine and for a terminal.

The explanation needs no settings, no Redis and no network.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from adaptive_cards.cards.notice import CauseLine, ExplanationView, UnknownLine, heading_of
from adaptive_cards.components import whose_turn
from adaptive_cards.texts import has_text, remedy_pasted, remedy_within, render, text
from jobs.causes.cause import known, page_of
from jobs.causes.meaning import Certainty, FoundCause, Reading
from jobs.model import Text, Turn
from jobs.redact import without_secrets

Json = dict[str, Any]


def as_view(
    reading: Reading, at: datetime, *, checks: tuple[str, ...] = (), within: bool = False
) -> ExplanationView:
    """Return the explanation as the view of a card.

    ``within`` chooses the remedies of a run that is in progress.
    """
    certain, possible = reading.certain, _possible(reading)
    title, words, turn = _headline(reading, within=within)
    return ExplanationView(
        title,
        words,
        turn,
        at,
        code=without_secrets(certain[0].code) if certain else "",
        known=bool(certain),
        open=bool(possible) and not certain,
        condition=bool(reading.of(Certainty.CONDITIONAL)),
        certain=tuple(CauseLine(_sentence(each), page=page_of(each.cause)) for each in certain[1:]),
        possible=tuple(
            CauseLine(_sentence(each), _tell(each), page_of(each.cause)) for each in possible
        ),
        unknown=tuple(
            UnknownLine(each.code, without_secrets(each.line), each.page)
            for each in reading.unknown
        ),
        checks=checks,
        cut=reading.cut,
        page=page_of(certain[0].cause) if certain else "",
    )


def _possible(reading: Reading) -> tuple[FoundCause, ...]:
    return tuple(each for each in reading.causes if not each.certain)


def _headline(reading: Reading, *, within: bool) -> tuple[Text, Text, Turn]:
    first = reading.causes[0] if reading.causes else None
    if first is None:
        kind = "strange" if reading.strange else "unknown"
        return Text(f"explain.{kind}_title"), Text(f"explain.{kind}_turn"), Turn.REQUESTER
    if first.certain:
        return _sentence(first), _remedy(first, within=within), _whose(first)
    named = {"cause": f"key:cause.{first.cause}"}
    if first.certainty is Certainty.CONDITIONAL:
        words = Text("explain.condition_turn")
        return Text("explain.condition_title", named), words, Turn.REQUESTER
    if len(reading.causes) == 1:
        return Text("explain.likely_title", named), _remedy(first, within=within), _whose(first)
    return Text("explain.open_title"), Text("explain.open_turn"), Turn.REQUESTER


def _remedy(found: FoundCause, *, within: bool = False) -> Text:
    key = remedy_within(found.cause)
    return Text(key if within and key.startswith("remedy_within.") else remedy_pasted(found.cause))


def _whose(found: FoundCause) -> Turn:
    """Return who must act. A pasted error is no request of the bot, so somebody always must."""
    turn = known(found.cause).acts
    if turn is Turn.OPERATOR and remedy_pasted(found.cause).startswith("remedy_pasted."):
        return Turn.CONTACT_CENTER
    return Turn.REQUESTER if turn is Turn.TIME else turn


def _sentence(found: FoundCause) -> Text:
    return Text(f"cause.{found.cause}")


def _tell(found: FoundCause) -> Text:
    key = f"tell.{found.cause}"
    return Text(key) if has_text(key) else _remedy(found)


def as_json(reading: Reading) -> Json:
    more: Json = {"cut": True} if reading.cut else {}
    if reading.unknown:
        more["unknown"] = [
            {"code": each.code, "line": without_secrets(each.line), "page": each.page}
            for each in reading.unknown
        ]
    causes = [_as_json(each) for each in reading.causes]
    who = {"ours": reading.ours, "strange": reading.strange}
    return {**who, "causes": causes, "codes": list(reading.codes), **more}


def _as_json(found: FoundCause) -> Json:
    told = {} if found.certain else {"tells_apart": text(_tell(found).key)}
    page = page_of(found.cause)
    return {
        "cause": found.cause,
        "certainty": str(found.certainty),
        "sentence": text(f"cause.{found.cause}"),
        "remedy": text(_remedy(found).key),
        "who": str(_whose(found)),
        "code": without_secrets(found.code),
        **told,
        **({"page": page} if page else {}),
    }


def as_lines(reading: Reading) -> list[str]:
    title, words, turn = _headline(reading, within=False)
    certain, possible = reading.certain, _possible(reading)
    lines = [
        render(title),
        f"{render(whose_turn(turn))}.",
        text(words.key),
        *_page_lines(certain[:1]),
    ]
    for each in certain[1:]:
        lines += ["", text(_sentence(each).key), text(_remedy(each).key), *_page_lines([each])]
    if possible:
        condition = bool(reading.of(Certainty.CONDITIONAL))
        lines += ["", text(heading_of(open_=not certain, condition=condition))]
        lines += [f"- {text(_sentence(each).key)} {text(_tell(each).key)}" for each in possible]
    if reading.unknown:
        lines += ["", text("explain.unknown_codes")]
        lines += [f"- {e.code}: {without_secrets(e.line)} {e.page}" for e in reading.unknown]
    if certain:
        codes = dict.fromkeys(without_secrets(each.code) for each in certain)
        lines += ["", ", ".join(codes)]
    return [*lines, text("explain.cut")] if reading.cut else lines


def _page_lines(causes: Iterable[FoundCause]) -> list[str]:
    pages = filter(None, (page_of(each.cause) for each in causes))
    return [text("link.learn_more_at", page=page) for page in pages]
