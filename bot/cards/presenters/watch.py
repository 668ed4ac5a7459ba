"""Cards of the watch: incidents and their news, its list, and the history of a channel."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from itertools import groupby

from adaptive_cards import Card, components as ui, elements as el, glyphs, notice
from adaptive_cards.locale import day_clock, lasted, number, percent, written_date
from adaptive_cards.texts import has_text, known_text, render, text
from bot.cards import superseded
from bot.cards.presenters import card_state as shared
from bot.cards.presenters.lists import ChannelLine
from bot.links import Link
from bot.services import Services
from jobs.checks.check import Assessment
from jobs.checks.verdict import page_of
from jobs.model import Channel, State, Text, Turn, every_of, minute_of, verbatim
from jobs.runs.run import Run
from jobs.watch.history import DayFigures, DayState, Figures
from jobs.watch.model import Eye, Incident, IncidentCard, News, NewsKind, Sight, WatchedChannel

Row = tuple[str, Text]
Incidents = Sequence[Incident]
SLOT, NOBODY = "incident", "nobody:"
NEWS_FOR = timedelta(hours=1)
"""Age up to which a change of an incident is posted below its card, and not only on the card."""
_GENERATE = "fix.generate_token"
_POSTED = {
    NewsKind.WORSE: ui.BROKEN,
    NewsKind.OTHER_CAUSE: ui.BROKEN,
    NewsKind.FLAPS: ("attention", glyphs.WARNING),
    NewsKind.BLIND: ui.UNCLEAR,
    NewsKind.RECOVERED: ui.WELL,
}
"""Changes of an incident that are posted below its card, and not only on it, with their style."""


def living_card(
    card: IncidentCard, incidents: Incidents, channel: Channel, to: str, who: Sequence[str]
) -> shared.DesiredCard:
    slot, kicker = SLOT if to == shared.THREAD else f"{shared.NOTIFY}{to}", Text("watch.kicker")
    if not is_of_one_mailbox(card, incidents) and all(e.shared != card.shared for e in incidents):
        title = Text("superseded.broke", {"at": minute_of(max(each.broke for each in incidents))})
        cause = {"cause": render(cause_text(card.shared.rpartition("/")[2]))}
        return shared.last_look(slot, kicker, title, Text("watch.cause_was", cause), to=to)
    # The card is edited only for a change that a person must see, and shows the newest numbers
    # then. A message takes ten edits (platforms/webex.md 2).
    found = incident(card, incidents, channel, to, who)
    # On a shared card the number grows ever more slowly, so that 200 channels that break one
    # after the other take eight edits, and not 200.
    changes = sum(len(each.news) for each in incidents)
    part, over = changes.bit_length() if card.shared else changes, not open_ones(incidents)
    acting = sorted({each.acting for each in incidents})
    mark = shared.marked((card.id, part, acting, over))
    return shared.DesiredCard(slot, found, mark, to, f"{over} {part} {acting}")


def news_cards(card: IncidentCard, incidents: Incidents, at: datetime) -> list[shared.DesiredCard]:
    one, kicker, found = incidents[0], Text("watch.kicker"), []
    over = _title(card, look_of(incidents), incidents)
    if card.shared and (end := _end_of(incidents)):
        found.append((end, notice(kicker, over, _cause_now(one), ui.WELL, at=end)))
    for news in () if card.shared else one.news:
        # an earlier end of a break that has come again is over
        if news.kind in _POSTED and (news is one.news[-1] or news.kind is not NewsKind.RECOVERED):
            named = Text(f"watch.news_{news.kind}", {"mailbox": one.mailbox})
            title = over if news.kind is NewsKind.RECOVERED else named
            words = {NewsKind.RECOVERED: _result(one), NewsKind.WORSE: _mails([one])}.get(news.kind)
            words = words or cause_text(news.cause)
            drawn = notice(kicker, title, words, _POSTED[news.kind], at=news.at)
            found.append((news.at, drawn))
    return [
        shared.DesiredCard(f"news:{since.isoformat()}", drawn, card.id)
        for since, drawn in found
        if at - since <= NEWS_FOR
    ]


def reminder_card(card: IncidentCard, incidents: Incidents, number: int) -> shared.DesiredCard:
    first = incidents[0]
    title = Text("watch.reminder_title", {"since": minute_of(first.since)})
    shown = notice(Text("watch.kicker"), title, cause_text(first.cause), ui.ASKED)
    return shared.DesiredCard(f"{NOBODY}{number}", shown, card.id)


def reminder_over(slot: str, incidents: Incidents) -> shared.DesiredCard:
    title, cause = Text("reminder.over_title"), _cause_now(incidents[0])
    return shared.last_look(slot, Text("watch.kicker"), title, cause)


class Look(Enum):
    """State of an incident's card, with the style of its band."""

    BROKEN = ui.BROKEN
    BLIND = ui.UNCLEAR
    FLAPS = "attention", glyphs.WARNING
    ENDED = ui.WELL
    SEES = "emphasis", glyphs.OK
    UNWATCHED = ui.OVER


_MAILBOXES_MOST, _CHANGES_MOST = 10, 8


def incident(
    card: IncidentCard, incidents: Incidents, channel: Channel, to: str, who: Sequence[str] = ()
) -> Card:
    """Return the card of an incident, or of all of one cause; ``channel`` is the first one's."""
    current = open_ones(incidents) or incidents
    first, one, mailboxes = current[0], is_of_one_mailbox(card, current), _mailboxes(current)
    ended = one and _is_over(incidents)
    lines = [el.said(_result(first) if ended else _cause_now(first), spacing="Small")]
    if first.is_open:
        effect = known_text(f"effect.{first.station}")
        seen = look_of(incidents) is not Look.BLIND
        lines += [el.said(effect, spacing="Small")] if effect and seen else []
        remedy = known_text(f"remedy.{first.cause}")
        named = {Turn.APPROVER: who}.get(first.turn, ())  # the approvers of the settings
        lines.append(ui.turn_line(first.turn, remedy or verbatim(""), who=named))
    boxes = [el.rich(el.run(each), spacing="Small") for each in mailboxes[:_MAILBOXES_MOST]]
    body = [
        ui.labeled(_rows(incidents)),
        *ui.titled("watch.channels_section", boxes if len(mailboxes) > 1 else []),
        *ui.count_line("watch.more_channels", len(mailboxes) - len(boxes)),
        *(_changes(first) if one else ()),
        *el.button_rows(_buttons(card, incidents, channel, direct=to != shared.THREAD)),
    ]
    kicker = ui.kicker_at("watch.kicker", max(each.news[-1].at for each in incidents))
    look = look_of(incidents)
    band = ui.Band.of(*look.value, _title(card, look, current), *lines)
    return ui.finished(kicker, band, body)


def _changes(incident: Incident) -> list[el.Element]:
    news = incident.news
    if len(news) > _CHANGES_MOST:  # the first one and the newest
        news = (news[0], *news[-_CHANGES_MOST + 1 :])
    lines = []
    for each in news:
        at = el.run(f"{day_clock(each.at)}  ", **el.SUBTLE)
        told = el.run(render(_change(each, incident.cause)))
        lines.append(el.rich(at, told, spacing="Small"))
    return ui.titled("watch.changes_section", lines if len(news) > 1 else [])


def _buttons(
    card: IncidentCard, incidents: Incidents, channel: Channel, *, direct: bool
) -> list[el.Element]:
    current = open_ones(incidents)
    names = _mailboxes(current or incidents)
    data = {"do": "check", "channel": names[0]}
    check = [el.press(text("button.check_now"), data)] if len(names) == 1 and not direct else []
    if not current:
        return check if _is_over(incidents) else []
    key = "not_on_it" if _acted_on(current) else "on_it"
    on_it = el.press(text(f"watch.{key}"), {"do": f"watch_{key}", "card": card.id})
    return [*([] if direct else _fix(card, current, channel)), on_it, *check]


def _fix(card: IncidentCard, current: Incidents, channel: Channel) -> list[el.Element]:
    """Return the button that opens a plan for each channel, or the page for a fix by hand."""
    first = current[0]
    if not is_of_one_mailbox(card, current):
        each = {"do": "watch_fix", "card": card.id}
        return [el.press(text("watch.fix_each"), each, main=True)] if fixable(current) else []
    if _is_ended_by_plan(first):
        return [el.press(text(first.fix), {"do": "fix", "channel": first.mailbox}, main=True)]
    page = page_of(channel) if first.fix == _GENERATE else ""
    return [el.open_url(text(_GENERATE), page)] if page else []


def open_ones(incidents: Incidents) -> list[Incident]:
    return [each for each in incidents if each.is_open]


def _mailboxes(incidents: Incidents) -> list[str]:
    return sorted({each.mailbox for each in incidents})


def is_of_one_mailbox(card: IncidentCard, incidents: Incidents) -> bool:
    """Return whether the card names one mailbox; the operator's card only counts them."""
    return not card.counts and len(_mailboxes(incidents)) == 1


def look_of(incidents: Incidents) -> Look:
    if not (current := open_ones(incidents)):
        over = Look.SEES if all(e.sight is Sight.CANNOT_LOOK for e in incidents) else Look.ENDED
        return Look.UNWATCHED if all(each.is_unwatched for each in incidents) else over
    if all(each.sight is Sight.CANNOT_LOOK or each.blind_since for each in current):
        return Look.BLIND
    return Look.FLAPS if any(each.flaps for each in current) else Look.BROKEN


def _is_over(incidents: Incidents) -> bool:
    return look_of(incidents) in {Look.ENDED, Look.SEES}


def _title(card: IncidentCard, look: Look, incidents: Incidents) -> Text:
    name = look.name.lower()
    if is_of_one_mailbox(card, incidents):
        return Text(f"watch.title_{name}", {"mailbox": incidents[0].mailbox})
    values = {"count": str(len(_mailboxes(incidents)))}
    if not card.counts:
        return Text(f"watch.many_{name}", values)
    rooms = {each.room for each in incidents}
    return Text(f"watch.counts_{name}", values | {"spaces": str(len(rooms))})


def _cause_now(incident: Incident) -> Text:
    # The texts of causes are in the present tense, and the cause of an ended incident is over. What
    # became of a channel that is not watched any more is not known.
    cause, key = cause_text(incident.cause), "seen" if incident.is_unwatched else "was"
    return cause if incident.is_open else Text(f"watch.cause_{key}", {"cause": render(cause)})


def cause_text(cause: str) -> Text:
    if known := known_text(f"cause.{cause}") or known_text(f"watch.reason_{cause}"):
        return known
    if has_text(f"step.{cause}"):
        return Text("watch.step_wrong", {"step": f"key:step.{cause}"})
    return Text("watch.cause_unknown")


def _is_ended_by_plan(incident: Incident) -> bool:
    planned = incident.fix.startswith("fix.") and incident.fix != _GENERATE
    return planned and incident.sight is not Sight.CANNOT_LOOK


def fixable(incidents: Incidents) -> list[Incident]:
    return [each for each in open_ones(incidents) if _is_ended_by_plan(each)]


def _rows(incidents: Incidents) -> list[Row]:
    end, first = _end_of(incidents), min(incidents, key=lambda each: each.since)
    told = sorted({name for each in incidents for name in each.told})
    rows = {
        "watch.row_since": verbatim(day_clock(first.since)),
        "watch.row_noticed": verbatim(day_clock(min(each.noticed for each in incidents))),
        "watch.row_ended": verbatim(day_clock(end)) if end and _is_over(incidents) else None,
        "verdict.who_changed": first.changed.text() if first.changed else None,
        "watch.row_test_mail": _seen_by(first),
        "watch.row_mails": _mails(incidents) if any(e.damage.mails for e in incidents) else None,
        "watch.row_acting": _acting(incidents),
        "watch.row_told": verbatim(", ".join(told)) if told else None,
    }
    return [(key, words) for key, words in rows.items() if words]


def _mails(incidents: Incidents) -> Text:
    late = number(sum(each.damage.late for each in incidents))
    bounced = number(sum(each.damage.bounced for each in incidents))
    return Text("watch.mails", {"late": late, "bounced": bounced})


def _end_of(incidents: Incidents) -> datetime | None:
    ends = [each.ended for each in incidents if each.ended is not None]
    return max(ends) if len(ends) == len(incidents) else None


def _acting(incidents: Incidents) -> Text | None:
    if not (current := open_ones(incidents)):
        return None
    if by := _acted_on(current):
        values = {"who": by.acting, "since": minute_of(by.acting_since or by.since)}
        return Text("watch.acting", values)
    return Text("watch.acting_nobody")


def _acted_on(incidents: Incidents) -> Incident | None:
    return next((each for each in incidents if each.acting), None)


def _seen_by(incident: Incident) -> Text | None:
    """Return that only a test mail of the watch showed the incident, and where the mail stopped."""
    if not incident.is_of_test_mail or incident.station is None:
        return None
    values = {"at": minute_of(incident.since), "where": f"key:watch.stops_{incident.station}"}
    return Text("watch.only_test_mail", values)


def _change(news: News, cause: str) -> Text:
    if news.kind is NewsKind.BEGAN and news.cause != cause:
        return Text("watch.change_began_by", {"cause": render(cause_text(news.cause))})
    if news.kind is NewsKind.OTHER_CAUSE:
        return cause_text(news.cause)
    return Text(f"watch.change_{news.kind}")


def _result(incident: Incident) -> Text:
    length = lasted(incident.duration or timedelta(0))
    if incident.sight is Sight.CANNOT_LOOK:  # which says nothing of the channel
        return Text("watch.result_sees", {"lasted": length})
    if incident.fixed_by:
        return Text("watch.result_fixed", {"lasted": length, "run": incident.fixed_by})
    return Text("watch.result", {"lasted": length})


_ALL = {Eye.APP, Eye.LOGIN}


def line_of(
    services: Services, watched: WatchedChannel, found: Assessment, at: datetime
) -> ChannelLine:
    mailbox = watched.mailbox
    state = services.watching.state(mailbox)
    incident = services.watching.open_of_channel(mailbox)
    # What the watch cannot see of the channel; None if it sees all that it could.
    closed = "_".join(sorted(_ALL.difference(state.last.eyes))) if state.last else ""
    unseen = Text(f"watch.unseen_{closed}") if closed else None
    if words := superseded.in_progress(found):
        return ChannelLine(mailbox, State.WAITING, words, state.looked, unseen)
    if watched.is_paused(at) and watched.paused_until is not None:
        words = Text("watch.line_paused", {"until": minute_of(watched.paused_until)})
        return ChannelLine(mailbox, State.WAITING, words, state.looked)
    if incident is not None:
        shown = State.UNKNOWN if incident.sight is Sight.CANNOT_LOOK else State.WRONG
        return ChannelLine(mailbox, shown, cause_text(incident.cause), state.looked, unseen)
    shown, kind = (State.WARNING, "partly") if unseen else (State.OK, "healthy")
    if state.last is None:
        shown, kind = State.WAITING, "never"
    elif state.suspicion is not None:
        shown, kind = State.WARNING, "suspected"
    elif state.last.sight is Sight.UNSURE:
        shown, kind = State.WARNING, "unsure"
    words = Text(f"watch.line_{kind}", {"interval": every_of(watched.interval)})
    return ChannelLine(mailbox, shown, words, state.looked, unseen)


def interval_of(run: Run, services: Services) -> str:
    """Return how often the channel is watched in the run's space, or an empty string."""
    watched = services.watching.load(run.channel.mailbox)
    return every_of(watched.interval) if watched and watched.room == run.origin.room else ""


DAYS, PAGE_DAYS = 30, 90
_INCIDENTS_MOST = 5
_A_LINE = 10
_BLOCKS = "▁▂▃▄▅▆▇█"
_MARKS = {
    DayState.WELL: glyphs.OK,
    DayState.BROKEN: glyphs.WRONG,
    DayState.BLIND: glyphs.UNKNOWN,
    DayState.NONE: glyphs.NOT_YET,
}


def history(  # noqa: PLR0913  everything that the card shows
    mailbox: str, found: Figures, incidents: Incidents, at: datetime, page: Link, *, watched: bool
) -> Card:
    """Return the card of a channel's last days, with five incidents at most; the page has all.

    ``incidents`` are those that touch these days, oldest first. They include the times in which the
    watch could not look at the channel.
    """
    unseen = unseen_of(mailbox, found)
    shown = []
    for each in incidents[::-1][:_INCIDENTS_MOST]:
        mark = glyphs.WRONG if each.sight is Sight.BROKEN else glyphs.UNKNOWN
        about = el.rich(el.run(day_clock(each.since))), ui.note(cause_text(each.cause))
        shown.append(glyphs.marked(mark, *about, right=ui.aside(lasted_of(each))))
    body = [
        *_row_of_days(found.days),
        ui.labeled(rows_of(found)),
        *ui.titled("history.incidents", shown),
        *ui.count_line("history.more_incidents", len(incidents) - _INCIDENTS_MOST),
        ui.small_print(Text("history.link_words", {"until": day_clock(page.until)})),
    ]
    data = {"do": "check", "channel": mailbox}
    watch = el.press(text("watch.add_button"), data | {"do": "watch"})
    actions = [
        *([el.press(text("watch.see_more"), data)] if unseen else []),
        el.open_url(text("history.page_button"), page.url),
        el.press(text("button.check_now"), data) if watched else watch,
    ]
    told = [el.said(unseen, spacing="Small")] if unseen else []
    sights = {each.sight for each in open_ones(incidents)}
    look = ui.UNCLEAR if sights else ui.WELL
    if Sight.BROKEN in sights:
        look = ui.BROKEN
    elif found.availability is None:
        look = ui.NOT_BEGUN
    band = ui.Band.of(*look, title_of(found), *told)
    return ui.finished(ui.kicker_at("history.kicker", at, mailbox=mailbox), band, body, actions)


def _row_of_days(days: Sequence[DayFigures]) -> list[el.Element]:
    # The glyphs are in groups of ten, between which a narrow card breaks the line. Runs of equal
    # days are in one color.
    marks = [
        el.run("".join(_spaced(at, _MARKS[state].glyph) for at, _ in some), **el.MONO, **look)
        for state, some in groupby(enumerate(days), key=lambda each: each[1].state)
        for look in (_MARKS[state].look,)
    ]
    most = max((each.mails for each in days), default=0)
    values = {"first": written_date(days[0].date), "last": written_date(days[-1].date)}
    legend = "  ".join(
        f"{mark.glyph} {text(f'history.state_{state}')}" for state, mark in _MARKS.items()
    )
    below = el.rich(el.run(legend, **el.SUBTLE), spacing="None")
    lines = [el.rich(*marks, spacing="Medium"), below]
    if not most:
        return [*lines, ui.note(Text("history.days_line", values))]
    mails = "".join(_spaced(at, _block(each, most)) for at, each in enumerate(days))
    words = ui.note(Text("history.mails_line", {"most": number(most), **values}))
    return [*lines, el.rich(el.run(mails, **el.MONO), spacing="Small"), words]


def _spaced(number: int, glyph: str) -> str:
    return f" {glyph}" if number and number % _A_LINE == 0 else glyph


def _block(day: DayFigures, most: int) -> str:
    if not day.mails:
        return glyphs.UNKNOWN.glyph if day.state is DayState.BLIND else "·"
    return _BLOCKS[min(len(_BLOCKS) - 1, day.mails * len(_BLOCKS) // (most + 1))]


def title_of(found: Figures) -> Text:
    if found.first_day is None:
        return Text("history.title_none")
    seen = {"count": str(len(found.incidents)), "day": f"day:{found.first_day.isoformat()}"}
    if found.availability is not None:
        return Text("history.title", {"share": percent(found.availability), **seen})
    return Text("history.title_seen" if found.incidents else "history.title_unmeasured", seen)


def unseen_of(mailbox: str, found: Figures) -> Text | None:
    return Text("history.unseen", {"mailbox": mailbox}) if found.is_blind_now else None


def rows_of(found: Figures) -> tuple[Row, ...]:
    times = {"notice": found.to_notice, "fix": found.to_fix} if found.incidents else {}
    lost = {"broken": found.broken} if found.broken else {}
    rows = {
        f"history.row_{name}": verbatim(lasted(value)) if value else Text("history.not_known")
        for name, value in (lost | times).items()
    }
    rows |= _mail_rows(found)
    if found.blind:
        rows["history.row_blind"] = verbatim(number(found.blind))
    if (first := found.first_day) and found.days[0].date != first:
        rows["history.row_since"] = Text("history.day", {"day": f"day:{first.isoformat()}"})
    return tuple(rows.items())


def _mail_rows(found: Figures) -> dict[str, Text]:
    rows, measured = {}, sum(each.measured for each in found.days)
    if found.mails and measured:
        values = {"mails": number(found.mails), "each": number(round(found.mails / measured))}
        rows["history.row_mails"] = Text("history.mails", values)
    elif found.first_day and not found.mails and not measured:
        rows["history.row_mails"] = Text("history.not_seen")
    if found.late or found.bounced:
        values = {"late": number(found.late), "bounced": number(found.bounced)}
        rows["history.row_hit"] = Text("watch.mails", values)
    return rows


def mails_of(day: DayFigures) -> str:
    """Return the number of the day's mails; that of a day that was not measured is not known."""
    return number(day.mails) if day.measured or day.mails else text("history.not_seen")


def lasted_of(incident: Incident) -> Text:
    if incident.duration is None:
        return Text("history.goes_on")
    lasts = verbatim(lasted(incident.duration))
    return Text("history.unwatched") if incident.is_unwatched else lasts


def ended_by(incident: Incident) -> Text:
    if incident.is_open:
        return Text("history.goes_on")
    if incident.fixed_by:
        return Text("history.fixed_by", {"run": incident.fixed_by})
    return Text("history.unwatched" if incident.is_unwatched else "history.fixed_outside")
