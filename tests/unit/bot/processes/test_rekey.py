"""Report of ``rekey``: whether an older key may go, and what to do if not."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bot.doctor import on_runs
from bot.processes import rekey
from jobs.runs.rekeying import Rekeying, Result, What
from jobs.runs.run_store import RunStore
from jobs.storage.vault import Vault
from tests.unit.bot.doctor_line import line_of

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def report(redis: Redis, *encryption_keys: str) -> tuple[int, list[str]]:
    """Run ``rekey`` and return its exit code and its lines."""
    said: list[str] = []
    return rekey.main(redis, encryption_keys, said.append), said


def test_the_numbers_and_the_good_news(redis):
    """``rekey`` prints a line for each kind of value, and then that the old key can go.

    The second time there is nothing to do.
    """
    Vault(redis, (OLD,)).put("secret:R1", "1", 60)
    Vault(redis, (NEW,)).put("secret:R2", "2", 60)
    lines = [f"{what}: 0 written again, 0 already under the first key" for what in What]
    sealed = list(What).index(What.SEALED)
    lines[sealed] = "sealed values: 1 written again, 1 already under the first key"
    assert report(redis, NEW, OLD) == (0, [*lines, rekey.SENTENCES["done"]])
    lines[sealed:] = [
        "sealed values: 0 written again, 2 already under the first key",
        "audit trail: 0 written again, 1 already under the first key",
    ]
    assert report(redis, NEW) == (0, [*lines, rekey.SENTENCES["one_key"]])


def test_what_does_not_verify_is_named_and_counted(redis):
    """A value that does not verify is named and counted, and then no key may go.

    The other values are written again.
    """
    Vault(redis, (OLD,)).put("secret:R1", "1", 60)
    redis.set("sealed:secret:R2", "forged")
    code, said = report(redis, NEW, OLD)
    assert (code, said[-2:]) == (
        1,
        ["NOT SIGNED  sealed:secret:R2", rekey.SENTENCES["foreign"].format(count=1)],
    )
    assert Vault(redis, (NEW,)).get("secret:R1") == "1"


def test_a_process_that_still_writes_under_the_old_key(redis, monkeypatch):
    """``rekey`` finds a value that another process has written under the old key in the meantime.

    The value is found at the end, and the old key has to stay.
    """
    whole = Rekeying.renew

    def renew(self: Rekeying) -> Result:
        found = whole(self)
        Vault(redis, (OLD, NEW)).put("secret:R1", "1", 60)
        return found

    monkeypatch.setattr(Rekeying, "renew", renew)
    code, said = report(redis, NEW, OLD)
    assert (code, said[-1]) == (1, rekey.SENTENCES["left"].format(count=1))


@pytest.mark.parametrize(
    ("error", "why"),
    [(RedisConnectionError(), "ConnectionError"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_command_that_is_cut_off(redis, monkeypatch, error, why):
    """If ``rekey`` is cut off, every key is still needed and the command has to be run again."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(redis, "scan_iter", fail)
    assert report(redis, NEW, OLD) == (1, [rekey.SENTENCES["cut_off"].format(why=why)])


def test_the_doctor_says_what_needs_an_older_key(redis):
    Vault(redis, (OLD,)).put("secret:R1", "1", 60)
    store = RunStore(redis, (NEW, OLD))
    good = "ok every entry was made by this bot"
    assert line_of(on_runs, store, (NEW,)) == good
    assert line_of(on_runs, store, (NEW, OLD)) == (
        f"{good}; under an older key of ENCRYPTION_KEYS (sealed values: 1): keep it until"
        " `python -m bot rekey` has written them again"
    )
    report(redis, NEW, OLD)
    assert line_of(on_runs, store, (NEW, OLD)) == (
        f"{good}; nothing needs an older key of ENCRYPTION_KEYS any more"
    )
