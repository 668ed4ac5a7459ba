"""Buttons that rehearse Generate Token, skip the rehearsal with a reason, or explain an error."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards import explanation
from adaptive_cards.cards.connect_form import ERROR_MOST
from bot.actions import answered, finish, for_everybody, record, refused_input
from bot.cards.presenters.connect_form import MAILBOX_USER
from bot.chat.audience import resolve_recipient
from bot.chat.context import ChatContext, RefusedError
from bot.chat.explanation import as_view
from jobs.access import mailbox_login
from jobs.causes.cause import Cause
from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.channel.form import InvalidInputError
from jobs.channel.mailbox import login_of
from jobs.clock import now
from jobs.mail.smtp_login import REFUSED
from jobs.model import Finding, Reason, RunKind, State, Text
from jobs.runs.run import Event, Kind, Run
from jobs.steps import TOKEN_FAILED, rehearses, steps_of
from jobs.storage.vault import Sealed

LONGEST_REASON = 200


@for_everybody
def rehearse(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # If Microsoft has refused the bot's own secret, another is made: somebody may have removed it.
    events = []
    refused = run.problems.get("mailbox_sign_in")
    if refused is not None and refused.cause == Cause.OWN_SECRET_REFUSED:
        ctx.services.vault.drop(Sealed.REHEARSAL_SECRET.of(run.id))
        mailbox_login.drop(ctx.services.vault, run.channel.mailbox)
        gone = Finding("check_secret", State.WRONG, Reason.ABSENT.text(), reason=Reason.ABSENT)
        events.append(Event(Kind.FOUND, now(), step=gone.step, finding=gone))
    for left in (Sealed.REHEARSAL_TOKEN, Sealed.REHEARSAL_SESSION):
        ctx.services.vault.drop(left.of(run.id))
    events += _ask_mailbox_user(ctx, run)
    finish(ctx, run, *events, answered(ctx, "rehearse", "yes"))


def _ask_mailbox_user(ctx: ChatContext, run: Run) -> list[Event]:
    # The user who signs in is known from the directory and is noted only once. Webex often has
    # nobody with a mailbox's address. The card then asks for another address.
    login = login_of(run) or run.fact("upn")
    if not login or run.answer(MAILBOX_USER) or MAILBOX_USER in run.problems:
        return []
    try:
        return [answered(ctx, MAILBOX_USER, resolve_recipient(ctx, login, greets=False))]
    except InvalidInputError as wrong:
        return [refused_input(ctx, MAILBOX_USER, login, wrong)]


@for_everybody
def skip_rehearsal(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The step ``unused_secret`` removes the bot's own secret at Microsoft.
    reason = " ".join(inputs.get("skip_reason", "").split())[:LONGEST_REASON]
    if not reason:
        raise RefusedError(Text("notice.reason_needed"))
    if "rehearsal" in steps_of(run):
        mailbox_login.close(ctx.services.vault, run.id)
        mailbox_login.drop(ctx.services.vault, run.channel.mailbox)
    record(ctx, run, "rehearse", f"skip:{reason}")


def explained(ctx: ChatContext, inputs: dict[str, str]) -> None:
    # The error was seen in Webex Connect's form, so a bare code counts as one of Webex Connect.
    told = inputs.get("error_text", "")
    reading = read(told, Place.FORM, cut=len(told) >= ERROR_MOST)
    run = _run_of_theirs(ctx, inputs)
    # A bare 5.7.3 of a shared mailbox most probably means a wrong user name: eight of the known
    # reports say so (platforms/microsoft.md 2.6).
    shared = run is not None and bool(run.fact("shared"))
    causes = tuple(
        replace(each, cause=Cause.FORM_USERNAME_SHARED)
        if shared and each.cause == REFUSED
        else each
        for each in reading.causes
    )
    # Nothing changes in a run that has the rehearsal already, or whose token is known to be there.
    if causes and run and _lacks_token(run):
        record(ctx, run, TOKEN_FAILED, causes[0].cause)
    ctx.say(explanation(as_view(reading._replace(causes=causes), now(), within=True)))


def _lacks_token(run: Run) -> bool:
    open_setup = run.kind is RunKind.SETUP and not run.ended
    untried = "mailbox_fields" in run.findings and not rehearses(run)
    return open_setup and untried and not run.settled("token")


def _run_of_theirs(ctx: ChatContext, inputs: dict[str, str]) -> Run | None:
    try:
        run = ctx.services.store.load(inputs.get("run", ""))
    except LookupError:
        return None
    theirs = ctx.person.id == run.requester.id or ctx.room == run.origin.room
    return run if theirs else None


ACTIONS = {"rehearse": rehearse, "skip_rehearsal": skip_rehearsal, "explain": explained}
