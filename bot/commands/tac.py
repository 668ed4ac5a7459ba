"""Command /tac: the search for missing mail, and the file for Cisco TAC, which is its last place.

The search is one card that moves from place to place, each with a field for what somebody sees
there. The file has all of it, and a screenshot.
"""

import base64
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from adaptive_cards.answers import tac, tac_file
from adaptive_cards.components import WELL, Card
from adaptive_cards.locale import DEFAULT, drawn_for
from adaptive_cards.texts import remedy_key, render, text
from bot.cards.presenters import verdict
from bot.cards.presenters.mail import PLACES, search
from bot.chat import offers, preferences
from bot.chat.context import ChatContext, NotAcceptedError, RefusedError, first_file
from bot.chat.explanation import headline
from bot.chat.permissions import is_visible
from bot.commands import Command, require
from bot.services import Services
from bot.webex.client import File, Message
from bot.webex.errors import WebexBadRequestError, WebexError, WebexNotFoundError
from jobs.access import tenants
from jobs.causes.reader import Place, read
from jobs.checks import check
from jobs.checks.reading import Reading
from jobs.clock import now
from jobs.clouds.errors import if_answered
from jobs.clouds.http import run_job
from jobs.engine.engine import DATA_ERRORS
from jobs.mail import watch_mail
from jobs.model import Channel, Finding, State, Text, second_of
from jobs.probes.traces import WatchMailProbe
from jobs.redact import Redactor
from jobs.runs.fold import fold
from jobs.storage import codec, keys
from jobs.storage.vault import Sealed, VaultName
from jobs.tac import TYPE, RunHistory, Screenshot, TacCase, bundle
from jobs.watch.look import deliver

LARGEST = 5 * 1024 * 1024
"""Largest accepted screenshot, in bytes."""
HEADS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"GIF87a": "gif", b"GIF89a": "gif"}
IDS = ("resource_id", "transaction_id")
KEPT_S = 3600
"""Seconds that a case stays open and its screenshot is kept."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Case:
    """Case of a thread or a 1:1 space, with the mailbox it is about and the person who opened it.

    ``place`` is that of the search now, or empty outside one. ``notes`` are the places that were
    looked at, with what the person or the bot saw there.
    """

    mailbox: str
    person: str
    place: str = ""
    notes: tuple[tuple[str, str], ...] = ()


def run(ctx: ChatContext, argument: str) -> None:
    ctx.say(tac(opened(ctx, argument).mailbox, now(), direct=ctx.direct))


def opened(ctx: ChatContext, argument: str) -> Case:
    """Open a case, unless the channel is not known here (AnsweredError)."""
    mailbox = offers.read_known(ctx, "tac", argument, Text("notice.tac_kicker"), is_visible)
    ctx.services.vault.drop(screenshot_name(ctx))
    case = Case(mailbox, ctx.person.id)
    save(ctx, case)
    return case


def asked(ctx: ChatContext) -> Case | None:
    raw = ctx.services.redis.get(keys.tac_case(where(ctx)))
    return codec.load(raw, Case) if isinstance(raw, bytes) else None


def save(ctx: ChatContext, case: Case) -> None:
    ctx.services.redis.set(keys.tac_case(where(ctx)), codec.dump(case), ex=KEPT_S)


def screenshot_name(ctx: ChatContext) -> VaultName:
    return Sealed.TAC_SCREENSHOT.of(where(ctx))


def where(ctx: ChatContext) -> str:
    # A 1:1 space counts as a whole, because people do not reply in threads there.
    return ctx.room if ctx.direct else ctx.thread


def keep_screenshot(ctx: ChatContext, message: Message) -> None:
    """Keep the first file of the message of the person who typed ``/tac``, encrypted.

    Raises:
        WebexError: Webex is unavailable or still scans the file. The event is retried.
    """
    case = mine(ctx)
    try:
        content = first_file(ctx, message, LARGEST).content
    except NotAcceptedError as refused:
        # all other reasons mean that Webex does not hand out the file
        reason = str(refused) if str(refused) in {"large", "scanned"} else "unread"
        raise RefusedError(Text(f"tac.refused.{reason}")) from None
    # The file name and the content type from the sender are not trusted.
    ending = next((ending for head, ending in HEADS.items() if content.startswith(head)), "")
    require(ending, "tac.refused.no_image")
    kept = f"{ending}:{base64.b64encode(content).decode()}"
    ctx.services.vault.put(screenshot_name(ctx), kept, KEPT_S)
    values = {"mailbox": case.mailbox}
    ctx.tell("tac.took_kicker", "tac.took_title", "tac.took_words", values, WELL)


def make_file(ctx: ChatContext, inputs: dict[str, str]) -> None:
    case = mine(ctx)
    mailbox = case.mailbox
    require(mailbox == inputs.get("channel"))
    if not is_visible(ctx, mailbox):
        raise RefusedError(offers.unknown_words(ctx))
    redactor = Redactor(known_secrets(ctx.services, mailbox))
    ids = {name: redactor.text(inputs.get(name, "").strip()) for name in IDS}
    store = ctx.services.store
    record, last = store.channels.record(mailbox), store.last_check(mailbox)
    ending, _, content = (ctx.services.vault.get(screenshot_name(ctx)) or "").partition(":")
    matter = TacCase(
        channel=record.channel if record else Channel(mailbox),
        by=ctx.asker,
        at=now(),
        seen=redactor.text(inputs.get("seen_text", "").strip()),
        looked=case.notes,
        setup=_past(ctx, record.run) if record else None,
        check=_past(ctx, last.id) if last else None,
        picture=Screenshot(ending, base64.b64decode(content)) if content else None,
        **ids,
    )
    with drawn_for(DEFAULT):  # Cisco TAC reads English and UTC, whatever the space has chosen
        made = bundle(matter, _spoken, redactor)
    ctx.say(text("tac.posted", name=made.name), file=File(made.name, TYPE, made.content))
    checked = matter.check is not None
    ctx.say(tac_file(mailbox, made.name, made.files, matter.at, checked=checked, **ids))


def mine(ctx: ChatContext) -> Case:
    case = asked(ctx)
    if case is None or case.person != ctx.person.id:
        raise RefusedError(Text("tac.refused.not_yours" if case else "tac.refused.over"))
    return case


def _past(ctx: ChatContext, run_id: str) -> RunHistory | None:
    events = ctx.services.store.events(run_id)
    try:
        return RunHistory(fold(run_id, events), events)
    except LookupError:
        return None


def _spoken(words: Text) -> str:
    """Return the rendered text, or an empty string for a key of an older or newer bot version."""
    try:
        return render(words)
    except KeyError:
        return ""


def known_secrets(services: Services, mailbox: str) -> list[str]:
    """Return every secret of the bot that could appear in a text about this channel."""
    running = services.channels.running(mailbox)
    secrets = (Sealed.CHECK_SECRET.of(mailbox), Sealed.REHEARSAL_SECRET.of(running))
    caches = (Sealed.CHECK_SESSION.of(mailbox), Sealed.REHEARSAL_SESSION.of(running))
    return [
        *services.own_secrets,
        *(services.vault.get(name) or "" for name in secrets),
        *(token for name in caches for token in _tokens(services.vault.get(name) or "{}")),
    ]


def _tokens(cache: str) -> list[str]:
    kinds = [kind for kind in json.loads(cache).values() if isinstance(kind, dict)]
    entries = [entry for kind in kinds for entry in kind.values() if isinstance(entry, dict)]
    return [str(entry["secret"]) for entry in entries if "secret" in entry]


SPEAKS = {"unread": Place.ENTRA, "connect": Place.FORM}
"""Who speaks in a text that is pasted at a place of a search, if it is not the channel."""
STEPS = {
    "mail": ("arrivals", "copies"),
    "connect": ("entry_point", "connect_changes", "webex_status"),
    "agent": ("agent_tasks", "mail_to_task", "contact_queue", "queue_agents", "waiting_tasks"),
}
"""Findings of the newest check that a place shows."""
MAIL_EVERY = timedelta(minutes=5)
"""Shortest time between two test mails that people send to a channel."""
FOLLOW_S = 10
FOLLOWED = timedelta(minutes=40)
"""Time for which a test mail is followed: a trace shows it after 30 minutes at most."""


@dataclass(frozen=True, slots=True)
class Followed:
    mailbox: str
    message: str
    room: str
    place: str
    sent: datetime
    seen: Text
    arrived: bool = False


def begin(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Open the search, or the case for Cisco TAC at once if the newest check names a cause."""
    case = opened(ctx, inputs.get("channel", ""))
    case = replace(case, place=_next(ctx.services, case))
    save(ctx, case)
    ctx.say(_card(ctx, case))


def look_on(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Read what was pasted, or go on to the next place if nothing was."""
    case = mine(ctx)
    told, pasted = None, inputs.get("seen_text", "").strip()
    if inputs.get("place") == case.place:  # else an earlier press has gone on already
        if pasted:
            title, words, _ = headline(read(pasted, SPEAKS.get(case.place, Place.CHANNEL)))
            told = title, words
            said = Redactor(known_secrets(ctx.services, case.mailbox)).text(pasted)
            note = (case.place, f"{said} ({_english(title)})")
            case = replace(case, notes=tuple(dict.fromkeys((*case.notes, note))))
        else:
            # a place without a note was looked at without a finding
            ctx.services.redis.hdel(keys.tac_mails(), where(ctx))
            seen = () if case.place in dict(case.notes) else ((case.place, ""),)
            case = replace(case, place=_next(ctx.services, case), notes=(*case.notes, *seen))
        save(ctx, case)
    _edit(ctx, _card(ctx, case, told))


def send_mail(ctx: ChatContext, _inputs: dict[str, str]) -> None:
    """Send a test mail now, unless somebody sent one a moment ago, and have it followed."""
    case, services = mine(ctx), ctx.services
    require(_sends(services, case.mailbox) and case.place == "mail")
    redis, mailbox = services.redis, case.mailbox
    if watch_mail.claim(redis, f"asked:{mailbox}", MAIL_EVERY):
        words = text("watch.mail_subject"), text("search.mail_body", mailbox=mailbox)
        run_job(deliver(services.settings, redis, mailbox, *words))
    newest = watch_mail.newest(redis, mailbox)[0]
    if newest.refused:
        _edit(ctx, _card(ctx, case, _words(newest.refused)))
        return
    seen = Text("skipped.watch_mail_under_way", {"at": second_of(newest.at)})
    mail = Followed(mailbox, ctx.message, ctx.room, preferences.place_of(ctx), newest.at, seen)
    redis.hset(keys.tac_mails(), where(ctx), codec.dump(mail))
    redis.expire(keys.tac_mails(), KEPT_S)
    _edit(ctx, _card(ctx, case))


def follow(services: Services) -> None:
    """Look where the test mails of searches are, and say on their cards what has changed."""
    rows: Any = services.redis.hgetall(keys.tac_mails())
    for name, raw in rows.items():
        mail = codec.load(raw, Followed)
        found = run_job(_sighted(services, mail))
        arrived = bool(found.facts)
        over = found.state is not State.SKIPPED or now() - mail.sent > FOLLOWED
        if arrived == mail.arrived and not over:
            continue
        mail = replace(mail, seen=found.seen or mail.seen, arrived=arrived)
        if not services.redis.hexists(keys.tac_mails(), name):
            continue  # the search has gone on meanwhile
        if over:
            services.redis.hdel(keys.tac_mails(), name)
        else:
            services.redis.hset(keys.tac_mails(), name, codec.dump(mail))
        key = keys.tac_case(codec.as_text(name))
        kept = services.redis.get(key)
        if not isinstance(kept, bytes) or (case := codec.load(kept, Case)).place != "mail":
            continue
        noted = replace(case, notes=(*case.notes, ("mail", _english(mail.seen))))
        services.redis.set(key, codec.dump(noted), ex=KEPT_S)
        with drawn_for(preferences.locale_of(services, mail.place)):
            card = _drawn(services, case, _words(found.cause) if found.cause else None, mail.seen)
        try:
            services.messenger.edit(mail.message, mail.room, card)
        except WebexError as error:
            log.info("card of a search not edited", why=str(error))


async def _sighted(services: Services, mail: Followed) -> Finding:
    # While a cloud gives no usable answer, the mail counts as seen where it was seen before.
    store, mailbox, probe = services.store, mail.mailbox, WatchMailProbe()
    if (last := store.last_check(mailbox)) is None:
        return probe.skipped(Text("tac.file.no_check"))
    channel, brief = services.channels.channel(mailbox), check.brief_for(store, mailbox)
    run = msgspec.structs.replace(last, brief=brief, channel=channel)
    as_before = probe.skipped(mail.seen, facts={"arrived": "yes"} if mail.arrived else {})
    try:
        async with tenants.open_reader(services, channel.tenant_id) as seen:
            return await if_answered(probe.inspect(seen.context(run, store))) or as_before
    except DATA_ERRORS:
        log.exception("an answer that tells nothing of a test mail", mailbox=mailbox)
        return as_before


def _card(ctx: ChatContext, case: Case, told: tuple[Text, Text] | None = None) -> Card:
    if not case.place:
        return tac(case.mailbox, now(), direct=ctx.direct)
    raw: Any = ctx.services.redis.hget(keys.tac_mails(), where(ctx))
    seen = codec.load(raw, Followed).seen if isinstance(raw, bytes) else None
    return _drawn(ctx.services, case, told, seen)


def _drawn(
    services: Services, case: Case, told: tuple[Text, Text] | None, mail: Text | None
) -> Card:
    place, last = case.place, services.store.last_check(case.mailbox)
    seen = verdict.view(last, services) if last else Reading("", case.mailbox, now(), 0)
    lines = {line.found.step: line for line in seen.lines}
    causes = [_words(line.found.cause) for line in seen.causes if line.found.cause]
    in_mail = place == "mail"
    return search(
        case.mailbox,
        now(),
        place,
        lines=[lines[name] for name in STEPS.get(place, ()) if name in lines],
        told=told or next(iter(causes), None),
        mail=mail if in_mail else None,
        sends=in_mail and mail is None and _sends(services, case.mailbox),
        sign_in_url=seen.sign_in_url if place == "unread" else "",
    )


def _next(services: Services, case: Case) -> str:
    """Return the place after the case's own, or none for the file for Cisco TAC.

    A search begins only if no cause is known, and at the first place only if something was not read.
    """
    if case.place:
        return (*PLACES, "")[PLACES.index(case.place) + 1]
    last = services.store.last_check(case.mailbox)
    if last is not None and check.verdict_of(last).causes:
        return ""
    return PLACES[0 if last is None or check.gaps(last)[0] else 1]


def _words(cause: str) -> tuple[Text, Text]:
    return Text(f"cause.{cause}"), Text(remedy_key(cause, "pasted"))


def _english(words: Text) -> str:
    with drawn_for(DEFAULT):
        return render(words)


def _sends(services: Services, mailbox: str) -> bool:
    settings = services.settings
    return settings.sends_probe and settings.probe_from.lower() != mailbox


def _edit(ctx: ChatContext, card: Card) -> None:
    """Show the card in place of the pressed one, or below it if Webex takes no more edits."""
    try:
        ctx.services.messenger.edit(ctx.message, ctx.room, card)
    except (WebexBadRequestError, WebexNotFoundError):
        ctx.say(card)


ACTIONS = {"tac": make_file, "missing": begin, "look_on": look_on, "send_mail": send_mail}
COMMAND = Command("tac", "trouble", "ADDRESS", run=run)
