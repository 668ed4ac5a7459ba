"""Practice space in a browser (``python -m practice play``), until Ctrl-C."""

import contextlib
import fcntl
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from practice.page import packages
from practice.page.host import PracticeSpace, real_settings
from practice.page.machine import MissingError
from practice.page.server import PortTakenError
from practice.stack import NotStartedError

PACE_S = 0.3


class AlreadyRunsError(RuntimeError):
    """Error because another practice space runs in this checkout.

    The text of the error is the address of that space.
    """


def play(port: int, folder: Path) -> int:
    """Start the space, print its address, wait for Ctrl-C, and stop it.

    Return 0 after success, or 1 after a failure, with a printed reason.
    """
    if names := real_settings():
        return _refuse(
            "The practice space does not start next to a real installation. Unset "
            f"these first: {', '.join(names)}"
        )
    try:
        with _checkout_lock(folder, port):
            _say("The practice space starts. First the packages of the page ...")
            packages.ensure()
            return _run(PracticeSpace(folder / "run", port))
    except AlreadyRunsError as error:
        return _refuse(
            f"The practice space runs already: {error}. Open it there, or stop it "
            "with Ctrl-C in its terminal."
        )
    except PortTakenError:
        return _refuse(
            f"Port {port} is taken by another program. Choose another one: make practice PORT={port + 1}"
        )
    except (MissingError, NotStartedError) as error:
        return _refuse(str(error))


def _run(space: PracticeSpace) -> int:
    stopped, started = threading.Event(), time.monotonic()
    url = space.open()
    try:
        with _signals(stopped):
            _start(space, stopped)
            if not stopped.is_set():
                _say(
                    f"Ready after {time.monotonic() - started:.0f} s. Open this "
                    f"address in a browser on this machine:\n\n    {url}\n"
                )
                _say(f"Ctrl-C stops everything. Logs: {space.folder}")
            stopped.wait()
    finally:
        with _signals(threading.Event()):
            _say("Stopping ...")
            space.stop()
    _say("Everything is stopped.")
    return 0


def _start(space: PracticeSpace, stopped: threading.Event) -> None:
    """Start the practice space in a thread, and print each process that is up.

    Because of the thread, Ctrl-C works during the start.
    """
    failed: list[Exception] = []

    def work() -> None:
        try:
            space.start()
        except Exception as error:  # noqa: BLE001 - raised again below, in the main thread
            failed.append(error)

    thread = threading.Thread(target=work, name="start")
    thread.start()
    told: set[str] = set()
    while thread.is_alive() and not stopped.is_set():
        thread.join(PACE_S)
        for item in space.shown():
            if item["pid"] and item["name"] not in told:
                told.add(item["name"])
                _say(f"  {item['name']:8} process {item['pid']}")
    thread.join()
    if failed and not stopped.is_set():
        raise failed[0]


@contextlib.contextmanager
def _signals(stopped: threading.Event) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {
        number: signal.signal(number, stop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _checkout_lock(folder: Path, port: int) -> Iterator[None]:
    """Hold the lock that allows only one practice space in a checkout.

    Raises:
        AlreadyRunsError: when another process holds it; its text is the address that the holder wrote.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise AlreadyRunsError(held.read().strip()) from None
        held.truncate(0)
        held.write(f"http://127.0.0.1:{port}")
        held.flush()
        yield


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _refuse(text: str) -> int:
    sys.stderr.write(text + "\n")
    return 1
