"""Table of the faults: ``python -m practice.faults.page`` prints it.

With ``--write`` it writes docs/faults.md (make docs). A test keeps that page up to date.
"""

import sys
from collections import Counter
from pathlib import Path
from textwrap import fill
from typing import Final

from practice.faults import FAMILIES, FAULTS, HEALTHY, NOT_APPLICABLE, Fault, Level

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"
MANY: Final = Counter(fault.level for fault in FAULTS)
INTRODUCTION: Final = f"""# Faults for practice

{len(FAULTS)} faults and {len(HEALTHY)} healthy variations, by name. This page is made by `make docs`.

- `python -m practice.faults.page` prints a row for each: what it is, the cause code that a check should name, where
  mail stops, and the section of [platforms/](platforms/microsoft.md) that it comes from.
- The practice page switches them on with a press; so does `POST /practice/fault/NAME` in a practice cloud with a
  channel that is set up. `POST /practice/snapshot` saves the clouds, `POST /practice/restore` restores them.
- `make diagnose` runs `/check` on all of them and fails below its target.

A check must name {MANY[Level.CAUSE]} of them in its first line, and {MANY[Level.NOTED]} below it, because mail flows or
nobody can be certain. {MANY[Level.UNSEEN]} are inside Webex Connect and show nowhere outside: a check must not call the
channel proven, and names who changed the app or the flow if the audit log has it. {MANY[Level.NOTHING]} are no fault of
the channel.
"""


def page() -> str:
    """Return the whole page of the faults: their names by family."""
    parts = [INTRODUCTION]
    for name, faults in {**FAMILIES, "healthy variations": HEALTHY}.items():
        names = ", ".join(f"`{fault.name}`" for fault in faults)
        parts.append(f"## {_title(name)}\n\n{fill(names, 110, break_on_hyphens=False)}\n")
    parts.append("## Left out\n")
    return "\n".join([*parts, *map(_item, NOT_APPLICABLE.items())]) + "\n"


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize().replace("Smtp auth", "SMTP AUTH")


def _item(left_out: tuple[str, str]) -> str:
    """Return an item of a Markdown list, wrapped at 110 characters."""
    return fill(f"* {': '.join(left_out)}", 110, subsequent_indent="  ", break_on_hyphens=False)


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
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(_table((*FAULTS, *HEALTHY)))
