"""Presenters of the watch: incidents and their news, its list, and the history of a channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from jobs.watch.history import DayFigures, DayState, Figures
from jobs.watch.model import (
    TEST_MAIL_STEP,
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
    one, kicker, found = incidents[0], Text("watch.kicker"), []
    if card.shared and (end := _end_of(incidents)):
        title = Text("watch.news_all_recovered", {"count": str(len(incidents))})
        found.append(NoticeView(kicker, title, cause_of(one), "good", "✓", at=end))
    for news in () if card.shared else one.news:
        if news.kind in _POSTED:
            tone, glyph = _POSTED[news.kind]
            title = Text(f"watch.news_{news.kind}", {"mailbox": one.mailbox})
            over = news.kind is NewsKind.RECOVERED
            words = _result(one) if over else _cause_text(news.cause)
            found.append(NoticeView(kicker, title, words, tone, glyph, at=news.at))
    return [
        DesiredCard(f"news:{each.at.isoformat()}", notice(each), card.id)
        for each in found
        if each.at and at - each.at <= NEWS_FOR
    ]


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
    first, look, one = current[0], look_of(incidents), is_of_one_mailbox(card, current)
    page = page_of(channel) if channel and first.fix == _GENERATE else ""
    fix: tuple[str, dict[str, str]] | None = None
    if one and _is_ended_by_plan(first):
        fix = first.fix, {"do": "fix", "channel": first.mailbox}
    elif not one and fixable(incidents):
        fix = "watch.fix_each", {"do": "watch_fix", "card": card.id}
    return IncidentView(
        card=card.id,
        look=look,
        title=_title(card, look, current),
        mailboxes=tuple(sorted(_mailboxes(current))),
        cause=_result(first) if one and look is IncidentLook.ENDED else cause_of(first),
        turn=first.turn,
        at=max(each.news[-1].at for each in incidents),
        remedy=known_text(f"remedy.{first.cause}"),
        effect=None if look is IncidentLook.BLIND else known_text(f"effect.{first.station}"),
        rows=tuple(_rows(incidents, at)),
        changes=tuple((each.at, _change(each)) for each in first.news) if one else (),
        acts=_acted_on(current) is None,
        fix=fix,
        page=(_GENERATE, page) if one and page else None,
        direct=direct,
    )


def open_ones(incidents: Sequence[Incident]) -> list[Incident]:
    return [each for each in incidents if each.is_open]


def _mailboxes(incidents: Sequence[Incident]) -> set[str]:
    return {each.mailbox for each in incidents}


def is_of_one_mailbox(card: IncidentCard, incidents: Sequence[Incident]) -> bool:
    """Return whether the card names one mailbox; the operator's card only counts them."""
    return not card.counts and len(_mailboxes(incidents)) == 1


def look_of(incidents: Sequence[Incident]) -> IncidentLook:
    current = open_ones(incidents)
    if not current:
        unwatched = all(each.is_unwatched for each in incidents)
        return IncidentLook.UNWATCHED if unwatched else IncidentLook.ENDED
    if all(each.sight is Sight.CANNOT_LOOK or each.blind_since for each in current):
        return IncidentLook.BLIND
    return IncidentLook.FLAPS if any(each.flaps for each in current) else IncidentLook.BROKEN


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
    if known := known_text(f"cause.{cause}") or known_text(f"watch.reason_{cause}"):
        return known
    if has_text(f"step.{cause}"):
        return Text("watch.step_wrong", {"step": f"key:step.{cause}"})
    return Text("watch.cause_unknown")


def _is_ended_by_plan(incident: Incident) -> bool:
    planned = incident.fix.startswith(_FIX) and incident.fix != _GENERATE
    return planned and incident.sight is not Sight.CANNOT_LOOK


def fixable(incidents: Sequence[Incident]) -> list[Incident]:
    return [each for each in open_ones(incidents) if _is_ended_by_plan(each)]


def _rows(incidents: Sequence[Incident], at: datetime) -> list[Row]:
    end, first = _end_of(incidents), min(incidents, key=lambda each: each.since)
    late = sum(each.damage.late for each in incidents)
    bounced = sum(each.damage.bounced for each in incidents)
    told = sorted({name for each in incidents for name in each.told})
    noticed = min(each.noticed for each in incidents)
    rows = {
        "watch.row_since": verbatim_moment(first.since),
        "watch.row_noticed": verbatim_moment(noticed),
        "watch.row_ended": verbatim_moment(end) if end else None,
        "verdict.who_changed": first.changed.text() if first.changed else None,
        "watch.row_test_mail": _seen_by(first),
        "watch.row_mails": Text("watch.mails", {"late": str(late), "bounced": str(bounced)}),
        "watch.row_acting": _acting(incidents, at),
        "watch.row_told": verbatim(", ".join(told)) if told else None,
    }
    if not late + bounced:
        del rows["watch.row_mails"]
    return [(key, words) for key, words in rows.items() if words]


def _end_of(incidents: Sequence[Incident]) -> datetime | None:
    ends = [each.ended for each in incidents if each.ended is not None]
    return max(ends) if len(ends) == len(incidents) else None


def _acting(incidents: Sequence[Incident], at: datetime) -> Text | None:
    incident = _acted_on(incidents)
    if incident is not None:
        values = {"who": incident.acting, "since": minute_of(incident.acting_since or at)}
        return Text("watch.acting", values)
    return Text("watch.acting_nobody") if open_ones(incidents) else None


def _acted_on(incidents: Sequence[Incident]) -> Incident | None:
    return next((each for each in incidents if each.acting), None)


def _seen_by(incident: Incident) -> Text | None:
    """Return that only a test mail of the watch showed the incident, and where the mail stopped."""
    shown = incident.step == TEST_MAIL_STEP and incident.sight is not Sight.CANNOT_LOOK
    if not shown or incident.station is None:
        return None
    values = {"at": minute_of(incident.since), "where": f"key:watch.stops_{incident.station}"}
    return Text("watch.only_test_mail", values)


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


_ALL = {Eye.APP, Eye.LOGIN}
_UNSEEN: Mapping[frozenset[Eye], Text | None] = {
    frozenset(_ALL): None,
    frozenset({Eye.APP}): Text("watch.unseen_login"),
    frozenset({Eye.LOGIN}): Text("watch.unseen_app"),
    frozenset(): Text("watch.unseen_both"),
}
"""Text about the failures that the watch cannot see.

The key is the set of accesses that the watch has: to the app, as the mailbox, both or none.
"""


def line_of(services: Services, watched: WatchedChannel, at: datetime) -> ChannelLine:
    mailbox = watched.mailbox
    state = services.watching.incidents.state(mailbox)
    incident = services.watching.incidents.open_of_channel(mailbox)
    # What the watch cannot see of the channel; None if it sees all that it could.
    eyes = frozenset(state.last.eyes) & _ALL if state.last else frozenset(_ALL)
    unseen = _UNSEEN[eyes]
    if words := superseded.in_progress(assessment(services.store, mailbox)):
        return ChannelLine(mailbox, State.WAITING, words, state.looked, unseen)
    if watched.is_paused(at) and watched.paused_until is not None:
        words = Text("watch.line_paused", {"until": minute_of(watched.paused_until)})
        return ChannelLine(mailbox, State.WAITING, words, state.looked)
    if incident is not None:
        blind = incident.sight is Sight.CANNOT_LOOK
        shown = State.UNKNOWN if blind else State.WRONG
        return ChannelLine(mailbox, shown, cause_of(incident), state.looked, unseen)
    every = {"interval": span_of(watched.interval)}
    shown, words = State.OK, Text("watch.line_healthy", every)
    if state.last is None:
        shown, words = State.WAITING, Text("watch.line_never", every)
    elif state.suspicion is not None:
        shown, words = State.WARNING, Text("watch.line_suspected", every)
    elif state.last.sight is Sight.UNSURE:
        shown, words = State.WARNING, Text("watch.line_unsure", every)
    elif unseen is not None:
        shown, words = State.WARNING, Text("watch.line_partly", every)
    return ChannelLine(mailbox, shown, words, state.looked, unseen)


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
    open_sights = {each.sight for each in open_ones(incidents)}
    state = State.UNKNOWN if open_sights else State.OK
    if found.availability is None:
        state = State.SKIPPED
    if Sight.BROKEN in open_sights:
        state = State.WRONG
    return cards.HistoryView(
        mailbox=mailbox,
        at=at,
        title=title_of(found),
        state=state,
        days=tuple(
            cards.HistoryDay(each.date, _STATES[each.state], each.mails) for each in found.days
        ),
        rows=rows_of(found),
        incidents=tuple(
            cards.IncidentLine(
                each.since,
                cause_of(each),
                lasted_of(each),
                State.WRONG if each.sight is Sight.BROKEN else State.UNKNOWN,
            )
            for each in reversed(incidents)
        ),
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


def unseen_of(mailbox: str, found: Figures) -> Text | None:
    """Return what the newest looks could not see, or None."""
    return Text("history.unseen", {"mailbox": mailbox}) if found.is_blind_now else None


def rows_of(found: Figures) -> tuple[Row, ...]:
    times = {"notice": found.to_notice, "fix": found.to_fix} if found.incidents else {}
    unknown, first = Text("history.not_known"), found.first_day
    measured = sum(each.measured for each in found.days)
    rows = {"history.row_broken": span(found.broken)} if found.broken else {}
    rows |= {
        f"history.row_{name}": span(value) if value else unknown for name, value in times.items()
    }
    if found.mails and measured:
        values = {"mails": number(found.mails), "each": number(round(found.mails / measured))}
        rows["history.row_mails"] = Text("history.mails", values)
    elif first and not found.mails and not measured:
        rows["history.row_mails"] = Text("history.not_seen")
    if found.late or found.bounced:
        values = {"late": number(found.late), "bounced": number(found.bounced)}
        rows["history.row_hit"] = Text("watch.mails", values)
    if found.blind:
        rows["history.row_blind"] = verbatim(number(found.blind))
    if first and found.days[0].date != first:
        rows["history.row_since"] = Text("history.day", {"day": f"day:{first.isoformat()}"})
    return tuple(rows.items())


def mails_of(day: DayFigures) -> str:
    """Return the number of the day's mails; that of a day that was not measured is not known."""
    return number(day.mails) if day.measured or day.mails else text("history.not_seen")


def span(value: timedelta) -> Text:
    return verbatim(lasted(value))


def lasted_of(incident: Incident) -> Text:
    if incident.duration is None:
        return Text("history.goes_on")
    return Text("history.unwatched") if incident.is_unwatched else span(incident.duration)


def ended_by(incident: Incident) -> Text:
    if incident.is_open:
        return Text("history.goes_on")
    if incident.fixed_by:
        return Text("history.fixed_by", {"run": incident.fixed_by})
    return Text("history.unwatched" if incident.is_unwatched else "history.fixed_outside")
