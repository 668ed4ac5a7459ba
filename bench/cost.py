"""Cost: the memory of every process, and the calls of a first and of a second setup.

The baseline for the calls is the number of changes in the plan. A setup with more writes than
changes writes something twice. A second setup of a channel that is set up writes nothing.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from bench.table import table, verdict
from jobs.runs.run import Event, Kind
from jobs.storage import codec
from practice.actors import CHANGING, REQUESTER
from practice.client import People
from practice.processes import session
from practice.scenario import Scenario
from practice.stack import Stack

LARGEST_MIB = 80
TWICE = "outbound_policy is a policy and a rule, smtp_grant a grant for each of two resources, test_mail none"


def main() -> bool:
    """Play a whole conversation, measure the memory, and play the conversation again."""
    with Stack() as stack:
        people = stack.people()
        try:
            story = Scenario(people, lambda _: None)
            people.control("POST", "calls/reset")
            for _, play in story.scenes()[:-1]:
                play()
            first = people.control("GET", "calls")
            idle = [
                entry
                for entry in people.control("GET", "journal")["items"]
                if _is_write(entry) and entry["before"] == entry["after"]
            ]
            memory = [row for name in ("web", "worker") for row in _memory(stack, name)]
            second = _again(story, people)
            changes = _changes(stack)
        finally:
            people.close()
    return _print(first, second, changes, idle, memory)


def _again(story: Scenario, people: People) -> dict[str, Any]:
    """Inspect the same channel again, up to the plan without changes, and return the calls."""
    story.ask()
    people.control("POST", "calls/reset")
    before = people.change
    people.press(REQUESTER, story.card("that it is connected", "setup_again"), "setup_again")
    card = people.wait_for(
        "a sign-in card", lambda message: "ask_administrator" in str(message["card"]), after=before
    )
    story.open(card)
    people.wait_for(
        "the progress of the second run",
        lambda message: "mailbox_fields" in str(message) or "cancel" in str(message),
        after=card["change"],
    )
    people.look(3)
    found: dict[str, Any] = people.control("GET", "calls")
    return found


def _named(entries: list[dict[str, Any]]) -> str:
    """Return the names of the writes in parentheses, or an empty string."""
    names = ", ".join(f"{each['service']}.{each['action']}" for each in entries)
    return f" ({names})" if names else ""


def _is_write(entry: dict[str, Any]) -> bool:
    return f"{entry['service']}.".startswith(CHANGING)


def _writes(counted: dict[str, Any]) -> int:
    return sum(count for name, count in counted["counts"].items() if name.startswith(CHANGING))


def _changes(stack: Stack) -> list[str]:
    """Return the step of every change that the first run made."""
    with stack.redis() as redis:
        keys = [key for key in redis.scan_iter("run:*:events") if isinstance(key, bytes)]
        events = [codec.load(raw, Event) for key in keys for raw in redis.lrange(key, 0, -1)]
    return [event.step for event in events if event.kind is Kind.CHANGED]


def _service(item: dict[str, Any]) -> str:
    path = str(item["path"])
    kinds = {
        "/webex/": "Webex",
        "/graph/": "Graph",
        "/adminapi/": "Exchange",
        "/oauth2/": "Entra",
        "/.well-known/": "Entra",
        "/discovery/": "Entra",
    }
    return next((name for part, name in kinds.items() if part in path), "other")


def _memory(stack: Stack, name: str) -> list[tuple[str, float, float]]:
    """Return each process's MiB of memory.

    The values are the total, and the part that is not shared with the process that forked it.
    """
    running = stack.processes[name].running
    pids = sorted(session(running.pid)) if running else []
    return [
        (f"{name} {number}", *sizes) for number, pid in enumerate(pids, 1) if (sizes := _sizes(pid))
    ]


def _sizes(pid: int) -> tuple[float, float] | None:
    try:
        lines = (Path("/proc") / str(pid) / "smaps").read_text("utf-8").splitlines()
    except OSError:
        return None  # a job that has ended in the meantime
    kib = {
        name: sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
        for name in ("Rss", "Private_Dirty", "Private_Clean")
    }
    return round(kib["Rss"] / 1024, 1), round(
        (kib["Private_Dirty"] + kib["Private_Clean"]) / 1024, 1
    )


def _print(
    first: dict[str, Any],
    second: dict[str, Any],
    changes: list[str],
    idle: list[dict[str, Any]],
    memory: list[tuple[str, float, float]],
) -> bool:
    counts = [
        Counter(_service(item) for item in each["items"] if item["method"] != "NOTIFY")
        for each in (first, second)
    ]
    services = sorted(set(counts[0]) | set(counts[1]))
    rows = [(service, counts[0][service], counts[1][service]) for service in services]
    rows += [("writes at Microsoft", _writes(first), _writes(second))]
    table(
        "Calls of a set-up and of a second one up to its plan", ("service", "first", "second"), rows
    )
    table("Memory after a set-up, MiB", ("process", "RSS", "its own"), memory)
    private = sum(own for _, _, own in memory)
    largest = max(rss for _, rss, _ in memory)
    return all(
        [  # every line is printed
            verdict(
                f"{_writes(first)} writes for {len(changes)} changes ({TWICE});"
                f" {len(idle)} changed nothing{_named(idle)}",
                not idle and bool(changes),
            ),
            verdict("the second set-up wrote nothing", _writes(second) == 0),
            verdict(
                (
                    f"no process over {LARGEST_MIB} MiB ({largest:.0f}); {private:.0f} "
                    "MiB together, counting shared memory once or less"
                ),
                largest <= LARGEST_MIB,
            ),
        ]
    )
