"""Card for admin consent: what Microsoft will ask for, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import buttons, cancel, open_url, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.cards._ask_someone_else import ask_someone
from adaptive_cards.components import kicker, note, persons_turn, problem_box, section, turn_line
from adaptive_cards.elements import BOLD, Element, facts, rich, run
from adaptive_cards.glyphs import marked
from adaptive_cards.texts import text
from adaptive_cards.views import Asked, Header
from jobs.model import Text, Turn


def consent(view: ConsentView) -> Card:
    """Return the card that asks for admin consent.

    The card lists every permission with its kind and reason, and marks the risky ones. An earlier
    refusal is shown above the button.
    """
    band = persons_turn(
        Text("consent.title"),
        turn_line(Turn.ADMINISTRATOR, view.waits or Text("consent.turn"), direct=view.direct),
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
