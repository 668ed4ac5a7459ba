"""Tests of the addresses of Redis servers and Sentinels."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.storage import connection
from jobs.storage.connection import SentinelAddress, sentinel_address


def test_an_address_of_sentinels_is_read():
    """The address of Sentinels is split into its hosts, user, password, service, and database.

    A host may be an IPv6 address, and the port is 26379 if none is given. The password may hold
    percent-encoded characters.
    """
    found = sentinel_address("rediss+sentinel://bot:p%40ss%2F@one:26380,[::1]:26381,two/main/3")
    assert found == SentinelAddress(
        (("one", 26380), ("::1", 26381), ("two", 26379)),
        "main",
        3,
        tls=True,
        user="bot",
        password="p@ss/",
    )


def test_the_sentinels_have_a_login_of_their_own():
    """The options of the address give the login for the Sentinels.

    The repr of the address shows no password.
    """
    found = sentinel_address(
        "redis+sentinel://one/main?sentinel_username=watch&sentinel_password=w%26rd"
    )
    assert (found.sentinel_user, found.sentinel_password, found.password) == ("watch", "w&rd", "")
    assert "w&rd" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:26379",
        "redis+sentinel://one:26379/",
        "redis+sentinel://one/main/first",
        "redis+sentinel:///main/0",
        "redis+sentinel://one,,two/main/0",
        "redis+sentinel://one:port/main/0",
        "redis+sentinel://one:99999/main/0",
        "redis+sentinel://one:0/main/0",
        "redis+sentinel://[::1/main/0",
        "redis+sentinel://u:s3cret@one/main/0?password=x",
        "redis+sentinels://one/main/0",
        "one:6379",
    ],
)
def test_a_bad_address_gets_a_sentence(url: str):
    """The error for a bad address shows the right form, without a password."""
    said = connection.url_problem(url)
    assert connection.SENTINEL_EXAMPLE in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "rediss://:word@cache.example.test:6380/1",
        "unix:///run/redis.sock",
        "redis+sentinel://u:p@one:26379,two:26379/main/0",
    ],
)
def test_a_good_address_gets_none(url: str):
    """An address of Sentinels, or of one server over TCP, TLS, or a socket, gives no error."""
    assert connection.url_problem(url) == ""


def test_the_embedded_server_is_known_by_its_folder():
    """The address of the embedded server gives its data folder. Other addresses give no folder."""
    url = connection.embedded_url(Path("data"))
    assert (connection.embedded_folder(url), connection.embedded_folder("redis://x")) == (
        Path("data"),
        None,
    )
