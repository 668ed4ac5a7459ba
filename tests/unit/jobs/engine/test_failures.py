"""The finding that a step gets from an error of a cloud."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.texts import render, text
from jobs.clock import now
from jobs.clouds import errors
from jobs.engine import findings
from jobs.engine.findings import AGAIN_S, LONGEST_PAUSE_S, finding_from_error, may_be_replication
from jobs.model import Account, Finding, State, Text, Turn, verbatim
from jobs.runs.run import Event, Kind
from jobs.steps.connect_form import ConnectIds
from jobs.steps.forwarding import Forwarding, OutboundPolicy
from tests.fixtures import copies

SAID = ("graph", 503, "ServiceUnavailable", "Try later")


@pytest.mark.parametrize(("said", "key"), [("text/html", "web_page"), ("NUL", "unreadable")])
def test_an_unreadable_answer_is_told_in_words(given, said, key):
    """The finding names the service and what it did; our own words for it are only evidence."""
    found = finding_from_error(ConnectIds(), errors.unreadable("graph", said), given().run)
    assert render(found.seen) == text(f"seen.{key}", service="Graph")


@pytest.mark.parametrize("kind", [errors.Transient, errors.MalformedAnswer])
@pytest.mark.parametrize("waits", [0, 3, len(AGAIN_S) - 1])
def test_what_may_pass_is_tried_again(given, kind, waits):
    """A step whose error may pass by itself is tried again, after longer and longer pauses.

    It is not tried before that, even if the run goes on with another step. Without a connection it
    is tried until there is one.
    """
    run = given(waits={"ids": waits}).run
    found = finding_from_error(ConnectIds(), kind("service_unavailable", *SAID), run)
    told = found.state, found.waiting_for, found.cause, found.seen
    assert told == (State.UNKNOWN, Turn.TIME, "service_unavailable", verbatim("Try later"))
    assert abs((found.until - now()).total_seconds() - AGAIN_S[waits]) < 1
    run = copies.replace(run, findings={"ids": found}, waits={"ids": len(AGAIN_S)})
    assert not findings.is_ready(run, {}, lambda _: False, {}, ConnectIds())
    unconnected = finding_from_error(ConnectIds(), kind("host_name_unknown", *SAID), run)
    assert unconnected.waiting_for is Turn.TIME


@pytest.mark.parametrize(
    ("asked", "pause"), [(None, 30), (7.0, 30), (90.0, 90), (99_999_999.0, LONGEST_PAUSE_S)]
)
def test_retry_after_is_the_least_that_is_waited(given, asked, pause):
    """A cloud that asks for a longer pause than our own gets it, up to an hour."""
    error = errors.Transient("throttled", *SAID, retry_after=asked)
    found = finding_from_error(ConnectIds(), error, given(waits={"ids": 2}).run)
    assert abs((found.until - now()).total_seconds() - pause) < 1


@pytest.mark.parametrize(
    ("error", "waits", "turn"),
    [
        (errors.Transient("throttled", *SAID), len(AGAIN_S), Turn.ADMINISTRATOR),
        (errors.unreadable("graph", "text/html"), len(AGAIN_S), Turn.OPERATOR),
        (errors.Forbidden("not_allowed", *SAID), 0, Turn.ADMINISTRATOR),
        (errors.Rejected("x", *SAID), 0, Turn.ADMINISTRATOR),
    ],
)
def test_everything_else_is_a_persons_turn(given, error, waits, turn):
    """An error that cannot pass by itself is the administrator's turn.

    An error that persists after seven tries is the administrator's turn as well. If a proxy
    answers, it is the turn of the bot's operator.
    """
    found = finding_from_error(ConnectIds(), error, given(waits={"ids": waits}).run)
    assert (found.state, found.waiting_for, found.until) == (State.UNKNOWN, turn, None)


@pytest.mark.parametrize(
    ("said", "words"), [({"code": "C"}, verbatim("C")), ({}, Text("cause.not_found"))]
)
def test_an_error_without_words_is_told_by_its_code(given, said, words):
    """An error without a message shows the cloud's code, or else our own text for its cause."""
    error = errors.NotFound("not_found", "graph", **said)
    assert finding_from_error(ConnectIds(), error, given().run).seen == words


BEGUN = Event(Kind.CHANGING, now(), step="application", finding=Finding("application", State.WRONG))
NOT_READY = errors.NotReplicatedYet("directory_settling", "graph", 400)
NOT_THERE = errors.NotFound("not_found", "graph", 404)
AT_EXCHANGE = errors.NotFound("not_found", "exchange", 404)


@pytest.mark.parametrize(
    ("error", "ago", "settling"),
    [
        (NOT_THERE, {"application": 10}, True),
        (NOT_THERE, {"application": 121}, False),
        (NOT_THERE, {}, False),
        (NOT_THERE, {"application": -3600}, False),
        (errors.Rejected("client_secret_wrong", "entra", 401), {"application": 119}, True),
        (NOT_READY, {"application": 121}, True),
        (NOT_READY, {"application": 299}, True),
        (NOT_READY, {"application": 301}, False),
        (errors.Rejected("redirect_uri_mismatch", *SAID), {"application": 10}, False),
        (AT_EXCHANGE, {"application": 10}, False),
        (AT_EXCHANGE, {"outbound_policy": 299, "forwarding": 0}, True),
        (AT_EXCHANGE, {"outbound_policy": 301, "forwarding": 0}, False),
        (AT_EXCHANGE, {}, False),
        (errors.Rejected("request_rejected", "exchange", 400), {"outbound_policy": 10}, False),
    ],
)
def test_what_a_write_of_ours_explains(given, error, ago, settling):
    """An error right after our write counts as replication delay only if the cloud replicates.

    It counts for two minutes (checklist J7), or for five if the directory itself says that it is
    settling, and for a new policy that Exchange does not find. A mailbox that Exchange does not
    find is really missing. A write in the future was noted before the clock was set back.
    """
    changed = {name: now() - timedelta(seconds=seconds) for name, seconds in ago.items()}
    run = given(changed=changed).run
    assert may_be_replication(error, run, OutboundPolicy()) is settling
    anywhere = settling and error.service != "exchange"
    assert may_be_replication(error, run, Forwarding()) is anywhere
    assert may_be_replication(error, run) is anywhere


@pytest.mark.parametrize(("tries", "settling"), [((310, 200, 1), False), ((290, 200, 1), True)])
def test_trying_again_does_not_open_the_window_again(given, tries, settling):
    """The five minutes of a possible replication delay begin with the first try of a change.

    Further tries do not prolong them.
    """
    times = [now() - timedelta(seconds=ago) for ago in tries]
    events = tuple(replace(BEGUN, at=at) for at in times)
    assert may_be_replication(NOT_READY, given(events=events).run) is settling


@pytest.mark.parametrize(("left_s", "due"), [(-1, True), (60, False), (3500, False), (4000, True)])
def test_no_wait_outlasts_a_clock_that_is_set_back(left_s, due):
    """A time beyond the longest pause was noted before the clock was set back, and is over."""
    assert (
        findings.is_due(Finding("token", State.WAITING, until=now() + timedelta(seconds=left_s)))
        is due
    )


LETS_IN = [
    errors.SignInNeeded("exchange_consent_missing", "exchange", 401),
    errors.Forbidden("exchange_role_missing", "exchange", 403),
    errors.Forbidden("directory_role_missing", "graph", 403),
    errors.Forbidden("not_allowed", "graph", 403),
]


@pytest.mark.parametrize("error", LETS_IN)
@pytest.mark.parametrize(
    ("signed_in", "changed", "settling"),
    [(119, None, True), (121, None, False), (300, 119, True), (300, 121, False)],
)
def test_what_a_sign_in_or_a_change_of_a_moment_ago_explains(
    given, error, signed_in, changed, settling
):
    """A missing role or consent may be a replication delay, for two minutes.

    The two minutes begin with a sign-in or with a change of the run.
    """
    account = Account("tenant-1", "oid-1", "admin@contoso.com")
    events = (Event(Kind.SIGNED_IN, now() - timedelta(seconds=signed_in), account=account),)
    made = {"smtp_grant": now() - timedelta(seconds=changed)} if changed else {}
    assert may_be_replication(error, given(events=events, changed=made).run) is settling


def test_a_change_that_was_refused_is_no_reason_for_its_refusal(given):
    """A change that was only begun has changed nothing, so it does not explain a missing role."""
    assert may_be_replication(LETS_IN[2], given(events=(replace(BEGUN, at=now()),)).run) is False
