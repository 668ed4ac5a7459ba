"""Card with the Webex Connect form (C3 to C7), in the order of its fields; sent 1:1 only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import buttons, open_url, show_card, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import Band, box, kicker, persons_turn, section, turn_line
from adaptive_cards.elements import (
    BOLD,
    SUBTLE,
    Element,
    column,
    columns,
    literal,
    own,
    said,
    value_line,
)
from adaptive_cards.glyphs import marked
from adaptive_cards.texts import text
from adaptive_cards.times import clock
from adaptive_cards.views import Header
from jobs.model import Channel, RunKind, Text, Turn

ERROR_MOST = 8000
"""Number of characters that the field for an error takes."""


def connect_form(view: ConnectFormView) -> Card:
    fields = _fields(view)
    if view.one_field:
        others = show_card(text("button.other_fields"), fields)
        body = [own("connect.client_secret", **SUBTLE), *_secret(view), *_press(view)]
        actions = [others, _error(view)]
    else:
        body = [*fields, *_press(view), *([_before(view)] if _registers(view) else [])]
        actions = [_error(view)]
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
    return [
        section("connect.c3"),
        *(
            columns(
                column("136px", own(label, **SUBTLE)),
                column("stretch", value_line(value), spacing="Small"),
                spacing="Small",
            )
            for label, value in values.items()
        ),
        section("connect.c4"),
        *_below("label.client_id", view.client_id),
        *([] if view.one_field else secret),
        section("connect.c5"),
        *_below("connect.authorize_url", view.authorize_url),
        *_below("connect.scope", view.scope),
        *_below("connect.token_url", view.token_url),
        *_login(view),
    ]


def _registers(view: ConnectFormView) -> bool:
    """Return whether the channel must still be registered; for a fix it was registered before."""
    return view.header.kind is not RunKind.FIX


def _is_to_register(view: ConnectFormView) -> bool:
    return _registers(view) and not view.registered


def _band(view: ConnectFormView) -> Band:
    if view.token_saved and not _is_to_register(view):
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
    """Return the link that shows the secret, or the reason why there is none."""
    if view.secret_stays:
        return [own("connect.secret_stays", spacing="None")]
    if view.secret_making:
        return [own("connect.secret_making", spacing="None")]
    if view.secret_gone:
        return _shown_before(view)
    where = said(Text("connect.secret_where", {"until": clock(view.secret_until)}), spacing="None")
    show = open_url(text("button.show_secret"), view.secret_url)
    return [where, buttons(show, spacing="Small")]


def _shown_before(view: ConnectFormView) -> list[Element]:
    # A secret is shown only once.
    if view.token_saved:
        return [own("connect.secret_used", spacing="None")]
    another = submit(text("button.new_secret"), "new_secret", run=view.header.run)
    return [own("connect.secret_gone", spacing="None"), buttons(another, spacing="Small")]


def _login(view: ConnectFormView) -> list[Element]:
    # Webex Connect has a check box and a field for it (platforms/connect.md 1.2).
    if not view.login_id:
        return [own("connect.tick_boxes", **SUBTLE, spacing="Small")]
    return [
        own("connect.tick_login", **BOLD, spacing="Small"),
        *_below("connect.login_id", view.login_id),
    ]


def _below(label: str, value: str) -> list[Element]:
    return [own(label, **SUBTLE, spacing="Small"), literal(value, spacing="None")]


def _press(view: ConnectFormView) -> list[Element]:
    sign_in = (
        own("connect.sign_in_user")
        if view.login_id and view.login_open
        else said(Text("connect.sign_in_as", {"username": view.login_id or view.username}))
    )
    token = _to_do(sign_in, is_done=view.token_saved)
    if not _registers(view):
        return [section("connect.then_press_token"), token, *_page(view)]
    register = _to_do(own("connect.register"), is_done=view.registered)
    return [section("connect.then_press"), token, register, *_page(view)]


def _to_do(words: Element, *, is_done: bool) -> Element:
    return marked(glyphs.OK if is_done else glyphs.NOT_YET, words)


def _page(view: ConnectFormView) -> list[Element]:
    if not view.page_url:
        return []
    return [buttons(open_url(text("button.open_connect"), view.page_url), spacing="Small")]


def _before(view: ConnectFormView) -> Element:
    to_itself = Text("connect.to_itself", {"mailbox": view.channel.mailbox})
    warnings = [
        own("connect.fixed_service", spacing="Small"),
        own("connect.never_delete", spacing="Small"),
        own("connect.one_workload", spacing="Small"),
        said(to_itself, spacing="Small"),
    ]
    return box("warning", glyphs.WARNING, own("connect.before", **BOLD), *warnings)


def _confirm_buttons(view: ConnectFormView) -> list[Element]:
    run_id = view.header.run
    token = submit(text("button.token_saved"), "token_saved", main=not view.token_saved, run=run_id)
    next_one = view.token_saved and not view.registered
    registered = submit(text("button.registered"), "registered", main=next_one, run=run_id)
    if view.registered_read:
        return [own("connect.registered_read", **SUBTLE, spacing="Medium"), buttons(registered)]
    left = [
        *([token] if view.token_read or not view.token_saved else []),
        *([registered] if _is_to_register(view) else []),
    ]
    read = [own("connect.token_read", **SUBTLE, spacing="Medium")] if view.token_read else []
    return [*read, buttons(*left)] if left else []


def _error(view: ConnectFormView) -> Element:
    field: Element = {
        "type": "Input.Text",
        "id": "error_text",
        "label": text("field.error_text"),
        "isMultiline": True,
    }
    field |= {"maxLength": ERROR_MOST, "placeholder": text("field.error_text_example")}
    return show_card(
        text("button.see_error"),
        [field],
        submit(text("button.explain"), "explain", reads=True, run=view.header.run),
    )


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
