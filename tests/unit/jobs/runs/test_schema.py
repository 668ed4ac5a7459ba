"""Number of the layout of the data: written once, and anything else is refused in a sentence."""

from __future__ import annotations

import pytest
from redis import Redis

from jobs.runs import schema


def test_the_first_start_writes_the_number(redis: Redis):
    """The first start writes the number and nothing else. A later start leaves it as it is."""
    assert (schema.problem(redis), redis.keys()) == ("", [])
    assert (schema.ensure(redis), redis.get("schema"), redis.keys()) == ("", b"1", [b"schema"])
    assert (schema.ensure(redis), redis.get("schema")) == ("", b"1")


@pytest.mark.parametrize(
    ("number", "words"),
    [("2", "has layout 2, and this version reads layout 1"), ("0", "has layout 0"), ("x", "'x'")],
)
def test_another_layout_is_refused(redis: Redis, number: str, words: str):
    """Data of a newer or unknown layout is refused with an explanation, and nothing is changed."""
    redis.set("schema", number)
    assert words in schema.ensure(redis)
    assert (words in schema.problem(redis), redis.get("schema")) == (True, number.encode())
