"""Presenters of the Webex Connect form, sent 1:1 to the requester, and of its rehearsal."""

from __future__ import annotations

from adaptive_cards import Card, glyphs
from adaptive_cards import actions as act
from adaptive_cards import components as ui
from adaptive_cards import elements as el
from adaptive_cards.card import finished
from adaptive_cards.cards.connect_form import ConnectFormView, connect_form
from adaptive_cards.texts import has_text, remedy_within, text
from adaptive_cards.times import day_clock
from adaptive_cards.views import Header, Trouble
from bot import links
from bot.cards.presenters import card_state as shared
from bot.links import Link
from bot.services import Services
from jobs import next_action as turns
from jobs.causes.cause import Cause
from jobs.checks.remedies import page_of
from jobs.engine.inspector import is_deleted
from jobs.microsoft.scopes import smtp_scope
from jobs.model import Finding, RunKind, State, Text, Turn
from jobs.runs.run import Problem, Run
from jobs.steps import steps_of
from jobs.storage.vault import Sealed


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    """Return the card, once everything at Microsoft is ready for the form, until it is filled in.

    If only a log says that the token was generated or the app registered, the card stays with the
    button that confirms this.
    """
    shown = "mailbox_fields" in run.findings and not run.ended and run.account is not None
    # The values are not shown if somebody has deleted the app, because they lead nowhere.
    if not shown or is_deleted(run):
        return []
    view = form(run, services)
    # A fix needs no registration.
    filled_in = view.token_saved and (view.registered or run.kind is RunKind.FIX)
    if filled_in and not (view.token_read or view.registered_read):
        return []
    turn = f"{view.token_saved}{view.registered}{view.secret_gone}{view.secret_making}"
    asks, urgency = "making" if view.secret_making else turn, f"{turn}{view.next_turn}"
    card, to = connect_form(view), run.requester.email
    return [shared.desired_card("connect", view, card, to=to, urgency=urgency, prompt=asks)]


def form(run: Run, services: Services) -> ConnectFormView:
    host, _, port = services.settings.smtp_server.rpartition(":")
    link = links.link(services, "handover", run.id)
    base = f"{services.settings.login_url}/{run.tenant}/oauth2/v2.0"
    stays, login, action = turns.keeps_secret(run), _login(run), turns.next_action(run)
    registered = _is_known(run, "registered", "registered")
    # For a shared mailbox there is a description of the person until the address is known.
    nobody = text("connect.login_of_user") if run.fact("shared") else ""
    goes_on = registered and action.turn not in {Turn.NOBODY, Turn.TIME}
    return ConnectFormView(
        header=shared.header(run, 6, services),
        channel=run.channel,
        smtp_host=host,
        smtp_port=int(port),
        username=shared.username(run) or text("connect.login_of_user"),
        client_id=run.fact("client_id"),
        authorize_url=f"{base}/authorize",
        token_url=f"{base}/token",
        scope=f"offline_access {smtp_scope(services.settings.exchange_url)}",
        secret_url=link.url,
        secret_until=link.until,
        secret_gone=not services.vault.holds(Sealed.CLIENT_SECRET.of(run.id)),
        secret_making=bool(run.answer("new_secret")) and not run.settled("client_secret"),
        token_saved=_is_known(run, "token_saved", "token"),
        token_read=_is_read(run, "token_saved", "token") and not registered,
        registered=registered,
        registered_read=_is_read(run, "registered", "registered"),
        secret_stays=stays,
        one_field=run.kind is RunKind.FIX and "application" not in run.changed,
        page_url=page_of(run.channel) if stays else "",
        login_id=login or nobody,
        login_open=not login,
        next_turn=action.turn if goes_on else Turn.NOBODY,
        next_words=action.words if goes_on else None,
    )


def _is_known(run: Run, question: str, step: str) -> bool:
    return bool(run.answer(question)) or run.settled(step)


def _is_read(run: Run, question: str, step: str) -> bool:
    """Return whether only a log shows that the step was done, and no agent's mail proves it."""
    return run.settled(step) and not run.answer(question) and not run.settled("agent_has_it")


def _login(run: Run) -> str:
    """Return the sign-in name if it differs from the mailbox address, otherwise an empty string.

    For a shared mailbox the name is that of the delegate (platforms/connect.md 1.2).
    """
    if run.fact("shared"):
        return shared.shared_mailbox_login(run)
    return run.fact("upn") if run.fact("upn").lower() != run.channel.mailbox else ""


_LINES_MOST, _REASON_MOST = 12, 500
MAILBOX_USER = "mailbox_user"
"""Question about who signs in for the mailbox.

The answer is the address of the person asked 1:1.
"""


def _may_ask(run: Run) -> bool:
    # A fix has no rehearsal, because the bot's own login is the proof there. It is the bot's turn
    # while it logs in, or has yet to make the secret that a sign-in needs.
    if run.ended or run.account is None or not turns.may_rehearse(run):
        return False
    bots_turn = turns.has_returned(run, "rehearsal") or turns.lacks_own_secret(run)
    over = run.state_of("rehearsal") is State.OK or run.answer("rehearse").startswith("skip")
    return not (bots_turn or over)


def rehearsal_cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    if not _may_ask(run):
        return []
    failed = _failure(run)
    ready = failed is None and _is_asked_for(run)
    link = links.link(services, "rehearsal", run.id) if ready else None
    asked = shared.unreachable_recipient(run, MAILBOX_USER) if ready else None
    settles = failed is not None and _settles(failed)
    turn = f"{ready}{failed and (failed.cause, _code(failed))}{settles}{asked}"
    places = shared.thread_and_person(run.answer(MAILBOX_USER))
    drawn = [
        (to, rehearsal(run, shared.header(run, 6, services, to=to, link=link), link, to))
        for to in places
    ]
    asks = "" if settles else turn
    return [
        shared.desired_card("rehearsal", card.content, card, to=to, urgency=turn, prompt=asks)
        for to, card in drawn
    ]


def waits_for_mailbox_user(run: Run) -> bool:
    return not run.ended and "rehearsal" in steps_of(run) and _is_asked_for(run)


def _is_asked_for(run: Run) -> bool:
    return run.answer("rehearse") == "yes" and run.state_of("rehearsal") is State.WAITING


def _failure(run: Run) -> Problem | Finding | None:
    # A problem of the sign-in counts if it came after the rehearsal was last asked for.
    problem, finding = run.problems.get("mailbox_sign_in"), run.findings.get("rehearsal")
    if problem is not None and problem.at > run.answers["rehearse"].at:
        return problem
    return finding if finding is not None and finding.cause else None


def _code(failed: Problem | Finding) -> str:
    if isinstance(failed, Problem):
        return failed.code
    return "".join(shared.texts_of(failed.evidence, "smtp")[:1])


def _is_lost(failed: Problem | Finding) -> bool:
    """Return whether the mailbox itself is lost, so that an administrator acts."""
    return isinstance(failed, Finding) and failed.waiting_for is Turn.ADMINISTRATOR


def _settles(failed: Problem | Finding) -> bool:
    """Return whether the bot tries again by itself."""
    return isinstance(failed, Finding) and failed.until is not None and not _is_lost(failed)


def rehearsal(run: Run, head: Header, link: Link | None = None, to: str = shared.THREAD) -> Card:
    """Return the card of the rehearsal, in which the mailbox user signs in once at the bot.

    ``link`` leads there once the rehearsal was chosen. The mailbox user's copy cannot cancel the run.
    """
    direct = to != shared.THREAD
    stop = [_skip(run.id), *([] if direct else [act.cancel(run.id)])]
    if failed := _failure(run):
        again = act.submit(text("button.try_again"), "rehearse", main=True, run=run.id)
        words = shared.cause_text(failed)
        body = [
            *ui.problem_box(Trouble(words, _code(failed)) if words else None),
            *_remedy(run, failed),
            *_transcript(failed),
        ]
        return finished(
            ui.kicker(head), _refused(failed, head, direct=direct), body, [again, *stop]
        )
    if link is None:
        turn = ui.run_turn(head, Turn.REQUESTER, Text("rehearsal.offer_turn"))
        first = act.submit(text("button.rehearse"), "rehearse", main=True, run=run.id)
        band = ui.persons_turn(Text("rehearsal.offer"), turn)
        return finished(ui.kicker(head), band, [_what(run)], [first, *stop])
    kind, named = "_shared" if run.fact("shared") else "", _named(run)
    told = Text(f"rehearsal.ready_turn{kind}", named)
    turn = ui.run_turn(head, Turn.MAILBOX_USER, told, direct=direct)
    sign_in = act.open_url(text(f"button.sign_in_mailbox{kind}"), link.url, main=True)
    body = [_what(run, link), act.buttons(sign_in)]
    if (asked := shared.unreachable_recipient(run, MAILBOX_USER)) and not direct:
        body += ui.ask_someone("", "ask_mailbox_user", run.id, asked, who=MAILBOX_USER)[0]
    band = ui.persons_turn(Text(f"rehearsal.ready{kind}", named), turn, asked=head.asked)
    return finished(ui.kicker(head), band, body, stop)


def _named(run: Run) -> dict[str, str]:
    if not run.fact("shared"):
        return {"username": shared.username(run), "login": ""}
    login = shared.shared_mailbox_login(run) or text("connect.login_of_user")
    return {"username": run.channel.mailbox, "login": login}


def _refused(failed: Problem | Finding, head: Header, *, direct: bool) -> ui.Band:
    if _settles(failed):
        # Somebody may be asked elsewhere meanwhile, so it does not say that nobody has to act.
        waits = el.own("rehearsal.settling_turn", spacing="Small")
        return ui.Band.of("emphasis", glyphs.TIME, Text("rehearsal.settling"), waits)
    acts = Turn.ADMINISTRATOR if _is_lost(failed) else Turn.MAILBOX_USER
    own_turn = direct and acts is Turn.MAILBOX_USER
    turn = ui.run_turn(head, acts, Text("rehearsal.failed_turn"), direct=own_turn)
    return ui.persons_turn(Text("rehearsal.failed"), turn)


def _remedy(run: Run, failed: Problem | Finding) -> list[el.Element]:
    # A problem that resolves itself needs none. For a shared mailbox the user may lack permissions.
    if run.fact("shared") and failed.cause == Cause.SMTP_TOKEN_REFUSED:
        return [el.said(Text("rehearsal.refused_shared", _named(run)), spacing="Small")]
    known = has_text(f"remedy.{failed.cause}") and not _settles(failed)
    return [el.own(remedy_within(failed.cause), spacing="Small")] if known else []


def _what(run: Run, link: Link | None = None) -> el.Element:
    named = _named(run)
    account = text("rehearsal.account_shared", **named) if named["login"] else named["username"]
    rows = {
        "rehearsal.account": account,
        "rehearsal.what": text("rehearsal.what_happens"),
        "rehearsal.kept": text("rehearsal.kept_what"),
        "signin.link": text("signin.link_until", until=day_clock(link.until)) if link else "",
    }
    return ui.known(rows)


def _transcript(failed: Problem | Finding) -> list[el.Element]:
    evidence = failed.evidence if isinstance(failed, Finding) else ()
    shown = [
        el.literal(line, size="Small", spacing="None" if number else "Small")
        for number, line in enumerate(shared.texts_of(evidence, "transcript")[-_LINES_MOST:])
    ]
    title = el.own("rehearsal.transcript", **el.BOLD, spacing="Medium")
    return [title, el.container("", *shown, spacing="Small")] if shown else []


def _skip(run_id: str) -> el.Element:
    keys = {"placeholder": "field.skip_reason_example", "errorMessage": "field.skip_reason_error"}
    more = {name: text(key) for name, key in keys.items()}
    name, label = "skip_reason", "field.skip_reason"
    field = act.input_text(name, label, _REASON_MOST, isRequired=True, **more)
    skip = act.submit(text("button.skip_rehearsal"), "skip_rehearsal", reads=True, run=run_id)
    return act.show_card(text("button.skip"), [field], skip)
