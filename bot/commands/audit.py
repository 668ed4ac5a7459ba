"""Command /audit: who asked, approved and signed in, and what was changed.

The answer says whether the trail is intact, and the file ends with a seal
(:func:`jobs.runs.trust.sealed_file`).
"""

from collections.abc import Sequence

from adaptive_cards.texts import text
from bot.cards.presenters.lists import audit
from bot.chat import permissions
from bot.chat.context import ChatContext
from bot.chat.offers import first_channels, read_mailbox, unknown_channel
from bot.commands import Command
from bot.webex.client import File
from jobs.clock import now
from jobs.model import Text
from jobs.redact import GONE
from jobs.runs.audit import AuditEntry, canonical, read
from jobs.runs.event_log import About, entry
from jobs.runs.trust import sealed_file

FILE_MOST = 20_000
"""Maximum number of entries in the file; the newest are kept."""


def run(ctx: ChatContext, argument: str) -> None:
    # If an address is given, only the entries of that channel are shown. Otherwise the card offers
    # the channels known here.
    if not permissions.may_read_audit(ctx):
        ctx.refuse(Text("audit.not_yours"), then="next_approver")
        return
    mailbox = read_mailbox(ctx, "audit", argument) if argument else ""
    if argument and not mailbox:
        return
    trail, at = ctx.services.store.audit, now()
    mine = permissions.visible_entries(ctx, [read(line) for line in trail.entries()], mailbox)
    if mailbox and not mine:
        unknown_channel(ctx, "audit", Text("audit.kicker"), mailbox)
        return
    trail.look()
    broken = trail.verify().broken_at
    name = f"audit-{mailbox.replace('@', '-at-') or 'trail'}-{at:%Y%m%d-%H%M}Z.jsonl"
    filed = mine[-FILE_MOST:]
    if filed:
        about = About("", mailbox=mailbox, room=ctx.room)
        who = {"by": ctx.person.email, "person": ctx.person.id}
        trail.add(entry("exported", about, entries=len(filed), **who))
        file = File(name, "application/jsonl", _sealed(ctx, filed))
        ctx.say_file(text("audit.posted", name=name), file)
    offered = () if mailbox else first_channels(ctx, permissions.visible_channels(ctx))
    card = audit(mailbox, at, mine, filed=len(filed), name=name, broken_at=broken, offered=offered)
    ctx.say(card)


def _sealed(ctx: ChatContext, facts: Sequence[AuditEntry]) -> bytes:
    # Anything that looks like a secret was removed when the entries were written. The secrets that
    # this bot holds are removed here.
    content = b"".join(line + b"\n" for line in map(canonical, facts))
    for secret in ctx.services.own_secrets:
        content = content.replace(secret.encode(), GONE.encode())
    return sealed_file(ctx.services.store, content)


COMMAND = Command("audit", "more", "[ADDRESS]", run=run, may=permissions.may_read_audit)
