"""Commands /watch and /history: looks at a channel again and again, and what they have seen."""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from adaptive_cards import components as ui
from adaptive_cards.answers import OFFERS_MOST, offer
from bot import links
from bot.cards import superseded
from bot.cards.presenters import watch
from bot.cards.presenters.lists import ChannelLine, watch_list
from bot.chat import offers, permissions, preferences
from bot.chat.context import AnsweredError, Buttons, ChatContext, RefusedError
from bot.chat.parsing import lone_address
from bot.chat.permissions import is_known_or_watched_here, resolve_recipient, visible_channels
from bot.commands import Action, Command, changes, typed_words
from bot.webex.errors import WebexAnswerError
from jobs.access import tenants
from jobs.channel.form import InvalidInputError
from jobs.clock import now
from jobs.model import Text, every_of, minute_of, span_of
from jobs.watch import history as past, model
from jobs.watch.store import assessments

KICKER, HISTORY_KICKER = Text("watch.kicker"), Text("history.plain_kicker")
LIST: Buttons = (("watch.list_button", {"do": "watch_list"}),)
_MONTH = re.compile(r"\d[^@]*$")
"""Word that begins like a month, and is no address."""
MOST_PEOPLE = 10
"""Maximum number of people who can be named for the watch of one channel."""


def run(ctx: ChatContext, argument: str) -> None:
    address, *words = argument.split() or [""]
    if not address:
        listed(ctx)
    elif address.lower() in typed_words("all"):
        everything(ctx)
    elif address.lower() in typed_words("quiet"):
        _quiet(ctx, " ".join(words))
    else:
        mailbox = offers.read_known(ctx, "watch", address, KICKER, is_known_or_watched_here)
        verb, rest = " ".join(words[:1]).lower(), words[1:]
        if not words:
            begin(ctx, mailbox)
        elif verb in typed_words("off"):
            off(ctx, mailbox)
        elif verb in typed_words("pause"):
            _pause(ctx, mailbox, " ".join(rest))
        elif verb in typed_words("notify"):
            _notify(ctx, mailbox, rest)
        elif interval := model.read_interval(" ".join(words)):
            begin(ctx, mailbox, interval)
        else:
            _not_understood(ctx, mailbox, " ".join(words))


def listed(ctx: ChatContext) -> None:
    watching = ctx.services.watching
    unwatched = tuple(each for each in visible_channels(ctx) if watching.load(each) is None)
    quiet = preferences.quiet_hours(ctx.services, ctx.room)
    ctx.say(watch_list(_lines(ctx, watching.of_space(ctx.room)), unwatched, now(), quiet))


def everything(ctx: ChatContext) -> None:
    if not (ctx.direct and permissions.is_approver(ctx)):
        raise RefusedError(Text("watch.all_refused"))
    ctx.say(watch_list(_lines(ctx, ctx.services.watching.channels()), (), now()))


def _lines(ctx: ChatContext, watched: tuple[model.WatchedChannel, ...]) -> tuple[ChannelLine, ...]:
    channels = {each.mailbox: each for each in watched}
    found = assessments(ctx.services.store, tuple(channels)).items()
    return tuple(watch.line_of(ctx.services, channels[box], own, now()) for box, own in found)


def begin(ctx: ChatContext, mailbox: str, interval: timedelta | None = None) -> None:
    services = ctx.services
    if (record := services.channels.record(mailbox)) is None:
        offers.unknown_channel(ctx, "watch", KICKER, mailbox)
    before = services.watching.load(mailbox)
    new = model.WatchedChannel(record.channel, ctx.room, ctx.asker, now(), direct=ctx.direct)
    kept = before or new  # the interval and the people of an earlier watch are kept
    every = interval or (before.interval if before else services.bot.watch_interval)
    every_s = int(every.total_seconds())
    watched = replace(new, since=kept.since, interval_s=every_s, notify=kept.notify)
    services.watching.save(watched)
    services.watching.look_soon(mailbox, fresh=True)
    ctx.attest("watched", mailbox=mailbox)
    superseded.request(services, mailbox)
    moved = before is not None and before.room != ctx.room
    words = Text("watch.moved" if moved else "watch.begun_words", {"mailbox": mailbox})
    title, values = "watch.begun", {"mailbox": mailbox, "interval": every_of(watched.interval)}
    facts: tuple[tuple[str, Text], ...] = ()
    if services.bot.watch_test_mail and services.settings.sends_probe:
        every_mail = {"interval": span_of(services.bot.watch_test_mail)}
        facts = (("step.watch_mail", Text("watch.begun_test_mail", every_mail)),)
    if tenants.grant_for(services.redis, record.channel.tenant_id) is not None:
        ctx.tell(KICKER, title, words, values, ui.WELL, facts, LIST)
        return
    facts = (("watch.cards_label", words), *facts)
    more = ("watch.see_more", {"do": "check", "channel": mailbox})
    ctx.tell(KICKER, title, "watch.begun_blind", values, ui.WARNED, facts, (more, *LIST))


def off(ctx: ChatContext, mailbox: str) -> None:
    # The card of the incident then says that nobody looks any more.
    watched, incident = ctx.services.watching.end(mailbox, now())
    ctx.services.cards.request(*(incident.cards if incident else ()))
    if watched:
        ctx.attest("unwatched", mailbox=mailbox)
        superseded.request(ctx.services, mailbox)
    title, again = "watch.ended" if watched else "watch.not_watched", _begins(mailbox, "again")
    ctx.tell(KICKER, title, "watch.ended_words", {"mailbox": mailbox}, ui.OVER, buttons=again)


def _begins(mailbox: str, how: str) -> Buttons:
    return ((f"watch.{how}_button", {"do": "watch", "channel": mailbox}),)


def _pause(ctx: ChatContext, mailbox: str, typed: str) -> None:
    span = model.read_span(typed) or timedelta(0)
    if not timedelta(0) < span <= model.LONGEST_PAUSE:
        _not_understood(ctx, mailbox, f"pause {typed}".strip())
    watched, until = _known(ctx, mailbox), now() + span
    ctx.services.watching.save(replace(watched, paused_until=until))
    values = {"mailbox": mailbox, "until": minute_of(until)}
    ctx.tell(KICKER, "watch.paused", "watch.paused_words", values, ui.WAITING, buttons=LIST)


def _notify(ctx: ChatContext, mailbox: str, typed: list[str]) -> None:
    # If one address is not accepted, nothing is changed.
    watched = _known(ctx, mailbox)
    addresses = [part for part in ",".join(typed).split(",") if part]
    ends = bool(addresses) and set(map(str.lower, addresses)) <= typed_words("off")
    if not (ends or 0 < len(addresses) <= MOST_PEOPLE):
        _not_understood(ctx, mailbox, "notify")
    people: list[str] = []
    for address in () if ends else addresses:
        try:
            people.append(resolve_recipient(ctx, address, "watch.hello"))
        except InvalidInputError as wrong:
            ctx.tell(KICKER, "watch.nobody_told", wrong.reason, {"address": address}, ui.REFUSED)
            return
    kept = tuple(dict.fromkeys(people))
    ctx.services.watching.save(replace(watched, notify=kept))
    title = "watch.notified" if kept else "watch.notified_nobody"
    values = {"people": ", ".join(kept), "mailbox": mailbox}
    ctx.tell(KICKER, title, f"{title}_words", values, ui.WELL)


def _known(ctx: ChatContext, mailbox: str) -> model.WatchedChannel:
    if watched := ctx.services.watching.load(mailbox):
        return watched
    values, again = {"mailbox": mailbox}, _begins(mailbox, "again")
    ctx.tell(KICKER, "watch.not_watched", "watch.how", values, buttons=again)
    raise AnsweredError


def _quiet(ctx: ChatContext, typed: str) -> None:
    ends = typed.lower() in typed_words("off")
    if not ends and preferences.read_quiet_hours(typed) is None:
        title = "watch.quiet_unknown" if typed else "watch.quiet_missing"
        ctx.tell(KICKER, title, "watch.quiet_how", {"typed": typed})
        return
    preferences.choose(ctx, preferences.Preference.QUIET, "" if ends else typed)
    title = "watch.quiet_off" if ends else "watch.quiet_set"
    ctx.tell(KICKER, title, "watch.quiet_words", {"hours": typed}, ui.WELL)


def _not_understood(ctx: ChatContext, mailbox: str, typed: str) -> None:
    limits = {"shortest": model.written(model.SHORTEST), "longest": model.written(model.LONGEST)}
    facts = (("watch.how_label", Text("watch.how_words", limits | {"mailbox": mailbox})),)
    title, words = "watch.not_understood", "watch.nothing_changed"
    ctx.tell(KICKER, title, words, {"typed": typed}, ui.REFUSED, facts)
    raise AnsweredError


def history(ctx: ChatContext, argument: str) -> None:
    words, at = argument.split(), now()
    dated = list(filter(_MONTH.match, words))
    # a month's name behind an address is no month, but means one, unlike a "please"
    if not dated and "@" in argument.partition(" ")[0] and not lone_address(argument):
        dated = words[1:]
    month, address = " ".join(dated), " ".join(word for word in words if word not in dated)
    asked = _month(ctx, month, at.astimezone(UTC)) if month else past.last_days(at, watch.DAYS)
    if month and not address:
        offers.choose_channel(ctx, "history", [f"{each} {month}" for each in visible_channels(ctx)])
    mailbox = offers.read_known(ctx, "history", address, HISTORY_KICKER, is_known_or_watched_here)
    _show(ctx, mailbox, at, *asked)


def _month(ctx: ChatContext, typed: str, at: datetime) -> tuple[datetime, datetime]:
    oldest = past.midnight((at - past.KEPT).date() + past.DAY)
    try:
        since, until = past.month(*map(int, typed.split("-")))
    except (TypeError, ValueError, OverflowError):
        why = "not_a_month"
    else:
        if since <= at and until > oldest:
            return since, until
        why = "future" if since > at else "too_old"
    values = {"typed": typed, "example": f"{at:%Y-%m}"}
    ctx.tell(HISTORY_KICKER, f"history.{why}", "history.how", values, ui.REFUSED)
    raise AnsweredError


def _show(ctx: ChatContext, mailbox: str, at: datetime, since: datetime, until: datetime) -> None:
    watching = ctx.services.watching
    watched = watching.load(mailbox) is not None
    known = past.days(ctx.services.redis, mailbox, at, watch.PAGE_DAYS)
    incidents = watching.of_channel(mailbox)
    if not incidents and not any(each.looks for each in known.values()):
        words = "history.empty_watched" if watched else "history.empty_words"
        values, button = {"mailbox": mailbox}, () if watched else _begins(mailbox, "add")
        ctx.tell(HISTORY_KICKER, "history.empty", words, values, ui.NOT_BEGUN, buttons=button)
        return
    found = past.figures(known, incidents, since, min(until, at))
    touching = [each for each in incidents if each.since < until and (each.ended or at) > since]
    page = links.one_time(ctx.services, "history", mailbox)
    ctx.say(watch.history(mailbox, found, touching, at, page, watched=watched))


def _take_on(ctx: ChatContext, inputs: dict[str, str], *, on_it: bool) -> None:
    # Everybody who may press "I'm on it" may take it back, because the person who pressed it may be
    # away.
    watching, open_ones = ctx.services.watching, _open_ones(ctx, inputs)
    person, at = (ctx.person.email, now()) if on_it else ("", None)
    for each in open_ones:
        watching.take_on(each.id, person, at)
    ctx.services.cards.request(*{name for each in open_ones for name in each.cards})


def _open_ones(ctx: ChatContext, inputs: dict[str, str]) -> list[model.Incident]:
    watching = ctx.services.watching
    if (card := watching.card(inputs.get("card", ""))) is None:
        raise RefusedError(Text("watch.card_gone"))
    shown = watching.of_card(card.id)
    # Everybody may press in the card's own space, and so may people to whom the card was sent 1:1
    # or who may see one of the channels here.
    told = {name for each in shown for name in each.told}
    was_told = ctx.direct and not told.isdisjoint(ctx.person.emails)
    known = {each.mailbox for each in shown}.intersection(visible_channels(ctx))
    if not (ctx.room == card.room or was_told or known):
        raise RefusedError(Text("watch.not_here"), "refused.button")
    if not (open_ones := [each for each in shown if each.is_open]):
        ctx.tell(KICKER, "watch.over", "watch.over_words")
    return open_ones


def _fix(ctx: ChatContext, inputs: dict[str, str]) -> None:
    open_ones = _open_ones(ctx, inputs)
    broken = {each.mailbox for each in watch.fixable(open_ones)}
    mailbox = inputs.get("channel", "")
    if mailbox in broken:
        _begin_fix(ctx, mailbox)
    elif broken:
        # The card also has a field in which any channel of this space can be typed.
        pressed = {"do": "watch_fix", "card": inputs["card"]}
        fixes = tuple(
            (Text("choice.button.fix", {"value": each}), pressed | {"channel": each})
            for each in sorted(broken)[:OFFERS_MOST]
        )
        left = len(broken) - len(fixes)
        lines = (Text("watch.more_fixes", {"count": str(left)}),) if left else ()
        title, turn = Text("choice.title.fix"), Text("watch.choose_fix")
        field = "fix" if broken.intersection(visible_channels(ctx)) else ""
        ctx.say(offer(KICKER, title, fixes, now(), turn=turn, lines=lines, field=field))
    elif open_ones:
        ctx.tell(KICKER, "watch.no_fix_left", "watch.no_fix_words")


def _begin_fix(ctx: ChatContext, mailbox: str) -> None:
    if mailbox in visible_channels(ctx):
        changes.fix(ctx, mailbox)
        return
    watched = ctx.services.watching.load(mailbox)
    # The rules are those of a command that is typed in the channel's own space: the person is a
    # member, and nobody else in the space is an outsider.
    title = "watch.fix_not_there"
    if watched and not watched.direct and _may_command(ctx, watched.room):
        with suppress(AnsweredError):
            changes.fix(replace(ctx, room=watched.room, direct=False, thread=""), mailbox)
            title = "watch.fix_there"
    ctx.tell(KICKER, title, f"{title}_words", {"mailbox": mailbox})


def _may_command(ctx: ChatContext, room: str) -> bool:
    webex = ctx.services.webex
    try:
        is_member = webex.membership(room, ctx.person.id) is not None
        return is_member and not permissions.outsiders(ctx.services, webex.members(room))
    except WebexAnswerError:  # the bot is no longer in that space
        return False


ACTIONS: dict[str, Action] = {
    "watch": lambda ctx, inputs: run(ctx, inputs.get("channel", "")),
    "watch_off": lambda ctx, inputs: run(ctx, f"{inputs.get('channel', '')} off"),
    "watch_list": lambda ctx, _: listed(ctx),
    "watch_on_it": partial(_take_on, on_it=True),
    "watch_not_on_it": partial(_take_on, on_it=False),
    "watch_fix": _fix,
}
COMMAND = Command("watch", "trouble", "ADDRESS", run=run)
OTHER_COMMANDS = (Command("history", "trouble", "ADDRESS 2026-11", run=history),)
