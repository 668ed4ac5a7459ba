"""Glyphs without an emoji form; shape and color show the same state (sketches, "Glyphs")."""

from dataclasses import dataclass

from adaptive_cards.elements import SUBTLE, Element, Look, column, columns, sign
from jobs.model import State, Turn


@dataclass(frozen=True, slots=True)
class Mark:
    """Glyph and its color; an empty color means subtle."""

    glyph: str
    color: str = ""

    @property
    def look(self) -> dict[str, Look]:
        return {"color": self.color} if self.color else {"isSubtle": True}


OK = Mark("\u2713", "good")
WRONG = Mark("\u2717", "attention")
WARNING = Mark("\u25b2", "warning")
UNKNOWN = Mark("?", "warning")
PERSON = Mark("\u25c6", "accent")
TIME = Mark("\u25c7", "accent")
RUNNING = Mark("\u25cf", "accent")
NOT_YET = Mark("\u25cb")
SKIPPED = Mark("\u2212")
ARROW = "  \u2192  "
_BY_STATE = {
    State.OK: OK,
    State.WRONG: WRONG,
    State.WARNING: WARNING,
    State.POSSIBLE: UNKNOWN,
    State.SKIPPED: SKIPPED,
    State.UNKNOWN: UNKNOWN,
}


def is_person(turn: Turn | None) -> bool:
    return turn not in {Turn.TIME, Turn.NOBODY, None}


def of_state(state: State, waiting_for: Turn | None = None) -> Mark:
    if state is State.WAITING:
        return PERSON if is_person(waiting_for) else TIME
    return _BY_STATE[state]


def marked(
    mark: Mark,
    *items: Element,
    name: str | None = None,
    width: str = "36px",
    spacing: str = "Small",
    right: Element | None = None,
) -> Element:
    """Return a row with a glyph, its contents, and if it has one an id and a text at the right.

    The columns on the left have fixed widths, so that rows of separate ColumnSets align.
    """
    names = [] if name is None else [column(width, sign(name, **SUBTLE), spacing="None")]
    ends = [column("auto", right, spacing="Default")] if right else []
    told = column("stretch", *items, spacing="Small")
    return columns(glyph(mark), *names, told, *ends, spacing=spacing)


def glyph(mark: Mark) -> Element:
    """Return the 20 px column that every row begins with."""
    return column("20px", sign(mark.glyph, weight="Bolder", **mark.look))
