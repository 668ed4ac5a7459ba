"""Tests of the evidence on a check's card: plain words, with the raw text behind Details."""

from __future__ import annotations

from types import ModuleType

import pytest

from jobs.model import Evidence, State
from tests.unit.adaptive_cards.verdict_rows import Nodes

REPLY = "550 5.7.520 Access denied, Your organization does not allow external forwarding"
DISABLED = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled"
RECEIVED = (
    "2026-11-26T15:37:27Z | Receive | Message received by: PRACTICE01.example | [{ip=192.0.2.1}]"
)
FAILED = f"2026-11-26T15:37:28Z | Fail | Reason: [{{LED={REPLY}. AS(7555)}};{{MSG=}};{{FQDN=x}}]"


def shown(
    make_verdict: ModuleType, nodes: Nodes, *told: Evidence, cause: str = "forwarding_blocked"
):
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
    assert ("4451a062" in known, "4451a062" in " ".join(behind), "4451a062" in unknown) == (
        False,
        True,
        True,
    )


def test_a_reply_that_was_seen_is_not_repeated(make_verdict, nodes):
    """A sentence that is shown under Seen is not repeated under Evidence."""
    told = Evidence("smtp", "535 5.7.3 Authentication unsuccessful [AM0PR.example]")
    line = make_verdict.line(
        "C6", "Login", State.WRONG, seen="535 5.7.3 Authentication unsuccessful", evidence=(told,)
    )
    card = make_verdict.checked(0, ("smtp_refused", line))
    titles = [f["title"] for node in nodes(card.content) for f in node.get("facts", [])]
    assert ("Evidence" in titles, "Seen" in titles) == (False, True)
