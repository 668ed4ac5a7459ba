"""Look at a channel: everything at once, with whatever access there is, and change nothing."""

from __future__ import annotations

from collections.abc import Callable

from jobs import session
from jobs.clock import now
from jobs.engine import Engine
from jobs.microsoft.errors import SignInNeeded
from jobs.model import Access, State
from jobs.probes import checks_for
from jobs.run import Event, Kind, Run
from jobs.runtime import Runtime
from jobs.step import Step


async def look(runtime: Runtime, run: Run, holds: Callable[[], bool]) -> int:
    """Every fact of the channel, once; again when somebody has signed in since, with all that they may see. The version then."""
    if run.checked is not None:
        return run.version
    if run.account is not None:
        try:
            async with session.clouds(runtime, run, run.account) as ctx:
                await Engine(ctx, steps_of(run), runtime.listener, holds).check({Access.NONE, Access.ADMIN})
        except SignInNeeded as error:
            data = {"cause": error.cause, "code": error.code}
            runtime.store.append(run.id, Event(Kind.SIGNED_OUT, now(), data=data))
        session.forget(runtime, run.id)
    else:
        async with session.nobody(runtime, run) as ctx:
            await Engine(ctx, steps_of(run), runtime.listener, holds).check({Access.NONE})
    runtime.store.append(run.id, Event(Kind.CHECKED, now()))
    runtime.store.remember_check(run.channel.mailbox, run.id)
    return runtime.store.length(run.id)


def steps_of(run: Run) -> dict[str, Step]:
    """What a check looks at."""
    return checks_for(run.channel.profile)


def may_sign_in(run: Run) -> bool:
    """Whether a sign-in would show more."""
    steps = steps_of(run)
    return run.account is None and any(
        f.state is State.SKIPPED and steps[n].access is Access.ADMIN for n, f in run.findings.items() if n in steps
    )
