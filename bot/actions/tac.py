"""Screenshot and button of ``/tac``: the collected data becomes one file in the thread."""

from __future__ import annotations

import base64
import json

from adaptive_cards.cards.notice import tac_file
from adaptive_cards.components import WELL
from adaptive_cards.locale import DEFAULT, drawn_for
from adaptive_cards.texts import render, text
from bot.actions import refusing, require
from bot.chat import offers, permissions
from bot.chat.context import ChatContext, NotAcceptedError, RefusedError, first_file
from bot.commands.tac import KEPT_S, Case, asked, screenshot_name
from bot.services import Services
from bot.webex.client import Message
from jobs.clock import now
from jobs.model import Channel, Text
from jobs.redact import Redactor
from jobs.runs.fold import fold
from jobs.storage.vault import Sealed
from jobs.tac.bundle import TYPE, Report, RunHistory, Screenshot, TacCase, bundle

LARGEST = 5 * 1024 * 1024
"""Largest accepted screenshot, in bytes."""
HEADS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"GIF87a": "gif", b"GIF89a": "gif"}
FIELDS = ("resource_id", "transaction_id", "seen_text")
_REASONS = frozenset({"large", "scanned"})
"""Reasons that have a text of their own.

All other reasons mean that Webex does not hand out the file.
"""


def keep_screenshot(ctx: ChatContext, message: Message) -> None:
    """Keep the first file of the message, encrypted, for one hour.

    The sender must be the person who typed ``/tac``, and the file an image of at most 5 MB.

    Raises:
        WebexError: Webex is unavailable or still scans the file. The event is retried.
    """
    refusing(lambda ctx, _: _keep(ctx, message))(ctx, {})


def make_file(ctx: ChatContext, inputs: dict[str, str]) -> None:
    case = mine(ctx)
    mailbox = case.mailbox
    require(mailbox == inputs.get("channel"))
    if mailbox not in permissions.visible_channels(ctx):
        raise RefusedError(offers.unknown_words(ctx))
    redactor = Redactor(known_secrets(ctx.services, mailbox))
    resource_id, transaction_id, seen = (
        redactor.text(inputs.get(name, "").strip()) for name in FIELDS
    )
    told = Report(ctx.asker, resource_id, transaction_id, seen, case.notes)
    store = ctx.services.store
    record, last = store.channels.record(mailbox), store.last_check(mailbox)
    ending, _, content = (ctx.services.vault.get(screenshot_name(ctx)) or "").partition(":")
    matter = TacCase(
        channel=record.channel if record else Channel(mailbox),
        reported=told,
        at=now(),
        setup=_past(ctx, record.run) if record else None,
        check=_past(ctx, last.id) if last else None,
        picture=Screenshot(ending, base64.b64decode(content)) if content else None,
    )
    with drawn_for(DEFAULT):  # Cisco TAC reads English and UTC, whatever the space has chosen
        made = bundle(matter, _spoken, redactor)
    ctx.services.messenger.send_file(
        room_id=ctx.room,
        parent_id=ctx.thread,
        text=text("tac.posted", name=made.name),
        name=made.name,
        content_type=TYPE,
        content=made.content,
    )
    ids = {"resource_id": resource_id, "transaction_id": transaction_id}
    checked = matter.check is not None
    card = tac_file(mailbox, made.name, made.files, matter.at, checked=checked, **ids)
    ctx.say(card)


def mine(ctx: ChatContext) -> Case:
    case = asked(ctx)
    if case is None or case.person != ctx.person.id:
        raise RefusedError(Text("tac.refused.not_yours" if case else "tac.refused.over"))
    return case


def _keep(ctx: ChatContext, message: Message) -> None:
    case = mine(ctx)
    try:
        content = first_file(ctx, message, LARGEST).content
    except NotAcceptedError as refused:
        reason = refused.reason if refused.reason in _REASONS else "unread"
        raise RefusedError(Text(f"tac.refused.{reason}")) from None
    # The file name and the content type from the sender are not trusted.
    ending = next((ending for head, ending in HEADS.items() if content.startswith(head)), "")
    require(ending, "tac.refused.no_image")
    kept = f"{ending}:{base64.b64encode(content).decode()}"
    ctx.services.vault.put(screenshot_name(ctx), kept, KEPT_S)
    kicker, title = Text("tac.took_kicker"), Text("tac.took_title", {"mailbox": case.mailbox})
    ctx.tell(kicker, title, Text("tac.took_words"), WELL)


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


ACTIONS = {"tac": make_file}
