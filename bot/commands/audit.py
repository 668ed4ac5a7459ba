"""/audit: who asked, who approved, who signed in and what was changed, with the proof that nothing was altered since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from adaptive_cards import audit
from adaptive_cards.cards.audit import AuditLine, AuditView
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.texts import has, text
from bot.chat.addresses import mailbox_of
from bot.chat.context import Talk
from bot.chat.permissions import may_see, of_mailbox, visible
from bot.commands import Command
from jobs.clock import now
from jobs.model import Words
from jobs.redact import GONE
from jobs.runs.audit import Fact, canonical, read
from jobs.runs.audit_entries import About, fact

FILE_MOST = 20_000
"""So many entries are in the file at most, the newest."""
SHOWN = 10
TYPE = "application/jsonl"


def run(talk: Talk, argument: str) -> None:
    """The trail of this space, or of all that the person may see; of one channel where its address is given."""
    if not may_see(talk):
        talk.refuse(Words("audit.not_yours"))
        return
    mailbox = mailbox_of(talk, "audit", argument) if argument else ""
    if argument and not mailbox:
        return
    found = visible(talk, [read(line) for line in talk.desk.store.audit.entries()])
    mine = of_mailbox(mailbox, found) if mailbox else found
    if mailbox and not mine:
        title = Words("notice.unknown_channel_title", {"mailbox": mailbox})
        talk.tell(NoticeView(Words("audit.kicker"), title, Words("notice.unknown_channel_words"), at=now()))
        return
    show(talk, mailbox, mine)


def show(talk: Talk, mailbox: str, mine: Sequence[Fact]) -> None:
    """Post the file, then the card. That it was taken out is recorded first."""
    checked, at = talk.desk.store.audit.verify(), now()
    name = f"audit-{mailbox.replace('@', '-at-') or 'trail'}-{at:%Y%m%d-%H%M}Z.jsonl"
    filed = mine[-FILE_MOST:]
    if filed:
        about = About("", mailbox=mailbox, room=talk.room)
        talk.desk.store.audit.add(fact("exported", about, by=talk.person.email, person=talk.person.id, entries=len(filed)))
        posted = {"room_id": talk.room, "parent_id": talk.thread, "text": text("audit.posted", name=name)}
        talk.desk.webex.send_file(**posted, name=name, content_type=TYPE, content=_file(talk, filed))
    lines = tuple(map(_line, reversed(mine[-SHOWN:])))
    talk.say(audit(AuditView(mailbox, at, lines, len(mine), len(filed), name, checked.broken_at)))


def _file(talk: Talk, facts: Sequence[Fact]) -> bytes:
    """The lines as they are chained. What looks like a secret was taken out when they were written; those that this bot holds go here."""
    content = b"".join(line + b"\n" for line in map(canonical, facts))
    bot, work = talk.desk.bot, talk.desk.settings
    for secret in (bot.webex_access_token, *bot.webhook_secrets, work.microsoft_client_secret, *work.encryption_keys):
        content = content.replace(secret.encode(), GONE.encode())
    return content


def _line(entry: Fact) -> AuditLine:
    names = ("what", "kind", "running")
    data = entry.get("data") or {}
    values = {name: str(entry.get(name, "")) for name in names} | {name: str(data.get(name, "")) for name in ("scope", "question", "cause")}
    step = str(entry.get("step", ""))
    values |= {"step": f"key:step.{step}" if has(f"step.{step}") else step, "count": str(len(entry.get("changes") or ()))}
    key = f"audit.what.{values['what']}"
    who = {"by": str(entry.get("by", "bot")), "mailbox": str(entry.get("mailbox", "")), "run": str(entry.get("run", ""))}
    return AuditLine(_time(entry), Words(key if has(key) else "audit.what.other", values), entry=int(entry.get("n", 0)), **who)


def _time(entry: Fact) -> datetime:
    try:
        return datetime.fromisoformat(str(entry.get("at")))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


COMMAND = Command("audit", "more", run, "[ADDRESS]", may=may_see)
