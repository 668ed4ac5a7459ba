"""Check of a channel: all facts at once, with the access that is available, without changes.

More access shows more: another sign-in, or a grant of the tenant.

A channel that is not known here is found first. The card asks for the facts that the search does
not settle. The answers are events like any other, so a worker may die between the search, the
question and the check. A found channel may be adopted, without a write in the tenant. From then on,
it is like any other channel of its space. Values that only a setup records, such as the values from
before and the bot's own sign-in, stay unknown.

What is known of a channel now is one answer for all places of the bot. Everything that happened to
it is a fact with a time, and the newest fact decides, unless a run is in progress.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import structlog
from redis import Redis

from jobs.access import tenants
from jobs.causes.cause import NEW_TOKEN, Cause, known
from jobs.channel import discovery
from jobs.channel.mailbox import delegate_of
from jobs.checks.verdict import Verdict, in_state, judge, mail_flows
from jobs.clock import now, parse
from jobs.clouds.errors import SignInNeeded, if_answered
from jobs.clouds.json_values import Json, as_dict, text_of
from jobs.clouds.rate_limit import ReadCache
from jobs.engine.engine import DATA_ERRORS, Engine
from jobs.engine.findings import GO_WITH_SIGN_IN, lacks_role, needs_sign_in
from jobs.engine.step import Step, StepContext
from jobs.microsoft.scopes import app_may_read
from jobs.model import Access, ConnectChange, Finding, Reason, RunKind, Scope, Signals, State, Text
from jobs.probes import checks_for
from jobs.runs.run import AppCandidate, Brief, Event, FixBrief, Kind, Run, Search, undid
from jobs.runs.run_store import RunStore
from jobs.runtime import Runtime
from jobs.settings import valid
from jobs.steps import CONSENT, steps_for
from jobs.steps.connect_form import token_at
from jobs.storage.counters import COUNTERS, RUNS_ENDED

FORWARDS = ("forwarding", "outbound_policy")
"""Steps whose change decides whether copies of mail are sent, and to which address."""
log = structlog.get_logger(__name__)


async def run_check(runtime: Runtime, run: Run, holds: Callable[[], bool]) -> int:
    """Check every fact of the channel once, and return the version of the run.

    The check runs again after a person has signed in, or after the tenant has granted the bot its
    own read access, also if that comes during the check. That of a channel that is not known here
    is the newest check of no channel; the channel is kept if that was asked for.
    """
    if run.checked is not None:
        return run.version
    signed_in, draft = await _signed_in(runtime, run, holds), runtime.store.load(run.id)
    if not signed_in and draft.allowed == run.allowed:
        async with tenants.open_reader(runtime, run.channel.tenant_id) as seen:
            ctx, steps = seen.context(draft, runtime.store), checks_of(draft)
            await Engine(ctx, steps, runtime.listener, holds, runtime.shutdown).check()
            await name_changers(ctx)
        if ended := seen.revoked_event():
            runtime.store.append(run.id, ended)
    draft = runtime.store.load(run.id)
    if draft.allowed != run.allowed:
        return run.version
    if open_questions(draft):
        return draft.version
    runtime.store.append(run.id, Event(Kind.CHECKED, now()))
    COUNTERS.add(RUNS_ENDED, run.kind, Kind.CHECKED)
    if not run.brief.discover:
        runtime.channels.set_last_check(run.channel.mailbox, run.id)
    elif run.brief.keep:
        keep_found(runtime.store, runtime.store.load(run.id), run.requester.email)
    return draft.version + 1


async def _signed_in(runtime: Runtime, run: Run, holds: Callable[[], bool]) -> bool:
    """Check with an administrator's sign-in, which an open question keeps; False without one."""
    if run.account is None:
        return False
    try:
        async with tenants.open_clients(runtime, run, run.account) as ctx:
            ctx.memo = ReadCache()
            if not await discover(Engine(ctx, {}, runtime.listener, holds, runtime.shutdown)):
                return True
            await Engine(ctx, checks_of(ctx.run), runtime.listener, holds, runtime.shutdown).check()
            await name_changers(ctx)
    except SignInNeeded as error:
        tenants.end_session(runtime, run.id, error)
        return False
    if ctx.run.allowed == run.allowed:  # or else the session is that of another sign-in
        tenants.drop_session(runtime, run.id)
    return True


def checks_of(run: Run) -> dict[str, Step]:
    return checks_for(run.channel.profile)


def findings_of(run: Run) -> dict[str, Finding]:
    steps = checks_of(run)
    return {name: finding for name, finding in run.findings.items() if name in steps}


def verdict_of(check: Run) -> Verdict:
    return judge(checks_of(check), findings_of(check))


def brief_for(store: RunStore, mailbox: str) -> Brief:
    """Return the facts from the channel's earlier runs that a check without a sign-in needs.

    They are IDs and times, and never secrets. The newest value counts, because of fixes. With
    ``client_id`` Webex Connect obtained its token. ``changed_at`` is when the bot last changed
    where copies are sent: earlier mail says nothing about that change.
    """
    runs = store.runs_of_mailbox(mailbox)
    given = list(filter(token_at, runs))
    shared = bool(_newest(runs, "shared"))
    made = filter(None, (run.changed.get(name) for run in runs for name in FORWARDS))
    ended = (run for run in reversed(runs) if run.ended is Kind.FINISHED)
    # a channel that was kept, and not set up since
    by_hand = next((run.kept for run in ended if run.kept or run.kind is RunKind.SETUP), False)
    return Brief(
        client_id=_newest(given, "client_id") or _newest(runs, "client_id"),
        upn="" if shared else _newest(runs, "upn"),
        shared=shared,
        by_hand=by_hand,
        delegate=next(filter(None, map(delegate_of, reversed(runs))), "") if shared else "",
        token_at=max(filter(None, map(token_at, given)), default=None),
        changed_at=max(filter(None, (each.done for each in made)), default=None),
    )


def _newest(runs: Sequence[Run], fact: str) -> str:
    return next((found for run in reversed(runs) if (found := run.fact(fact))), "")


def fix_context(store: RunStore, mailbox: str) -> Brief:
    """Return the brief of a fix, with what the newest check says about token and consent."""
    last, brief = store.last_check(mailbox), brief_for(store, mailbox)
    if last is None:
        return replace(brief, fix=FixBrief())
    no_consent = any(last.state_of(name) is State.WARNING for name in CONSENT)
    news = last.checked is not None and (brief.token_at is None or last.checked > brief.token_at)
    verdict = verdict_of(last)
    causes = (verdict.weighed[name].cause for name in verdict.causes)
    cause = next((each for each in causes if each in NEW_TOKEN), "") if news else ""
    return replace(brief, fix=FixBrief(consent_missing=no_consent, token_cause=cause))


def for_people(verdict: Verdict) -> tuple[str, ...]:
    """Return the causes that no plan fixes, without those of a token, which a fix asks for."""
    left = (name for name in verdict.causes if not verdict.fixing_step(name))
    causes = (verdict.weighed[name].cause for name in left)
    return tuple(cause for cause in causes if cause not in NEW_TOKEN | {""})


def likely_changes(check: Run) -> tuple[str, ...]:
    """Return the steps that a fix will probably change: wrong ones, and what needs those."""
    steps = steps_for(check.channel.profile)
    found, warned = check.findings, in_state(steps, check.findings, State.WARNING)
    wrong = set(in_state(steps, found, State.WRONG))
    wrong |= {name for name in warned if name in known(found[name].cause).fixed_by}
    verdict = verdict_of(check)
    wrong |= {verdict.fixing_step(name) for name in verdict.causes} & steps.keys()
    unsure = steps.keys() - {*warned, *in_state(steps, found, State.OK)}
    while more := {name for name in unsure - wrong if wrong.intersection(steps[name].needs)}:
        wrong |= more
    return tuple(sorted(wrong))


UNREAD = GO_WITH_SIGN_IN | {Reason.NEEDS_OTHER}
"""Reasons for which a finding was skipped, although there is something to read."""


def gaps(check: Run) -> tuple[int, bool, bool]:
    """Return how many findings are unread, and whether a sign-in reads them all, and reads more.

    They are those of configured features. There are none if the bot reads all that it can.
    """
    steps, found = checks_of(check), findings_of(check)
    unread = set(in_state(steps, found, State.UNKNOWN))
    unread |= {n for n in in_state(steps, found, State.SKIPPED) if found[n].reason in UNREAD}
    at_sign_in = {name for name in unread if found[name].reason in GO_WITH_SIGN_IN}
    # one that could have been determined even without a sign-in, but was not
    more = any(app_may_read(steps[n].reads) for n in at_sign_in)
    left = more or unread > at_sign_in
    return len(unread) if left else 0, left and unread == at_sign_in, more


def may_sign_in(run: Run) -> bool:
    """Return whether a sign-in shows more: the first, or after a check one with more roles."""
    if run.account is not None:
        return run.checked is not None and lacks_role(run)
    return any(map(needs_sign_in, run.findings.values()))


def may_be_granted(redis: Redis, run: Run) -> bool:
    """Return whether the tenant, if known, could still grant access to facts that are skipped."""
    tenant, may = run.channel.tenant_id, run.account is None and may_sign_in(run)
    return may and tenant != "" and tenants.grant_for(redis, tenant) is None


OBJECTS = {
    "application": ("object_id", ("application",)),
    "permissions": ("object_id", ("application",)),
    "client_secret": ("object_id", ("application",)),
    "service_principal": ("sp_id", ("service principal",)),
    "smtp_grant": ("sp_id", ("permission grant", "consent")),
    "admin_consent": ("sp_id", ("app role assignment", "consent")),
    "mailbox_user": ("user_id", ("account", "user")),
    "sessions": ("user_id", ("stsrefreshtoken", "password", "account")),
}
"""Fact with the object of a step's cause, and words of the activities that may bring it about.

Source: learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities.
"""
KEPT = timedelta(days=7)
"""Time for which a tenant without a license keeps the log."""


async def name_changers(ctx: StepContext) -> None:
    """Record who made the newest change of Entra that explains each cause, if the log says it."""
    if ctx.access is Access.NONE:
        return
    found = findings_of(ctx.run)
    for name in {*verdict_of(ctx.run).causes} & OBJECTS.keys():
        by_itself = found[name].cause == Cause.CLIENT_SECRET_EXPIRED
        change = None if by_itself else await _change(ctx, name)
        if change is not None:
            finding = replace(found[name], signals=found[name].signals | Signals(changes=(change,)))
            ctx.store.append(ctx.run.id, Event(Kind.FOUND, now(), step=name, finding=finding))


async def _change(ctx: StepContext, step: str) -> ConnectChange | None:
    """Return the newest change of a step's object since the bot's own changes, or None."""
    fact, words = OBJECTS[step]
    runs = ctx.store.runs_of_mailbox(ctx.channel.mailbox)
    object_id = ctx.fact(fact) or _newest(runs, fact)
    own = (each.ended_at for each in runs if each.changed)
    since = max(filter(None, (*own, now() - KEPT)))
    if not object_id:
        return None
    rows = await if_answered(ctx.graph.directory_audits(object_id, since)) or ()
    changes = filter(None, (_read(row, words, since) for row in rows))
    return max(changes, key=lambda each: each.at, default=None)


def _read(row: Json, words: tuple[str, ...], since: datetime) -> ConnectChange | None:
    at, activity = parse(row.get("activityDateTime")), text_of(row, "activityDisplayName")
    by = as_dict(row.get("initiatedBy"))
    who = text_of(as_dict(by.get("user")), "userPrincipalName", "displayName", "id")
    app = text_of(as_dict(by.get("app")), "displayName", "appId")
    fits = any(word in activity.lower() for word in words) and row.get("result") != "failure"
    if at is None or at <= since or not fits:
        return None
    return ConnectChange(at=at, by=who or app, event=activity)


@dataclass(frozen=True, slots=True)
class SetBack:
    """Value of a step that the bot's newest change has set, and that is wrong again.

    ``baselines`` ask for the other value; they are given from the second time on, because then a
    tool probably keeps them.
    """

    step: str
    run: str
    at: datetime
    baselines: tuple[str, ...] = ()


def set_back(store: RunStore, mailbox: str, steps: dict[str, Step]) -> dict[str, SetBack]:
    """Return which of these wrong steps the bot has set right before.

    An object of the app that is wrong again, such as an expired secret, was not set back.
    """
    found: dict[str, SetBack] = {}
    for run in store.runs_of_mailbox(mailbox):
        for name in steps.keys() & run.changed.keys():
            made = run.changed[name]
            if run.kind is RunKind.UNDO or made.done is None or not made.changes:
                found.pop(name, None)
            elif made.changes[0].scope is not Scope.APP:
                again = steps[name].baselines if name in found else ()
                found[name] = SetBack(name, run.id, made.done, again)
    return found


APP, FORWARDING = "discovered_app", "discovered_forwarding"
"""Questions about a client ID and a forwarding address. The answer may be :data:`WITHOUT`."""
WITHOUT = "without"
"""Answer of a person who does not know the value and goes on without the value."""


async def discover(engine: Engine) -> bool:
    """Find the run's channel, and return whether the check can go on, without an open question.

    Raises:
        LeaseLostError: another worker has the run.
        SignInNeeded: the sign-in is over.
    """
    if not engine.run.brief.discover or engine.run.discovered:
        return True
    if engine.run.search is None:
        try:
            found = await discovery.Discovery(engine.ctx).search()
        except DATA_ERRORS:
            log.exception("an answer that the search cannot read", run=engine.run.id)
            found = Search(unread=True)
        engine.append(Event(Kind.SEARCHED, now(), search=found))
    if open_questions(engine.run):
        return False
    engine.append(await _found(engine.ctx))
    return True


def open_questions(run: Run) -> tuple[str, ...]:
    """Return the questions that wait for a person: APP, FORWARDING, both, or none."""
    search = run.search
    if search is None or search.unread or not run.brief.discover or run.discovered:
        return ()
    missing = {APP: not search.certain, FORWARDING: not search.forwarding_address}
    return tuple(name for name, asks in missing.items() if asks and not run.answer(name))


def answers_to(run: Run, given: dict[str, str], by: str) -> tuple[Event, ...]:
    told = ({"question": each, "value": given.get(each) or WITHOUT} for each in open_questions(run))
    return tuple(Event(Kind.ANSWERED, now(), by=by, data=each) for each in told)


def is_client_id(text: str) -> bool:
    return text.lower() == str(valid(UUID, text))


async def _found(ctx: StepContext) -> Event:
    found, account = ctx.run.search or Search(), ctx.run.account
    app = await _app(ctx, found)
    channel = replace(
        ctx.channel,
        callback_url=app.callback_url,
        forwarding_address=found.forwarding_address or _answer(ctx.run, FORWARDING),
        keep_copy=found.keep_copy,
        profile=app.profile,
        tenant_id=account.tenant_id if account else "",
        delegate=found.delegate,
    )
    user = {"upn": found.upn, "shared": "yes" if found.shared else "", "delegate": found.delegate}
    data = {"client_id": app.client_id, "app_name": app.name} | user
    return Event(Kind.DISCOVERED, now(), channel=channel, data=data)


async def _app(ctx: StepContext, found: Search) -> AppCandidate:
    """Return the certain app, the chosen one, or the typed client ID, which may be unknown."""
    if found.certain:
        return found.apps[0]
    wanted = _answer(ctx.run, APP).lower()
    known = next((app for app in found.apps if app.client_id.lower() == wanted), None)
    if known or not wanted:
        return known or AppCandidate("", "")
    app = await discovery.if_readable(ctx.graph.application_by_app_id(wanted))
    return discovery.candidate(ctx, app, "") if app else AppCandidate(wanted, "")


def _answer(run: Run, question: str) -> str:
    answer = run.answer(question)
    return "" if answer == WITHOUT else answer


def missing_values(run: Run) -> tuple[str, ...]:
    """Return what a channel lacks to be saved, because a fix would write an empty value."""
    needed = {"client_id": run.fact("client_id"), **run.channel.addresses}
    return tuple(name for name, value in needed.items() if not value)


def may_be_kept(store: RunStore, run: Run) -> bool:
    """Return whether nobody has the found channel, who may be others, or has removed it since."""
    mailbox, at = run.channel.mailbox, run.checked
    if at is None or not (run.brief.discover and run.discovered) or store.channels.record(mailbox):
        return False
    undone = (each.ended_at for each in store.runs_of_mailbox(mailbox) if undid(each))
    return not (run.ended or missing_values(run) or any(end and end > at for end in undone))


def keep_found(store: RunStore, run: Run, by: str, request: str = "") -> bool:
    """Record the channel in the run's space; return whether it is recorded now.

    ``request`` is the ID of the button press, or empty.
    """
    if may_be_kept(store, run):
        store.end(run, Event(Kind.FINISHED, now(), by=by, request=request))
    known = store.channels.record(run.channel.mailbox)
    return known is not None and known.run == run.id


FactKind = StrEnum(
    "FactKind",
    "CONNECTED FIXED PROVEN DISCONNECTED UNDONE STOPPED CHECKED BROKE RECOVERED",
)
"""STOPPED is a run that ended early, after changes; PROVEN a fix that found nothing to repair."""


GOOD = frozenset({FactKind.CONNECTED, FactKind.FIXED, FactKind.PROVEN, FactKind.RECOVERED})
"""Facts after which a channel works, as far as is known."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to a channel; ``run`` is the run or incident behind it.

    ``by`` started that run in ``room``. ``finding`` is what a check or the watch saw.
    """

    kind: FactKind
    at: datetime
    run: str = ""
    by: str = ""
    room: str = ""
    finding: Finding | None = None

    @property
    def is_done(self) -> bool:
        """Return whether a run did it, so that it concerns every space that knows the channel."""
        return self.kind not in {FactKind.CHECKED, FactKind.BROKE, FactKind.RECOVERED}


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of a channel now: the newest fact and the run in progress, if any."""

    fact: Fact | None = None
    run: Run | None = None

    @property
    def needs_no_fix(self) -> bool:
        if self.run is not None or self.fact is None:
            return False
        seen = self.fact.finding
        return self.fact.kind in GOOD if seen is None else seen.state is State.OK


_DONE = {
    RunKind.SETUP: FactKind.CONNECTED,
    RunKind.FIX: FactKind.FIXED,
    RunKind.UNDO: FactKind.DISCONNECTED,
}


def assess(runs: Iterable[Run], others: Iterable[Fact] = ()) -> Assessment:
    """Return what is known of a channel from its runs, and from what checks and the watch saw."""
    known = tuple(runs)
    facts = [*filter(None, map(fact_of, known)), *others]
    newest = max(facts, key=lambda each: each.at, default=None)
    going_on = next((run for run in known if not run.ended and run.kind in _DONE), None)
    return Assessment(newest, going_on)


def fact_of(run: Run) -> Fact | None:
    """Return what a run made true of its channel; None if it goes on, or has changed nothing."""
    about = run.id, run.requester.email, run.origin.room
    if run.kind is RunKind.CHECK:
        if run.checked is None:
            return None
        at = max(filter(None, (run.checked, run.ended_at)))
        return Fact(FactKind.CHECKED, at, *about, summarize(run))
    if run.ended_at is None or run.kind not in _DONE:
        return None
    kind = _DONE[run.kind]
    if run.ended is not Kind.FINISHED:
        if not run.changed:
            return None
        kind = FactKind.STOPPED
    elif run.kind is RunKind.FIX and not repaired(run):
        kind = FactKind.PROVEN
    elif run.kind is RunKind.UNDO:
        if State.OK not in map(run.state_of, run.past):
            return None
        kind = FactKind.UNDONE if run.undoes else kind
    return Fact(kind, run.ended_at, *about)


def repaired(run: Run) -> bool:
    """Return whether a fix has changed a setting, or asked for a new token of Webex Connect."""
    return any(each.changes for each in run.changed.values()) or token_at(run) is not None


def summarize(run: Run) -> Finding:
    """Return the result of a check as one finding: the first cause, or how much is known.

    Checks that were skipped, because access or an answer was missing, do not count as good. The
    state is OK only if mail was seen to flow.
    """
    verdict, found, mailbox = verdict_of(run), findings_of(run), run.channel.mailbox
    if verdict.causes:
        step = verdict.causes[0]
        cause = verdict.weighed[step].cause
        return Finding(mailbox, State.WRONG, cause=cause, facts={"step": step})
    if verdict.possible:
        return Finding(mailbox, State.POSSIBLE, seen=Text("channels.noticed"))
    unread, by_sign_in, _ = gaps(run)
    if unread:
        key = "not_looked_at" if by_sign_in else "not_read"
        values = {"count": str(unread), "all": str(len(found))}
        return Finding(mailbox, State.UNKNOWN, seen=Text(f"channels.{key}", values))
    if verdict.warnings:
        return Finding(mailbox, State.WARNING, seen=Text("channels.noticed"))
    if not mail_flows(found):
        return Finding(mailbox, State.UNKNOWN, seen=Text("channels.not_proven"))
    return Finding(mailbox, State.OK, seen=Text("channels.nothing_wrong"))
