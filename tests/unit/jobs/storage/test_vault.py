"""Tests of the vault, which keeps secrets encrypted in Redis."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from jobs.storage.vault import Authenticator, Vault, mac_of

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_of_fifty_takers_one_wins(vault):
    """If fifty threads take the same value at the same moment, exactly one of them gets it."""
    vault.put("secret:R1", "s3cret", 60)
    with ThreadPoolExecutor(50) as pool:
        taken = list(pool.map(lambda _: vault.take("secret:R1"), range(50)))
    assert sorted(map(str, taken)) == ["None"] * 49 + ["s3cret"]


def test_redis_never_sees_the_value(vault, redis):
    """Redis holds only the name of a value and an encrypted token, never the value itself."""
    vault.put("secret:R1", "s3cret-value", 60)
    stored = {key: redis.get(key) for key in redis.scan_iter()}
    assert (list(stored), "s3cret-value" in str(stored)) == ([b"sealed:secret:R1"], False)


def test_keys_are_rotated(redis):
    """A value opens with an older key as long as that key is in the list; the newest encrypts.

    A value is encrypted again with the newest key if it opens with one of the keys. One that
    already uses the newest key stays the same in every byte. One that does not open gives None.
    """
    both, newest, oldest = (Vault(redis, each) for each in ((NEW, OLD), (NEW,), (OLD,)))
    oldest.put("a", "1", 60)
    both.put("b", "2", 60)
    found = [[vault.get(name) for name in "ab"] for vault in (both, newest, oldest)]
    assert found == [["1", "2"], [None, "2"], ["1", None]]
    key, stored = "sealed:a", redis.get("sealed:a")
    renewed = both.renewed(key, stored)
    assert (both.renewed(key, renewed), both.renewed("sealed:b", renewed)) == (renewed, None)
    assert (both.renewed(key, b"not a token"), newest.renewed(key, stored)) == (None, None)
    redis.set("sealed:a", renewed or b"")
    assert newest.get("a") == "1"


def test_what_was_touched_is_not_opened(vault, redis):
    """Bytes that the vault did not write do not open, even if their name is valid."""
    redis.set("sealed:a", b"not a token")
    assert (vault.get("a"), vault.holds("a")) == (None, True)
    assert (vault.take("a"), vault.holds("a")) == (None, False)


def test_another_name_for_a_value(vault, redis):
    """A renamed value keeps its expiry, and renaming a missing value changes nothing.

    A value ends after the seconds that were given with it, or when it is dropped.
    """
    vault.put("a", "1", 60)
    for _ in range(2):
        vault.move("a", "b")
    assert (vault.holds("a"), vault.get("b")) == (False, "1")
    assert 0 < int(redis.ttl("sealed:b")) <= 60  # type: ignore[arg-type]  # the client is synchronous
    vault.drop("b")
    assert (vault.holds("b"), vault.get("b"), vault.take("b")) == (False, None, None)


def test_a_copied_value_does_not_open(vault, redis):
    """A value opens only under its own name, even if one name begins with the other."""
    vault.put("session:A", "token", 60)
    for other in ("secret:B", "session:AA", "session:", "1:session:A"):
        redis.copy("sealed:session:A", f"sealed:{other}", replace=True)
        assert (vault.get(other), vault.take(other)) == (None, None)
    assert vault.get("session:A") == "token"


BODY = b'{"kind":"approved","by":"anna@contoso.com"}'
HERE = "run:R1:events"
AUTHENTICATOR = Authenticator((NEW,))
LINE = AUTHENTICATOR.protect(HERE, BODY)


def test_the_object_is_readable_without_its_mac():
    """The MAC is one more field of the JSON object.

    Without the MAC, the object is unchanged in every byte.
    """
    assert json.loads(LINE) == {**json.loads(BODY), "mac": mac_of(LINE)}
    assert (AUTHENTICATOR.verify(HERE, LINE), mac_of(BODY)) == (BODY, "")


@pytest.mark.parametrize(
    "line",
    [
        BODY,
        LINE.replace(b"anna", b"emma"),
        LINE.replace(b'{"kind"', b'{ "kind"'),
        LINE[:-3] + b"0" + LINE[-2:] if LINE[-3:-2] != b"0" else LINE[:-3] + b"1" + LINE[-2:],
        LINE + b"\n",
        LINE[:-2] + b" }",
        b"",
        b"\xff" * 200,
        b'{"mac":"' + b"\xc3\xa9" * 32 + b'"}',
        None,
        7,
        Authenticator((OLD,)).protect(HERE, BODY),
        Authenticator().protect(HERE, BODY),
    ],
)
def test_what_is_not_made_with_the_key_is_refused(line):
    """A line with a changed byte, without a MAC, or with a MAC of another key is refused."""
    assert AUTHENTICATOR.verify(HERE, line) is None


@pytest.mark.parametrize(
    ("key", "part"), [("run:R2:events", ""), (HERE, "x"), ("run:R1:", "events"), ("", HERE)]
)
def test_an_object_counts_in_its_place_only(key, part):
    """The MAC covers the key and the part, which cannot be joined or split to get the same MAC.

    What is not this bot's is logged, but not what is only missing.
    """
    with capture_logs() as logged:
        assert AUTHENTICATOR.load(key, LINE, dict, part) is AUTHENTICATOR.load(key, None, dict)
    assert [each["key"] for each in logged] == [key]


def test_keys_of_macs_are_rotated():
    """A MAC of any of the keys is accepted. New MACs are made with the first key.

    Only an object that this bot made in this place gets a new MAC. Any other one is not signed.
    """
    old, both = Authenticator((OLD,)), Authenticator((NEW, OLD))
    earlier, later = old.protect(HERE, BODY), both.protect(HERE, BODY)
    assert (both.verify(HERE, earlier), both.verify(HERE, later)) == (BODY, BODY)
    assert (later == LINE, old.verify(HERE, later)) == (True, None)
    assert (both.renewed(HERE, earlier), both.renewed(HERE, LINE)) == (LINE, LINE)
    for other in (BODY, earlier.replace(b"anna", b"emma"), None):
        assert both.renewed(HERE, other) is None
    assert both.renewed("run:R2:events", earlier) is None
