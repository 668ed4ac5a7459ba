"""What the bot saw, for Cisco TAC: findings for a person and for a machine, and the SMTP dialogues."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from jobs.checks import check
from jobs.engine.step import Step
from jobs.model import Finding, State, Text
from jobs.runs.run import Run
from jobs.steps import steps_of
from jobs.tac.case import Say, TacCase

WORST_FIRST = (State.WRONG, State.POSSIBLE, State.WARNING, State.UNKNOWN, State.WAITING, State.OK, State.SKIPPED)


def findings(matter: TacCase, say: Say) -> str:
    """Every finding of the newest check and of the setup, with its evidence."""
    parts: list[str] = []
    for name, past in (("check", matter.check), ("setup", matter.setup)):
        values = {"run": past.run.id, "at": moment(past.run.opened)} if past else {"run": "-", "at": "-"}
        heading = say(Text(f"tac.file.of_{name}", values))
        parts.append(f"# {heading}")
        parts += _findings(past.run, say) if past and past.run.findings else [say(Text(f"tac.file.no_{name}"))]
    return "\n\n".join(parts) + "\n"


def transcripts(matter: TacCase, say: Say) -> str:
    """The SMTP dialogues, line by line; the bot never kept the credentials in them."""
    blocks = [
        f"{name} {past.run.id}, {finding.step}, {moment(past.run.found_at[finding.step])}\n" + "\n".join(lines)
        for name, past in (("check", matter.check), ("setup", matter.setup))
        if past is not None
        for finding in past.run.findings.values()
        if (lines := [item.text for item in finding.evidence if item.kind == "transcript"])
    ]
    return "\n\n".join(blocks or [say(Text("tac.file.no_transcript"))]) + "\n"


def found(run: Run, say: Say) -> dict[str, Any]:
    """A run's findings for a machine, with the words for a person beside the keys."""
    items = [
        {
            **msgspec.to_builtins(finding),
            "row": row(run, finding),
            "title": title(finding, say),
            "seen_text": _told(finding.seen, say),
            "expected_text": _told(finding.expected, say),
            "found_at": moment(run.found_at[finding.step]),
        }
        for finding in run.findings.values()
    ]
    return {"run": run.id, "kind": run.kind, "opened": moment(run.opened), "findings": items}


def moment(at: datetime) -> str:
    """A time with its zone: ``2026-11-25 14:05:09 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _findings(run: Run, say: Say) -> list[str]:
    """The worst first; what was skipped last."""
    ordered = sorted(run.findings.values(), key=lambda finding: WORST_FIRST.index(finding.state))
    return ["\n".join(_lines(run, finding, say)) for finding in ordered]


def _lines(run: Run, finding: Finding, say: Say) -> Iterator[str]:
    """One finding; what was not seen or expected is left out."""
    yield f"## {row(run, finding)} {title(finding, say)} ({finding.state})"
    yield ""
    told = {"seen": _told(finding.seen, say), "expected": _told(finding.expected, say)}
    if finding.cause:
        cause, remedy = (say(Text(f"{part}.{finding.cause}")) for part in ("cause", "remedy"))
        told |= {"cause": f"{finding.cause}. {cause}".strip(), "remedy": remedy}
    told |= {name: value for name, value in finding.facts.items() if value} | finding.signals.texts()
    told["found_at"] = moment(run.found_at[finding.step])
    yield from (f"- {say(Text(f'tac.file.{name}')) or name}: {line(value)}" for name, value in told.items() if value)
    yield from (f"- {item.kind}: `{line(item.text)}`" for item in finding.evidence if item.kind != "transcript")


def _step(run: Run, finding: Finding) -> Step | None:
    return (check.steps_of(run) | steps_of(run)).get(finding.step)


def row(run: Run, finding: Finding) -> str:
    """The article's row that the finding is about."""
    step = _step(run, finding)
    return step.article_row if step else "-"


def title(finding: Finding, say: Say) -> str:
    """What was looked at."""
    return say(Text(f"step.{finding.step}")) or finding.step


def _told(words: Text | None, say: Say) -> str:
    return (say(words) or words.key) if words else ""


def line(text: str) -> str:
    """A text of any length on one line."""
    return " ".join(text.split())
