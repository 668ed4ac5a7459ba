"""Tests of Entra's policies and sign-in log, revoked sessions and superfluous permissions."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.access import mailbox_login
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.model import Channel, Evidence, Finding, Profile, Signals, State, Text
from jobs.probes import all_probes
from jobs.probes.sign_ins import Sessions, SignIns, touches
from jobs.runs.run import Brief
from jobs.steps import all_steps
from tests.fixtures.parsed import table
from tests.unit.jobs.channel.test_in_use import connected
from tests.unit.jobs.probes.trace_rows import OK, POSSIBLE, SKIPPED, WRONG, ago, look

DATA = Path(__file__).parents[3] / "data"
USER, OTHER = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
LOG, RENEWALS = "GET /auditLogs/signIns", "GET /beta/auditLogs/signIns"
FACTS = {"client_id": "client-1", "user_id": USER}


def row(minutes: float, code: int = 0, user: str = USER, *, interactive: bool = False, **more):
    """Return a row of the log from so many minutes ago."""
    who = {"userId": user, "userPrincipalName": f"{user[:4]}@contoso.com", "appId": "client-1"}
    ids = {"id": f"r{minutes}", "correlationId": f"c{minutes}", "isInteractive": interactive}
    status = {"errorCode": code, "failureReason": "No." if code else ""}
    return who | ids | {"createdDateTime": ago(minutes), "status": status} | more


def person(minutes: float, code: int = 0, user: str = USER, **more):
    """Return a row of a person who has signed in interactively."""
    return row(minutes, code, user, interactive=True, **more)


async def logged(cloud, ctx, *rows) -> Finding:
    """Return the finding for a log that lists these rows oldest first.

    The tests give the rows newest first. Microsoft's log promises no order.
    """
    for path, interactive in ((LOG, True), (RENEWALS, False)):
        cloud.on(path, [each for each in rows[::-1] if each["isInteractive"] is interactive])
    return await SignIns().inspect(ctx)


@pytest.fixture
def ctx(given):
    """Return the context of a check that has found the app and its user."""
    return given(facts=FACTS)


ENDED = "refresh_token_expired"
LOGS = table("sign_in_logs")["logs"]


@pytest.mark.parametrize("log", LOGS)
async def test_which_rows_tell(cloud, ctx, log):
    """A refused renewal means that the token has ended.

    Abandoned sign-ins and busy services prove nothing. No row that tells something skips the probe.
    """
    found = await logged(cloud, ctx, *(row(**each) for each in log["rows"]))
    cause = log.get("cause")
    state = {None: SKIPPED, "": OK}.get(cause, WRONG)
    assert (found.state, found.cause) == (state, cause or "")


async def test_for_a_shared_mailbox_a_delegate_signs_in(cloud, given):
    """For a shared mailbox the rows of every user count, and no user is the wrong one."""
    ctx = given(facts=FACTS | {"shared": "yes"})
    good = [await logged(cloud, ctx, row(5, user=each)) for each in (OTHER, USER)]
    assert [(each.state, each.facts) for each in good] == [(OK, {}), (OK, {"of_mailbox": "yes"})]
    found = await logged(cloud, ctx, row(5, 50057, OTHER), row(65, user=OTHER))
    assert found.cause == "account_disabled"


async def test_another_channel_of_the_app_says_nothing_of_this_one(cloud, given, store):
    """Two channels may share an app: the other one's user is no wrong one, and hides no failure."""
    connected(
        given, store, Channel("sales@contoso.com"), "CLIENT-1", upn=f"{OTHER[:4]}@Contoso.com"
    )
    ctx = given(facts=FACTS | {"upn": f"{USER[:4]}@contoso.com"})
    theirs = row(5, user=OTHER)
    assert (await logged(cloud, ctx, theirs, row(10))).state is OK
    assert (await logged(cloud, ctx, theirs, row(10, 700082), row(70))).cause == ENDED
    assert (await logged(cloud, ctx, row(5, user="somebody"), row(10))).state is WRONG


async def test_a_failure_says_since_when_and_from_when_a_success_counts(cloud, ctx):
    """A failure dates from its kind's first after a success; only a later success disproves it.

    The finding shows the code and the correlation id.
    """
    found = await logged(cloud, ctx, row(5, 700082), row(65, 700082), row(125))
    times = (found.signals.since, found.signals.harmless_after)
    ages = [(now() - at).total_seconds() / 60 for at in times]
    assert ages == [pytest.approx(65, abs=2), pytest.approx(5, abs=2)]
    assert not found.signals.token_lives
    said = Evidence("entra", "AADSTS700082: No."), Evidence("correlation-id", "c5")
    assert found.evidence == said
    nothing_before = await logged(cloud, ctx, row(5, 700082))
    assert nothing_before.signals == Signals(harmless_after=nothing_before.signals.harmless_after)
    in_person = await logged(cloud, ctx, person(5, 90094), person(300))
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
    refused = row(5, 53003, appliedConditionalAccessPolicies=applied)
    found = await logged(cloud, ctx, refused, row(65))
    first, *named, last = found.evidence
    assert (first.kind, last.kind) == ("entra", "correlation-id")
    assert named == [Evidence("conditional-access", each) for each in told]


async def test_the_bots_own_renewals_are_left_out(cloud, ctx, redis):
    """The bot's own renewals neither hide a failure nor count as one.

    They are found by the request's id or the row's id, or by the second if the log has neither.
    """
    made = [
        "entra POST /t/oauth2/v2.0/token 200 request-id=R2 client-request-id=C1",
        "graph POST /x 200 request-id=r65",
    ]
    mailbox_login.note_sign_in(redis, "support@contoso.com", made)
    own = [row(1), row(2, correlationId="x"), row(0, id="", correlationId="")]
    assert (await logged(cloud, ctx, *own, row(5, 700082), row(65))).cause == ENDED
    assert (await logged(cloud, ctx, row(1, 7000215), row(5))).state is OK
    nameless = row(1, 700082, id="", correlationId="")
    assert (await logged(cloud, ctx, nameless, row(65))).state is WRONG
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
    mailbox_login.note_sign_in(redis, "support@contoso.com", [made])
    assert (await logged(cloud, ctx, *rows)).cause == cause


async def test_a_log_that_has_the_ids_of_some_sign_ins(cloud, ctx, redis, monkeypatch):
    """A sign-in of the bot whose id is not in the log is found by its time."""
    made = "entra POST /t/oauth2/v2.0/token 401 request-id={} client-request-id=C1"
    with monkeypatch.context() as earlier:
        earlier.setattr(mailbox_login, "now", lambda: now() - timedelta(minutes=15))
        mailbox_login.note_sign_in(redis, "support@contoso.com", [made.format("R1")])
    mailbox_login.note_sign_in(redis, "support@contoso.com", [made.format("R2")])
    rows = row(0, 7000215, id="theirs"), row(15, 7000215, id="r1"), row(40)
    assert (await logged(cloud, ctx, *rows)).state is OK


async def test_what_beta_lists_nobody_made_in_person(cloud, ctx):
    """A renewal without a second factor is a failure, even if its row does not name its kind."""
    unnamed = {"isInteractive": None}
    cloud.on(LOG, []).on(RENEWALS, [row(5, 50076) | unnamed, row(65) | unnamed])
    assert (await SignIns().inspect(ctx)).cause == "mfa_needed"


def typed(row):
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
    one_by_one = await logged(cloud, ctx, *rows)
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
async def test_without_beta_the_interactive_ones_tell(cloud, ctx, status):
    """If a cloud does not serve Graph beta, the interactive sign-ins alone decide."""
    cloud.on(LOG, [person(5, 50173), person(65)]).refuse(RENEWALS, status)
    assert (await SignIns().inspect(ctx)).cause == "session_revoked"


async def test_a_log_that_is_not_there(cloud, ctx):
    """A missing sign-in log skips the probe: it needs a license, and some clouds do not have it."""
    cloud.refuse(LOG, 404)
    found = await SignIns().inspect(ctx)
    assert (found.state, found.seen) == (SKIPPED, Text("skipped.sign_in_log"))


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        *((each, "") for each in ({"errorCode": 0}, {"errorCode": "0"})),
        *((each, None) for each in ({}, None, "success", {"errorCode": None})),
        ({"errorCode": 50173, "failureReason": "revoked"}, "session_revoked"),
        ({"errorCode": "50173"}, "session_revoked"),
    ],
)
async def test_a_sign_in_in_any_shape(cloud, ctx, status, cause):
    """A code may be a text, and parts may be missing. A row without a code is no success."""
    dated = {"createdDateTime": "2026-11-25T08:00:00Z", "status": status}
    cloud.on(LOG, [dated, {"createdDateTime": "yesterday"}])
    found = await SignIns().inspect(ctx)
    assert (found.state, found.cause) == ({None: SKIPPED, "": OK}.get(cause, WRONG), cause or "")


@pytest.mark.parametrize(
    ("rows", "answered", "causes"),
    [
        ([person(200)], 400, {"answers"}),
        ([person(400)], 400, {"answers", "sessions"}),
        ([person(200, user=OTHER)], 400, {"answers", "sessions", "sign_ins"}),
        ([row(5, 7000222), person(200)], 400, {"answers", "sign_ins"}),
        ([row(5, 7000222), person(200, user=OTHER)], 400, {"answers", "sessions", "sign_ins"}),
        ([row(5, 7000222), person(400)], 200, {"answers", "sign_ins"}),
        ([], 200, {"answers"}),
        ([], 250, {"answers", "sessions"}),
    ],
)
async def test_a_success_since_a_revocation_heals_it(cloud, given, rows, answered, causes):
    """A sign-in after a revocation gives a new token, even without a press of the bot's button.

    An answer shows one if it left when the old access token had expired. A failure of another kind
    since then does not bring the revocation back. Another user's sign-in heals nothing.
    """
    cloud.on(f"GET /users/{USER}", {"id": USER, "signInSessionsValidFromDateTime": ago(300)})
    ctx = given(facts=FACTS, brief=Brief(token_at=now() - timedelta(days=9)))
    revoked = await Sessions().inspect(ctx)
    assert (revoked.state, revoked.cause) == (WRONG, "session_revoked")
    signals = Signals(at=now() - timedelta(minutes=answered))
    left = Finding("answers", WRONG, cause="smtp_auth_off_for_mailbox", signals=signals)
    found = {"sessions": revoked, "sign_ins": await logged(cloud, ctx, *rows), "answers": left}
    assert {*judge(all_probes(), found).causes} == causes


EXCHANGE = {"includeApplications": [EXCHANGE_APP_ID]}
CONDITIONS = {"users": {"includeUsers": ["All"]}, "applications": EXCHANGE}
BLOCK = {"builtInControls": ["block"]}
BLOCKS = {"state": "enabled", "conditions": CONDITIONS, "grantControls": BLOCK}
KNOWN = json.loads((DATA / "policies.json").read_text("utf-8"))
"""Changes of the blocking policy, after which it touches the login, and after which it does not."""


@pytest.mark.parametrize(
    ("change", "touched"),
    [(each, kind == "touching") for kind, some in KNOWN.items() for each in some],
)
def test_which_policies_touch_the_login(change, touched):
    """A policy affects the login only if its conditions match an OAuth login of this user.

    OAuth is not a legacy client, and the case of ids does not matter. A demand to sign in again
    after some time counts as well.
    """
    policy = BLOCKS | change | {"conditions": CONDITIONS | change.get("conditions", {})}
    assert touches(policy, USER.upper()) is touches(policy, USER) is touched
    assert not touches({}, USER)


@pytest.mark.parametrize(
    ("valid_from", "made", "state", "cause"),
    [
        ("2026-11-20T10:00:00", "2026-11-20T10:00:00Z", OK, ""),
        ("2026-11-24T10:00:00.0000000Z", None, WRONG, "session_revoked"),
        ("2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", WRONG, "account_made_again"),
        ("0001-01-01T00:00:00+01:00", None, SKIPPED, ""),
        (None, None, SKIPPED, ""),
    ],
)
async def test_a_moment_with_or_without_its_zone(cloud, given, valid_from, made, state, cause):
    """A time without a time zone is in UTC. A time outside of the calendar counts as missing.

    An account that is newer than the token has another cause than revoked sign-ins.
    """
    user = {"id": USER, "signInSessionsValidFromDateTime": valid_from, "createdDateTime": made}
    cloud.on("GET /users/support@contoso.com", user)
    brief = Brief(token_at=datetime(2026, 11, 22, tzinfo=UTC))
    found = await Sessions().inspect(given(brief=brief))
    assert (found.state, found.cause) == (state, cause)


@pytest.mark.parametrize("shared", ["yes", "unknown"])
async def test_the_sessions_of_a_shared_mailbox_s_own_account_say_nothing(given, cloud, shared):
    """For a shared mailbox the sessions of its own account are not read.

    Another user got the token.
    """
    found = await Sessions().inspect(given(facts={"user_id": USER, "shared": shared}))
    assert (found.state, found.seen) == (SKIPPED, Text("skipped.delegate_unknown"))
    assert cloud.asked == []


@pytest.mark.parametrize(("known", "asked"), [(USER, 1), ("another", 2)])
async def test_of_many_channels_the_user_of_the_mailbox_is_not_read_twice(
    given, cloud, known, asked
):
    """A user who was already read by the mailbox's address is not read again by id.

    If the address belongs to another user, the id is read.
    """
    cloud.on("GET /users/support@contoso.com", {"id": USER}).on("GET /users/another", {"id": known})
    ctx = given(facts={"user_id": known})
    ctx.many = True
    await Sessions().inspect(ctx)
    assert len(cloud.asked) == asked
    assert cloud.asked[-1][0].endswith("support@contoso.com" if known == USER else "another")


CREATED = {"createdDateTime": "2026-01-01T00:00:00Z", "displayName": "P"}
CHANGED = BLOCKS | CREATED | {"modifiedDateTime": "2026-11-25T08:00:00Z"}
PLACES = CHANGED | {"conditions": CONDITIONS | {"locations": {"includeLocations": ["All"]}}}
LOGGED_IN = Finding("smtp_login", OK)


def answered(at: datetime, **more) -> Finding:
    return Finding("answers", OK, signals=Signals(at=at, **more))


def at(hour: int) -> Finding:
    """Return the finding of an answer that was sent at that hour of the policy's change."""
    return answered(datetime(2026, 11, 25, hour, tzinfo=UTC))


def left(minutes: float, **more) -> Finding:
    """Return the finding of an answer that was sent so many minutes ago."""
    return answered(now() - timedelta(minutes=minutes), **more)


def signed(cause: str) -> Finding:
    """Return the finding of a sign-in that failed for this cause."""
    return Finding("sign_ins", WRONG, cause=cause)


def refused(cause: str) -> Finding:
    """Return the finding of a login to the mailbox that was refused for this cause."""
    return Finding("smtp_login", WRONG, cause=cause)


RULES, DEFAULTS, POLICY = "conditional_access", "security_defaults", "authentication_policy"
OFF = "smtp_auth_off_for_mailbox"


@pytest.mark.parametrize(
    ("name", "policy", "other", "possible", "causes"),
    [
        (RULES, CHANGED, lambda: LOGGED_IN, False, ()),
        (RULES, CHANGED, lambda: at(10), False, ()),
        (RULES, CHANGED, lambda: at(9), True, ()),
        (RULES, BLOCKS, lambda: at(10), True, ()),
        (RULES, PLACES, lambda: LOGGED_IN, True, ()),
        (RULES, PLACES, lambda: at(10), False, ()),
        (RULES, CHANGED, lambda: signed("blocked_by_conditional_access"), False, (RULES,)),
        (RULES, CHANGED, lambda: signed("client_secret_expired"), True, ("sign_ins",)),
        (DEFAULTS, None, lambda: LOGGED_IN, False, ()),
        (DEFAULTS, None, lambda: refused("blocked_by_security_defaults"), False, (DEFAULTS,)),
        (DEFAULTS, None, lambda: signed("blocked_by_security_defaults"), False, (DEFAULTS,)),
        (DEFAULTS, None, lambda: refused(OFF), True, ("smtp_login",)),
        (POLICY, None, lambda: LOGGED_IN, False, ()),
        (POLICY, None, lambda: left(20), False, ()),
        (POLICY, None, lambda: left(20, unanswered=now()), True, ()),
        (POLICY, None, lambda: left(90), True, ()),
        (POLICY, None, lambda: Finding("smtp_login", SKIPPED), True, ()),
        (POLICY, None, lambda: refused("smtp_login_blocked"), False, (POLICY,)),
        (POLICY, None, lambda: refused(OFF), True, ("smtp_login",)),
    ],
)
async def test_what_tries_a_policy(cloud, given, name, policy, other, possible, causes):
    """A successful login, or an answer after the last change of a policy, clears the policy.

    A sign-in or a login that the policy blocked makes it the cause. Microsoft's documents do not
    say whether security defaults or an authentication policy stop this login, so it decides.
    """
    cloud.on("GET /identity/conditionalAccess/policies", [policy])
    cloud.on("GET /policies/identitySecurityDefaultsEnforcementPolicy", {"isEnabled": True})
    cloud.on("Get-User", [{"AuthenticationPolicy": "Strict"}]).on("Get-OrganizationConfig", [{}])
    cloud.on("Get-AuthenticationPolicy", [{"Name": "Strict", "AllowBasicAuthSmtp": False}])
    steps = {**all_probes(), **all_steps()}
    found = await steps[name].inspect(given(facts={"user_id": USER}))
    verdict = judge(steps, {name: found, other().step: other()})
    assert (verdict.possible, verdict.causes) == ((name,) if possible else (), causes)


@pytest.mark.parametrize(("policies", "asked"), [([], 1), ([{"Name": "Strict"}], 4)])
async def test_of_many_channels_no_user_is_read_without_any_policy(cloud, given, policies, asked):
    """If an organization has no authentication policy, its users are not read.

    With a policy, everything is read.
    """
    cloud.on("Get-AuthenticationPolicy", policies)
    cloud.on("Get-User", [{"AuthenticationPolicy": "Strict"}]).on("Get-OrganizationConfig", [{}])
    ctx = given()
    ctx.many = True
    assert (await all_probes()["authentication_policy"].inspect(ctx)).state is OK
    assert len(cloud.asked) == asked


COLLEAGUE = {"SenderAddress": "other@contoso.com"}
HELD = {"SenderAddress": "Support@Contoso.com", "Reason": "OutboundSpam"}


@pytest.mark.parametrize(
    ("rows", "state", "seen", "evidence"),
    [
        ([COLLEAGUE, HELD], WRONG, "seen.restricted", (Evidence("exchange", "OutboundSpam"),)),
        ([COLLEAGUE], OK, "seen.not_restricted", ()),
        ([], OK, "seen.not_restricted", ()),
        ((403, {}), SKIPPED, "skipped.restricted_sender", ()),
    ],
)
def test_a_sender_that_exchange_holds(cloud, given, rows, state, seen, evidence):
    """A blocked sender counts only if it is the mailbox's address, in any letter case.

    If the bot may not read the blocked senders, the probe is skipped without an alarm.
    """
    cloud.on("Get-BlockedSenderAddress", rows)
    found = look("restricted_sender", given())
    assert (found.state, found.seen, found.evidence) == (state, Text(seen), evidence)


APPLIES = "seen.authentication_policy"
STRICT = [{"Name": "Strict", "AllowBasicAuthSmtp": False}]
OPEN = {"Name": "Open", "AllowBasicAuthSmtp": True}
FORBIDS = Text("seen.authentication_policy_basic", {"name": "Strict"})


@pytest.mark.parametrize(
    ("user", "organization", "policies", "state", "seen"),
    [
        (None, None, [], OK, Text("seen.no_authentication_policy")),
        ("Strict", "Default", STRICT, POSSIBLE, FORBIDS),
        (None, "Strict", STRICT, POSSIBLE, FORBIDS),
        ("Open", "Strict", [*STRICT, OPEN], OK, Text(APPLIES, {"name": "Open"})),
        (None, "Gone", [], OK, Text(APPLIES, {"name": "Gone"})),
    ],
)
def test_which_authentication_policy_applies(
    cloud, given, user, organization, policies, state, seen
):
    """The user's own policy applies before the organization's.

    A policy that forbids passwords only for SMTP may stop this login (platforms/microsoft.md 2.1).
    """
    cloud.on("Get-User", [{"AuthenticationPolicy": user}])
    cloud.on("Get-OrganizationConfig", [{"DefaultAuthenticationPolicy": organization}])
    cloud.on("Get-AuthenticationPolicy", policies)
    found = look("authentication_policy", given())
    assert (found.state, found.seen) == (state, seen)


SP = "aaaaaaaa-0000-4000-8000-0000000000a1"
MAIL_SEND = "bbbbbbbb-0000-4000-8000-0000000000b2"
FULL_ID, NOTHING = "dc890d15-9560-4a4c-9b7f-a736ec74ec40", "00000000-0000-0000-0000-000000000000"
NAME = "Office 365 Exchange Online"
FULL = {"appRoleId": FULL_ID, "resourceDisplayName": NAME}
FORM = {"scope": "SMTP.Send offline_access openid profile"}
SENDS = {"appRoleId": MAIL_SEND.upper(), "resourceDisplayName": NAME}
READS = {"scope": "Mail.ReadWrite SMTP.Send"}
LEAST, ARTICLE = Profile.LEAST, Profile.ARTICLE


@pytest.mark.parametrize(
    ("profile", "grants", "roles", "more"),
    [
        (LEAST, [FORM], [], ()),
        (ARTICLE, [FORM, {"scope": " User.Read  EMAIL "}], [SENDS], ()),
        (LEAST, [FORM], [{"appRoleId": NOTHING}], ()),
        (LEAST, [FORM], [SENDS], (f"{NAME} {MAIL_SEND.upper()}",)),
        (ARTICLE, [FORM], [SENDS, FULL], (f"{NAME} {FULL_ID}",)),
        (ARTICLE, [READS, {"scope": None}], [], ("Mail.ReadWrite",)),
        (ARTICLE, [READS], [{"appRoleId": "x"}], ("API x", "Mail.ReadWrite")),
    ],
)
def test_what_is_beyond_need(cloud, given, channel, profile, grants, roles, more):
    """Permissions beyond the profile's needs are named, except those that every new app gets."""
    cloud.on("GET /oauth2PermissionGrants", grants)
    cloud.on(f"GET /servicePrincipals/{SP}/appRoleAssignments", roles)
    facts = {"sp_id": SP, "mail_send": MAIL_SEND}
    ctx = given(channel=replace(channel, profile=profile), facts=facts)
    found = look("surplus", ctx)
    named = Text("seen.surplus", {"names": ", ".join(more), "count": str(len(more))})
    warned = Finding("surplus", State.WARNING, seen=named, expected=Text("expected.surplus"))
    assert found == (warned if more else Finding("surplus", State.OK, seen=Text("seen.no_surplus")))
