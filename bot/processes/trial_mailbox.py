"""Setup and undo of a test mailbox at the terminal, for ``trial --with-mailbox``.

The runs are like those of ``/setup-email`` and ``/undo``: Redis and the audit trail have every
change before it is made. If this process ends too early, the next one first undoes what is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from adaptive_cards.texts import render
from bot.queue import connect
from bot.queue.health import seen_workers
from bot.services import Services
from bot.settings import BotSettings
from bot.trial import Assumption, Seen, Verdict
from bot.web.oauth import FLOWS, Flow, new_state
from bot.webex.client import Webex
from jobs.advance import advance
from jobs.channel.connect_hosts import foreign_hosts
from jobs.channel.form import read_details
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.engine.undo import known, recall
from jobs.model import Channel, Person, RunKind, State
from jobs.next_action import blocking_steps
from jobs.runs.channel_index import AlreadyRunningError
from jobs.runs.run import FOREIGN_HOSTS, UNDOES, Event, Kind, Origin, Run, addresses, word_for
from jobs.runtime import install, no_listener
from jobs.settings import Settings
from jobs.steps import CHECK_LOGIN, all_steps, steps_of
from jobs.storage import generation
from jobs.storage.vault import Sealed

TERMINAL = Person("terminal", "terminal")
Ask = Callable[[str], str]
LONGEST = timedelta(minutes=30)
"""Longest time for which a run is waited for, such as until a change shows."""
ASKED = {
    "callback_url": "Call Back URL of Webex Connect's form: ",
    "forwarding_address": "Forwarding Address of Webex Connect's form: ",
}
SIGN_IN = (
    "Sign in as the administrator, at\n{url}\nThen paste the address that the browser ends at: "
)
APPROVE = "{object}: {before} -> {after}\n  {command}\n{mind}yes? "
FOR_GOOD = "This cannot be undone. "
WRONG = frozenset({State.WRONG, State.UNKNOWN})


class NoTrialError(Exception):
    """Error because a mailbox cannot be tried; the text says why and what to do."""


def services_of(bot: BotSettings, work: Settings) -> Services:
    """Return the parts that the runs need, without cards.

    Raises:
        NoTrialError: the bot's processes run, and would work on the runs, or the data is of another
            version.
    """
    redis = connect(bot.redis_url)
    if problem := generation.ensure_layout(redis):
        raise NoTrialError(problem)
    if seen_workers(redis):
        raise NoTrialError("The bot's workers run. Stop them first.")
    webex = Webex(bot.webex_access_token, bot.webex_api_url)
    return replace(Services.of(bot, work, redis, webex), listener=no_listener)


def set_up_and_undo(services: Services, mailbox: str, ask: Ask) -> Iterator[Seen]:
    """Connect the mailbox with the least privilege, undo that, and yield what each step has shown.

    Raises:
        NoTrialError: an input is wrong, or a run of the mailbox has not ended.
    """
    install(services)
    yield from _undone(services, mailbox, ask)
    typed = {name: ask(question).strip() for name, question in ASKED.items()}
    found = read_details(Channel(mailbox), {**typed, "profile": "least"})
    if found.channel is None:
        raise NoTrialError("\n".join(map(render, found.errors.values())))
    quick = Event(Kind.ANSWERED, now(), data={"question": CHECK_LOGIN, "value": "no"})
    run_id = _opened(services, found.channel, RunKind.SETUP, quick)
    try:
        yield from _seen(_played(services, run_id, ask))
    finally:
        _cancel(services, run_id)
    yield from _undone(services, mailbox, ask)


def _undone(services: Services, mailbox: str, ask: Ask) -> Iterator[Seen]:
    """Undo what setups of this command have changed, the newest first."""
    runs = services.store.runs_of_mailbox(mailbox)
    for run in reversed(runs):
        past = recall(runs, all_steps(), run.id) if run.requester == TERMINAL else ()
        if past and run.kind is RunKind.SETUP:
            data = known((*runs, run)) | {UNDOES: run.id}
            recalled = Event(Kind.RECALLED, now(), data=data, past=past)
            channel = replace(run.channel, tenant_id=run.tenant)
            yield from _seen(
                _played(services, _opened(services, channel, RunKind.UNDO, recalled), ask)
            )


def _cancel(services: Services, run_id: str) -> None:
    services.store.end(services.store.load(run_id), Event(Kind.CANCELLED, now()))
    for name in (Sealed.ADMIN_SESSION, Sealed.CLIENT_SECRET):
        services.vault.drop(name.of(run_id))


def _opened(services: Services, channel: Channel, kind: RunKind, *events: Event) -> str:
    """Open a run, and cancel one that an earlier process has left."""
    try:
        run = services.store.open(channel, TERMINAL, Origin(), kind)
    except AlreadyRunningError as busy:
        if services.store.load(busy.run).requester != TERMINAL:
            raise NoTrialError(f"Run {busy.run} of this mailbox has not ended.") from None
        _cancel(services, busy.run)
        return _opened(services, channel, kind, *events)
    services.store.append(run.id, Event(Kind.DETAILS, now(), channel=channel), *events)
    return run.id


def _played(services: Services, run_id: str, ask: Ask) -> Run:
    """Advance the run as long as the terminal or time can do it, and return the run."""
    end = now() + LONGEST
    while True:
        advance(run_id)
        run = services.store.load(run_id)
        lines = run.plan.changes if run.plan else ()
        times = [each.until for each in run.findings.values() if each.until]
        if run.ended:
            return run
        if run.account is None:
            _sign_in(services, run, ask)
        elif not all(map(run.approved, lines)) and (run.has_begun or not blocking_steps(run)):
            if not _approved(services, run, ask):
                return run
        elif times and min(times) < end:
            time.sleep(max((min(times) - now()).total_seconds(), 0))
        else:
            return run


def _sign_in(services: Services, run: Run, ask: Ask) -> None:
    """Sign in by the pages of ``/setup-email``, as often as it takes."""
    kind, wrong = "signin", ""
    while kind:
        flow = FLOWS[kind]
        try:
            url, kept = flow.start(services, run, new_state())
            address = urlsplit(ask(wrong + SIGN_IN.format(url=url)).strip())
            opened = Flow(kind, run.id, kept)
            came = flow.finish(services, run, opened, dict(parse_qsl(address.query)))
        except CloudError as error:
            kind, wrong = "signin", f"This did not work: {error.cause} {error.words}\n"
            continue
        kind, wrong = came.then, ""
        for sealed in came.sealed:
            services.vault.put(*sealed)
        if came.event:
            services.store.append(run.id, came.event)


def _approved(services: Services, run: Run, ask: Ask) -> bool:
    """Ask for each change and then approve the plan; one that is not wanted leaves all undone."""
    plan = run.plan
    foreign = " ".join(foreign_hosts(run, services.settings.connect_hosts))
    if plan is None or (foreign and ask(f"Not a host of Webex Connect: {foreign}. yes? ") != "yes"):
        return False
    for line in plan.changes:
        texts = {name: render(getattr(line, name)) for name in ("object", "before", "after")}
        mind = "" if line.reversible else FOR_GOOD
        asked = APPROVE.format(command=line.command, mind=mind, **texts)
        if not run.approved(line) and ask(asked) != "yes":
            return False
    data = (
        {"plan": plan.id} | addresses(run.channel) | ({FOREIGN_HOSTS: foreign} if foreign else {})
    )
    for scope in sorted({word_for(line.scope) for line in plan.changes}):
        services.store.append(run.id, Event(Kind.APPROVED, now(), data=data | {"scope": scope}))
    return True


def _seen(run: Run) -> Iterator[Seen]:
    """Yield what the run has shown of each change, and what it could not change or begin."""
    wrong = {name for name, each in run.findings.items() if each.state in WRONG}
    for name, step in steps_of(run).items():
        stopped = name in wrong and step.automatic if run.has_begun else name in blocking_steps(run)
        if name in run.changed or stopped:
            finding = run.findings[name]
            verdict = Verdict.HOLDS if finding.state is State.OK else Verdict.UNSEEN
            verdict = Verdict.FAILS if run.has_begun and name in wrong else verdict
            row = Assumption(f"The {run.kind} of {name} works", step.article_row, "", ())
            yield Seen(row, verdict, finding.cause, {})
