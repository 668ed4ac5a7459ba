"""Presenters of lists: the channels of a space, and lines of its audit trail."""

from __future__ import annotations

from datetime import UTC, datetime

from adaptive_cards.cards.channels import AuditLine, ChannelLine, ChannelsView, channels
from adaptive_cards.locale import SOURCE
from adaptive_cards.texts import has_text, known_text, own_text
from bot.cards import superseded
from bot.cards.presenters.card_state import DesiredCard
from bot.services import Services
from jobs.checks import bulk
from jobs.checks.discovering import WITHOUT
from jobs.clock import now
from jobs.model import Finding, State, Text
from jobs.runs.audit import AuditEntry
from jobs.runs.event_log import BOT
from jobs.runs.run import Run
from jobs.watch.store import assessment

EDITS = 7
"""Number of intermediate edits of the card, however many channels there are.

A message takes ten edits (platforms/webex.md 2).
"""


def cards(run: Run, _: Services) -> list[DesiredCard]:
    # Progress is shown in ``EDITS`` parts.
    found = view(run)
    part = len(run.findings) * EDITS // max(len(found.channels), 1)
    done = _is_over(run)
    return [
        DesiredCard(
            "channels",
            channels(found),
            fingerprint=f"{part} {done} {found.withdrawn}",
            urgency=str(done),
            final=done,
        )
    ]


def _is_over(run: Run) -> bool:
    return run.checked is not None or bool(run.ended)


def view(run: Run) -> ChannelsView:
    return ChannelsView(
        channels=tuple(_channel_line(run, mailbox) for mailbox in bulk.mailboxes(run)),
        at=run.checked or now(),
        checking=0 if _is_over(run) else len(bulk.mailboxes(run)) - len(run.findings),
        withdrawn=sum(question.startswith("app_access") for question in run.problems),
        direct=run.origin.direct,
    )


def line_of(services: Services, mailbox: str) -> ChannelLine:
    found = assessment(services.store, mailbox)
    fact, words = found.fact, superseded.in_progress(found)
    if words is not None:
        return ChannelLine(mailbox, State.WAITING, words)
    if fact is None:
        return ChannelLine(mailbox, None, Text("channels.never"))
    if fact.finding is not None:
        return ChannelLine(mailbox, fact.finding.state, words_of(fact.finding), fact.at)
    state = State.OK if found.needs_no_fix else State.UNKNOWN
    return ChannelLine(mailbox, state, superseded.words_of(fact), fact.at)


def words_of(judged: Finding) -> Text:
    if judged.state is not State.WRONG:
        return judged.seen or Text("channels.nothing_wrong")
    return known_text(f"cause.{judged.cause}") or Text(f"step.{judged.facts['step']}")


def _channel_line(run: Run, mailbox: str) -> ChannelLine:
    judged = run.findings.get(mailbox)
    if judged is None:
        return ChannelLine(mailbox, None, Text("channels.waiting"))
    return ChannelLine(mailbox, judged.state, words_of(judged), run.found_at[mailbox])


SKIPPED = "skip:"
"""Beginning of the answer of a person who skips the rehearsal; the reason follows."""
_COPIED = ("question", "value", "most", "last", "event", "entry", "until")


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
