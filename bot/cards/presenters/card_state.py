"""Desired and posted state of a run's cards, which presenters compare."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from adaptive_cards import Card, locale
from bot.services import Services
from jobs.storage import codec, keys

EDITS = 10
NO_EDITS = EDITS + 1
"""Edit count of a card that Webex has never allowed to be edited."""
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DesiredCard:
    """Card as it should look now.

    ``to`` is ``thread``, or a person's address for a 1:1 message. ``fingerprint`` changes if
    anything on the card is new. ``urgency`` changes if the update must not wait. ``final`` means
    that no further update follows.

    ``retires`` means that the card only withdraws an earlier request. If Webex refuses the edit,
    such an update is skipped, because a new card would ask for nothing.

    ``prompt`` is for rooms in which Webex has never allowed an edit. It identifies the request to a
    person and is empty if the update asks for nothing. None means that ``urgency`` decides.
    """

    slot: str
    card: Card
    fingerprint: str
    to: str = "thread"
    urgency: str = ""
    final: bool = False
    retires: bool = False
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class PostedCard:
    """Card as Webex shows it.

    ``room`` is empty if Webex did not name the room; it is then requested when it is needed.

    ``prompt`` is the newest request to a person, even if its card was not posted. A new request
    therefore posts a new card.
    """

    message: str
    room: str
    fingerprint: str
    urgency: str
    at: datetime
    edits: int = 0
    prompt: str = ""

    @property
    def never_edited(self) -> bool:
        """Return whether Webex has never let this card be edited."""
        return self.edits == NO_EDITS


def desired_card(  # noqa: PLR0913  what a card is made of
    slot: str,
    view: object,
    card: Card,
    *,
    to: str = "thread",
    urgency: str = "",
    final: bool = False,
    retires: bool = False,
    prompt: str | None = None,
) -> DesiredCard:
    """A card whose mark follows from the view; the moment of drawing (``at``) is no news."""
    plain = replace(view, at=NEVER) if hasattr(view, "at") else view  # type: ignore[type-var]
    return DesiredCard(
        slot,
        card,
        hashlib.sha256(_language() + codec.dump(plain)).hexdigest()[:16],
        to,
        urgency,
        final,
        retires,
        prompt,
    )


def _language() -> bytes:
    """Return the language and time zone, if they are not the usual ones: another one is news."""
    here = locale.current()
    return b"" if here == locale.DEFAULT else f"{here.language} {here.zone} ".encode()


def posted_card(services: Services, run_id: str, slot: str) -> PostedCard | None:
    """Return the state of a card in Webex, or None if Webex has not confirmed it."""
    raw = services.redis.hget(keys.cards(run_id), slot)
    return codec.load(raw, PostedCard) if isinstance(raw, bytes) else None


def was_posted(services: Services, run_id: str, slot: str) -> bool:
    """Return whether Webex has accepted the card."""
    return bool(services.redis.hexists(keys.cards(run_id), slot))


def was_refused(services: Services, run_id: str, slot: str) -> bool:
    """Return whether Webex refused the card at the last post."""
    return bool(services.redis.hexists(keys.cards(run_id), refused_field(slot)))


def may_edit(services: Services, run_id: str, message: str) -> bool:
    """Count an edit of a message that is no card of a slot, and return whether Webex still takes it."""
    field = _edits_field(message)
    return int(services.redis.hincrby(keys.cards(run_id), field, 1)) <= EDITS


def note_no_edits(services: Services, run_id: str, message: str) -> None:
    """Record that Webex takes no more edits of a message."""
    services.redis.hset(keys.cards(run_id), _edits_field(message), EDITS)


def _edits_field(message: str) -> str:
    return f"{message}:edits"


def refused_field(slot: str) -> str:
    """Return the field of a run's cards that notes a refusal of this slot."""
    return f"{slot}:refused"
