"""The first page of the file for Cisco TAC: who, which channel, when, what was seen."""

from __future__ import annotations

from datetime import datetime

from jobs.checks import check
from jobs.checks.verdict import judge
from jobs.model import Text
from jobs.runs.run import Run
from jobs.tac.case import RunHistory, Say, TacCase
from jobs.tac.pages import line, moment, row, title
from jobs.webex_org_id import normalize


def summary(matter: TacCase, say: Say) -> str:
    """Who, which channel, when, what was seen: what TAC asks first."""
    told, channel = matter.told, matter.channel
    values = {
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
    none = say(Text("tac.file.none"))
    lines = [f"- {say(Text(f'tac.file.{name}'))}: {line(value) or none}" for name, value in values.items()]
    seen = [f"> {each}" for each in told.seen.strip().splitlines()] or [none]
    parts = [
        f"# {say(Text('tac.file.title', {'mailbox': channel.mailbox}))}",
        "\n".join(lines),
        f"## {say(Text('tac.file.said'))}",
        "\n".join(seen),
        f"## {say(Text('tac.file.verdict'))}",
        "\n".join(_verdict(matter.check, say)),
        f"## {say(Text('tac.file.times'))}",
        "\n".join(f"- {say(Text(f'tac.file.{name}'))}: {moment(at) if at else none}" for name, at in _times(matter).items()),
        say(Text("tac.file.redacted")),
    ]
    return "\n\n".join(parts) + "\n"


def _verdict(past: RunHistory | None, say: Say) -> list[str]:
    """The causes of the newest check, or why there are none."""
    if past is None or past.run.checked is None:
        return [say(Text("tac.file.no_check"))]
    known = {name: finding for name, finding in past.run.findings.items() if name in check.steps_of(past.run)}
    named = [known[name] for name in judge(check.steps_of(past.run), known).causes]
    lines = [
        f"- {row(past.run, each)} {say(Text(f'cause.{each.cause}')) or title(each, say)} ({each.cause or each.step})" for each in named
    ]
    return lines or [say(Text("tac.file.no_cause"))]


def _times(matter: TacCase) -> dict[str, datetime | None]:
    setup = matter.setup.run if matter.setup else None
    token = setup.answers.get("token_saved") if setup else None
    return {
        "made": matter.at,
        "checked": matter.check.run.checked if matter.check else None,
        "connected": setup.ended_at if setup else None,
        "token_saved": token.at if token else None,
    }


def _fact(matter: TacCase, name: str) -> str:
    return next((value for run in _runs(matter) if (value := run.fact(name))), "")


def _client_id(matter: TacCase) -> str:
    return next((found for run in _runs(matter) if (found := run.fact("client_id") or run.brief.client_id)), "")


def _runs(matter: TacCase) -> list[Run]:
    return [past.run for past in (matter.setup, matter.check) if past is not None]


def _organization(org_id: str) -> str:
    """Webex's own id, and the UUID in it, by which Control Hub and TAC know the organization."""
    found = normalize(org_id)
    return org_id if found == org_id else f"{found} ({org_id})"
