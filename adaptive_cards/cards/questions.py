"""Cards that ask a person for details, a sign-in, a consent, or a choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from adaptive_cards import actions as act
from adaptive_cards import components as ui
from adaptive_cards.card import Card, finished
from adaptive_cards.elements import SMALL, Element, column, columns, own, rich, run
from adaptive_cards.escape import plain, shorten
from adaptive_cards.texts import render, text
from adaptive_cards.views import Asked, Header
from jobs.model import Text, Turn

_LIFETIMES = ("6", "12", "24")
_YES_NO = ("yes", "no")
_PROFILES = ("article", "least")
_SWITCHED = {"true": "yes", "false": "no"}
"""Values of a client's toggle, translated to the choice's own values.

This keeps the choice when another field must be corrected.
"""


@dataclass(frozen=True, slots=True)
class IntakeView:
    """First card of a run: the details that only Webex Connect knows.

    ``values`` are the inputs as typed. ``errors`` maps a field to the reason why it is wrong.
    """

    header: Header
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Text] = field(default_factory=dict)
    ask_mailbox: bool = False


def intake(view: IntakeView) -> Card:
    run_id, count = view.header.run, len(view.errors)
    title, told = Text("intake.title"), Text("intake.turn")
    if count:
        values = {"count": str(count)}
        title, told = Text("intake.error", values), Text("intake.error_turn", values)
    profile = _choice(view, "profile", _PROFILES, "article") | {"style": "expanded", "wrap": True}
    body = [
        *(_mailbox(view) if view.ask_mailbox else []),
        ui.section("intake.from_connect"),
        own("intake.from_connect_where", **SMALL, spacing="None"),
        _checked(view, _callback()),
        _checked(view, _forwarding()),
        *_person(view, "administrator"),
        # A shared mailbox's field is here if it was filled in before; else the run asks later.
        *(_person(view, "delegate") if view.values.get("delegate") else []),
        ui.section("intake.choices"),
        columns(
            column("stretch", _checked(view, _choice(view, "lifetime", _LIFETIMES, "12"))),
            column(
                "stretch",
                _checked(view, _choice(view, "keep_copy", _YES_NO, "yes")),
                spacing="Default",
            ),
            spacing="Small",
        ),
        _checked(view, profile),
        _checked(view, _choice(view, "check_login", _YES_NO, "yes")),
        own("intake.check_login_why", **SMALL, spacing="None"),
        ui.small_print(Text("intake.nothing_yet")),
    ]
    band = ui.persons_turn(title, ui.run_turn(view.header, Turn.REQUESTER, told))
    go_on = act.submit(text("button.continue"), "intake", main=True, reads=True, run=run_id)
    return finished(ui.kicker(view.header), band, body, [go_on, act.cancel(run_id)])


def _mailbox(view: IntakeView) -> list[Element]:
    error, example = "field.mailbox_error", "field.mailbox_example"
    field = act.text_input("mailbox", "field.mailbox", error=error, example=example)
    return [ui.section("intake.mailbox"), _checked(view, field)]


def _callback() -> Element:
    error, example = "field.callback_url_error", "field.callback_url_example"
    return act.text_input(
        "callback_url", "field.callback_url", style="url", error=error, example=example
    )


def _forwarding() -> Element:
    error, example = "field.forwarding_error", "field.forwarding_example"
    return act.text_input(
        "forwarding_address", "field.forwarding_address", error=error, example=example
    )


def _person(view: IntakeView, who: str) -> list[Element]:
    field = act.text_input(who, f"field.{who}", example=f"field.{who}_example")
    why = own(f"intake.{who}_why", **SMALL, spacing="None")
    return [ui.section(f"intake.{who}"), why, _checked(view, field)]


def _choice(view: IntakeView, name: str, values: tuple[str, ...], usual: str) -> Element:
    typed = view.values.get(name, usual)
    typed = _SWITCHED.get(typed, typed)
    titles = [(value, text(f"choice.{name}.{value}")) for value in values]
    chosen = typed if typed in values else usual
    return act.choice(name, text(f"field.{name}"), titles, value=chosen)


def _checked(view: IntakeView, field: Element) -> Element:
    name = field["id"]
    typed = view.values.get(name, "")
    if typed and field["type"] == "Input.Text":
        field = field | {"value": plain(typed, act.ADDRESS_MOST)}
    if name not in view.errors:
        return field
    return ui.in_error(field, rich(run(render(view.errors[name]))))


@dataclass(frozen=True, slots=True)
class DelegateView:
    header: Header
    asked: Asked | None = None


def delegate(view: DelegateView) -> Card:
    """Return the card with one field. A wrong address is kept in it, with the reason in red."""
    title = Text("delegate.title", {"mailbox": view.header.mailbox})
    band = ui.persons_turn(title, ui.run_turn(view.header, Turn.REQUESTER, Text("delegate.turn")))
    send = act.submit(
        text("button.continue"), "delegate", main=True, reads=True, run=view.header.run
    )
    error, example = "field.delegate_error", "field.delegate_example"
    asked = act.text_input("delegate", "field.delegate", error=error, example=example)
    typed = ui.correction(asked, view.asked) if view.asked else asked
    body = [own("delegate.why", spacing="Small"), typed, act.buttons(send, spacing="Small")]
    return finished(ui.kicker(view.header), band, body, [act.cancel(view.header.run)])


_CHOICES_MOST = 10
_TITLE_MOST = 80


@dataclass(frozen=True, slots=True)
class AppChoice:
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


def discovery(view: DiscoveryView) -> Card:
    title = "discovery.nothing" if view.ask_forwarding else "discovery.no_app"
    if view.apps:
        title = "discovery.which_app"
    if not view.ask_app:
        title = "discovery.no_forwarding"
    band = ui.persons_turn(Text(title), ui.turn_line(Turn.REQUESTER, Text("discovery.turn")))
    body = [
        *ui.titled("verdict.found", ui.found_values(view.found)),
        *([_app(view.apps[:_CHOICES_MOST])] if view.ask_app else []),
        *([_forwarding()] if view.ask_forwarding else []),
        ui.small_print(Text("discovery.reads_only")),
    ]
    actions = [
        act.submit(text("button.go_on"), "discovered", main=True, reads=True, run=view.run),
        act.submit(text("button.go_on_without"), "discovered_without", run=view.run),
    ]
    kicker = ui.kicker_at("verdict.kicker", view.at, mailbox=view.mailbox)
    return finished(kicker, band, body, actions)


def _app(apps: tuple[AppChoice, ...]) -> Element:
    if not apps:
        label, wrong = "field.discovered_client_id", "field.client_id_error"
        return act.text_input("client_id", label, style="text", error=wrong)
    error = {"isRequired": True, "errorMessage": text("field.discovered_app_error")}
    titles = [(app.client_id, _named(app)) for app in apps]
    label = text("field.discovered_app")
    return act.choice("client_id", label, titles, style="expanded", wrap=True, **error)


def _named(app: AppChoice) -> str:
    """Return the app's name with the host of its redirect, and its ID because a name may repeat."""
    where = app.host or text("discovery.no_host")
    name = shorten(plain(app.name), _TITLE_MOST)
    return text("discovery.app", name=name, host=plain(where), client_id=app.client_id[:8])
