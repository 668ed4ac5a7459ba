"""Cards that ask for the details that only people know: the first card of a run, and the delegate."""

from __future__ import annotations

from dataclasses import dataclass, field

from adaptive_cards.actions import ADDRESS_MOST, buttons, cancel, optional_input, submit, text_input
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    correction,
    in_error,
    kicker,
    persons_turn,
    run_turn,
    section,
    small_print,
)
from adaptive_cards.elements import SMALL, Element, column, columns, own, rich, run
from adaptive_cards.escape import plain
from adaptive_cards.texts import render, text
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
