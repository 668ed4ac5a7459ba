"""Ten faults of a channel with the defaults of a setup and with automatic checks allowed.

Nobody signs in. ``/check`` must name each fault, and the watch must make an incident of it: the
look at its interval suspects, and another one a minute later confirms. The bench makes both looks
at once, so the time that it shows comes on top of the interval and that minute.
"""

import subprocess
import sys
import time

from bench.table import table, verdict
from bench.watch_faults import SETTINGS, WatchedFaults
from jobs.probes.contact_center import GRACE, SLACK
from practice import verdicts
from practice.actors import MAILBOX, REQUESTER, SPACE
from practice.client import NotSeenError
from practice.environment import ROOT
from practice.faults import FAULTS, HEALTHY, Fault
from practice.stack import Stack

TEN = (
    *("forwarding_cleared", "policy_off", "smtp_auth_off_mailbox", "secret_expired"),
    *("sessions_revoked", "grant_removed", "licence_removed", "connect_flow_not_live"),
    *("queue_off", "profile_of_user_zero"),
)
CALM = ("night", "queue_with_overflow", "healthy_baseline_exempted")
FIRST_S, CONFIRM_S, NOTICED_S = 5.0, 60.0, 120.0
"""Most seconds until the first line, between two looks, and beyond the watch's interval."""
APART_S = 35.0
"""Seconds from row to row, each of which costs ten of the tenant's 100 message traces in 300 s."""


def main() -> bool:
    """Try the faults and healthy variations, and return whether all of them are judged right."""
    with Stack(practice=SETTINGS) as stack:
        people = stack.people()
        played = WatchedFaults(people, lambda _: None)
        played.set_up()
        played.grant()
        people.say(REQUESTER, f"/watch {MAILBOX}", SPACE)
        people.wait_for("the watch", lambda each: "is watched" in str(each["card"]), 30)
        by_name = {fault.name: fault for fault in (*FAULTS, *HEALTHY)}
        rows = []
        for n, name in enumerate((*TEN, *CALM)):
            next_row = time.monotonic() + APART_S
            rows.append(_row(stack, played, by_name[name], n))
            time.sleep(max(0.0, next_row - time.monotonic()))
        people.close()
    table(
        "Ten faults and healthy variations, without a sign-in",
        ("", "/check", "first line, s", "watch", "looks, s", "right"),
        [(*row, "yes" if good else "NO") for row, good in rows],
    )
    good = sum(good for _, good in rows)
    return verdict(f"{good} of {len(rows)} are judged right", good == len(rows))


def _row(
    stack: Stack, played: WatchedFaults, fault: Fault, number: int
) -> tuple[tuple[object, ...], bool]:
    """Return what the check and the watch said of a fault, and whether both were right."""
    played.people.control("POST", "restore")
    _looks(stack)  # ends the incident of the row before, which would go on with another cause
    played.apply((fault,), number)
    first, seconds = _checked(played, fault)
    if fault.changed:
        time.sleep(2 * SLACK.total_seconds())  # the tasks before the fault then do not count
        played.mail(f"Later {number}")
        time.sleep((GRACE + SLACK).total_seconds())  # until a mail without a task counts
    began = time.monotonic()
    watched = _looks(stack)
    looks = time.monotonic() - began
    causes = (*fault.expects, "no_task") if fault.changed else fault.expects
    named = any(cause in watched for cause in causes) and "incident since" in watched
    quiet = "incident" not in watched and "broken" not in watched
    good = (named if fault.expects else quiet) and seconds <= FIRST_S
    row = (fault.name, first, seconds, watched.partition(": ")[2].strip(), looks)
    return row, good and looks + CONFIRM_S <= NOTICED_S


def _checked(played: WatchedFaults, fault: Fault) -> tuple[str, float]:
    """Return the first line once the card is right about the fault, and the seconds until then.

    The time is infinite if the card never is. A change in Webex Connect is named below the line.
    """
    people, began = played.people, time.monotonic()
    people.look()
    thread = people.say(REQUESTER, f"/check {MAILBOX}", SPACE)["id"]
    try:
        card = people.wait_for(
            "the first line",
            lambda each: each["parentId"] == thread and _says(verdicts.read(each["card"]), fault),
            30,
        )
    except NotSeenError as error:
        last = verdicts.read(error.last["card"]).first if error.last else ""
        return last, float("inf")
    return verdicts.read(card["card"]).first, time.monotonic() - began


def _says(seen: verdicts.Seen, fault: Fault) -> bool:
    return bool(seen.first) and verdicts.judge(seen, fault).right


def _looks(stack: Stack) -> str:
    """Have the workers look twice, as an operator does, and return the command's line."""
    told = subprocess.run(  # noqa: S603  the project's own command
        [sys.executable, "-m", "bot", "look", MAILBOX, "--again"],
        cwd=ROOT,
        env=stack.processes["worker"].env,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip()
