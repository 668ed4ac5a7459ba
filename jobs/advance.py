"""RQ entry point: advance a run as far as possible, then free the worker."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from redis import Redis
from redis.exceptions import RedisError
from structlog.contextvars import bound_contextvars

from jobs.access import mailbox_login, tenants
from jobs.causes.cause import Cause
from jobs.checks import bulk, check
from jobs.clock import now
from jobs.clouds import calls
from jobs.clouds.errors import SignInNeeded
from jobs.clouds.http import run_job
from jobs.engine.engine import Engine, StoppingError
from jobs.engine.findings import is_due
from jobs.model import CHECKS, RunKind, State
from jobs.next_action import blocking_steps
from jobs.runs import trust
from jobs.runs.event_log import HISTORY, ForeignRunError, foreign_event
from jobs.runs.run import AttemptOverError, Event, Kind, Run, RunGoneError, new_reference
from jobs.runtime import Runtime, current
from jobs.steps import missing_permissions, steps_of
from jobs.storage import keys
from jobs.storage.locks import RenewedLock
from jobs.watch.store import Watching

BUSY_S = 1
UNEXPECTED_TRIES, UNEXPECTED_S = 3, 15

log = structlog.get_logger(__name__)


class OthersAtWorkError(Exception):
    """Error because a worker still has an ended run of the mailbox: its call may be under way."""


def advance(run_id: str) -> None:
    """Do everything for the run that can be done now.

    This job may run twice, or die anywhere, without doing anything twice. If another worker has the
    run, the job is tried again a moment later.
    """
    runtime = current(Runtime)
    with bound_contextvars(run=run_id), runtime.store.lease(run_id) as lease:
        if lease is None:
            runtime.store.schedule.add(run_id, now() + timedelta(seconds=BUSY_S))
            return
        lease.renew()
        held = replace(runtime, store=runtime.store.held_by(lease))
        if not _may_begin(held, run_id):
            return
        try:
            _attempt(held, lease, run_id)
        finally:
            with suppress(RedisError):
                end_attempt(runtime.store.redis, run_id)


def _may_begin(runtime: Runtime, run_id: str) -> bool:
    wait = 0.0
    with suppress(RunGoneError):  # which the attempt will find, too
        wait = begin_attempt(runtime.store.redis, runtime.store.load(run_id))
    if wait == GIVEN_UP:  # so that the workers can serve other runs
        reference = new_reference()
        log.critical(
            "run given up: its processes were killed, one after the other",
            run=run_id,
            reference=reference,
            to_do="look for out of memory in the system's log, and give the worker more memory",
        )
        with suppress(AttemptOverError):
            _problem(runtime, run_id, Cause.UNEXPECTED, reference)
            _fail(runtime, run_id, reference)
            end_attempt(runtime.store.redis, run_id)
    elif wait:
        log.warning("killed again and again; the run is put off", run=run_id, seconds=wait)
        runtime.store.schedule.add(run_id, now() + timedelta(seconds=wait))
    return not wait


def _attempt(runtime: Runtime, lease: RenewedLock, run_id: str) -> None:
    """Work on the run while the lease is current; losing it is no error of the run."""
    begun = now()
    try:
        try:
            # every call that may change something asks for the lease, and whether the run goes on
            with calls.guarded(lambda: runtime.store.confirm(run_id)):
                seen = run_job(_work(runtime, lease, run_id))
        finally:
            lease.stop_renewing()  # before the run gets its next date
        finish_or_reschedule(runtime, run_id, seen, begun)
    except OthersAtWorkError:
        runtime.store.schedule.add(run_id, now() + timedelta(seconds=BUSY_S))
    except StoppingError:
        runtime.store.schedule.add(run_id, now())  # the next available worker continues
    except AttemptOverError as over:
        log.info("this attempt on the run is over", run=run_id, why=type(over).__name__)
        with suppress(RunGoneError):
            if runtime.store.load(run_id).ended:
                _close_sign_ins(runtime, run_id)
    except trust.UntrustedError as error:
        log.critical(
            "the audit trail contradicts the run", run=run_id, cause=error.cause, code=error.code
        )
        with suppress(AttemptOverError):
            _problem(runtime, run_id, error.cause, error.code)
            _fail(runtime, run_id, error.cause)
    except ForeignRunError:
        trust.stop(runtime.store, run_id, 1)
    except RunGoneError:
        log.warning("no such run", run=run_id)
        runtime.store.schedule.remove(run_id)
    except RedisError:
        log.warning("Redis is away; the run goes on when it is back", run=run_id)
        raise  # not the run's fault: it stays on the queue of what is due
    except Exception as error:  # noqa: BLE001  a bug of ours must not block the queue
        with suppress(AttemptOverError):
            _unexpected(runtime, run_id, error)


async def _work(runtime: Runtime, lease: RenewedLock, run_id: str) -> int:
    """Work on the run until it is blocked, and return the version up to which all was seen."""
    run = runtime.store.load(run_id)
    if run.ended or not run.detailed:
        return run.version
    if gap := run.problems.get(HISTORY):
        mailbox = run.channel.mailbox
        log.error("the run's history has a gap", run=run_id, mailbox=mailbox, entry=gap.code)
    if run.kind not in CHECKS:
        trust.require_newest(runtime.store, run.id)
        if runtime.store.others_at_work(run):
            raise OthersAtWorkError(run.id)
    if run.running:  # steps that a killed worker left running
        runtime.store.append(run_id, Event(Kind.RESUMED, now()))
        run = runtime.store.load(run_id)

    def holds() -> bool:
        return not lease.lost

    checks = {RunKind.CHECK: check.run_check, RunKind.BULK_CHECK: bulk.check_all}
    if look := checks.get(run.kind):
        return await look(runtime, run, holds)
    if run.account is None:
        return run.version
    try:
        async with tenants.open_clients(runtime, run, run.account) as ctx:
            engine = Engine(ctx, steps_of(run), runtime.listener, holds, runtime.shutdown)
            await engine.look_at_made()
            await plan_and_apply(engine)
            return engine.seen
    except SignInNeeded as error:
        tenants.end_session(runtime, run.id, error)
        return runtime.store.load(run.id).version


async def plan_and_apply(engine: Engine) -> None:
    """Plan the missing changes, and apply the plan.

    The plan must be approved at least in part, or have nothing to approve or to block it.

    Raises:
        SignInNeeded: the signed-in tenant is not the channel's, or the approved plan needs more
            permissions than the sign-in asked for.
    """
    run = engine.run
    if run.plan is None or any(is_due(run.findings[name]) for name in blocking_steps(run)):
        await engine.make_plan()
    run = engine.run
    if not run.has_begun and run.state_of("tenant") is State.WRONG:
        raise SignInNeeded(Cause.WRONG_TENANT, "entra", code=run.channel.domain)
    if run.plan and (run.has_begun or not (run.plan.changes or blocking_steps(run))):
        if lacking := missing_permissions(run):
            raise SignInNeeded(Cause.MORE_PERMISSIONS_NEEDED, "entra", code=", ".join(lacking))
        await engine.apply_plan()


def finish_or_reschedule(runtime: Runtime, run_id: str, seen: int, begun: datetime) -> None:
    """End the run if every step is settled, or else schedule its next look.

    If something happened after ``seen``, the version that was worked on, the run is due at once. A
    step that was due when the work had ``begun``, and still is, waits for others and not for time.
    """
    run = runtime.store.load(run_id)
    if run.plan and not run.ended and all(map(run.settled, steps_of(run))):
        for card in Watching(runtime.store.redis, runtime.store.authenticator).finish(run, now()):
            runtime.listener(card)
        runtime.store.end(run, Event(Kind.FINISHED, now()))
        tenants.drop_session(runtime, run_id)
    else:
        _schedule_next_look(runtime, run, begun)
    if not run.ended and runtime.store.length(run_id) != seen:
        # also for a run that has just ended: its next look closes the login
        runtime.store.schedule.add(run_id, now())
    if run.ended:
        mailbox_login.close(runtime.vault, run_id)
    if place := foreign_event(run):
        trust.stop(runtime.store, run.id, place, run.channel.mailbox)
        tenants.drop_session(runtime, run.id)
    runtime.listener(run_id)


def _schedule_next_look(runtime: Runtime, run: Run, begun: datetime) -> None:
    times = [each.until for each in run.findings.values() if each.until and each.until > begun]
    if times and run.account and not (run.ended or run.checked):
        runtime.store.schedule.add(run.id, min(times))
    else:
        runtime.store.schedule.remove(run.id)


def _unexpected(runtime: Runtime, run_id: str, error: Exception) -> None:
    """Report the error with a reference, and retry a few times; then the run ends."""
    reference, store = new_reference(), runtime.store
    log.error("run failed unexpectedly", run=run_id, reference=reference, exc_info=error)
    _problem(runtime, run_id, Cause.UNEXPECTED, reference)
    problems = (event for event in store.events(run_id) if event.kind is Kind.PROBLEM)
    if sum(event.data.get("question") == "run" for event in problems) < UNEXPECTED_TRIES:
        runtime.store.schedule.add(run_id, now() + timedelta(seconds=UNEXPECTED_S))
        runtime.listener(run_id)
    else:
        _fail(runtime, run_id, reference)


def _problem(runtime: Runtime, run_id: str, cause: str, code: str) -> None:
    data = {"question": "run", "cause": cause, "code": code}
    runtime.store.append(run_id, Event(Kind.PROBLEM, now(), data=data))


def _fail(runtime: Runtime, run_id: str, reference: str) -> None:
    store, run = runtime.store, runtime.store.load(run_id)
    store.end(run, Event(Kind.FAILED, now(), data={"reference": reference}))
    Watching(store.redis, store.authenticator).look_after(run)
    _close_sign_ins(runtime, run_id)
    runtime.listener(run_id)


def _close_sign_ins(runtime: Runtime, run_id: str) -> None:
    tenants.drop_session(runtime, run_id)
    mailbox_login.close(runtime.vault, run_id)


DEATH_PAUSES_S = {4: 15.0, 5: 60.0, 6: 300.0}
"""Seconds to wait after the last attempt began, by the number of killed processes in a row."""
MOST_DEATHS = 7
"""Number of killed processes in a row after which the run is given up."""
DEATHS_KEPT_S = 24 * 3600
GIVEN_UP = float("inf")
"""Wait of a run that ends, because every process that worked on it was killed."""


def begin_attempt(redis: Redis, run: Run) -> float:
    """Count an attempt and return 0, or return the seconds to wait, or :data:`GIVEN_UP`.

    A process that is killed, for example for lack of memory, says nothing. So every attempt is
    counted before it begins, and the count is dropped when it ends. The run itself may cause deaths
    in a row without a newly settled step in between, and would kill the workers in a loop.
    """
    key, settled = keys.run_mark(run.id, "deaths"), sum(map(run.settled, run.findings))
    count, at, before = (float(each or 0) for each in redis.hmget(key, ["count", "at", "settled"]))
    deaths = int(count) if settled <= before else 0
    if deaths >= MOST_DEATHS:
        return GIVEN_UP
    moment = now().timestamp()
    pause = DEATH_PAUSES_S.get(deaths, 0.0)
    if 0 < (wait := at + pause - moment) <= pause:  # or else the clock was set back
        return wait
    with redis.pipeline() as pipe:
        pipe.hset(key, mapping={"count": deaths + 1, "at": moment, "settled": settled})
        pipe.expire(key, DEATHS_KEPT_S)
        pipe.execute()
    return 0.0


def end_attempt(redis: Redis, run_id: str) -> None:
    redis.delete(keys.run_mark(run_id, "deaths"))
