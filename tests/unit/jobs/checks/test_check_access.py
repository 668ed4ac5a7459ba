"""Access that each part of a check uses, and the texts about the parts that cannot be read."""

import asyncio

import pytest

from bot.web.oauth import FLOWS
from jobs.access import tenants
from jobs.checks import check
from jobs.checks.reading import read
from jobs.clock import now
from jobs.clouds.errors import Forbidden, SignInNeeded, Transient
from jobs.engine.engine import Engine
from jobs.engine.step import Diagnosis, Probe
from jobs.microsoft.scopes import app_may_read
from jobs.model import Access, Evidence, Finding, Reason, State, Text
from jobs.runs.run import Event, Kind
from jobs.runtime import no_listener
from jobs.steps.mailbox_and_smtp_auth import MailboxUser
from tests.fixtures.copies import replace
from tests.fixtures.run_events import noted

NOT_AT_GRAPH = Forbidden("not_allowed", "graph", 403, "Forbidden")
NO_ROLE = Forbidden("exchange_role_missing", "exchange", 403)
NO_GRANT = SignInNeeded("exchange_consent_missing", "exchange", 401)
WITHDRAWN = Forbidden("app_access_withdrawn", "entra")
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
    ctx, access: Access, *steps: Look
) -> dict[str, tuple[State, Reason | None, Access | None]]:
    """Return what a check finds with this access, by step."""
    ctx.access, named = access, {step.name: step for step in steps}
    asyncio.run(Engine(ctx, named, no_listener, lambda: True).check())
    return {
        step.name: (f.state, f.reason, f.access)
        for step in steps
        for f in [ctx.run.findings[step.name]]
    }


@pytest.mark.parametrize(
    ("access", "seen"),
    [
        (Access.NONE, [Access.NONE, None, None]),
        (Access.APP, [Access.NONE, Access.APP, None]),
        (Access.ADMIN, [Access.NONE, Access.ADMIN, Access.ADMIN]),
    ],
)
def test_every_finding_says_with_what_it_was_seen(given, access, seen):
    """Every finding says whether it came without access, from the bot or from a sign-in.

    A probe for which the bot has no permission is left to a sign-in.
    """
    policy, sites = (Look(name, reads=(what,)) for name, what in zip("bc", READS, strict=True))
    found = looked(given(), access, Look("a", access=Access.NONE), policy, sites).values()
    assert [each for _, _, each in found] == seen
    assert all((each is None) is (why is Reason.NEEDS_SIGN_IN) for _, why, each in found)


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
    assert looked(given(), Access.APP, Look("a", error))["a"][:2] == (State.SKIPPED, words)


@pytest.mark.parametrize("odd", [KeyError("appId"), TypeError("no"), OverflowError()])
def test_an_answer_that_cannot_be_read_stops_nothing_else(given, odd):
    """An answer that cannot be read makes its finding unknown, with the reason.

    The other findings are still looked at.
    """
    ctx = given()
    found = looked(ctx, Access.NONE, Look("a", odd, Access.NONE), Look("b", access=Access.NONE))
    assert [state for state, *_ in found.values()] == [State.UNKNOWN, State.OK]
    assert ctx.run.findings["a"].cause == "answer_unreadable"
    assert ctx.run.findings["a"].evidence == (Evidence("answer", type(odd).__name__),)


def test_a_refusal_of_a_person_is_told_as_it_is(given):
    """A finding is unknown if a signed-in person is refused, or if the cloud is down."""
    away, ctx = Transient("service_unavailable", "graph", 503), given()
    assert looked(ctx, Access.ADMIN, Look("a", NO_ROLE))["a"][0] is State.UNKNOWN
    assert looked(ctx, Access.APP, Look("b", away))["b"][0] is State.UNKNOWN


UNREADABLE = Text("seen.unreadable", {"service": "key:evidence.exchange"})
KNOWN = {"user_id": "u1", "upn": "support@contoso.com"}
MAY_BE_SHARED = KNOWN | {"shared": "unknown"}


@pytest.mark.parametrize(
    ("access", "answer", "state", "seen", "cause"),
    [
        (Access.APP, (403, None), State.SKIPPED, Reason.NOT_AT_EXCHANGE.text(), ""),
        (Access.ADMIN, (403, None), State.UNKNOWN, Text(f"cause.{NO_ROLE.cause}"), NO_ROLE.cause),
        (Access.ADMIN, (200, "a page"), State.UNKNOWN, UNREADABLE, "answer_unreadable"),
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
    assert looked(ctx, Access.NONE, first, then)["b"][0] is State.OK


async def _found(finding: Finding) -> Finding:
    return finding


def run_with(given, *findings: Finding):
    """Return a check that nobody has signed in for, with these findings."""
    return given(events=(Event(Kind.SIGNED_OUT, now()), *map(noted, findings)), kind="check").run


@pytest.mark.parametrize(
    ("reason", "more"),
    [(Reason.NEEDS_SIGN_IN, True), (Reason.NOT_AT_EXCHANGE, True), (Reason.NO_SIGN_IN, False)],
)
def test_when_a_sign_in_shows_more(given, reason, more):
    """A check offers a sign-in only if something was left out for lack of access."""
    assert check.may_sign_in(run_with(given, Finding("a", State.SKIPPED, reason=reason))) is more


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

    Their look replaces the earlier one. The card does not ask them to let the bot read, and asks
    nobody for a sign-in after the check was kept.
    """
    ctx = given(kind="check", events=(noted(finding),))
    assert (check.may_sign_in(ctx.run), FLOWS["signin"].is_complete(ctx.run)) == (False, True)
    ctx.store.append(ctx.run.id, Event(Kind.CHECKED, now()))
    run = ctx.store.load(ctx.run.id)
    assert (check.may_sign_in(run), FLOWS["signin"].is_complete(run)) == (more, not more)
    assert not check.may_be_granted(redis, run)
    offers = [read(replace(run, ended=end), ctx.store).may_sign_in for end in (None, Kind.FINISHED)]
    assert offers == [more, False]
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
    tenants.keep_grant(
        redis, tenants.AppAccess(run.channel.tenant_id, now(), "anna@contoso.com", ())
    )
    assert check.may_be_granted(redis, run) is False


def test_a_check_that_goes_on_is_never_done(given):
    """A check with every finding that has not ended still looks, so nothing is said to be right."""
    ctx = given(kind="check")
    every = {name: Finding(name, State.SKIPPED) for name in check.checks_of(ctx.run)}
    assert read(replace(ctx.run, findings=every), ctx.store).looking == 1


def test_what_only_a_sign_in_reads_is_no_gap(given):
    """A check without a sign-in that has read all that it can has no gaps."""
    run = given(kind="check").run
    steps = check.checks_of(run)
    name = next(name for name in steps if not app_may_read(steps[name].reads))
    only = {name: Finding(name, State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)}
    assert check.gaps(replace(run, findings=only)) == (0, False, False)


def test_a_grant_looks_anew(given, runtime_of, work_settings):
    """A new grant makes the check look again, unless a person is signed in and sees more anyway.

    Without one, a finished check reads nothing again.
    """
    ctx = given(kind="check", events=(Event(Kind.CHECKED, now()),))
    granted = Event(Kind.READABLE, now(), by="anna@contoso.com", data={"tenant": "tenant-1"})
    ctx.store.append(ctx.run.id, granted)
    run = ctx.store.load(ctx.run.id)
    assert (run.checked is not None, run.answer("app_access")) == (True, "granted")
    again = check.run_check(runtime_of(work_settings), run, lambda: True)
    assert asyncio.run(again) == run.version
    ctx.store.append(ctx.run.id, Event(Kind.SIGNED_OUT, now()), granted)
    run = ctx.store.load(ctx.run.id)
    assert (run.checked, run.findings, run.problems) == (None, {}, {})
