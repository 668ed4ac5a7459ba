"""Commands ``look`` and ``rekey``: the exit code, and what the operator reads."""

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from bot.doctor import on_runs
from bot.processes import operator_commands
from bot.processes.operator_commands import SENTENCES, rekey
from jobs.clock import now
from jobs.runs.rekeying import Rekeying, What
from jobs.runs.run_store import RunStore
from jobs.storage.vault import Vault
from jobs.watch.model import LookOutcome
from tests.unit.bot.doctor_line import line_of
from tests.unit.bot.watched import BROKEN, GOOD, MAILBOX, look, watch

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
GOOD_RUNS = "ok every entry was made by this bot"


@contextmanager
def worker(services, *outcomes: LookOutcome):
    """Run a worker that makes the next look at the channel as soon as it is due."""
    made, ended = list[LookOutcome](), threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            watched = services.watching.load(MAILBOX)
            state = services.watching.state(MAILBOX)
            if watched is not None and state.next_look is None and len(made) < len(outcomes):
                made.append(outcomes[len(made)])
                look(services, watched, made[-1], now())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield made
    finally:
        ended.set()
        thread.join()


def test_a_look_is_made_now(services, capsys):
    """A look is made now, although the next one of the channel and its group would be due later."""
    watched = watch(services)
    look(services, watched, GOOD, now() - timedelta(minutes=1))
    services.watching.schedule.add(watched.group, now() + timedelta(minutes=14))
    with worker(services, GOOD) as made:
        assert operator_commands.look(services.store, "") == 0
    assert (made, capsys.readouterr().out) == ([GOOD], f"{MAILBOX}: healthy\n")
    assert services.watching.schedule.due(watched.group) <= now().timestamp()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("again", "looks", "line"),
    [
        (False, 1, "broken not_forwarded, a first look; a second one follows"),
        (True, 2, "broken not_forwarded, incident since"),
    ],
)
def test_a_suspicion_is_confirmed_at_once_if_that_was_asked(services, capsys, again, looks, line):
    """Otherwise the second look follows a minute later, as always."""
    watch(services)
    with worker(services, BROKEN, BROKEN) as made:
        assert operator_commands.look(services.store, MAILBOX, again=again) == 0
    assert len(made) == looks
    assert capsys.readouterr().out.startswith(f"{MAILBOX}: {line}")


@pytest.mark.parametrize("mailbox", ["", "nobody@contoso.com"])
def test_nothing_to_look_at(services, capsys, mailbox):
    """If no channel or not the given one is watched, or the watch is paused, nothing is looked at."""
    assert operator_commands.look(services.store, mailbox) == bool(mailbox)
    services.watching.save(replace(watch(services), paused_until=now() + timedelta(hours=1)))
    assert operator_commands.look(services.store, mailbox) == bool(mailbox)
    what = f"{mailbox} is not watched" if mailbox else "No channel is watched"
    line = f"{what}, or the watch is paused. Type /watch ADDRESS.\n"
    assert capsys.readouterr().out == line * 2


@pytest.mark.slow
def test_no_worker_comes(services, capsys, monkeypatch):
    """If no worker comes, the command ends by itself and names the channel."""
    monkeypatch.setattr(operator_commands, "WAIT_S", 0.3)
    watch(services)
    assert operator_commands.look(services.store, "") == 1
    told = [f"{MAILBOX}: not looked at", f"No worker has looked at {MAILBOX} in 0 s"]
    assert capsys.readouterr().out.splitlines() == told


@pytest.fixture
def report(redis, capsys):
    """Return a function that runs ``rekey`` and returns its exit code and its lines."""

    def run(*encryption_keys: str) -> tuple[int, list[str]]:
        with capture_logs():
            return rekey(redis, encryption_keys), capsys.readouterr().out.splitlines()

    return run


def test_every_value_comes_under_the_first_key(redis, report):
    """Each kind of value has a line, and then the old key can go; the doctor says the same."""
    Vault(redis, (OLD,)).put("secret:R1", "1", 60)
    Vault(redis, (NEW,)).put("secret:R2", "2", 60)
    store = RunStore(redis, (NEW, OLD))
    assert line_of(on_runs, store, (NEW,)) == GOOD_RUNS
    assert line_of(on_runs, store, (NEW, OLD)) == (
        f"{GOOD_RUNS}; under an older key of ENCRYPTION_KEYS (sealed values: 1): keep it until"
        " `python -m bot rekey` has written them again"
    )
    lines = [f"{what}: 0 written again, 0 already under the first key" for what in What]
    sealed = list(What).index(What.SEALED)
    lines[sealed] = "sealed values: 1 written again, 1 already under the first key"
    assert report(NEW, OLD) == (0, [*lines, SENTENCES["done"]])
    newest = f"{GOOD_RUNS}; nothing needs an older key of ENCRYPTION_KEYS any more"
    assert line_of(on_runs, store, (NEW, OLD)) == newest
    lines[sealed:] = [
        "sealed values: 0 written again, 2 already under the first key",
        "audit trail: 0 written again, 1 already under the first key",
    ]
    assert report(NEW) == (0, [*lines, SENTENCES["one_key"]])


def test_what_does_not_verify_is_named_and_counted(redis, report):
    """No key may go then. The other values are written again."""
    Vault(redis, (OLD,)).put("secret:R1", "1", 60)
    redis.set("sealed:secret:R2", "forged")
    code, said = report(NEW, OLD)
    told = ["NOT SIGNED  sealed:secret:R2", SENTENCES["foreign"].format(count=1)]
    assert (code, said[-2:]) == (1, told)
    assert Vault(redis, (NEW,)).get("secret:R1") == "1"


def test_a_process_that_still_writes_under_the_old_key(redis, report, monkeypatch):
    """A value that another process has written under the old key meanwhile is found at the end."""
    whole = Rekeying.renew

    def renew(self: Rekeying):
        found = whole(self)
        Vault(redis, (OLD, NEW)).put("secret:R1", "1", 60)
        return found

    monkeypatch.setattr(Rekeying, "renew", renew)
    code, said = report(NEW, OLD)
    assert (code, said[-1]) == (1, SENTENCES["left"].format(count=1))


@pytest.mark.parametrize(
    ("error", "why"),
    [(RedisConnectionError(), "ConnectionError"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_command_that_is_cut_off(redis, report, monkeypatch, error, why):
    """If ``rekey`` is cut off, every key is still needed and the command has to be run again."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(redis, "scan_iter", fail)
    assert report(NEW, OLD) == (1, [SENTENCES["cut_off"].format(why=why)])
