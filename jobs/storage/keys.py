"""Names of all keys in Redis. Each name is spelled only here.

``REDIS_PREFIX`` precedes every key, so that several installations can share one Redis database. It
is read when the process starts, because RQ reads its own prefix while it is imported
(:func:`rq_prefix`). docs/operations.md lists the content and lifetime of each key.
"""

from __future__ import annotations

import os
import re
from typing import NewType

Key = NewType("Key", str)
VARIABLE = "REDIS_PREFIX"
RQ_VARIABLE = "RQ_KEY_PREFIX"
"""The environment variable from which RQ 3 takes the first part of all its keys (rq/defaults.py)."""
_PREFIX = re.compile(r"[A-Za-z0-9:_-]*")


def is_prefix(text: str) -> bool:
    """Return whether every character may stand in a prefix: letters, digits, ``:``, ``-`` and ``_``."""
    return _PREFIX.fullmatch(text) is not None


def _read_prefix() -> str:
    """Return the prefix of this process; a bad one counts as none, and the settings refuse it."""
    text = os.environ.get(VARIABLE, "").strip()
    return text if is_prefix(text) else ""


PREFIX = _read_prefix()


def rq_prefix() -> str:
    """Return the first part of RQ's keys."""
    return f"{PREFIX}rq"


def _key(*parts: str) -> Key:
    return Key(PREFIX + ":".join(parts))


def schema() -> Key:
    """The number of the layout in which the data is stored."""
    return _key("schema")


def write_test() -> Key:
    """A value that is written only to see whether Redis takes writes."""
    return _key("write", "test")


def generation() -> Key:
    """Random id of the data, and a number that rises (:mod:`jobs.storage.generation`)."""
    return _key("generation")


def loss_told(data_id: str, room: str) -> Key:
    """A mark: the space was told that the data before this id was lost."""
    return _key("generation", data_id, room)


def figures(name: str) -> Key:
    """Numbers for the person who watches the bot: all counters, or one gauge by its name."""
    return _key("figures", name)


# Runs


def run_events(run_id: str) -> Key:
    """The list of everything that happened in a run."""
    return _key("run", run_id, "events")


def every_run_events() -> Key:
    """A pattern that matches the event lists of all runs."""
    return run_events("*")


def run_about(run_id: str) -> Key:
    """Run's data in its audit entries."""
    return _key("run", run_id, "about")


def run_stopped(run_id: str) -> Key:
    """A mark: it is recorded that an event of the run was not made by this bot."""
    return _key("run", run_id, "stopped")


def run_mark(run_id: str, *name: str) -> Key:
    """A mark of a run: its ``deaths``, its ``closed`` space, or a ``look`` (``due`` or ``done``)."""
    return _key("run", run_id, *name)


def runs_due() -> Key:
    """The runs by the time at which each is looked at again."""
    return _key("runs", "due")


def runs_open() -> Key:
    """The runs that have not ended, by their beginning."""
    return _key("runs", "open")


# Channels, spaces and persons


def channel_record(mailbox: str) -> Key:
    """The proof of a channel: by which run, and when."""
    return _key("channel", mailbox)


def channel_claim(holder: str) -> Key:
    """The run that holds a mailbox, or that a message or a press has begun."""
    return _key("channel", holder, "run")


def channel_runs(mailbox: str) -> Key:
    """The runs of a mailbox without its checks, by their beginning."""
    return _key("channel", mailbox, "runs")


def channel_check(mailbox: str) -> Key:
    """The newest check of a mailbox."""
    return _key("channel", mailbox, "check")


def space_runs(room: str) -> Key:
    """The runs that were asked for in a space, by their beginning."""
    return _key("space", room, "runs")


def space_channels(room: str) -> Key:
    """The mailboxes that were connected from a space."""
    return _key("space", room, "channels")


def every_space_channels() -> Key:
    """A pattern that matches the mailboxes of all spaces."""
    return space_channels("*")


def person_channels(person: str) -> Key:
    """The mailboxes that a person has connected."""
    return _key("person", person, "channels")


def space_bulk_check(room: str) -> Key:
    """The newest ``/check all`` of a space."""
    return _key("space", room, "bulk_check")


def space_bulk_check_in_layout_1(room: str) -> Key:
    """The newest ``/check all`` of a space, as layout 1 named it."""
    return _key("space", room, "round")


def space_members_checked(room: str) -> Key:
    """A mark: nobody of another organization was in the space a moment ago."""
    return _key("space", room, "ours")


def space_hold_announced(room: str) -> Key:
    """Marker that the space was informed that its cards are held back."""
    return _key("space", room, "told")


# Access to Microsoft


def app_access() -> Key:
    """The tenants that let the bot read by itself, each with its grant."""
    return _key("tenants", "app-access")


def tenant_calls(tenant: str, kind: str) -> Key:
    """The last calls of one kind to a tenant, by their time (:mod:`jobs.clouds.rate_limit`)."""
    return _key("tenant", tenant, "calls", kind)


def own_sign_ins(mailbox: str) -> Key:
    """The numbers of the bot's own sign-ins as a mailbox, by their time."""
    return _key("channel", mailbox, "own-sign-ins")


def own_login(mailbox: str) -> Key:
    """The time at which the bot last got a token as a mailbox."""
    return _key("channel", mailbox, "own-login")


# Secrets, links, and the audit trail


def sealed(name: str) -> Key:
    """A sealed value of the vault (:mod:`jobs.storage.vault`)."""
    return _key("sealed", name)


def secrets_shown() -> Key:
    """The key ids of the client secrets that somebody has seen."""
    return _key("secrets", "handed-over")


def page_token_in_layout_2(digest: str) -> Key:
    """The purpose of a link to one of the bot's pages, by the hash of its token, as layout 2 kept it."""
    return _key("ticket", digest)


def audit_entries() -> Key:
    """The entries of the audit trail, oldest first."""
    return _key("audit", "entries")


def audit_head() -> Key:
    """The sealed end of the audit trail."""
    return _key("audit", "head")


# Test mails through Webex Connect


def connect_test(run_id: str) -> Key:
    """The transaction of a run's test mail."""
    return _key("connect-test", run_id)


def connect_receipt(run_id: str) -> Key:
    """The delivery receipt of a run's test mail."""
    return _key("connect-receipt", run_id)


def connect_address(digest: str) -> Key:
    """The run whose receipt is posted to an address, by the hash of the address's token."""
    return _key("connect-address", digest)


# Events


def event(event_id: str) -> Key:
    """Webhook event until it is handled. It stays empty for one more hour, to recognize another delivery."""
    return _key("event", event_id)


def events_due() -> Key:
    """The events by the time at which each is handed to a worker."""
    return _key("events", "due")


def cards(run_id: str) -> Key:
    """The cards of a run and the messages that show them."""
    return _key("cards", run_id)


def every_cards() -> Key:
    """A pattern that matches the cards of all runs."""
    return cards("*")


def checks_shown(mailbox: str) -> Key:
    """The checks of a mailbox whose verdict is on a card."""
    return _key("channel", mailbox, "checks_shown")


def cards_due() -> Key:
    """The runs by the time at which their cards are drawn."""
    return _key("draws", "due")


def draw_queued(run_id: str) -> Key:
    """A mark: a draw of the run's cards waits in the queue."""
    return _key("draw", run_id, "queued")


def webex_wait(scope: str) -> Key:
    """A mark: Webex asked to be left alone, with all cards or with one."""
    return _key("webex", "wait", scope)


def cards_refused() -> Key:
    """The runs with a card that Webex refused, each with the place of the card."""
    return _key("draws", "refused")


def clock_skew(cloud: str, *mark: str) -> Key:
    """The last measurements of the clock against a cloud's; ``told`` if the log has named a skew."""
    return _key("skew", cloud, *mark)


def tac_case(conversation: str) -> Key:
    """The case for which a thread collects a file for Cisco TAC."""
    return _key("tac", conversation)


def reminder_look(mailbox: str, day: str) -> Key:
    """A mark: the end of a mailbox's secret was looked at on that day (``YYYY-MM-DD``)."""
    return _key("reminder", mailbox, day)


def reminder_given(mailbox: str, end: str, days: int) -> Key:
    """A mark: the reminder so many days before the end (``YYYY-MM-DD``) was given."""
    return _key("reminder", mailbox, end, str(days))


def locale(place: str) -> Key:
    """The language and time zone that a space (by room id) or a person (by address) has chosen."""
    return _key("locale", place)


def bot_account(digest: str) -> Key:
    """The bot's own Webex account, by the hash of its access token."""
    return _key("bot", "me", digest)


# Limits by person


def refusals(person: str) -> Key:
    """The refusals of a person in the present hour: how many, since when, and the person's address."""
    return _key("refusals", person)


def refusals_ending() -> Key:
    """The persons with refusals, by the end of the hour in which they are counted."""
    return _key("refusals-ending")


def commands(person: str) -> Key:
    """The commands and presses of a person in the last hour, by their time."""
    return _key("commands", person)


def commands_limit_told(person: str) -> Key:
    """A mark: the event that was answered with the limit, and until when the person knows it."""
    return _key("commands", person, "told")


# Webhooks


def webhooks_ours() -> Key:
    """Redis key of the ids of webhooks that this installation has created or taken over."""
    return _key("webhooks", "ours")


def webhooks_refused() -> Key:
    """The number of webhooks with a wrong signature, and the times of the first and the last."""
    return _key("webhooks", "refused")


def webhook_repaired(webhook: str) -> Key:
    """A mark: the webhook was switched on again a moment ago."""
    return _key("webhooks", "repaired", webhook)


# Locks (:mod:`jobs.storage.locks`)


def locks_held() -> Key:
    """The processes that hold locks, by the lock."""
    return _key("locks", "held")


def lock_numbers() -> Key:
    """The number of the last lock that was taken, which only grows."""
    return _key("locks", "number")


def run_lock(run_id: str) -> Key:
    """The lock of the worker that works on a run."""
    return _key("run", run_id, "lease")


def press_lock(run_id: str) -> Key:
    """The lock of a press on a run while it is carried out."""
    return _key("run", run_id, "press")


def draw_lock(run_id: str) -> Key:
    """The lock of the draw of a run's cards."""
    return _key("draw", run_id)


def event_lock(event_id: str) -> Key:
    """The lock of the worker that handles an event."""
    return _key("event", event_id, "lock")


def webhooks_lock() -> Key:
    """The lock of the registration of the webhooks."""
    return _key("webhooks", "lock")


def schema_lock() -> Key:
    """The lock of the process that migrates the data."""
    return _key("schema", "lock")
