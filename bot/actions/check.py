"""Buttons that do the same as a typed command, and answers to the questions of a check."""

from __future__ import annotations

from bot.actions import finish, for_everybody
from bot.chat import offers
from bot.chat.context import ChatContext, RefusedError
from bot.chat.permissions import visible_channels
from bot.commands import check, fix, language
from bot.commands.setup_email import elsewhere
from jobs.channel.form import InvalidInputError, read_address
from jobs.checks import discovering
from jobs.checks.discovering import APP, FORWARDING, answers_to, is_client_id, open_questions
from jobs.model import Text
from jobs.runs.run import Run


def check_again(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Do the same as the typed command ``/check``, but always for exactly the button's address."""
    channel, kicker = inputs.get("channel", ""), Text("notice.check_kicker")
    if channel in {"", "all"}:
        check.run(ctx, channel)
    elif channel in visible_channels(ctx) or not offers.tell_if_disconnected(ctx, kicker, channel):
        check.exactly(ctx, channel)


def start_fix(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Begin a fix, or say which newer fact shows that the card's cause is over.

    A check that goes on is newer than any fact, and names a certain cause before it ends.
    """
    mailbox = inputs.get("channel", "")
    check = next(ctx.services.store.known([inputs.get("check", "")]), None)
    goes_on = check is not None and check.checked is None
    if goes_on or not fix.tell_if_right(ctx, mailbox):
        fix.run(ctx, mailbox)


@for_everybody
def answered(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    try:
        read = {APP: _app, FORWARDING: _forwarding}
        given = {question: read[question](run, inputs) for question in open_questions(run)}
    except InvalidInputError as wrong:
        raise RefusedError(wrong.reason) from None
    _go_on(ctx, run, given)


@for_everybody
def without(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    _go_on(ctx, run, {})


@for_everybody
def keep(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    """Record the channel that the check has found, without any change in the tenant."""
    is_kept = ctx.services.channels.record(run.channel.mailbox) is not None
    if discovering.keep(ctx.services.store, run, ctx.person.email, ctx.action_id):
        ctx.services.cards.request(run.id)
    elif is_kept:
        elsewhere(ctx, run.channel.mailbox)
    else:
        raise RefusedError(Text("refused.old"))


def _go_on(ctx: ChatContext, run: Run, given: dict[str, str]) -> None:
    events = answers_to(run, given, ctx.person.email)
    if not events:
        raise RefusedError(Text("refused.twice"))
    finish(ctx, run, *events)


def _app(run: Run, inputs: dict[str, str]) -> str:
    given = inputs.get("client_id", "").strip()
    known = {app.client_id for app in run.search.apps} if run.search else set()
    if given not in known if known else not is_client_id(given):
        raise InvalidInputError(Text("typed.client_id"))
    return given


def _forwarding(run: Run, inputs: dict[str, str]) -> str:
    given = read_address(inputs.get("forwarding_address", ""))
    if given == run.channel.mailbox:
        raise InvalidInputError(Text("typed.forwarding_is_mailbox"))
    return given


ACTIONS = {
    "go_on": for_everybody(lambda ctx, _, run: check.go_on(ctx, run)),
    "check": check_again,
    "fix": start_fix,
    "language": lambda ctx, inputs: language.choose(ctx, inputs.get("language", "")),
    "discovered": answered,
    "discovered_without": without,
    "keep": keep,
}
