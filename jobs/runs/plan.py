"""A plan: what would be changed, as it was shown for approval, and what an approval of it covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.model import Change, Scope


@dataclass(frozen=True, slots=True)
class Plan:
    """Its lines. Another plan has another id, so a press on an old card approves nothing."""

    id: str
    changes: tuple[Change, ...]
    at: datetime

    def shows(self, change: Change) -> bool:
        """Whether the change is one of its lines: the same comes of it, for the same object, as far-reaching, and at nobody's cost who is not named.

        The way there, ids and days may have become known since: an app that is merged into instead of made, say. Opening what
        somebody has shut is another outcome than making it.
        """
        return any(_outcome(line) == _outcome(change) and _loses_only(line, change) for line in self.changes)

    def with_lines(self, lines: tuple[Change, ...]) -> tuple[Change, ...]:
        """Its lines, where these take the place of what it shows for the same steps."""
        steps = {line.step for line in lines}
        others = [line for line in self.changes if line.step not in steps]
        place = next((number for number, line in enumerate(self.changes) if line.step in steps), len(others))
        return (*others[:place], *lines, *others[place:])


def word_for(scope: Scope) -> Scope:
    """Under which scope a change is approved: the whole tenant has an approval of its own, all else has one together."""
    return Scope.TENANT if scope is Scope.TENANT else Scope.MAILBOX


def _outcome(line: Change) -> tuple[object, ...]:
    return line.step, line.object, line.after.key, word_for(line.scope)


def _loses_only(shown: Change, change: Change) -> bool:
    return not change.overwrites or change.before == shown.before
