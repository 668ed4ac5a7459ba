"""Diagnosis test (``make diagnose``): ``/check`` with the real processes.

It tries every fault, pairs of faults, and healthy variations.
"""

import contextlib
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx

from practice import verdicts
from practice.actors import ADMIN, CHANGING, MAILBOX, REQUESTER, SPACE
from practice.client import NotSeenError, does, links
from practice.faults import FAULTS, HEALTHY, Fault, Level
from practice.faults.pairs import pairs
from practice.microsoft.world import SHARED_MAILBOX
from practice.scenario import Scenario
from practice.stack import NotStartedError, Stack
from practice.verdicts import Judgment, Seen

Json = dict[str, Any]
CUSTOMER: Final = "kim@customer.example"
PATIENCE_S: Final = 30.0
SIGNED_IN_S: Final = 15.0
LINK_S: Final = 2.0
MANY_PAIRS: Final = 100
PAIRS_RIGHT: Final = 0.95
KINDS: Final = ("single", "pair", "healthy", "unseen")


@dataclass(frozen=True, slots=True)
class Case:
    """Faults that are active at the same time, and the total that the case counts under."""

    kind: str
    faults: tuple[Fault, ...]

    @property
    def name(self) -> str:
        """Return the names of the faults, joined with a plus sign."""
        return " + ".join(fault.name for fault in self.faults)

    @property
    def by_hand(self) -> bool:
        """Return whether people made the channel by hand, so that the bot knows none."""
        return any(fault.by_hand for fault in self.faults)


@dataclass(slots=True)
class Totals:
    """Number of correct diagnoses of each kind."""

    right: dict[str, int] = field(default_factory=dict)
    all: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, kind: str, *, right: bool, seconds: float) -> None:
        """Count one case and whether it was diagnosed correctly."""
        self.all[kind] = self.all.get(kind, 0) + 1
        self.right[kind] = self.right.get(kind, 0) + int(right)
        self.seconds += seconds

    def good(self) -> bool:
        """Return whether the targets are met.

        The targets are every single fault, 95 of 100 pairs, and no false alarm. Faults that cannot
        be seen from outside do not count.
        """
        needed = {"single": 1.0, "pair": PAIRS_RIGHT, "healthy": 1.0}
        return all(
            self.right.get(kind, 0) >= share * self.all.get(kind, 0)
            for kind, share in needed.items()
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Options of the command line: the cases to try and the time limit in minutes."""

    only: tuple[str, ...] = ()
    singles: bool = False
    pairs: int | None = None
    healthy: bool = False
    seed: int = 1
    minutes: float = 40.0
    cards: bool = False

    @property
    def kinds(self) -> bool:
        """Return whether any kind of case was chosen."""
        return self.singles or self.healthy or self.pairs is not None


def by_channel(every: list[Case]) -> list[tuple[dict[str, str], list[Case]]]:
    """Group the cases by the answers with which their channel must be set up.

    Each such channel is set up once, in its own processes. The cases with a channel that people
    made by hand are groups of their own.
    """
    found: dict[tuple[tuple[tuple[str, str], ...], bool], list[Case]] = {}
    for case in every:
        wanted = {name: value for fault in case.faults for name, value in fault.set_up.items()}
        found.setdefault((tuple(sorted(wanted.items())), case.by_hand), []).append(case)
    return [(dict(wanted), some) for (wanted, _), some in found.items()]


def cases(chosen: Chosen) -> list[Case]:
    """Return the cases to try.

    Without a choice these are all cases, with a hundred pairs.
    """
    if chosen.only:
        return [_named(each) for each in chosen.only]
    if not chosen.kinds:
        return cases(replace(chosen, singles=True, healthy=True, pairs=MANY_PAIRS))
    return [
        *_cases(FAULTS if chosen.singles else ()),
        *(Case("pair", pair) for pair in pairs(FAULTS, chosen.pairs or 0, chosen.seed)),
        *_cases(HEALTHY if chosen.healthy else ()),
    ]


def _named(text: str) -> Case:
    """Return the case of the fault or healthy variation with this name.

    The name ``one+other`` means a pair of them.

    Raises:
        ValueError: There is no fault or variation of that name.
    """
    by_name = {fault.name: fault for fault in (*FAULTS, *HEALTHY)}
    if unknown := set(text.split("+")) - by_name.keys():
        raise ValueError(f"no fault or variation has the name {', '.join(sorted(unknown))}")
    chosen = tuple(by_name[name] for name in text.split("+"))
    return _case(chosen[0]) if len(chosen) == 1 else Case("pair", chosen)


def _cases(faults: Iterable[Fault]) -> list[Case]:
    return [_case(fault) for fault in faults]


def _case(fault: Fault) -> Case:
    kinds = {Level.NOTHING: "healthy", Level.UNSEEN: "unseen"}
    return Case(kinds.get(fault.level, "single"), (fault,))


class Diagnosis(Scenario):
    """Scenario that sets up the channel once, breaks it for every case, and asks ``/check``."""

    def set_up(self) -> None:
        """Play the whole setup conversation and take a snapshot of the world.

        With a delegate among the details, the mailbox is a shared one in its usual state.
        """
        if "delegate" in self.answers:
            box = {"kind": SHARED_MAILBOX}
            usual = {"enabled": False, "licensed": False, "mailbox": box}
            self.people.patch({"users": {MAILBOX: usual}})
        for _, play in self.scenes()[:-2]:
            play()
        self.people.control("POST", "snapshot")

    def make_by_hand(self) -> None:
        """Have people make the channel without the bot, and take a snapshot of the world."""
        self.people.control("POST", "hand_made")
        self.people.control("POST", "snapshot")

    def ask_about(self, case: Case, number: int) -> Seen:
        """Break the healthy channel with the faults and ask ``/check``.

        A mail is sent before and after the faults are applied. The verdict is usually that of a
        check with a signed-in administrator.
        """
        self.apply(case.faults, number)
        before = self._changes()
        card = self._check(alone=any(fault.alone for fault in case.faults))
        if written := self._changes() - before:
            raise NotSeenError(f"a check that changes nothing, but: {written}", None)
        return verdicts.read(card["card"])

    def _changes(self) -> set[tuple[str, int]]:
        """Return the calls that change something at Microsoft, each with its number so far."""
        counts = self.people.control("GET", "calls")["counts"]
        return {(name, count) for name, count in counts.items() if name.startswith(CHANGING)}

    def apply(self, faults: Iterable[Fault], number: int) -> None:
        """Apply the faults to the healthy channel, with a mail before and one after them."""
        self.people.control("POST", "restore")
        self.mail(f"Before {number}")
        _wait_for_next_second()
        for fault in faults:
            self.people.control("POST", f"fault/{fault.name}")
        self.mail(f"After {number}")

    def mail(self, subject: str) -> None:
        """Send a mail as a customer, and answer it as the agent if it became a task."""
        with contextlib.suppress(httpx.HTTPStatusError):
            self.people.control(
                "POST",
                "mail/customer",
                {"from": CUSTOMER, "to": MAILBOX, "subject": subject, "body": "Hello"},
            )
            self.people.control(
                "POST", "agent/answer", {"subject": subject, "body": "We are here."}
            )

    def _check(self, *, alone: bool) -> Json:
        """Return the last state of the card of ``/check``.

        The administrator signs in if a link offers that, unless ``alone`` is true.
        """
        self.people.look()
        thread = str(self.people.say(REQUESTER, f"/check {MAILBOX}", SPACE)["id"])
        card = self._verdict(thread, PATIENCE_S)
        if not links(card):  # the last finding may be drawn a moment before the link
            with contextlib.suppress(NotSeenError):
                card = self.people.wait_for(
                    "a link", lambda each: each["parentId"] == thread and bool(links(each)), LINK_S
                )
        offered = links(card)
        if (
            alone
            or not offered
            or not httpx.codes.is_success(self.people.open_link(ADMIN, offered[0]).status)
        ):
            return card
        try:
            return self._verdict(thread, SIGNED_IN_S, str(verdicts.catalogue()["access"]["admin"]))
        except NotSeenError:
            return self._verdict(thread, PATIENCE_S)  # the sign-in failed, or showed nothing more

    def _verdict(self, thread: str, seconds: float, says: str = "") -> Json:
        """Wait until the card's verdict is final and the card contains ``says``.

        Return the card.
        """
        return self.people.wait_for(
            "the verdict",
            lambda message: (
                message["parentId"] == thread
                and "check" in does(message)
                and says in verdicts.texts(message["card"])
            ),
            seconds,
        )


def _wait_for_next_second() -> None:
    """Wait for the next second, so that the next event has a later time in Entra's sign-in log.

    The times in that log are whole seconds. A real mail and a real fault are minutes apart.
    """
    time.sleep(1 - time.time() % 1)


def run(chosen: Chosen) -> int:
    """Try all cases; return 0 if the targets are met, and 2 if a name is unknown."""
    try:
        every = cases(chosen)
    except ValueError as error:
        _say(f"Nothing was tried: {error}. docs/faults.md lists them.")
        return 2
    totals, deadline = Totals(), time.monotonic() + chosen.minutes * 60
    for set_up, some in by_channel(every):
        try:
            _with_channel(set_up, some, chosen, totals, deadline)
        except NotStartedError as error:
            _say(str(error))
            return 1
        except NotSeenError as error:
            _say(f"The setup stopped: {error}")
            return 1
    return _end(totals, len(every))


def _with_channel(
    set_up: dict[str, str], some: list[Case], chosen: Chosen, totals: Totals, deadline: float
) -> None:
    """Try the cases on a channel that was set up with these answers, in its own processes."""
    stack = Stack(
        practice={
            "trace_delay_s": "0",
            "replication_s": "0.1",
            "exchange_replication_s": "0.1",
            "customization_s": "0",
        }
    )
    _say(f"{len(some)} cases; logs in {stack.folder} while it runs")
    with stack:
        people = stack.people()
        diagnosis = Diagnosis(people, lambda _: None)
        diagnosis.answers = set_up
        (diagnosis.make_by_hand if some[0].by_hand else diagnosis.set_up)()
        _all(diagnosis, some, chosen, totals, deadline)
        people.close()


def _all(
    diagnosis: Diagnosis, every: list[Case], chosen: Chosen, totals: Totals, deadline: float
) -> None:
    for number, case in enumerate(every, 1):
        if time.monotonic() > deadline:
            _say(f"Stopped after {chosen.minutes:g} minutes.")
            break
        started = time.monotonic()
        seen, judged = _attempt(diagnosis, case, number)
        seconds = time.monotonic() - started
        totals.add(case.kind, right=judged.right, seconds=seconds)
        _say("\n".join(_row(number, len(every), case, seen.first if seen else "", judged, seconds)))
        if chosen.cards and seen and not judged.right:
            _say(textwrap.indent(seen.text, "              | "))


def _attempt(diagnosis: Diagnosis, case: Case, number: int) -> tuple[Seen | None, Judgment]:
    try:
        seen = diagnosis.ask_about(case, number)
    except (NotSeenError, httpx.HTTPError) as error:
        return None, Judgment(right=False, why=str(error))
    judged = (
        verdicts.judge(seen, case.faults[0])
        if len(case.faults) == 1
        else verdicts.judge_pair(seen, case.faults)
    )
    return seen, judged


def _row(  # noqa: PLR0913, PLR0917  the columns of a row
    number: int, of: int, case: Case, first: str, judged: Judgment, seconds: float
) -> Iterator[str]:
    expected = ", ".join(
        fault.expects[0] if fault.expects else "nothing wrong" for fault in case.faults
    )
    yield (
        f"{'right' if judged.right else 'WRONG'}  {number:3}/{of}  {seconds:5.1f} s  "
        f"{case.kind:7}  {case.name}  ({expected})"
    )
    yield f"              {first}"
    if judged.why:
        yield f"              {judged.why}"


def _end(totals: Totals, wanted: int) -> int:
    tried = sum(totals.all.values())
    for kind in KINDS:
        if kind in totals.all:
            _say(f"{kind:8} {totals.right[kind]:3} of {totals.all[kind]:3} right")
    _say(f"{tried} of {wanted} cases, {totals.seconds / max(tried, 1):.1f} s each on average")
    return 0 if totals.good() and tried == wanted else 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
