"""Process that keeps other processes alive.

A dead child is started again. SIGTERM lets all children finish. Meanwhile short tasks run in this process. It
has no thread, because it forks.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

PR_SET_PDEATHSIG = 1
STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
CHILD = frozenset({signal.SIGCHLD})
PATIENCE_S = {False: (18.0, 3.0, 2.0), True: (3.0, 1.0, 1.0)}
"""Seconds to wait after SIGTERM, a second SIGTERM and SIGKILL, keyed by ``Role.stops_last``.

Roles that are stopped last have less time. The total is less than 30 seconds.
"""
SHORT_LIFE_S = 5.0
PAUSE_S = 1.0
IDLE_S = 60.0
REFUSED = 2
"""Exit code of a child that can never do its work, for example with bad settings.

All children are then stopped.
"""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Role:
    """Child process with its name and the function that it runs.

    Roles with ``stops_last`` are stopped after the others, which need them to finish.
    """

    name: str
    run: Callable[[], int]
    stops_last: bool = False


class Supervisor:
    """Runner of every role in its own process until SIGTERM or Ctrl+C.

    ``tick`` is called again after the seconds that it returned, or earlier. It is told whether a child
    has died since.
    """

    def __init__(
        self, roles: tuple[Role, ...], tick: Callable[[bool], float] = lambda _: IDLE_S
    ) -> None:
        self._tick = tick
        self._roles = sorted(
            roles, key=lambda role: not role.stops_last
        )  # roles that are stopped last are started first
        self._children: dict[int, tuple[Role, float]] = {}

    def run(self) -> int:
        """Run every role until SIGTERM or Ctrl+C.

        Return 0 when all have ended, or :data:`REFUSED` if a child or ``tick`` gave up for good.
        """
        code = 0
        with _signals_blocked(STOPS | CHILD):
            try:
                for role in self._roles:
                    self._start(role)
                died = False
                while (came := _wait_for(STOPS | CHILD, self._tick(died))) not in STOPS:
                    if died := came in CHILD:
                        self._restart()
            except SystemExit:
                code = REFUSED
            log.info("stopping")
            self._stop(last=False)
            self._stop(last=True)
        return code

    def _start(self, role: Role) -> None:
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            os._exit(_run(role, supervisor))
        self._children[pid] = (role, time.monotonic())

    def _restart(self) -> None:
        for role, born, code in self._reap():
            if code == REFUSED:
                raise SystemExit(REFUSED)
            log.warning("child died", role=role.name)
            if time.monotonic() - born < SHORT_LIFE_S:
                time.sleep(PAUSE_S)  # avoid a busy loop of restarts
            self._start(role)

    def _reap(self) -> list[tuple[Role, float, int]]:
        """Return the roles that ended, with their start times and exit codes.

        Another process may be among the children, such as the work horse of a killed worker. It
        has no role and is skipped.
        """
        dead = []
        while self._children and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            if pid in self._children:
                dead.append((*self._children.pop(pid), os.waitstatus_to_exitcode(status)))
        return dead

    def _stop(self, *, last: bool) -> None:
        """Send SIGTERM, then SIGTERM again (RQ then stops the job as well), then SIGKILL.

        An interrupted job starts again with the next worker.
        """
        for sig, patience in zip(
            (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL), PATIENCE_S[last], strict=True
        ):
            for pid in self._alive(last=last):
                os.kill(pid, sig)
            self._wait(time.monotonic() + patience, last=last)

    def _wait(self, until: float, *, last: bool) -> None:
        self._reap()
        while self._alive(last=last) and (left := until - time.monotonic()) > 0:
            _wait_for(CHILD, left)
            self._reap()

    def _alive(self, *, last: bool) -> list[int]:
        return [pid for pid, (role, _) in self._children.items() if role.stops_last == last]


def _run(role: Role, supervisor: int) -> int:
    """Run the child from start to end and return its exit code."""
    try:
        _take_signals()
        _die_with_parent(supervisor, signal.SIGTERM)
        return role.run()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    except BaseException:  # the child must not continue in the parent's code
        log.exception("child failed", role=role.name)
        return 1


def _die_with_parent(parent: int, sig: signal.Signals) -> None:
    """Have the kernel send ``sig`` to this process when the process ``parent`` dies.

    A new child calls this function. On systems other than Linux the kernel is not asked.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sig)
    if os.getppid() != parent:  # the parent died before the request
        signal.raise_signal(sig)


def _take_signals() -> None:
    """Let SIGTERM and Ctrl+C stop this process, although its parent has blocked both signals."""
    for sig in STOPS:
        signal.signal(sig, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


@contextmanager
def _signals_blocked(signals: frozenset[signal.Signals]) -> Iterator[None]:
    """Block these signals and the alarm within the context, so that :func:`_wait_for` gets them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals | {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait_for(signals: frozenset[signal.Signals], seconds: float | None = None) -> signal.Signals:
    """Wait for one of the signals, which must be blocked, and return it.

    The result is SIGALRM once ``seconds`` have passed, and occasionally earlier.
    """
    if seconds is not None:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        return signal.Signals(signal.sigwait(signals | {signal.SIGALRM}))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
