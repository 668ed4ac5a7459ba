"""The verdict, on small graphs of facts."""

from __future__ import annotations

from jobs.model import Finding, State, Station
from jobs.probe import Probe
from jobs.step import Context
from jobs.verdict import judge


def fact(
    name: str, station: Station = Station.ANSWER, because: tuple[str, ...] = (), explains: tuple[str, ...] = (), **more: object
) -> Probe:
    """A fact of that name in the graph."""

    async def inspect(self: Probe, ctx: Context) -> Finding:
        raise NotImplementedError

    members = {
        "name": name,
        "row": name,
        "station": station,
        "because": because,
        "explains": frozenset(explains),
        "inspect": inspect,
        **more,
    }
    return type(name, (Probe,), members)()


def graph(*facts: Probe) -> dict[str, Probe]:
    """The facts by name."""
    return {each.name: each for each in facts}


def wrong(name: str, cause: str = "", **facts: str) -> Finding:
    """A wrong finding."""
    return Finding(name, State.WRONG, cause=cause, facts=facts)


STEPS = graph(
    fact("policy", Station.FORWARD, explains=("blocked",)),
    fact("auth", explains=("auth_off",)),
    fact("copies", Station.FORWARD, because=("policy",)),
    fact("login", because=("auth",)),
)


def test_symptom_is_explained():
    """A wrong finding that another one brings about is a symptom of it, and no cause."""
    found = {"policy": wrong("policy", "blocked"), "copies": wrong("copies", "blocked"), "auth": Finding("auth", State.OK)}
    verdict = judge(STEPS, found)
    assert (verdict.causes, verdict.symptoms, verdict.stops) == (("policy",), {"copies": "policy"}, Station.FORWARD)


def test_other_code_is_a_cause_of_its_own():
    """What an ancestor cannot bring about is not explained by it."""
    verdict = judge(STEPS, {"auth": wrong("auth", "auth_off"), "login": wrong("login", "mfa_needed")})
    assert verdict.causes == ("auth", "login")


def test_first_that_stops_mail_comes_first():
    """Independent causes are all named, the one earliest on the mail's way in front."""
    found = {"auth": wrong("auth", "auth_off"), "policy": wrong("policy", "blocked")}
    assert judge(STEPS, found).causes == ("policy", "auth")


def test_not_certain_before_all_was_seen():
    """A failure is no cause while what could explain it was not looked at."""
    assert judge(STEPS, {"copies": wrong("copies", "blocked")}, done=False).causes == ()
    seen = {"copies": wrong("copies", "blocked"), "policy": Finding("policy", State.OK)}
    assert judge(STEPS, seen, done=False).causes == ("copies",)


def test_one_cause_seen_twice_is_one():
    """Two findings with the same cause name it once."""
    steps = graph(fact("a"), fact("b"))
    assert judge(steps, {"a": wrong("a", "same"), "b": wrong("b", "same")}).causes == ("a",)


def test_what_went_well_since_is_history():
    """A failure from before a success that heals it is left out."""
    steps = graph(fact("answers"), fact("log", healed_by=("answers",)))
    found = {
        "log": wrong("log", "x", since="2026-01-01T10:00:00+00:00"),
        "answers": Finding("answers", State.OK, facts={"at": "2026-01-01T11:00:00+00:00"}),
    }
    assert (judge(steps, found).causes, judge(steps, found).warnings) == ((), ())


def test_not_essential_only_warns():
    """A fact that the mail flow does not need is noticed, never a cause."""
    steps = graph(fact("extra", essential=False))
    verdict = judge(steps, {"extra": wrong("extra", "x")})
    assert (verdict.causes, verdict.warnings) == ((), ("extra",))


def test_skipped_and_unknown_are_not_passed():
    """What could not be looked at is listed, and what only may be the cause is possible."""
    steps = graph(fact("a"), fact("b"), fact("c"))
    found = {"a": Finding("a", State.SKIPPED), "b": Finding("b", State.UNKNOWN), "c": Finding("c", State.POSSIBLE)}
    verdict = judge(steps, found)
    assert (verdict.skipped, verdict.possible, verdict.causes) == (("a", "b"), ("c",), ())


OUTSIDE = graph(
    fact("health", Station.MAILBOX, explains=("busy",)),
    fact("defaults"),
    fact("login", because=("health", "defaults")),
)
MAYBE = Finding("health", State.POSSIBLE, cause="incident", facts={"since": "2026-01-01T10:00:00+00:00"})


def test_an_incident_is_the_cause_where_it_explains_something():
    """What is only possible becomes the cause of what it expressly explains, from its own beginning on, and that is a symptom then."""
    verdict = judge(OUTSIDE, {"health": MAYBE, "login": wrong("login", "busy")})
    assert (verdict.causes, verdict.symptoms, verdict.possible, verdict.stops) == (("health",), {"login": "health"}, (), Station.ANSWER)
    assert str(verdict.since) == "2026-01-01 10:00:00+00:00"


def test_an_incident_alone_is_no_cause():
    """Where nothing is wrong, or something else, it stays possible."""
    assert (judge(OUTSIDE, {"health": MAYBE}).causes, judge(OUTSIDE, {"health": MAYBE}).possible) == ((), ("health",))
    verdict = judge(OUTSIDE, {"health": MAYBE, "login": wrong("login", "secret_gone")})
    assert (verdict.causes, verdict.possible) == (("login",), ("health",))


def test_what_explains_nothing_by_name_is_never_promoted():
    """A policy that may match is no cause of a failure whose code it does not name."""
    verdict = judge(OUTSIDE, {"defaults": Finding("defaults", State.POSSIBLE, cause="x"), "login": wrong("login", "busy")})
    assert (verdict.causes, verdict.possible) == (("login",), ("defaults",))


def test_what_shows_by_its_own_name_is_proven_by_that_name_alone():
    """A blocked account that is only possible is the cause of a sign-in that says so, and of nothing else that such a step may explain."""
    steps = graph(fact("user", Station.MAILBOX, explains=("disabled", "refused")), fact("login", because=("user",)))
    maybe = Finding("user", State.POSSIBLE, cause="disabled")
    said = judge(steps, {"user": maybe, "login": wrong("login", "disabled")})
    other = judge(steps, {"user": maybe, "login": wrong("login", "refused")})
    assert (said.causes, said.symptoms, said.stops) == (("user",), {"login": "user"}, Station.ANSWER)
    assert (other.causes, other.possible) == (("login",), ("user",))
