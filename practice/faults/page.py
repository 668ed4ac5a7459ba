"""docs/faults.md, made from the list: ``python -m practice.faults.page`` (make docs). A test holds the page in step."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from practice.faults import FAMILIES, FAULTS, HEALTHY, NOT_APPLICABLE, Fault, Level

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"
MANY: Final = Counter(fault.level for fault in FAULTS)
INTRODUCTION: Final = f"""# Faults that can be practised

{len(FAULTS)} things that go wrong and {len(HEALTHY)} variations that are right, each under a name. `python -m practice diagnose` asks `/check` about
all of them; `POST /practice/fault/NAME` switches one on in a practice cloud with a channel that is set up, `POST /practice/snapshot`
remembers the world before, and `POST /practice/restore` puts it back. This page is made by `make docs`.

*Expected* is the cause code that a check should name, the best one first. *Level*: `cause` ({MANY[Level.CAUSE]}) is named in the
first line; `noted` ({MANY[Level.NOTED]}) is named below it, as mail flows or nobody can be certain; `unseen` ({MANY[Level.UNSEEN]}) lies inside Webex Connect, where
nothing outside shows it, so a check must not call the channel proven; `nothing` ({MANY[Level.NOTHING]}) is no fault of the channel.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, *(_family(name, faults) for name, faults in FAMILIES.items())]
    parts += ["## Right, and to be called right\n", _table(HEALTHY), "## Left out\n"]
    return "\n".join([*parts, *(f"* {source}: {why}" for source, why in NOT_APPLICABLE.items())]) + "\n"


def _family(name: str, faults: tuple[Fault, ...]) -> str:
    return f"## {name.replace('_', ' ').capitalize()}\n\n{_table(faults)}"


def _table(faults: tuple[Fault, ...]) -> str:
    return "\n".join(["| name | what | expected | mail stops at | level | source |", "|---|---|---|---|---|---|", *map(_row, faults), ""])


def _row(fault: Fault) -> str:
    cells = (f"`{fault.name}`", fault.what, _codes(fault), fault.stops or "nowhere", str(fault.level), fault.source)
    return f"| {' | '.join(cells)} |"


def _codes(fault: Fault) -> str:
    return ", ".join(f"`{code}`" for code in fault.expects) or "nothing wrong"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
