"""Pages for Cisco TAC: findings for people and for machines, and the SMTP dialogues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from jobs.checks import check
from jobs.checks.fix_context import verdict_of
from jobs.contact_center.webex_org_id import normalize
from jobs.model import ConnectChange, Finding, State, Text
from jobs.runs.run import Run
from jobs.steps import steps_of
from jobs.steps.connect_form import token_at
from jobs.tac.case import RunHistory, Say, TacCase

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
        named = {"run": run.id, "at": utc_text(run.opened)} if run else {"run": "-", "at": "-"}
        parts.append(f"# {say(Text(f'tac.file.of_{name}', named))}")
        parts += (_findings(run, say) if run else []) or [say(Text(f"tac.file.no_{name}"))]
    return "\n\n".join(parts) + "\n"


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


def summary(matter: TacCase, say: Say) -> str:
    """Return the first page: who, which channel, when, and which symptoms."""
    none = say(Text("tac.file.none"))
    told, channel = matter.reported, matter.channel
    ids = (run.fact("client_id") or run.brief.client_id for run in reversed(matter.runs.values()))
    values = {
        "mailbox": channel.mailbox,
        "resource_id": told.resource_id,
        "transaction_id": told.transaction_id,
        "org_id": _organization(told.by.org_id),
        "tenant_id": _fact(matter, "tenant_id") or channel.tenant_id,
        "client_id": next(filter(None, ids), ""),
        "app_name": _fact(matter, "app_name"),
        "forwarding_address": channel.forwarding_address,
        "callback_url": channel.callback_url,
        "asked_by": told.by.email,
        "screenshot": f"screenshot.{matter.picture.ending}" if matter.picture else "",
    }
    said = "\n".join(f"> {each}" for each in told.seen.strip().splitlines()) or none
    looked = (
        f"### {say(Text(f'search.title_{place}'))}\n\n> {one_line(seen) or none}"
        for place, seen in told.looked
    )
    parts = {
        "said": "\n\n".join((said, *looked)),
        "verdict": "\n".join(_verdict(matter.check, say)),
        "changed": "\n".join(_changed(matter.check, say)),
        "times": _list(_times(matter), say),
    }
    return "\n\n".join(
        (
            f"# {say(Text('tac.file.title', {'mailbox': channel.mailbox}))}",
            _list(values, say),
            *(f"## {say(Text(f'tac.file.{name}'))}\n\n{part}" for name, part in parts.items()),
            say(Text("tac.file.redacted")) + "\n",
        )
    )


def _list(values: Mapping[str, str], say: Say) -> str:
    """Return a line for each value; an empty one was not given."""
    none = say(Text("tac.file.none"))
    return "\n".join(
        f"- {say(Text(f'tac.file.{name}'))}: {one_line(value) or none}"
        for name, value in values.items()
    )


def _verdict(past: RunHistory | None, say: Say) -> list[str]:
    """Return the causes that the newest check found, or why there are none."""
    if past is None or past.run.checked is None:
        return [say(Text("tac.file.no_check"))]
    lines = [
        _cause_line(past.run, past.run.findings[name], say) for name in verdict_of(past.run).causes
    ]
    return lines or [say(Text("tac.file.no_cause"))]


def _cause_line(run: Run, finding: Finding, say: Say) -> str:
    """Return a cause in one line, with its row of the article and its code."""
    words = say(Text(f"cause.{finding.cause}")) or title(finding, say)
    return f"- {article_row(run, finding)} {words} ({finding.cause or finding.step})"


def _changed(past: RunHistory | None, say: Say) -> list[str]:
    """Return the changes in Webex Connect that the newest check read, newest first."""
    found = past.run.findings.get("connect_changes") if past else None
    lines = [f"- {_change_line(each, say)}" for each in found.signals.changes] if found else []
    return lines or [say(Text("tac.file.no_changes"))]


def _change_line(change: ConnectChange, say: Say) -> str:
    key = "changed_failed_line" if change.failed else "changed_line"
    values = {"at": utc_text(change.at), "event": change.event, "by": change.by}
    return one_line(say(Text(f"tac.file.{key}", values | {"told": change.told})))


def _times(matter: TacCase) -> dict[str, str]:
    check, setup = matter.runs.get("check"), matter.runs.get("setup")
    times = {
        "made": matter.at,
        "checked": check and check.checked,
        "connected": setup and setup.ended_at,
        "token_saved": setup and token_at(setup),
    }
    return {name: utc_text(at) if at else "" for name, at in times.items()}


def _fact(matter: TacCase, name: str) -> str:
    return next(filter(None, (run.fact(name) for run in reversed(matter.runs.values()))), "")


def _organization(org_id: str) -> str:
    """Return Webex's organization ID, and the UUID that Control Hub and TAC use for it."""
    found = normalize(org_id)
    return org_id if found == org_id else f"{found} ({org_id})"
