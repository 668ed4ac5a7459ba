"""The table of causes against its texts, and codes found in pasted text."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from jobs.clouds.causes import (
    ENTRA,
    ENTRA_WORDS,
    EXCHANGE_PHRASES,
    GRAPH_PHRASES,
    OAUTH,
    REPLICATION_CAUSES,
    SMTP_PHRASES,
    ErrorKind,
)
from jobs.clouds.errors import (
    CloudError,
    CloudReply,
    KnownError,
    NotFound,
    NotReplicatedYet,
    Rejected,
    RequestIds,
    error_for,
    find_causes,
    first_cause,
)
from jobs.model import Evidence

ROOT = Path(__file__).parents[4]
TEXTS = ROOT / "adaptive_cards" / "texts" / "causes.en.toml"
OWN = frozenset(
    {
        "access_token_refused",
        "already_there",
        "answer_unreadable",
        "app_access_not_allowed",
        "app_access_withdrawn",
        "app_roles_missing",
        "connection_lost",
        "consent_cancelled",
        "consent_declined",
        "directory_settling",
        "exchange_answer_cut",
        "exchange_consent_missing",
        "exchange_role_missing",
        "host_not_allowed",
        "id_token_audience",
        "id_token_expired",
        "id_token_invalid",
        "id_token_issuer",
        "id_token_nonce",
        "id_token_signature",
        "not_allowed",
        "not_found",
        "probe_login_refused",
        "request_rejected",
        "service_unavailable",
        "sign_in_missing",
        "smtp_busy",
        "smtp_certificate_invalid",
        "smtp_no_oauth",
        "smtp_no_starttls",
        "smtp_refused",
        "smtp_unreachable",
        "state_mismatch",
        "throttled",
        "timed_out",
        "trace_limit",
        "wrong_tenant",
    }
)
"""Causes that the work with Microsoft states itself, without a code of a cloud behind them."""
CAUSES = OWN.union(
    (meaning.cause for table in (ENTRA, OAUTH) for meaning in table.values()),
    (phrase.meaning.cause for phrase in ENTRA_WORDS.values()),
    (
        phrase.meaning.cause
        for phrases in (GRAPH_PHRASES, EXCHANGE_PHRASES, SMTP_PHRASES)
        for phrase in phrases
    ),
)


def test_every_cause_has_a_sentence_and_a_remedy_and_no_text_is_left_over():
    """The texts and the causes are the same set."""
    texts = tomllib.loads(TEXTS.read_text(encoding="utf-8"))
    assert texts.keys() == {"cause", "remedy"}
    assert texts["cause"].keys() == CAUSES
    assert texts["remedy"].keys() == CAUSES


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


def test_what_settles_is_a_cause():
    """The window after our own writes is for causes that exist."""
    assert REPLICATION_CAUSES <= CAUSES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "AADSTS50011: The redirect URI ... AADSTS50011",
            [KnownError("redirect_uri_mismatch", "AADSTS50011")],
        ),
        (
            "AADSTS900144: The request body must contain the following parameter: 'scope'. Trace ID: a",
            [KnownError("scope_missing", "AADSTS900144")],
        ),
        (
            (
                "AADSTS900144: The request body must contain the following parameter: 'client_id'.\n"
                "AADSTS70011: The provided value for the input parameter 'scope' is not valid."
            ),
            [
                KnownError("form_field_missing", "AADSTS900144"),
                KnownError("scope_wrong", "AADSTS70011"),
            ],
        ),
        ("aadsts7000222 expired", [KnownError("client_secret_expired", "AADSTS7000222")]),
        ("AADSTS99999999", [KnownError("", "AADSTS99999999")]),
        (
            (
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for "
                "the Tenant. Visit https://aka.ms/smtp_auth_disabled"
            ),
            [KnownError("smtp_auth_off_for_tenant", "535 5.7.139")],
        ),
        (
            (
                "535-5.7.139 no, SmtpClientAuthentication\r\n535 5.7.139 is disabled for the Tenant. "
                "Visit smtp_auth_disabled\r\nAADSTS50173"
            ),
            [
                KnownError("smtp_auth_off_for_tenant", "535 5.7.139"),
                KnownError("session_revoked", "AADSTS50173"),
            ],
        ),
        (
            "S: 535-5.7.139 Authentication unsuccessful, the user\nS: 535 credentials were incorrect",
            [KnownError("smtp_password_login", "535 5.7.139")],
        ),
        (
            (
                "250-SIZE 157286400\n250-AUTH LOGIN XOAUTH2\n535-5.7.3 Authentication "
                "unsuccessful\n554 5.2.252 SendAsDenied"
            ),
            [
                KnownError("smtp_token_refused", "535 5.7.3"),
                KnownError("send_as_denied", "554 5.2.252"),
            ],
        ),
        (
            "535 5.7.3 Authentication unsuccessful [SN2PR]",
            [KnownError("smtp_token_refused", "535 5.7.3")],
        ),
        ("5.7.520 Access denied ... AS(7555)", [KnownError("forwarding_blocked", "5.7.520")]),
        (
            "first 554 5.2.252 SendAsDenied; a@x not allowed\nthen AADSTS50173 revoked",
            [
                KnownError("send_as_denied", "554 5.2.252"),
                KnownError("session_revoked", "AADSTS50173"),
            ],
        ),
        (
            "The command you tried to run isn't currently allowed in your organization.",
            [KnownError("customization_needed", "isn't currently allowed in your organization")],
        ),
        ("", []),
        ("Mail is slow today, since 10:30.", []),
    ],
)
def test_codes_are_found_in_pasted_text(text: str, found: list[KnownError]):
    """Whatever a person pastes, each code in it is named once, in order."""
    assert find_causes(text) == found


DEFERRED = "Defer | Reason: [{LED=421 4.4.2 Connection dropped}]"
FULL = "Defer | Reason: [{LED=432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded}]"
BLOCKED = (
    "Fail | Reason: [{LED=550 5.7.520 Access denied, "
    "Your organization does not allow external forwarding. AS(7555)}]"
)
GIVEN_UP = (
    "Fail | Reason: [{LED=550 5.4.300 Message expired -> "
    "421 4.4.2 Connection dropped due to ConnectionReset}]"
)


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((DEFERRED, BLOCKED), "forwarding_blocked"),
        ((FULL, BLOCKED), "forwarding_blocked"),
        ((DEFERRED, GIVEN_UP), ""),
        ((BLOCKED, "Fail | 550 5.1.8 Access denied"), "forwarding_blocked"),
        (("Fail | 550 5.1.10 Recipient not found",), ""),
        ((), ""),
    ],
)
def test_why_a_mail_was_given_up(lines: tuple[str, ...], cause: str):
    """The cause of a mail that was given up is its failure, not an earlier delay."""
    assert first_cause(lines) == cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
            "smtp_too_many_connections",
        ),
        ("432 4.3.2 concurrent connection limit exceeded", "smtp_too_many_connections"),
        ("432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", "smtp_busy"),
        ("451 4.3.2 System not accepting network messages", "smtp_busy"),
    ],
)
def test_whose_connections_are_too_many(text: str, cause: str):
    """Too many connections is a cause only if the sending mailbox's connections are meant.

    The code alone may be any fault of a system.
    """
    assert [found.cause for found in find_causes(text)] == [cause]


def test_an_error_carries_evidence_and_reads_well():
    """An error carries its words first and then the ids that support asks for.

    Control characters cannot forge a log line.
    """
    said = CloudReply(
        "graph",
        404,
        "Request_ResourceNotFound",
        "not\r\nhere",
        RequestIds(request_id="r-1", client_request_id="c-1"),
    )
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
    said = CloudReply(
        "graph",
        500,
        message='Failed: {"secretText": "abc8Q~0123456789made-up-0123456789abcdef", "keyId": "k"}',
    )
    error = Rejected("request_rejected", said)
    assert ("Q~" in error.message, "Q~" in error.words, "keyId" in error.message) == (
        False,
        False,
        True,
    )


def test_a_code_that_begins_the_words_is_told_once():
    """A code that the message already begins with, as Entra writes it, is shown once."""
    said = CloudReply(
        "entra", 400, "AADSTS700016", "AADSTS700016: Application with identifier 'x' was not found."
    )
    assert Rejected("app_not_found", said).evidence() == (Evidence("entra", f"400 {said.message}"),)


def test_a_message_is_cut():
    """A page of somebody's HTML does not get into a card."""
    assert len(Rejected("request_rejected", CloudReply("graph", message="x" * 5000)).message) == 600


@pytest.mark.parametrize(
    ("cause", "settles"),
    [("not_found", True), ("client_secret_wrong", True), ("redirect_uri_mismatch", False)],
)
def test_what_a_write_of_ours_can_cause_settles(cause: str, settles: bool):
    """A 404 may be replication; a wrong redirect URI never is."""
    assert CloudError(cause, CloudReply("entra")).can_be_replication is settles


def test_each_kind_has_its_class():
    """A meaning becomes the class that its kind names."""
    made = {
        kind: type(error_for(meaning, CloudReply("entra"))).kind
        for kind in ErrorKind
        for meaning in ENTRA.values()
        if meaning.kind is kind
    }
    assert made == {kind: kind for kind in made}
    assert isinstance(error_for(ENTRA[650051], CloudReply("entra")), NotReplicatedYet)
