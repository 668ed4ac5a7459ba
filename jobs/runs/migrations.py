"""Migration of older data to the newest layout, as a table of small functions on JSON objects.

A change of the stored data raises the layout by one and adds a :class:`Migration`. The functions
get JSON objects instead of the product's classes, which know only the newest layout. Each leaves
new data unchanged, because a migration may be interrupted and start again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.clock import parse
from jobs.storage import keys
from jobs.storage.keys import Key

Json = dict[str, Any]
Rewrite = Callable[[Json], Json]
EVERY = ""
"""Key for changes that apply to events of every kind."""


def _unchanged(old: Json) -> Json:
    return old


@dataclass(frozen=True, slots=True)
class Migration:
    """Migration to one layout from the one before.

    ``events`` are the changes of a run's events, by their kind or for :data:`EVERY` kind, in which
    case they come first. ``about`` changes the run's part of its audit entries. ``card`` changes a
    posted card of a run. ``moved`` are pairs of an old and a new key, in which ``*`` is the part
    that stays. ``obsolete`` are keys that are no longer needed.
    """

    to: int
    events: Mapping[str, Rewrite] = field(default_factory=dict)
    about: Rewrite = _unchanged
    card: Rewrite = _unchanged
    moved: Callable[[], tuple[tuple[Key, Key], ...]] = tuple
    obsolete: Callable[[], tuple[Key, ...]] = tuple

    def event(self, old: Json) -> Json:
        """Return an event in the new layout."""
        every, own = (self.events.get(kind, _unchanged) for kind in (EVERY, str(old.get("kind"))))
        return own(every(old))


def renamed(old: Json, names: Mapping[str, str]) -> Json:
    """Return the object with other names for some of its fields."""
    return {names.get(name, name): value for name, value in old.items()}


def _recalled(event: Json) -> Json:
    """Return an undo's event with the new names of the values before and after a change."""
    names = {"was": "values_before", "left": "values_after"}
    return {**event, "past": [renamed(past, names) for past in event.get("past", [])]}


def _opened(event: Json) -> Json:
    """Return a run's first event with a kind, an origin and a brief of their own.

    They were strings in ``data`` before.
    """
    if event.get("run_kind"):
        return event
    told = event.get("data", {})
    kind = _run_kind(told.get("kind", "setup"))
    return {
        **event,
        "data": {},
        "run_kind": kind,
        "origin": _origin(told),
        "brief": {**_brief(told), "fix": _fix_brief(told) if kind == "fix" else None},
    }


def _run_kind(kind: str) -> str:
    """Return the new name of a run's kind: a check of many channels was called a round."""
    return "bulk_check" if kind == "round" else kind


def _origin(told: Json) -> Json:
    texts = {name: told.get(name, "") for name in ("room", "thread", "message")}
    return {**texts, "direct": told.get("type") == "direct"}


def _brief(told: Json) -> Json:
    return {
        "client_id": told.get("client_id", ""),
        "upn": told.get("upn", ""),
        "shared": bool(told.get("shared")),
        "token_at": _moment(told.get("token_at")),
        "changed_at": _moment(told.get("changed_at")),
        "mailboxes": told.get("mailboxes", "").split(),
        "test_recipient": told.get("connect_test", ""),
    }


def _fix_brief(told: Json) -> Json:
    return {
        "consent_missing": "consent" in told,
        "token_cause": told.get("generate", ""),
        "manual_causes": told.get("named", "").split(),
        "checked_at": _moment(told.get("named_at")),
    }


MOMENTS = frozenset(
    {
        "since",
        "harmless_after",
        "elsewhere_since",
        "at",
        "generated_at",
        "unanswered",
        "unproven",
        "missed_since",
    }
)
COUNTS = frozenset({"failed", "missed"})
FLAGS = frozenset({"by_place", "token_lives", "proven"})
NAMES = frozenset({"shown_by", "as_of", "station"})


def _finding(event: Json) -> Json:
    """Move the data for the verdict from the finding's ``facts`` to its typed ``signals``."""
    finding = event.get("finding")
    if not finding:
        return event
    facts = finding.get("facts", {})
    signals = {name: _signal(name, value) for name, value in facts.items() if _is_signal(name)}
    if not signals:
        return event
    kept = {name: value for name, value in facts.items() if name not in signals}
    return {
        **event,
        "finding": {**finding, "facts": kept, "signals": {**signals, **finding.get("signals", {})}},
    }


def _is_signal(name: str) -> bool:
    return name == "disproved_by" or name in MOMENTS | COUNTS | FLAGS | NAMES


def _signal(name: str, value: str) -> object:
    if name in MOMENTS:
        return _moment(value)
    if name in COUNTS:
        return int(value or 0)
    if name in FLAGS:
        return bool(value)
    return value.split() if name == "disproved_by" else value


def _moment(value: object) -> str | None:
    """Return a time with its zone, or None if the value is not a time.

    Some times were stored as a cloud had written them.
    """
    moment = parse(value)
    return moment.isoformat() if moment else None


def _about(about: Json) -> Json:
    """Rename the run's kind in an audit entry."""
    return {**about, "kind": _run_kind(about.get("kind", ""))}


def _card(card: Json) -> Json:
    """Return a posted card with the new names of its fields.

    The new names are those of the decisions that the fields make.
    """
    return renamed(card, {"mark": "fingerprint", "turn": "urgency", "asks": "prompt"})


MIGRATIONS = (
    Migration(
        to=2,
        events={EVERY: _finding, "opened": _opened, "recalled": _recalled},
        about=_about,
        card=_card,
        moved=lambda: ((keys.space_bulk_check_in_layout_1("*"), keys.space_bulk_check("*")),),
        obsolete=lambda: (
            keys.locks_held(),
        ),  # its fields were keys; the locks themselves end within two minutes
    ),
    Migration(to=3),  # the MACs, which need the keys (:mod:`jobs.runs.protection`)
)
"""Migrations of stored data in their order. Data without a layout number has layout 1."""
