"""Layout of the data in Redis: a number that a process checks at its start, and migrations.

Before anything is written, every run is migrated and folded in memory. So the data is used
completely, or refused with an explanation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.runs import protection
from jobs.runs.fold import fold
from jobs.runs.migrations import MIGRATIONS, Json, Migration
from jobs.runs.run import Event, RunGoneError
from jobs.storage import codec, keys
from jobs.storage.keys import Key
from jobs.storage.locks import LockKind, LockName, renewed_lock

FIRST, NEWEST = 1, MIGRATIONS[-1].to
"""Layout of data without a layout number, and layout of this version's data."""
LOCK_S = 15
UNREADABLE = (msgspec.MsgspecError, LookupError, ValueError, TypeError)
log = structlog.get_logger(__name__)


class SchemaError(Exception):
    """Error because this version cannot use the data. Its text says how the operator goes on."""


def ensure(redis: Redis, encryption_keys: Sequence[str] = ()) -> None:
    """Migrate older data to the newest layout. One process migrates and the others wait.

    ``encryption_keys`` are ENCRYPTION_KEYS, newest first. Without them nothing is protected
    (:mod:`jobs.runs.protection`).

    Raises:
        SchemaError: the data is newer, or a run cannot be migrated; then nothing was changed.
        redis.RedisError: Redis is unreachable.
    """
    if _layout(redis) == NEWEST:
        return
    with renewed_lock(redis, LockName(LockKind.SCHEMA), LOCK_S, wait_s=math.inf):
        _migrate(redis, _layout(redis), encryption_keys)


def problem(redis: Redis) -> str:
    """Return why this version cannot use the data, or an empty string.

    Raises:
        redis.RedisError: Redis is unreachable.
    """
    try:
        _layout(redis)
    except SchemaError as error:
        return str(error)
    return ""


def _layout(redis: Redis) -> int:
    """Return the layout of the data, or raise SchemaError if this version does not know it."""
    raw = redis.get(keys.schema())
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(FIRST)
    if not text.isdecimal():
        raise SchemaError(
            f"The key {keys.schema()} in Redis holds {text!r}, which is no layout of this bot's data:"
            " use another REDIS_PREFIX."
        )
    if int(text) > NEWEST:
        raise SchemaError(
            f"The data in Redis has layout {text}, and this version reads up to layout {NEWEST}:"
            " start the version that wrote it, or use another REDIS_URL or REDIS_PREFIX."
        )
    return int(text)


def _migrate(redis: Redis, layout: int, encryption_keys: Sequence[str]) -> None:
    """Check that every run can be migrated, then rewrite runs, cards and the other keys."""
    pending = [migration for migration in MIGRATIONS if migration.to > layout]
    for key in redis.scan_iter(keys.every_run_events()):
        _check(key, redis.lrange(key, 0, -1), pending)
    for key in redis.scan_iter(keys.run_about("*")):
        _check_about(key, redis.get(key), pending)
    rewritten = 0
    for pattern, rewrite in (
        (keys.every_run_events(), _rewrite_run),
        (keys.every_cards(), _rewrite_cards),
        (keys.run_about("*"), _rewrite_about),
    ):
        for key in redis.scan_iter(pattern):
            rewrite(redis, key, pending)
            rewritten += 1
    _tidy_keys(redis, pending)
    if layout < protection.LAYOUT:
        protection.protect(redis, encryption_keys)
    redis.set(keys.schema(), NEWEST)
    if pending and rewritten:
        log.info("data migrated", before=layout, now=NEWEST)


def _tidy_keys(redis: Redis, pending: Sequence[Migration]) -> None:
    """Rename the keys that have moved, and delete those that are obsolete."""
    for migration in pending:
        for old, new in migration.moved():
            _move(redis, old, new)
        for key in migration.obsolete():
            redis.delete(key)


def _check(key: bytes, lines: Sequence[bytes | str], pending: Sequence[Migration]) -> None:
    """Check that the run can be read after its migration.

    A run whose first event was deleted counts as gone, before the migration and after it.
    """
    try:
        fold("", [codec.load(_event(line, pending), Event) for line in lines])
    except RunGoneError:
        return
    except UNREADABLE as error:
        raise _unreadable(key, error) from error


def _check_about(key: bytes, value: object, pending: Sequence[Migration]) -> None:
    """Check that the run's part of the audit trail can be read after its migration."""
    try:
        if isinstance(value, bytes):
            _about(value, pending)
    except UNREADABLE as error:
        raise _unreadable(key, error) from error


def _unreadable(key: bytes, error: Exception) -> SchemaError:
    return SchemaError(
        f"The run in {key.decode()} cannot be migrated to layout {NEWEST}"
        f" ({type(error).__name__}: {error}): start the version"
        " that wrote it and end the run with /cancel, or delete that key."
    )


def _rewrite_run(redis: Redis, key: bytes, pending: Sequence[Migration]) -> None:
    def rewrite(pipe: Pipeline) -> None:
        lines = pipe.lrange(key, 0, -1)
        pipe.multi()
        for place, line in enumerate(lines):
            if (new := _event(line, pending)) != line:
                pipe.lset(key, place, new.decode())

    redis.transaction(rewrite, key)


def _rewrite_cards(redis: Redis, key: bytes, pending: Sequence[Migration]) -> None:
    def rewrite(pipe: Pipeline) -> None:
        cards = pipe.hgetall(key)
        pipe.multi()
        for slot, value in cards.items():
            if (new := _card(value, pending)) != value:
                pipe.hset(key, slot, new)

    redis.transaction(rewrite, key)


def _rewrite_about(redis: Redis, key: bytes, pending: Sequence[Migration]) -> None:
    def rewrite(pipe: Pipeline) -> None:
        value = pipe.get(key)
        pipe.multi()
        if isinstance(value, bytes) and (new := _about(value, pending)) != value:
            pipe.set(key, new, keepttl=True)

    redis.transaction(rewrite, key)


def _move(redis: Redis, old: Key, new: Key) -> None:
    """Rename the keys and keep their expiry. A value that exists under the new name is newer."""
    first, _, last = old.partition("*")
    for key in {raw.decode() for raw in redis.scan_iter(old)}:
        target = new.replace("*", key.removeprefix(first).removesuffix(last))
        if redis.exists(target):
            redis.delete(key)
        else:
            redis.rename(key, target)


def _event(line: bytes | str, pending: Sequence[Migration]) -> bytes:
    return _rewritten(line, [migration.event for migration in pending])


def _about(value: bytes, pending: Sequence[Migration]) -> bytes:
    return _rewritten(value, [migration.about for migration in pending])


def _card(value: bytes | str, pending: Sequence[Migration]) -> bytes:
    """Return the migrated card.

    Other values in the same hash are not objects and stay unchanged.
    """
    try:
        return _rewritten(value, [migration.card for migration in pending])
    except UNREADABLE:
        return codec.as_bytes(value)


def _rewritten(old: bytes | str, rewrites: Sequence[Callable[[Json], Json]]) -> bytes:
    """Return the object after all rewrites, byte for byte the same if nothing has changed."""
    before = now = msgspec.json.decode(old, type=Json)
    for rewrite in rewrites:
        now = rewrite(now)
    return codec.as_bytes(old) if now == before else msgspec.json.encode(now)
