"""Desired and posted state of the cards of a run, and what several presenters share."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from adaptive_cards import Card, locale, notice
from adaptive_cards.components import Asked, Header, Trouble
from adaptive_cards.glyphs import SKIPPED, Mark
from adaptive_cards.texts import known_text, remedy_key, render
from bot.links import Link
from bot.services import Services
from jobs.channel.mailbox import login_of
from jobs.clouds.errors import with_ids
from jobs.model import Evidence, Finding, Text, Turn, minute_of
from jobs.next_action import ASKED, ENDED, stage_of, wait_of, who_acts
from jobs.runs.run import Kind, Problem, Run
from jobs.storage import codec, keys

T = TypeVar("T")
EDITS = 10
NO_EDITS = EDITS + 1
"""Edit count of a card that Webex has never allowed to be edited."""
NEVER = datetime.min.replace(tzinfo=UTC)
THREAD = "thread"
"""Destination of the card in the run's own thread."""
LIVING = "living"
"""Slot of a run's one card in its thread; each person's 1:1 card has a slot of its own."""
FIRST = "intake"
"""Mark of a setup's first card, which answers the command."""
OTHERS = "others"
"""Field of a run's cards which notes that the cards of other runs were drawn again."""
HISTORY = "history"
"""Field of a run's cards with the fact that has superseded them (:mod:`bot.cards.superseded`)."""
NOTIFY = "notify:"
"""Beginning of the slots of the cards of an incident in 1:1 conversations."""
REMINDER = "turn:"
"""Beginning of the slots of 1:1 reminders of a turn: its kind and the person follow."""
EARLIER = "earlier"
"""Beginning of the slots of cards that another card has replaced."""
CHOICE = "choice:"
"""Beginning of the slots of cards that offer runs to be canceled (:mod:`bot.cards.living`)."""


def slot_of(to: str) -> str:
    return LIVING if to == THREAD else f"{LIVING}-direct:{to}"


@dataclass(frozen=True, slots=True)
class DesiredCard:
    """Card as it should look now.

    ``to`` is ``thread``, or a person's address for a 1:1 message. ``fingerprint`` changes if
    anything on the card is new. It is a mark of the contents, unless one without the time of drawing
    is given. ``urgency`` changes if the update must not wait. No update follows a ``final`` one. A
    card that ``retires`` only withdraws an earlier request. If Webex refuses the edit, it is skipped,
    because a new card would ask for nothing.

    ``prompt`` is for rooms in which Webex has never allowed an edit. It identifies the request to a
    person and is empty if the update asks for nothing. None means that ``urgency`` decides.

    ``at_once`` is the number of first edits that do not wait for a request to a person that may
    follow. Later ones wait, because Webex takes few edits of a message.
    """

    slot: str
    card: Card
    fingerprint: str = ""
    to: str = THREAD
    urgency: str = ""
    final: bool = False
    retires: bool = False
    prompt: str | None = None
    at_once: int = 0

    def __post_init__(self) -> None:
        if not self.fingerprint:
            object.__setattr__(self, "fingerprint", marked(self.card.content))


@dataclass(frozen=True, slots=True)
class PostedCard:
    """Card as Webex shows it.

    An empty ``room`` is requested when it is needed. ``prompt`` is the newest request to a person,
    even if its card was not posted. A new request therefore posts a new card. ``minor`` counts the
    edits that did not have to be made at once. ``tried`` is whether Webex may have made the last of
    ``edits`` or not. ``calm`` is when an urgent update began to wait for a request that it can be
    combined with.

    ``message`` is empty for a post that Webex has not confirmed. ``posts`` is the number of its
    lost answers, ``text`` a mark of its text, empty for a room in which the bot cannot look, and
    ``names_run`` whether the card shows the run's id.
    """

    message: str
    room: str
    fingerprint: str
    urgency: str
    at: datetime
    edits: int = 0
    prompt: str = ""
    minor: int = 0
    tried: bool = False
    calm: datetime | None = None
    posts: int = 0
    text: str = ""
    names_run: bool = False


def desired_cards(
    slot: str, drawn: Mapping[str, Card], news: str, prompt: str | None = None
) -> list[DesiredCard]:
    """Return the copies of a card by their places; without ``prompt`` its ``news`` asks somebody."""
    asks = news if prompt is None else prompt
    return [DesiredCard(slot, card, to=to, urgency=news, prompt=asks) for to, card in drawn.items()]


def last_look(  # noqa: PLR0913  what a short card is made of
    slot: str, kicker: Text, title: Text, words: Text, *, to: str = THREAD, mark: Mark = SKIPPED
) -> DesiredCard:
    card = notice(kicker, title, words, ("emphasis", mark))
    return DesiredCard(slot, card, to=to, prompt="", final=True, retires=True)


def marked(view: object, before: str = "") -> str:
    """Return a mark that differs if the view, its language or the earlier mark does."""
    here = locale.current()
    language = b"" if here == locale.DEFAULT else f"{here.language} {here.zone} ".encode()
    return hashlib.sha256(language + before.encode() + codec.dump(view)).hexdigest()[:16]


def kept(services: Services, run_id: str, field: str, kind: type[T]) -> T | None:
    """Return what this bot has kept in a field of a run's cards, or None.

    A value from elsewhere could name a message in another space, which would show this run's links.
    """
    own = keys.cards(run_id)
    return services.store.authenticator.load(own, services.redis.hget(own, field), kind, field)


def posted_card(services: Services, run_id: str, slot: str) -> PostedCard | None:
    """Return the state of a card in Webex, or None if Webex has not confirmed it."""
    return kept(services, run_id, slot, PostedCard)


def protected(services: Services, run_id: str, field: str, value: object) -> bytes:
    return services.store.authenticator.dump(keys.cards(run_id), value, field)


def keep(services: Services, run_id: str, field: str, value: object) -> None:
    services.redis.hset(keys.cards(run_id), field, protected(services, run_id, field, value))


def was_refused(services: Services, run: Run, to: str) -> bool:
    """Return whether Webex refuses the run's card there now (:mod:`bot.cards.delivery`)."""
    return bool(services.redis.hexists(keys.cards_refused(), f"{run.id}:{slot_of(to)}"))


def posted_cards(services: Services, run_id: str) -> dict[str, PostedCard]:
    # The fields that hold a note about a card are left out.
    own, load = keys.cards(run_id), services.store.authenticator.load
    rows = ((codec.as_text(name), raw) for name, raw in services.redis.hgetall(own).items())
    cards = {at: load(own, raw, PostedCard, at) for at, raw in rows if not at.endswith(NOTES)}
    return {slot: card for slot, card in cards.items() if card is not None}


DOUBT = ":doubt"
NOTES = (DOUBT, ":typed", OTHERS, HISTORY)
"""Endings of the fields that hold a note about a card and not a card itself."""


def unconfirmed(slot: str) -> str:
    return f"{slot}{DOUBT}"


IDS = frozenset({"request-id", "client-request-id", "correlation-id", "trace-id"})


def trouble(problem: Problem | None) -> Trouble | None:
    return Trouble(cause_text(problem.cause), problem.code, problem.at) if problem else None


def cause_text(cause: str) -> Text:
    """Return the cause in words; a cause of another version of the bot is not known."""
    return known_text(f"cause.{cause}") or Text("cause.unexpected")


def texts_of(evidence: Iterable[Evidence], kind: str) -> tuple[str, ...]:
    return tuple(item.text for item in evidence if item.kind == kind)


def header(
    run: Run, services: Services | None = None, *, to: str = THREAD, link: Link | None = None
) -> Header:
    """Return the header of a run's card in a place; ``link`` knows the names of who asks and where."""
    who, about = run.requester.email, (run.channel.mailbox, stage_of(run), run.kind)
    people = people_of(run, services.bot.approvers if services else ())
    if to in {THREAD, who}:
        started = Text("kicker.started", {"who": who, "at": minute_of(run.opened)})
        return Header(*about, people, started)
    asked = Text("kicker.asked_direct", {"who": who})
    if link is not None and link.space:
        asked = Text("kicker.asked", {"who": link.asker or who, "space": link.space})
    return Header(*about, people, asked=asked)


def people_of(run: Run, approvers: tuple[str, ...]) -> dict[Turn, tuple[str, ...]]:
    """Return the addresses of those who are known to act for the run."""
    people = {turn: who_acts(run, turn) for turn in (Turn.REQUESTER, *ASKED)}
    if run.account and not people[Turn.ADMINISTRATOR]:
        people[Turn.ADMINISTRATOR] = run.account.upn
    # Without approvers in the settings, the requester approves.
    own = {Turn.APPROVER: approvers or (run.requester.email,)}
    return own | {turn: (each,) for turn, each in people.items() if each}


def thread_and_person(person: str) -> list[str]:
    return list(filter(None, (THREAD, person)))


def username(run: Run) -> str:
    """Return the user name of the SMTP login; it is empty while the delegate is not known.

    The name is that of the token's own user: the delegate of a shared mailbox, or the UPN of the
    user of any other mailbox (platforms/microsoft.md 2.6). The rehearsal may have found that the
    server takes only another name.
    """
    return run.fact("username") or login_of(run)


def ended_at(run: Run) -> datetime:
    return run.ended_at or run.opened


def end_title(run: Run) -> Text:
    values = {"run": run.id, "at": minute_of(ended_at(run)), "who": run.ended_by}
    done = run.ended is Kind.FINISHED
    return Text("living.over_done" if done else f"notice.over_{ENDED[run.ended]}", values)


def days_left(keys_of: str, end: datetime, at: datetime, **about: str) -> Text:
    # A day begins at midnight in the reader's time zone.
    zone = locale.current().tz
    left = max((end.astimezone(zone).date() - at.astimezone(zone).date()).days, 0)
    key = {0: "today", 1: "tomorrow"}.get(left, "days")
    return Text(keys_of + key, about | {"days": str(left)})


def remedy_of(finding: Finding) -> Text | None:
    return known_text(remedy_key(finding.cause, "within"))


def code_of(finding: Finding) -> str:
    """Return the cloud's message with its ids, or an empty string without evidence.

    A finding that is retried gets new ids each time. They are left out and cause no card edits.
    """
    if not finding.evidence:
        return ""
    words, *more = finding.evidence
    # A bare status does not say whose it is.
    service = known_text(f"evidence.{words.kind}") if words.text.isdigit() else None
    told = f"{render(service)}: {words.text}" if service else words.text
    ids = ((item.kind, item.text) for item in more if item.kind in IDS)
    return with_ids(told, () if finding.until else ids)


def unreachable_recipient(run: Run, question: str, to: str = THREAD) -> Asked | None:
    """Return the last typed address and why nothing was sent to it, or None after it was sent."""
    # A person's 1:1 card shows only what that person has typed.
    problem = run.problems.get(question)
    if problem is None or to not in {THREAD, problem.by}:
        return None
    return Asked(problem.code, Text(f"typed.{problem.cause}"))


def waits_for_person(run: Run, to: str, *questions: str) -> Text | None:
    """Return since when the person who was asked 1:1 has the turn, for the card in the thread.

    The first question that was answered with an address counts. After an approval the bot has
    waited only since then. Any other card, and one for which nobody was asked, gets None.
    """
    asked = next((run.answers[each] for each in questions if run.answer(each)), None)
    wait = wait_of(run)
    if asked is None or wait is None or to != THREAD:
        return None
    return Text("living.waits", {"at": minute_of(max(asked.at, wait.since))})


def urgency(run: Run, *questions: str) -> str:
    """Return a value that changes as soon as one of the questions has a new problem or answer."""
    news = [told[q].at for q in questions for told in (run.problems, run.answers) if q in told]
    return "ask" + "".join(at.isoformat() for at in news)
