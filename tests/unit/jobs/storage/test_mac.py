"""Tests of the MACs of JSON objects: the data that they protect, and the rotation of their keys."""

from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet

from jobs.storage.vault import Authenticator, mac_of

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
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
        b"",
        b"\xff" * 200,
        b'{"mac":"' + b"\xc3\xa9" * 32 + b'"}',
        None,
        7,
        Authenticator((OLD,)).protect(HERE, BODY),
        Authenticator().protect(HERE, BODY),
    ],
)
def test_what_is_not_made_with_the_key_is_refused(line: object):
    """A line with a changed byte, without a MAC, or with a MAC of another key is refused."""
    assert AUTHENTICATOR.verify(HERE, line) is None


@pytest.mark.parametrize(
    ("key", "part"), [("run:R2:events", ""), (HERE, "x"), ("run:R1:", "events"), ("", HERE)]
)
def test_an_object_counts_in_its_place_only(key: str, part: str):
    """The MAC covers the key and the part, which cannot be joined or split to get the same MAC."""
    assert AUTHENTICATOR.verify(key, LINE, part) is None


def test_keys_are_rotated():
    """A MAC of any of the keys is accepted. New MACs are made with the first key."""
    old, both = Authenticator((OLD,)), Authenticator((NEW, OLD))
    earlier, later = old.protect(HERE, BODY), both.protect(HERE, BODY)
    assert (both.verify(HERE, earlier), both.verify(HERE, later)) == (BODY, BODY)
    assert (later == LINE, old.verify(HERE, later)) == (True, None)


def test_only_what_verifies_gets_a_mac_under_the_newest_key():
    """Only an object that this bot made in this place gets a new MAC.

    Any other object is not signed.
    """
    old, both = Authenticator((OLD,)), Authenticator((NEW, OLD))
    earlier = old.protect(HERE, BODY)
    assert (both.renewed(HERE, earlier), both.renewed(HERE, LINE)) == (LINE, LINE)
    for other in (BODY, earlier.replace(b"anna", b"emma"), None):
        assert both.renewed(HERE, other) is None
    assert both.renewed("run:R2:events", earlier) is None
