"""The screenshot and the button of ``/tac``: what was collected becomes one file in the thread."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from adaptive_cards import tac_file
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.tac import TacFileView
from adaptive_cards.texts import say, text
from bot.chat import permissions
from bot.chat.context import Talk
from bot.commands.tac import KEPT_S, Case, asked, screenshot_name
from bot.services import Desk
from bot.webex.client import FileTooLargeError, Message, WebexAnswerError
from bot.webex.errors import LOCKED
from bot.webex.models import aged
from jobs.clock import now
from jobs.model import Channel, Words
from jobs.redact import Redactor
from jobs.runs.run import fold
from jobs.tac.bundle import TYPE, bundle
from jobs.tac.case import Matter, Past, Picture, Told

LARGEST = 5 * 1024 * 1024
"""The largest screenshot that is taken, in bytes."""
HEADS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"GIF87a": "gif", b"GIF89a": "gif"}
FIELDS = ("resource_id", "transaction_id", "seen_text")
GIVES_NOT_OUT = frozenset({403, 404, 410, 428})
SCAN = timedelta(seconds=60)
"""For how long after it was sent a file is waited for that Webex scans for malware (423)."""


def take(talk: Talk, message: Message) -> None:
    """Keep the first file, sealed and for an hour, if who typed ``/tac`` sent it and it is an image of at most 5 MB.

    Raises:
        WebexError: Webex is away, or still scans the file: the event is tried again.
    """
    case = _mine(talk)
    if case is None:
        return
    try:
        content = talk.desk.webex.download(message.files[0], largest=LARGEST).content
    except (FileTooLargeError, WebexAnswerError, ValueError) as error:
        talk.refuse(Words(f"tac.refused.{_why_not(error, message)}"), title="refused.nothing")
        return
    _keep(talk, case, content)


def _why_not(error: Exception, message: Message) -> str:
    """Why a file was not taken; raises the error where another try may bring it."""
    if isinstance(error, FileTooLargeError):
        return "large"
    if isinstance(error, WebexAnswerError) and error.status == LOCKED and aged(message.created, SCAN):
        return "scanned"
    if isinstance(error, WebexAnswerError) and error.status not in GIVES_NOT_OUT:
        raise error
    return "unread"


def make(talk: Talk, inputs: dict[str, str]) -> None:
    """Make the file of what is known and what was typed, post it, and say what is in it."""
    case = _mine(talk)
    if case is None:
        return
    if case.mailbox != inputs.get("channel"):
        talk.refuse(Words("refused.old"), title="refused.nothing")
    elif case.mailbox not in permissions.known(talk):
        talk.refuse(Words("notice.unknown_channel_words"), title="refused.nothing")
    else:
        _make(talk, case.mailbox, [inputs.get(name, "").strip() for name in FIELDS])


def _make(talk: Talk, mailbox: str, typed: list[str]) -> None:
    redactor = Redactor(_known_secrets(talk.desk, mailbox))
    told = Told(talk.asker, *map(redactor.text, typed))
    matter = _matter(talk, mailbox, told)
    made = bundle(matter, _spoken, redactor)
    send = partial(talk.desk.webex.send_file, room_id=talk.room, parent_id=talk.thread, text=text("tac.posted", name=made.name))
    send(name=made.name, content_type=TYPE, content=made.content)
    ids = {"resource_id": told.resource_id, "transaction_id": told.transaction_id}
    checked = matter.check is not None
    talk.say(tac_file(TacFileView(mailbox, made.name, made.files, matter.at, checked=checked, direct=talk.direct, **ids)))


def _mine(talk: Talk) -> Case | None:
    """The case of this thread, for who opened it; anybody else is refused."""
    case = asked(talk)
    if case is not None and case.person == talk.person.id:
        return case
    talk.refuse(Words("tac.refused.not_yours" if case else "tac.refused.over"), title="refused.nothing")
    return None


def _keep(talk: Talk, case: Case, content: bytes) -> None:
    """By its first bytes, not by its name or by what the sender calls it."""
    ending = next((ending for head, ending in HEADS.items() if content.startswith(head)), "")
    if not ending:
        talk.refuse(Words("tac.refused.no_image"), title="refused.nothing")
        return
    talk.desk.vault.put(screenshot_name(talk), f"{ending}:{base64.b64encode(content).decode()}", KEPT_S)
    title = Words("tac.took_title", {"mailbox": case.mailbox})
    talk.tell(NoticeView(Words("tac.took_kicker"), title, Words("tac.took_words"), glyph="✓", at=now()))


def _picture(talk: Talk) -> Picture | None:
    ending, _, content = (talk.desk.vault.get(screenshot_name(talk)) or "").partition(":")
    return Picture(ending, base64.b64decode(content)) if content else None


def _matter(talk: Talk, mailbox: str, told: Told) -> Matter:
    store = talk.desk.store
    record, last = store.record(mailbox), store.last_check(mailbox)
    return Matter(
        channel=record.channel if record else Channel(mailbox),
        told=told,
        at=now(),
        setup=_past(talk, record.run) if record else None,
        check=_past(talk, last.id) if last else None,
        picture=_picture(talk),
    )


def _past(talk: Talk, run_id: str) -> Past | None:
    events = talk.desk.store.events(run_id)
    try:
        return Past(fold(run_id, events), events)
    except LookupError:
        return None


def _spoken(words: Words) -> str:
    """A text by its key; nothing for a key that an older or newer version of the bot wrote."""
    try:
        return say(words)
    except KeyError:
        return ""


def _known_secrets(desk: Desk, mailbox: str) -> list[str]:
    """Everything secret that this bot holds and that could stand in a text about this channel."""
    urls = (desk.settings.probe_smtp_url, desk.settings.redis_url)
    running = desk.store.running(mailbox)
    names = (f"check-secret:{mailbox}", f"rehearsal-secret:{running}", f"check-session:{mailbox}", f"rehearsal-session:{running}")
    kept = [desk.vault.get(name) or "" for name in names]
    return [
        desk.bot.webex_access_token,
        *desk.bot.webhook_secrets,
        desk.settings.microsoft_client_secret,
        *desk.settings.encryption_keys,
        *(urlsplit(url).password or "" for url in urls),
        *kept[:2],
        *_tokens(kept[2]),
        *_tokens(kept[3]),
    ]


def _tokens(cache: str) -> list[str]:
    """The tokens in one of msal's caches."""
    entries = [entry for kind in json.loads(cache or "{}").values() if isinstance(kind, dict) for entry in kind.values()]
    return [str(entry["secret"]) for entry in entries if isinstance(entry, dict) and "secret" in entry]


ANSWERS = {"tac": make}
