"""Band of the card of a check: the verdict in one sentence, since when, whose turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.components import BROKEN, UNDER_WAY, WELL, Band, time_since, turn_line
from adaptive_cards.elements import TITLE, Element, rich, run
from adaptive_cards.escape import clip
from adaptive_cards.texts import has_text, known_text, listed, plural, render, render_if_any, text
from adaptive_cards.times import minutes
from jobs.causes.cause import Cause
from jobs.checks.reading import ENDS, Line, Reading
from jobs.model import Station, Text, Turn, day_of, minute_of

SIGN_IN_TELLS = {Cause.WHAT_STOPS_MAIL_NOT_READ, Cause.APP_DISABLED}
"""Causes for which a sign-in would reveal the cause, or which of several causes it is."""
_TITLE_MOST = 200
_NAMED_MOST = 4


def band(view: Reading) -> Band:
    """Return the band; a certain cause is shown at once, even before the other findings arrive."""
    if view.causes:
        return _broken(view)
    if view.looking:
        title = Text("verdict.looking", {"done": str(len(view.lines)), "all": str(total(view))})
        turn = turn_line(Turn.NOBODY, Text("verdict.looking_next"))
        return Band.of(*UNDER_WAY, title, *_paragraph(_silent(view)), turn)
    both_ways = bool(view.proofs) and {Station.MAILBOX, *ENDS} <= _passed(view)
    return _well(view) if both_ways else _unproven(view)


def total(view: Reading) -> int:
    return len(view.lines) + view.looking


def sentence(words: Text) -> str:
    return clip(render(words), _TITLE_MOST).removesuffix(".")


def cause_of(line: Line) -> Text:
    return known_text(f"cause.{line.found.cause}") or line.title


def names(lines: Sequence[Line]) -> str:
    named = [render(line.title) for line in lines[:_NAMED_MOST]]
    left = len(lines) - _NAMED_MOST
    if left <= 0:
        return listed(named)
    return text("verdict.and_more", what=", ".join(named), count=str(left))


def _broken(view: Reading) -> Band:
    title = rich(run(sentence(cause_of(view.causes[0])), **TITLE))
    others, left = len(view.causes) - 1, ""
    more = plural("verdict.others", others) if others else ""
    if view.looking:
        left = text("verdict.still_looking", left=str(view.looking), all=str(total(view)))
        left = " ".join(filter(None, (left, _silent(view))))
    told = _paragraph(_effect(view), _when(view), more, left)
    turn = turn_line(view.turn, _click(view))
    return Band(*BROKEN, title, (*told, turn))


def _effect(view: Reading) -> str:
    """Return what the cause does to mail; the number of missed mails says the same with a figure."""
    seen = view.causes[0].found.seen
    if seen is not None and has_text(f"effect.{seen.key}"):
        return text(f"effect.{seen.key}", **seen.values)
    stopped = [stop.station for stop in view.way if stop.passes is False]
    return text(f"effect.{stopped[0]}") if stopped and view.damage is None else ""


def _when(view: Reading) -> str:
    since = text("verdict.since", at=minute_of(view.since)) if view.since else ""
    if (damage := view.damage) is None:
        return since
    mails = plural("verdict.mails", damage.mails)
    told = (
        # If both have the same start, the start is given only once.
        "" if view.since == damage.since else since,
        text("verdict.missed", at=minute_of(damage.since), count=mails),
        text("verdict.kept") if damage.kept else "",
        plural("verdict.bounced", damage.bounced) if damage.bounced else "",
    )
    return " ".join(filter(None, told))


def _silent(view: Reading) -> str:
    clouds = listed(render_if_any(known_text(f"evidence.{each}")) or each for each in view.silent)
    return text("verdict.silent", clouds=clouds) if clouds else ""


def _click(view: Reading) -> Text:
    if not glyphs.is_person(view.turn):
        return Text("verdict.turn_wait")
    if view.may_keep and view.turn is Turn.REQUESTER:
        return Text("verdict.turn_keep")
    if view.fix is None:
        if view.sign_in_url and view.causes[0].found.cause in SIGN_IN_TELLS:
            return _sign_in(view)
        return Text("verdict.turn_remedy")
    if "url" in view.fix[1]:
        return Text("verdict.turn_page")
    return Text("verdict.turn_fix" if view.turn is Turn.APPROVER else "verdict.turn_fix_other")


def _passed(view: Reading) -> set[Station]:
    return {stop.station for stop in view.way if stop.passes}


def _well(view: Reading) -> Band:
    if view.secret_ends is not None:
        left = max((view.secret_ends - view.at).days, 0)
        values = {"count": str(left), "day": day_of(view.secret_ends)}
        turn = turn_line(Turn.APPROVER, Text("verdict.turn_fix"))
        told = f"{render(_not_proven(view))}." if view.unread else text("verdict.still_flows")
        title = Text("verdict.secret_ends", values)
        return Band.of("warning", glyphs.WARNING, title, turn, *_paragraph(told))
    if view.unread:
        return _unproven(view)
    age = time_since(max(proof.at for proof in view.proofs), view.at)
    known = {Station.CONNECT, Station.AGENT} <= _passed(view)
    between = "" if known else text("verdict.between_unread")
    turn = turn_line(Turn.NOBODY, Text("verdict.newest_proof", {"age": age}))
    told_next = _paragraph(between, _possible(view))
    return Band.of(*WELL, Text("verdict.well"), turn, *told_next)


def _unproven(view: Reading) -> Band:
    told = _paragraph(_why(view), _possible(view), _left_out(view))
    unread = Turn.REQUESTER if view.unread else Turn.NOBODY
    turn = Turn.ADMINISTRATOR if view.sign_in_url else unread
    style = "accent" if glyphs.is_person(turn) else "emphasis"
    return Band.of(style, glyphs.UNKNOWN, _not_proven(view), *told, turn_line(turn, _next(view)))


def _not_proven(view: Reading) -> Text:
    if view.is_unknown:
        return Text("verdict.unknown")
    if view.unread:
        return _own_proof(view) or _unread(view)
    known = "last_proven" if view.possible or view.changes else "nothing_wrong"
    return _last_proven(view, known) or Text("verdict.unproven")


def _unread(view: Reading) -> Text:
    key = "not_checked" if view.needs_administrator else "not_read"
    return Text(f"verdict.{key}", {"count": str(view.unread), "all": str(total(view))})


def _own_proof(view: Reading) -> Text | None:
    if view.proven is None:
        return Text("verdict.login_only") if view.login else None
    key = "login_works" if view.login else "last_proven"
    return _proven_at(view, key, view.proven, "test_mail")


def _why(view: Reading) -> str:
    if view.is_unknown:
        return text("verdict.unknown_why")
    proven = _last_proven(view, "last_proven")
    if view.unread and _own_proof(view) is not None:
        blind = Text("verdict.blind") if view.needs_administrator else None
        told = filter(None, (_unread(view), blind, proven))
        return " ".join(f"{render(each)}." for each in told)
    if proven is None:
        return "" if view.unread else text("verdict.unproven_why")
    return f"{render(proven)}." if view.unread else text("verdict.newer_unproven")


def _last_proven(view: Reading, key: str) -> Text | None:
    # The result is None if no mail is known at one of the two ends.
    seen = [(stop.at, stop.station) for stop in view.way if stop.at and stop.station in ENDS]
    if len(seen) < len(ENDS):
        return None
    return _proven_at(view, key, *min(seen))


def _proven_at(view: Reading, key: str, at: datetime, end: str) -> Text:
    named = {"end": text(f"verdict.end.{end}"), "clock": minutes(at)}
    return Text(f"verdict.{key}", {"age": time_since(at, view.at), **named})


def _left_out(view: Reading) -> str:
    if len(view.skipped) > _NAMED_MOST:
        return ""
    return text("verdict.not_looked_at", what=names(view.skipped)) if view.skipped else ""


def _next(view: Reading) -> Text:
    if view.is_unknown and view.sign_in_url:
        return Text("verdict.turn_find")
    if view.sign_in_url:
        return Text("verdict.turn_grant") if view.grant_url else _sign_in(view)
    return Text("verdict.turn_again" if view.unread else "verdict.turn_nothing")


def _sign_in(view: Reading) -> Text:
    return Text("verdict.turn_roles" if view.lacks_role else "verdict.turn_sign_in")


def _possible(view: Reading) -> str:
    count = len(view.possible) + bool(view.changes)
    return plural("verdict.possible_below", count) if count else ""


def _paragraph(*sentences: str) -> list[Element]:
    told = " ".join(filter(None, sentences))
    return [rich(run(told), spacing="Small")] if told else []
