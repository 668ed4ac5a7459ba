"""Buttons of the first cards: a corrected address, the details, the delegate, and shortcuts for commands."""

from __future__ import annotations

from bot.actions import Action, answered, finish, on_run, refused_input, to_cancel
from bot.cards.presenters import questions
from bot.chat.audience import note_absent, resolve_recipient
from bot.chat.context import ChatContext, RefusedError
from bot.commands import commands, help, runs, setup_email, undo  # noqa: A004  a command's name
from jobs.channel.form import InvalidInputError, read_address, read_details
from jobs.channel.mailbox import DELEGATE
from jobs.clock import now
from jobs.model import Text
from jobs.runs.channel_index import AlreadyRunningError
from jobs.runs.run import Event, Kind, Run
from jobs.steps import CHECK_LOGIN, mailbox_user

FIELDS = (
    *("mailbox", "callback_url", "forwarding_address", "delegate"),
    *("lifetime", "keep_copy", "profile", "administrator", "check_login"),
)


def rerun_command(ctx: ChatContext, inputs: dict[str, str]) -> None:
    # The command itself checks whether the person may use it.
    command = commands().get(inputs.get("command", ""))
    if command is None or not command.argument:  # none of the bot's own cards sends this
        raise RefusedError(Text("refused.old"))
    command.run(ctx, _typed_address(inputs))


def _typed_address(inputs: dict[str, str]) -> str:
    return (inputs.get("mailbox_meant") or inputs.get("mailbox") or "").strip()


def _connected(inputs: dict[str, str]) -> str:
    try:
        return read_address(inputs.get("mailbox_meant", ""))
    except InvalidInputError as wrong:  # none of the bot's own cards sends this
        raise RefusedError(wrong.reason) from None


@on_run
def submit_intake(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    if run.detailed:
        raise RefusedError(Text("refused.old"))
    values = {name: inputs[name].strip() for name in FIELDS if name in inputs}
    found = read_details(run.channel, values)
    errors = dict(found.errors)
    try:
        if found.channel is not None:
            ctx.services.store.claim(found.channel.mailbox, run.id)
    except AlreadyRunningError as busy:
        errors["mailbox"] = Text("typed.mailbox_busy", {"run": busy.run})
    administrator = _administrator(ctx, values, errors)
    if errors or found.channel is None:
        questions.keep_typed(ctx.services, run.id, questions.TypedInputs(values, errors))
        ctx.services.cards.request(run.id)
        return
    given = Event(Kind.DETAILS, now(), by=ctx.person.email, channel=found.channel)
    asked = {"administrator": administrator, CHECK_LOGIN: values.get("check_login", "")}
    answers = [answered(ctx, question, value) for question, value in asked.items() if value]
    finish(ctx, run, given, *answers, *note_absent(ctx))


def _administrator(ctx: ChatContext, values: dict[str, str], errors: dict[str, Text]) -> str:
    """Return the address of the administrator who is asked 1:1 to sign in.

    The result is empty if nobody was named, or only the person who pressed the button. If the
    administrator cannot be reached, ``errors`` gets the reason.
    """
    typed = values.get("administrator", "")
    if not typed or typed.lower() in ctx.person.emails:
        return ""
    try:
        address = resolve_recipient(ctx, typed)
    except InvalidInputError as wrong:
        errors["administrator"] = wrong.reason
        return ""
    return "" if address in ctx.person.emails else address


@to_cancel
def cancelled(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The run's own card says that the run was canceled.
    if runs.cancel(ctx, run):
        runs.end_choice(ctx, run)


@to_cancel
def begun_again(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    if runs.cancel(ctx, run):
        runs.end_choice(ctx, run)
        rerun_command(ctx, {**inputs, "mailbox_meant": run.channel.mailbox})


@on_run
def name_delegate(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # An address that cannot be read is kept on the card with the reason.
    if not mailbox_user.needs_delegate(run):
        raise RefusedError(Text("refused.old"))
    typed = inputs.get("delegate", "")
    try:
        address = read_address(typed)
    except InvalidInputError as wrong:
        ctx.services.store.append(run.id, refused_input(ctx, DELEGATE, typed.strip(), wrong))
        ctx.services.cards.request(run.id)
        return
    looks = Event(Kind.LOOK_AGAIN, now(), by=ctx.person.email)
    finish(ctx, run, looks, answered(ctx, DELEGATE, address))


ACTIONS: dict[str, Action] = {
    "setup": lambda ctx, inputs: setup_email.run(ctx, _typed_address(inputs)),
    "typed": rerun_command,
    "setup_again": lambda ctx, inputs: setup_email.inspect_again(ctx, _connected(inputs)),
    "setup_change": lambda ctx, inputs: setup_email.begin(ctx, _connected(inputs)),
    # the undo of the button's run, or of the whole channel if the button names none
    "undo": lambda ctx, inputs: undo.plan(ctx, _connected(inputs), inputs.get("undoes", "")),
    "intake": submit_intake,
    "cancel": cancelled,
    "begin_again": begun_again,
    "help": lambda ctx, _: help.show(ctx),
    "status": lambda ctx, _: runs.show_status(ctx, ""),
    "delegate": name_delegate,
}
