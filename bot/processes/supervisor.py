"""Process that keeps other processes alive, and the periodic tasks of processes.

A dead child is started again. SIGTERM lets all children finish. Meanwhile short tasks run in this
process. It has no thread, because it forks.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

PR_SET_PDEATHSIG = 1
STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
CHILD = frozenset({signal.SIGCHLD})
STOPPING = (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL)
PATIENCE_S = {False: (18.0, 3.0, 2.0), True: (3.0, 1.0, 1.0)}
"""Seconds to wait after each of :data:`STOPPING`, by ``Role.stops_last``: less than 30 in total."""
SHORT_LIFE_S = 5.0
PAUSE_S = 1.0
RETRY_S = 30.0
REFUSED = 2
"""Exit code of a child that can never do its work, as with bad settings; then all are stopped."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Role:
    """Child process; one with ``stops_last`` is needed by the others until they have finished."""

    name: str
    run: Callable[[], int]
    stops_last: bool = False


class Supervisor:
    """Runner of every role in its own process.

    ``tick`` is called again after the seconds that it returned, or earlier. It is told whether a
    child has died since.
    """

    def __init__(self, roles: tuple[Role, ...], tick: Callable[[bool], float]) -> None:
        self._tick = tick
        self._started_first = sorted(roles, key=lambda role: not role.stops_last)
        self._children: dict[int, tuple[Role, float]] = {}

    def run(self) -> int:
        """Run every role until SIGTERM or Ctrl+C, and return 0 when all have ended.

        The result is :data:`REFUSED` if a child or ``tick`` gave up for good.
        """
        code = 0
        signal.pthread_sigmask(signal.SIG_BLOCK, {*STOPS, *CHILD, signal.SIGALRM})
        try:
            for role in self._started_first:
                self._start(role)
            died, short = False, dict[Role, bool]()
            while (came := _wait_for(STOPS | CHILD, self._tick(died))) not in STOPS:
                died = came in CHILD
                for role, born, status in self._reap():
                    if status == REFUSED:
                        sys.exit(REFUSED)
                    log.warning("child died", role=role.name)
                    before, short[role] = short.get(role), time.monotonic() - born < SHORT_LIFE_S
                    if before and short[role]:
                        time.sleep(PAUSE_S)  # avoid a busy loop of restarts
                    self._start(role)
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

    def _reap(self) -> list[tuple[Role, float, int]]:
        """Return the roles that ended, with their start times and exit codes."""
        dead = []
        while self._children and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            if pid in self._children:  # another child, as of a killed worker, has no role
                dead.append((*self._children.pop(pid), os.waitstatus_to_exitcode(status)))
        return dead

    def _stop(self, *, last: bool) -> None:
        """Send SIGTERM, then SIGTERM again (RQ then stops the job as well), then SIGKILL.

        An interrupted job starts again with the next worker.
        """
        for sig, patience in zip(STOPPING, PATIENCE_S[last], strict=True):
            until = time.monotonic() + patience
            for pid in self._alive(last=last):
                os.kill(pid, sig)
            self._reap()
            while self._alive(last=last) and (left := until - time.monotonic()) > 0:
                _wait_for(CHILD, left)
                self._reap()

    def _alive(self, *, last: bool) -> list[int]:
        return [pid for pid, (role, _) in self._children.items() if role.stops_last == last]


def _run(role: Role, supervisor: int) -> int:
    """Run the child from start to end and return its exit code.

    On Linux the kernel stops the child when the process ``supervisor`` dies.
    """
    try:
        for sig in STOPS:
            signal.signal(sig, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the parent has blocked signals
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != supervisor:  # it died before the request
            signal.raise_signal(signal.SIGTERM)
        return role.run()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    except BaseException:  # the child must not continue in the parent's code
        log.exception("child failed", role=role.name)
        return 1


def _wait_for(signals: frozenset[signal.Signals], seconds: float) -> signal.Signals:
    # The signals must be blocked. SIGALRM comes after the seconds, and occasionally earlier.
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        return signal.Signals(signal.sigwait(signals | {signal.SIGALRM}))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@dataclass(slots=True)
class _Timer:
    seconds: float
    function: Callable[[], float | None]
    due: float = 0.0


class Timers:
    """List of periodic tasks, which run one after the other; each runs for the first time at once.

    ``done`` has the name and interval of each task whose last round did not fail. Its reader
    empties it.
    """

    def __init__(self) -> None:
        self._timers: list[_Timer] = []
        self.done: dict[str, float] = {}

    def every(self, seconds: float, function: Callable[[], float | None]) -> None:
        # After an error the function runs again within 30 seconds.
        self._timers.append(_Timer(seconds, function))

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Run the tasks in a thread within the context; at its end, a running task may finish."""
        over = threading.Event()

        def run() -> None:
            while not over.wait(self.tick()):
                pass

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def tick(self, every: bool = False) -> float:  # noqa: FBT001, FBT002  a call tells it alone
        """Run the tasks that are due, or all, and return the seconds until the next one is due.

        A blocked signal that has come goes first: the other tasks are left to the next call.
        """
        for timer in self._timers:
            if (every or timer.due <= time.monotonic()) and not signal.sigpending():
                timer.due = time.monotonic() + self._do(timer)
        return min(timer.due for timer in self._timers) - time.monotonic()

    def _do(self, timer: _Timer) -> float:
        named = getattr(timer.function, "func", timer.function)
        name = str(getattr(named, "__qualname__", type(named).__name__))
        try:
            wait_s = timer.function()
        except Exception:
            log.exception("timer failed", timer=name)
            return min(timer.seconds, RETRY_S)
        self.done[name] = timer.seconds
        return timer.seconds if wait_s is None else wait_s
