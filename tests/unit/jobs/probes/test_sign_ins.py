"""Tests of the sign-in log: which rows say something about the token of Webex Connect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jobs.access import mailbox_login
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.engine.step import StepContext
from jobs.model import Evidence, Finding, Signals, Text
from jobs.probes.entra import Sessions
from jobs.probes.sign_ins import SignIns
from jobs.runs.run import Brief
from tests.unit.jobs.probes.trace_rows import OK, SKIPPED, WRONG, ago

USER, OTHER = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
LOG, RENEWALS = "GET /auditLogs/signIns", "GET /beta/auditLogs/signIns"
FACTS = {"client_id": "client-1", "user_id": USER}


def row(
    minutes: float, code: int = 0, user: str = USER, *, interactive: bool = False, **more: Any
) -> dict[str, Any]:
    """Return a row of the log from so many minutes ago."""
    who = {"userId": user, "userPrincipalName": f"{user[:4]}@contoso.com", "appId": "client-1"}
    ids = {"id": f"r{minutes}", "correlationId": f"c{minutes}", "isInteractive": interactive}
    status = {"errorCode": code, "failureReason": "No." if code else ""}
    return who | ids | {"createdDateTime": ago(minutes), "status": status} | more


def person(minutes: float, code: int = 0, user: str = USER, **more: Any) -> dict[str, Any]:
    """Return a row of a person who has signed in interactively."""
    return row(minutes, code, user, interactive=True, **more)


async def look(cloud: Any, ctx: StepContext, *rows: dict[str, Any]) -> Finding:
    """Return the finding for a log that lists these rows oldest first.

    The tests give the rows newest first. Microsoft's log promises no order.
    """
    for path, interactive in ((LOG, True), (RENEWALS, False)):
        cloud.on(path, [each for each in rows[::-1] if each["isInteractive"] is interactive])
    return await SignIns().inspect(ctx)


@pytest.fixture
def ctx(given: Callable[..., StepContext]) -> StepContext:
    """Return the context of a check that has found the app and its user."""
    return given(facts=FACTS)


GRAPH_ID = "00000003-0000-0000-c000-000000000000"
EXCHANGE_ID = "00000002-0000-0FF1-CE00-000000000000"
ANOTHER, ENDED = "wrong_mailbox_user", "refresh_token_expired"


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ((row(5), row(65)), ""),
        ((row(5, 700082), row(65)), ENDED),
        ((person(3), row(5, 700082)), ""),
        ((row(5, 700082), person(65)), ENDED),
        ((row(5, 90033), row(65)), ""),
        ((row(5, 9999999), row(65)), "sign_in_failed"),
        ((row(5, 700082, OTHER), row(65)), ""),
        ((person(3, 0, OTHER, resourceDisplayName="Microsoft Graph"), row(65)), ""),
        ((person(3, 0, OTHER, resourceId=GRAPH_ID), row(65)), ""),
        ((person(3, 0, OTHER, resourceDisplayName="Office 365 Exchange Online"), row(65)), ANOTHER),
        ((person(3, 0, OTHER, resourceId=EXCHANGE_ID), row(65)), ANOTHER),
        ((row(5, 700082, resourceDisplayName="Microsoft Graph"), row(65)), ENDED),
        ((person(5, 53003, OTHER), person(65)), ""),
        ((person(5, 50058), person(65)), ""),
        ((person(5, 65004), person(65)), ""),
        ((person(5, 50199),), None),
        ((person(5, 90094), row(30)), ""),
        ((person(5, 90094), person(300)), "admin_consent_required"),
        ((person(5, 50011), row(30)), ""),
        ((person(5, 70011), row(30)), "scope_wrong"),
        ((row(3), person(5, 70011)), ""),
        ((row(5, user=OTHER), person(6, user=OTHER), row(30)), ANOTHER),
        ((person(5, user=OTHER), person(300)), ANOTHER),
        ((person(5, user=OTHER), row(30)), ANOTHER),
        ((row(3), person(5, user=OTHER), row(30)), ""),
        ((row(5, 50173, OTHER), row(65, user=OTHER)), "session_revoked"),
        ((person(4 * 24 * 60),), ""),
        ((row(5), person(5, 70011, id="same second")), "scope_wrong"),
        ((row(5), person(5, user=OTHER, id="same second")), ANOTHER),
        ((), None),
    ],
)
async def test_which_rows_tell(cloud, ctx, rows, cause):
    """A refused renewal means that the token has ended.

    Abandoned sign-ins and busy services prove nothing. No row that tells something skips the probe.
    """
    found = await look(cloud, ctx, *rows)
    state = {None: SKIPPED, "": OK}.get(cause, WRONG)
    assert (found.state, found.cause) == (state, cause or "")


async def test_for_a_shared_mailbox_a_delegate_signs_in(cloud, given):
    """For a shared mailbox the rows of every user count, and no user is the wrong one."""
    ctx = given(facts=FACTS | {"shared": "yes"})
    assert (await look(cloud, ctx, row(5, user=OTHER))).state is OK
    found = await look(cloud, ctx, row(5, 50057, OTHER), row(65, user=OTHER))
    assert found.cause == "account_disabled"


async def test_a_failure_says_since_when_and_from_when_a_success_counts(cloud, ctx):
    """A failure dates from its kind's first after a success; only a later success disproves it.

    The finding shows the code and the correlation id.
    """
    found = await look(cloud, ctx, row(5, 700082), row(65, 700082), row(125))
    times = (found.signals.since, found.signals.harmless_after)
    ages = [(now() - at).total_seconds() / 60 for at in times]
    assert ages == [pytest.approx(65, abs=2), pytest.approx(5, abs=2)]
    assert not found.signals.token_lives
    said = Evidence("entra", "AADSTS700082: No."), Evidence("correlation-id", "c5")
    assert found.evidence == said
    nothing_before = await look(cloud, ctx, row(5, 700082))
    assert nothing_before.signals == Signals(harmless_after=nothing_before.signals.harmless_after)
    in_person = await look(cloud, ctx, person(5, 90094), person(300))
    assert in_person.signals.token_lives


POLICIES = [
    {"id": "p1", "displayName": "Block legacy", "result": "failure"},
    {"id": "p2", "displayName": "MFA", "result": "success"},
    {"id": "p3", "displayName": None, "result": "failure"},
    {"id": "p4", "displayName": "Later", "result": "reportOnlyFailure"},
]


@pytest.mark.parametrize(
    ("applied", "told"),
    [
        (POLICIES, ("Block legacy, p3",)),
        *((each, ()) for each in (POLICIES[1:2], [], None, "hidden", ["hidden", None])),
    ],
)
async def test_which_policy_refused_is_told(cloud, ctx, applied, told):
    """The evidence names the refusing policy as the log does (platforms/microsoft.md 5)."""
    found = await look(cloud, ctx, row(5, 53003, appliedConditionalAccessPolicies=applied), row(65))
    first, *named, last = found.evidence
    assert (first.kind, last.kind) == ("entra", "correlation-id")
    assert named == [Evidence("conditional-access", each) for each in told]


async def test_the_bots_own_renewals_are_left_out(cloud: Any, ctx: StepContext, redis: Any):
    """The bot's own renewals neither hide a failure nor count as one.

    They are found by the request's id or the row's id, or by the second if the log has neither.
    """
    made = [
        "entra POST /t/oauth2/v2.0/token 200 request-id=R2 client-request-id=C1",
        "graph POST /x 200 request-id=r65",
    ]
    mailbox_login.record_sign_in(redis, "support@contoso.com", made)
    own = [row(1), row(2, correlationId="x"), row(0, id="", correlationId="")]
    assert (await look(cloud, ctx, *own, row(5, 700082), row(65))).cause == ENDED
    assert (await look(cloud, ctx, row(1, 7000215), row(5))).state is OK
    nameless = row(1, 700082, id="", correlationId="")
    assert (await look(cloud, ctx, nameless, row(65))).state is WRONG
    assert redis.ttl("channel:support@contoso.com:own-sign-ins") > 7 * 24 * 3600


@pytest.mark.parametrize(
    ("status", "rows", "cause"),
    [
        (200, (row(0), row(5, 7000215), row(65)), "client_secret_wrong"),
        (401, (row(0, 7000215), row(5)), ""),
        (200, (row(0, 7000215), row(5)), "client_secret_wrong"),
        (400, (row(0), row(5, 7000215)), ""),
        (200, (row(1, 700082), row(65)), "refresh_token_expired"),
        (400, (person(0, 70011), row(5)), "scope_wrong"),
        (200, (row(0), row(0, id="r2"), row(0, 7000215, id="x"), row(5)), "client_secret_wrong"),
    ],
)
async def test_a_log_with_numbers_of_its_own(cloud, ctx, redis, status, rows, cause):
    """Without the bot's ids, a renewal of the same second and result counts as the bot's."""
    made = f"entra POST /t/oauth2/v2.0/token {status} request-id=R2 client-request-id=C2"
    mailbox_login.record_sign_in(redis, "support@contoso.com", [made])
    assert (await look(cloud, ctx, *rows)).cause == cause


async def test_a_log_that_has_the_ids_of_some_sign_ins(cloud, ctx, redis, monkeypatch):
    """A sign-in of the bot whose id is not in the log is found by its time."""
    made = "entra POST /t/oauth2/v2.0/token 401 request-id={} client-request-id=C1"
    with monkeypatch.context() as earlier:
        earlier.setattr(mailbox_login, "now", lambda: now() - timedelta(minutes=15))
        mailbox_login.record_sign_in(redis, "support@contoso.com", [made.format("R1")])
    mailbox_login.record_sign_in(redis, "support@contoso.com", [made.format("R2")])
    rows = row(0, 7000215, id="theirs"), row(15, 7000215, id="r1"), row(40)
    assert (await look(cloud, ctx, *rows)).state is OK


async def test_what_beta_lists_nobody_made_in_person(cloud: Any, ctx: StepContext):
    """A renewal without a second factor is a failure, even if its row does not name its kind."""
    unnamed = {"isInteractive": None}
    cloud.on(LOG, []).on(RENEWALS, [row(5, 50076) | unnamed, row(65) | unnamed])
    assert (await SignIns().inspect(ctx)).cause == "mfa_needed"


def typed(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row in the form of Graph beta, with the kind of its sign-in."""
    kind = "interactiveUser" if row["isInteractive"] else "nonInteractiveUser"
    return row | {"signInEventTypes": [kind]}


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ((), ""),
        ((row(300), person(400)), ""),
        ((row(300, 50173), person(400)), "session_revoked"),
        ((row(300), person(5, 7000222)), "client_secret_expired"),
    ],
)
async def test_of_many_channels_both_lists_are_one_request(cloud, ctx, rows, cause):
    """For many channels one request to Graph beta reads both kinds of sign-ins."""
    one_by_one = await look(cloud, ctx, *rows)
    cloud.on(RENEWALS, [typed(each) for each in rows])
    cloud.asked.clear()
    ctx.many = True
    together = await SignIns().inspect(ctx)
    assert [what for what, _ in cloud.asked] == [RENEWALS]
    assert (together.state, together.cause) == (one_by_one.state, cause)


@pytest.mark.parametrize(
    "answer",
    [
        [row(300)],
        [typed(row(minutes)) for minutes in range(300, 800)],
        (403, {"error": {"code": "Authentication_RequestFromUnsupportedUserRole"}}),
    ],
)
async def test_of_many_channels_each_list_is_read_if_one_request_says_less(cloud, ctx, answer):
    """Both lists are read if the single request to Graph beta says too little.

    A row may lack its kind, renewals may fill every page, and beta may refuse the request.
    """
    cloud.on(LOG, [person(3, 50173)]).on(RENEWALS, answer)
    ctx.many = True
    assert (await SignIns().inspect(ctx)).cause == "session_revoked"
    assert [what for what, _ in cloud.asked] == [RENEWALS, LOG, RENEWALS]


@pytest.mark.parametrize("status", [403, 503])
async def test_without_beta_the_interactive_ones_tell(cloud: Any, ctx: StepContext, status: int):
    """If a cloud does not serve Graph beta, the interactive sign-ins alone decide."""
    cloud.on(LOG, [person(5, 50173), person(65)]).refuse(RENEWALS, status)
    assert (await SignIns().inspect(ctx)).cause == "session_revoked"


async def test_a_log_that_is_not_there(cloud: Any, ctx: StepContext):
    """A missing sign-in log skips the probe: it needs a license, and some clouds do not have it."""
    cloud.refuse(LOG, 404)
    found = await SignIns().inspect(ctx)
    assert (found.state, found.seen) == (SKIPPED, Text("skipped.sign_in_log"))


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        *((each, "") for each in ({"errorCode": 0}, {"errorCode": "0"}, {}, None, "success")),
        ({"errorCode": 50173, "failureReason": "revoked"}, "session_revoked"),
        ({"errorCode": "50173"}, "session_revoked"),
    ],
)
async def test_a_sign_in_in_any_shape(cloud: Any, ctx: StepContext, status: object, cause: str):
    """A row is read even if its code is a text or if parts of it are missing."""
    dated = {"createdDateTime": "2026-11-25T08:00:00Z", "status": status}
    cloud.on(LOG, [dated, {"createdDateTime": "yesterday"}])
    found = await SignIns().inspect(ctx)
    assert (found.state, found.cause) == (WRONG if cause else OK, cause)


async def test_a_new_sign_in_heals_a_revocation(cloud: Any, given: Callable[..., StepContext]):
    """A sign-in after a revocation gives a new token, even without a press of the bot's button."""
    user = {"id": USER, "signInSessionsValidFromDateTime": ago(60)}
    cloud.on(f"GET /users/{USER}", user)
    ctx = given(facts=FACTS, brief=Brief(token_at=now() - timedelta(days=9)))
    revoked = await Sessions().inspect(ctx)
    assert (revoked.state, revoked.cause) == (WRONG, "session_revoked")
    steps = {"sessions": Sessions(), "sign_ins": SignIns()}
    for minutes, causes in ((30, ()), (90, ("sessions",))):
        cloud.on(LOG, [person(minutes)])
        signed_in = await SignIns().inspect(ctx)
        verdict = judge(steps, {"sessions": revoked, "sign_ins": signed_in})  # type: ignore[arg-type]
        assert verdict.causes == causes
