"""Cards that ask a person for details, a sign-in, a consent, or a choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import (
    ADDRESS_MOST,
    buttons,
    cancel,
    open_url,
    optional_input,
    submit,
    text_input,
)
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    ask_someone,
    correction,
    found_values,
    in_error,
    kicker,
    kicker_of,
    note,
    persons_turn,
    problem_box,
    run_turn,
    section,
    small_print,
    turn_line,
)
from adaptive_cards.elements import BOLD, SMALL, Element, column, columns, facts, own, rich, run
from adaptive_cards.escape import plain, shorten
from adaptive_cards.glyphs import marked
from adaptive_cards.texts import render, text
from adaptive_cards.times import day_clock
from adaptive_cards.views import Asked, Header
from jobs.model import Text, Turn

_LIFETIMES = ("6", "12", "24")


_COPY = ("yes", "no")


_PROFILES = ("article", "least")


_CHECK_LOGIN = ("yes", "no")


_SWITCHED = {"true": "yes", "false": "no"}
"""Values of a client's toggle, translated to the choice's own values.

This keeps the choice when another field must be corrected.
"""


def intake(view: IntakeView) -> Card:
    run_id = view.header.run
    actions = [
        submit(text("button.continue"), "intake", main=True, reads=True, run=run_id),
        cancel(run_id),
    ]
    body = [
        *_mailbox(view),
        *_from_connect(view),
        *_administrator(view),
        *_delegate(view),
        *_choices(view),
        small_print(Text("intake.nothing_yet")),
    ]
    return finished(kicker(view.header), _band(view), body, actions)


def _band(view: IntakeView) -> Band:
    count = len(view.errors)
    if not count:
        title, told = Text("intake.title"), Text("intake.turn")
    else:
        values = {"count": str(count)}
        title, told = Text("intake.error", values), Text("intake.error_turn", values)
    return persons_turn(title, run_turn(view.header, Turn.REQUESTER, told))


def _mailbox(view: IntakeView) -> list[Element]:
    if not view.ask_mailbox:
        return []
    field = text_input("mailbox", "field.mailbox", style="email", error="field.mailbox_error")
    return [
        section("intake.mailbox"),
        _checked(view, field | {"placeholder": text("field.mailbox_example")}),
    ]


def _from_connect(view: IntakeView) -> list[Element]:
    callback = text_input(
        "callback_url", "field.callback_url", style="url", error="field.callback_url_error"
    )
    forwarding = text_input(
        "forwarding_address",
        "field.forwarding_address",
        style="email",
        error="field.forwarding_error",
    )
    return [
        section("intake.from_connect"),
        own("intake.from_connect_where", **SMALL, spacing="None"),
        _checked(view, callback | {"placeholder": text("field.callback_url_example")}),
        _checked(view, forwarding | {"placeholder": text("field.forwarding_example")}),
    ]


def _administrator(view: IntakeView) -> list[Element]:
    """Return the field for the person who signs in; it stays empty if the requester does."""
    field = optional_input(
        "administrator", "field.administrator", style="email", example="field.administrator_example"
    )
    return [
        section("intake.administrator"),
        own("intake.administrator_why", **SMALL, spacing="None"),
        _checked(view, field),
    ]


def _delegate(view: IntakeView) -> list[Element]:
    """Return the field for a shared mailbox if it was filled in before; else the run asks later."""
    if not view.values.get("delegate"):
        return []
    field = optional_input(
        "delegate", "field.delegate", style="email", example="field.delegate_example"
    )
    return [
        section("intake.delegate"),
        own("intake.delegate_why", **SMALL, spacing="None"),
        _checked(view, field),
    ]


def _choices(view: IntakeView) -> list[Element]:
    lifetime = _checked(view, _choice(view, "lifetime", _LIFETIMES, "12"))
    copy = _checked(view, _choice(view, "keep_copy", _COPY, "yes"))
    profile = _choice(view, "profile", _PROFILES, "article") | {"style": "expanded", "wrap": True}
    return [
        section("intake.choices"),
        columns(
            column("stretch", lifetime), column("stretch", copy, spacing="Default"), spacing="Small"
        ),
        _checked(view, profile),
        _checked(view, _choice(view, "check_login", _CHECK_LOGIN, "yes")),
        own("intake.check_login_why", **SMALL, spacing="None"),
    ]


def _choice(view: IntakeView, name: str, values: tuple[str, ...], usual: str) -> Element:
    typed = view.values.get(name, usual)
    typed = _SWITCHED.get(typed, typed)
    return {
        "type": "Input.ChoiceSet",
        "id": name,
        "label": text(f"field.{name}"),
        "style": "compact",
        "isMultiSelect": False,
        "value": typed if typed in values else usual,
        "choices": [{"title": text(f"choice.{name}.{value}"), "value": value} for value in values],
    }


def _checked(view: IntakeView, field: Element) -> Element:
    """Return the field with the typed value, in a red box with the reason if it is wrong."""
    name = field["id"]
    typed = view.values.get(name, "")
    if typed and field["type"] == "Input.Text":
        field = field | {"value": plain(typed, ADDRESS_MOST)}
    if name not in view.errors:
        return field
    return in_error(field, rich(run(render(view.errors[name]))))


@dataclass(frozen=True, slots=True)
class IntakeView:
    """First card of a run: the details that only Webex Connect knows.

    ``values`` are the inputs as typed. ``errors`` maps a field to the reason why it is wrong.
    """

    header: Header
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Text] = field(default_factory=dict)
    ask_mailbox: bool = False


def delegate(view: DelegateView) -> Card:
    """Return the card with one field. A wrong address is kept in it, with the reason in red."""
    band = persons_turn(
        Text("delegate.title", {"mailbox": view.header.mailbox}),
        run_turn(view.header, Turn.REQUESTER, Text("delegate.turn")),
    )
    send = submit(text("button.continue"), "delegate", main=True, reads=True, run=view.header.run)
    asked = text_input("delegate", "field.delegate", style="email", error="field.delegate_error")
    asked["placeholder"] = text("field.delegate_example")
    typed = correction(asked, view.asked) if view.asked else asked
    body = [own("delegate.why", spacing="Small"), typed, buttons(send, spacing="Small")]
    return finished(kicker(view.header), band, body, [cancel(view.header.run)])


@dataclass(frozen=True, slots=True)
class DelegateView:
    """Question for the user who signs in. ``asked`` is the last address given, if it was wrong."""

    header: Header
    asked: Asked | None = None


def signin(view: SignInView) -> Card:
    told = view.waits or Text("signin.turn_direct" if view.direct else "signin.turn")
    band = persons_turn(
        Text("signin.title", {"domain": view.domain}),
        run_turn(view.header, Turn.ADMINISTRATOR, told, direct=view.direct),
        asked=view.header.asked,
    )
    body = [
        facts(
            [
                (text("signin.account"), text("signin.account_which", domain=view.domain)),
                (text("signin.roles"), text("signin.roles_which")),
                (text("signin.allows"), text("signin.allows_what")),
                (text("signin.ends"), text("signin.ends_when")),
                (text("signin.link"), text("signin.link_until", until=day_clock(view.until))),
            ]
        ),
        *problem_box(view.problem, view.problem_code, view.problem_at),
        buttons(open_url(text("button.sign_in"), view.url, main=view.waits is None)),
    ]
    other = view.direct or view.waits is not None
    title = text("button.ask_other" if other else "button.ask_administrator")
    field, opens = ask_someone(
        title, "ask_administrator", view.header.run, view.asked, hint="signin.ask_hint"
    )
    again = [submit(text("button.consent_again"), "consent_again", run=view.header.run)]
    more = again if view.waits else []
    return finished(
        kicker(view.header),
        band,
        [*body, *field],
        [*opens, *more, cancel(view.header.run)],
    )


@dataclass(frozen=True, slots=True)
class SignInView:
    """Request to sign in at Microsoft.

    ``direct`` is true in a 1:1 message. ``problem`` is why an earlier attempt failed. ``asked`` is
    the last address typed to forward the card to, if it was invalid. ``waits`` names the person who
    was asked 1:1 and since when. The sign-in button is then not the card's green one, and another
    button sends that card again.
    """

    header: Header
    domain: str
    url: str
    until: datetime
    direct: bool = False
    problem: Text | None = None
    problem_code: str = ""
    problem_at: datetime | None = None
    asked: Asked | None = None
    waits: Text | None = None


def consent(view: ConsentView) -> Card:
    band = persons_turn(
        Text("consent.title"),
        run_turn(
            view.header, Turn.ADMINISTRATOR, view.waits or Text("consent.turn"), direct=view.direct
        ),
        asked=view.header.asked,
    )
    run_id = view.header.run
    grant = open_url(text("button.grant"), view.url, main=view.waits is None)
    body = [
        section("consent.asks_for"),
        *(_permission(*permission) for permission in view.permissions),
        facts(
            [
                (text("consent.app"), view.app_name),
                (text("consent.publisher"), text("consent.publisher_which", domain=view.domain)),
                (text("label.client_id"), view.client_id),
                (text("consent.for"), text("consent.for_which")),
                (text("consent.who"), text("consent.who_which")),
            ]
        ),
        *problem_box(view.problem, view.problem_code, view.problem_at),
        buttons(grant, cancel(run_id, of_run=True)),
    ]
    field, opens = ask_someone(text("button.ask_other"), "ask_consent", run_id, view.asked)
    return finished(
        kicker(view.header),
        band,
        [*body, *field],
        [*opens, submit(text("button.already_granted"), "look_again", run=run_id)],
    )


def _permission(name: str, kind: str, why: str, risky: bool) -> Element:  # noqa: FBT001  as in the tuple
    kinds = [run(f", {text(kind)}")] if kind else []
    reason = [note(Text(why))] if why else []
    return marked(glyphs.WARNING if risky else glyphs.OK, rich(run(name, **BOLD), *kinds), *reason)


@dataclass(frozen=True, slots=True)
class ConsentView:
    """Request for admin consent.

    ``permissions`` are (name, kind key, why key, risky). ``asked`` and ``waits`` are the same as in
    :class:`SignInView`.
    """

    header: Header
    url: str
    app_name: str
    domain: str
    client_id: str
    permissions: tuple[tuple[str, str, str, bool], ...]
    direct: bool = False
    problem: Text | None = None
    problem_code: str = ""
    problem_at: datetime | None = None
    asked: Asked | None = None
    waits: Text | None = None


_CHOICES_MOST = 10
_TITLE_MOST = 80


def discovery(view: DiscoveryView) -> Card:
    band = persons_turn(_title(view), turn_line(Turn.REQUESTER, Text("discovery.turn")))
    body = [
        *([section("verdict.found"), *found_values(view.found)] if view.found else []),
        *_app(view),
        *_forwarding(view),
        small_print(Text("discovery.reads_only")),
    ]
    actions = [
        submit(text("button.go_on"), "discovered", main=True, reads=True, run=view.run),
        submit(text("button.go_on_without"), "discovered_without", run=view.run),
    ]
    kicker = kicker_of(Text("verdict.kicker", {"mailbox": view.mailbox}), day_clock(view.at))
    return finished(kicker, band, body, actions)


def _title(view: DiscoveryView) -> Text:
    if not view.ask_app:
        return Text("discovery.no_forwarding")
    if view.apps:
        return Text("discovery.which_app")
    return Text("discovery.nothing" if view.ask_forwarding else "discovery.no_app")


def _app(view: DiscoveryView) -> list[Element]:
    if not view.ask_app:
        return []
    if view.apps:
        return [_discovery_choice(view.apps[:_CHOICES_MOST])]
    field = text_input(
        "client_id", "field.discovered_client_id", style="text", error="field.client_id_error"
    )
    return [field]


def _discovery_choice(apps: tuple[AppChoice, ...]) -> Element:
    return {
        "type": "Input.ChoiceSet",
        "id": "client_id",
        "label": text("field.discovered_app"),
        "style": "expanded",
        "wrap": True,
        "isMultiSelect": False,
        "isRequired": True,
        "errorMessage": text("field.discovered_app_error"),
        "choices": [{"title": _named(app), "value": app.client_id} for app in apps],
    }


def _named(app: AppChoice) -> str:
    """Return the app's name with the host of its redirect, and its ID because a name may repeat."""
    where = app.host or text("discovery.no_host")
    name = shorten(plain(app.name), _TITLE_MOST)
    return text("discovery.app", name=name, host=plain(where), client_id=app.client_id[:8])


def _forwarding(view: DiscoveryView) -> list[Element]:
    if not view.ask_forwarding:
        return []
    field = text_input(
        "forwarding_address",
        "field.forwarding_address",
        style="email",
        error="field.forwarding_error",
    )
    return [field | {"placeholder": text("field.forwarding_example")}]


@dataclass(frozen=True, slots=True)
class AppChoice:
    """App that may be the channel's, with the host that it redirects to, or an empty host."""

    client_id: str
    name: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class DiscoveryView:
    """Question of a check: what was found, as (label key, value), and what it asks for.

    ``ask_app`` asks for one of ``apps``, or for a client ID if there are none.
    """

    run: str
    mailbox: str
    at: datetime
    ask_app: bool = False
    apps: tuple[AppChoice, ...] = ()
    ask_forwarding: bool = False
    found: tuple[tuple[str, str], ...] = ()
