"""Tests of the sections of a check's card: causes, symptoms, proofs, findings and commands."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

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


REPLY = "550 5.7.520 Access denied, Your organization does not allow external forwarding"
DISABLED = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled"
RECEIVED = (
    "2026-11-26T15:37:27Z | Receive | Message received by: PRACTICE01.example | [{ip=192.0.2.1}]"
)
FAILED = f"2026-11-26T15:37:28Z | Fail | Reason: [{{LED={REPLY}. AS(7555)}};{{MSG=}};{{FQDN=x}}]"


def shown(make_verdict, nodes, *told: Evidence, cause: str = "forwarding_blocked"):
    """Return the evidence that a check's card shows, and the texts behind Details."""
    line = make_verdict.line("M4", "Policy", State.WRONG, seen="Off", evidence=told)
    card = make_verdict.checked(0, (cause, line), lines=(line,))
    (words,) = [
        fact["value"]
        for node in nodes(card.content)
        for fact in node.get("facts", [])
        if fact["title"] == "Evidence"
    ]
    (opened,) = [
        node["card"] for node in nodes(card.content) if "Details" in str(node.get("title", ""))
    ]
    return words, [str(node["text"]) for node in nodes(opened) if "text" in node]


@pytest.mark.parametrize(
    ("kind", "raw", "words"),
    [
        ("trace", FAILED, f"Message trace 26 Nov 15:37:28 UTC: failed, {REPLY}"),
        ("trace", RECEIVED, "Message trace 26 Nov 15:37:27 UTC: received"),
        (
            "smtp",
            f"{DISABLED}. Visit https://aka.ms/smtp for more. [AM0PR.example]",
            f"SMTP: {DISABLED}",
        ),
        (
            "entra",
            "7000222: The provided client secret keys for app '{0}' are expired. Visit the Azure portal.",
            "Entra: 7000222: The provided client secret keys are expired",
        ),
    ],
)
def test_a_service_s_text_in_words(make_verdict, nodes, kind, raw, words):
    """Evidence is shown as one sentence.

    The trace's values, links, the server's name and unfilled placeholders are left out.
    """
    told, behind = shown(make_verdict, nodes, Evidence(kind, raw))
    assert told == words
    assert any(
        "M4" in line and raw.rsplit(" | ", maxsplit=1)[-1][:30] in line.replace("\\", "")
        for line in behind
    )


def test_only_the_failure_of_a_trace_is_told(make_verdict, nodes):
    """Of a message trace only the failure is shown, and the events before it are behind Details."""
    told, behind = shown(
        make_verdict, nodes, Evidence("trace", RECEIVED), Evidence("trace", FAILED)
    )
    assert told == f"Message trace 26 Nov 15:37:28 UTC: failed, {REPLY}"
    assert sum("Message trace" in line for line in behind) == 2


def test_ids_are_behind_details_unless_the_cause_is_unknown(make_verdict, nodes):
    """The ids of an error are behind Details.

    Only an unknown error is shown with its id, because people report it.
    """
    told = (Evidence("entra", "400 AADSTS999999: No."), Evidence("correlation-id", "4451a062"))
    known, behind = shown(make_verdict, nodes, *told)
    unknown, _ = shown(make_verdict, nodes, *told, cause="unexpected")
    assert "4451a062" not in known
    assert "4451a062" in " ".join(behind)
    assert "4451a062" in unknown


def test_a_reply_that_was_seen_is_not_repeated(make_verdict, nodes):
    """A sentence that is shown under Seen is not repeated under Evidence."""
    told = Evidence("smtp", "535 5.7.3 Authentication unsuccessful [AM0PR.example]")
    line = make_verdict.line(
        "C6", "Login", State.WRONG, seen="535 5.7.3 Authentication unsuccessful", evidence=(told,)
    )
    card = make_verdict.checked(0, ("smtp_refused", line))
    titles = [f["title"] for node in nodes(card.content) for f in node.get("facts", [])]
    assert ("Evidence" in titles, "Seen" in titles) == (False, True)
