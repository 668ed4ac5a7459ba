"""Named faults that the bot's watch notices by itself.

It looks with the tenant's read access and without a sign-in. The channel is set up by the real
processes in the practice cloud, and the tenant grants the read access. Then every fault of the
diagnosis is applied in turn, mails are sent, and the worker's own code takes one look. In the
product a second look confirms the first. Here one look is enough, because the faults stay.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.table import say, table, verdict
from jobs.watch.model import Sight
from practice.actors import ADMIN, MAILBOX, REQUESTER, SPACE
from practice.client import NotSeenError, actions, does
from practice.diagnose import Case, Chosen, Diagnosis, by_channel, cases
from practice.environment import CLIENT_ID, ROOT
from practice.faults import Level
from practice.stack import Stack

TENANT = "tenants/contoso.com"
LET_READ = "Allow automatic checks"
OWNER = ("Privileged Role Administrator", "Cloud Application Administrator")
FEWEST = 0.9
"""Share of the named faults that must be noticed without a sign-in."""
SETTINGS = {
    "trace_delay_s": "0",
    "replication_s": "0.1",
    "exchange_replication_s": "0.1",
    "customization_s": "0",
}
Json = dict[str, Any]


@dataclass(slots=True)
class Eye:
    """Process that looks at a channel with a worker's environment (:mod:`bench.watch_eye`)."""

    process: subprocess.Popen[str]

    @classmethod
    def of(cls, stack: Stack, mails_s: int = 0, mailbox: str = MAILBOX) -> Eye:
        """Start the process for a channel.

        With ``mails_s`` the process sends test mails, so many seconds apart.
        """
        command = [sys.executable, "-m", "bench.watch_eye", mailbox, str(mails_s)]
        env = stack.processes["worker"].env
        return cls(
            subprocess.Popen(  # noqa: S603  the project's own module
                command,
                cwd=ROOT,
                env=env,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        )

    def look(self) -> Json:
        """Have the process look at the channel and return the outcome.

        Raises:
            NotSeenError: The process has ended.
        """
        if self.process.stdin is None or self.process.stdout is None:
            raise NotSeenError("the pipes of the eye", None)
        self.process.stdin.write("look\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise NotSeenError("an outcome", None)
        found: Json = json.loads(line)
        return found

    def close(self) -> None:
        """End the process that looks at the channel."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=30)
        if self.process.stdout is not None:
            self.process.stdout.close()


@dataclass(slots=True)
class Noticed:
    """Results of the looks: the faults that were noticed or not, by level, and the false alarms.

    ``false`` are the healthy variations that looked broken. ``blind`` counts the faults whose card
    says that the watch cannot look, and why. One reason is that the bot cannot reach the mail
    server, which does not prove that mail stops.
    """

    named: Counter[str] = field(default_factory=Counter)
    blind: Counter[str] = field(default_factory=Counter)
    other: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unnoticed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    false: list[str] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)


class WatchedFaults(Diagnosis):
    """Scenario that sets up the channel, gives the bot read access, and looks at each fault."""

    def grant(self) -> None:
        """Grant the read access as the administrator, from a check's card, also for Exchange."""
        roles = [*OWNER, "Exchange Administrator"]
        self.people.control("PATCH", TENANT, {"users": {ADMIN: {"roles": roles}}})
        self.people.look()
        self.people.say(REQUESTER, f"/check {MAILBOX}", SPACE)
        card = self.people.wait_for(
            "the button that lets the bot read",
            lambda each: bool(_link(each)) and "check" in does(each),
            60,
        )
        page = self.people.open_link(ADMIN, _link(card))
        if not httpx.codes.is_success(page.status):
            raise NotSeenError("the page after the grant", None)
        self.people.control("PATCH", TENANT, {"principal_roles": {CLIENT_ID: ["Global Reader"]}})
        self.people.control("POST", "snapshot")

    def see(self, eye: Eye, case: Case, number: int) -> Json:
        """Return the outcome of a look after the faults were applied and a mail was sent."""
        self.apply(case.faults, number)
        return eye.look()


def _link(card: Json) -> str:
    links = (each for each in actions(card) if each.get("title") == LET_READ and "url" in each)
    return next((str(each["url"]) for each in links), "")


def main(only: Iterable[str] = ()) -> bool:
    """Try every named fault and every healthy variation.

    Return whether enough of the faults are noticed.
    """
    chosen = Chosen(only=tuple(only), singles=True, healthy=True)
    found = Noticed()
    for set_up, some in by_channel([case for case in cases(chosen) if not case.by_hand]):
        with Stack(practice=SETTINGS) as stack:
            people = stack.people()
            played = WatchedFaults(people, lambda _: None)
            played.answers = set_up
            played.set_up()
            played.grant()
            eye = Eye.of(stack)
            for number, case in enumerate(some):
                _try(played, eye, case, number, found)
            eye.close()
            people.close()
    return _show(found)


def _try(played: WatchedFaults, eye: Eye, case: Case, number: int, found: Noticed) -> None:
    fault = case.faults[0]
    level = str(fault.level)
    found.tried[level] += 1
    try:
        seen = played.see(eye, case, number)
    except (NotSeenError, httpx.HTTPError) as error:
        found.unnoticed[level].append(f"{fault.name}: {error}")
        return
    broken = seen["sight"] == Sight.BROKEN
    what = f"{fault.name}: {seen['sight']} {seen['cause']}".strip()
    say(f"  {what}")
    if fault.level is Level.NOTHING and broken:
        found.false.append(what)
    elif broken and seen["cause"] in fault.expects:
        found.named[level] += 1
    elif seen["sight"] == Sight.CANNOT_LOOK and seen["cause"] in fault.expects:
        found.blind[level] += 1
    elif broken:
        found.other[level].append(what)
    else:
        found.unnoticed[level].append(what)


def _show(found: Noticed) -> bool:
    rows = [
        (
            level,
            found.tried[level],
            found.named[level],
            found.blind[level],
            len(found.other[level]),
            len(found.unnoticed[level]),
        )
        for level in found.tried
    ]
    table(
        "Named faults, looked at with the tenant's read access and the bot's own login",
        (
            "level",
            "faults",
            "broken, cause named",
            "cannot look, cause named",
            "other cause",
            "not",
        ),
        rows,
    )
    cause = str(Level.CAUSE)
    for title, some in (
        ("Not noticed", found.unnoticed[cause]),
        ("Noticed by another cause", found.other[cause]),
    ):
        table(title, ("",), [(each,) for each in some])
    noticed = found.named[cause] + found.blind[cause] + len(found.other[cause])
    share = noticed / found.tried[cause] if found.tried[cause] else 1.0
    return all(
        [  # every line is printed
            verdict(
                f"{noticed} of {found.tried[cause]} faults that stop mail are noticed without a"
                f" sign-in ({share:.0%}, asked {FEWEST:.0%})",
                share >= FEWEST,
            ),
            verdict(f"{len(found.false)} healthy channels look broken", not found.false),
        ]
    )
