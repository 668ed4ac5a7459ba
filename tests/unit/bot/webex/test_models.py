"""Webex's answers as data: in any shape, each value has the type that the bot expects."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, strategies as st

from bot.webex.models import CardAction, Membership, Message, WebexPerson, Webhook

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    *("id", "roomId", "roomType", "personId", "text", "html", "parentId", "files", "created"),
    *("messageId", "inputs", "emails", "orgId", "type", "displayName", "personEmail"),
    *("personOrgId", "name", "targetUrl", "resource", "event", "filter", "status"),
)
KINDS = (Message, CardAction, WebexPerson, Membership, Webhook)


def texts_of(value):
    """Return the texts in a field."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, tuple) else [value]


@pytest.mark.slow
@given(data=st.dictionaries(st.sampled_from(NAMES), JSON))
def test_any_shape_is_read(data):
    """Any JSON object is read without an error, and each of its fields is a text or texts."""
    for kind in KINDS:
        found = kind.of(data)
        for field in dataclasses.fields(kind):
            assert {type(each) for each in texts_of(getattr(found, field.name))} <= {str}


@pytest.mark.parametrize("odd", [True, 7, "https://x.example", {"a": "b"}, None, 1.5])
def test_a_list_that_is_none_is_empty(odd):
    """A value that should be a list is not split into characters or names.

    A person without an address is not served.
    """
    assert Message.of({"id": "m1", "files": odd}).files == ()
    assert WebexPerson.of({"id": "p1", "emails": odd}).emails == ()
