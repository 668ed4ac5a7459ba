"""Part of a check of a channel that is not known here: the search, a question, the found channel.

The card asks for the facts that the search does not settle. The answers are events like any other,
so a worker may die between the search, the question and the check.

A found channel may be adopted, without a write in the tenant. From then on, it is like any other
channel of its space. Values that only a setup records, such as the values from before and the bot's
own sign-in, stay unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from jobs.channel import discovery
from jobs.channel.discovery import candidate
from jobs.clock import now
from jobs.engine.engine import DATA_ERRORS
from jobs.engine.inspector import Recorder
from jobs.engine.step import StepContext
from jobs.model import RunKind
from jobs.runs.run import AppCandidate, Event, Kind, Run, Search
from jobs.runs.run_store import RunStore

APP, FORWARDING = "discovered_app", "discovered_forwarding"
"""Questions about a client ID and a forwarding address. The answer may be :data:`WITHOUT`."""
WITHOUT = "without"
"""Answer of a person who does not know the value and goes on without the value."""
log = structlog.get_logger(__name__)


async def discover(recorder: Recorder) -> bool:
    """Find the run's channel, and return whether the check can go on.

    The check cannot go on while a question is open. In that case the sign-in is kept.

    Raises:
        LeaseLostError: another worker has the run.
        SignInNeeded: the sign-in is over.
    """
    if not _is_to_be_found(recorder.run):
        return True
    if recorder.run.search is None:
        try:
            found = await discovery.Discovery(recorder.ctx).search()
        except DATA_ERRORS:
            log.exception("an answer that the search cannot read", run=recorder.run.id)
            found = Search(unread=True)
        recorder.append(Event(Kind.SEARCHED, now(), search=found))
    if open_questions(recorder.run):
        return False
    recorder.append(await _found(recorder.ctx))
    return True


def _is_to_be_found(run: Run) -> bool:
    return run.brief.discover and not run.discovered


def open_questions(run: Run) -> tuple[str, ...]:
    """Return the questions that wait for a person: APP, FORWARDING, both, or none."""
    search = run.search
    if search is None or search.unread or not _is_to_be_found(run):
        return ()
    missing = {APP: not search.certain, FORWARDING: not search.forwarding_address}
    return tuple(name for name, asks in missing.items() if asks and not run.answer(name))


def answers_to(run: Run, given: dict[str, str], by: str) -> tuple[Event, ...]:
    told = ({"question": each, "value": given.get(each) or WITHOUT} for each in open_questions(run))
    return tuple(Event(Kind.ANSWERED, now(), by=by, data=each) for each in told)


def is_client_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


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
    """Return the certain app, the chosen one, or the one with the typed client ID.

    An app that the directory does not know has no more than its client ID.
    """
    if found.certain:
        return found.apps[0]
    wanted = _answer(ctx.run, APP).lower()
    known = next((app for app in found.apps if app.client_id.lower() == wanted), None)
    if known or not wanted:
        return known or AppCandidate("", "")
    app = await discovery.if_readable(ctx.graph.application_by_app_id(wanted))
    return candidate(ctx, app, "") if app else AppCandidate(wanted, "")


def _answer(run: Run, question: str) -> str:
    answer = run.answer(question)
    return "" if answer == WITHOUT else answer


NEEDED = ("client_id", "callback_url", "forwarding_address")
"""Values without which a channel cannot be saved, because a fix would write an empty value."""


def missing(run: Run) -> tuple[str, ...]:
    channel = run.channel
    known = (run.fact("client_id"), channel.callback_url, channel.forwarding_address)
    return tuple(name for name, value in zip(NEEDED, known, strict=True) if not value)


def may_be_kept(run: Run) -> bool:
    found = run.brief.discover and run.discovered and run.checked is not None
    return found and not run.ended and not missing(run)


def keep(store: RunStore, run: Run, by: str, request: str = "") -> bool:
    """Record the channel in the run's space; return whether it is recorded now.

    ``request`` is the ID of the button press, or empty. Nothing is recorded if another run has the
    mailbox, because that channel may belong to other people.
    """
    known = store.channels.record(run.channel.mailbox)
    if known is not None or not may_be_kept(run):
        return known is not None and known.run == run.id
    store.end(run, Event(Kind.FINISHED, now(), by=by, request=request))
    return True


def is_by_hand(runs: Sequence[Run]) -> bool:
    """Return whether a channel was kept and not set up since; ``runs`` are ordered oldest first."""
    made = (
        run
        for run in reversed(runs)
        if run.ended is Kind.FINISHED and (run.kept or run.kind is RunKind.SETUP)
    )
    return next((run.kept for run in made), False)
