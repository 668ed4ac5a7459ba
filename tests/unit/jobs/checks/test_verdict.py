"""Verdict of a check, on small graphs of facts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.checks.verdict import judge, mail_flows
from jobs.clock import parse
from jobs.model import NO_SIGNALS, Finding, Profile, Signals, State, Station
from jobs.probes import checks_for
from tests.unit.jobs.checks.verdict_graphs import fact, graph, wrong

STEPS = graph(
    fact("policy", Station.FORWARD, explains=("blocked",)),
    fact("auth", explains=("auth_off",)),
    fact("copies", Station.FORWARD, caused_by=("policy",)),
    fact("login", caused_by=("auth",)),
)


def test_symptom_is_explained():
    """A wrong finding that another one brings about is a symptom of it, and no cause."""
    found = {
        "policy": wrong("policy", "blocked"),
        "copies": wrong("copies", "blocked"),
        "auth": Finding("auth", State.OK),
    }
    verdict = judge(STEPS, found)
    assert (verdict.causes, verdict.symptoms, verdict.stops) == (
        ("policy",),
        {"copies": "policy"},
        Station.FORWARD,
    )


def test_other_code_is_a_cause_of_its_own():
    """A finding with a code that another finding cannot cause is a cause of its own."""
    verdict = judge(
        STEPS, {"auth": wrong("auth", "auth_off"), "login": wrong("login", "mfa_needed")}
    )
    assert verdict.causes == ("auth", "login")


def test_first_that_stops_mail_comes_first():
    """All independent causes are named, and the cause earliest on the mail's way comes first."""
    found = {"auth": wrong("auth", "auth_off"), "policy": wrong("policy", "blocked")}
    assert judge(STEPS, found).causes == ("policy", "auth")


def test_not_certain_before_all_was_seen():
    """A failure is no cause until every finding that could explain it has been looked at."""
    assert judge(STEPS, {"copies": wrong("copies", "blocked")}, done=False).causes == ()
    seen = {"copies": wrong("copies", "blocked"), "policy": Finding("policy", State.OK)}
    assert judge(STEPS, seen, done=False).causes == ("copies",)


def test_one_cause_seen_twice_is_one():
    """Two findings with the same cause name it once."""
    steps = graph(fact("a"), fact("b"))
    assert judge(steps, {"a": wrong("a", "same"), "b": wrong("b", "same")}).causes == ("a",)


def test_what_went_well_since_is_history():
    """A failure is left out if a later success shows that it is over."""
    steps = graph(fact("answers"), fact("log", superseded_by=("answers",)))
    found = {
        "log": wrong("log", "x", since=parse("2026-01-01T10:00:00+00:00")),
        "answers": Finding(
            "answers", State.OK, signals=Signals(at=parse("2026-01-01T11:00:00+00:00"))
        ),
    }
    assert (judge(steps, found).causes, judge(steps, found).warnings) == ((), ())


def test_not_essential_only_warns():
    """A fact that the mail flow does not need is only a warning, never a cause."""
    steps = graph(fact("extra", stops_mail=False))
    verdict = judge(steps, {"extra": wrong("extra", "x")})
    assert (verdict.causes, verdict.warnings) == ((), ("extra",))


def test_skipped_and_unknown_are_not_passed():
    """Facts that could not be read are listed apart, and a possible cause stays possible."""
    steps = graph(fact("a"), fact("b"), fact("c"))
    found = {
        "a": Finding("a", State.SKIPPED),
        "b": Finding("b", State.UNKNOWN),
        "c": Finding("c", State.POSSIBLE),
    }
    verdict = judge(steps, found)
    assert (verdict.skipped, verdict.possible, verdict.causes) == (("a", "b"), ("c",), ())


OUTSIDE = graph(
    fact("health", Station.MAILBOX, explains=("busy",)),
    fact("defaults"),
    fact("login", caused_by=("health", "defaults")),
)
MAYBE = Finding(
    "health",
    State.POSSIBLE,
    cause="incident",
    signals=Signals(since=parse("2026-01-01T10:00:00+00:00")),
)


def test_an_incident_is_the_cause_where_it_explains_something():
    """A possible incident becomes the cause of a failure that it explains, and its start counts.

    The explained finding is then a symptom.
    """
    verdict = judge(OUTSIDE, {"health": MAYBE, "login": wrong("login", "busy")})
    assert (verdict.causes, verdict.symptoms, verdict.possible, verdict.stops) == (
        ("health",),
        {"login": "health"},
        (),
        Station.ANSWER,
    )
    assert str(verdict.since) == "2026-01-01 10:00:00+00:00"


def test_an_incident_alone_is_no_cause():
    """An incident stays possible if nothing is wrong or if something else is."""
    assert (
        judge(OUTSIDE, {"health": MAYBE}).causes,
        judge(OUTSIDE, {"health": MAYBE}).possible,
    ) == ((), ("health",))
    verdict = judge(OUTSIDE, {"health": MAYBE, "login": wrong("login", "secret_gone")})
    assert (verdict.causes, verdict.possible) == (("login",), ("health",))


def test_what_explains_nothing_by_name_is_never_promoted():
    """A policy that may match is no cause of a failure whose code it does not name."""
    verdict = judge(
        OUTSIDE,
        {
            "defaults": Finding("defaults", State.POSSIBLE, cause="x"),
            "login": wrong("login", "busy"),
        },
    )
    assert (verdict.causes, verdict.possible) == (("login",), ("defaults",))


def test_what_shows_by_its_own_name_is_proven_by_that_name_alone():
    """A possible fact is the cause only of a failure with its own code.

    For example, a possibly blocked account causes a sign-in that says so, and nothing else.
    """
    steps = graph(
        fact("user", Station.MAILBOX, explains=("disabled", "refused")),
        fact("login", caused_by=("user",)),
    )
    maybe = Finding("user", State.POSSIBLE, cause="disabled")
    said = judge(steps, {"user": maybe, "login": wrong("login", "disabled")})
    other = judge(steps, {"user": maybe, "login": wrong("login", "refused")})
    assert (said.causes, said.symptoms, said.stops) == (
        ("user",),
        {"login": "user"},
        Station.ANSWER,
    )
    assert (other.causes, other.possible) == (("login",), ("user",))


def at(hour: float, state: State = State.OK) -> Finding:
    """Return a finding of mail that was answered at that hour."""
    return Finding(
        "answers",
        state,
        signals=Signals(at=parse(f"2026-01-01T{int(hour):02}:{int(hour % 1 * 60):02}:00+00:00")),
    )


LASTS = graph(
    fact("answers", grace=timedelta(minutes=90)),
    fact("probe"),
    fact("log", superseded_by=("answers", "probe")),
    fact("policy", disproved_by=("answers", "probe"), explains=("blocked",)),
    fact("login", caused_by=("policy",), state_if_disproved=State.SKIPPED),
)
DEAD = wrong("log", "x", since=parse("2026-01-01T10:00:00+00:00"))


@pytest.mark.parametrize(
    ("later", "causes"),
    [
        (at(11), ("log",)),
        (at(11.75), ()),
        (at(11.75, State.WARNING), ("log",)),
        (Finding("probe", State.OK), ()),
        (Finding("probe", State.OK, signals=Signals(at=parse("2026-01-01T10:01:00+00:00"))), ()),
        (
            Finding("probe", State.OK, signals=Signals(at=parse("2026-01-01T09:59:00+00:00"))),
            ("log",),
        ),
    ],
)
def test_a_token_outlives_its_sign_in(later: Finding, causes: tuple[str, ...]):
    """An answer clears a dead sign-in only if no older access token can have sent it.

    A finding that makes a new attempt clears it at once.
    """
    assert judge(LASTS, {"log": DEAD, later.step: later}).causes == causes


def test_a_persons_own_attempt_leaves_the_token_alone():
    """After a failed Generate Token, an answer proves at once that the old token still works."""
    failed = wrong("log", "x", since=parse("2026-01-01T10:00:00+00:00"), token_lives=True)
    assert judge(LASTS, {"log": failed, "answers": at(10.1)}).causes == ()


def test_nothing_is_certain_before_its_healer_was_seen():
    """A failure is no cause until every finding that could show it to be over has been seen."""
    found = {"log": DEAD, "answers": at(9)}
    assert (judge(LASTS, found, done=False).causes, judge(LASTS, found).causes) == ((), ("log",))
    assert judge(LASTS, found | {"probe": Finding("probe", State.WARNING)}, done=False).causes == (
        "log",
    )


@pytest.mark.parametrize(
    ("signals", "found", "state"),
    [
        (NO_SIGNALS, Finding("probe", State.OK), State.OK),
        (NO_SIGNALS, Finding("probe", State.WARNING), State.POSSIBLE),
        (NO_SIGNALS, at(12), State.POSSIBLE),
        (Signals(harmless_after=parse("2026-01-01T10:00:00")), at(12), State.OK),
        (Signals(harmless_after=parse("2026-01-01T10:00:00")), at(11), State.POSSIBLE),
        (Signals(disproved_by=()), Finding("probe", State.OK), State.POSSIBLE),
        (Signals(disproved_by=("log",)), Finding("log", State.OK), State.OK),
    ],
)
def test_what_may_be_the_cause_is_tried(signals: Signals, found: Finding, state: State):
    """A possible cause is dropped if a later success disproves it.

    A finding may name the findings that disprove it.
    """
    verdict = judge(
        LASTS,
        {
            "policy": Finding("policy", State.POSSIBLE, cause="blocked", signals=signals),
            found.step: found,
        },
    )
    assert (verdict.weighed["policy"].state, verdict.possible) == (
        state,
        ("policy",) if state is State.POSSIBLE else (),
    )


def test_what_was_disproved_may_count_as_left_out():
    """A possible cause that was disproved may count as skipped.

    For example, the bot's own login proves nothing if the bot's own secret is the problem.
    """
    own = Finding("login", State.POSSIBLE, cause="own", signals=Signals(disproved_by=("probe",)))
    assert judge(LASTS, {"login": own, "probe": Finding("probe", State.OK)}).skipped == ("login",)


def test_what_is_possible_is_no_second_cause():
    """A possible finding with the same code as a certain one is its symptom.

    A policy that a login names is the cause, and the login is its symptom.
    """
    verdict = judge(LASTS, {"login": Finding("login", State.POSSIBLE, cause="x"), "log": DEAD})
    assert (verdict.causes, verdict.symptoms, verdict.possible) == (("log",), {"login": "log"}, ())
    named = judge(
        LASTS,
        {
            "policy": Finding("policy", State.POSSIBLE, cause="blocked"),
            "login": wrong("login", "blocked"),
        },
    )
    assert (named.causes, named.symptoms, named.possible) == (("policy",), {"login": "policy"}, ())


def test_since_is_that_of_the_first_cause():
    """A verdict's start is that of its first cause, or of a symptom of it if the cause has no time.

    The start of another cause does not count.
    """
    early, late = parse("2026-01-01T08:00:00+00:00"), parse("2026-01-01T09:00:00+00:00")
    found = {
        "policy": wrong("policy", "blocked"),
        "copies": wrong("copies", "blocked", since=late),
        "auth": wrong("auth", "x", since=early),
    }
    assert str(judge(STEPS, found).since) == "2026-01-01 09:00:00+00:00"


@pytest.mark.parametrize(
    ("found", "both"),
    [
        ((Finding("copies", State.OK), Finding("answers", State.OK)), True),
        ((Finding("copies", State.SKIPPED), Finding("answers", State.OK)), False),
        ((Finding("answers", State.OK),), False),
        (
            (
                Finding("copies", State.OK),
                Finding(
                    "answers", State.OK, signals=Signals(unanswered=parse("2026-01-01T10:00:00"))
                ),
            ),
            False,
        ),
    ],
)
def test_both_ways_takes_both_ends(found: tuple[Finding, ...], both: bool):
    """Mail flow both ways needs both ends.

    An answer proves nothing about the copies, and a mail that waits too long proves nothing about
    the answers.
    """
    assert mail_flows({each.step: each for each in found}) is both


@pytest.mark.parametrize(
    ("cause", "said", "causes"),
    [
        ("app_not_found", "client_secret_wrong", ("application",)),
        ("redirect_uri_mismatch", "client_secret_wrong", ("sign_ins", "application")),
        ("redirect_uri_mismatch", "redirect_uri_mismatch", ("application",)),
    ],
)
def test_an_app_explains_what_its_own_fault_brings_about(
    cause: str, said: str, causes: tuple[str, ...]
):
    """An app explains only failures that its own fault can cause.

    A deleted app refuses everybody, and a missing redirect URI refuses no client secret.
    """
    assert (
        judge(
            checks_for(Profile.ARTICLE),
            {"application": wrong("application", cause), "sign_ins": wrong("sign_ins", said)},
        ).causes
        == causes
    )
