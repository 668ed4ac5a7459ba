"""Bulk check, access that each part of a check uses, and texts of parts that cannot be read."""

import asyncio
import time
from dataclasses import replace

import pytest

from bot.web.oauth import FLOWS
from jobs.access import app_access
from jobs.access.app_access import AppAccess
from jobs.checks import bulk, check
from jobs.checks.bulk import BulkCheck, CheckBuffer
from jobs.clock import now
from jobs.clouds.errors import CloudReply, Forbidden, SignInNeeded, Transient
from jobs.engine.engine import Engine
from jobs.engine.step import Diagnosis, Probe
from jobs.model import Access, Channel, Evidence, Finding, Reason, RunKind, State, Text, verbatim
from jobs.runs.channel_index import Record
from jobs.runs.run import Brief, Event, Kind, LeaseLostError, Origin
from jobs.runtime import no_listener
from jobs.steps.mailbox_and_smtp_auth import MailboxUser

NOT_AT_GRAPH = Forbidden("not_allowed", CloudReply("graph", 403, "Forbidden"))
NO_ROLE = Forbidden("exchange_role_missing", CloudReply("exchange", 403))
NO_GRANT = SignInNeeded("exchange_consent_missing", CloudReply("exchange", 401))
WITHDRAWN = Forbidden("app_access_withdrawn", CloudReply("entra"))
READS = ("Policy.Read.All", "Sites.Read.All")
USER = {
    "id": "u1",
    "userPrincipalName": "support@contoso.com",
    "assignedPlans": [{"service": "exchange", "capabilityStatus": "Enabled"}],
}


class Look(Probe):
    """Probe with the result that a test sets."""

    article_row = "X"

    def __init__(
        self,
        name: str,
        error: Exception | None = None,
        access: Access = Access.ADMIN,
        reads: tuple[str, ...] = (),
    ) -> None:
        self.name, self.reads, self.diagnosis = name, reads, Diagnosis(access=access)
        self.error = error

    async def inspect(self, ctx) -> Finding:
        """Raise the error, or return that all is well."""
        if self.error is not None:
            raise self.error
        return self.ok()


def looked(
    ctx, allowed: set[Access], *steps: Look
) -> dict[str, tuple[State, Reason | None, Access | None]]:
    """Return what a check finds, by step."""
    asyncio.run(
        Engine(ctx, {step.name: step for step in steps}, no_listener, lambda: True).check(allowed)
    )
    return {
        step.name: (f.state, f.reason, f.access)
        for step in steps
        for f in [ctx.run.findings[step.name]]
    }


@pytest.mark.parametrize(
    ("allowed", "seen"),
    [
        ({Access.NONE}, [Access.NONE, None, None]),
        ({Access.NONE, Access.APP}, [Access.NONE, Access.APP, None]),
        ({Access.NONE, Access.ADMIN}, [Access.NONE, Access.ADMIN, Access.ADMIN]),
    ],
)
def test_every_finding_says_with_what_it_was_seen(given, allowed, seen):
    """Every finding says whether it came without access, from the bot or from a sign-in.

    A probe for which the bot has no permission is left to a sign-in.
    """
    policy, sites = (Look(name, reads=(what,)) for name, what in zip("bc", READS, strict=True))
    found = looked(given(), allowed, Look("a", access=Access.NONE), policy, sites).values()
    assert [access for _, _, access in found] == seen
    assert all((access is None) is (why is Reason.NEEDS_SIGN_IN) for _, why, access in found)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NOT_AT_GRAPH, Reason.NOT_BY_ITSELF),
        (NO_ROLE, Reason.NOT_AT_EXCHANGE),
        (NO_GRANT, Reason.NOT_AT_EXCHANGE),
        (WITHDRAWN, Reason.NEEDS_SIGN_IN),
    ],
)
def test_a_refusal_is_no_finding(given, error, words):
    """If the bot's own access is refused, the finding is skipped with the reason.

    It is neither wrong nor unknown.
    """
    found = looked(given(), {Access.NONE, Access.APP}, Look("a", error))
    assert found["a"][:2] == (State.SKIPPED, words)


@pytest.mark.parametrize("odd", [KeyError("appId"), TypeError("no"), OverflowError()])
def test_an_answer_that_cannot_be_read_stops_nothing_else(given, odd):
    """An answer that cannot be read makes its finding unknown, with the reason.

    The other findings are still looked at.
    """
    ctx = given()
    found = looked(ctx, {Access.NONE}, Look("a", odd, Access.NONE), Look("b", access=Access.NONE))
    assert [state for state, *_ in found.values()] == [State.UNKNOWN, State.OK]
    assert ctx.run.findings["a"].cause == "answer_unreadable"
    assert ctx.run.findings["a"].evidence == (Evidence("answer", type(odd).__name__),)


def test_a_refusal_of_a_person_is_told_as_it_is(given):
    """A finding is unknown if a signed-in person is refused, or if the cloud is down."""
    away, ctx = Transient("service_unavailable", CloudReply("graph", 503)), given()
    assert looked(ctx, {Access.NONE, Access.ADMIN}, Look("a", NO_ROLE))["a"][0] is State.UNKNOWN
    assert looked(ctx, {Access.NONE, Access.APP}, Look("b", away))["b"][0] is State.UNKNOWN


NO_LIST = "an answer without a list of objects"
KNOWN = {"user_id": "u1", "upn": "support@contoso.com"}
MAY_BE_SHARED = KNOWN | {"shared": "unknown"}


@pytest.mark.parametrize(
    ("access", "answer", "state", "seen", "cause"),
    [
        (Access.APP, (403, None), State.SKIPPED, Reason.NOT_AT_EXCHANGE.text(), ""),
        (Access.ADMIN, (403, None), State.UNKNOWN, Text(f"cause.{NO_ROLE.cause}"), NO_ROLE.cause),
        (Access.ADMIN, (200, "a page"), State.UNKNOWN, verbatim(NO_LIST), "answer_unreadable"),
    ],
)
async def test_a_mailbox_that_exchange_does_not_show(
    given, cloud, access, answer, state, seen, cause
):
    """If Exchange cannot show a mailbox, a check still reports the directory's half and continues.

    This holds for the bot itself, for a person without a role, and if Exchange is down.
    """
    cloud.on("GET /users/support@contoso.com", USER).on("Get-Mailbox", answer)
    found = await MailboxUser().inspect(replace(given(kind="check"), access=access))
    assert (found.state, found.seen, found.cause, found.facts) == (state, seen, cause, KNOWN)


async def test_a_setup_needs_exchange(given, cloud):
    """A setup needs Exchange and reports its error as it is, because it will make changes there."""
    cloud.on("GET /users/support@contoso.com", USER).on("Get-Mailbox", (403, None))
    with pytest.raises(Forbidden):
        await MailboxUser().inspect(given())


@pytest.mark.parametrize(
    ("user", "state", "cause"),
    [
        ({"accountEnabled": False}, State.POSSIBLE, "account_disabled"),
        ({"assignedPlans": []}, State.SKIPPED, ""),
    ],
)
async def test_an_account_like_a_shared_mailbox_s(given, cloud, user, state, cause):
    """An account that is blocked or unlicensed may be a shared mailbox, so nothing is certain.

    In this case Exchange does not say of what kind the mailbox is.
    """
    cloud.on("GET /users/support@contoso.com", USER | user).on("Get-Mailbox", (403, None))
    found = await MailboxUser().inspect(replace(given(kind="check"), access=Access.APP))
    assert (found.state, found.cause, found.facts) == (state, cause, MAY_BE_SHARED)


@pytest.mark.parametrize("state", [State.UNKNOWN, State.POSSIBLE, State.SKIPPED, State.WRONG])
def test_ids_that_are_known_lead_on(given, state):
    """A probe that needs a fact is run with the ids that were found, whatever else is unknown."""
    ctx, (first, then) = given(kind="check"), (Look(name, access=Access.NONE) for name in "ab")
    first.inspect = lambda _ctx: _found(Finding("a", state, facts=KNOWN))  # type: ignore[method-assign]
    then.__dict__["needs"] = ("a",)
    assert looked(ctx, {Access.NONE}, first, then)["b"][0] is State.OK


async def _found(finding: Finding) -> Finding:
    return finding


def run_with(given, *findings: Finding):
    """Return a check that nobody has signed in for, with these findings."""
    events = [
        Event(Kind.SIGNED_OUT, now()),
        *(Event(Kind.FOUND, now(), step=f.step, finding=f) for f in findings),
    ]
    return given(events=tuple(events), kind="check").run


@pytest.mark.parametrize(
    ("reason", "more"),
    [(Reason.NEEDS_SIGN_IN, True), (Reason.NOT_AT_EXCHANGE, True), (Reason.NO_SIGN_IN, False)],
)
def test_when_a_sign_in_shows_more(given, reason, more):
    """A check offers a sign-in only if something was left out for lack of access."""
    run = run_with(given, Finding("a", State.SKIPPED, reason=reason))
    assert check.may_sign_in(run) is more


UNREAD = Finding("a", State.UNKNOWN, cause="exchange_role_missing")


@pytest.mark.parametrize(
    ("finding", "more"),
    [
        (UNREAD, True),
        (replace(UNREAD, cause="directory_role_missing"), True),
        (replace(UNREAD, cause="service_unavailable"), False),
        (replace(UNREAD, state=State.SKIPPED), False),
        (Finding("a", State.SKIPPED, reason=Reason.NOT_BY_ITSELF), False),
        (Finding("a", State.OK), False),
    ],
)
def test_somebody_with_more_roles_may_sign_in_after_the_first(given, redis, finding, more):
    """After a check, another person with more roles may sign in, in the same run.

    Their look replaces the earlier one. The card does not ask them to let the bot read.
    """
    ctx = given(kind="check", events=(Event(Kind.FOUND, now(), step="a", finding=finding),))
    assert (check.may_sign_in(ctx.run), FLOWS["signin"].is_complete(ctx.run)) == (False, True)
    ctx.store.append(ctx.run.id, Event(Kind.CHECKED, now()))
    run = ctx.store.load(ctx.run.id)
    assert (check.may_sign_in(run), FLOWS["signin"].is_complete(run)) == (more, not more)
    assert not check.may_be_granted(redis, run)
    other = replace(run.account, upn="other@contoso.com")
    ctx.store.append(ctx.run.id, Event(Kind.SIGNED_IN, now(), account=other))
    again = ctx.store.load(ctx.run.id)
    assert (again.checked, again.findings, FLOWS["signin"].is_complete(again)) == (None, {}, True)


def test_when_the_tenant_can_let_the_bot_read(given, redis):
    """A check offers that a tenant grants read access if something was left out for lack of access.

    The tenant must be known and must not have granted the access yet.
    """
    run = run_with(given, Finding("a", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN))
    nowhere = replace(run, channel=replace(run.channel, tenant_id=""))
    over = replace(run, findings={"a": Finding("a", State.OK)})
    offered = [check.may_be_granted(redis, each) for each in (run, nowhere, over)]
    assert offered == [True, False, False]
    app_access.save(redis, AppAccess(run.channel.tenant_id, now(), "anna@contoso.com", ()))
    assert check.may_be_granted(redis, run) is False


def test_a_grant_looks_anew(given):
    """A new grant makes the check look again, unless a person is signed in and sees more anyway."""
    ctx = given(kind="check", events=(Event(Kind.CHECKED, now()),))
    granted = Event(Kind.READABLE, now(), by="anna@contoso.com", data={"tenant": "tenant-1"})
    ctx.store.append(ctx.run.id, granted)
    run = ctx.store.load(ctx.run.id)
    assert (run.checked is not None, run.answer("app_access")) == (True, "granted")
    ctx.store.append(ctx.run.id, Event(Kind.SIGNED_OUT, now()), granted)
    run = ctx.store.load(ctx.run.id)
    assert (run.checked, run.findings, run.problems) == (None, {}, {})


BOXES = ("a@contoso.com", "b@contoso.com", "c@fabrikam.com")


@pytest.fixture
def runtime(provider, work_settings, runtime_of):
    """Runtime of a worker whose clouds are on loopback or cannot be reached."""
    closed = {
        "smtp_server": "127.0.0.1:1",
        "status_url": provider.base,
        "graph_url": provider.base,
        "exchange_url": provider.base,
    }
    return runtime_of(replace(work_settings, login_url=provider.base, **closed))


@pytest.fixture
def begun(store, asker):
    """A bulk check of three channels, one of which is in a known tenant."""
    store.channels.keep(Record("RUN", now(), Channel("c@fabrikam.com", tenant_id="T2")))
    return store.check(
        Channel(""), asker, Origin("room-1"), RunKind.BULK_CHECK, Brief(mailboxes=tuple(BOXES))
    )


async def test_every_channel_gets_its_verdict(runtime, store, begun):
    """A bulk check gives a verdict for each channel and saves it as the channel's last check.

    Only the bulk check itself is on the list of due runs.
    """
    version = await bulk.check_all(runtime, begun, lambda: True)
    run = store.load(begun.id)
    assert (run.findings.keys(), run.checked is not None) == (set(BOXES), True)
    assert version == run.version
    checks = [check for box in BOXES if (check := store.last_check(box)) and check.checked]
    assert [(each.channel.mailbox, each.kind) for each in checks] == [(b, "check") for b in BOXES]
    assert set(store.schedule.all()) == {begun.id}
    assert {each.findings["smtp_server"].state for each in checks} == {State.WRONG}


async def test_what_is_the_same_for_all_is_looked_at_once(runtime, provider, begun):
    """Entra's discovery document is read once per tenant, not once per channel."""
    await bulk.check_all(runtime, begun, lambda: True)
    asked = [path for path, _ in provider.requests if path.endswith("openid-configuration")]
    places = [f"/{each}/v2.0/.well-known/openid-configuration" for each in ("T2", "organizations")]
    assert sorted(asked) == places


async def test_another_worker_goes_on_with_the_rest(runtime, store, begun):
    """Another worker checks only the remaining channels, and existing verdicts stay.

    A second look after the end changes nothing.
    """
    first = Finding(BOXES[0], State.WARNING)
    store.append(begun.id, Event(Kind.FOUND, now(), step=BOXES[0], finding=first))
    await bulk.check_all(runtime, store.load(begun.id), lambda: True)
    run = store.load(begun.id)
    assert (run.findings[BOXES[0]], len(run.findings)) == (first, 3)
    assert store.last_check(BOXES[0]) is None
    assert await bulk.check_all(runtime, run, lambda: True) == run.version == store.length(run.id)


async def test_a_lost_lease_writes_nothing_more(runtime, store, begun):
    """A worker that has lost its lease writes no verdict, because another worker has the check."""
    with pytest.raises(LeaseLostError):
        await bulk.check_all(runtime, begun, lambda: False)
    assert store.load(begun.id).findings == {}


async def test_a_worker_whose_time_is_up_lets_go(runtime, store, begun):
    """A worker whose time is up begins no further tenant and leaves the rest for the next turn."""
    work = BulkCheck(runtime, begun, lambda: True, time.monotonic() - bulk.SLICE_S - 1)
    for name, channels in bulk.by_tenant(runtime, begun.brief.mailboxes).items():
        await work.tenant(name, channels)
    assert store.load(begun.id).findings == {}


@pytest.mark.parametrize(("seconds", "looked"), [(bulk.SLICE_S, 1), (bulk.LONGEST_S, 0)])
async def test_a_tenant_that_was_begun_is_finished(runtime, store, begun, seconds, looked):
    """A tenant that was begun is finished even if the worker's time is up, so it is not read twice.

    Only the time limit of the job stops it.
    """
    work = BulkCheck(runtime, begun, lambda: True, time.monotonic() - seconds - 1)
    async with app_access.open_reader(runtime, "") as seen:
        await work.channel(seen, Channel(BOXES[0]), asyncio.Semaphore(1))
    assert len(store.load(begun.id).findings) == looked


def test_channels_by_their_tenant(runtime, begun):
    """Channels are grouped by their tenants, and those without a known tenant form one group."""
    found = bulk.by_tenant(runtime, begun.brief.mailboxes)
    assert {name: [each.mailbox for each in channels] for name, channels in found.items()} == {
        "": list(BOXES[:2]),
        "t2": [BOXES[2]],
    }


def test_a_draft_is_nowhere_before_it_is_kept(store, asker):
    """A draft of a check is stored only when it is saved, so a worker's death leaves no half check.

    A draft that was saved is read back unchanged.
    """
    draft = CheckBuffer(store, Channel("a@contoso.com"), asker, Origin("room-1"))
    draft.append(draft.run.id, Event(Kind.FOUND, now(), step="x", finding=Finding("x", State.OK)))
    assert draft.refresh(draft.run) == draft.run
    assert (store.length(draft.run.id), store.last_check("a@contoso.com")) == (0, None)
    kept = draft.save()
    assert (store.load(kept.id), store.last_check("a@contoso.com")) == (kept, kept)
    assert store.redis.zscore("due", f"run:{kept.id}") is None
