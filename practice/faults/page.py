"""Generator of docs/faults.md: ``python -m practice.faults.page`` (make docs).

The page is made from the list of faults. A test keeps it up to date.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from textwrap import fill
from typing import Final

from practice.faults import FAMILIES, FAULTS, HEALTHY, NOT_APPLICABLE, Fault, Level

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"
MANY: Final = Counter(fault.level for fault in FAULTS)
INTRODUCTION: Final = f"""# Faults for practice

{len(FAULTS)} faults and {len(HEALTHY)} healthy variations, each with a name.
This page is made by `make docs`.

- `python -m practice diagnose` runs `/check` on all of them.
- `POST /practice/fault/NAME` switches one on in a practice cloud with a channel that is set up.
- `POST /practice/snapshot` saves the state of the clouds, and `POST /practice/restore` restores it.

*Expected* is the cause code that a check should name, the best one first. *Level* has four values:

- `cause` ({MANY[Level.CAUSE]}): the check names it in the first line.
- `noted` ({MANY[Level.NOTED]}): the check names it below, because mail flows or nobody can be certain.
- `unseen` ({MANY[Level.UNSEEN]}): the fault is inside Webex Connect, and nothing outside shows it. A check
  must not call the channel proven. Webex Connect's audit log shows who changed the app or the flow, and a
  check must name that change as a suspect.
- `nothing` ({MANY[Level.NOTHING]}): no fault of the channel.
"""


def page() -> str:
    """Return the whole page of the faults."""
    parts = [
        INTRODUCTION,
        *(
            f"## {name.replace('_', ' ').capitalize()}\n\n{_table(faults)}"
            for name, faults in FAMILIES.items()
        ),
    ]
    parts += ["## Healthy variations\n", _table(HEALTHY), "## Left out\n"]
    return (
        "\n".join([*parts, *(_item(f"{source}: {why}") for source, why in NOT_APPLICABLE.items())])
        + "\n"
    )


def _item(text: str) -> str:
    """Return an item of a Markdown list, wrapped at 110 characters."""
    return fill(f"* {text}", 110, subsequent_indent="  ", break_on_hyphens=False)


def _table(faults: tuple[Fault, ...]) -> str:
    heads = "| name | description | expected | mail stops at | level | source |"
    return "\n".join([heads, "|---|---|---|---|---|---|", *map(_row, faults), ""])


def _row(fault: Fault) -> str:
    cells = (
        f"`{fault.name}`",
        fault.what,
        ", ".join(f"`{code}`" for code in fault.expects) or "nothing wrong",
        fault.stops or "nowhere",
        str(fault.level),
        fault.source,
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
