"""Processes and signals: a child that does not outlive its parent, and waiting for a signal without polling."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

PR_SET_PDEATHSIG = 1
STOPS = frozenset({signal.SIGTERM, signal.SIGINT})


def die_with_parent(parent: int, sig: signal.Signals) -> None:
    """Called in a new child: when the process ``parent`` dies, the kernel sends ``sig``. Does nothing where there is no Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sig)
    if os.getppid() != parent:  # it died before we asked
        signal.raise_signal(sig)


def dying_with_me(sig: signal.Signals) -> partial[None]:
    """``die_with_parent`` for ``subprocess``: called here, run in the child."""
    return partial(die_with_parent, os.getpid(), sig)


@contextmanager
def signals_blocked(signals: frozenset[signal.Signals]) -> Iterator[None]:
    """Within, these signals and the alarm wait until :func:`wait_for` fetches them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals | {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wait_for(signals: frozenset[signal.Signals], seconds: float | None = None) -> signal.Signals:
    """Wait for one of the signals, which are blocked. SIGALRM is the answer when the seconds are over, and now and then before."""
    if seconds is not None:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        return signal.Signals(signal.sigwait(signals | {signal.SIGALRM}))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
