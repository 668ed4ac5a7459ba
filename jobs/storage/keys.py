"""Names of all keys in Redis. Each name is spelled only here.

``REDIS_PREFIX`` precedes every key, so that several installations can share one Redis database. It
is read when the process starts, because RQ reads its own prefix while it is imported
(:func:`rq_prefix`). docs/operations.md lists the lifetime of each key.
"""

from __future__ import annotations

import os
import re
from typing import NewType

Key = NewType("Key", str)
VARIABLE = "REDIS_PREFIX"
RQ_VARIABLE = "RQ_KEY_PREFIX"
"""Environment variable from which RQ 3 takes the first part of all its keys (rq/defaults.py)."""
_PREFIX = re.compile(r"[A-Za-z0-9:_-]*")


def is_prefix(text: str) -> bool:
    """Return whether the text is a valid prefix: letters, digits, ``:``, ``-`` and ``_`` only."""
    return _PREFIX.fullmatch(text) is not None


def _read_prefix() -> str:
    """Return the key prefix of this process; empty if it is invalid, and the settings refuse it."""
    text = os.environ.get(VARIABLE, "").strip()
    return text if is_prefix(text) else ""


PREFIX = _read_prefix()


def rq_prefix() -> str:
    """Return the first part of all Redis keys of RQ, the job queue."""
    return f"{PREFIX}rq"


def _key(*parts: str) -> Key:
    return Key(PREFIX + ":".join(parts))


def schema() -> Key:
    """Return the key of the number of the layout in which the data is stored."""
    return _key("schema")


def write_test() -> Key:
    """Return the key of a value that is written only to see whether Redis takes writes."""
    return _key("write", "test")


def generation() -> Key:
    """Return the key of the data's random id and rising number (:mod:`jobs.storage.generation`)."""
    return _key("generation")


def loss_told(data_id: str, room: str) -> Key:
    """Return the key that marks that the space was told of the loss of data before this id."""
    return _key("generation", data_id, room)


def figures(name: str) -> Key:
    """Return the key of the numbers for the bot's operator: all counters, or the named gauge."""
    return _key("figures", name)


def due() -> Key:
    """Return the key of the queue of all work by the time at which each is handed to a worker."""
    return _key("due")


# Runs


def run_events(run_id: str) -> Key:
    """Return the key of the list of everything that happened in a run."""
    return _key("run", run_id, "events")


def every_run_events() -> Key:
    """Return a pattern that matches the keys of the event lists of all runs."""
    return run_events("*")


def run_about(run_id: str) -> Key:
    """Return the key of the data of a run that its audit entries contain."""
    return _key("run", run_id, "about")


def run_stopped(run_id: str) -> Key:
    """Return the key that marks a run as stopped, because one of its events is not the bot's."""
    return _key("run", run_id, "stopped")


def run_mark(run_id: str, *name: str) -> Key:
    """Return the key of a run's ``deaths``, ``closed`` space, or ``look`` (``due`` or ``done``)."""
    return _key("run", run_id, *name)


def runs_open() -> Key:
    """Return the key of the list of runs that have not ended, by the time at which they began."""
    return _key("runs", "open")


# Channels, spaces and persons


def channel_record(mailbox: str) -> Key:
    """Return the key of a channel's proof: the run that proved that it works, and the time."""
    return _key("channel", mailbox)


def channel_claim(holder: str) -> Key:
    """Return the key of the run that holds a mailbox, or that a message or a button press began."""
    return _key("channel", holder, "run")


def channel_runs(mailbox: str) -> Key:
    """Return the key of the list of a mailbox's runs without its checks, by their beginning."""
    return _key("channel", mailbox, "runs")


def channel_check(mailbox: str) -> Key:
    """Return the key of the newest check of a mailbox."""
    return _key("channel", mailbox, "check")


def space_runs(room: str) -> Key:
    """Return the key of the list of runs that were asked for in a space, by their beginning."""
    return _key("space", room, "runs")


def space_channels(room: str) -> Key:
    """Return the key of the set of mailboxes that were connected from a space."""
    return _key("space", room, "channels")


def channels() -> Key:
    """Return the key of the set of all connected mailboxes."""
    return _key("channels")


def person_channels(person: str) -> Key:
    """Return the key of the set of mailboxes that a person has connected."""
    return _key("person", person, "channels")


def space_bulk_check(room: str) -> Key:
    """Return the key of the newest ``/check all`` of a space."""
    return _key("space", room, "bulk_check")


def space_members_checked(room: str) -> Key:
    """Return the key that marks that a space had no member of another organization a moment ago."""
    return _key("space", room, "ours")


def space_hold_announced(room: str) -> Key:
    """Return the key that marks that a space was told that its cards are held back."""
    return _key("space", room, "told")


# Access to Microsoft


def app_access() -> Key:
    """Return the key of the tenants that let the bot read by itself, each with its grant."""
    return _key("tenants", "app-access")


def tenant_calls(tenant: str, kind: str) -> Key:
    """Return the key of a tenant's calls of a kind, by time (:mod:`jobs.clouds.rate_limit`)."""
    return _key("tenant", tenant, "calls", kind)


def own_sign_ins(mailbox: str) -> Key:
    """Return the key of the numbers of the bot's own sign-ins as a mailbox, by time."""
    return _key("channel", mailbox, "own-sign-ins")


def own_login(mailbox: str) -> Key:
    """Return the key of the time at which the bot last got a token as a mailbox."""
    return _key("channel", mailbox, "own-login")


# Secrets, links, and the audit trail


def sealed(name: str) -> Key:
    """Return the key of a sealed value of the vault (:mod:`jobs.storage.vault`)."""
    return _key("sealed", name)


def secrets_shown() -> Key:
    """Return the key of the key ids of the client secrets that somebody has seen."""
    return _key("secrets", "handed-over")


def audit_entries() -> Key:
    """Return the key of the entries of the audit trail, oldest first."""
    return _key("audit", "entries")


def audit_head() -> Key:
    """Return the key of the sealed end of the audit trail."""
    return _key("audit", "head")


# Events


def event(event_id: str) -> Key:
    """Return the key of a webhook event, which is emptied when handled and kept for an hour."""
    return _key("event", event_id)


def cards(run_id: str) -> Key:
    """Return the key of a run's cards and of the messages that show them."""
    return _key("cards", run_id)


def every_cards() -> Key:
    """Return a pattern that matches the keys of the cards of all runs."""
    return cards("*")


def checks_shown(mailbox: str) -> Key:
    """Return the key of the set of a mailbox's checks whose verdict is on a card."""
    return _key("channel", mailbox, "checks_shown")


def draw_queued(run_id: str) -> Key:
    """Return the key that marks that a draw of the run's cards waits in the queue."""
    return _key("draw", run_id, "queued")


def webex_wait(scope: str) -> Key:
    """Return the key that marks that Webex asked to be left alone: with a card, a place, or all."""
    return _key("webex", "wait", scope)


def cards_refused() -> Key:
    """Return the key of the cards that Webex refused, each by its run and its place."""
    return _key("draws", "refused")


def clock_skew(cloud: str, *mark: str) -> Key:
    """Return the key of a cloud's clock measurements, or of ``told``: the log named a skew."""
    return _key("skew", cloud, *mark)


def tac_case(conversation: str) -> Key:
    """Return the key of the case for which a thread collects a file for Cisco TAC."""
    return _key("tac", conversation)


def reminder_look(mailbox: str, day: str) -> Key:
    """Return the key that marks that a mailbox's secret was checked on a day (``YYYY-MM-DD``)."""
    return _key("reminder", mailbox, day)


def reminder_given(mailbox: str, end: str, days: int) -> Key:
    """Return the key that marks the reminder ``days`` before ``end`` (``YYYY-MM-DD``) as given."""
    return _key("reminder", mailbox, end, str(days))


def locale(place: str) -> Key:
    """Return the key of the language and time zone of a space (room id) or a person (address)."""
    return _key("locale", place)


def bot_account(digest: str) -> Key:
    """Return the key of the bot's own Webex account, by the hash of its access token."""
    return _key("bot", "me", digest)


# Limits by person


def refusals(person: str) -> Key:
    """Return the key of a person's refusals in this hour: their number, first time, and address."""
    return _key("refusals", person)


def refusals_ending() -> Key:
    """Return the key of the persons with refusals, by the end of the hour in which they count."""
    return _key("refusals-ending")


def commands(person: str) -> Key:
    """Return the key of a person's commands and button presses of the last hour, by time."""
    return _key("commands", person)


def commands_limit_told(person: str) -> Key:
    """Return the key of the event that was answered with the limit, and of the limit's end."""
    return _key("commands", person, "told")


# Webhooks


def webhooks_ours() -> Key:
    """Return the key of the ids of webhooks that this installation has created or taken over."""
    return _key("webhooks", "ours")


def webhooks_refused() -> Key:
    """Return the key of the number of webhooks with a wrong signature, with first and last time."""
    return _key("webhooks", "refused")


def webhook_repaired(webhook: str) -> Key:
    """Return the key that marks that the webhook was switched on again a moment ago."""
    return _key("webhooks", "repaired", webhook)


# Locks (:mod:`jobs.storage.locks`)


def locks_held() -> Key:
    """Return the key of the processes that hold locks, by the name of the lock."""
    return _key("locks", "held")


def lock_numbers() -> Key:
    """Return the key of the number of the newest lock, which only grows."""
    return _key("locks", "number")


def run_lock(run_id: str) -> Key:
    """Return the key of the lock of the worker that works on a run."""
    return _key("run", run_id, "lease")


def press_lock(run_id: str) -> Key:
    """Return the key of the lock that is held while a button press on a run is carried out."""
    return _key("run", run_id, "press")


def draw_lock(run_id: str) -> Key:
    """Return the key of the lock that is held while a run's cards are drawn."""
    return _key("draw", run_id)


def event_lock(event_id: str) -> Key:
    """Return the key of the lock of the worker that handles an event."""
    return _key("event", event_id, "lock")


def webhooks_lock() -> Key:
    """Return the key of the lock that is held while the webhooks are registered."""
    return _key("webhooks", "lock")
