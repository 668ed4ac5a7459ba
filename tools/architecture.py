# ruff: noqa: INP001  (a script, not a package)
"""Generator of the picture and the table in docs/architecture.md (make docs).

Both come from the code's imports and docstrings.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/architecture.md"
PACKAGES = ("bot", "adaptive_cards", "jobs")
ROLE = re.compile(r":\w+:`([^`]+)`")
MADE = re.compile(r"(<!-- made by `make docs`: (\w+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def room_of(module: str) -> str:
    """Return the folder, or the module at a package's top, that a dotted module name belongs to."""
    return ".".join(module.split(".")[:2])


def imports(path: Path) -> Iterator[str]:
    """Yield every module of the project that a file imports, as a dotted name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.split(".")[0] in PACKAGES
        ):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                place = ROOT / full.replace(".", "/")
                is_module = place.with_suffix(".py").exists() or (place / "__init__.py").exists()
                yield full if is_module else node.module


def rooms() -> dict[str, set[str]]:
    """Return each room with the rooms that it imports from."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found.setdefault(room_of(name), set()).update(room_of(each) for each in imports(path))
    return {
        room: {each for each in used if each != room} for room, used in found.items() if "." in room
    }


def reachable(graph: dict[str, set[str]], room: str) -> set[str]:
    """Return every room that a room imports from, directly or not."""
    seen: set[str] = set()
    open_rooms = [room]
    while open_rooms:
        for each in graph.get(open_rooms.pop(), set()) - seen:
            seen.add(each)
            open_rooms.append(each)
    return seen


def longest_ways(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the graph without each arrow whose target is also reached over other arrows.

    With fewer arrows the picture can be read.
    """
    return {
        room: {
            each
            for each in used
            if not any(each in reachable(graph, other) for other in used - {each})
        }
        for room, used in graph.items()
    }


def folders(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the graph with only the folders of bot and jobs.

    The modules of adaptive_cards become one node.
    """

    def drawn(room: str) -> str:
        return "adaptive_cards" if room.startswith("adaptive_cards") else room

    kept = {
        drawn(each) for each in graph if (ROOT / each.replace(".", "/") / "__init__.py").exists()
    }
    kept.add("adaptive_cards")
    merged: dict[str, set[str]] = {}
    for room, used in graph.items():
        if drawn(room) in kept:
            merged.setdefault(drawn(room), set()).update(
                drawn(each) for each in used if drawn(each) in kept and drawn(each) != drawn(room)
            )
    return merged


def summary(path: Path) -> str:
    """Return the first line of a module's docstring."""
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[
        0
    ]
    return ROLE.sub(r"`\1`", first).replace("``", "`").replace("|", "\\|")


def picture() -> str:
    """Return the folders and their arrows as a Mermaid flowchart."""
    graph = longest_ways(folders(rooms()))
    lines = ["```mermaid", "flowchart TD"]
    for package in ("bot", "jobs"):
        lines.append(f"  subgraph {package}")
        lines += [
            f'    {room.replace(".", "_")}["{room.replace(".", "/")}"]'
            for room in sorted(graph)
            if room.startswith(f"{package}.")
        ]
        lines.append("  end")
    lines.append('  adaptive_cards["adaptive_cards"]')
    lines += [
        f"  {a.replace('.', '_')} --> {b.replace('.', '_')}"
        for a in sorted(graph)
        for b in sorted(graph[a])
    ]
    return "\n".join([*lines, "```"])


def table() -> str:
    """Return a table of every folder and every module at a package's top.

    Each row has the first line of the docstring.
    """
    rows = ["| where | what is in it |", "|---|---|"]
    for package in PACKAGES:
        inits = sorted((ROOT / package).rglob("__init__.py"))
        rows += [f"| `{path.parent.relative_to(ROOT)}/` | {summary(path)} |" for path in inits]
        modules = sorted(
            path for path in (ROOT / package).glob("*.py") if path.name != "__init__.py"
        )
        rows += [f"| `{path.relative_to(ROOT)}` | {summary(path)} |" for path in modules]
    return "\n".join(rows)


def page() -> str:
    """Return docs/architecture.md with a new picture and a new table."""
    parts = {"picture": picture, "table": table}
    return MADE.sub(
        lambda found: found[1] + parts[found[2]]() + found[3], PAGE.read_text(encoding="utf-8")
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
