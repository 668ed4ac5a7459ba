"""Causes of errors of the clouds, their texts, and the words that an error carries."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from jobs.clouds.errors import (
    CloudError,
    CloudReply,
    NotFound,
    Rejected,
    RequestIds,
)
from jobs.model import Evidence

ROOT = Path(__file__).parents[4]
TEXTS = ROOT / "adaptive_cards" / "texts" / "en" / "causes.toml"


@pytest.mark.parametrize("kind", ["cause", "remedy"])
def test_the_texts_keep_the_wording_rules(kind: str):
    """Texts are full sentences without exclamation marks, braces or apologies, and fit a card."""
    texts = tomllib.loads(TEXTS.read_text(encoding="utf-8"))[kind]
    longest = {"cause": 130, "remedy": 200}[kind]
    wrong = [
        name
        for name, text in texts.items()
        if re.search(r"[!{}]|\bsorry\b|\bplease\b", text, re.IGNORECASE)
        or len(text) > longest
        or not (text[0].isupper() and text[-1] in ".d")
    ]
    assert wrong == []


def test_an_error_carries_evidence_and_reads_well():
    """An error carries its words first and then the ids that support asks for.

    Control characters cannot forge a log line.
    """
    ids = RequestIds(request_id="r-1", client_request_id="c-1")
    said = CloudReply("graph", 404, "Request_ResourceNotFound", "not\r\nhere", ids)
    error = NotFound("not_found", said)
    assert error.evidence() == (
        Evidence("graph", "404 Request_ResourceNotFound not here"),
        Evidence("request-id", "r-1"),
        Evidence("client-request-id", "c-1"),
    )
    assert (
        str(error)
        == "graph 404 Request_ResourceNotFound: not_found: not here: request-id=r-1 client-request-id=c-1"
    )


def test_a_message_holds_no_secret():
    """A secret that a service echoes in an error reaches neither a card nor Redis.

    A long message is cut, so a page of HTML does not get into a card. A code that the message
    already begins with, as Entra writes it, is shown once.
    """
    words = 'Failed: {"secretText": "abc8Q~0123456789made-up-0123456789abcdef", "keyId": "k"}'
    error = Rejected("request_rejected", CloudReply("graph", 500, message=words))
    assert "Q~" not in error.message + error.words
    assert "keyId" in error.message
    assert len(Rejected("request_rejected", CloudReply("graph", message="x" * 5000)).message) == 600
    said = CloudReply("entra", 400, "AADSTS700016", "AADSTS700016: Application was not found.")
    assert Rejected("app_not_found", said).evidence() == (Evidence("entra", f"400 {said.message}"),)


@pytest.mark.parametrize(
    ("cause", "settles"),
    [
        ("not_found", True),
        ("client_secret_wrong", True),
        ("exchange_role_missing", True),
        ("redirect_uri_mismatch", False),
    ],
)
def test_what_a_write_of_ours_can_cause_settles(cause: str, settles: bool):
    """A 404 may be due to replication after a write, but a wrong redirect URI never is."""
    assert CloudError(cause, CloudReply("entra")).can_be_replication is settles
