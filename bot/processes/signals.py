"""Helpers for processes and signals.

A child does not outlive its parent, and a process waits for a signal without polling.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PR_SET_PDEATHSIG = 1
STOPS = frozenset({signal.SIGTERM, signal.SIGINT})


def die_with_parent(parent: int, sig: signal.Signals) -> None:
    """Have the kernel send ``sig`` to this process when the process ``parent`` dies.

    A new child calls this function. On systems other than Linux the kernel is not asked.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sig)
    if os.getppid() != parent:  # the parent died before the request
        signal.raise_signal(sig)


@contextmanager
def signals_blocked(signals: frozenset[signal.Signals]) -> Iterator[None]:
    """Block these signals and the alarm within the context, so that :func:`wait_for` gets them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals | {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wait_for(signals: frozenset[signal.Signals], seconds: float | None = None) -> signal.Signals:
    """Wait for one of the signals, which must be blocked, and return it.

    The result is SIGALRM once ``seconds`` have passed, and occasionally earlier.
    """
    if seconds is not None:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        return signal.Signals(signal.sigwait(signals | {signal.SIGALRM}))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
