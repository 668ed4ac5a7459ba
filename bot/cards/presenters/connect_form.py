"""Presenters of the Webex Connect form, sent 1:1 to the requester, and of its rehearsal."""

from dataclasses import dataclass
from typing import Self

from adaptive_cards import Card, components as ui, elements as el, finished, glyphs
from adaptive_cards.locale import clock, day_clock
from adaptive_cards.texts import has_text, remedy_key, text
from bot import links
from bot.cards.presenters import card_state as shared
from bot.links import Link
from bot.services import Services
from jobs import next_action as turns
from jobs.causes.cause import Cause
from jobs.channel.mailbox import login_of
from jobs.checks.verdict import page_of
from jobs.engine.findings import is_deleted
from jobs.microsoft.scopes import smtp_scope
from jobs.model import Finding, RunKind, State, Text, Turn
from jobs.runs.run import Run
from jobs.settings import Settings
from jobs.steps import steps_of
from jobs.storage.vault import Sealed

ERROR_MOST = 8000
"""Number of characters that the field for an error takes."""
_C3 = tuple(
    f"connect.{name}" for name in ("email_id", "authentication", "smtp_server", "username", "port")
)
_BEFORE = ("connect.fixed_service", "connect.never_delete", "connect.one_workload")
_C5 = ("connect.authorize_url", "connect.scope", "connect.token_url")


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    """Return the card, once everything at Microsoft is ready for the form, until it is filled in.

    If only a log shows the token or the registration, it stays with the button to confirm that.
    """
    shown = "mailbox_fields" in run.findings and not run.ended and run.account is not None
    # The values are not shown if somebody has deleted the app, because they lead nowhere.
    if not shown or is_deleted(run):
        return []
    form = _Form.of(run)
    # A fix needs no registration.
    if form.saved and not form.read and (form.registered or run.kind is RunKind.FIX):
        return []
    gone = not services.vault.holds(Sealed.CLIENT_SECRET.of(run.id))
    turn = f"{form.saved}{form.registered}{gone}{form.making}"
    head, link = shared.header(run, services), links.link(services, "handover", run.id)
    card = connect_form(run, head, link, services.settings, gone=gone)
    asks, urgency = "making" if form.making else turn, f"{turn}{form.acts}"
    to = run.requester.email
    return [shared.DesiredCard("connect", card, to=to, urgency=urgency, prompt=asks)]


def connect_form(
    run: Run, head: ui.Header, link: Link, settings: Settings, *, gone: bool = False
) -> Card:
    """Return the form (C3 to C7), which is sent 1:1 only.

    ``link`` shows the client secret, unless it is ``gone``. If all other fields are filled in
    already, they are in a part that opens.
    """
    form, registers = _Form.of(run), run.kind is not RunKind.FIX  # a fix finds it registered
    only_secret = run.kind is RunKind.FIX and "application" not in run.changed
    secret, press = _secret(run, form, link, gone=gone), _press(run, form, registers=registers)
    if only_secret:
        opens = [el.show_card(text("button.other_fields"), _fields(run, settings, []))]
        body = [el.own("connect.client_secret", **el.SUBTLE), *secret, *press]
    else:
        below = [el.own("connect.client_secret", **el.SUBTLE, spacing="Small"), *secret]
        opens, body = [], [*_fields(run, settings, below), *press]
        if registers:
            to_itself = Text("connect.to_itself", {"mailbox": run.channel.mailbox})
            lines = (el.said(words, spacing="Small") for words in (*map(Text, _BEFORE), to_itself))
            title = el.own("connect.before", **el.BOLD)
            body.append(ui.box("warning", glyphs.WARNING, title, *lines))
    field = el.input_text("error_text", "field.error_text", ERROR_MOST, isMultiline=True)
    explain = el.submit(text("button.explain"), "explain", form=True, run=run.id)
    actions = [*opens, el.show_card(text("button.see_error"), [field], explain)]
    band = _band(run, form, is_open=registers and not form.registered, only_secret=only_secret)
    return finished(ui.kicker(head), band, [*body, *_confirm_buttons(run, form)], actions)


@dataclass(frozen=True, slots=True)
class _Form:
    """What is done of the form, and who acts once it is registered.

    ``read`` is the text about a part that only a log shows to be done, and no agent's mail proves.
    """

    saved: bool
    registered: bool
    making: bool
    acts: Turn
    read: str

    @classmethod
    def of(cls, run: Run) -> Self:
        saved = bool(run.answer("token_saved")) or run.settled("token")
        registered = bool(run.answer("registered")) or run.settled("registered")
        making = bool(run.answer("new_secret")) and not run.settled("client_secret")
        turn, read = turns.next_action(run).turn, ""
        acts = turn if registered and turn is not Turn.TIME else Turn.NOBODY
        told = run.answer("registered" if registered else "token_saved")
        if (saved or registered) and not told and not run.settled("agent_has_it"):
            read = "registered_read" if registered else "token_read"
        return cls(saved, registered, making, acts, read)


def _login(run: Run) -> str:
    """Return the sign-in name if it is not the mailbox address, otherwise an empty string.

    For a shared mailbox it is the delegate's (platforms/connect.md 1.2).
    """
    login = login_of(run)
    return login if run.fact("shared") or login.lower() != run.channel.mailbox else ""


def values(run: Run, settings: Settings, secret: str = "") -> dict[str, str]:
    """Return all fields of the form, in its order (platforms/connect.md 1.2), by the labels' keys.

    A value that is not known yet is empty.
    """
    host, _, port = settings.smtp_server.rpartition(":")
    base = f"{settings.login_url}/{run.tenant}/oauth2/v2.0"
    return {
        "connect.email_id": run.channel.mailbox,
        "connect.authentication": text("connect.authentication_value"),
        "connect.smtp_server": host,
        "connect.username": shared.username(run),
        "connect.port_alone": port,
        "connect.security": "STARTTLS",
        "label.client_id": run.fact("client_id"),
        "connect.client_secret": secret,
        "connect.authorize_url": f"{base}/authorize",
        "connect.scope": f"offline_access {smtp_scope(settings.exchange_url)}",
        "connect.access_token_url": f"{base}/token",
        "connect.refresh_token_url": f"{base}/token",
        "connect.login_id": _login(run),
    }


def _fields(run: Run, settings: Settings, secret: list[el.Element]) -> list[el.Element]:
    known, nobody = values(run, settings), text("connect.login_of_user")
    known["connect.username"] = known["connect.username"] or nobody
    known["connect.port"] = text("connect.port_value", port=known["connect.port_alone"])
    known["connect.token_url"] = known["connect.access_token_url"]
    # For a shared mailbox there is a description of the person until the address is known.
    login = _login(run) or (nobody if run.fact("shared") else "")
    tick = el.own("connect.tick_boxes", **el.SUBTLE, spacing="Small")
    if login:  # Webex Connect has a check box and a field for it (platforms/connect.md 1.2)
        tick = el.own("connect.tick_login", **el.BOLD, spacing="Small")
    return [
        ui.section("connect.c3"),
        *(ui.beside(label, el.value_line(known[label]), "136px") for label in _C3),
        ui.section("connect.c4"),
        *_below("label.client_id", known["label.client_id"]),
        *secret,
        ui.section("connect.c5"),
        *(line for label in _C5 for line in _below(label, known[label])),
        tick,
        *(_below("connect.login_id", login) if login else []),
    ]


def _below(label: str, value: str) -> list[el.Element]:
    return [el.own(label, **el.SUBTLE, spacing="Small"), el.literal(value, spacing="None")]


def _band(run: Run, form: _Form, *, is_open: bool, only_secret: bool) -> ui.Band:
    if form.saved and not is_open:
        filled_in = Text("connect.filled_in_next")
        words = filled_in if form.acts is Turn.NOBODY else turns.next_action(run).words
        turn = ui.turn_line(form.acts, words)
        return ui.Band.of(*ui.UNDER_WAY, Text("connect.filled_in"), turn)
    title, told = "connect.title", "connect.turn"
    if only_secret:
        kind = "token" if turns.keeps_secret(run) else "secret"
        title, told = f"connect.title_{kind}", f"connect.turn_{kind}"
    if form.saved:
        told = "connect.turn_save" if form.read == "token_read" else "connect.turn_register"
    return ui.persons_turn(Text(title), ui.turn_line(Turn.REQUESTER, Text(told), direct=True))


def _secret(run: Run, form: _Form, link: Link, *, gone: bool) -> list[el.Element]:
    kept = {"stays": turns.keeps_secret(run), "making": form.making, "used": gone and form.saved}
    if state := next((name for name, is_so in kept.items() if is_so), ""):
        return [el.own(f"connect.secret_{state}", spacing="None")]
    if gone:  # a secret is shown only once
        where = el.own("connect.secret_gone", spacing="None")
        show = el.submit(text("button.new_secret"), "new_secret", run=run.id)
    else:
        where = el.said(Text("connect.secret_where", {"until": clock(link.until)}), spacing="None")
        show = el.open_url(text("button.show_secret"), link.url)
    return [where, el.buttons(show, spacing="Small")]


def _press(run: Run, form: _Form, *, registers: bool) -> list[el.Element]:
    named = {"username": _login(run) or shared.username(run)}
    token = el.said(Text("connect.sign_in_as", named))
    if run.fact("shared") and not _login(run):
        token = el.own("connect.sign_in_user")
    to_do = [(token, form.saved)]
    if registers:
        to_do.append((el.own("connect.register"), form.registered))
    page = page_of(run.channel) if turns.keeps_secret(run) else ""
    opens = [el.buttons(el.open_url(text("button.open_connect"), page), spacing="Small")]
    return [
        ui.section("connect.then_press" if registers else "connect.then_press_token"),
        *(glyphs.marked(glyphs.OK if is_so else glyphs.NOT_YET, words) for words, is_so in to_do),
        *(opens if page else []),
    ]


def _confirm_buttons(run: Run, form: _Form) -> list[el.Element]:
    left = {
        "token_saved": not form.saved or form.read == "token_read",
        "registered": run.kind is not RunKind.FIX and not form.registered,
    }
    if form.read == "registered_read":
        left = {"registered": True}
    first = "token_saved" if not form.saved else "" if form.registered else "registered"
    verbs = [verb for verb, is_so in left.items() if is_so]
    offered = [el.submit(text(f"button.{v}"), v, main=v == first, run=run.id) for v in verbs]
    told = [el.own(f"connect.{form.read}", **el.SUBTLE, spacing="Medium")] if form.read else []
    return [*told, el.buttons(*offered)] if offered else []


_LINES_MOST, _REASON_MOST = 12, 500
MAILBOX_USER = "mailbox_user"
"""Question about who signs in for the mailbox; the answer is that person's address."""


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
    failed = turns.failed_rehearsal(run)
    ready = failed is None and waits_for_mailbox_user(run)
    link = links.link(services, "rehearsal", run.id) if ready else None
    asked = shared.unreachable_recipient(run, MAILBOX_USER) if ready else None
    settles = failed is not None and _settles(failed)
    turn = f"{ready}{failed and (failed.cause, _code(failed))}{settles}{asked}"
    drawn = {
        to: rehearsal(run, shared.header(run, services, to=to, link=link), link, to)
        for to in shared.thread_and_person(run.answer(MAILBOX_USER))
    }
    return shared.desired_cards("rehearsal", drawn, turn, "" if settles else turn)


def waits_for_mailbox_user(run: Run) -> bool:
    asked = run.answer("rehearse") == "yes" and run.state_of("rehearsal") is State.WAITING
    return asked and not run.ended and "rehearsal" in steps_of(run)


def _code(failed: Finding) -> str:
    return "".join(shared.texts_of(failed.evidence, "smtp")[:1])


def _settles(failed: Finding) -> bool:
    return failed.until is not None and failed.waiting_for is not Turn.ADMINISTRATOR


def rehearsal(run: Run, head: ui.Header, link: Link | None = None, to: str = shared.THREAD) -> Card:
    """Return the card of the rehearsal, in which the mailbox user signs in once at the bot.

    ``link`` leads there once the rehearsal was chosen. The mailbox user's copy cannot cancel the run.
    """
    direct = to != shared.THREAD
    more = {"isRequired": True, "errorMessage": text("field.skip_reason_error")}
    reason = el.input_text("skip_reason", "field.skip_reason", _REASON_MOST, **more)
    skip = el.submit(text("button.skip_rehearsal"), "skip_rehearsal", form=True, run=run.id)
    skips = el.show_card(text("button.skip"), [reason], skip)
    stop = [skips, *([] if direct else [el.cancel(run.id)])]
    if failed := turns.failed_rehearsal(run):
        again = el.submit(text("button.try_again"), "rehearse", main=True, run=run.id)
        body = ui.problem_box(ui.Trouble(shared.cause_text(failed.cause), _code(failed)))
        body += _remedy(run, failed)
        said = shared.texts_of(failed.evidence, "transcript")[-_LINES_MOST:]
        lines = [
            el.literal(line, size="Small", spacing="None" if number else "Small")
            for number, line in enumerate(said)
        ]
        if lines:
            body += ui.titled("rehearsal.transcript", [el.container("", *lines, spacing="Small")])
        band = _refused(failed, head, direct=direct)
        return finished(ui.kicker(head), band, body, [again, *stop])
    if link is None:
        turn = ui.run_turn(head, Turn.REQUESTER, Text("rehearsal.offer_turn"))
        first = el.submit(text("button.rehearse"), "rehearse", main=True, run=run.id)
        band = ui.persons_turn(Text("rehearsal.offer"), turn)
        return finished(ui.kicker(head), band, [_what(run)], [first, *stop])
    kind, named = "_shared" if run.fact("shared") else "", _named(run)
    told = Text(f"rehearsal.ready_turn{kind}", named)
    turn = ui.run_turn(head, Turn.MAILBOX_USER, told, direct=direct)
    sign_in = el.open_url(text(f"button.sign_in_mailbox{kind}"), link.url, main=True)
    body = [_what(run, link), el.buttons(sign_in)]
    if (asked := shared.unreachable_recipient(run, MAILBOX_USER)) and not direct:
        body += ui.ask_someone("", "ask_mailbox_user", run.id, asked, who=MAILBOX_USER)[0]
    band = ui.persons_turn(Text(f"rehearsal.ready{kind}", named), turn, asked=head.asked)
    return finished(ui.kicker(head), band, body, stop)


def _named(run: Run) -> dict[str, str]:
    if not run.fact("shared"):
        return {"username": shared.username(run), "login": ""}
    login = login_of(run) or text("connect.login_of_user")
    return {"username": run.channel.mailbox, "login": login}


def _refused(failed: Finding, head: ui.Header, *, direct: bool) -> ui.Band:
    if _settles(failed):
        # Somebody may be asked elsewhere meanwhile, so it does not say that nobody has to act.
        waits = el.own("rehearsal.settling_turn", spacing="Small")
        return ui.Band.of("emphasis", glyphs.TIME, Text("rehearsal.settling"), waits)
    acts, told = failed.waiting_for or Turn.MAILBOX_USER, Text("rehearsal.failed_turn")
    turn = ui.run_turn(head, acts, told, direct=direct and acts is Turn.MAILBOX_USER)
    return ui.persons_turn(Text("rehearsal.failed"), turn)


def _remedy(run: Run, failed: Finding) -> list[el.Element]:
    # A problem that resolves itself needs none. For a shared mailbox the user may lack permissions.
    if run.fact("shared") and failed.cause == Cause.SMTP_TOKEN_REFUSED:
        return [el.said(Text("rehearsal.refused_shared", _named(run)), spacing="Small")]
    known = has_text(f"remedy.{failed.cause}") and not _settles(failed)
    return [el.own(remedy_key(failed.cause, "within"), spacing="Small")] if known else []


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
