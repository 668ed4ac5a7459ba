import os
import signal
import time
from functools import partial
from pathlib import Path

from bot.processes.supervisor import PATIENCE_S, PAUSE_S, Timers
from tests.fixtures.waiting import LIMIT_S, until

SUPERVISED = """
import signal, sys, time
from pathlib import Path
from bot.processes.supervisor import Role, Supervisor

folder = Path(sys.argv[1])

def note(name):
    with (folder / name).open("a") as file:
        file.write(f"{__import__('os').getpid()} {time.monotonic()}\\n")

def patient():
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    note("patient")
    while not stopped:
        time.sleep(0.02)
    time.sleep(0.5)
    note("order"); (folder / "finished").write_text("patient")
    return 0

def last():
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    note("last")
    while not stopped:
        time.sleep(0.02)
    done = folder / "finished"
    (folder / "last-saw").write_text(done.read_text() if done.exists() else "nothing")
    return 0

def failing():
    note("failing")
    raise RuntimeError("on purpose")

roles = {
    "patient": Role("patient", patient),
    "last": Role("last", last, stops_last=True),
    "failing": Role("failing", failing),
}
sys.exit(Supervisor(tuple(roles[name] for name in sys.argv[2:]), lambda _: 60.0).run())
"""
TIMED = """
import sys, time
from pathlib import Path
from bot.processes.supervisor import Supervisor, Timers

def slow():
    Path(sys.argv[1]).write_text("began")
    time.sleep(0.6)
    Path(sys.argv[1]).write_text("ended")

timers = Timers()
timers.every(3600, slow)
sys.exit(Supervisor((), timers.tick).run())
"""


def pids(file, count):
    """Wait until a file has so many lines, and return the process ids in it."""
    until(
        lambda: file.exists() and len(file.read_text().splitlines()) >= count,
        f"line {count} of {file.name}",
    )
    return [int(line.split()[0]) for line in file.read_text().splitlines()]


def is_alive(pid):
    """Return whether a process runs; a zombie does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_killed_child_is_started_again(spawn, tmp_path):
    """The supervisor starts a new child for one that was killed with SIGKILL."""
    spawn("-c", SUPERVISED, tmp_path, "patient")
    first = pids(tmp_path / "patient", 1)[0]
    os.kill(first, signal.SIGKILL)
    second = pids(tmp_path / "patient", 2)[1]
    assert (first != second, is_alive(first), is_alive(second)) == (True, False, True)


def test_sigterm_lets_children_finish_and_the_last_role_goes_last(spawn, tmp_path):
    """On SIGTERM, workers finish their job before the last role ends, and no process is left.

    Redis is the last role, because the others need it until then. The supervisor exits with 0.
    """
    supervisor = spawn("-c", SUPERVISED, tmp_path, "patient", "last")
    children = pids(tmp_path / "patient", 1) + pids(tmp_path / "last", 1)
    supervisor.terminate()
    assert (supervisor.wait(LIMIT_S), (tmp_path / "last-saw").read_text()) == (0, "patient")
    assert [pid for pid in children if is_alive(pid)] == []


def test_everybody_is_out_within_thirty_seconds():
    """A process that ignores SIGTERM is killed within 30 seconds, and Redis is killed last.

    The others need Redis until then.
    """
    assert (sum(map(sum, PATIENCE_S.values())) < 30, set(PATIENCE_S)) == (True, {False, True})


def test_children_die_with_the_supervisor(spawn, tmp_path):
    """A killed supervisor leaves no orphans.

    Its children get SIGTERM from the kernel and finish.
    """
    supervisor = spawn("-c", SUPERVISED, tmp_path, "patient")
    child = pids(tmp_path / "patient", 1)[0]
    supervisor.kill()
    until(lambda: not is_alive(child), "the end of the child")
    assert (tmp_path / "finished").exists()


def test_a_child_that_fails_at_once_is_not_started_at_full_speed(spawn, tmp_path):
    """A child that fails at once is started once a second, but for the first time without a pause.

    The supervisor still reacts to SIGTERM.
    """
    supervisor = spawn("-c", SUPERVISED, tmp_path, "failing")
    pids(tmp_path / "failing", 3)
    supervisor.terminate()
    _, second, third = (
        float(line.split()[1]) for line in (tmp_path / "failing").read_text().splitlines()[:3]
    )
    assert (supervisor.wait(LIMIT_S), third - second >= PAUSE_S) == (0, True)


def test_a_timer_is_not_cut_off(spawn, tmp_path):
    """On SIGTERM the timers wait for the function that runs."""
    file = tmp_path / "timer"
    process = spawn("-c", TIMED, file)
    until(lambda: file.exists() and file.read_text(), "the beginning")
    process.terminate()
    assert (process.wait(LIMIT_S), file.read_text()) == (0, "ended")


def test_a_timer_that_fails_does_not_stop_the_others():
    """If one timer fails, the others run.

    It is tried again within 30 seconds, although its own time is longer.
    """
    done = []
    timers = Timers()
    timers.every(3600, lambda: done.append(1 / 0))
    timers.every(3600, lambda: done.append(1))
    assert (done, 29 < timers.tick() <= 30) == ([1], True)


def test_timers_keep_their_time():
    """A timer runs at once for the first time, and later not before its seconds are over."""
    done = []
    timers = Timers()
    timers.every(0.05, lambda: done.append("often"))
    timers.every(60, lambda: done.append("rarely"))
    timers.tick()
    timers.tick()
    time.sleep(0.06)
    timers.tick()
    assert done == ["often", "rarely", "often"]


def test_only_a_whole_round_is_a_heartbeat():
    """A timer counts as done after a round that did not fail."""
    timers = Timers()
    timers.every(60, partial(log_nothing, 1))
    timers.every(60, lambda: 1 / 0)
    timers.tick()
    assert timers.done == {"log_nothing": 60}


def test_a_timer_may_say_when_it_is_due_again():
    """The seconds that a timer returns come before its own."""
    timers = Timers()
    timers.every(60, lambda: 0.5)
    assert 0 < timers.tick() <= 0.5


def log_nothing(_):
    """Do nothing, as a timer."""
