"""Cards of Webex Connect: the rehearsal of Generate Token, and the form (C3 to C7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import buttons, cancel, open_url, show_card, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    ask_someone,
    beside,
    box,
    kicker,
    persons_turn,
    problem_box,
    run_turn,
    section,
    turn_line,
)
from adaptive_cards.elements import (
    BOLD,
    SUBTLE,
    Element,
    container,
    facts,
    literal,
    own,
    said,
    value_line,
)
from adaptive_cards.glyphs import marked
from adaptive_cards.texts import has_text, remedy_within, text
from adaptive_cards.times import clock, day_clock
from adaptive_cards.views import Asked, Header
from jobs.model import Channel, RunKind, Text, Turn

ERROR_MOST = 8000
"""Number of characters that the field for an error takes."""


@dataclass(frozen=True, slots=True)
class ConnectFormView:
    """Webex Connect form (C3 to C7), field by field; sent 1:1 only.

    The secret is shown behind ``secret_url``. ``secret_stays`` means that the form keeps its
    present secret. ``one_field`` means that all fields but the secret are filled in already.
    ``page_url`` is the address of Webex Connect, or empty. ``login_id`` is the user
    who signs in if that is not the mailbox's address. ``token_read`` and ``registered_read`` mean
    that nobody has confirmed the token or the registration, which the bot has read. ``login_open``
    means that it is a description of a user who has not been named. ``next_turn`` is who acts once the form is filled in, and
    ``next_words`` what that person does.
    """

    header: Header
    channel: Channel
    smtp_host: str
    smtp_port: int
    username: str
    client_id: str
    authorize_url: str
    token_url: str
    scope: str
    secret_url: str
    secret_until: datetime
    secret_gone: bool = False
    secret_making: bool = False
    token_saved: bool = False
    token_read: bool = False
    registered: bool = False
    registered_read: bool = False
    secret_stays: bool = False
    one_field: bool = False
    page_url: str = ""
    login_id: str = ""
    login_open: bool = False
    next_turn: Turn = Turn.NOBODY
    next_words: Text | None = None

    @property
    def registers(self) -> bool:
        """Return whether the channel is registered here; for a fix it was registered before."""
        return self.header.kind is not RunKind.FIX

    @property
    def is_to_register(self) -> bool:
        return self.registers and not self.registered


def connect_form(view: ConnectFormView) -> Card:
    press = _press(view)
    if view.one_field:
        opens = [show_card(text("button.other_fields"), _fields(view))]
        body = [own("connect.client_secret", **SUBTLE), *_secret(view), *press]
    else:
        opens, body = [], [*_fields(view), *press, *([_before(view)] if view.registers else [])]
    label = {"label": text("field.error_text"), "placeholder": text("field.error_text_example")}
    field = {"type": "Input.Text", "id": "error_text", "isMultiline": True, "maxLength": ERROR_MOST}
    explain = submit(text("button.explain"), "explain", reads=True, run=view.header.run)
    actions = [*opens, show_card(text("button.see_error"), [field | label], explain)]
    return finished(kicker(view.header), _band(view), [*body, *_confirm_buttons(view)], actions)


def _fields(view: ConnectFormView) -> list[Element]:
    """Return the form's fields; a field that is shown by itself is not among them."""
    values = {
        "connect.email_id": view.channel.mailbox,
        "connect.authentication": text("connect.authentication_value"),
        "connect.smtp_server": view.smtp_host,
        "connect.username": view.username,
        "connect.port": text("connect.port_value", port=str(view.smtp_port)),
    }
    secret = [own("connect.client_secret", **SUBTLE, spacing="Small"), *_secret(view)]
    # Webex Connect has a check box and a field for the login (platforms/connect.md 1.2).
    login = [
        own("connect.tick_login", **BOLD, spacing="Small"),
        *_below("connect.login_id", view.login_id),
    ]
    return [
        section("connect.c3"),
        *(beside(label, value_line(value), "136px") for label, value in values.items()),
        section("connect.c4"),
        *_below("label.client_id", view.client_id),
        *([] if view.one_field else secret),
        section("connect.c5"),
        *_below("connect.authorize_url", view.authorize_url),
        *_below("connect.scope", view.scope),
        *_below("connect.token_url", view.token_url),
        *(login if view.login_id else [own("connect.tick_boxes", **SUBTLE, spacing="Small")]),
    ]


def _below(label: str, value: str) -> list[Element]:
    return [own(label, **SUBTLE, spacing="Small"), literal(value, spacing="None")]


def _band(view: ConnectFormView) -> Band:
    if view.token_saved and not view.is_to_register:
        turn = turn_line(view.next_turn, view.next_words or Text("connect.filled_in_next"))
        return Band.of("emphasis", glyphs.RUNNING, Text("connect.filled_in"), turn)
    kind = "token" if view.secret_stays else "secret"
    title, told = ("connect.title", "connect.turn")
    if view.one_field:
        title, told = f"connect.title_{kind}", f"connect.turn_{kind}"
    if view.token_saved:
        told = "connect.turn_save" if view.token_read else "connect.turn_register"
    return persons_turn(Text(title), turn_line(Turn.REQUESTER, Text(told), direct=True))


def _secret(view: ConnectFormView) -> list[Element]:
    if view.secret_stays:
        return [own("connect.secret_stays", spacing="None")]
    if view.secret_making:
        return [own("connect.secret_making", spacing="None")]
    if view.secret_gone and view.token_saved:
        return [own("connect.secret_used", spacing="None")]
    if view.secret_gone:  # a secret is shown only once
        where = own("connect.secret_gone", spacing="None")
        show = submit(text("button.new_secret"), "new_secret", run=view.header.run)
    else:
        until = {"until": clock(view.secret_until)}
        where = said(Text("connect.secret_where", until), spacing="None")
        show = open_url(text("button.show_secret"), view.secret_url)
    return [where, buttons(show, spacing="Small")]


def _press(view: ConnectFormView) -> list[Element]:
    def to_do(words: Element, *, is_done: bool) -> Element:
        return marked(glyphs.OK if is_done else glyphs.NOT_YET, words)

    named = Text("connect.sign_in_as", {"username": view.login_id or view.username})
    is_open = view.login_id and view.login_open
    token = own("connect.sign_in_user") if is_open else said(named)
    steps = [to_do(token, is_done=view.token_saved)]
    if view.registers:
        steps.append(to_do(own("connect.register"), is_done=view.registered))
    if view.page_url:
        page = open_url(text("button.open_connect"), view.page_url)
        steps.append(buttons(page, spacing="Small"))
    return [section("connect.then_press" if view.registers else "connect.then_press_token"), *steps]


def _before(view: ConnectFormView) -> Element:
    to_itself = Text("connect.to_itself", {"mailbox": view.channel.mailbox})
    keys = ("connect.fixed_service", "connect.never_delete", "connect.one_workload")
    warnings = [*(own(key, spacing="Small") for key in keys), said(to_itself, spacing="Small")]
    return box("warning", glyphs.WARNING, own("connect.before", **BOLD), *warnings)


def _confirm_buttons(view: ConnectFormView) -> list[Element]:
    run_id, next_one = view.header.run, view.token_saved and not view.registered
    token = submit(text("button.token_saved"), "token_saved", main=not view.token_saved, run=run_id)
    registered = submit(text("button.registered"), "registered", main=next_one, run=run_id)
    if view.registered_read:
        return [own("connect.registered_read", **SUBTLE, spacing="Medium"), buttons(registered)]
    left = [token] if view.token_read or not view.token_saved else []
    left += [registered] if view.is_to_register else []
    read = [own("connect.token_read", **SUBTLE, spacing="Medium")] if view.token_read else []
    return [*read, buttons(*left)] if left else []


_LINES_MOST = 12
_REASON_MOST = 500


@dataclass(frozen=True, slots=True)
class RehearsalView:
    """Rehearsal, in which the mailbox user signs in once at the bot.

    ``url`` is empty until the rehearsal was chosen and is ready. ``settling`` means that the
    problem may resolve itself and that the bot retries. ``turn`` is who acts on a problem that does
    not. ``username`` is the user who signs in. For a ``shared`` mailbox it is the mailbox, and
    ``login`` signs in for it. ``asked`` is the address to which the request could not be sent 1:1.
    ``direct`` is true for the copy of the mailbox user, who cannot cancel the run.
    """

    header: Header
    username: str
    url: str = ""
    until: datetime | None = None
    problem: Text | None = None
    problem_code: str = ""
    cause: str = ""
    transcript: tuple[str, ...] = ()
    settling: bool = False
    turn: Turn = Turn.MAILBOX_USER
    shared: bool = False
    login: str = ""
    asked: Asked | None = None
    direct: bool = False

    @property
    def named(self) -> dict[str, str]:
        return {"username": self.username, "login": self.login}

    @property
    def kind(self) -> str:
        """Return the ending of the texts for this kind of mailbox."""
        return "_shared" if self.shared else ""


def rehearsal(view: RehearsalView) -> Card:
    head, run_id = kicker(view.header), view.header.run
    stop = [] if view.direct else [cancel(run_id)]
    if view.problem:
        again = submit(text("button.try_again"), "rehearse", main=True, run=run_id)
        body = [*problem_box(view.problem, view.problem_code), *_remedy(view), *_transcript(view)]
        return finished(head, _failed(view), body, [again, _skip(run_id), *stop])
    if view.url:
        return finished(head, *_ready(view), [_skip(run_id), *stop])
    turn = run_turn(view.header, Turn.REQUESTER, Text("rehearsal.offer_turn"))
    first = submit(text("button.rehearse"), "rehearse", main=True, run=run_id)
    band, actions = persons_turn(Text("rehearsal.offer"), turn), [first, _skip(run_id)]
    return finished(head, band, [_what(view)], [*actions, cancel(run_id)])


def _ready(view: RehearsalView) -> tuple[Band, list[Element]]:
    title = Text(f"rehearsal.ready{view.kind}", view.named)
    told = Text(f"rehearsal.ready_turn{view.kind}", view.named)
    turn = run_turn(view.header, Turn.MAILBOX_USER, told, direct=view.direct)
    sign_in = open_url(text(f"button.sign_in_mailbox{view.kind}"), view.url, main=True)
    body = [_what(view), buttons(sign_in)]
    if view.asked and not view.direct:
        run_id, who = view.header.run, "mailbox_user"
        body += ask_someone("", "ask_mailbox_user", run_id, view.asked, who=who)[0]
    return persons_turn(title, turn, asked=view.header.asked), body


def _failed(view: RehearsalView) -> Band:
    if view.settling:
        # Somebody may be asked elsewhere meanwhile, so it does not say that nobody has to act.
        waits = own("rehearsal.settling_turn", spacing="Small")
        return Band.of("emphasis", glyphs.TIME, Text("rehearsal.settling"), waits)
    own_turn = view.direct and view.turn is Turn.MAILBOX_USER
    told = Text("rehearsal.failed_turn")
    turn = run_turn(view.header, view.turn, told, direct=own_turn)
    return persons_turn(Text("rehearsal.failed"), turn)


def _remedy(view: RehearsalView) -> list[Element]:
    # A problem that resolves itself needs none. For a shared mailbox the user may lack permissions.
    if view.shared and view.cause == "smtp_token_refused":
        return [said(Text("rehearsal.refused_shared", view.named), spacing="Small")]
    known = has_text(f"remedy.{view.cause}") and not view.settling
    return [own(remedy_within(view.cause), spacing="Small")] if known else []


def _what(view: RehearsalView) -> Element:
    shared = text("rehearsal.account_shared", **view.named) if view.shared else ""
    rows = {
        "rehearsal.account": shared or view.username,
        "rehearsal.what": text("rehearsal.what_happens"),
        "rehearsal.kept": text("rehearsal.kept_what"),
    }
    if view.url and view.until:
        rows["signin.link"] = text("signin.link_until", until=day_clock(view.until))
    return facts((text(key), value) for key, value in rows.items())


def _transcript(view: RehearsalView) -> list[Element]:
    shown = [
        literal(line, size="Small", spacing="None" if number else "Small")
        for number, line in enumerate(view.transcript[-_LINES_MOST:])
    ]
    title = own("rehearsal.transcript", **BOLD, spacing="Medium")
    return [title, container("", *shown, spacing="Small")] if shown else []


def _skip(run_id: str) -> Element:
    label = {"label": text("field.skip_reason"), "placeholder": text("field.skip_reason_example")}
    error = {"isRequired": True, "errorMessage": text("field.skip_reason_error")}
    field = {"type": "Input.Text", "id": "skip_reason", "maxLength": _REASON_MOST}
    skip = submit(text("button.skip_rehearsal"), "skip_rehearsal", reads=True, run=run_id)
    return show_card(text("button.skip"), [field | label | error], skip)
