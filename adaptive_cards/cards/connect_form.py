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
    column,
    columns,
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


_LINES_MOST = 12


_REASON_MOST = 500


def rehearsal(view: RehearsalView) -> Card:
    if view.done:
        return _done(view)
    if view.skipped:
        return _ended(
            view,
            "emphasis",
            glyphs.SKIPPED,
            Text("rehearsal.skipped"),
            Text("rehearsal.skipped_next", {"reason": view.skipped}),
        )
    if view.problem:
        return _failed(view)
    return _ready(view) if view.url else _offer(view)


def _done(view: RehearsalView) -> Card:
    kind = "_shared" if view.shared else ""
    title = Text(f"rehearsal.done{kind}", _values(view))
    told = Text(f"rehearsal.done_next{kind}", _values(view))
    return _ended(view, "good", glyphs.OK, title, told)


def _offer(view: RehearsalView) -> Card:
    band = persons_turn(
        Text("rehearsal.offer"),
        run_turn(view.header, Turn.MAILBOX_USER, Text("rehearsal.offer_turn")),
    )
    again = submit(text("button.rehearse"), "rehearse", main=True, run=view.header.run)
    return finished(
        kicker(view.header), band, [_what(view)], [again, _skip(view), cancel(view.header.run)]
    )


def _ready(view: RehearsalView) -> Card:
    kind = "_shared" if view.shared else ""
    title = Text(f"rehearsal.ready{kind}", _values(view))
    told = Text(f"rehearsal.ready_turn{kind}", _values(view))
    turn = run_turn(view.header, Turn.MAILBOX_USER, told, direct=view.direct)
    band = persons_turn(title, turn, asked=view.header.asked)
    sign_in = buttons(open_url(text(f"button.sign_in_mailbox{kind}"), view.url, main=True))
    actions = [_skip(view), *([] if view.direct else [cancel(view.header.run)])]
    body = [_what(view), sign_in, *_ask_mailbox_user(view)]
    return finished(kicker(view.header), band, body, actions)


def _ask_mailbox_user(view: RehearsalView) -> list[Element]:
    if view.direct or view.asked is None:
        return []
    do, who = "ask_mailbox_user", "mailbox_user"
    field, _ = ask_someone("", do, view.header.run, view.asked, who=who)
    return field


def _failed(view: RehearsalView) -> Card:
    own_turn = view.direct and view.turn is Turn.MAILBOX_USER
    band = persons_turn(
        Text("rehearsal.failed"),
        run_turn(view.header, view.turn, Text("rehearsal.failed_turn"), direct=own_turn),
    )
    if view.settling:
        # Somebody may be asked elsewhere meanwhile, so it does not say that nobody has to act.
        waits = own("rehearsal.settling_turn", spacing="Small")
        band = Band.of("emphasis", glyphs.TIME, Text("rehearsal.settling"), waits)
    again = submit(text("button.try_again"), "rehearse", main=True, run=view.header.run)
    body = [*problem_box(view.problem, view.problem_code), *_remedy(view), *_transcript(view)]
    stop = [] if view.direct else [cancel(view.header.run)]
    return finished(kicker(view.header), band, body, [again, _skip(view), *stop])


def _remedy(view: RehearsalView) -> list[Element]:
    # A problem that resolves itself needs none. For a shared mailbox the user may lack permissions.
    if view.shared and view.cause == "smtp_token_refused":
        return [said(Text("rehearsal.refused_shared", _values(view)), spacing="Small")]
    return (
        [own(remedy_within(view.cause), spacing="Small")]
        if has_text(f"remedy.{view.cause}") and not view.settling
        else []
    )


def _ended(view: RehearsalView, style: str, mark: glyphs.Mark, title: Text, told: Text) -> Card:
    band = Band.calm(style, mark, title, told)
    return finished(kicker(view.header), band, _transcript(view))


def _what(view: RehearsalView) -> Element:
    rows = [
        (
            text("rehearsal.account"),
            text("rehearsal.account_shared", **_values(view)) if view.shared else view.username,
        ),
        (text("rehearsal.what"), text("rehearsal.what_happens")),
        (text("rehearsal.kept"), text("rehearsal.kept_what")),
    ]
    if view.url and view.until:
        rows.append((text("signin.link"), text("signin.link_until", until=day_clock(view.until))))
    return facts(rows)


def _values(view: RehearsalView) -> dict[str, str]:
    return {"username": view.username, "login": view.login}


def _transcript(view: RehearsalView) -> list[Element]:
    lines = view.transcript[-_LINES_MOST:]
    if not lines:
        return []
    shown = [
        literal(line, size="Small", spacing="None" if number else "Small")
        for number, line in enumerate(lines)
    ]
    return [
        own("rehearsal.transcript", **BOLD, spacing="Medium"),
        container("", *shown, spacing="Small"),
    ]


def _skip(view: RehearsalView) -> Element:
    field: Element = {
        "type": "Input.Text",
        "id": "skip_reason",
        "label": text("field.skip_reason"),
        "maxLength": _REASON_MOST,
    }
    field |= {
        "isRequired": True,
        "errorMessage": text("field.skip_reason_error"),
        "placeholder": text("field.skip_reason_example"),
    }
    return show_card(
        text("button.skip"),
        [field],
        submit(text("button.skip_rehearsal"), "skip_rehearsal", reads=True, run=view.header.run),
    )


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
    done: bool = False
    skipped: str = ""
    shared: bool = False
    login: str = ""
    asked: Asked | None = None
    direct: bool = False
