"""Card of the form of Webex Connect (C3 to C7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import components as ui
from adaptive_cards import elements as el
from adaptive_cards import glyphs
from adaptive_cards.actions import buttons, input_text, open_url, show_card, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.glyphs import marked
from adaptive_cards.texts import text
from adaptive_cards.times import clock
from adaptive_cards.views import Header
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
        body = [el.own("connect.client_secret", **el.SUBTLE), *_secret(view), *press]
    else:
        opens, body = [], [*_fields(view), *press, *([_before(view)] if view.registers else [])]
    example = text("field.error_text_example")
    field = input_text(
        "error_text", "field.error_text", ERROR_MOST, isMultiline=True, placeholder=example
    )
    explain = submit(text("button.explain"), "explain", reads=True, run=view.header.run)
    actions = [*opens, show_card(text("button.see_error"), [field], explain)]
    return finished(ui.kicker(view.header), _band(view), [*body, *_confirm_buttons(view)], actions)


def _fields(view: ConnectFormView) -> list[el.Element]:
    """Return the form's fields; a field that is shown by itself is not among them."""
    values = {
        "connect.email_id": view.channel.mailbox,
        "connect.authentication": text("connect.authentication_value"),
        "connect.smtp_server": view.smtp_host,
        "connect.username": view.username,
        "connect.port": text("connect.port_value", port=str(view.smtp_port)),
    }
    secret = [el.own("connect.client_secret", **el.SUBTLE, spacing="Small"), *_secret(view)]
    # Webex Connect has a check box and a field for the login (platforms/connect.md 1.2).
    login = [
        el.own("connect.tick_login", **el.BOLD, spacing="Small"),
        *_below("connect.login_id", view.login_id),
    ]
    return [
        ui.section("connect.c3"),
        *(ui.beside(label, el.value_line(value), "136px") for label, value in values.items()),
        ui.section("connect.c4"),
        *_below("label.client_id", view.client_id),
        *([] if view.one_field else secret),
        ui.section("connect.c5"),
        *_below("connect.authorize_url", view.authorize_url),
        *_below("connect.scope", view.scope),
        *_below("connect.token_url", view.token_url),
        *(login if view.login_id else [el.own("connect.tick_boxes", **el.SUBTLE, spacing="Small")]),
    ]


def _below(label: str, value: str) -> list[el.Element]:
    return [el.own(label, **el.SUBTLE, spacing="Small"), el.literal(value, spacing="None")]


def _band(view: ConnectFormView) -> ui.Band:
    if view.token_saved and not view.is_to_register:
        turn = ui.turn_line(view.next_turn, view.next_words or Text("connect.filled_in_next"))
        return ui.Band.of("emphasis", glyphs.RUNNING, Text("connect.filled_in"), turn)
    kind = "token" if view.secret_stays else "secret"
    title, told = ("connect.title", "connect.turn")
    if view.one_field:
        title, told = f"connect.title_{kind}", f"connect.turn_{kind}"
    if view.token_saved:
        told = "connect.turn_save" if view.token_read else "connect.turn_register"
    return ui.persons_turn(Text(title), ui.turn_line(Turn.REQUESTER, Text(told), direct=True))


def _secret(view: ConnectFormView) -> list[el.Element]:
    if view.secret_stays:
        return [el.own("connect.secret_stays", spacing="None")]
    if view.secret_making:
        return [el.own("connect.secret_making", spacing="None")]
    if view.secret_gone and view.token_saved:
        return [el.own("connect.secret_used", spacing="None")]
    if view.secret_gone:  # a secret is shown only once
        where = el.own("connect.secret_gone", spacing="None")
        show = submit(text("button.new_secret"), "new_secret", run=view.header.run)
    else:
        until = {"until": clock(view.secret_until)}
        where = el.said(Text("connect.secret_where", until), spacing="None")
        show = open_url(text("button.show_secret"), view.secret_url)
    return [where, buttons(show, spacing="Small")]


def _press(view: ConnectFormView) -> list[el.Element]:
    def to_do(words: el.Element, *, is_done: bool) -> el.Element:
        return marked(glyphs.OK if is_done else glyphs.NOT_YET, words)

    named = Text("connect.sign_in_as", {"username": view.login_id or view.username})
    is_open = view.login_id and view.login_open
    token = el.own("connect.sign_in_user") if is_open else el.said(named)
    steps = [to_do(token, is_done=view.token_saved)]
    if view.registers:
        steps.append(to_do(el.own("connect.register"), is_done=view.registered))
    if view.page_url:
        page = open_url(text("button.open_connect"), view.page_url)
        steps.append(buttons(page, spacing="Small"))
    return [
        ui.section("connect.then_press" if view.registers else "connect.then_press_token"),
        *steps,
    ]


def _before(view: ConnectFormView) -> el.Element:
    to_itself = Text("connect.to_itself", {"mailbox": view.channel.mailbox})
    keys = ("connect.fixed_service", "connect.never_delete", "connect.one_workload")
    warnings = [
        *(el.own(key, spacing="Small") for key in keys),
        el.said(to_itself, spacing="Small"),
    ]
    return ui.box("warning", glyphs.WARNING, el.own("connect.before", **el.BOLD), *warnings)


def _confirm_buttons(view: ConnectFormView) -> list[el.Element]:
    run_id, next_one = view.header.run, view.token_saved and not view.registered
    token = submit(text("button.token_saved"), "token_saved", main=not view.token_saved, run=run_id)
    registered = submit(text("button.registered"), "registered", main=next_one, run=run_id)
    if view.registered_read:
        return [
            el.own("connect.registered_read", **el.SUBTLE, spacing="Medium"),
            buttons(registered),
        ]
    left = [token] if view.token_read or not view.token_saved else []
    left += [registered] if view.is_to_register else []
    read = [el.own("connect.token_read", **el.SUBTLE, spacing="Medium")] if view.token_read else []
    return [*read, buttons(*left)] if left else []
