"""Buttons of a check that finds a channel by itself: the answers to its questions, and Keep."""

from __future__ import annotations

from bot.actions._guard import finish, for_everybody
from bot.chat.context import ChatContext
from bot.commands.setup_email import elsewhere
from jobs.channel.form import InvalidInputError, read_address
from jobs.checks import adoption
from jobs.checks.discovering import APP, FORWARDING, answers_to, is_client_id, open_questions
from jobs.model import Text
from jobs.runs.run import Run


@for_everybody
def answered(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    try:
        given = {question: _read(run, question, inputs) for question in open_questions(run)}
    except InvalidInputError as wrong:
        ctx.refuse(wrong.reason, title="refused.nothing")
        return
    _go_on(ctx, run, given)


@for_everybody
def without(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    _go_on(ctx, run, {})


@for_everybody
def keep(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    """Record the channel that the check has found, without any change in the tenant."""
    is_kept = ctx.services.channels.record(run.channel.mailbox) is not None
    if adoption.keep(ctx.services.store, run, ctx.person.email, ctx.action_id):
        ctx.services.cards.request(run.id)
    elif is_kept:
        elsewhere(ctx, run.channel.mailbox)
    else:
        ctx.refuse(Text("refused.old"), title="refused.nothing")


def _go_on(ctx: ChatContext, run: Run, given: dict[str, str]) -> None:
    events = answers_to(run, given, ctx.person.email)
    if not events:
        ctx.refuse(Text("refused.twice"), title="refused.nothing")
        return
    finish(ctx, run, *events)


def _read(run: Run, question: str, inputs: dict[str, str]) -> str:
    """Return the value that the person gave for a question.

    Raises:
        InvalidInputError: the value cannot be read.
    """
    return {APP: _app, FORWARDING: _forwarding}[question](run, inputs)


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


ACTIONS = {"discovered": answered, "discovered_without": without, "keep": keep}
