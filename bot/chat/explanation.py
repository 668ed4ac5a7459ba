"""Explanation of an error text in words: for a card, for a machine and for a terminal.

The explanation needs no settings, no Redis and no network.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from adaptive_cards.cards.explanation import CauseLine, ExplanationView, UnknownLine
from adaptive_cards.texts import has_text, remedy_within, text
from jobs.causes.reading import FoundCause, Reading, UnknownCode
from jobs.clouds.learn_more import page_of
from jobs.clouds.turns import who_acts
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
        certain=tuple(map(_certain_line, certain[1:])),
        possible=tuple(map(_possible_line, possible)),
        unknown=tuple(map(_unknown_line, reading.unknown)),
        checks=checks,
        cut=reading.cut,
        page=page_of(certain[0].cause) if certain else "",
    )


def _possible(reading: Reading) -> tuple[FoundCause, ...]:
    """Return the causes that are not certain."""
    return tuple(each for each in reading.causes if not each.certain)


def _certain_line(found: FoundCause) -> CauseLine:
    return CauseLine(_sentence(found), page=page_of(found.cause))


def _possible_line(found: FoundCause) -> CauseLine:
    return CauseLine(_sentence(found), _tell(found), page_of(found.cause))


def _unknown_line(code: UnknownCode) -> UnknownLine:
    return UnknownLine(code.code, without_secrets(code.line), code.page)


def _headline(reading: Reading, *, within: bool) -> tuple[Text, Text, Turn]:
    """Return what the error text means, the next step, and whose turn it is."""
    if reading.certain:
        first = reading.certain[0].cause
        remedy = remedy_within(first) if within else f"remedy.{first}"
        return Text(f"cause.{first}"), Text(remedy), who_acts(first)
    if reading.causes:
        return Text("explain.open_title"), Text("explain.open_turn"), Turn.REQUESTER
    if reading.ours:
        return Text("explain.unknown_title"), Text("explain.unknown_turn"), Turn.REQUESTER
    return Text("explain.strange_title"), Text("explain.strange_turn"), Turn.REQUESTER


def _sentence(found: FoundCause) -> Text:
    return Text(f"cause.{found.cause}")


def _tell(found: FoundCause) -> Text:
    """Return the text that helps to recognize a possible cause, or else the remedy of the cause."""
    key = f"tell.{found.cause}"
    return Text(key if has_text(key) else f"remedy.{found.cause}")


def as_json(reading: Reading) -> Json:
    """Return the explanation as a JSON object, for a machine."""
    more: Json = {"cut": True} if reading.cut else {}
    if reading.unknown:
        more["unknown"] = [_unknown_as_json(each) for each in reading.unknown]
    causes = [_as_json(each) for each in reading.causes]
    return {"ours": reading.ours, "causes": causes, "codes": list(reading.codes), **more}


def _as_json(found: FoundCause) -> Json:
    told = {} if found.certain else {"tells_apart": text(_tell(found).key)}
    page = page_of(found.cause)
    return {
        "cause": found.cause,
        "certainty": str(found.certainty),
        "sentence": text(f"cause.{found.cause}"),
        "remedy": text(f"remedy.{found.cause}"),
        "who": str(who_acts(found.cause)),
        "code": without_secrets(found.code),
        **told,
        **({"page": page} if page else {}),
    }


def _unknown_as_json(code: UnknownCode) -> Json:
    return {"code": code.code, "line": without_secrets(code.line), "page": code.page}


def as_lines(reading: Reading) -> list[str]:
    """Return the explanation as lines of text, for a terminal."""
    return [
        *_headlines(reading),
        *(line for each in reading.certain[1:] for line in ("", *_cause_and_remedy(each))),
        *_possible_lines(reading),
        *_unknown_lines(reading),
        *_code_lines(reading),
        *([text("explain.cut")] if reading.cut else []),
    ]


def _headlines(reading: Reading) -> list[str]:
    """Return what the error text means, whose turn it is, the next step, and the page about it."""
    title, words, turn = _headline(reading, within=False)
    who = [] if turn is Turn.TIME else [text(f"turn.{turn}") + "."]
    page = _page_lines(reading.certain[0]) if reading.certain else ()
    return [text(title.key), *who, text(words.key), *page]


def _possible_lines(reading: Reading) -> list[str]:
    """Return the causes that are not certain, each with the text that helps to recognize it."""
    possible = _possible(reading)
    if not possible:
        return []
    title = text("explain.may_be" if reading.certain else "explain.one_of")
    lines = (f"- {text(_sentence(each).key)} {text(_tell(each).key)}" for each in possible)
    return ["", title, *lines]


def _unknown_lines(reading: Reading) -> list[str]:
    """Return the codes that are not known, each with the person's own line and its page."""
    if not reading.unknown:
        return []
    lines = (f"- {each.code}: {without_secrets(each.line)} {each.page}" for each in reading.unknown)
    return ["", text("explain.unknown_codes"), *lines]


def _code_lines(reading: Reading) -> list[str]:
    """Return the codes of the certain causes, each once."""
    codes = ", ".join(dict.fromkeys(without_secrets(each.code) for each in reading.certain))
    return ["", codes] if codes else []


def _cause_and_remedy(found: FoundCause) -> tuple[str, ...]:
    return (
        text(f"cause.{found.cause}"),
        text(f"remedy.{found.cause}"),
        *_page_lines(found),
    )


def _page_lines(found: FoundCause) -> tuple[str, ...]:
    """Return the line with the page that explains the cause, if one is known."""
    page = page_of(found.cause)
    return (text("link.learn_more_at", page=page),) if page else ()
