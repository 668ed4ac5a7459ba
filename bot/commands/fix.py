"""Command /fix: repair only what is wrong, after approval, and prove it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from adaptive_cards.cards.notice import NoticeView
from bot.cards import superseded
from bot.cards.notices import ending_of
from bot.chat import permissions
from bot.chat.context import ChatContext
from bot.chat.offers import unknown_channel
from bot.chat.parsing import read_mailbox
from bot.commands import Command
from bot.commands.setup_email import begin_known
from jobs.checks import remedies
from jobs.checks.remedies import for_people
from jobs.clock import now
from jobs.model import RunKind, Text
from jobs.runs.run import Brief, FixBrief
from jobs.runs.run_store import RunStore
from jobs.watch.store import assessment

RECENT = timedelta(days=1)
"""Maximum age of check results that a fix repeats.

For older results, the fix only names the command.
"""


def run(ctx: ChatContext, argument: str) -> None:
    """Open a run that plans only what is wrong; like a setup it needs a sign-in and an approval."""
    mailbox = read_mailbox(ctx, "fix", argument, permissions.visible_channels)
    if not mailbox:
        return
    record = permissions.visible_record(ctx, mailbox)
    if record is None:
        unknown_channel(ctx, "fix", Text("notice.check_kicker"), mailbox)
        return
    begin_known(ctx, record.channel, RunKind.FIX, brief=_brief(ctx.services.store, mailbox))


def tell_if_right(ctx: ChatContext, mailbox: str) -> bool:
    """Say what is known of a channel that needs no fix, for the button of an old card.

    Return False if it may need one, or is not known here.
    """
    services, fact = ctx.services, None
    if permissions.visible_record(ctx, mailbox) is not None:
        found = assessment(services.store, mailbox)
        fact = found.fact if found.needs_no_fix else None
    broken = services.watching.incidents.open_of_channel(mailbox)
    if fact is None or broken or _ending(services.store, mailbox):
        return False
    kicker, title = Text("notice.check_kicker"), Text("notice.right_title", {"mailbox": mailbox})
    buttons = (
        ("button.check_now", {"do": "check", "channel": mailbox}),
        ("button.fix_anyway", {"do": "typed", "command": "fix", "mailbox_meant": mailbox}),
    )
    ctx.notify(NoticeView(kicker, title, superseded.known_by(fact), buttons=buttons, at=now()))
    return True


def _brief(store: RunStore, mailbox: str) -> Brief:
    """Return the brief of a fix.

    If the newest check is recent, the brief includes the causes that no plan can fix and the time
    of that check, which the plan then shows. The brief also names the steps that the fix will
    probably change. The sign-in asks for the permissions of these steps.
    """
    brief, check = remedies.fix_context(store, mailbox), store.last_check(mailbox)
    fix, ending = brief.fix or FixBrief(), _ending(store, mailbox)
    if check is None or check.checked is None or now() - check.checked > RECENT:
        return replace(brief, fix=replace(fix, wrong=ending))
    fix = replace(
        fix,
        manual_causes=for_people(remedies.verdict_of(check)),
        checked_at=check.checked,
        wrong=tuple({*remedies.likely_changes(check), *ending}),
    )
    return replace(brief, fix=fix)


def _ending(store: RunStore, mailbox: str) -> tuple[str, ...]:
    """Return the client secret's step if a fix would renew the secret now, or else no step."""
    ending = ending_of(store, mailbox)
    return ("client_secret",) if ending is not None and now() >= ending.renewable else ()


COMMAND = Command("fix", "trouble", run, "ADDRESS")
