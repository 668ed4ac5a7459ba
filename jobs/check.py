"""Look at a channel: everything at once, with whatever access there is, and change nothing."""

from __future__ import annotations

from collections.abc import Callable

from redis import Redis

from jobs import app_access, eyes, session
from jobs.clock import now
from jobs.engine import Engine
from jobs.microsoft.errors import SignInNeeded
from jobs.model import Access, State
from jobs.probes import checks_for
from jobs.run import Event, Kind, Run
from jobs.runtime import Runtime
from jobs.step import Step
from jobs.store import Store
from jobs.trouble import NEEDS_SIGN_IN, NOT_AT_EXCHANGE, NOT_BY_ITSELF

GO_WITH_SIGN_IN = (NEEDS_SIGN_IN, NOT_BY_ITSELF, NOT_AT_EXCHANGE)


async def look(runtime: Runtime, run: Run, holds: Callable[[], bool]) -> int:
    """Every fact of the channel, once; again when somebody has signed in, or the tenant has let the bot read by itself. The version then."""
    if run.checked is not None:
        return run.version
    if not await _signed_in(runtime, run, holds):
        await _by_itself(runtime, runtime.store.load(run.id), holds)
    runtime.store.append(run.id, Event(Kind.CHECKED, now()))
    runtime.store.remember_check(run.channel.mailbox, run.id)
    return runtime.store.length(run.id)


async def _signed_in(runtime: Runtime, run: Run, holds: Callable[[], bool]) -> bool:
    """With an administrator's sign-in; False where nobody is signed in, or not any more."""
    if run.account is None:
        return False
    try:
        async with session.clouds(runtime, run, run.account) as ctx:
            await Engine(ctx, steps_of(run), runtime.listener, holds).check({Access.NONE, Access.ADMIN})
    except SignInNeeded as error:
        data = {"cause": error.cause, "code": error.code}
        runtime.store.append(run.id, Event(Kind.SIGNED_OUT, now(), data=data))
        return False
    session.forget(runtime, run.id)
    return True


async def _by_itself(runtime: Runtime, run: Run, holds: Callable[[], bool]) -> None:
    """With what needs no sign-in, and with the bot's own read access where the tenant grants it."""
    async with eyes.opened(runtime, run.channel.tenant_id) as seen:
        await Engine(seen.context(run, runtime.store), steps_of(run), runtime.listener, holds).check(seen.allowed)
    if ended := seen.ended():
        runtime.store.append(run.id, ended)


def steps_of(run: Run) -> dict[str, Step]:
    """What a check looks at."""
    return checks_for(run.channel.profile)


def facts_for(store: Store, mailbox: str) -> dict[str, str]:
    """What the channel's setup found out and a check needs without a sign-in: ids and a time, nothing secret."""
    record = store.record(mailbox)
    try:
        setup = store.load(record.run if record else "")
    except LookupError:
        return {}
    token = setup.answers.get("token_saved")
    facts = {"upn": setup.fact("upn"), "client_id": setup.fact("client_id"), "token_at": token.at.isoformat() if token else ""}
    return {name: value for name, value in facts.items() if value}


def may_sign_in(run: Run) -> bool:
    """Whether a sign-in would show more."""
    return run.account is None and any(f.state is State.SKIPPED and f.seen in GO_WITH_SIGN_IN for f in run.findings.values())


def may_be_granted(redis: Redis, run: Run) -> bool:
    """Whether the tenant, which is known, could let the bot look by itself at what it has to leave out now."""
    tenant = run.channel.tenant_id
    return bool(tenant) and may_sign_in(run) and app_access.known(redis, tenant) is None
