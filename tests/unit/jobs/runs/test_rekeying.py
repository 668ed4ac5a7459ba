"""Writing of everything under an older key again under the newest one, and of nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.clock import now
from jobs.model import Scope
from jobs.runs import rekeying, trust
from jobs.runs.event_log import ForeignRunError, foreign_event
from jobs.runs.rekeying import Rekeying, What, doubts
from jobs.runs.run import Event, Kind, Origin
from jobs.runs.run_store import Accepted, Record, RunStore
from jobs.storage import codec, keys
from jobs.storage.vault import Sealed, Vault
from tests.unit.jobs.runs.test_event_log import APPROVED, ASKER, CHANNEL, MAILBOX, PLAN

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
BOTH = (NEW, OLD)
DAY_S = 24 * 3600


def a_run(store: RunStore, mailbox: str = MAILBOX) -> str:
    """Return the id of a run with an approved plan."""
    run = store.open(replace(CHANNEL, mailbox=mailbox), ASKER, Origin("room-1", message=mailbox))
    store.append(run.id, Event(Kind.PLANNED, now(), data=PLAN))
    store.append(run.id, APPROVED)
    return run.id


@pytest.fixture
def run(redis) -> str:
    """Return the ID of a run under the old key, after storing one value of every other kind."""
    store, vault = RunStore(redis, (OLD,)), Vault(redis, (OLD,))
    run_id = a_run(store)
    proven = store.load(run_id)
    with redis.pipeline() as pipe:
        store.channels.add(pipe, Record.of(proven, now()), proven)
        pipe.execute()
    card = store.authenticator.protect(keys.cards(run_id), b'{"message":"m-1"}', "plan")
    redis.hset(keys.cards(run_id), mapping={"plan": card, "form": "", "m-1:edits": "3"})
    redis.expire(keys.cards(run_id), DAY_S)
    for key in (keys.incident("INC1"), keys.watched(MAILBOX)):
        redis.set(key, store.authenticator.protect(key, b'{"room":"r"}'))
    vault.put(Sealed.CLIENT_SECRET.of(run_id), "s3cret", DAY_S)
    known = Accepted(now() + timedelta(hours=1), "known", ASKER.email)
    store.accept(proven, "not_forwarded", known)
    return run_id


def without_counts(found) -> dict[What, tuple[int, int]]:
    """Return for each kind the number of values under an older key and under the first key."""
    return {what: (found.older[what], found.newest[what]) for what in What}


def test_of_every_kind_the_value_is_written_again(redis, run):
    """After the rotation, the first key alone can read every kind of value.

    Nothing is missing, and every value keeps its expiry. A second rotation changes no value, and
    only the first one is in the audit trail.
    """
    before = RunStore(redis, (OLD,)).load(run)
    wanted = dict.fromkeys(What, (1, 0))
    assert without_counts(Rekeying(redis, BOTH).survey()) == wanted
    found = Rekeying(redis, BOTH).renew()
    assert (without_counts(found), found.foreign) == (wanted, [])
    after = Rekeying(redis, (NEW,)).survey()
    assert (without_counts(after), after.foreign) == (dict.fromkeys(What, (0, 1)), [])
    values = {key: redis.dump(key) for key in redis.scan_iter()}
    assert Rekeying(redis, BOTH).renew().older.total() == 0
    assert {key: redis.dump(key) for key in redis.scan_iter()} == values
    (told,) = [each for each in trail(redis) if each["what"] == rekeying.REKEYED]
    assert (told["data"]["runs"], told["data"]["sealed_values"]) == ("1", "1")

    store, vault = RunStore(redis, (NEW,)), Vault(redis, (NEW,))
    again, record = store.load(run), store.channels.record(MAILBOX)
    assert (again.version, again.approvals) == (before.version, before.approvals)
    trust.require_audited(store, again)
    assert list(again.approvals) == [Scope.MAILBOX]
    assert (record.run, vault.get(Sealed.CLIENT_SECRET.of(run))) == (run, "s3cret")
    assert set(store.accepted(MAILBOX)) == {"not_forwarded"}
    card = redis.hget(keys.cards(run), "plan")
    assert store.authenticator.verify(keys.cards(run), card, "plan") == b'{"message":"m-1"}'
    assert redis.hmget(keys.cards(run), "form", "m-1:edits") == [b"", b"3"]
    for name in (keys.cards(run), keys.sealed(f"secret:{run}")):
        assert 0 < int(redis.ttl(name)) <= DAY_S
    assert int(redis.ttl(keys.run_events(run))) == -1
    assert store.audit.verify().broken_at == 0
    with pytest.raises(ForeignRunError):
        RunStore(redis, (OLD,)).load(run)


def trail(redis):
    """Return the entries of the audit trail."""
    return [codec.load(raw, dict) for raw in redis.lrange(keys.audit_entries(), 0, -1)]


def copied(name: str, to: str, place: str = ""):
    """Return the copy of the value of a key to another key, and the words for its place."""
    return lambda redis, run: redis.copy(name.format(run=run), to), f"{to}{place}"


def rewritten(change, place: int):
    """Return the change of a run's history, and the words for its place."""

    def forge(redis, run: str) -> None:
        lines = [codec.as_bytes(each) for each in redis.lrange(keys.run_events(run), 0, -1)]
        redis.delete(keys.run_events(run))
        redis.rpush(keys.run_events(run), *change(lines))

    return forge, f"run:{{run}}:events, entry {place}"


def no_list(redis, run: str) -> None:
    """Put a text in the place of a run's history."""
    redis.delete(keys.run_events(run))
    redis.set(keys.run_events(run), "x")


def misplaced(redis, run: str) -> None:
    """Copy a card to another place of its run."""
    redis.hset(keys.cards(run), "progress", redis.hget(keys.cards(run), "plan") or "")


FORGED = {
    "an event without a MAC": rewritten(lambda lines: [*lines, codec.dump(APPROVED)], 4),
    "a changed event": rewritten(lambda lines: [x.replace(b"0123", b"9999") for x in lines], 2),
    "an event that was repeated": rewritten(lambda lines: [*lines, lines[-1]], 4),
    "a history that is no list": (no_list, "run:{run}:events"),
    "a history of another run": copied("run:{run}:events", "run:OTHER1:events", ", entry 1"),
    "the record of another mailbox": copied(
        keys.channel_record(MAILBOX), keys.channel_record("evil@contoso.com")
    ),
    "a card in another place": (misplaced, "cards:{run}, 'progress'"),
    "a sealed value under another name": copied("sealed:secret:{run}", "sealed:secret:OTHER1"),
    "a value that nobody sealed": (
        lambda redis, _: redis.set(keys.sealed("page:\x1b[2J"), "x"),
        "sealed:page:\\x1b[2J",
    ),
    "an entry of the audit trail": (
        lambda redis, _: redis.rpush(keys.audit_entries(), b'{"what":"approved"}'),
        "audit:entries, entry",
    ),
}


def stored(redis, key: str) -> object:
    """Return the value of a key, or the card in the place of progress."""
    return redis.hget(key, "progress") if redis.type(key) == b"hash" else redis.dump(key)


@pytest.mark.parametrize("how", FORGED)
def test_what_does_not_verify_is_not_signed(redis, run, how):
    """A value that does not verify is named and stays unchanged.

    All other values of the bot are written again. A run that was stopped stays stopped.
    """
    forge, place = FORGED[how]
    forge(redis, run)
    key = place.format(run=run).partition(", ")[0].replace("\\x1b", "\x1b")
    before = stored(redis, key)
    other = a_run(RunStore(redis, (OLD,)), "sales@contoso.com") if "audit" not in key else ""
    for look in (Rekeying(redis, BOTH).survey, Rekeying(redis, BOTH).renew):
        (named,) = look().foreign
        assert named.startswith(place.format(run=run))
    assert stored(redis, key) == before
    assert len(Rekeying(redis, BOTH).survey().foreign) == 1
    if other:
        assert RunStore(redis, (NEW,)).load(other).approvals
    if how == "an event without a MAC":
        store = RunStore(redis, BOTH)
        assert (foreign_event(store.load(run)), len(doubts(store)["foreign"])) == (4, 1)


class CutOffError(RedisConnectionError):
    """Error as if Redis had gone away."""


@pytest.mark.parametrize("after", range(0, 6, 2))
def test_it_may_be_interrupted_and_start_again(redis, run, monkeypatch, after):
    """A rotation may be interrupted after any number of values.

    A bot with both keys can still read everything, and the next rotation completes the work.
    """
    done: list[int] = []
    whole = Rekeying._renewed  # noqa: SLF001  the place of the interruption

    def cut(self: Rekeying, what: What, key: str):
        if sum(done) == after:
            raise CutOffError
        done.append((found := whole(self, what, key)).older)
        return found

    monkeypatch.setattr(Rekeying, "_renewed", cut)
    with pytest.raises(CutOffError):
        Rekeying(redis, BOTH).renew()
    monkeypatch.undo()
    assert RunStore(redis, BOTH).load(run).approvals
    assert Vault(redis, BOTH).get(Sealed.CLIENT_SECRET.of(run)) == "s3cret"
    found = Rekeying(redis, BOTH).renew()
    assert (found.older.total(), found.foreign) == (len(What) - after, [])
    assert RunStore(redis, (NEW,)).load(run).approvals


def between(monkeypatch: pytest.MonkeyPatch, key: str, once) -> None:
    """Have another client act once between the read and the write of the values of a key."""
    whole, did = Rekeying._look, []  # noqa: SLF001  between WATCH and MULTI

    def look(self: Rekeying, what: What, reader, name: str):
        found = whole(self, what, reader, name)
        if name == key and isinstance(reader, Pipeline) and not did:
            did.append(once())
        return found

    monkeypatch.setattr(Rekeying, "_look", look)


def test_an_event_that_is_appended_meanwhile_is_kept(redis, run, monkeypatch):
    """If a worker appends an event during the rotation, the whole history is read again and signed.

    The worker can continue with its own copy of the run from before the rotation.
    """
    worker = RunStore(redis, BOTH)
    early = worker.load(run)
    event = Event(Kind.RUNNING, now(), step="ids")
    between(monkeypatch, keys.run_events(run), lambda: worker.append(run, event))
    assert Rekeying(redis, BOTH).renew().foreign == []
    late = RunStore(redis, (NEW,)).load(run)
    assert (late.version, late.running) == (early.version + 1, frozenset({"ids"}))
    assert worker.refresh(early) == late
    worker.append(run, Event(Kind.SIGNED_IN, now(), by="admin@contoso.com"))
    assert RunStore(redis, (NEW,)).load(run).version == early.version + 2


def test_what_ends_meanwhile_does_not_come_back(redis, run, monkeypatch):
    """A secret that is shown between the read and the write of the rotation is not stored again.

    If a card is posted meanwhile, its newer state is kept.
    """
    name = Sealed.CLIENT_SECRET.of(run)
    vault, store, taken = Vault(redis, BOTH), RunStore(redis, BOTH), []
    newer = store.authenticator.protect(keys.cards(run), b'{"message":"m-2"}', "plan")
    between(monkeypatch, keys.cards(run), lambda: redis.hset(keys.cards(run), "plan", newer))
    between(monkeypatch, keys.sealed(name), lambda: taken.append(vault.take(name)))
    Rekeying(redis, BOTH).renew()
    assert (taken, vault.holds(name)) == (["s3cret"], False)
    assert redis.hget(keys.cards(run), "plan") == newer


def test_a_restart_of_one_process_after_the_other(redis, run):
    """With OLD,NEW a process still writes under the old key but accepts events under the new key.

    So the processes can be restarted one after the other, and the history has MACs of both keys.
    """
    between_them, ahead = RunStore(redis, (OLD, NEW)), RunStore(redis, BOTH)
    between_them.append(run, Event(Kind.RUNNING, now(), step="ids"))
    assert RunStore(redis, (OLD,)).load(run).version == 4
    ahead.append(run, Event(Kind.RUNNING, now(), step="plan"))
    assert between_them.load(run).version == 5
    assert RunStore(redis, (OLD,)).load(run).ended == Kind.FAILED
    Rekeying(redis, BOTH).renew()
    assert RunStore(redis, (NEW,)).load(run).version == 5


def test_an_empty_redis(redis):
    """In an empty Redis, the rotation finds nothing and writes nothing."""
    found = Rekeying(redis, BOTH).renew()
    assert (found.older.total(), found.newest.total(), found.foreign) == (0, 0, [])
    assert redis.dbsize() == 0
