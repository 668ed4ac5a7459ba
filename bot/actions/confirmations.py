"""Buttons that ask another person, or say what was done outside the bot, or lost."""

from __future__ import annotations

from bot.actions._guard import answered, finish, for_everybody, on_run, record
from bot.cards import delivery
from bot.cards.presenters import connect_form, progress, questions
from bot.cards.presenters.card_state import slot_of, thread_and_person
from bot.chat.context import ChatContext
from bot.chat.recipients import resolve_recipient
from jobs.channel.form import LONGEST, InvalidInputError
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
    _ask(ctx, inputs, run, progress.AGENT, waits=waits)


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
    """Drop a sign-in that is stuck, and ask for the sign-in of another person."""
    if not questions.another_may(run):
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
    ctx.services.vault.drop(Sealed.ADMIN_SESSION.of(run.id))
    finish(ctx, run, Event(Kind.SIGNED_OUT, now(), by=ctx.person.email))


@on_run
def look_again(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # If nothing is approved yet, read the settings again as well.
    looks = Event(Kind.LOOK_AGAIN, now(), by=ctx.person.email)
    finish(ctx, run, looks, answered(ctx, "look_again", now().isoformat()))


@on_run
def token_saved(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    record(ctx, run, "token_saved", "yes")


@on_run
def registered(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # A channel must be saved before it is registered, so this also records that the token was
    # saved. A test mail that was sent before is sent once more, because Webex Connect has dropped
    # it.
    events = []
    if not run.answer("token_saved") and not run.settled("token"):
        events.append(answered(ctx, "token_saved", "yes"))
    if run.change_applied("test_mail") and not run.settled("agent_has_it"):
        events.append(_unsent(run))
    finish(ctx, run, *events, answered(ctx, "registered", "yes"))


def _unsent(run: Run) -> Event:
    """Return the event after which the test mail is sent once more, with the same subject."""
    facts = {"subject": run.fact("subject")}
    unseen = Finding("test_mail", State.WRONG, Text("seen.not_sent"), facts=facts)
    return Event(Kind.FOUND, now(), step=unseen.step, finding=unseen)


@for_everybody
def test_sent(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    record(ctx, run, "test_sent", "yes")


@for_everybody
def agent_has_it(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    record(ctx, run, "agent_has_it", "yes")


def _ask(ctx: ChatContext, inputs: dict[str, str], run: Run, question: str, *, waits: bool) -> None:
    if waits:
        _send(ctx, inputs, run, question)
    else:
        ctx.refuse(Text("refused.old"), title="refused.nothing")


def _send(ctx: ChatContext, inputs: dict[str, str], run: Run, question: str) -> None:
    # If the address is not accepted, the cards show the reason next to the typed text. If the
    # address is accepted, the card in the thread says to whom and when the card was sent.
    typed = inputs.get("administrator", "").strip()
    try:
        address = resolve_recipient(ctx, typed)
    except InvalidInputError as wrong:
        data = {
            "question": question,
            "cause": wrong.fault,
            "code": typed[:LONGEST],
        }
        ctx.services.store.append(
            run.id, Event(Kind.PROBLEM, now(), by=ctx.person.email, data=data)
        )
        ctx.services.cards.request(run.id)
        return
    delivery.repost(ctx.services, run.id, slot_of(address))
    record(ctx, run, question, address)


@on_run
def new_secret(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # If the current plan contains a client secret, its approval covers the new one. Otherwise the
    # run makes a new plan first.
    key_id = run.fact("key_id")
    if not key_id or not _is_lost(ctx, run):
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
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


def _is_lost(ctx: ChatContext, run: Run) -> bool:
    """Return whether nobody has the secret: the bot has deleted it, and it was not used."""
    used = run.answer("token_saved") or run.settled("token")
    return not used and not ctx.services.vault.holds(Sealed.CLIENT_SECRET.of(run.id))


ACTIONS = {
    "ask_administrator": ask_administrator,
    "ask_consent": ask_consent,
    "ask_mailbox_user": ask_mailbox_user,
    "ask_agent": ask_agent,
    "consent_again": consent_again,
    "sign_in_other": sign_in_other,
    "look_again": look_again,
    "token_saved": token_saved,
    "registered": registered,
    "test_sent": test_sent,
    "agent_has_it": agent_has_it,
    "new_secret": new_secret,
}
