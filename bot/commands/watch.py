"""Command /watch: check a channel again and again, and tell its space when something changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from adaptive_cards import components as ui
from adaptive_cards.cards.channels import ChannelLine, watch_list
from bot.cards import superseded
from bot.cards.presenters import watch
from bot.chat import preferences
from bot.chat.audience import resolve_recipient
from bot.chat.context import ChatContext
from bot.chat.offers import unknown_channel
from bot.chat.parsing import read_mailbox
from bot.chat.permissions import is_known_or_watched_here, visible_channels
from bot.commands import Command, typed_words
from jobs.access import app_access
from jobs.channel.form import InvalidInputError
from jobs.clock import now
from jobs.model import Text, every_of, minute_of, span_of
from jobs.runs.event_log import entry
from jobs.watch import model

KICKER = Text("watch.kicker")
LIST: tuple[tuple[str | Text, dict[str, str]], ...] = (("watch.list_button", {"do": "watch_list"}),)
MOST_PEOPLE = 10
"""Maximum number of people who can be named for the watch of one channel."""
Words = list[str]


def run(ctx: ChatContext, argument: str) -> None:
    words = argument.split()
    if not words:
        listed(ctx)
    elif words[0].lower() in typed_words("all"):
        everything(ctx)
    elif words[0].lower() in typed_words("quiet"):
        _quiet(ctx, " ".join(words[1:]))
    else:
        _one(ctx, words[0], words[1:])


def listed(ctx: ChatContext) -> None:
    channels = ctx.services.watching.channels
    unwatched = tuple(each for each in visible_channels(ctx) if channels.load(each) is None)
    quiet = preferences.quiet_hours(ctx.services, ctx.room)
    lines = _lines(ctx, channels.of_space(ctx.room))
    ctx.say(watch_list(lines, unwatched, now(), quiet))


def everything(ctx: ChatContext) -> None:
    if not ctx.direct or set(ctx.services.bot.approvers).isdisjoint(ctx.person.emails):
        ctx.refuse(Text("watch.all_refused"), title="refused.nothing")
        return
    lines = _lines(ctx, ctx.services.watching.channels.all())
    ctx.say(watch_list(lines, (), now()))


def _lines(ctx: ChatContext, watched: Iterable[model.WatchedChannel]) -> tuple[ChannelLine, ...]:
    return tuple(watch.line_of(ctx.services, each, now()) for each in watched)


def _one(ctx: ChatContext, address: str, words: Words) -> None:
    mailbox = read_mailbox(ctx, "watch", address)
    if not mailbox:
        return
    verb, rest = (words[0].lower(), words[1:]) if words else ("", [])
    if not is_known_or_watched_here(ctx, mailbox):
        unknown_channel(ctx, "watch", KICKER, mailbox)
    elif not words:
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


def begin(ctx: ChatContext, mailbox: str, interval: timedelta | None = None) -> None:
    services = ctx.services
    record = services.channels.record(mailbox)
    if record is None:
        unknown_channel(ctx, "watch", KICKER, mailbox)
        return
    before = services.watching.channels.load(mailbox)
    usual = services.bot.watch_interval_s
    watched = model.WatchedChannel(
        record.channel, ctx.room, ctx.asker, now(), usual, direct=ctx.direct
    )
    if before is not None:  # the interval and the people of an earlier watch are kept
        watched = replace(
            watched, since=before.since, interval_s=before.interval_s, notify=before.notify
        )
    if interval:
        watched = replace(watched, interval_s=int(interval.total_seconds()))
    services.watching.channels.save(watched)
    services.watching.incidents.look_soon(mailbox, fresh=True)
    _record(ctx, "watched", mailbox)
    superseded.request(services, mailbox)
    moved = before is not None and before.room != ctx.room
    words = Text("watch.moved" if moved else "watch.begun_words", {"mailbox": mailbox})
    title = Text("watch.begun", {"mailbox": mailbox, "interval": every_of(watched.interval)})
    facts: tuple[tuple[str, Text], ...] = ()
    every = timedelta(seconds=services.bot.watch_test_mail_s)
    if every and services.settings.sends_probe:
        mails = Text("watch.begun_test_mail", {"interval": span_of(every)})
        facts = (("step.watch_mail", mails),)
    if app_access.grant_for(services.redis, record.channel.tenant_id) is not None:
        ctx.tell(KICKER, title, words, ui.WELL, facts, LIST)
        return
    facts = (("watch.cards_label", words), *facts)
    more = ("watch.see_more", {"do": "check", "channel": mailbox})
    ctx.tell(KICKER, title, Text("watch.begun_blind"), ui.WARNED, facts, (more, *LIST))


def off(ctx: ChatContext, mailbox: str) -> None:
    # The card of the incident then says that nobody looks any more.
    watched, incident = ctx.services.watching.end(mailbox, now())
    for card_id in incident.cards if incident else ():
        ctx.services.cards.request(card_id)
    if watched:
        _record(ctx, "unwatched", mailbox)
        superseded.request(ctx.services, mailbox)
    title = Text("watch.ended" if watched else "watch.not_watched", {"mailbox": mailbox})
    again = ((Text("watch.again_button"), {"do": "watch", "channel": mailbox}),)
    ctx.tell(KICKER, title, Text("watch.ended_words"), ui.OVER, buttons=again)


def _record(ctx: ChatContext, what: str, mailbox: str) -> None:
    who = {"by": ctx.person.email, "person": ctx.person.id, "mailbox": mailbox}
    ctx.services.store.audit.add(entry(what, None, room=ctx.room, **who))


def _pause(ctx: ChatContext, mailbox: str, typed: str) -> None:
    span = model.read_span(typed)
    if span is None or not timedelta(0) < span <= model.LONGEST_PAUSE:
        _not_understood(ctx, mailbox, f"pause {typed}".strip())
        return
    watched = _known(ctx, mailbox)
    if watched is None:
        return
    until = now() + span
    ctx.services.watching.channels.save(replace(watched, paused_until=until))
    title = Text("watch.paused", {"mailbox": mailbox, "until": minute_of(until)})
    words = Text("watch.paused_words", {"mailbox": mailbox})
    ctx.tell(KICKER, title, words, ui.WAITING, buttons=LIST)


def _notify(ctx: ChatContext, mailbox: str, typed: Words) -> None:
    # If one address is not accepted, nothing is changed.
    watched = _known(ctx, mailbox)
    if watched is None:
        return
    addresses = [part for part in ",".join(typed).split(",") if part]
    ends = bool(addresses) and set(map(str.lower, addresses)) <= typed_words("off")
    if not (ends or 0 < len(addresses) <= MOST_PEOPLE):
        _not_understood(ctx, mailbox, "notify")
        return
    people: list[str] = []
    for address in () if ends else addresses:
        try:
            people.append(resolve_recipient(ctx, address))
        except InvalidInputError as wrong:
            title = Text("watch.nobody_told", {"address": address})
            ctx.tell(KICKER, title, wrong.reason, ui.REFUSED)
            return
    kept = tuple(dict.fromkeys(people))
    ctx.services.watching.channels.save(replace(watched, notify=kept))
    named = Text("watch.notified", {"people": ", ".join(kept), "mailbox": mailbox})
    title = named if kept else Text("watch.notified_nobody", {"mailbox": mailbox})
    ctx.tell(KICKER, title, Text("watch.notified_words"), ui.WELL)


def _known(ctx: ChatContext, mailbox: str) -> model.WatchedChannel | None:
    watched = ctx.services.watching.channels.load(mailbox)
    if watched is None:
        title = Text("watch.not_watched", {"mailbox": mailbox})
        again = ((Text("watch.again_button"), {"do": "watch", "channel": mailbox}),)
        ctx.tell(KICKER, title, Text("watch.how"), buttons=again)
    return watched


def _quiet(ctx: ChatContext, typed: str) -> None:
    ends = typed.lower() in typed_words("off")
    if not ends and preferences.read_quiet_hours(typed) is None:
        title = Text("watch.quiet_unknown", {"typed": typed or "/watch quiet"})
        ctx.tell(KICKER, title, Text("watch.quiet_how"))
        return
    preferences.choose(ctx, preferences.Preference.QUIET, "" if ends else typed)
    title = Text("watch.quiet_off") if ends else Text("watch.quiet_set", {"hours": typed})
    ctx.tell(KICKER, title, Text("watch.quiet_words"), ui.WELL)


def _not_understood(ctx: ChatContext, mailbox: str, typed: str) -> None:
    limits = {
        "shortest": model.written(model.SHORTEST),
        "longest": model.written(model.LONGEST),
        "mailbox": mailbox,
    }
    facts = (("watch.how_label", Text("watch.how_words", limits)),)
    title, words = Text("watch.not_understood", {"typed": typed}), Text("watch.nothing_changed")
    ctx.tell(KICKER, title, words, ui.REFUSED, facts)


COMMAND = Command("watch", "trouble", run, "ADDRESS")
