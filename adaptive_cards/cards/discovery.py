"""Card of a check that could not find a whole channel by itself: a choice, or one field a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards.actions import submit, text_input
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    found_values,
    kicker_of,
    persons_turn,
    section,
    small_print,
    turn_line,
)
from adaptive_cards.elements import Element
from adaptive_cards.escape import plain, shorten
from adaptive_cards.texts import text
from adaptive_cards.times import day_clock
from jobs.model import Text, Turn

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
        return [_choice(view.apps[:_CHOICES_MOST])]
    field = text_input(
        "client_id", "field.discovered_client_id", style="text", error="field.client_id_error"
    )
    return [field]


def _choice(apps: tuple[AppChoice, ...]) -> Element:
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
