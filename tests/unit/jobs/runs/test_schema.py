"""Number of the layout of the data: written once, and anything else is refused in a sentence."""

from __future__ import annotations

import pytest
from redis import Redis

from jobs.storage import generation


def test_the_first_start_writes_the_number(redis: Redis):
    """The first start writes the number and nothing else. A later start leaves it as it is."""
    assert (generation.layout_problem(redis), redis.keys()) == ("", [])
    assert (generation.ensure_layout(redis), redis.get("schema"), redis.keys()) == (
        "",
        b"1",
        [b"schema"],
    )
    assert (generation.ensure_layout(redis), redis.get("schema")) == ("", b"1")


@pytest.mark.parametrize(
    ("number", "words"),
    [("2", "has layout 2, and this version reads layout 1"), ("0", "has layout 0"), ("x", "'x'")],
)
def test_another_layout_is_refused(redis: Redis, number: str, words: str):
    """Data of a newer or unknown layout is refused with an explanation, and nothing is changed."""
    redis.set("schema", number)
    assert words in generation.ensure_layout(redis)
    assert (words in generation.layout_problem(redis), redis.get("schema")) == (
        True,
        number.encode(),
    )
