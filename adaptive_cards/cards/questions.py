"""Cards that ask a person for details, a sign-in, a consent, or a choice."""

from __future__ import annotations

from dataclasses import dataclass, field

from adaptive_cards import actions as act
from adaptive_cards import components as ui
from adaptive_cards.card import Card, finished
from adaptive_cards.elements import SMALL, Element, column, columns, own, rich, run
from adaptive_cards.escape import plain
from adaptive_cards.texts import render, text
from adaptive_cards.views import Header
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
        _checked(view, forwarding_input()),
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


def forwarding_input() -> Element:
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
