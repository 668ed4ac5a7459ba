"""Runs of shared mailboxes that were written before a channel had a delegate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from jobs.channel.mailbox import delegate_of
from jobs.checks.check import brief_for
from jobs.runs import schema
from jobs.runs.channel_index import Record
from jobs.runs.run_store import RunStore
from jobs.storage import codec, keys
from tests.fixtures.older_data import seal_as_layout_2

OLD: dict[str, Any] = json.loads(
    Path(__file__).parents[3].joinpath("data/shared-mailbox-layout-2.json").read_text("utf-8")
)
KEY = Fernet.generate_key().decode()
SHARED, AGENT = "shared@contoso.com", "agent@contoso.com"


@pytest.fixture
def old(redis: Redis) -> RunStore:
    """Return a store with a migrated setup and check of layout 2.

    The delegate of the setup has rehearsed.
    """
    redis.set(keys.schema(), 2)
    for name in ("setup", "check"):
        redis.rpush(keys.run_events(name.upper()), *map(json.dumps, OLD[name]))
    redis.zadd(keys.channel_runs(SHARED), {"SETUP": 1})
    seal_as_layout_2(redis, (KEY,))
    schema.ensure(redis, (KEY,))
    return RunStore(redis, (KEY,))


def test_who_rehearsed_is_the_delegate(old: RunStore):
    """The user who rehearsed in an older setup counts as the delegate.

    The next check logs in as that user, because the kept sign-in belongs to that user.
    """
    run = old.load("SETUP")
    assert (run.channel.delegate, run.fact("shared"), delegate_of(run)) == ("", "blocked", AGENT)
    told = brief_for(old, SHARED)
    assert (told.shared, told.delegate, told.upn) == (True, AGENT, "")


def test_a_check_from_before_knows_none(old: RunStore):
    """An older check of a shared mailbox has no delegate, but it can still be loaded."""
    run = old.load("CHECK")
    assert (run.brief.shared, run.brief.delegate, delegate_of(run)) == (True, "", "")


def test_a_connected_channel_from_before_knows_none():
    """An older record of a channel, which has no field for the delegate, can still be read."""
    record = codec.load(json.dumps(OLD["record"]).encode(), Record)
    assert (record.channel.mailbox, record.channel.delegate) == (SHARED, "")
