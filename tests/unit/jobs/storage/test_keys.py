"""Tests of the names of Redis keys, and of the addresses of Redis servers and Sentinels."""

import re
from pathlib import Path

import pytest

from jobs.storage import connection, keys
from jobs.storage.connection import Sentinels, sentinels_of

NAMED = re.findall(r'(?m)^(\w+) = _named\("(.+)"\)$', Path(keys.__file__).read_text("utf-8"))
"""Names and templates of all keys."""


def test_each_key_has_a_name_of_its_own(monkeypatch):
    """No two keys have the same template, and each key begins with the prefix."""
    templates = [template for _, template in NAMED]
    assert len(set(templates)) == len(templates) > 60
    monkeypatch.setattr(keys, "PREFIX", "bot-1:")
    for name, template in NAMED:
        parts = ["a{}b"] * template.count("{}")
        assert getattr(keys, name)(*parts) == "bot-1:" + template.replace("{}", "a{}b")
        with pytest.raises(TypeError):
            getattr(keys, name)(*parts, "one more")


@pytest.mark.parametrize(
    ("text", "good"),
    [("", True), ("Bot-1:a_b:", True), ("bot*", False), ("two words", False), ("é", False)],
)
def test_what_a_prefix_may_hold(text, good):
    """A prefix may hold letters, digits, colons, hyphens and underscores.

    Other characters could have a meaning in a key pattern or in RQ's templates.
    """
    assert keys.is_prefix(text) is good


def test_an_address_of_sentinels_is_read():
    """The address of Sentinels is split into its hosts, user, password, service, and database.

    A host may be an IPv6 address, and the port is 26379 if none is given. A password may hold
    percent-encoded characters. The Sentinels have a login of their own. No repr shows a password.
    """
    login = "sentinel_username=watch&sentinel_password=w%26rd"
    found = sentinels_of(f"rediss+sentinel://bot:p%40ss%2F@one:26380,[::1]:26381/main/3?{login}")
    named = {"service": "main", "username": "bot", "password": "p@ss/"}
    named |= {"sentinel_username": "watch", "sentinel_password": "w&rd"}
    assert found == Sentinels((("one", 26380), ("::1", 26381)), tls=True, db=3, named=named)
    assert not re.search("p@ss|w&rd", repr(found))
    found = sentinels_of("redis+sentinel://two/main")
    named = {"service": "main", "username": "", "password": ""}
    assert found == Sentinels((("two", 26379),), tls=False, db=0, named=named)


BAD = (
    *("//one:26379", "//one:26379/", "//one/main/first", "///main/0", "//one,,two/main/0"),
    *("//one:port/main/0", "//one:99999/main/0", "//one:0/main/0", "//[::1/main/0"),
    "//u:s3cret@one/main/0?password=x",
)


@pytest.mark.parametrize(
    "url", [*(f"redis+sentinel:{each}" for each in BAD), "redis+sentinels://one/main/0", "one:6379"]
)
def test_a_bad_address_gets_a_sentence(url):
    """The error for a bad address shows the right form, without a password."""
    said = connection.url_problem(url)
    assert connection.SENTINEL_EXAMPLE in said
    assert "s3cret" not in said


def test_what_is_an_address():
    """An address of Sentinels, or of one server over TCP, TLS, or a socket, gives no error."""
    for good in (
        *("redis://127.0.0.1:6379/0", "rediss://:word@cache.example.test:6380/1"),
        *("unix:///run/redis.sock", "redis+sentinel://u:p@one:26379,two:26379/main/0"),
    ):
        assert connection.url_problem(good) == ""
