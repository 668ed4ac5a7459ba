"""Examples of the help, the list of runs and notices, in every state, with realistic contents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import adaptive_cards as cards
from adaptive_cards import components as ui
from adaptive_cards.cards.notice import HelpEntry, NoticeView, command_help, help_card
from bot.cards.presenters.lists import status
from jobs.model import Account, Change, Channel, Finding, Person, Scope, State, Text, Turn, verbatim
from jobs.runs.run import Kind, Plan, Reply, Run
from tests.unit.adaptive_cards.examples import AT, MAILBOX

if TYPE_CHECKING:
    from collections.abc import Iterator


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return {**dict(_helps()), **dict(_status()), **dict(_notices())}


def _helps() -> Iterator[tuple[str, cards.Card]]:
    entries = tuple(
        HelpEntry(name, argument, group)
        for name, argument, group in (
            ("setup-email", "ADDRESS", "setup"),
            ("check", "ADDRESS", "trouble"),
            ("fix", "ADDRESS", "trouble"),
            ("tac", "ADDRESS", "trouble"),
            ("status", "", "runs"),
            ("cancel", "", "runs"),
            ("undo", "ADDRESS", "runs"),
            ("help", "", "more"),
        )
    )
    yield "help", help_card(entries)
    yield "help-left-out", help_card(entries[:-1], left_out=True)
    yield ("help-unknown", help_card(entries, direct=True, typed="/xyzzy"))
    check = entries[1]
    yield "help-check", command_help(check, ("prüfen", "pruefen"))
    yield "help-cancel", command_help(entries[5], direct=True)


def run_of(name: str, mailbox: str, **more: object) -> Run:
    """Return a setup with a plan."""
    change = Change("smtp_auth", "M2", verbatim(""), verbatim(""), verbatim(""), Scope.MAILBOX, "")
    run = Run(name, Channel(mailbox), Person("rita", "rita@contoso.com"), AT, detailed=True)
    run = replace(run, account=Account("t", "o", "u"), plan=Plan("p1", (change,), AT))
    return replace(run, **more)  # type: ignore[arg-type]  # the run's own names


def _status() -> Iterator[tuple[str, cards.Card]]:
    approved = {"approvals": {Scope.MAILBOX: Reply("yes", "anna@contoso.com", AT)}}
    later = Finding("smtp_auth", State.WAITING, waiting_for=Turn.TIME, until=AT)
    runs = (
        run_of("7Q4K", MAILBOX),
        run_of("8ZW2", "sales@contoso.com", findings={"smtp_auth": later}, **approved),
        run_of("3F9A", "info@contoso.com", **approved),
        *(
            run_of(f"OLD{n}", "old@contoso.com", ended=end)
            for n, end in enumerate((Kind.FINISHED, Kind.FAILED, Kind.CANCELLED))
        ),
    )
    yield "status", status(runs, AT)
    yield "status-running", status(runs[1:2], AT)
    yield "status-many", status(runs * 4, AT)
    yield "status-more", status(runs[:2], AT, more=1)
    yield "status-none", status((), AT)


def _notices() -> Iterator[tuple[str, cards.Card]]:
    refused = NoticeView(
        Text("refused.kicker"),
        Text("refused.button"),
        Text("refused.organization"),
        style=ui.REFUSED,
        facts=(("refused.reference", verbatim("REF-3F9A")),),
        buttons=(("button.help", {"do": "help"}),),
        at=AT,
    )
    yield "notice", cards.notice(refused)
    yield (
        "notice-plain",
        cards.notice(
            NoticeView(
                Text("notice.cancel_kicker"),
                Text("notice.over_cancelled", {"run": "7Q4K"}),
                Text("refused.nothing"),
                style=("accent", None),
            )
        ),
    )
