"""Examples of the help, the list of runs and notices, in every state, with realistic contents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import adaptive_cards as cards
from adaptive_cards.cards.channels import RunLine, StatusView
from adaptive_cards.cards.notice import HelpEntry, NoticeView
from jobs.model import Evidence, Text, Turn, verbatim
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
    yield "help", cards.help_card(entries)
    yield "help-left-out", cards.help_card(entries[:-1], left_out=True)
    yield (
        "help-unknown",
        cards.help_card(entries, direct=True, typed="/xyzzy"),
    )
    check = entries[1]
    yield "help-check", cards.command_help(check, ("prüfen", "pruefen"))
    yield "help-cancel", cards.command_help(entries[5], direct=True)


def _status() -> Iterator[tuple[str, cards.Card]]:
    lines = (
        RunLine("7Q4K", MAILBOX, 3, Turn.APPROVER, Text("turn_words.approve"), AT),
        RunLine(
            "8ZW2",
            "sales@contoso.com",
            4,
            Turn.TIME,
            Text("turn_words.waiting"),
            AT,
        ),
        RunLine("3F9A", "info@contoso.com", 4, Turn.NOBODY, Text("turn_words.running"), AT),
        *(
            RunLine(f"OLD{n}", "old@contoso.com", 7, Turn.NOBODY, verbatim(""), AT, end)
            for n, end in enumerate(("done", "failed", "cancelled"))
        ),
    )
    lines = tuple(replace(line, by="rita@contoso.com") for line in lines)
    yield "status", cards.status(StatusView(lines, AT))
    yield "status-running", cards.status(StatusView(lines[1:2], AT))
    yield "status-many", cards.status(StatusView(lines * 4, AT))
    yield "status-more", cards.status(StatusView(lines[:2], AT, more=1))
    yield "status-none", cards.status(StatusView((), AT))


def _notices() -> Iterator[tuple[str, cards.Card]]:
    refused = NoticeView(
        Text("refused.kicker"),
        Text("refused.button"),
        Text("refused.organization"),
        glyph="\u2717",
        facts=(("refused.reference", verbatim("REF-3F9A")),),
        evidence=(Evidence("SMTP", "550 5.7.520 Access denied AS(7555)"),),
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
                tone="accent",
            )
        ),
    )
