"""First page of the file for Cisco TAC: the requester, the channel, the times and the symptoms."""

from __future__ import annotations

from datetime import datetime

from jobs.checks.fix_context import verdict_of
from jobs.contact_center.webex_org_id import normalize
from jobs.model import ConnectChange, Finding, Text
from jobs.runs.run import Run
from jobs.steps.connect_form import token_at
from jobs.tac.case import RunHistory, Say, TacCase
from jobs.tac.pages import article_row, one_line, title, utc_text


def summary(matter: TacCase, say: Say) -> str:
    """Return the first page: who, which channel, when, and which symptoms."""
    none = say(Text("tac.file.none"))
    lines = [
        f"- {say(Text(f'tac.file.{name}'))}: {one_line(value) or none}"
        for name, value in _values(matter).items()
    ]
    parts = [
        f"# {say(Text('tac.file.title', {'mailbox': matter.channel.mailbox}))}",
        "\n".join(lines),
        f"## {say(Text('tac.file.said'))}",
        _quoted(matter.reported.seen) or none,
        f"## {say(Text('tac.file.verdict'))}",
        "\n".join(_verdict(matter.check, say)),
        f"## {say(Text('tac.file.changed'))}",
        "\n".join(_changed(matter.check, say)),
        f"## {say(Text('tac.file.times'))}",
        "\n".join(
            f"- {say(Text(f'tac.file.{name}'))}: {_moment(at) or none}"
            for name, at in _times(matter).items()
        ),
        say(Text("tac.file.redacted")),
    ]
    return "\n\n".join(parts) + "\n"


def _values(matter: TacCase) -> dict[str, str]:
    """Return the ids and addresses that TAC asks for, by the keys of their labels."""
    told, channel = matter.reported, matter.channel
    return {
        "mailbox": channel.mailbox,
        "resource_id": told.resource_id,
        "transaction_id": told.transaction_id,
        "org_id": _organization(told.by.org_id),
        "tenant_id": _fact(matter, "tenant_id") or channel.tenant_id,
        "client_id": _client_id(matter),
        "app_name": _fact(matter, "app_name"),
        "forwarding_address": channel.forwarding_address,
        "callback_url": channel.callback_url,
        "asked_by": told.by.email,
        "screenshot": f"screenshot.{matter.picture.ending}" if matter.picture else "",
    }


def _quoted(words: str) -> str:
    return "\n".join(f"> {each}" for each in words.strip().splitlines())


def _moment(at: datetime | None) -> str:
    return utc_text(at) if at else ""


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
    changes = found.signals.changes if found else ()
    return [f"- {_change_line(change, say)}" for change in changes] or [
        say(Text("tac.file.no_changes"))
    ]


def _change_line(change: ConnectChange, say: Say) -> str:
    key = "changed_failed_line" if change.failed else "changed_line"
    values = {"at": utc_text(change.at), "event": change.event, "by": change.by}
    return one_line(say(Text(f"tac.file.{key}", values | {"told": change.told})))


def _times(matter: TacCase) -> dict[str, datetime | None]:
    checked = matter.check.run.checked if matter.check else None
    return {"made": matter.at, "checked": checked} | _times_of_setup(matter.runs.get("setup"))


def _times_of_setup(setup: Run | None) -> dict[str, datetime | None]:
    if setup is None:
        return {"connected": None, "token_saved": None}
    return {"connected": setup.ended_at, "token_saved": token_at(setup)}


def _fact(matter: TacCase, name: str) -> str:
    return next(filter(None, (run.fact(name) for run in reversed(matter.runs.values()))), "")


def _client_id(matter: TacCase) -> str:
    """Return the client ID that a run found or was given: the setup's first, then the check's."""
    ids = (run.fact("client_id") or run.brief.client_id for run in reversed(matter.runs.values()))
    return next(filter(None, ids), "")


def _organization(org_id: str) -> str:
    """Return Webex's organization ID, and the UUID that Control Hub and TAC use for it."""
    found = normalize(org_id)
    return org_id if found == org_id else f"{found} ({org_id})"
