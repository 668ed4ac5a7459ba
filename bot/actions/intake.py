"""Buttons of the first cards: a corrected address, the details, the delegate, and shortcuts for commands."""

from __future__ import annotations

from collections.abc import Callable

from bot.actions._guard import answered, finish, on_run, to_cancel
from bot.cards.presenters import questions
from bot.chat.audience import note_absent
from bot.chat.context import ChatContext
from bot.chat.recipients import resolve_recipient
from bot.commands import cancel, commands, help, setup_email, status, undo  # noqa: A004  a command's name
from jobs.channel.form import LONGEST, InvalidInputError, read_address, read_details
from jobs.channel.mailbox import DELEGATE
from jobs.clock import now
from jobs.model import Channel, Text
from jobs.runs.channel_index import AlreadyRunningError
from jobs.runs.run import Event, Kind, Run
from jobs.steps import CHECK_LOGIN, mailbox_user

FIELDS = (
    *("mailbox", "callback_url", "forwarding_address", "delegate"),
    *("lifetime", "keep_copy", "profile", "administrator", "check_login"),
)


def setup(ctx: ChatContext, inputs: dict[str, str]) -> None:
    setup_email.run(ctx, _typed_address(inputs))


def rerun_command(ctx: ChatContext, inputs: dict[str, str]) -> None:
    # The command itself checks whether the person may use it.
    command = commands().get(inputs.get("command", ""))
    if command is None or not command.argument:  # none of the bot's own cards sends this
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
    command.run(ctx, _typed_address(inputs))


def _typed_address(inputs: dict[str, str]) -> str:
    return (inputs.get("mailbox_meant") or inputs.get("mailbox") or "").strip()


def setup_again(ctx: ChatContext, inputs: dict[str, str]) -> None:
    # Settings that are already correct stay as they are.
    _on_connected(ctx, inputs, setup_email.inspect_again)


def setup_change(ctx: ChatContext, inputs: dict[str, str]) -> None:
    # The person can enter other addresses, another lifetime or another profile.
    _on_connected(ctx, inputs, setup_email.begin)


def undo_planned(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Plan the undo of the button's run, or of the whole channel if the button names none."""
    _on_connected(
        ctx, inputs, lambda ctx, mailbox: undo.plan(ctx, mailbox, inputs.get("undoes", ""))
    )


def _on_connected(
    ctx: ChatContext, inputs: dict[str, str], act: Callable[[ChatContext, str], None]
) -> None:
    try:
        mailbox = read_address(inputs.get("mailbox_meant", ""))
    except InvalidInputError as wrong:  # none of the bot's own cards sends this
        ctx.refuse(wrong.reason, title="refused.nothing")
        return
    act(ctx, mailbox)


@on_run
def submit_intake(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    if run.detailed:
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
    values = {name: inputs[name].strip() for name in FIELDS if name in inputs}
    found = read_details(run.channel, values)
    errors = found.errors | _claim(ctx, run, found.channel)
    administrator = _administrator(ctx, values, errors)
    if errors or found.channel is None:
        questions.keep_typed(ctx.services, run.id, questions.TypedInputs(values, errors))
        ctx.services.cards.request(run.id)
        return
    given = Event(Kind.DETAILS, now(), by=ctx.person.email, channel=found.channel)
    asked = {"administrator": administrator, CHECK_LOGIN: values.get("check_login", "")}
    answers = [answered(ctx, question, value) for question, value in asked.items() if value]
    finish(ctx, run, given, *answers, *note_absent(ctx))


def _claim(ctx: ChatContext, run: Run, channel: Channel | None) -> dict[str, Text]:
    if channel is None:
        return {}
    try:
        ctx.services.store.claim(channel.mailbox, run.id)
    except AlreadyRunningError:
        other = ctx.services.channels.running(channel.mailbox)
        return {"mailbox": Text("typed.mailbox_busy", {"run": other})}
    return {}


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
    if cancel.cancel(ctx, run):
        cancel.end_choice(ctx, run)


@to_cancel
def begun_again(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    if cancel.cancel(ctx, run):
        cancel.end_choice(ctx, run)
        rerun_command(ctx, {**inputs, "mailbox_meant": run.channel.mailbox})


@on_run
def name_delegate(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # An address that cannot be read is kept on the card with the reason.
    if not mailbox_user.needs_delegate(run):
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
    typed = inputs.get("delegate", "")
    try:
        address = read_address(typed)
    except InvalidInputError as wrong:
        data = {"question": DELEGATE, "cause": wrong.fault, "code": typed.strip()[:LONGEST]}
        problem = Event(Kind.PROBLEM, now(), by=ctx.person.email, data=data)
        ctx.services.store.append(run.id, problem)
        ctx.services.cards.request(run.id)
        return
    looks = Event(Kind.LOOK_AGAIN, now(), by=ctx.person.email)
    finish(ctx, run, looks, answered(ctx, DELEGATE, address))


ACTIONS = {
    "setup": setup,
    "typed": rerun_command,
    "setup_again": setup_again,
    "setup_change": setup_change,
    "undo": undo_planned,
    "intake": submit_intake,
    "cancel": cancelled,
    "begin_again": begun_again,
    "help": lambda ctx, _: help.show(ctx),
    "status": lambda ctx, _: status.run(ctx, ""),
    "delegate": name_delegate,
}
