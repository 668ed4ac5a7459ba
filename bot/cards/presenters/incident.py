"""Presenter of incidents: from the incidents that a card shows to its view, and to the news below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adaptive_cards import incident as draw
from adaptive_cards import notice
from adaptive_cards.cards.incident import IncidentLook, IncidentView
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.texts import has_text
from adaptive_cards.times import lasted
from bot.cards.presenters._common import known_text
from bot.cards.presenters.card_state import DesiredCard, desired_card
from jobs.checks.remedies import page_of
from jobs.model import Channel, Text, minute_of, verbatim
from jobs.watch.model import Incident, IncidentCard, News, NewsKind, Sight
from jobs.watch.test_mail import STEP

Row = tuple[str, Text]
SLOT = "incident"
NEWS_FOR = timedelta(hours=1)
"""Age up to which a change is posted below the card. An older one is only on the card."""
_GENERATE = "fix.generate_token"
_FIX = "fix."
_POSTED = {
    NewsKind.WORSE: ("attention", "✗"),
    NewsKind.FLAPS: ("attention", "▲"),
    NewsKind.BLIND: ("emphasis", "?"),
    NewsKind.RECOVERED: ("good", "✓"),
}
"""Changes that are posted below the card, with their look. The others are only on the card."""


def living_card(
    card: IncidentCard,
    incidents: Sequence[Incident],
    at: datetime,
    channel: Channel | None,
    to: str = "thread",
) -> DesiredCard:
    """Return the card as it should look now, for the space or for a person's address.

    It is edited only for a change that a person must see, and shows the newest numbers then. A
    message takes ten edits (facts/webex.md 2).
    """
    found = view(card, incidents, at, channel, direct=to != "thread")
    changes = sum(len(each.news) for each in incidents)
    acting = sorted(each.acting for each in incidents)
    over = all(not each.is_open for each in incidents)
    drawn = desired_card(SLOT, (card.id, _part(card, changes), acting, over), draw(found))
    return DesiredCard(
        SLOT if to == "thread" else f"notify:{to}",
        drawn.card,
        drawn.fingerprint,
        to,
        urgency=f"{over} {_part(card, changes)} {sorted(set(acting))}",
        final=over,
    )


def _part(card: IncidentCard, changes: int) -> int:
    """Return a number that grows with the changes; on a shared card ever more slowly.

    So 200 channels that break one after the other take eight edits, and not 200.
    """
    return changes.bit_length() if card.shared else changes


def news_cards(
    card: IncidentCard, incidents: Sequence[Incident], at: datetime
) -> list[DesiredCard]:
    """Return the short cards below the living card: what has just changed, and the end."""
    if card.shared:
        return _shared_end(card, incidents, at)
    (one,) = incidents[:1]
    return [
        DesiredCard(f"news:{each.at.isoformat()}", notice(_news_view(one, each)), card.id)
        for each in one.news
        if each.kind in _POSTED and at - each.at <= NEWS_FOR
    ]


def _shared_end(
    card: IncidentCard, incidents: Sequence[Incident], at: datetime
) -> list[DesiredCard]:
    ends = [each.ended for each in incidents if each.ended is not None]
    if len(ends) < len(incidents) or at - max(ends) > NEWS_FOR:
        return []
    values = {"count": str(len(incidents))}
    shown = NoticeView(
        Text("watch.kicker"),
        Text("watch.news_all_recovered", values),
        cause_of(incidents[0]),
        "good",
        "✓",
        at=max(ends),
    )
    return [DesiredCard(f"news:{max(ends).isoformat()}", notice(shown), card.id)]


def _news_view(incident: Incident, news: News) -> NoticeView:
    tone, glyph = _POSTED[news.kind]
    title = Text(f"watch.news_{news.kind}", {"mailbox": incident.mailbox})
    words = _result(incident) if news.kind is NewsKind.RECOVERED else _cause_text(news.cause)
    return NoticeView(Text("watch.kicker"), title, words, tone, glyph, at=news.at)


def reminder_card(card: IncidentCard, incidents: Sequence[Incident], number: int) -> DesiredCard:
    """Return the reminder below the living card that nobody has said that they act."""
    first = incidents[0]
    title = Text("watch.reminder_title", {"since": minute_of(first.since)})
    shown = NoticeView(Text("watch.kicker"), title, cause_of(first), "accent", "◆")
    return DesiredCard(f"nobody:{number}", notice(shown), card.id)


def view(
    card: IncidentCard,
    incidents: Sequence[Incident],
    at: datetime,
    channel: Channel | None,
    *,
    direct: bool = False,
) -> IncidentView:
    """Return the view of the incidents that one card shows, oldest first."""
    open_ones = [each for each in incidents if each.is_open] or list(incidents)
    first, look = open_ones[0], look_of(incidents)
    mailboxes = {each.mailbox for each in open_ones}
    shown = IncidentView(
        card=card.id,
        look=look,
        title=_title(card, look, open_ones),
        mailboxes=tuple(sorted(mailboxes)),
        cause=cause_of(first),
        turn=first.turn,
        at=max(each.news[-1].at for each in incidents),
        remedy=known_text(f"remedy.{first.cause}"),
        rows=tuple(_rows(incidents, at)),
        acts=not any(each.acting for each in open_ones),
        direct=direct,
    )
    if card.counts or len(mailboxes) > 1:
        return replace(shown, fix=_fixes(card, incidents))
    return _of_one(shown, first, channel)


def _of_one(shown: IncidentView, incident: Incident, channel: Channel | None) -> IncidentView:
    """Return the view of a single incident: with its result, its changes, and the way to end it."""
    fix, page = _ways(incident, channel)
    changes = tuple((each.at, _change(each)) for each in incident.news)
    cause = _result(incident) if shown.look is IncidentLook.ENDED else shown.cause
    return replace(shown, cause=cause, changes=changes, fix=fix, page=page)


def look_of(incidents: Sequence[Incident]) -> IncidentLook:
    """Return how the card shows the incidents: as the worst of them."""
    open_ones = [each for each in incidents if each.is_open]
    if not open_ones:
        unwatched = all(each.news[-1].kind is NewsKind.UNWATCHED for each in incidents)
        return IncidentLook.UNWATCHED if unwatched else IncidentLook.ENDED
    if all(each.sight is Sight.CANNOT_LOOK or each.blind_since for each in open_ones):
        return IncidentLook.BLIND
    return IncidentLook.FLAPS if any(each.flaps for each in open_ones) else IncidentLook.BROKEN


def _title(card: IncidentCard, look: IncidentLook, open_ones: Sequence[Incident]) -> Text:
    mailboxes = {each.mailbox for each in open_ones}
    if not card.counts and len(mailboxes) == 1:
        return Text(f"watch.title_{look}", {"mailbox": open_ones[0].mailbox})
    values = {"count": str(len(mailboxes))}
    if card.counts:
        values["spaces"] = str(len({each.room for each in open_ones}))
        return Text(f"watch.counts_{look}", values)
    return Text(f"watch.many_{look}", values)


def cause_of(incident: Incident) -> Text:
    """Return the cause as a sentence."""
    return _cause_text(incident.cause)


def _cause_text(cause: str) -> Text:
    return (
        known_text(f"cause.{cause}")
        or known_text(f"watch.reason_{cause}")
        or (
            Text("watch.step_wrong", {"step": f"key:step.{cause}"})
            if has_text(f"step.{cause}")
            else Text("watch.cause_unknown")
        )
    )


def _ways(
    incident: Incident, channel: Channel | None
) -> tuple[tuple[str, dict[str, str]] | None, tuple[str, str] | None]:
    """Return the button that opens a plan, and the page where a person fixes the cause."""
    if incident.fix == _GENERATE:
        page = page_of(channel) if channel is not None else ""
        return None, ((_GENERATE, page) if page else None)
    if not incident.fix.startswith(_FIX) or incident.sight is Sight.CANNOT_LOOK:
        return None, None
    return (incident.fix, {"do": "fix", "channel": incident.mailbox}), None


def fixable(incidents: Sequence[Incident]) -> list[Incident]:
    """Return the incidents that a plan of the bot would end, in the same order."""
    return [each for each in incidents if each.is_open and _ways(each, None)[0] is not None]


def _fixes(card: IncidentCard, incidents: Sequence[Incident]) -> tuple[str, dict[str, str]] | None:
    """Return the button that leads to the repair of each channel, or None if no plan repairs any."""
    if not fixable(incidents):
        return None
    return "watch.fix_each", {"do": "watch_fix", "card": card.id}


def _rows(incidents: Sequence[Incident], at: datetime) -> list[Row]:
    """Return the facts: since when, how long, which mails, and who is on it."""
    return [
        *_times(incidents),
        *_seen_by(min(incidents, key=lambda each: each.since)),
        *_mails(incidents),
        *_acting(incidents, at),
        *_told(incidents),
    ]


def _times(incidents: Sequence[Incident]) -> list[Row]:
    """Return when it began, when it was noticed, and when all of it was over."""
    rows = [
        ("watch.row_since", verbatim_moment(min(each.since for each in incidents))),
        ("watch.row_noticed", verbatim_moment(min(each.noticed for each in incidents))),
    ]
    ended = [each.ended for each in incidents if each.ended is not None]
    if len(ended) == len(incidents):
        rows.append(("watch.row_ended", verbatim_moment(max(ended))))
    return rows


def _mails(incidents: Sequence[Incident]) -> list[Row]:
    """Return how many mails are late and how many bounced, if any."""
    late = sum(each.damage.late for each in incidents)
    bounced = sum(each.damage.bounced for each in incidents)
    values = {"late": str(late), "bounced": str(bounced)}
    return [("watch.row_mails", Text("watch.mails", values))] if late or bounced else []


def _acting(incidents: Sequence[Incident], at: datetime) -> list[Row]:
    """Return who is on it, or that nobody is as long as it goes on."""
    if acting := next((each for each in incidents if each.acting), None):
        values = {"who": acting.acting, "since": minute_of(acting.acting_since or at)}
        return [("watch.row_acting", Text("watch.acting", values))]
    if all(each.ended is not None for each in incidents):
        return []
    return [("watch.row_acting", Text("watch.acting_nobody"))]


def _told(incidents: Sequence[Incident]) -> list[Row]:
    """Return who was written to because nobody was on it."""
    told = sorted({name for each in incidents for name in each.told})
    return [("watch.row_told", verbatim(", ".join(told)))] if told else []


def _seen_by(incident: Incident) -> list[Row]:
    """Return the fact that only a test mail of the watch has seen it, and where the mail stopped."""
    if incident.step != STEP or incident.sight is Sight.CANNOT_LOOK or incident.station is None:
        return []
    values = {"at": minute_of(incident.since), "where": f"key:watch.stops_{incident.station}"}
    return [("watch.row_test_mail", Text("watch.only_test_mail", values))]


def verbatim_moment(at: datetime) -> Text:
    """Return the moment in the reader's time zone."""
    return Text("time.at", {"at": minute_of(at)})


def _change(news: News) -> Text:
    if news.kind is NewsKind.WORSE:
        return _cause_text(news.cause)
    return Text(f"watch.change_{news.kind}")


def _result(incident: Incident) -> Text:
    """Return in one sentence how long it lasted, and what has ended it."""
    length = lasted(incident.duration or timedelta(0))
    if incident.fixed_by:
        return Text("watch.result_fixed", {"lasted": length, "run": incident.fixed_by})
    return Text("watch.result", {"lasted": length})
