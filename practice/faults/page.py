"""docs/faults.md, made from the list: ``python -m practice.faults.page``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from practice.faults import FAMILIES, FAULTS, HEALTHY, NOT_APPLICABLE, Fault

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"
INTRODUCTION: Final = f"""# Faults that can be practised

{len(FAULTS)} causes of a broken channel and {len(HEALTHY)} variations that are right, each under a name. `python -m practice diagnose` asks `/check` about
all of them; `POST /practice/fault/NAME` switches one on in a practice cloud with a channel that is set up, `POST /practice/snapshot`
remembers the world before, and `POST /practice/restore` puts it back. This page is made by `python -m practice.faults.page`.

*Expected* is the cause code that a check should name, the best one first. *Level*: `cause` is named in the first line; `noted` is
named below it, as mail still flows; `unseen` lies inside Webex Connect, where nothing outside shows it, so a check must not call the
channel proven; `nothing` is no fault of the channel.
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
