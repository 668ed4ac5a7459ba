"""Presenter of the audit trail: each entry as a line that people can read."""

from __future__ import annotations

from datetime import UTC, datetime

from adaptive_cards.cards.audit import AuditLine
from adaptive_cards.locale import SOURCE
from adaptive_cards.texts import has_text, own_text
from jobs.checks.discovering import WITHOUT
from jobs.model import Text
from jobs.runs.audit import AuditEntry
from jobs.runs.event_log import BOT

SKIPPED = "skip:"
"""Beginning of the answer of a person who skips the rehearsal; the reason follows."""
_COPIED = ("question", "value", "most", "last", "event", "entry")


def audit_line(entry: AuditEntry) -> AuditLine:
    # An event that the catalog does not know is shown by its name, and so is a cause.
    by = str(entry.get("by", BOT))
    return AuditLine(
        _time(entry),
        _event(entry),
        "" if by == BOT else by,
        mailbox=str(entry.get("mailbox", "")),
        run=str(entry.get("run", "")),
        entry=int(entry.get("n", 0)),
    )


def _event(entry: AuditEntry) -> Text:
    data = entry.get("data") or {}
    values = {name: str(data.get(name, "")) for name in _COPIED} | {
        "what": str(entry.get("what", "")),
        "running": str(entry.get("running", "")),
        "kind": _named(f"audit.kind.{entry.get('kind', '')}"),
        "scope": _named(f"audit.scope.{data.get('scope', '')}"),
        "step": _named(f"step.{entry.get('step', '')}"),
        "cause": _cause(str(data.get("cause", ""))),
        "count": str(data.get("count", len(entry.get("changes") or ()))),
    }
    what = values["what"]
    if what == "answered":
        return _answer(values)
    return Text(_key_or(f"audit.what.{what}", "audit.what.other"), values)


def _answer(values: dict[str, str]) -> Text:
    """Return the text of an answer; two of the questions can also be declined."""
    question, value = values["question"], values["value"]
    if question == "rehearse" and value.startswith(SKIPPED):
        return Text("audit.answer.skip_rehearsal", values | {"value": value.removeprefix(SKIPPED)})
    key = _key_or(f"audit.answer.{question}", "audit.what.answered")
    return Text(_key_or(f"{key}_without", key) if value == WITHOUT else key, values)


def _key_or(key: str, other: str) -> str:
    return key if has_text(key) else other


def _cause(code: str) -> str:
    for key in (f"cause.{code}", f"typed.{code}"):
        if has_text(key) and "{" not in own_text(key, SOURCE):
            return f"key:{key}"
    return code or "key:cause.unexpected"


def _named(key: str) -> str:
    return f"key:{key}" if has_text(key) else key.rpartition(".")[2]


def _time(entry: AuditEntry) -> datetime:
    try:
        return datetime.fromisoformat(str(entry.get("at")))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
