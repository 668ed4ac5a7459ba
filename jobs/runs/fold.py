"""State of a run, worked out from its events: one function for each kind of event."""

import dataclasses
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from jobs.model import Scope, State, Turn
from jobs.runs.event_log import HISTORY, HISTORY_GAP
from jobs.runs.run import Changed, Event, Kind, Plan, Problem, Reply, Run, identity


def fold(run_id: str, events: Iterable[Event]) -> Run:
    """Return the run that results from its events.

    Raises:
        RunGoneError: when there are no events.
    """
    events = iter(events)
    return apply_events(Run.begun(run_id, next(events, None)), events)


def apply_events(run: Run, events: Iterable[Event]) -> Run:
    """Return the run with later events; one that does not fit changes nothing and leaves a gap."""
    version, requests = run.version, set(run.requests)
    for event in events:
        version += 1
        try:
            run = _NEXT[event.kind](run, event)
        except (LookupError, ValueError):
            first = run.problems.get(HISTORY, Problem(HISTORY_GAP, str(version), event.at))
            run = replace(run, problems={**run.problems, HISTORY: first})
        requests.add(event.request)
    if version == run.version:
        return run
    return replace(run, version=version, requests=frozenset(requests - {""}))


def _details(run: Run, event: Event) -> Run:
    channel, at = event.channel or run.channel, event.at
    return replace(run, channel=channel, detailed=True, detailed_at=at, plan=None, approvals={})


def _signed_in(run: Run, event: Event) -> Run:
    """Count approvals only for the account that the plan showed.

    Findings from before the first change are discarded, because another user sees other things.
    Later ones count in the same tenant.
    """
    tenant = run.tenant
    run = replace(
        run,
        account=event.account,
        signed_in=event.at,
        permissions=tuple(event.data.get("permissions", "").split()),
        problems=_without(run.problems, "sign_in"),
        silent=(),
        once_silent=frozenset(),
    )
    if run.has_begun and identity(run.account) == identity(run.planned_by):
        return run
    run = replace(run, plan=None, approvals={})
    if run.changed and run.tenant == tenant:
        return run
    return replace(run, findings={}, waits={}, checked=None, search=None, discovered=False)


def _readable(run: Run, event: Event) -> Run:
    """Inspect skipped steps again, after the tenant let the bot read, if nobody is signed in."""
    run = replace(run, problems=_without(run.problems, "app_access"))
    run = replace(run, answers={**run.answers, "app_access": Reply("granted", event.by, event.at)})
    return run if run.account else replace(run, findings={}, waits={}, checked=None)


def _planned(run: Run, event: Event) -> Run:
    plan = Plan(event.data["plan"], event.changes, event.at)
    return replace(run, plan=plan, planned_by=run.account, approvals={}, spent=frozenset())


def _demanded(run: Run, event: Event) -> Run:
    """Open a step again that a cloud requires first; its lines join the plan for an approval."""
    findings = {name: each for name, each in run.findings.items() if name != event.step}
    run = replace(run, demanded=run.demanded | {event.step}, findings=findings)
    return _differs(run, event) if event.changes else run


def _differs(run: Run, event: Event) -> Run:
    """Replace the lines that differ, and withdraw the approvals of their scope; the others hold."""
    if run.plan is None:
        return run
    scopes = {change.approval_scope for change in event.changes}
    plan = Plan(event.data["plan"], run.plan.with_lines(event.changes), run.plan.at)
    kept = {scope: word for scope, word in run.approvals.items() if scope not in scopes}
    spent = run.spent - {change.step for change in event.changes}
    return replace(run, plan=plan, approvals=kept, spent=spent)


def _approved(run: Run, event: Event) -> Run:
    """Count an approval for the present plan and its addresses only."""
    if run.plan is None or run.plan.id != event.data["plan"]:
        return run
    if any(event.data.get(name, value) != value for name, value in run.channel.addresses.items()):
        return run
    answer = Reply(event.data["plan"], event.by, event.at)
    return replace(run, approvals={**run.approvals, Scope(event.data["scope"]): answer})


def _found(run: Run, event: Event) -> Run:
    if event.finding is None:
        return run
    spent, changed, made = run.spent, run.changed, run.changed.get(event.finding.step)
    if event.finding.waiting_for is Turn.NOBODY:  # for a step before it, which is made again
        spent -= {event.step}
    if made is not None and event.finding.state is State.OK:
        if made.changes:
            spent |= {event.step}
        # the first inspection after a change reads back; a later one may see a change by others
        values = made.values_after or event.finding.values
        changed = {**changed, event.finding.step: replace(made, values_after=values, unseen=0)}
    waits = run.waits.get(event.step, 0) + 1 if event.finding.until else 0
    since = run.settled_at.get(event.step, event.at) if run.settled(event.step) else event.at
    return replace(
        run,
        findings={**run.findings, event.step: event.finding},
        found_at={**run.found_at, event.step: event.at},
        settled_at={**run.settled_at, event.step: since},
        waits={**run.waits, event.step: waits},
        running=run.running - {event.step},
        changed=changed,
        spent=spent,
    )


def _changing(run: Run, event: Event) -> Run:
    if event.finding is None:
        return run
    earlier = run.changed.get(event.step)
    change = Changed(event.changes, event.finding, event.at)
    if earlier is not None:
        since = None if earlier.done else earlier.since or earlier.begun
        change = replace(change, before=earlier.before, since=since, unseen=earlier.unseen)
    changed = {**run.changed, event.step: change}
    return replace(run, changed=changed, running=run.running | {event.step})


def _changed(run: Run, event: Event) -> Run:
    made = run.changed[event.step]
    made = replace(made, done=event.at, unseen=made.unseen + 1)
    return replace(run, changed={**run.changed, event.step: made})


def _answered(run: Run, event: Event) -> Run:
    question = event.data["question"]
    answers = {**run.answers, question: Reply(event.data["value"], event.by, event.at)}
    # why somebody has to sign in once more is true of everybody
    again = question == "administrator" and run.signed_in is not None
    tried = question if again else _TRIED.get(question, question)
    return replace(run, answers=answers, problems=_without(run.problems, question, tried))


_TRIED = {"administrator": "sign_in", "consent_administrator": "consent"}
"""Problem of a person's own attempt, which is over once another person is asked, by the question."""


def _look_again(run: Run, event: Event) -> Run:
    """Give failed attempts another chance, and go on in the request's thread of the own space."""
    asked = event.origin or run.origin
    thread = asked.thread if asked.room == run.origin.room else run.origin.thread
    failed = {State.UNKNOWN, State.WRONG}
    kept = {name: each for name, each in run.findings.items() if each.state not in failed}
    changed = {
        name: replace(c, since=c.since if c.done else event.at, unseen=0)
        for name, c in run.changed.items()
    }
    return replace(
        run,
        origin=dataclasses.replace(run.origin, thread=thread),
        looked=Reply("", event.by, event.at),
        right_before=frozenset(filter(run.settled, run.findings)),
        findings=kept,
        plan=run.plan if run.has_begun else None,
        waits={},
        changed=changed,
    )


def _silent(run: Run, event: Event) -> Run:
    clouds = tuple(event.data["services"].split())
    return replace(run, silent=clouds, once_silent=run.once_silent.union(clouds))


def _discovered(run: Run, event: Event) -> Run:
    found = event.data
    brief = dataclasses.replace(
        run.brief,
        client_id=found.get("client_id", ""),
        upn="" if found.get("shared") else found.get("upn", ""),
        shared=bool(found.get("shared")),
        delegate=found.get("delegate", ""),
    )
    known = run.known | {name: value for name, value in found.items() if value}
    channel = event.channel or run.channel
    return replace(run, channel=channel, brief=brief, known=known, discovered=True)


def _ended(run: Run, event: Event) -> Run:
    end = replace(run, ended=event.kind, ended_at=event.at, ended_by=event.by, running=frozenset())
    return run if run.ended else end


def _problem(event: Event) -> Problem:
    return Problem(event.data.get("cause", ""), event.data.get("code", ""), event.at, event.by)


def _without(problems: dict[str, Problem], *questions: str) -> dict[str, Problem]:
    return {name: problem for name, problem in problems.items() if name not in questions}


# UNREADABLE is missing, and so a gap: the event may have changed anything
_NEXT: dict[Kind, Callable[[Run, Event], Run]] = {
    Kind.OPENED: lambda run, _: run,
    Kind.DETAILS: _details,
    Kind.SIGNED_IN: _signed_in,
    Kind.SIGNED_OUT: lambda run, event: replace(
        run,
        account=None,
        problems=run.problems | ({"sign_in": _problem(event)} if event.data else {}),
    ),
    Kind.READABLE: _readable,
    Kind.PLANNED: _planned,
    Kind.DEMANDED: _demanded,
    Kind.DIFFERS: _differs,
    Kind.APPROVED: _approved,
    Kind.RUNNING: lambda run, event: replace(run, running=run.running | {event.step}),
    Kind.FOUND: _found,
    Kind.CHANGING: _changing,
    Kind.CHANGED: _changed,
    Kind.ANSWERED: _answered,
    Kind.PROBLEM: lambda run, event: replace(
        run, problems={**run.problems, event.data["question"]: _problem(event)}
    ),
    Kind.LOOK_AGAIN: _look_again,
    Kind.RESUMED: lambda run, _: replace(run, resumed=run.resumed + 1, running=frozenset()),
    Kind.CANCELLED: _ended,
    Kind.FAILED: _ended,
    Kind.FINISHED: _ended,
    Kind.UNKNOWN: lambda run, _: run,
    Kind.CHECKED: lambda run, event: replace(run, checked=event.at, running=frozenset(), silent=()),
    Kind.SILENT: _silent,
    Kind.SEARCHED: lambda run, event: replace(run, search=event.search),
    Kind.DISCOVERED: _discovered,
    Kind.RECALLED: lambda run, event: replace(
        run, past={past.step: past for past in event.past}, known=event.data
    ),
}
