"""Cards that lead an administrator to Microsoft: the sign-in, and admin consent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import buttons, cancel, open_url, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    ask_someone,
    kicker,
    note,
    persons_turn,
    problem_box,
    run_turn,
    section,
)
from adaptive_cards.elements import BOLD, Element, facts, rich, run
from adaptive_cards.glyphs import marked
from adaptive_cards.texts import text
from adaptive_cards.times import day_clock
from adaptive_cards.views import Asked, Header
from jobs.model import Text, Turn


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
