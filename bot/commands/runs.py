"""Commands /status, /cancel and /audit: the runs of a space, the end of one, and what was done.

/cancel keeps the changes of the run. /audit shows who asked, approved and signed in, and what was
changed. It says whether the trail is intact, and its file ends with a seal
(:func:`jobs.runs.trust.sealed_file`).
"""

from adaptive_cards import notice
from adaptive_cards.components import OVER
from adaptive_cards.elements import ACTIONS_MOST
from adaptive_cards.texts import text
from bot.cards import living
from bot.cards.presenters import lists
from bot.cards.presenters.card_state import end_title
from bot.chat import offers, permissions
from bot.chat.context import ChatContext, RefusedError
from bot.commands import Command
from bot.webex.client import File
from jobs.access import mailbox_login
from jobs.clock import now
from jobs.model import Text
from jobs.redact import GONE
from jobs.runs.audit import canonical, read
from jobs.runs.run import Kind, Run
from jobs.runs.trust import sealed_file
from jobs.storage.vault import Sealed


def cancel_typed(ctx: ChatContext, argument: str) -> None:
    """Cancel the only run of this space, the run of the mailbox, or the run with the given id.

    Words after that are ignored. If no run or more than one is meant, the open runs are offered. If
    this message has canceled a run already, only that is meant: the worker died before it answered.
    """
    named = argument.partition(" ")[0].rstrip(",;:").lower()
    runs = ctx.services.store.runs_in_space(ctx.room)
    canceled = [each for each in runs if ctx.request in each.requests]
    open_runs = canceled or list(filter(lambda each: not each.ended, runs))
    wanted = [each for each in open_runs if named in {"", each.channel.mailbox, each.id.lower()}]
    kicker = Text("notice.cancel_kicker")
    if len(wanted) == 1:
        cancel(ctx, wanted[0])  # the run's own card, which may be far away, says what stays
        key = "notice.cancelled_see" if wanted[0].changed else "living.cancelled_words"
        title = end_title(ctx.services.store.refresh(wanted[0]))
        card = notice(kicker, title, Text(key), OVER, at=now())
        ctx.say(living.with_doubts(card, runs))
    elif open_runs:
        unknown = Text("notice.cancel_unknown_title", {"typed": named})
        title = Text("notice.cancel_which_title") if wanted else unknown
        offered = (wanted or open_runs)[:ACTIONS_MOST]
        card = living.with_doubts(living.choice(title, offered), runs)
        ctx.say(card, shows=living.shows_choice(offered))
    else:
        title, words = Text("notice.cancel_nothing_title"), Text("notice.cancel_nothing_words")
        ctx.say(living.with_doubts(notice(kicker, title, words), runs))


def cancel(ctx: ChatContext, run: Run) -> None:
    """End the run; refused if this person may not, or if something else has ended it."""
    services = ctx.services
    if not permissions.may_cancel(ctx, run):
        raise RefusedError(Text("notice.cancel_not_part"), "refused.message", "next_part")
    run = services.store.refresh(run)
    event = ctx.event(Kind.CANCELLED, request=ctx.request)
    if ctx.request not in run.requests and not services.store.end(run, event):
        raise RefusedError(Text("refused.over"))
    services.vault.drop(Sealed.ADMIN_SESSION.of(run.id))
    services.vault.drop(Sealed.CLIENT_SECRET.of(run.id))
    mailbox_login.close(services.vault, run.id)
    services.watching.look_after(run)
    services.cards.request(run.id)


def show_status(ctx: ChatContext, _argument: str) -> None:
    """List the runs, open and new ones first. Runs beyond the limit are only counted."""
    known = ctx.services.store.runs_in_space(ctx.room)
    more = max(ctx.services.channels.count_in_space(ctx.room) - len(known), 0)
    ctx.say(living.with_doubts(lists.status(known, now(), more, direct=ctx.direct), known))


FILE_MOST = 20_000
"""Maximum number of entries in the file; the newest are kept."""


def show_audit(ctx: ChatContext, argument: str) -> None:
    # If an address is given, only the entries of that channel are shown. Otherwise the card offers
    # the channels known here.
    if not permissions.may_read_audit(ctx):
        raise RefusedError(Text("audit.not_yours"), "refused.message", "next_approver")
    mailbox = offers.read_mailbox(ctx, "audit", argument) if argument else ""
    trail, at = ctx.services.store.audit, now()
    mine = permissions.visible_entries(ctx, [read(line) for line in trail.entries()], mailbox)
    if mailbox and not mine:
        offers.unknown_channel(ctx, "audit", Text("audit.kicker"), mailbox)
    trail.look()
    broken = trail.verify().broken_at
    name = f"audit-{mailbox.replace('@', '-at-') or 'trail'}-{at:%Y%m%d-%H%M}Z.jsonl"
    filed = mine[-FILE_MOST:]
    if filed:
        ctx.attest("exported", mailbox=mailbox, entries=len(filed))
        # Anything that looks like a secret was removed when the entries were written. The secrets
        # that this bot holds are removed here.
        content = b"\n".join(map(canonical, filed)) + b"\n"
        for secret in ctx.services.own_secrets:
            content = content.replace(canonical(secret)[1:-1], GONE.encode())
        file = File(name, "application/jsonl", sealed_file(ctx.services.store, content))
        ctx.say(text("audit.posted", name=name), file=file)
    offered = () if mailbox else offers.first_channels(ctx, permissions.visible_channels(ctx))
    card = lists.audit(
        mailbox, at, mine, filed=len(filed), name=name, broken_at=broken, offered=offered
    )
    ctx.say(card)


COMMAND = Command("cancel", "runs", "[ADDRESS]", run=cancel_typed)
OTHER_COMMANDS = (
    Command("status", "runs", run=show_status),
    Command("audit", "more", "[ADDRESS]", run=show_audit, may=permissions.may_read_audit),
)
