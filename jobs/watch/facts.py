"""Facts about a channel, from its runs, its checks and the incidents of its watch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from jobs.checks.assessment import Assessment, Fact, FactKind, assess, fact_of
from jobs.model import Finding, State
from jobs.runs.run import Run, RunGoneError
from jobs.runs.run_store import RunStore
from jobs.watch.model import Incident, Sight
from jobs.watch.store import Watching


def assessment(store: RunStore, mailbox: str) -> Assessment:
    """Return what is known of the channel now, whatever space saw it."""
    check = store.last_check(mailbox)
    incident = Watching.of(store).incidents.open_of_channel(mailbox)
    facts = [fact_of(check) if check else None, *(_of_incident(incident) if incident else ())]
    runs = list[Run]()
    for run in _runs(store, mailbox):
        runs.append(run)
        if fact_of(run):
            break
    return assess(runs, filter(None, facts))


def facts_since(
    store: RunStore, mailbox: str, at: datetime, others: Iterable[str]
) -> Iterator[Fact]:
    """Yield what has happened to the channel since; ``others`` are the ids of possible checks."""
    incidents = Watching.of(store).incidents
    newest = incidents.load(incidents.state(mailbox).incident)
    known = list[Run]()
    for run in _runs(store, mailbox):
        if run.ended_at is not None and run.ended_at <= at:
            break
        known.append(run)
    checks = (_load(store, name) for name in {*others} - {run.id for run in known})
    for fact in (
        *map(fact_of, (*known, *filter(None, checks))),
        *(fact for each in incidents.of_channel(mailbox, at) for fact in _of_incident(each)),
        *(_of_incident(newest) if newest else ()),
    ):
        if fact is not None and fact.at > at:
            yield fact


def _runs(store: RunStore, mailbox: str) -> Iterator[Run]:
    """Yield the runs of the mailbox, newest first. They end in the order in which they begin."""
    for name in reversed(store.channels.runs_of_mailbox(mailbox)):
        run = _load(store, name)
        if run is not None and run.channel.mailbox == mailbox:
            yield run


def _load(store: RunStore, run_id: str) -> Run | None:
    try:
        return store.load(run_id)
    except RunGoneError:  # the id is that of a card of an incident, or the check has expired
        return None


def _of_incident(incident: Incident) -> Iterator[Fact]:
    """Yield when a channel broke, and when it worked again without a run of the bot."""
    if incident.sight is not Sight.BROKEN:
        return
    facts = {"step": incident.step or incident.cause}
    seen = Finding(incident.mailbox, State.WRONG, cause=incident.cause, facts=facts)
    yield Fact(FactKind.BROKE, incident.confirmed, incident.id, "", incident.room, seen)
    if incident.ended and not (incident.is_unwatched or incident.fixed_by):
        yield Fact(FactKind.RECOVERED, incident.ended, incident.id, "", incident.room)
