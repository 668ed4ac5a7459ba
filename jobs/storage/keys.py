"""Names of all keys in Redis. Each name is spelled only here.

``REDIS_PREFIX`` precedes every key, so that several installations can share one Redis database. It
is read when the process starts, because RQ reads its own prefix while it is imported
(``RQ_PREFIX``). docs/operations.md lists the lifetime of each key.
"""

import os
import re
from collections.abc import Callable
from typing import NewType

Key = NewType("Key", str)
VARIABLE = "REDIS_PREFIX"
RQ_VARIABLE = "RQ_KEY_PREFIX"
"""Environment variable from which RQ 3 takes the first part of all its keys (rq/defaults.py)."""
_PREFIX = re.compile(r"[A-Za-z0-9:_-]*")


def is_prefix(text: str) -> bool:
    return _PREFIX.fullmatch(text) is not None


PREFIX = os.environ.get(VARIABLE, "").strip()
if not is_prefix(PREFIX):  # the settings refuse it
    PREFIX = ""
RQ_PREFIX = f"{PREFIX}rq"


def _named(template: str) -> Callable[..., Key]:
    places = template.count("{}")

    def key(*names: object) -> Key:
        if len(names) != places:
            raise TypeError(f"{template} takes {places} names")
        return Key(PREFIX + template.format(*names))

    return key


def owner(key: bytes | str, pattern: Key) -> str:
    """Return the part of a key that a pattern with one ``*`` leaves open."""
    first, _, last = pattern.partition("*")
    text = key if isinstance(key, str) else key.decode(errors="replace")
    return text.removeprefix(first).removesuffix(last)


schema = _named("schema")
write_test = _named("write:test")
generation = _named("generation")
"""Data's random id and rising number (:mod:`jobs.storage.generation`)."""
loss_told = _named("generation:{}:{}")
"""Mark that the space was told of the loss of data before this id."""
figures = _named("figures:{}")
due = _named("due")
"""Queue of all work by the time at which each is handed to a worker."""

# Runs

run_events = _named("run:{}:events")
run_mark = _named("run:{}:{}")
"""Run's ``deaths``, or its newest ``look`` at what it has made."""
runs_open = _named("runs:open")

# Channels, spaces and persons

channel_record = _named("channel:{}:proof")
"""Channel's proof: the run that proved that it works, and the time."""
channel_claim = _named("channel:{}:run")
"""Run that holds a mailbox, or that a message or a button press began."""
channel_runs = _named("channel:{}:runs")
"""List of a mailbox's runs without its checks, by their beginning."""
channel_check = _named("channel:{}:check")
space_runs = _named("space:{}:runs")
space_channels = _named("space:{}:channels")
channels = _named("channels")
person_channels = _named("person:{}:channels")
space_bulk_check = _named("space:{}:bulk_check")
space_members_checked = _named("space:{}:ours")
"""Mark that a space had no member of another organization a moment ago."""
space_hold_announced = _named("space:{}:told")

# Access to Microsoft

app_access = _named("tenants:app-access")
tenant_calls = _named("tenant:{}:calls:{}")
own_sign_ins = _named("channel:{}:own-sign-ins")
own_login = _named("channel:{}:own-login")

# Secrets, links, and the audit trail

sealed = _named("sealed:{}")
secrets_shown = _named("secrets:handed-over")
audit_entries = _named("audit:entries")
audit_head = _named("audit:head")

# Events

event = _named("event:{}")
"""Webhook event, which is emptied when handled and kept for an hour."""
answered = _named("answered:{}")
"""Mark that a part of an event is answered, and Webex has taken all of it."""
cards = _named("cards:{}")
cards_about = _named("channel:{}:cards_about")
draw_queued = _named("draw:{}:queued")
"""Mark that a draw of the run's cards waits in the queue."""
webex_wait = _named("webex:wait:{}")
"""Mark that Webex asked to be left alone: with a card, a place, or all."""
cards_refused = _named("draws:refused")
"""Cards that Webex refused, each by its run and its place."""
clock_skew = _named("skew:{}")
clock_skew_told = _named("skew:{}:told")
"""Mark that the log named a cloud's skew a moment ago."""
accepted = _named("accepted:{}")
tac_case = _named("tac:{}")
tac_mails = _named("tac-mails")
"""Test mails that somebody sent in a search, by the place of the case, while they are followed."""
reminder_given = _named("reminder:{}:{}:{}")
"""Mark that the reminder so many days before an end (``YYYY-MM-DD``) was given."""
locale = _named("locale:{}")
bot_account = _named("bot:me:{}")

# Limits by person

refusals = _named("refusals:{}")
commands = _named("commands:{}")
commands_limit_told = _named("commands:{}:told")
"""Event that was answered with the limit, and of the limit's end."""

# Webhooks

webhooks_ours = _named("webhooks:ours")
webhooks_refused = _named("webhooks:refused-at")
webhook_repaired = _named("webhooks:repaired:{}")

# Locks (:mod:`jobs.storage.locks`)

locks_held = _named("locks:held")
lock_numbers = _named("locks:number")
run_lock = _named("run:{}:lease")
press_lock = _named("run:{}:press")
draw_lock = _named("draw:{}")
event_lock = _named("event:{}:lock")
webhooks_lock = _named("webhooks:lock{}")

# The watch (:mod:`jobs.watch`)

watched = _named("watch:channel:{}")
watched_channels = _named("watch:channels")
watch_state = _named("watch:state:{}")
"""State of a channel: the last look at it, and when the next is due."""
incident = _named("incident:{}")
incidents_of_channel = _named("incidents:channel:{}")
incidents_open = _named("incidents:open")
incident_card = _named("incidents:card:{}")
incidents_of_card = _named("incidents:shown:{}")
watch_history = _named("watch:history:{}")
watch_mails = _named("watch:mails:{}")
watch_mail_claim = _named("watch:mail-claim:{}")
"""Mark that a worker sent the channel a test mail and none is due yet."""
watch_mails_sent = _named("watch:mails-sent")
watch_mails_arrived = _named("watch:mails-arrived")
watch_pinged = _named("watch:pinged")
watch_gaps = _named("watch:gaps")
watch_lock = _named("watch:lock:{}")
