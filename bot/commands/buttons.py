"""Buttons that do the same as a typed command, and those of a run, from its details to its end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from adaptive_cards.texts import listed
from bot import commands
from bot.cards import delivery
from bot.cards.presenters import card_state, connect_form, mail, questions
from bot.cards.presenters.findings import DAYS
from bot.cards.presenters.plan import made_by_hand
from bot.chat import offers, permissions
from bot.chat.context import ChatContext, RefusedError
from bot.chat.explanation import explanation
from bot.chat.parsing import one_line
from bot.commands import changes, check, help, language, runs  # noqa: A004  a command's name
from jobs.access import mailbox_login
from jobs.causes.cause import Cause
from jobs.causes.reader import Place, read
from jobs.channel.form import LONGEST, InvalidInputError, read_address, read_details
from jobs.channel.mailbox import DELEGATE, foreign_hosts, login_of, unconfirmed_hosts
from jobs.checks.check import APP, FORWARDING, answers_to, is_client_id, keep_found, open_questions
from jobs.clock import now
from jobs.model import Finding, Profile, RunKind, Scope, State, Text
from jobs.next_action import blocking_steps, waits_for_consent
from jobs.redact import without_secrets
from jobs.runs.run import FOREIGN_HOSTS, Event, Kind, Run
from jobs.runs.run_store import Accepted, AlreadyRunningError
from jobs.steps import CHECK_LOGIN, TOKEN_FAILED, rehearses, steps_of
from jobs.steps.application import ADOPT
from jobs.steps.mailbox_and_smtp_auth import needs_delegate
from jobs.storage.vault import Sealed

FIELDS = (
    *("mailbox", "callback_url", "forwarding_address", "delegate"),
    *("lifetime", "keep_copy", "profile", "administrator", "check_login"),
)


def run_command(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Run the command as if the person who pressed had typed it, with its argument or address.

    The data is trusted no more than typed text: the command itself checks who may use it.
    """
    command = commands.commands().get(inputs.get("command", ""))
    if command is None or not (command.argument or "argument" in inputs):
        raise RefusedError(Text("refused.old"))  # none of the bot's own cards sends this
    command.run(ctx, one_line(inputs.get("argument", _typed_address(inputs))))


def _typed_address(inputs: dict[str, str]) -> str:
    return (inputs.get("mailbox_meant") or inputs.get("mailbox") or "").strip()


def _connected(inputs: dict[str, str]) -> str:
    return read_address(inputs.get("mailbox_meant", ""))


def check_again(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Do the same as the typed command ``/check``, but always for exactly the button's address."""
    channel, kicker = inputs.get("channel", ""), Text("notice.check_kicker")
    if channel in {"", "all"}:
        check.run(ctx, channel)
    else:
        if channel not in permissions.visible_channels(ctx):
            offers.tell_if_disconnected(ctx, kicker, channel)
        check.one(ctx, channel, exactly=True)


def start_fix(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Begin a fix, or say which newer fact shows that the card's cause is over.

    A check that goes on is newer than any fact, and names a certain cause before it ends.
    """
    mailbox = inputs.get("channel", "")
    shown = next(ctx.services.store.known([inputs.get("check", "")]), None)
    goes_on = shown is not None and shown.checked is None
    if goes_on or not changes.tell_if_right(ctx, mailbox):
        changes.fix(ctx, mailbox)


@commands.for_everybody
def discovered(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    read = {APP: _app, FORWARDING: _forwarding}
    asked = open_questions(run)
    _found_out(ctx, run, {question: read[question](run, inputs) for question in asked})


@commands.for_everybody
def keep(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    """Record the channel that the check has found, without any change in the tenant."""
    is_kept = ctx.services.channels.record(run.channel.mailbox) is not None
    if keep_found(ctx.services.store, run, ctx.person.email, ctx.action_id):
        ctx.services.cards.request(run.id)
    else:
        commands.require(is_kept)
        changes.elsewhere(ctx, run.channel.mailbox)


def _found_out(ctx: ChatContext, run: Run, given: dict[str, str]) -> None:
    events = answers_to(run, given, ctx.person.email)
    commands.require(events, "refused.twice")
    commands.finish(ctx, run, *events)


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


@commands.on_run
def submit_intake(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    commands.require(not run.detailed)
    values = {name: without_secrets(inputs[name].strip()) for name in FIELDS if name in inputs}
    channel, errors = read_details(run.channel, values)
    mailbox = channel.mailbox if channel else ""
    administrator = _administrator(ctx, values, errors)
    try:
        if not run.channel.mailbox and changes.is_connected(ctx, mailbox):
            errors["mailbox"] = Text("typed.mailbox_connected", {"mailbox": mailbox})
        elif not errors:  # or a mailbox that is then corrected would be held, too
            ctx.services.store.claim(mailbox, run.id)
    except AlreadyRunningError as busy:
        errors["mailbox"] = Text("typed.mailbox_busy", {"run": busy.run})
    if errors or channel is None:
        shown = questions.TypedInputs(values, errors)
        card_state.keep(ctx.services, run.id, questions.TYPED, shown)
        ctx.services.cards.request(run.id)
        return
    given = ctx.event(Kind.DETAILS, channel=channel)
    asked = {"administrator": administrator, CHECK_LOGIN: values.get("check_login", "")}
    answers = [ctx.answered(question, value) for question, value in asked.items() if value]
    commands.finish(ctx, run, given, *answers, *permissions.note_absent(ctx))


def _administrator(ctx: ChatContext, values: dict[str, str], errors: dict[str, Text]) -> str:
    """Return the address of the administrator who is asked 1:1 to sign in, or an empty string.

    Nobody may be named, or only the person who pressed. If the administrator cannot be reached,
    ``errors`` gets the reason.
    """
    typed = values.get("administrator", "")
    if not typed or typed.lower() in ctx.person.emails:
        return ""
    try:
        address = permissions.resolve_recipient(ctx, typed)
    except InvalidInputError as wrong:
        errors["administrator"] = wrong.reason
        return ""
    return "" if address in ctx.person.emails else address


@partial(commands.on_run, may=permissions.may_cancel, repeats=True)
def cancelled(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The run's own card says that the run was canceled, and so does each card that offered to cancel
    # it. A button with a command begins again.
    runs.cancel(ctx, run)
    if "command" in inputs:
        run_command(ctx, {**inputs, "mailbox_meant": run.channel.mailbox})


@commands.on_run
def name_delegate(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    commands.require(needs_delegate(run))
    if address := _accepted(ctx, run, DELEGATE, inputs.get("delegate", ""), read_address):
        commands.finish(ctx, run, ctx.event(Kind.LOOK_AGAIN), ctx.answered(DELEGATE, address))


def _accepted(
    ctx: ChatContext, run: Run, question: str, typed: str, read: Callable[[str], str]
) -> str:
    """Return the address that was typed, or an empty string if it is not accepted.

    The cards then show the reason next to the typed text.
    """
    typed = without_secrets(typed.strip())
    try:
        return read(typed)
    except InvalidInputError as wrong:
        ctx.services.store.append(run.id, commands.refused_input(ctx, question, typed, wrong))
        ctx.services.cards.request(run.id)
        return ""


@commands.on_run
def confirm_hosts(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The press approves nothing yet. The confirmation counts for these hosts only.
    _require_approver(ctx, run)
    _require_current(inputs, run)
    hosts = unconfirmed_hosts(run, ctx.services.settings.connect_hosts)
    commands.require(hosts, "refused.twice")
    commands.save_answer(ctx, run, FOREIGN_HOSTS, " ".join(hosts))


@commands.on_run
def least_privilege(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # Nothing is approved in the new plan. The smaller profile can also resolve a plan that is
    # blocked.
    commands.require(not run.has_begun and _in_force(inputs, run))
    channel = replace(run.channel, profile=Profile.LEAST)
    commands.finish(ctx, run, ctx.event(Kind.DETAILS, channel=channel))


@commands.on_run
def adopt(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The run then makes a new plan in which nothing is approved.
    _require_current(inputs, run)
    app = inputs.get("app", "")
    commands.require(not run.has_begun and app and app == made_by_hand(run))
    commands.finish(ctx, run, ctx.event(Kind.LOOK_AGAIN), ctx.answered(ADOPT, app))


@commands.for_everybody
def accept(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The cause must be one that this check has found. A new check then shows it as a note.
    cause, why = inputs.get("cause", ""), " ".join(inputs.get("why", "").split())[:LONGEST]
    _require_approver(ctx, run)
    is_whole = why and inputs.get("days") in DAYS and not run.brief.discover
    commands.require(is_whole, "refused.no_reason")
    commands.require(cause in {each.cause for each in run.findings.values() if each.cause})
    until = now() + timedelta(days=int(inputs["days"]))
    ctx.services.store.accept(run, cause, Accepted(until, without_secrets(why), ctx.person.email))
    check.begin(ctx, run.channel.mailbox)


def _approve(scope: Scope, ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    _require_approver(ctx, run)
    _require_current(inputs, run)
    commands.require(scope not in run.approvals, "refused.twice")
    if hosts := unconfirmed_hosts(run, ctx.services.settings.connect_hosts):
        raise RefusedError(Text("refused.unconfirmed", {"hosts": listed(hosts)}))
    foreign = foreign_hosts(run, ctx.services.settings.connect_hosts)
    data = {"plan": inputs["plan"], "scope": str(scope)} | run.channel.addresses
    data |= {FOREIGN_HOSTS: " ".join(foreign)} if foreign else {}
    commands.finish(ctx, run, ctx.event(Kind.APPROVED, data=data))


def _require_approver(ctx: ChatContext, run: Run) -> None:
    if not permissions.may_approve(ctx, run):
        who = ", ".join(ctx.services.bot.approvers) or run.requester.email
        # No approver has a card of a check.
        place = ("_direct" if run.plan else "_check") if ctx.direct else ""
        raise RefusedError(Text(f"refused.not_approver{place}", {"who": who}), "refused.button")


def _require_current(inputs: dict[str, str], run: Run) -> None:
    commands.require(_in_force(inputs, run) and not blocking_steps(run))


def _in_force(inputs: dict[str, str], run: Run) -> bool:
    return run.plan is not None and inputs.get("plan") == run.plan.id


WAITS = {
    "administrator": questions.waits_for_administrator,
    "consent_administrator": waits_for_consent,
    connect_form.MAILBOX_USER: connect_form.waits_for_mailbox_user,
    mail.AGENT: mail.waits_for_agent,
}
"""Questions about who is asked 1:1, with whether a run waits for that person."""


def _ask(question: str, ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    commands.require(WAITS[question](run))
    typed = inputs.get("administrator", "")
    if address := _accepted(ctx, run, question, typed, partial(permissions.resolve_recipient, ctx)):
        # the card in the thread says to whom and when the card was sent
        delivery.repost(ctx.services, run.id, card_state.slot_of(address))
        commands.save_answer(ctx, run, question, address)


@commands.on_run
def consent_again(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    """Post the card that the run waits for again, as the newest in the thread and in the 1:1."""
    asked = run.answer("consent_administrator") if run.account else ""
    for place in card_state.thread_and_person(asked or run.answer("administrator")):
        delivery.repost(ctx.services, run.id, card_state.slot_of(place))
    ctx.services.carry_on(run.id)


@commands.on_run
def sign_in_other(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    commands.require(questions.another_may(run))
    ctx.services.vault.drop(Sealed.ADMIN_SESSION.of(run.id))
    commands.finish(ctx, run, ctx.event(Kind.SIGNED_OUT))


@commands.on_run
def look_again(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # If nothing is approved yet, read the settings again as well.
    looked = ctx.answered("look_again", now().isoformat())
    commands.finish(ctx, run, ctx.event(Kind.LOOK_AGAIN), looked)


@partial(commands.on_run, states=True)
def registered(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # A channel must be saved before it is registered, so this also records that the token was
    # saved. A test mail that was sent before is sent once more, because Webex Connect has dropped
    # it.
    events = []
    if not run.answer("token_saved") and not run.settled("token"):
        events.append(ctx.answered("token_saved", "yes"))
    if run.change_applied("test_mail") and not run.settled("agent_has_it"):
        # the test mail is sent once more, with the same subject
        facts = {"subject": run.fact("subject")}
        unseen = Finding("test_mail", State.WRONG, Text("seen.not_sent"), facts=facts)
        events.append(Event(Kind.FOUND, now(), step=unseen.step, finding=unseen))
    commands.finish(ctx, run, *events, ctx.answered("registered", "yes"))


def _says(question: str) -> commands.OnRun:
    return lambda ctx, _, run: commands.save_answer(ctx, run, question, "yes")


@commands.on_run
def new_secret(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # Nobody may have the secret: the bot has deleted it, and it was not used. If the current plan
    # contains a client secret, its approval covers the new one. Otherwise the run makes a new plan
    # first.
    key_id = run.fact("key_id")
    used = run.answer("token_saved") or run.settled("token")
    held = ctx.services.vault.holds(Sealed.CLIENT_SECRET.of(run.id))
    commands.require(key_id and not used and not held)
    lost = ",".join(filter(None, (run.answer("new_secret"), key_id)))
    gone = Finding("client_secret", State.WRONG, seen=Text("seen.secret_lost"))
    events = [ctx.answered("new_secret", lost)]
    events.append(Event(Kind.FOUND, now(), step=gone.step, finding=gone))
    if "client_secret" not in run.planned_steps:
        events.append(ctx.event(Kind.DETAILS, channel=run.channel))
    commands.finish(ctx, run, *events)


LONGEST_REASON = 200


@commands.for_everybody
def rehearse(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # If Microsoft has refused the bot's own secret, another is made if somebody has removed it.
    events = []
    refused = run.problems.get("mailbox_sign_in")
    if refused is not None and refused.cause == Cause.OWN_SECRET_REFUSED:
        found = Finding("check_secret", State.WRONG, cause=refused.cause)
        events.append(Event(Kind.FOUND, now(), step=found.step, finding=found))
    for left in (Sealed.REHEARSAL_TOKEN, Sealed.REHEARSAL_SESSION):
        ctx.services.vault.drop(left.of(run.id))
    # The user who signs in is known from the directory and is noted only once. Webex often has
    # nobody with a mailbox's address. The card then asks for another address.
    question, login = connect_form.MAILBOX_USER, login_of(run) or run.fact("upn")
    if login and not run.answer(question) and question not in run.problems:
        try:
            events.append(
                ctx.answered(question, permissions.resolve_recipient(ctx, login, hello=""))
            )
        except InvalidInputError as wrong:
            events.append(commands.refused_input(ctx, question, login, wrong))
    commands.finish(ctx, run, *events, ctx.answered("rehearse", "yes"))


@commands.for_everybody
def skip_rehearsal(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    # The step ``unused_secret`` removes the bot's own secret at Microsoft.
    reason = without_secrets(" ".join(inputs.get("skip_reason", "").split()))[:LONGEST_REASON]
    commands.require(reason, "notice.reason_needed")
    if "rehearsal" in steps_of(run):
        mailbox_login.close(ctx.services.vault, run.id)
        mailbox_login.drop(ctx.services.vault, run.channel.mailbox)
    commands.save_answer(ctx, run, "rehearse", f"skip:{reason}")


def explained(ctx: ChatContext, inputs: dict[str, str]) -> None:
    # The error was seen in Webex Connect's form, so a bare code counts as one of Webex Connect.
    told = inputs.get("error_text", "")
    reading = read(told, Place.FORM, cut=len(told) >= connect_form.ERROR_MOST)
    run = next(ctx.services.store.known([inputs.get("run", "")]), None)
    if run and ctx.person.id != run.requester.id and ctx.room != run.origin.room:
        run = None  # this person may not know it
    # A bare 5.7.3 of a shared mailbox most probably means a wrong user name: eight of the known
    # reports say so (platforms/microsoft.md 2.6).
    causes, bare, instead = reading.causes, Cause.SMTP_TOKEN_REFUSED, Cause.FORM_USERNAME_SHARED
    if run and run.fact("shared"):
        causes = tuple(replace(c, cause=instead) if c.cause == bare else c for c in causes)
    # Nothing changes in a run that has the rehearsal already, or whose token is known to be there.
    if causes and run and _lacks_token(run):
        commands.save_answer(ctx, run, TOKEN_FAILED, causes[0].cause)
    found = reading._replace(causes=causes) if told.strip() else None
    ctx.say(explanation(found, now(), within=True))


def _lacks_token(run: Run) -> bool:
    open_setup = run.kind is RunKind.SETUP and not run.ended
    untried = "mailbox_fields" in run.findings and not rehearses(run)
    return open_setup and untried and not run.settled("token")


ACTIONS: dict[str, commands.Action] = {
    "setup": lambda ctx, inputs: changes.setup_email(ctx, _typed_address(inputs)),
    "typed": run_command,
    "run_command": run_command,
    "setup_again": lambda ctx, inputs: changes.inspect_again(ctx, _connected(inputs)),
    "setup_change": lambda ctx, inputs: changes.begin(ctx, _connected(inputs)),
    # the undo of the button's run, or of the whole channel if the button names none
    "undo": lambda ctx, inputs: changes.plan_undo(
        ctx, _connected(inputs), inputs.get("undoes", "")
    ),
    "intake": submit_intake,
    "cancel": cancelled,
    "begin_again": cancelled,
    "help": lambda ctx, _: help.show(ctx),
    "status": lambda ctx, _: runs.show_status(ctx, ""),
    "delegate": name_delegate,
    "approve": commands.on_run(partial(_approve, Scope.MAILBOX)),
    "approve_tenant": commands.on_run(partial(_approve, Scope.TENANT)),
    "confirm_hosts": confirm_hosts,
    "least_privilege": least_privilege,
    "adopt": adopt,
    "accept": accept,
    "ask_administrator": commands.on_run(partial(_ask, "administrator")),
    "ask_consent": commands.on_run(partial(_ask, "consent_administrator")),
    "ask_mailbox_user": commands.for_everybody(partial(_ask, connect_form.MAILBOX_USER)),
    "ask_agent": commands.for_everybody(partial(_ask, mail.AGENT)),
    "consent_again": consent_again,
    "sign_in_other": sign_in_other,
    "look_again": look_again,
    "token_saved": commands.on_run(_says("token_saved"), states=True),
    "registered": registered,
    "test_sent": commands.for_everybody(_says("test_sent"), states=True),
    "agent_has_it": commands.for_everybody(_says("agent_has_it"), states=True),
    "new_secret": new_secret,
    "rehearse": rehearse,
    "skip_rehearsal": skip_rehearsal,
    "explain": explained,
    "go_on": commands.for_everybody(lambda ctx, _, run: check.go_on(ctx, run)),
    "check": check_again,
    "fix": start_fix,
    "language": lambda ctx, inputs: language.choose(ctx, inputs.get("language", "")),
    "discovered": discovered,
    "discovered_without": commands.for_everybody(lambda ctx, _, run: _found_out(ctx, run, {})),
    "keep": keep,
}
