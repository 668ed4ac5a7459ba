"""Delivery of a run's cards to Webex.

A card is posted once and edited in place. Webex allows ten edits of a message (webex.md 2),
so updates are combined. The last edit is reserved for the end of the run, or for saying that a
newer message replaces the card. If Webex refuses an edit, only a card that asks a person for
something is posted again.

The answer to a post can be lost, and a process can die before it has the answer. In a 1:1 the bot
can read what it has posted, so there each post is noted before it is made, and its message is
looked for later. In a space Webex shows a bot only the messages that mention it (webex.md 1).

Webex counts the requests of an account together, and does not say whether it also has a limit for a
single space (webex.md 4). So a 429 or a 503 holds the place of its card for as long as Webex
asks, and all other places for 15 seconds at most. If another place is limited too, the bot learns
that from the next request for this place, which is one more request for each place.

After a refusal (401, 403, 404 and the like) a card is tried again when as much time has passed as
since the first refusal: 2, 4, 8 seconds, and so on up to five minutes. The card is drawn at once
when Webex accepts something for the same place, or anything after a 401, and when the bot is back
in the space.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

import structlog
from redis import Redis

from adaptive_cards import Card
from bot.cards.presenters import card_state as shared
from bot.cards.presenters.card_state import DesiredCard, PostedCard
from bot.chat import permissions
from bot.services import Services
from bot.webex import errors
from bot.webex.client import Message, is_own
from jobs.clock import now, paced
from jobs.runs.run import Run
from jobs.storage import codec, keys


def find_unconfirmed(
    services: Services, run: Run, wanted: DesiredCard, post: PostedCard
) -> PostedCard | None:
    """Return the card with its message if Webex shows it, or else None.

    The result is None as well if Webex does not let the bot read the room. Without this search a
    request whose answer was lost would ask a person 1:1 forever, although it is over.

    Raises:
        WebexError: Webex is unavailable, and nothing was posted.
    """
    known = {each.message for each in shared.posted_cards(services, run.id).values()}
    try:
        for each in services.webex.latest_of_person(*_addressee(run, wanted.to)):
            alike = each.id not in known and _mark(each.text) == post.text
            if not alike or not is_own(each, services.me.id, post.at):
                continue
            # A list of 1:1 messages does not show their cards, and no answer shows all of them. A
            # card of another run may have the same text and be a few seconds older.
            whole = each if each.card else services.webex.message(each.id, fresh=False)
            if not post.names_run or not whole.card or run.id in whole.card:
                return replace(post, message=each.id, room=each.room_id)
    except errors.WebexError as error:
        if errors.passes(error):
            error.accepted = False
            raise
    return None


def _addressee(run: Run, to: str) -> tuple[str, str]:
    """Return the person id or the address of the 1:1 in which a card is; the other is empty.

    The requester is addressed by person id, because email addresses change (platforms/webex.md 1).
    """
    # A thread that can be read is in the requester's 1:1.
    return (run.requester.id, "") if to in {shared.THREAD, run.requester.email} else ("", to)


def _mark(text: str) -> str:
    # with single spaces, because Webex may return other spaces than were sent
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]


MIN_EDIT_S = paced(2.0)
MINOR_INTERVAL_S = paced(6.0)
"""Seconds before the first minor edit of a message; each next one waits four times as long.

So a quick run spends its edits on the requests to people, and a long wait is seen to go on.
"""
MINOR_MOST = 4
"""Maximum number of minor edits of one message. The next major edit shows later updates."""
CALM_S = paced(2.0)
"""Seconds that an update without a request to anybody waits. A request often follows it."""
EDIT_REFUSED = frozenset({400, 403, 404, 405, 409, 410, 415, 422})
"""Status codes of a refused edit. Webex documents 400, and that no card can be edited at all."""
log = structlog.get_logger(__name__)


def sync(services: Services, run: Run, wanted: DesiredCard) -> float:
    """Make Webex show the card; return the seconds until the next try, or 0.

    A card for the thread waits while an outsider is in the space (:mod:`bot.chat.permissions`).

    Raises:
        WebexError: Webex does not answer. The next draw shows the newest state.
    """
    shown = shared.posted_card(services, run.id, wanted.slot)
    if is_up_to_date(wanted, shown):
        return 0
    if wanted.to == shared.THREAD and not permissions.may_read(services, run):
        return permissions.HELD_S
    return _post(services, run, wanted) if shown is None else _update(services, run, wanted, shown)


def is_up_to_date(wanted: DesiredCard, shown: PostedCard | None) -> bool:
    return shown is not None and shown.fingerprint == wanted.fingerprint


def _update(services: Services, run: Run, wanted: DesiredCard, shown: PostedCard) -> float:
    urgent = _must_not_wait(wanted, shown)
    # The last edit that Webex allows is reserved for the final state.
    has_edit = shown.edits < (shared.EDITS if wanted.final else shared.EDITS - 1)
    if not urgent and not (has_edit and (wanted.retires or shown.minor < MINOR_MOST)):
        return _skip_update(services, run, wanted, shown)
    if (wait := _wait_s(services, run, wanted, shown)) > 0:
        return wait
    act = _edit if has_edit else _post
    return act(services, run, wanted, shown)


def _wait_s(services: Services, run: Run, wanted: DesiredCard, shown: PostedCard) -> float:
    """Return the seconds for which an update waits for others that it can be combined with."""
    if not _must_not_wait(wanted, shown):
        pause_s = MIN_EDIT_S if wanted.retires else MINOR_INTERVAL_S * 4**shown.minor
        return _left_s(shown.at, pause_s)
    if wanted.prompt != "" or wanted.final or shown.edits < wanted.at_once:
        return 0
    calm = shown.calm or now()
    if shown.calm is None:
        shared.keep(services, run.id, wanted.slot, replace(shown, calm=calm))
    return _left_s(calm, CALM_S)


def _left_s(since: datetime, pause_s: float) -> float:
    passed = (now() - since).total_seconds()
    return max(pause_s - passed, 0.0) if passed >= 0 else 0.0  # the clock was set back


def mark_posted(services: Services, shows: tuple[str, str], message: str, room: str) -> None:
    run_id, slot = shows
    if slot.startswith(shared.CHOICE):
        shown = PostedCard(message, room, "", "", now())
        for each in slot.rpartition(":")[2].split(","):
            shared.keep(services, each, f"{shared.CHOICE}{message}", shown)
        return
    first = PostedCard(message, room, shared.FIRST, shared.FIRST, now(), prompt=shared.FIRST)
    _save(services, run_id, slot, first)


def repost(services: Services, run_id: str, slot: str) -> None:
    """Have the card posted again, as the newest message of the conversation, at the next draw."""
    to = slot.partition(":")[2] or shared.THREAD
    with services.redis.pipeline() as pipe:
        _set_aside(services, pipe, run_id, to, shared.posted_card(services, run_id, slot))
        pipe.hdel(keys.cards(run_id), slot, shared.unconfirmed(slot))
        pipe.execute()


def _set_aside(
    services: Services, redis: Redis, run_id: str, to: str, shown: PostedCard | None
) -> None:
    if shown is not None and shown.edits < shared.EDITS:
        slot = f"{shared.EARLIER}:{to}:{shown.message}"
        redis.hset(keys.cards(run_id), slot, shared.protected(services, run_id, slot, shown))


def _post(
    services: Services, run: Run, wanted: DesiredCard, shown: PostedCard | None = None
) -> float:
    """Post the card in place of ``shown``; return the seconds until the next try, or 0.

    The message of an earlier post whose answer was lost is looked for. If it is not found, the next
    post is delayed, and longer after each lost answer. A card that only withdraws a request is not
    posted.
    """
    slot = shared.unconfirmed(wanted.slot)
    doubt = shared.posted_card(services, run.id, slot)
    # Without a mark of its text, it was posted in a room in which the bot cannot look.
    posted = find_unconfirmed(services, run, wanted, doubt) if doubt and doubt.text else None
    if posted is None:
        if doubt and (wait := _left_s(doubt.at, errors.UNCONFIRMED.after(max(doubt.posts, 1)))):
            return wait
        if wanted.retires:
            services.redis.hdel(keys.cards(run.id), slot)
            return 0
        # What replaces a card that Webex never allowed to be edited counts as not editable either.
        edits = shown.edits if shown and shown.edits == shared.NO_EDITS else 0
        posted = _send(services, run, wanted, edits, doubt)
    _set_aside(services, services.redis, run.id, wanted.to, shown)
    _save(services, run.id, wanted.slot, posted)
    if shown is not None or not is_up_to_date(wanted, posted):
        services.cards.request(run.id)
    return 0


def _send(
    services: Services, run: Run, wanted: DesiredCard, edits: int, doubt: PostedCard | None
) -> PostedCard:
    """Send the card and return it as Webex shows it.

    ``doubt`` is an earlier post of this card that Webex has not confirmed. The new post is noted
    before it is made if its room can be read later, because this process may die before Webex
    answers.
    """
    card, slot = _posted(wanted, "", "", edits), shared.unconfirmed(wanted.slot)
    begun = replace(card, posts=doubt.posts if doubt else 0)
    if wanted.to != shared.THREAD or run.origin.direct:
        named = run.id in json.dumps(wanted.card.content)
        begun = replace(begun, text=_mark(wanted.card.text), names_run=named)
        shared.keep(services, run.id, slot, begun)
    try:
        if wanted.to == shared.THREAD:
            room, thread = run.origin.room, run.origin.thread
            message = services.messenger.send(wanted.card, room_id=room, parent_id=thread).id
        else:
            posted = send_direct(services, run, wanted.to, wanted.card)
            message, room = posted.id, posted.room_id
    except errors.WebexError as error:
        lost = errors.passes(error) and error.accepted
        if kept := replace(begun, posts=begun.posts + 1) if lost else doubt:
            shared.keep(services, run.id, slot, kept)
        else:
            services.redis.hdel(keys.cards(run.id), slot)
        raise
    return replace(card, message=message, room=room)


def _posted(wanted: DesiredCard, message: str, room: str, edits: int) -> PostedCard:
    return PostedCard(
        message, room, wanted.fingerprint, wanted.urgency, now(), edits, wanted.prompt or ""
    )


def send_direct(services: Services, run: Run, to: str, card: Card) -> Message:
    """Send a card about the run to a person 1:1, and return the message."""
    person, email = _addressee(run, to)
    return services.messenger.send(card, to_person_id=person, to_email=email)


def _edit(services: Services, run: Run, wanted: DesiredCard, shown: PostedCard) -> float:
    """Edit the card in place; return the seconds until the next try, or 0.

    The edit is counted before it is made, because this process may die before Webex answers, and
    Webex would then allow one edit less than this bot believes. An edit that fails again and again
    in Webex counts once. If Webex refuses one, unless the bot has left the space, it will refuse
    later edits too. From then on only urgent updates are posted, as new cards.
    """
    minor = shown.minor + (wanted.urgency == shown.urgency)
    counted = replace(shown, edits=shown.edits + 1, minor=minor, tried=True)
    try:
        room = shown.room or services.webex.message(shown.message, fresh=False).room_id
        shared.keep(services, run.id, wanted.slot, counted)
        services.messenger.edit(shown.message, room, wanted.card)
    except errors.WebexError as error:
        refused = isinstance(error, errors.WebexAnswerError) and error.status in EDIT_REFUSED
        if refused and not _is_elsewhere(services, shown, error):
            log.info(
                "card not editable", run=run.id, slot=wanted.slot, tracking_id=error.tracking_id
            )
            return _post_instead(services, run, wanted, shown, error)
        # A failed edit counts if Webex may have made it. An error answer to a second try does not
        # count again, and a refusal never counts.
        again = isinstance(error, errors.WebexAnswerError) and shown.tried
        if refused or again or not error.accepted:
            shared.keep(services, run.id, wanted.slot, shown)
        raise
    edited = _posted(wanted, shown.message, room, counted.edits)
    _save(services, run.id, wanted.slot, replace(edited, minor=minor))
    return 0


def _is_elsewhere(services: Services, shown: PostedCard, error: errors.WebexError) -> bool:
    """Return whether Webex refused an edit (403, 404) because the bot is not in the room."""
    if error.status not in {errors.FORBIDDEN, errors.NOT_FOUND} or not shown.room:
        return False
    try:
        return services.webex.membership(shown.room, services.me.id) is None
    except errors.WebexAnswerError as unseen:
        if unseen.status not in {errors.FORBIDDEN, errors.NOT_FOUND}:
            raise
        return True


def _post_instead(
    services: Services, run: Run, wanted: DesiredCard, shown: PostedCard, error: errors.WebexError
) -> float:
    """Post the card again after a refused edit if its message was deleted or the update is urgent.

    A message that still exists is not edited again, unless Webex refuses the new post as well: then
    something in the card is wrong.
    """
    if isinstance(error, errors.WebexNotFoundError):  # a person deleted the message
        return 0 if wanted.retires else _post(services, run, wanted)
    refused = replace(shown, edits=shared.EDITS if shown.edits > shown.tried else shared.NO_EDITS)
    _save(services, run.id, wanted.slot, refused)
    if not _must_not_wait(wanted, refused):
        return _skip_update(services, run, wanted, refused)
    try:
        return _post(services, run, wanted, refused)
    except errors.WebexBadRequestError:
        shared.keep(services, run.id, wanted.slot, shown)
        raise


def _skip_update(services: Services, run: Run, wanted: DesiredCard, shown: PostedCard) -> float:
    """Leave the card as it is, but record if it no longer asks a person for anything."""
    if shown.prompt and wanted.prompt == "":
        _save(services, run.id, wanted.slot, replace(shown, prompt=""))
    return 0


def _must_not_wait(wanted: DesiredCard, shown: PostedCard) -> bool:
    # In a room that does not allow edits every update is a new message, so only updates that ask
    # somebody to act are urgent.
    if wanted.retires:
        return False
    if shown.edits == shared.NO_EDITS and wanted.prompt is not None:
        return wanted.prompt not in {"", shown.prompt}
    return wanted.final or wanted.urgency != shown.urgency


def _save(services: Services, run_id: str, slot: str, shown: PostedCard) -> None:
    shared.keep(services, run_id, slot, shown)
    services.redis.hdel(keys.cards(run_id), shared.unconfirmed(slot))


RETRY_S = paced(5.0)
FIRST_S = paced(2.0)
REFUSED_S = 300.0
"""Longest pause after Webex has refused a card, in seconds."""
LONGEST_S = 3600.0
OTHERS_S = 15.0
"""Longest time for which one card's rate limit delays the cards of other places, in seconds."""
KEPT_S = 86_400
"""Seconds for which the refusal of a card is remembered."""
OF_THE_ACCOUNT = frozenset({errors.TOO_MANY_REQUESTS, errors.SERVICE_UNAVAILABLE})
"""Status codes that may concern the whole bot account and not only one message."""
MAY_END = frozenset({errors.UNAUTHORIZED, errors.FORBIDDEN, errors.NOT_FOUND})
"""Refusals that may end without another card: of an invalid token, or outside the space."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refusal of a run's card for one place; ``since`` is its beginning in seconds of the epoch."""

    run: str
    place: str
    status: int
    since: float


def place_of(run: Run, card: DesiredCard) -> str:
    return run.origin.room if card.to == shared.THREAD else card.to


def refused_in_space(services: Services, run: Run) -> Refusal | None:
    every = (codec.load(raw, Refusal) for raw in services.redis.hvals(keys.cards_refused()))
    here = (each for each in every if (each.run, each.place) == (run.id, run.origin.room))
    return next(here, None)


def show(services: Services, run: Run, card: DesiredCard) -> float:
    """Show one card, unless Webex asks for a pause; return the seconds until the next try, or 0."""
    with services.redis.pipeline(transaction=False) as pipe:
        for scope in ("all", place_of(run, card), _own(run, card)):
            pipe.pttl(keys.webex_wait(scope))
        if (pause := float(max(0, *pipe.execute())) / 1000) > 0:
            return pause
    before = shared.posted_card(services, run.id, card.slot)
    try:
        wait = sync(services, run, card)
    except errors.WebexError as error:
        told = {"slot": card.slot, "tracking_id": error.tracking_id, "error": str(error)}
        log.warning("card not shown", run=run.id, **told)
        if not errors.passes(error):
            return _refused(services, run, card, error)
        wait = max(RETRY_S, min(error.retry_after or 0.0, LONGEST_S))
        # The pause that Webex asks for is for this card only, or for its place and all others.
        scopes = {_own(run, card): wait}
        if error.status in OF_THE_ACCOUNT:
            scopes = {place_of(run, card): wait, "all": min(wait, OTHERS_S)}
        for scope, seconds in scopes.items() if error.retry_after else ():
            services.redis.set(keys.webex_wait(scope), "1", px=ceil(seconds * 1000))
        return wait
    shown = shared.posted_card(services, run.id, card.slot)
    if shown != before and is_up_to_date(card, shown):
        if services.redis.hdel(keys.cards_refused(), _own(run, card)):
            services.cards.request(run.id)  # a message that said otherwise is edited
        # If Webex accepts a card, the refused ones that wait for that are drawn as well.
        request_refused(services, place_of(run, card))
    return wait


def request_refused(services: Services, *places: str) -> None:
    for field, raw in services.redis.hgetall(keys.cards_refused()).items():
        refusal = codec.load(raw, Refusal)
        if now().timestamp() - refusal.since > KEPT_S:
            services.redis.hdel(keys.cards_refused(), field)
        # After a 401 every successful call shows that the token is valid again.
        here = refusal.status in MAY_END and refusal.place in places
        if here or refusal.status == errors.UNAUTHORIZED:
            services.cards.request(refusal.run)


def _refused(services: Services, run: Run, card: DesiredCard, error: errors.WebexError) -> float:
    moment, field = now().timestamp(), _own(run, card)
    raw = services.redis.hget(keys.cards_refused(), field)
    since = codec.load(raw, Refusal).since if isinstance(raw, bytes) else moment
    kept = Refusal(run.id, place_of(run, card), error.status, since)
    with services.redis.pipeline() as pipe:
        pipe.hset(keys.cards_refused(), field, codec.dump(kept))
        pipe.expire(keys.cards_refused(), KEPT_S)
        pipe.execute()
    if raw is None and card.to != shared.THREAD:
        services.cards.request(run.id)  # another card may have to report it
    return min(max(moment - since, FIRST_S), REFUSED_S)


def _own(run: Run, card: DesiredCard) -> str:
    return f"{run.id}:{card.slot}"
