"""Hosts of a plan's addresses that are not Webex Connect's, which an approver confirms by name."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.channel.connect_hosts import ConnectHosts
from jobs.model import RunKind
from jobs.runs.plan import FOREIGN_HOSTS
from jobs.runs.run import Reply, Run


def foreign_hosts(run: Run, connect_hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the plan's hosts outside CONNECT_HOSTS; an undo has none, as it takes them away."""
    if run.kind is RunKind.UNDO:
        return ()
    return ConnectHosts(tuple(connect_hosts)).foreign(run.channel)


def unconfirmed_hosts(run: Run, connect_hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts that an approver must still confirm before the plan can be approved."""
    confirmed = run.answer(FOREIGN_HOSTS).split()
    return tuple(host for host in foreign_hosts(run, connect_hosts) if host not in confirmed)


def confirmation(run: Run) -> Reply | None:
    """Return who confirmed the hosts, and when; None as long as nobody has."""
    return run.answers.get(FOREIGN_HOSTS)
