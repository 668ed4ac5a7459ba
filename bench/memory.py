"""Memory of the smallest installation at rest: ``python -m bot run``, which is all of the bot.

The figure is the proportional set size (PSS) of ``/proc/PID/smaps_rollup``, so the bench needs Linux. A page
that several processes share counts once in the sum, with a part in each. Python's objects and other data
are the anonymous part; the rest is code of libraries, mapped from files. They are read after commands and
setups were answered, when no job runs. ``memory-growth`` reads them again after 10,000 commands more. A process
that was replaced meanwhile is compared with the one in its place.
"""

from dataclasses import dataclass
from pathlib import Path

from bench.many import RQ_WORKERS, Site, site
from bench.scale import COMMANDS, SMALL, load
from bench.table import table, verdict

TARGET_MIB = 120.0
EVENTS, GROWN_MIB = 10_000, 10.0
"""Commands of ``memory-growth``, and by how much a process may grow meanwhile."""
CHILDREN = ("Redis", *["RQ workers"] * RQ_WORKERS, "web")
"""Children of the process in the order of their start (:func:`bot.processes.worker.main`)."""
FIELDS = ("Pss", "Pss_Anon", "Pss_File", "Private_Dirty", "Rss")


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one process in MiB, by the names of ``FIELDS``."""

    part: str
    values: tuple[float, ...]


def main() -> bool:
    """Measure the memory once, print it by part, and return whether the sum is small enough."""
    with site(embedded=True) as place:
        place.workers(1)
        load(place, SMALL, "first", (*COMMANDS, "setup"), SMALL.events, SMALL.a_minute)
        found = _memory(place)
    return _print(found)


def growth() -> bool:
    """Return whether no process grows by much while it serves many commands."""
    with site(embedded=True) as place:
        place.workers(1)
        load(place, SMALL, "first", (*COMMANDS, "setup"), SMALL.events, SMALL.a_minute)
        first = _memory(place)
        done = load(place, SMALL, "more", COMMANDS, EVENTS, EVENTS)
        last = _memory(place)
    grown = [
        (after.part, before.values[0], after.values[0], after.values[0] - before.values[0])
        for before, after in zip(first, last, strict=True)
    ]
    table(
        f"PSS before and after {EVENTS} commands, MiB",
        ("part", "before", "after", "grown by"),
        [(part, *(round(value, 1) for value in values)) for part, *values in grown],
    )
    most = max(row[-1] for row in grown)
    return verdict(
        f"{done.lost} lost; grown by {most:.1f} MiB, at most {GROWN_MIB:.0f}",
        done.is_whole and most <= GROWN_MIB,
    )


def _print(found: list[Memory]) -> bool:
    parts = list(dict.fromkeys(each.part for each in found))
    rows = [
        (part, len(own), *_sums(own))
        for part in parts
        for own in [[each for each in found if each.part == part]]
    ]
    total = _sums(found)
    table(
        "Memory at rest, MiB",
        ("part", "processes", "PSS", "its data", "its files", "not shared", "RSS"),
        [*rows, ("together", len(found), *total)],
    )
    return verdict(f"{total[0]:.0f} MiB, at most {TARGET_MIB:.0f}", total[0] <= TARGET_MIB)


def _sums(of: list[Memory]) -> list[float]:
    return [round(sum(column), 1) for column in zip(*(each.values for each in of), strict=True)]


def _memory(place: Site) -> list[Memory]:
    supervisor = place.leader("worker-0")
    named = [("supervisor", supervisor), *zip(CHILDREN, _children(supervisor), strict=True)]
    return [Memory(part, _read(pid)) for part, pid in named]


def _children(pid: int) -> list[int]:
    return [
        int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    ]


def _read(pid: int) -> tuple[float, ...]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return tuple(kib[name] / 1024 for name in FIELDS)
