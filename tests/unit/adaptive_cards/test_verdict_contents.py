"""Tests of the sections of a check's card: causes, symptoms, proofs, findings and commands."""

from __future__ import annotations

import json
from dataclasses import replace

from adaptive_cards.texts import keys, text
from jobs.model import Access, Evidence, State, Station


def test_thirty_findings_lose_nothing(examples, nodes):
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


def test_a_setting_is_proven_by_what_it_stopped(make_verdict, nodes):
    """A cause without evidence shows the evidence of the symptom that it explains.

    Every list shows that symptom as explained.
    """
    mail = make_verdict.line(
        "M3", "Copies", State.WRONG, evidence=(Evidence("trace", "550 5.7.520 AS(7555)"),)
    )
    setting = make_verdict.line("M4", "Policy", State.WRONG)
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


def test_a_transcript_is_never_shown_whole(make_verdict, nodes):
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


def test_keys_of_a_check_exist():
    """Every station of the mail's path and every kind of access has a text."""
    assert {f"station.{station}" for station in Station} | {
        f"access.{access}" for access in Access
    } <= keys()
