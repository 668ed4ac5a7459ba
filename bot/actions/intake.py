"""The first cards: a corrected address, the details, and buttons that stand for commands."""

from __future__ import annotations

from collections.abc import Callable

from adaptive_cards import Card, intake
from adaptive_cards.cards.intake import IntakeView
from adaptive_cards.views import Header
from bot.actions._guard import go_on, on_run
from bot.chat.context import Talk
from bot.commands import cancel, commands, help, setup_email, status  # noqa: A004  the module is named after its command
from bot.webex.client import WebexError
from jobs.channel.form import TypedWrongError, read_address, read_details
from jobs.clock import now
from jobs.model import Words
from jobs.runs.run import Event, Kind, Run
from jobs.runs.store import AlreadyRunningError

FIELDS = ("mailbox", "callback_url", "forwarding_address", "lifetime", "keep_copy", "profile")


def setup(talk: Talk, inputs: dict[str, str]) -> None:
    """As if ``/setup-email`` had been typed, with the address of the button or of the field."""
    setup_email.run(talk, (inputs.get("mailbox_meant") or inputs.get("mailbox") or "").strip())


def typed(talk: Talk, inputs: dict[str, str]) -> None:
    """As if the command had been typed again, with the address of the button or of the field; the command itself says who may."""
    command = commands().get(inputs.get("command", ""))
    if command is None or not command.argument:  # no card of ours sends that
        talk.refuse(Words("refused.old"), title="refused.nothing")
        return
    command.run(talk, (inputs.get("mailbox_meant") or inputs.get("mailbox") or "").strip())


def setup_again(talk: Talk, inputs: dict[str, str]) -> None:
    """A channel that is connected, looked at anew with the addresses that are known: what holds already stays as it is."""
    _on_connected(talk, inputs, setup_email.look)


def setup_change(talk: Talk, inputs: dict[str, str]) -> None:
    """A channel that is connected, with the first card again: to give other addresses, another lifetime or profile."""
    _on_connected(talk, inputs, setup_email.begin)


def _on_connected(talk: Talk, inputs: dict[str, str], act: Callable[[Talk, str], None]) -> None:
    try:
        mailbox = read_address(inputs.get("mailbox_meant", ""))
    except TypedWrongError as wrong:  # no card of ours sends that
        talk.refuse(wrong.why, title="refused.nothing")
        return
    act(talk, mailbox)


@on_run
def details(talk: Talk, inputs: dict[str, str], run: Run) -> None:
    """Take the details if they are right, else show the same card with what is wrong."""
    if run.detailed:
        talk.refuse(Words("refused.old"), title="refused.nothing")
        return
    values = {name: inputs.get(name, "").strip() for name in FIELDS if name in inputs}
    found = read_details(run.channel, values)
    errors = dict(found.errors)
    if found.channel is not None and not _claimed(talk, run, found.channel.mailbox):
        errors["mailbox"] = Words("typed.mailbox_busy", {"run": talk.desk.store.running(found.channel.mailbox)})
    if errors or found.channel is None:
        view = IntakeView(Header(run.id, run.channel.mailbox, 1), values, errors, ask_mailbox=not run.channel.mailbox)
        _instead(talk, intake(view))
        return
    talk.desk.store.append(run.id, Event(Kind.DETAILS, now(), by=talk.person.email, channel=found.channel))
    go_on(talk, run)


@on_run
def cancelled(talk: Talk, inputs: dict[str, str], run: Run) -> None:
    """Stop the run."""
    cancel.cancel(talk, run)


def _claimed(talk: Talk, run: Run, mailbox: str) -> bool:
    try:
        talk.desk.store.claim(mailbox, run.id)
    except AlreadyRunningError:
        return False
    return True


def _instead(talk: Talk, card: Card) -> None:
    """The same card with other contents; a new one where Webex does not take the edit."""
    try:
        talk.desk.webex.edit(talk.message, talk.room, card.text, card.content)
    except WebexError:
        talk.say(card)


ANSWERS = {
    "setup": setup,
    "typed": typed,
    "setup_again": setup_again,
    "setup_change": setup_change,
    "intake": details,
    "cancel": cancelled,
    "help": lambda talk, _: help.show(talk),
    "status": lambda talk, _: status.run(talk, ""),
}
