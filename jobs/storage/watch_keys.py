"""Names of the keys of the watch in Redis (:mod:`jobs.watch`)."""

from __future__ import annotations

from jobs.storage.keys import Key, _key


def watched(mailbox: str) -> Key:
    """A watched channel: its space, its interval and whom the watch tells."""
    return _key("watch", "channel", mailbox)


def every_watched() -> Key:
    """A pattern that matches all watched channels."""
    return watched("*")


def watched_channels() -> Key:
    """The addresses of all watched channels, each with its group."""
    return _key("watch", "channels")


def watched_group(group: str) -> Key:
    """The addresses of the watched channels that are looked at together."""
    return _key("watch", "group", group)


def watched_in_space(room: str) -> Key:
    """The addresses of the channels whose cards go to a space."""
    return _key("watch", "space", room)


def watch_due() -> Key:
    """The groups of watched channels by the time at which each is looked at."""
    return _key("watch", "due")


def watch_state(mailbox: str) -> Key:
    """The last look at a channel, and when the next is due."""
    return _key("watch", "state", mailbox)


def every_watch_state() -> Key:
    """A pattern that matches the states of all watched channels."""
    return watch_state("*")


def incident(incident_id: str) -> Key:
    """An incident of a watched channel."""
    return _key("incident", incident_id)


def every_incident() -> Key:
    """A pattern that matches all incidents."""
    return incident("*")


def incidents_of_channel(mailbox: str) -> Key:
    """The incidents of a channel, by the time of their first bad look."""
    return _key("incidents", "channel", mailbox)


def incidents_open() -> Key:
    """The incidents that go on, by the time of their first bad look."""
    return _key("incidents", "open")


def incident_card(card_id: str) -> Key:
    """A card that shows incidents in one space."""
    return _key("incidents", "card", card_id)


def every_incident_card() -> Key:
    """A pattern that matches all cards of incidents."""
    return incident_card("*")


def incidents_of_card(card_id: str) -> Key:
    """The incidents that a card shows, by the time of their first bad look."""
    return _key("incidents", "shown", card_id)


def shared_card(room: str, shared: str) -> Key:
    """The card of a space for incidents with a shared cause, while one of them goes on."""
    return _key("incidents", "shared", room, shared)


def watch_history(mailbox: str) -> Key:
    """The looks at a channel and its mails, by hour and by day."""
    return _key("watch", "history", mailbox)


def watch_traffic(mailbox: str) -> Key:
    """The mails that a channel usually gets, by hour of the week."""
    return _key("watch", "traffic", mailbox)


def watch_mails(mailbox: str) -> Key:
    """The newest test mails that the watch has sent to a channel."""
    return _key("watch", "mails", mailbox)


def every_watch_mails() -> Key:
    """A pattern that matches the newest test mails of all channels."""
    return watch_mails("*")


def watch_mail_claim(mailbox: str) -> Key:
    """A mark: a worker has sent a test mail to the channel, and no other one is due yet."""
    return _key("watch", "mail-claim", mailbox)


def watch_mails_sent() -> Key:
    """The channels by the time at which the watch has sent them a test mail."""
    return _key("watch", "mails-sent")


def watch_mails_arrived() -> Key:
    """The channels by the time at which a test mail of the watch was seen to arrive."""
    return _key("watch", "mails-arrived")


def watch_beat() -> Key:
    """When the watch last began and ended a round, and what it found."""
    return _key("watch", "beat")


def watch_pinged() -> Key:
    """A mark: the service that waits for the pulse of the watch was told a moment ago."""
    return _key("watch", "pinged")


def watch_gaps(room: str) -> Key:
    """The times without looks that a space has not been told yet, by channel."""
    return _key("watch", "gaps", room)


def watch_gaps_due() -> Key:
    """The spaces by the time at which they are told of a time without looks."""
    return _key("watch", "gaps-due")


def watch_lock(group: str) -> Key:
    """The lock of the worker that looks at a group of channels."""
    return _key("watch", "lock", group)
