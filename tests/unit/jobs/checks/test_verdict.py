"""Verdict of a check, on small graphs of facts: lost mail, and warnings."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.checks.verdict import judge, mail_flows
from jobs.engine.engine import Engine, planned_changes
from jobs.model import NO_SIGNALS, Finding, Profile, Reason, Signals, State, Station, Text
from jobs.probes import checks_for
from jobs.runtime import no_listener
from jobs.steps.application import ImplicitGrant
from jobs.steps.forwarding import Forwarding
from tests.unit.jobs.checks.verdict_graphs import fact, graph, ok, possible, time, wrong

STEPS = graph(
    fact("policy", Station.FORWARD, explains=("blocked",)),
    fact("auth", explains=("auth_off",)),
    fact("copies", Station.FORWARD, caused_by=("policy",)),
    fact("login", caused_by=("auth",)),
    fact("answers"),
    fact("log", superseded_by=("answers",)),
)
BLOCKED, AUTH_OFF = wrong("policy", "blocked"), wrong("auth", "auth_off")
COPIES = wrong("copies", "blocked")
LATE, EARLY = time(9), time(8)
UNCLEAR = (State.SKIPPED, State.UNKNOWN, State.POSSIBLE)


JUDGED = {
    "a wrong finding that another one brings about is its symptom, and no cause": (
        (BLOCKED, COPIES, ok("auth")),
        {"causes": ("policy",), "symptoms": {"copies": "policy"}, "stops": Station.FORWARD},
    ),
    "a code that another finding cannot cause is a cause of its own": (
        (AUTH_OFF, wrong("login", "mfa_needed")),
        {"causes": ("auth", "login")},
    ),
    "the cause earliest on the mail's way comes first": (
        (AUTH_OFF, BLOCKED),
        {"causes": ("policy", "auth")},
    ),
    "a cause that passes by itself comes last, wherever it stops mail": (
        (AUTH_OFF, wrong("policy", "forwarding_settling")),
        {"causes": ("auth", "policy"), "stops": Station.FORWARD},
    ),
    "one cause seen twice is one, at its first place": (
        (wrong("policy", "same"), AUTH_OFF, wrong("copies", "same"), wrong("login", "same")),
        {"causes": ("policy", "auth")},
    ),
    "a failure is left out if a later success shows that it is over": (
        (wrong("log", "x", since=time(10)), ok("answers", at=time(11))),
        {"causes": (), "warnings": ()},
    ),
    "what only warns is no cause": (
        (Finding("log", State.WARNING, cause="x"),),
        {"causes": (), "warnings": ("log",)},
    ),
    "what could not be read is listed apart, and a possible cause stays possible": (
        tuple(map(Finding, ("auth", "copies", "login"), UNCLEAR)),
        {"skipped": ("auth", "copies"), "possible": ("login",), "causes": ()},
    ),
    "the start is that of the first cause or its symptoms, and of no other cause": (
        (BLOCKED, wrong("copies", "blocked", since=LATE), wrong("auth", "x", since=EARLY)),
        {"since": LATE},
    ),
}


@pytest.mark.parametrize(("found", "expected"), JUDGED.values(), ids=JUDGED)
def test_the_verdict(found, expected):
    verdict = judge(STEPS, {each.step: each for each in found})
    assert {name: getattr(verdict, name) for name in expected} == expected


OUTSIDE = graph(
    fact("health", Station.MAILBOX, explains=("busy",)),
    fact("defaults"),
    fact("user", Station.MAILBOX, explains=("disabled", "refused")),
    fact("login", caused_by=("health", "defaults", "user")),
)
MAYBE = possible("health", "incident", since=time(10))


POSSIBLE_CAUSES = {
    "an incident is the cause of a failure that it explains, and its start counts": (
        (MAYBE, wrong("login", "busy")),
        (("health",), {"login": "health"}, (), Station.ANSWER, time(10)),
    ),
    "an incident alone stays possible": ((MAYBE,), ((), {}, ("health",), None, None)),
    "so does an incident if something else is wrong": (
        (MAYBE, wrong("login", "secret_gone")),
        (("login",), {}, ("health",), Station.ANSWER, None),
    ),
    "a policy that may match is no cause of a failure whose code it does not name": (
        (possible("defaults", "x"), wrong("login", "busy")),
        (("login",), {}, ("defaults",), Station.ANSWER, None),
    ),
    "a possibly blocked account causes a sign-in that says so": (
        (possible("user", "disabled"), wrong("login", "disabled")),
        (("user",), {"login": "user"}, (), Station.ANSWER, None),
    ),
}


@pytest.mark.parametrize(("found", "expected"), POSSIBLE_CAUSES.values(), ids=POSSIBLE_CAUSES)
def test_when_what_is_possible_is_the_cause(found, expected):
    told = judge(OUTSIDE, {each.step: each for each in found})
    assert (told.causes, told.symptoms, told.possible, told.stops, told.since) == expected


LASTS = graph(
    fact("answers", grace=timedelta(minutes=90)),
    fact("probe"),
    fact("log", superseded_by=("answers", "probe")),
    fact("policy", disproved_by=("answers", "probe"), explains=("blocked",)),
    fact("login", caused_by=("policy",), state_if_disproved=State.SKIPPED),
)
DEAD = wrong("log", "x", since=time(10))


@pytest.mark.parametrize(
    ("later", "causes"),
    [
        (ok("answers", at=time(11)), ("log",)),
        (ok("answers", at=time(11, 45)), ()),
        (replace(ok("answers", at=time(11, 45)), state=State.WARNING), ("log",)),
        (ok("probe"), ()),
        (ok("probe", at=time(9, 59)), ("log",)),
    ],
)
def test_a_token_outlives_its_sign_in(later, causes):
    """An answer clears a dead sign-in only if no older access token can have sent it.

    A finding that makes a new attempt clears it at once.
    """
    assert judge(LASTS, {"log": DEAD, later.step: later}).causes == causes


def test_a_persons_own_attempt_leaves_the_token_alone():
    """After a failed Generate Token, an answer proves at once that the old token still works."""
    failed = wrong("log", "x", since=time(10), token_lives=True)
    assert judge(LASTS, {"log": failed, "answers": ok("answers", at=time(10, 6))}).causes == ()


def test_nothing_is_certain_before_all_was_seen():
    """A failure is no cause before all was seen that could explain it or show it to be over."""
    copies = {"copies": COPIES}
    assert judge(STEPS, copies, done=False).causes == ()
    assert judge(STEPS, copies | {"policy": ok("policy")}, done=False).causes == ("copies",)
    found = {"log": DEAD, "answers": ok("answers", at=time(9))}
    assert (judge(LASTS, found, done=False).causes, judge(LASTS, found).causes) == ((), ("log",))
    found |= {"probe": Finding("probe", State.WARNING)}
    assert judge(LASTS, found, done=False).causes == ("log",)


@pytest.mark.parametrize(
    ("signals", "found", "state"),
    [
        (NO_SIGNALS, ok("probe"), State.OK),
        (NO_SIGNALS, Finding("probe", State.WARNING), State.POSSIBLE),
        (NO_SIGNALS, ok("answers", at=time(12)), State.POSSIBLE),
        (Signals(harmless_after=time(10)), ok("answers", at=time(12)), State.OK),
        (Signals(harmless_after=time(10)), ok("answers", at=time(11)), State.POSSIBLE),
        (Signals(disproved_by=()), ok("probe"), State.POSSIBLE),
        (Signals(disproved_by=("log",)), ok("log"), State.OK),
    ],
)
def test_what_may_be_the_cause_is_tried(signals, found, state):
    """A possible cause is dropped if a later success disproves it.

    A finding may name the findings that disprove it.
    """
    policy = replace(possible("policy", "blocked"), signals=signals)
    verdict = judge(LASTS, {"policy": policy, found.step: found})
    assert verdict.weighed["policy"].state is state
    assert verdict.possible == (("policy",) if state is State.POSSIBLE else ())


def test_what_was_disproved_may_count_as_left_out():
    """A possible cause that was disproved may count as skipped.

    For example, the bot's own login proves nothing if the bot's own secret is the problem.
    """
    own = possible("login", "own", disproved_by=("probe",))
    assert judge(LASTS, {"login": own, "probe": ok("probe")}).skipped == ("login",)


def test_what_is_possible_is_no_second_cause():
    """A possible finding with the same code as a certain one is its symptom.

    A policy that a login names is the cause, and the login is its symptom.
    """
    verdict = judge(LASTS, {"login": possible("login", "x"), "log": DEAD})
    assert (verdict.causes, verdict.symptoms, verdict.possible) == (("log",), {"login": "log"}, ())
    policy = possible("policy", "blocked")
    named = judge(LASTS, {"policy": policy, "login": wrong("login", "blocked")})
    assert (named.causes, named.symptoms, named.possible) == (("policy",), {"login": "policy"}, ())


@pytest.mark.parametrize(
    ("found", "both"),
    [
        ((ok("copies"), ok("answers")), True),
        ((Finding("copies", State.SKIPPED), ok("answers")), False),
        ((ok("answers"),), False),
        ((ok("copies"), ok("answers", unanswered=time(10))), False),
        ((ok("copies", unproven=time(10)), ok("answers")), False),
        ((ok("copies"), ok("answers"), ok("arrivals", unproven=time(10))), False),
    ],
)
def test_both_ways_takes_both_ends(found, both):
    """Mail flow both ways needs both ends.

    An answer proves nothing about the copies, and a mail that waits too long, or has not gone on or
    arrived, proves nothing about the rest of its way.
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
def test_an_app_explains_what_its_own_fault_brings_about(cause, said, causes):
    """An app explains only failures that its own fault can cause.

    A deleted app refuses everybody, and a missing redirect URI refuses no client secret.
    """
    found = {"application": wrong("application", cause), "sign_ins": wrong("sign_ins", said)}
    assert judge(checks_for(Profile.ARTICLE), found).causes == causes


LOST = "mail_not_delivered"


ON_THE_WAY = graph(
    fact("rules", Station.FORWARD, explains=("rule_blocks", LOST)),
    fact("policy", Station.FORWARD, explains=("blocked", LOST)),
    fact("account", Station.MAILBOX, explains=("disabled",)),
    fact("copies", Station.FORWARD, caused_by=("rules", "policy", "account")),
)


RULE = Finding("rules", State.POSSIBLE, cause="rule_may_block", signals=Signals(proven=True))


POLICY = Finding("policy", State.POSSIBLE, cause="blocked")


BLOCKED_ACCOUNT = Finding("account", State.POSSIBLE, cause="disabled")


UNREAD = Finding("policy", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)


NO_ROLE = Finding("policy", State.UNKNOWN, cause="exchange_role_missing")


NONE_OF_OURS = Finding("policy", State.SKIPPED, seen=Text("skipped.restricted_sender"))


@pytest.mark.parametrize(
    ("beside", "causes", "code", "symptoms"),
    [
        ((RULE,), ("rules",), "rule_may_block", {"copies": "rules"}),
        ((POLICY, BLOCKED_ACCOUNT), ("policy",), "blocked", {"copies": "policy"}),
        ((RULE, NONE_OF_OURS), ("rules",), "rule_may_block", {"copies": "rules"}),
        ((RULE, POLICY), ("copies",), LOST, {}),
        ((BLOCKED_ACCOUNT,), ("copies",), LOST, {}),
        ((RULE, wrong("policy", "blocked")), ("policy",), "blocked", {"copies": "policy"}),
        ((UNREAD,), ("copies",), "what_stops_mail_not_read", {}),
        ((NO_ROLE, RULE), ("copies",), "what_stops_mail_not_read", {}),
        ((Finding("account", State.UNKNOWN),), ("copies",), LOST, {}),
        ((), ("copies",), LOST, {}),
    ],
)
def test_a_failure_without_a_code(beside, causes, code, symptoms):
    """The only possible cause explains a failure without a code, if the bot could read it.

    Otherwise the verdict says that it could not be read. A verdict always has a first line.
    """
    found = {each.step: each for each in (*beside, wrong("copies", LOST))}
    looked_at = found | {name: Finding(name, State.OK) for name in ON_THE_WAY if name not in found}
    verdict = judge(ON_THE_WAY, looked_at)
    assert (verdict.causes, verdict.symptoms) == (causes, symptoms)
    assert verdict.weighed[causes[0]].cause == code


def test_what_alone_may_explain_a_failure_is_not_known_before_all_was_seen():
    """The only possible explanation of a failure is no cause until everything was looked at.

    Another finding may explain the failure as well, or with certainty.
    """
    found = {"copies": wrong("copies", LOST), "rules": RULE}
    assert judge(ON_THE_WAY, found, done=False).causes == ()


def test_a_failure_with_a_code_is_not_put_down_to_what_is_possible():
    """A possible cause that does not explain a failure's code is not taken as its cause."""
    found = {"copies": wrong("copies", "connect_address_gone"), "rules": RULE, "policy": UNREAD}
    verdict = judge(ON_THE_WAY, found)
    assert (verdict.causes, verdict.possible) == (("copies",), ("rules",))
    assert verdict.weighed["copies"].cause == "connect_address_gone"


AGAIN = "sign_in_allowed_again"
SET_RIGHT = [
    ("outbound_policy", wrong("copies", "forwarding_blocked"), "forwarding_settling"),
    ("service_principal", wrong("sign_ins", "app_disabled"), AGAIN),
    ("mailbox_user", wrong("sign_ins", "account_disabled"), AGAIN),
    ("smtp_grant", wrong("sign_ins", "consent_missing"), AGAIN),
    ("conditional_access", wrong("sign_ins", "blocked_by_conditional_access"), AGAIN),
    ("security_defaults", wrong("sign_ins", "blocked_by_security_defaults"), AGAIN),
]


@pytest.mark.parametrize(("setting", "failed", "told"), SET_RIGHT)
def test_what_is_set_right_by_now_is_told_so(setting, failed, told):
    """A failure of a setting that is right by now is called older or not yet effective.

    A setting that is still wrong is the cause.
    """
    for state, cause in ((State.OK, told), (State.UNKNOWN, failed.cause)):
        found = {setting: Finding(setting, state), failed.step: failed}
        assert judge(checks_for(Profile.ARTICLE), found).weighed[failed.step].cause == cause
    found = {setting: wrong(setting, failed.cause), failed.step: failed}
    assert judge(checks_for(Profile.ARTICLE), found).causes == (setting,)


def test_a_shared_account_may_be_blocked_if_a_delegate_signs_in():
    """The blocked account of a shared mailbox is no possible cause if a known delegate signs in."""
    blocked = {"mailbox_user": possible("mailbox_user", "account_disabled")}
    for delegate, causes in (({}, ("mailbox_user",)), ({"delegate": ok("delegate")}, ())):
        assert judge(checks_for(Profile.ARTICLE), blocked | delegate).possible == causes


COPY_OFF = {
    "ForwardingSmtpAddress": "smtp:x1@mail.webexconnect.io",
    "ForwardingAddress": None,
    "DeliverToMailboxAndForward": False,
}


def checked(ctx, *steps):
    """Return the findings of a check with an administrator's sign-in."""
    asyncio.run(Engine(ctx, {step.name: step for step in steps}, no_listener, lambda: True).check())
    return {step.name: ctx.run.findings[step.name] for step in steps}


def test_a_copy_that_is_not_kept_as_asked_explains_nothing(given, cloud):
    """A wrong setting for keeping copies explains no failure, because mail flows anyway.

    It is a warning, and a failure of the copies stays the cause.
    """
    cloud.on("Get-Mailbox", [COPY_OFF])
    found = checked(given(kind="check"), Forwarding()) | {"copies": wrong("copies", LOST)}
    verdict = judge(checks_for(Profile.ARTICLE), found)
    assert (verdict.causes, verdict.symptoms) == (("copies",), {})
    assert verdict.warnings == ("forwarding",)
    copy = found["forwarding"]
    assert (copy.state, copy.cause) == (State.WARNING, "copy_differs")


def test_a_fix_mends_it_all_the_same(given, cloud):
    """A fix also plans to change a setting that a check only warns about."""
    cloud.on("Get-Mailbox", [COPY_OFF])
    ctx, steps = given(kind="fix"), {"forwarding": Forwarding()}
    asyncio.run(Engine(ctx, steps, no_listener, lambda: True).make_plan())
    assert [change.step for change in planned_changes(steps, ctx)] == ["forwarding"]


def test_what_mail_does_not_need_is_weighed_alike(given):
    """A wrong step that mail does not need is only a warning in a check."""
    assert checked(given(kind="check"), ImplicitGrant())["implicit_grant"].state is State.WARNING
