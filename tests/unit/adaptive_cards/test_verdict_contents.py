"""Tests of the sections of a check's card: causes, symptoms, proofs, findings and commands."""

from __future__ import annotations

import json
from dataclasses import replace
from types import ModuleType

from adaptive_cards.texts import text
from adaptive_cards.views import Damage
from jobs.model import Evidence, State, Text, Turn
from tests.unit.adaptive_cards.verdict_rows import BLOCKED, COMMANDS, Cards, Nodes, words


def test_what_is_left_out_is_said_at_the_end_only(examples: Cards, nodes: Nodes):
    """While a check is still running, its card lists nothing as not checked."""
    titles = {
        name: "Not checked (does not count as passed)" in words(examples[name].content, nodes)
        for name in ("verdict-early", "verdict-broken")
    }
    assert titles == {"verdict-early": False, "verdict-broken": True}


def test_thirty_findings_lose_nothing(examples: Cards, nodes: Nodes):
    """A card with thirty findings still shows each finding, and each remedy that has no button.

    Rows become lines of a list if room is short.
    """
    card = examples["verdict-thirty"]
    opened = next(
        node["card"] for node in nodes(card.content) if node.get("title") == "Details: 30 findings"
    )
    facts = [fact for node in nodes(card.content) for fact in node.get("facts", [])]
    assert sum(len(node["facts"]) for node in nodes(opened) if "facts" in node) == 30
    assert sum(fact["title"] == "Remedy" for fact in facts) == 1
    assert "\u2026" not in json.dumps(card.content, ensure_ascii=False)


def test_a_setting_is_proven_by_what_it_stopped(make_verdict: ModuleType, nodes: Nodes):
    """A cause without evidence shows the evidence of the symptom that it explains.

    Every list shows that symptom as explained.
    """
    mail = make_verdict.line(
        "M3", "Copies", State.WRONG, evidence=(Evidence("trace", "550 5.7.520 AS(7555)"),)
    )
    setting = make_verdict.line(
        "M4", "Policy", State.WRONG, remedy=Text("remedy.forwarding_blocked")
    )
    card = make_verdict.checked(
        0,
        ("forwarding_blocked", setting),
        symptoms=(replace(mail, explained_by="M4"),),
        lines=(setting, mail),
    )
    facts = [
        (fact["title"], fact["value"])
        for node in nodes(card.content)
        for fact in node.get("facts", [])
    ]
    assert facts == [
        ("Evidence", "Message trace: 550 5.7.520 AS(7555)"),
        ("Remedy", text("remedy.forwarding_blocked")),
        ("\u2192\u00a0M3", "Copies, a consequence of M4"),
        ("\u2717\u00a0M4", "Policy"),
    ]


def test_a_transcript_is_never_shown_whole(make_verdict: ModuleType, nodes: Nodes):
    """A check's card shows only the end of an SMTP transcript, and nothing twice.

    An unknown error code is shown whole, with its id.
    """
    said = tuple(Evidence("transcript", f"250 line {number}") for number in range(9))
    login = make_verdict.line(
        "C6",
        "Login",
        State.WRONG,
        seen="AUTH: 535 5.7.3 no",
        evidence=(Evidence("smtp", "535 5.7.3 no"), *said),
    )
    coded = (
        Evidence("entra", "400 AADSTS999999: What nobody knows yet."),
        Evidence("correlation-id", "4451a062-91fd"),
    )
    unknown = make_verdict.line("E3", "Client secret", State.WRONG, evidence=coded)
    card = make_verdict.checked(0, ("smtp_refused", login), ("unexpected", unknown))
    shown = [
        fact["value"]
        for node in nodes(card.content)
        for fact in node.get("facts", [])
        if fact["title"] == "Evidence"
    ]
    assert shown == [
        "SMTP: 250 line 7; SMTP: 250 line 8",
        "Entra: 400 AADSTS999999: What nobody knows yet; Correlation ID: 4451a062-91fd",
    ]


def test_commands_of_the_cause_come_first(make_verdict: ModuleType, nodes: Nodes):
    """Commands are shown whole, each once, with the id of their finding.

    The commands of the cause come first. If the card has room for another button, Commands is a
    button of its own.
    """
    blocked = ("forwarding_blocked", make_verdict.POLICY)
    card = make_verdict.checked(
        0, blocked, fix=make_verdict.FIX, lines=(make_verdict.POLICY, *make_verdict.RIGHT)
    )
    opened = next(node["card"] for node in nodes(card.content) if node.get("title") == "Commands")
    assert words(opened, nodes)[1:] == COMMANDS


def test_the_damage_is_told_once(make_verdict: ModuleType):
    """The band of a check says how many mails are missing and since when.

    If the mailbox keeps them, the band says that nothing is lost. If the damage began at another
    time than the cause, both times are given.
    """
    since = make_verdict.ago(hours=2, minutes=28)
    blocked = ("forwarding_blocked", make_verdict.POLICY)
    told = [
        make_verdict.checked(
            0, blocked, fix=make_verdict.FIX, turn=Turn.APPROVER, since=since, damage=damage
        ).text.partition(" Approver")[0]
        for damage in (
            Damage(14, since, kept=True),
            Damage(1, since),
            Damage(2, make_verdict.ago(days=4)),
        )
    ]
    assert told == [
        f"{BLOCKED} 14 mails did not reach an agent since 08:14 UTC. Nothing is lost: everything is still in the mailbox.",
        f"{BLOCKED} 1 mail did not reach an agent since 08:14 UTC.",
        f"{BLOCKED} Since 08:14 UTC today. 2 mails did not reach an agent since 20 Nov 10:42 UTC.",
    ]
