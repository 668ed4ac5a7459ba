"""Presenters of the watch: incidents and their news, its list, and the history of a channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adaptive_cards import notice
from adaptive_cards.cards import watch as cards
from adaptive_cards.cards.channels import ChannelLine
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.watch import IncidentLook, IncidentView
from adaptive_cards.numbers import number, percent
from adaptive_cards.texts import has_text, text
from adaptive_cards.times import lasted
from bot.cards import superseded
from bot.cards.presenters.card_state import (
    NOTIFY,
    THREAD,
    DesiredCard,
    desired_card,
    known_text,
    last_look,
)
from bot.links import Link
from bot.services import Services
from jobs.checks.remedies import page_of
from jobs.model import Channel, State, Text, minute_of, span_of, verbatim
from jobs.runs.run import Run
from jobs.watch.facts import assessment
from jobs.watch.figures import DayFigures, DayState, Figures
from jobs.watch.model import (
    TEST_MAIL_STEP,
    ChannelState,
    Damage,
    Eye,
    Incident,
    IncidentCard,
    News,
    NewsKind,
    Sight,
    WatchedChannel,
)

Row = tuple[str, Text]
SLOT, NOBODY = "incident", "nobody:"
NEWS_FOR = timedelta(hours=1)
"""Age up to which a change of an incident is posted below its card.

An older change is only on the card.
"""
_GENERATE = "fix.generate_token"
_FIX = "fix."
_POSTED = {
    NewsKind.WORSE: ("attention", "✗"),
    NewsKind.FLAPS: ("attention", "▲"),
    NewsKind.BLIND: ("emphasis", "?"),
    NewsKind.RECOVERED: ("good", "✓"),
}
"""Changes of an incident that are posted below its card, with their color and glyph.

All other changes are only on the card.
"""


def living_card(
    card: IncidentCard,
    incidents: Sequence[Incident],
    at: datetime,
    channel: Channel | None,
    to: str = "thread",
) -> DesiredCard:
    # The card is edited only for a change that a person must see, and shows the newest numbers
    # then. A message takes ten edits (platforms/webex.md 2).
    found = view(card, incidents, at, channel, direct=to != THREAD)
    # On a shared card the number grows ever more slowly, so that 200 channels that break one
    # after the other take eight edits, and not 200.
    changes = sum(len(each.news) for each in incidents)
    part, over = changes.bit_length() if card.shared else changes, not open_ones(incidents)
    acting = sorted(each.acting for each in incidents)
    drawn = desired_card(SLOT, (card.id, part, acting, over), cards.incident(found))
    return DesiredCard(
        SLOT if to == THREAD else f"{NOTIFY}{to}",
        drawn.card,
        drawn.fingerprint,
        to,
        urgency=f"{over} {part} {sorted(set(acting))}",
    )


def news_cards(
    card: IncidentCard, incidents: Sequence[Incident], at: datetime, *, told: bool = False
) -> list[DesiredCard]:
    # ``told`` means that the card of the run that fixed it, in the same space, says the same.
    if told:
        return []
    if card.shared:
        return _shared_end(card, incidents, at)
    one = incidents[0]
    return [
        DesiredCard(f"news:{each.at.isoformat()}", notice(_news_view(one, each)), card.id)
        for each in one.news
        if _is_posted(each, at)
    ]


def _shared_end(
    card: IncidentCard, incidents: Sequence[Incident], at: datetime
) -> list[DesiredCard]:
    end = _end_of(incidents)
    if end is None or at - end > NEWS_FOR:
        return []
    values = {"count": str(len(incidents))}
    shown = NoticeView(
        Text("watch.kicker"),
        Text("watch.news_all_recovered", values),
        cause_of(incidents[0]),
        "good",
        "✓",
        at=end,
    )
    return [DesiredCard(f"news:{end.isoformat()}", notice(shown), card.id)]


def _is_posted(news: News, at: datetime) -> bool:
    return news.kind in _POSTED and at - news.at <= NEWS_FOR


def _news_view(incident: Incident, news: News) -> NoticeView:
    tone, glyph = _POSTED[news.kind]
    title = Text(f"watch.news_{news.kind}", {"mailbox": incident.mailbox})
    words = _result(incident) if news.kind is NewsKind.RECOVERED else _cause_text(news.cause)
    return NoticeView(Text("watch.kicker"), title, words, tone, glyph, at=news.at)


def reminder_card(card: IncidentCard, incidents: Sequence[Incident], number: int) -> DesiredCard:
    first = incidents[0]
    title = Text("watch.reminder_title", {"since": minute_of(first.since)})
    shown = NoticeView(Text("watch.kicker"), title, cause_of(first), "accent", "◆")
    return DesiredCard(f"{NOBODY}{number}", notice(shown), card.id)


def reminder_over(slot: str, incidents: Sequence[Incident]) -> DesiredCard:
    """Return a reminder as it is once somebody acts, or the incident is over."""
    title, cause = Text("reminder.over_title"), cause_of(incidents[0])
    return last_look(slot, Text("watch.kicker"), title, cause)


def view(
    card: IncidentCard,
    incidents: Sequence[Incident],
    at: datetime,
    channel: Channel | None,
    *,
    direct: bool = False,
) -> IncidentView:
    current = open_ones(incidents) or incidents
    first, look = current[0], look_of(incidents)
    shown = IncidentView(
        card=card.id,
        look=look,
        title=_title(card, look, current),
        mailboxes=tuple(sorted(_mailboxes(current))),
        cause=cause_of(first),
        turn=first.turn,
        at=max(each.news[-1].at for each in incidents),
        remedy=known_text(f"remedy.{first.cause}"),
        effect=None if look is IncidentLook.BLIND else known_text(f"effect.{first.station}"),
        rows=tuple(_rows(incidents, at)),
        acts=_acted_on(current) is None,
        direct=direct,
    )
    if is_of_one_mailbox(card, current):
        return _of_one(shown, first, channel)
    return replace(shown, fix=_fixes(card, incidents))


def open_ones(incidents: Sequence[Incident]) -> list[Incident]:
    return [each for each in incidents if each.is_open]


def _mailboxes(incidents: Sequence[Incident]) -> set[str]:
    return {each.mailbox for each in incidents}


def is_of_one_mailbox(card: IncidentCard, incidents: Sequence[Incident]) -> bool:
    """Return whether the card names one mailbox; the operator's card only counts them."""
    return not card.counts and len(_mailboxes(incidents)) == 1


def _of_one(shown: IncidentView, incident: Incident, channel: Channel | None) -> IncidentView:
    changes = tuple((each.at, _change(each)) for each in incident.news)
    cause = _result(incident) if shown.look is IncidentLook.ENDED else shown.cause
    return replace(
        shown, cause=cause, changes=changes, fix=_fix(incident), page=_page(incident, channel)
    )


def look_of(incidents: Sequence[Incident]) -> IncidentLook:
    current = open_ones(incidents)
    return _look_of_open(current) if current else _look_of_ended(incidents)


def _look_of_open(incidents: Sequence[Incident]) -> IncidentLook:
    if all(_is_blind(each) for each in incidents):
        return IncidentLook.BLIND
    return IncidentLook.FLAPS if any(each.flaps for each in incidents) else IncidentLook.BROKEN


def _is_blind(incident: Incident) -> bool:
    return incident.sight is Sight.CANNOT_LOOK or incident.blind_since is not None


def _look_of_ended(incidents: Sequence[Incident]) -> IncidentLook:
    unwatched = all(each.is_unwatched for each in incidents)
    return IncidentLook.UNWATCHED if unwatched else IncidentLook.ENDED


def _title(card: IncidentCard, look: IncidentLook, incidents: Sequence[Incident]) -> Text:
    if is_of_one_mailbox(card, incidents):
        return Text(f"watch.title_{look}", {"mailbox": incidents[0].mailbox})
    values = {"count": str(len(_mailboxes(incidents)))}
    if not card.counts:
        return Text(f"watch.many_{look}", values)
    rooms = {each.room for each in incidents}
    return Text(f"watch.counts_{look}", values | {"spaces": str(len(rooms))})


def cause_of(incident: Incident) -> Text:
    return _cause_text(incident.cause)


def _cause_text(cause: str) -> Text:
    return known_text(f"cause.{cause}") or known_text(f"watch.reason_{cause}") or _wrong_step(cause)


def _wrong_step(name: str) -> Text:
    if has_text(f"step.{name}"):
        return Text("watch.step_wrong", {"step": f"key:step.{name}"})
    return Text("watch.cause_unknown")


def _fix(incident: Incident) -> tuple[str, dict[str, str]] | None:
    if not _is_ended_by_plan(incident):
        return None
    return incident.fix, {"do": "fix", "channel": incident.mailbox}


def _is_ended_by_plan(incident: Incident) -> bool:
    planned = incident.fix.startswith(_FIX) and incident.fix != _GENERATE
    return planned and incident.sight is not Sight.CANNOT_LOOK


def _page(incident: Incident, channel: Channel | None) -> tuple[str, str] | None:
    if incident.fix != _GENERATE or channel is None:
        return None
    page = page_of(channel)
    return (_GENERATE, page) if page else None


def fixable(incidents: Sequence[Incident]) -> list[Incident]:
    return [each for each in open_ones(incidents) if _is_ended_by_plan(each)]


def _fixes(card: IncidentCard, incidents: Sequence[Incident]) -> tuple[str, dict[str, str]] | None:
    if not fixable(incidents):
        return None
    return "watch.fix_each", {"do": "watch_fix", "card": card.id}


def _rows(incidents: Sequence[Incident], at: datetime) -> list[Row]:
    end = _end_of(incidents)
    end_rows = [] if end is None else [("watch.row_ended", verbatim_moment(end))]
    told = sorted({name for each in incidents for name in each.told})
    notified_people = [("watch.row_told", verbatim(", ".join(told)))] if told else []
    return [
        ("watch.row_since", verbatim_moment(min(each.since for each in incidents))),
        ("watch.row_noticed", verbatim_moment(min(each.noticed for each in incidents))),
        *end_rows,
        *_seen_by(min(incidents, key=lambda each: each.since)),
        *_mails(incidents),
        *_acting(incidents, at),
        *notified_people,
    ]


def _end_of(incidents: Sequence[Incident]) -> datetime | None:
    ends = [each.ended for each in incidents if each.ended is not None]
    return max(ends) if len(ends) == len(incidents) else None


def _mails(incidents: Sequence[Incident]) -> list[Row]:
    damage = Damage(
        sum(each.damage.late for each in incidents), sum(each.damage.bounced for each in incidents)
    )
    if not damage.mails:
        return []
    values = {"late": str(damage.late), "bounced": str(damage.bounced)}
    return [("watch.row_mails", Text("watch.mails", values))]


def _acting(incidents: Sequence[Incident], at: datetime) -> list[Row]:
    incident = _acted_on(incidents)
    if incident is not None:
        values = {"who": incident.acting, "since": minute_of(incident.acting_since or at)}
        return [("watch.row_acting", Text("watch.acting", values))]
    return [("watch.row_acting", Text("watch.acting_nobody"))] if open_ones(incidents) else []


def _acted_on(incidents: Sequence[Incident]) -> Incident | None:
    return next((each for each in incidents if each.acting), None)


def _seen_by(incident: Incident) -> list[Row]:
    """Return that only a test mail of the watch showed the incident, and where the mail stopped."""
    if not _has_stopped_test_mail(incident):
        return []
    values = {"at": minute_of(incident.since), "where": f"key:watch.stops_{incident.station}"}
    return [("watch.row_test_mail", Text("watch.only_test_mail", values))]


def _has_stopped_test_mail(incident: Incident) -> bool:
    shown = incident.step == TEST_MAIL_STEP and incident.sight is not Sight.CANNOT_LOOK
    return shown and incident.station is not None


def verbatim_moment(at: datetime) -> Text:
    """Return the moment in the reader's time zone."""
    return Text("time.at", {"at": minute_of(at)})


def _change(news: News) -> Text:
    if news.kind is NewsKind.WORSE:
        return _cause_text(news.cause)
    return Text(f"watch.change_{news.kind}")


def _result(incident: Incident) -> Text:
    length = lasted(incident.duration or timedelta(0))
    if incident.fixed_by:
        return Text("watch.result_fixed", {"lasted": length, "run": incident.fixed_by})
    return Text("watch.result", {"lasted": length})


_UNSEEN: Mapping[frozenset[Eye], Text | None] = {
    frozenset({Eye.APP, Eye.LOGIN}): None,
    frozenset({Eye.APP}): Text("watch.unseen_login"),
    frozenset({Eye.LOGIN}): Text("watch.unseen_app"),
    frozenset(): Text("watch.unseen_both"),
}
"""Text about the failures that the watch cannot see.

The key is the set of accesses that the watch has: to the app, as the mailbox, both or none.
"""


def line_of(services: Services, watched: WatchedChannel, at: datetime) -> ChannelLine:
    state = services.watching.incidents.state(watched.mailbox)
    incident = services.watching.incidents.open_of_channel(watched.mailbox)
    unseen = _unseen(state)
    if words := superseded.in_progress(assessment(services.store, watched.mailbox)):
        return ChannelLine(watched.mailbox, State.WAITING, words, state.looked, unseen)
    if watched.is_paused(at) and watched.paused_until is not None:
        words = Text("watch.line_paused", {"until": minute_of(watched.paused_until)})
        return ChannelLine(watched.mailbox, State.WAITING, words, state.looked)
    shown = _quiet_line(watched, state) if incident is None else _incident_line(incident)
    return ChannelLine(watched.mailbox, *shown, state.looked, unseen)


def _incident_line(incident: Incident) -> tuple[State, Text]:
    state = State.UNKNOWN if incident.sight is Sight.CANNOT_LOOK else State.WRONG
    return state, cause_of(incident)


def _quiet_line(watched: WatchedChannel, state: ChannelState) -> tuple[State, Text]:
    every = {"interval": span_of(watched.interval)}
    if state.last is None:
        return State.WAITING, Text("watch.line_never", every)
    if state.suspicion is not None:
        return State.WARNING, Text("watch.line_suspected", every)
    if state.last.sight is Sight.UNSURE:
        return State.WARNING, Text("watch.line_unsure", every)
    if _unseen(state) is not None:
        return State.WARNING, Text("watch.line_partly", every)
    return State.OK, Text("watch.line_healthy", every)


def _unseen(state: ChannelState) -> Text | None:
    """Return what the watch cannot see of the channel, or None if it sees all that it could."""
    if state.last is None:
        return None
    return _UNSEEN[frozenset({Eye.APP, Eye.LOGIN}.intersection(state.last.eyes))]


def interval_of(run: Run, services: Services) -> str:
    """Return how often the run's channel is watched, as a value of a text, or an empty string.

    The string is empty for a channel whose cards go to another space.
    """
    watched = services.watching.channels.load(run.channel.mailbox)
    if watched is None or watched.room != run.origin.room:
        return ""
    return span_of(watched.interval)


DAYS, PAGE_DAYS = 30, 90
_STATES = {
    DayState.WELL: State.OK,
    DayState.BROKEN: State.WRONG,
    DayState.BLIND: State.UNKNOWN,
    DayState.NONE: State.SKIPPED,
}


def history_view(  # noqa: PLR0913  everything that the card shows
    mailbox: str,
    found: Figures,
    incidents: Sequence[Incident],
    at: datetime,
    page: Link,
    *,
    watched: bool,
) -> cards.HistoryView:
    """Return the view of a channel's last days.

    ``incidents`` are those that touch these days, oldest first. They include the times in which the
    watch could not look at the channel.
    """
    return cards.HistoryView(
        mailbox=mailbox,
        at=at,
        title=title_of(found),
        state=_worst(found, incidents),
        days=tuple(
            cards.HistoryDay(each.date, _STATES[each.state], each.mails) for each in found.days
        ),
        rows=rows_of(found),
        incidents=tuple(_history_incident_line(each) for each in reversed(incidents)),
        page=(page.url, page.until),
        watched=watched,
        unseen=unseen_of(mailbox, found),
    )


def title_of(found: Figures) -> Text:
    if found.first_day is None:
        return Text("history.title_none")
    seen = {"count": str(len(found.incidents)), "day": f"day:{found.first_day.isoformat()}"}
    if found.availability is not None:
        return Text("history.title", {"share": percent(found.availability), **seen})
    return Text("history.title_seen" if found.incidents else "history.title_unmeasured", seen)


def _worst(found: Figures, incidents: Sequence[Incident]) -> State:
    open_sights = {each.sight for each in open_ones(incidents)}
    if Sight.BROKEN in open_sights:
        return State.WRONG
    if found.availability is None:
        return State.SKIPPED
    return State.UNKNOWN if open_sights else State.OK


def unseen_of(mailbox: str, found: Figures) -> Text | None:
    """Return what the newest looks could not see, or None."""
    return Text("history.unseen", {"mailbox": mailbox}) if found.is_blind_now else None


def rows_of(found: Figures) -> tuple[Row, ...]:
    broken = [("history.row_broken", span(found.broken))] if found.broken else []
    blind = [("history.row_blind", verbatim(number(found.blind)))] if found.blind else []
    return (
        *broken,
        *_times(found),
        *_history_mails(found),
        *_hit(found),
        *blind,
        *_first_day(found),
    )


def _times(found: Figures) -> list[Row]:
    pairs = (("notice", found.to_notice), ("fix", found.to_fix)) if found.incidents else ()
    unknown = Text("history.not_known")
    return [(f"history.row_{name}", span(value) if value else unknown) for name, value in pairs]


def _history_mails(found: Figures) -> list[Row]:
    days = sum(each.measured for each in found.days)
    if found.first_day and not days and not found.mails:
        return [("history.row_mails", Text("history.not_seen"))]
    if not found.mails or not days:
        return []
    values = {"mails": number(found.mails), "each": number(round(found.mails / days))}
    return [("history.row_mails", Text("history.mails", values))]


def _hit(found: Figures) -> list[Row]:
    if not found.late and not found.bounced:
        return []
    values = {"late": number(found.late), "bounced": number(found.bounced)}
    return [("history.row_hit", Text("watch.mails", values))]


def _first_day(found: Figures) -> list[Row]:
    first = found.first_day
    if first is None or found.days[0].date == first:
        return []
    return [("history.row_since", Text("history.day", {"day": f"day:{first.isoformat()}"}))]


def mails_of(day: DayFigures) -> str:
    """Return the number of the day's mails; that of a day that was not measured is not known."""
    return number(day.mails) if day.measured or day.mails else text("history.not_seen")


def span(value: timedelta) -> Text:
    return verbatim(lasted(value))


def lasted_of(incident: Incident) -> Text:
    if incident.duration is None:
        return Text("history.goes_on")
    return Text("history.unwatched") if incident.is_unwatched else span(incident.duration)


def _history_incident_line(incident: Incident) -> cards.IncidentLine:
    state = State.WRONG if incident.sight is Sight.BROKEN else State.UNKNOWN
    return cards.IncidentLine(incident.since, cause_of(incident), lasted_of(incident), state)


def ended_by(incident: Incident) -> Text:
    if incident.is_open:
        return Text("history.goes_on")
    if incident.fixed_by:
        return Text("history.fixed_by", {"run": incident.fixed_by})
    return Text("history.unwatched" if incident.is_unwatched else "history.fixed_outside")
