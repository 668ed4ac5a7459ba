"""Access with which a check would see more: another sign-in, or a grant of the tenant.

The web process asks this as well, so this module imports neither the engine nor the probes.
"""

from __future__ import annotations

from redis import Redis

from jobs.access import app_access
from jobs.engine.inspector import lacks_role, needs_sign_in
from jobs.runs.run import Run


def may_sign_in(run: Run) -> bool:
    """Return whether a sign-in would show more facts than the run has now.

    That is the case before the first sign-in, or after a finished check if somebody with more roles
    signs in.
    """
    if run.account is not None:
        return run.checked is not None and lacks_role(run)
    return any(map(needs_sign_in, run.findings.values()))


def may_be_granted(redis: Redis, run: Run) -> bool:
    """Return whether the tenant could grant the bot access to facts that are skipped now.

    The tenant must be known, and must not have granted access already.
    """
    tenant = run.channel.tenant_id
    return (
        bool(tenant)
        and run.account is None
        and may_sign_in(run)
        and app_access.grant_for(redis, tenant) is None
    )
