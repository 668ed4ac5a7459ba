"""Buttons that ask another person, or say what was done outside the bot, or lost."""

from __future__ import annotations

from bot.actions import OnRun, answered, finish, for_everybody, on_run, record, refused_input
from bot.cards import delivery
from bot.cards.presenters import connect_form, mail, questions
from bot.cards.presenters.card_state import slot_of, thread_and_person
from bot.chat.audience import resolve_recipient
from bot.chat.context import ChatContext, RefusedError
from jobs.channel.form import InvalidInputError
from jobs.clock import now
from jobs.model import Finding, State, Text
from jobs.runs.run import Event, Kind, Run
from jobs.storage.vault import Sealed


@on_run
def ask_administrator(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    _ask(ctx, inputs, run, "administrator", waits=questions.waits_for_administrator(run))


@on_run
def ask_consent(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    _ask(ctx, inputs, run, "consent_administrator", waits=questions.waits_for_consent(run))


@for_everybody
def ask_mailbox_user(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    _ask(
        ctx, inputs, run, connect_form.MAILBOX_USER, waits=connect_form.waits_for_mailbox_user(run)
    )


@for_everybody
def ask_agent(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    waits = run.state_of("test_mail") is State.OK and not run.settled("agent_has_it")
    _ask(ctx, inputs, run, mail.AGENT, waits=waits)


@on_run
def consent_again(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    """Post the card that the run waits for again, as the newest in the thread and in the 1:1."""
    asked = (run.answer("consent_administrator") if run.account else "") or run.answer(
        "administrator"
    )
    for place in thread_and_person(asked):
        delivery.repost(ctx.services, run.id, slot_of(place))
    ctx.services.record(run.id)


@on_run
def sign_in_other(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    if not questions.another_may(run):
        raise RefusedError(Text("refused.old"))
    ctx.services.vault.drop(Sealed.ADMIN_SESSION.of(run.id))
    finish(ctx, run, Event(Kind.SIGNED_OUT, now(), by=ctx.person.email))


@on_run
def look_again(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # If nothing is approved yet, read the settings again as well.
    looks = Event(Kind.LOOK_AGAIN, now(), by=ctx.person.email)
    finish(ctx, run, looks, answered(ctx, "look_again", now().isoformat()))


@on_run
def registered(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # A channel must be saved before it is registered, so this also records that the token was
    # saved. A test mail that was sent before is sent once more, because Webex Connect has dropped
    # it.
    events = []
    if not run.answer("token_saved") and not run.settled("token"):
        events.append(answered(ctx, "token_saved", "yes"))
    if run.change_applied("test_mail") and not run.settled("agent_has_it"):
        # the test mail is sent once more, with the same subject
        facts = {"subject": run.fact("subject")}
        unseen = Finding("test_mail", State.WRONG, Text("seen.not_sent"), facts=facts)
        events.append(Event(Kind.FOUND, now(), step=unseen.step, finding=unseen))
    finish(ctx, run, *events, answered(ctx, "registered", "yes"))


def _says(question: str) -> OnRun:
    return lambda ctx, _, run: record(ctx, run, question, "yes")


def _ask(ctx: ChatContext, inputs: dict[str, str], run: Run, question: str, *, waits: bool) -> None:
    if not waits:
        raise RefusedError(Text("refused.old"))
    # If the address is not accepted, the cards show the reason next to the typed text. If the
    # address is accepted, the card in the thread says to whom and when the card was sent.
    typed = inputs.get("administrator", "").strip()
    try:
        address = resolve_recipient(ctx, typed)
    except InvalidInputError as wrong:
        ctx.services.store.append(run.id, refused_input(ctx, question, typed, wrong))
        ctx.services.cards.request(run.id)
        return
    delivery.repost(ctx.services, run.id, slot_of(address))
    record(ctx, run, question, address)


@on_run
def new_secret(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # Nobody may have the secret: the bot has deleted it, and it was not used. If the current plan
    # contains a client secret, its approval covers the new one. Otherwise the run makes a new plan
    # first.
    key_id = run.fact("key_id")
    used = run.answer("token_saved") or run.settled("token")
    if not key_id or used or ctx.services.vault.holds(Sealed.CLIENT_SECRET.of(run.id)):
        raise RefusedError(Text("refused.old"))
    lost = ",".join(filter(None, (run.answer("new_secret"), key_id)))
    gone = Finding("client_secret", State.WRONG, seen=Text("seen.secret_lost"))
    events = [
        answered(ctx, "new_secret", lost),
        Event(Kind.FOUND, now(), step="client_secret", finding=gone),
    ]
    changes = run.plan.changes if run.plan else ()
    if not any(change.step == "client_secret" for change in changes):
        events.append(Event(Kind.DETAILS, now(), by=ctx.person.email, channel=run.channel))
    finish(ctx, run, *events)


ACTIONS = {
    "ask_administrator": ask_administrator,
    "ask_consent": ask_consent,
    "ask_mailbox_user": ask_mailbox_user,
    "ask_agent": ask_agent,
    "consent_again": consent_again,
    "sign_in_other": sign_in_other,
    "look_again": look_again,
    "token_saved": on_run(_says("token_saved")),
    "registered": registered,
    "test_sent": for_everybody(_says("test_sent")),
    "agent_has_it": for_everybody(_says("agent_has_it")),
    "new_secret": new_secret,
}
