# ruff: noqa: INP001  (a script, not a package)
"""Writes docs/permissions.md from what the steps say of themselves (make docs). A test holds the page in step."""

from __future__ import annotations

from pathlib import Path

from adaptive_cards.texts import text
from jobs.microsoft.scopes import GRAPH_READ_SCOPES, GRAPH_SETUP_SCOPES, SMTP_SCOPE
from jobs.model import Profile
from jobs.probes import all_probes
from jobs.step import Step
from jobs.steps import all_steps

PAGE = Path(__file__).resolve().parents[1] / "docs/permissions.md"
INTRO = """# What it takes to read and to write

This page is made by `make docs` from the steps in the code; edit it there.

## The bot's own Entra app

Delegated permissions only: the bot does what the person who signed in may do, and has no power of its own.

| API | permission | for setting up | for looking |
|---|---|---|---|
"""
BETWEEN = """
`openid`, `profile` and `offline_access` are asked for beside them. `AuditLog.Read.All` answers only in tenants with Entra ID P1; without it
that one look is reported as unknown.

## Each step of setting up

Names with a dot are Microsoft Graph permissions, the others are roles in Exchange Online or Microsoft Defender that the person who
signed in must have. A write permission includes the read permission beside it.

| row | step | profile | to read | to write |
|---|---|---|---|---|
"""
PROBES = """
## Each look that only a check takes

| look | access | to read |
|---|---|---|
"""
APP = f"""
## The email app that is set up for Webex Connect

| permission | kind | profile | who can use it |
|---|---|---|---|
| `{SMTP_SCOPE.rpartition("/")[2]}` of Office 365 Exchange Online | delegated, granted for one user | both | the mailbox user only |
| `openid`, `profile`, `offline_access` of Microsoft Graph | delegated, granted for one user | both | the mailbox user only |
| `Mail.Send` of Office 365 Exchange Online | application, by admin consent | article | the app, as any mailbox of the tenant |

The mail flow uses the first one. `Mail.Send` is what the article tells people to add; the least-privilege profile leaves it out.
"""


def page() -> str:
    """The whole page."""
    steps, probes = all_steps().values(), all_probes().values()
    return (
        INTRO
        + "".join(_permission(name) for name in sorted({*GRAPH_SETUP_SCOPES, *GRAPH_READ_SCOPES}))
        + "| Office 365 Exchange Online | `Exchange.Manage` | yes | yes |\n"
        + BETWEEN
        + "".join(f"| {step.row} | {_title(step)} | {_profiles(step)} | {_names(step.reads)} | {_names(step.writes)} |\n" for step in steps)
        + PROBES
        + "".join(f"| {_title(probe)} | {_access(probe)} | {_names(probe.reads)} |\n" for probe in probes)
        + APP
    )


def _permission(name: str) -> str:
    marks = ("yes" if name in scopes else "" for scopes in (GRAPH_SETUP_SCOPES, GRAPH_READ_SCOPES))
    return f"| Microsoft Graph | `{name}` | {' | '.join(marks)} |\n"


def _title(step: Step) -> str:
    return text(f"step.{step.name}")


def _profiles(step: Step) -> str:
    return "both" if step.profiles == frozenset(Profile) else ", ".join(sorted(step.profiles))


def _access(step: Step) -> str:
    return {"none": "nobody signs in", "app": "the bot itself", "admin": "somebody signs in"}[step.access]


def _names(permissions: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in permissions) or "nothing"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
