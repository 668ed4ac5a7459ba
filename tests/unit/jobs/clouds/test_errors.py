"""Causes of errors of the clouds, their texts, and the words that an error carries."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from jobs.causes.meaning import ErrorKind
from jobs.causes.patterns import patterns
from jobs.clouds.errors import (
    CloudError,
    CloudReply,
    NotFound,
    NotReplicatedYet,
    Rejected,
    RequestIds,
    error_for,
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
    """A secret that a service echoes in an error reaches neither a card nor Redis."""
    words = 'Failed: {"secretText": "abc8Q~0123456789made-up-0123456789abcdef", "keyId": "k"}'
    error = Rejected("request_rejected", CloudReply("graph", 500, message=words))
    assert "Q~" not in error.message + error.words
    assert "keyId" in error.message


def test_a_code_that_begins_the_words_is_told_once():
    """A code that the message already begins with, as Entra writes it, is shown once."""
    words = "AADSTS700016: Application with identifier 'x' was not found."
    said = CloudReply("entra", 400, "AADSTS700016", words)
    assert Rejected("app_not_found", said).evidence() == (Evidence("entra", f"400 {said.message}"),)


def test_a_message_is_cut():
    """A long message is cut to 600 characters, so a page of HTML does not get into a card."""
    assert len(Rejected("request_rejected", CloudReply("graph", message="x" * 5000)).message) == 600


@pytest.mark.parametrize(
    ("cause", "settles"),
    [("not_found", True), ("client_secret_wrong", True), ("redirect_uri_mismatch", False)],
)
def test_what_a_write_of_ours_can_cause_settles(cause: str, settles: bool):
    """A 404 may be due to replication after a write, but a wrong redirect URI never is."""
    assert CloudError(cause, CloudReply("entra")).can_be_replication is settles


def test_each_kind_has_its_class():
    """An error has the class that belongs to the kind of its cause."""
    made = {
        kind: type(error_for(meaning, CloudReply("entra"))).kind
        for kind in ErrorKind
        for meaning in patterns().codes["entra"].values()
        if meaning.kind is kind
    }
    assert made == {kind: kind for kind in made}
    waits = patterns().codes["entra"][650051]
    assert isinstance(error_for(waits, CloudReply("entra")), NotReplicatedYet)
