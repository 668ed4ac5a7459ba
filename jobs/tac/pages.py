"""Pages for Cisco TAC: findings for people and for machines, and the SMTP dialogues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from jobs.checks import check
from jobs.model import Finding, State, Text
from jobs.runs.run import Run
from jobs.steps import steps_of
from jobs.tac.case import Say, TacCase

WORST_FIRST = (
    State.WRONG,
    State.POSSIBLE,
    State.WARNING,
    State.UNKNOWN,
    State.WAITING,
    State.OK,
    State.SKIPPED,
)


def findings(matter: TacCase, say: Say) -> str:
    parts: list[str] = []
    for name in matter.histories:
        run = matter.runs.get(name)
        parts.append(f"# {say(Text(f'tac.file.of_{name}', _id_and_time(run)))}")
        parts += (_findings(run, say) if run else []) or [say(Text(f"tac.file.no_{name}"))]
    return "\n\n".join(parts) + "\n"


def _id_and_time(run: Run | None) -> dict[str, str]:
    """Return the run's ID and time for a heading, or dashes if there is no run."""
    return {"run": run.id, "at": utc_text(run.opened)} if run else {"run": "-", "at": "-"}


def transcripts(matter: TacCase, say: Say) -> str:
    """Return the SMTP dialogues line by line; the bot never kept the credentials in them."""
    blocks = [block for name, run in matter.runs.items() for block in _dialogues(name, run)]
    return "\n\n".join(blocks or [say(Text("tac.file.no_transcript"))]) + "\n"


def _dialogues(name: str, run: Run) -> Iterator[str]:
    for finding in run.findings.values():
        if lines := [item.text for item in finding.evidence if item.kind == "transcript"]:
            yield (
                f"{name} {run.id}, {finding.step}, {utc_text(run.found_at[finding.step])}\n"
                + "\n".join(lines)
            )


def found(run: Run, say: Say) -> dict[str, Any]:
    """Return a run's findings for machines, with texts for people next to the keys."""
    items = [
        {
            **msgspec.to_builtins(finding),
            "row": article_row(run, finding),
            "title": title(finding, say),
            "seen_text": _text_or_key(finding.seen, say),
            "expected_text": _text_or_key(finding.expected, say),
            "found_at": utc_text(run.found_at[finding.step]),
        }
        for finding in run.findings.values()
    ]
    return {"run": run.id, "kind": run.kind, "opened": utc_text(run.opened), "findings": items}


def utc_text(at: datetime) -> str:
    """Return a time with its zone: ``2026-11-25 14:05:09 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _findings(run: Run, say: Say) -> list[str]:
    """Return the run's findings as text, the worst first and the skipped ones last."""
    ordered = sorted(run.findings.values(), key=lambda finding: WORST_FIRST.index(finding.state))
    return ["\n".join(_lines(run, finding, say)) for finding in ordered]


def _lines(run: Run, finding: Finding, say: Say) -> Iterator[str]:
    """Yield the lines of one finding, without empty values."""
    yield f"## {article_row(run, finding)} {title(finding, say)} ({finding.state})"
    yield ""
    told = {
        "seen": _text_or_key(finding.seen, say),
        "expected": _text_or_key(finding.expected, say),
        **_cause_and_remedy(finding.cause, say),
        **_filled(finding.facts),
        **finding.signals.texts(),
        "found_at": utc_text(run.found_at[finding.step]),
    }
    yield from (
        f"- {say(Text(f'tac.file.{name}')) or name}: {one_line(value)}"
        for name, value in _filled(told).items()
    )
    yield from (
        f"- {item.kind}: `{one_line(item.text)}`"
        for item in finding.evidence
        if item.kind != "transcript"
    )


def _cause_and_remedy(cause: str, say: Say) -> dict[str, str]:
    """Return a cause with its sentence and remedy, or nothing if there is no cause."""
    if not cause:
        return {}
    return {
        "cause": f"{cause}. {say(Text(f'cause.{cause}'))}".strip(),
        "remedy": say(Text(f"remedy.{cause}")),
    }


def _filled(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def article_row(run: Run, finding: Finding) -> str:
    """Return the row of the article to which the finding belongs, or a hyphen."""
    step = (check.steps_of(run) | steps_of(run)).get(finding.step)
    return step.article_row if step else "-"


def title(finding: Finding, say: Say) -> str:
    return say(Text(f"step.{finding.step}")) or finding.step


def _text_or_key(words: Text | None, say: Say) -> str:
    return (say(words) or words.key) if words else ""


def one_line(text: str) -> str:
    return " ".join(text.split())
