"""Names of the keys of the watch in Redis (:mod:`jobs.watch`)."""

from __future__ import annotations

from jobs.storage.keys import Key, _key


def watched(mailbox: str) -> Key:
    """Return the key of a watched channel: its space, its interval and the people who are told."""
    return _key("watch", "channel", mailbox)


def every_watched() -> Key:
    """Return a pattern that matches the keys of all watched channels."""
    return watched("*")


def watched_channels() -> Key:
    """Return the key of the addresses of all watched channels, each with its group."""
    return _key("watch", "channels")


def watched_group(group: str) -> Key:
    """Return the key of the addresses of the watched channels that are looked at together."""
    return _key("watch", "group", group)


def watched_in_space(room: str) -> Key:
    """Return the key of the addresses of the watched channels whose cards go to a space."""
    return _key("watch", "space", room)


def watch_state(mailbox: str) -> Key:
    """Return the key of the state of a channel: the last look at it, and when the next is due."""
    return _key("watch", "state", mailbox)


def every_watch_state() -> Key:
    """Return a pattern that matches the keys of the states of all watched channels."""
    return watch_state("*")


def incident(incident_id: str) -> Key:
    """Return the key of an incident of a watched channel."""
    return _key("incident", incident_id)


def every_incident() -> Key:
    """Return a pattern that matches the keys of all incidents."""
    return incident("*")


def incidents_of_channel(mailbox: str) -> Key:
    """Return the key of the incidents of a channel, by the time of their first bad look."""
    return _key("incidents", "channel", mailbox)


def incidents_open() -> Key:
    """Return the key of the incidents that have not ended, by the time of their first bad look."""
    return _key("incidents", "open")


def incident_card(card_id: str) -> Key:
    """Return the key of a card that shows incidents in one space."""
    return _key("incidents", "card", card_id)


def every_incident_card() -> Key:
    """Return a pattern that matches the keys of all cards of incidents."""
    return incident_card("*")


def incidents_of_card(card_id: str) -> Key:
    """Return the key of the incidents that a card shows, by the time of their first bad look."""
    return _key("incidents", "shown", card_id)


def shared_card(room: str, shared: str) -> Key:
    """Return the key of a space's card for the incidents with a shared cause, while one goes on."""
    return _key("incidents", "shared", room, shared)


def watch_history(mailbox: str) -> Key:
    """Return the key of the history of a channel: its looks and its mails, by hour and by day."""
    return _key("watch", "history", mailbox)


def watch_mails(mailbox: str) -> Key:
    """Return the key of the newest test mails that the watch has sent to a channel."""
    return _key("watch", "mails", mailbox)


def every_watch_mails() -> Key:
    """Return a pattern that matches the keys of the newest test mails of all channels."""
    return watch_mails("*")


def watch_mail_claim(mailbox: str) -> Key:
    """Return the key that marks that a worker sent the channel a test mail and none is due yet."""
    return _key("watch", "mail-claim", mailbox)


def watch_mails_sent() -> Key:
    """Return the key of the channels by the time at which the watch last sent them a test mail."""
    return _key("watch", "mails-sent")


def watch_mails_arrived() -> Key:
    """Return the key of the channels by the time at which a test mail was seen to arrive."""
    return _key("watch", "mails-arrived")


def watch_beat() -> Key:
    """Return the key of the newest round of the watch: its beginning, its end and its result."""
    return _key("watch", "beat")


def watch_pinged() -> Key:
    """Return the key that marks that the monitoring service was told of a round a moment ago."""
    return _key("watch", "pinged")


def watch_gaps(room: str) -> Key:
    """Return the key of the times without looks that a space was not told yet, by channel."""
    return _key("watch", "gaps", room)


def watch_gaps_due() -> Key:
    """Return the key of the spaces by the time at which they are told of a time without looks."""
    return _key("watch", "gaps-due")


def watch_lock(group: str) -> Key:
    """Return the key of the lock of the worker that looks at a group of channels."""
    return _key("watch", "lock", group)
