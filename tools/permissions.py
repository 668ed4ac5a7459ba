# ruff: noqa: INP001  (a script, not a package)
"""Writes docs/permissions.md from what the steps say of themselves (make docs). A test holds the page in step."""

from __future__ import annotations

from pathlib import Path

from adaptive_cards.texts import text
from jobs.engine.step import Step
from jobs.microsoft.scopes import (
    EXCHANGE_APP_ROLES,
    GRAPH_APP_ROLES,
    GRAPH_READ_SCOPES,
    GRAPH_SETUP_SCOPES,
    OPTIONAL_APP_ROLES,
    SMTP_SCOPE,
    app_may_read,
)
from jobs.model import Access, Profile
from jobs.probes import all_probes
from jobs.steps import all_steps

PAGE = Path(__file__).resolve().parents[1] / "docs/permissions.md"
INTRO = """# What it takes to read and to write

This page is made by `make docs` from the steps in the code; edit it there.

## The bot's own Entra app

Delegated permissions: the bot does what the person who signed in may do. Every change is made with them, and with nothing else.

| API | permission | for setting up | for looking |
|---|---|---|---|
"""
BY_ITSELF = """
### Application permissions, to look without anybody signed in

Optional. A tenant's Global Administrator or Privileged Role Administrator grants them with the button "Let the bot read by itself" on the card
of a check; they are declared on the bot's app as *application* permissions. They only read, and settings are never written with them.

| API | permission | needed |
|---|---|---|
"""
AT_EXCHANGE = """
`Exchange.ManageAsApp` only lets the app in. What it may read at Exchange comes from an Entra role that the tenant gives to the bot's
enterprise application: Global Reader, or a role group with View-Only Recipients and View-Only Configuration. Without it
everything at Exchange is left out, with that reason, and nothing is reported wrong. Consent cannot give a role, so that is a step of its own:
Entra, Roles and administrators, Global Reader, Add assignments, the bot's app.

To take it back, delete the bot's enterprise application in Entra, or its permissions: the next check says so, and forgets the grant.
"""
BETWEEN = """
`openid`, `profile` and `offline_access` are asked for beside them. `AuditLog.Read.All` answers only in tenants with Entra ID P1; without it
that one look is left out.
"""
STEPS = """
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
For a shared mailbox another user signs in, so the delegated ones are granted for all users, with the tenant's own approval: a token is
that of who signed in, and sends as the mailbox only with Send As in Exchange.
"""


def page() -> str:
    """The whole page."""
    steps, probes = all_steps().values(), all_probes().values()
    return (
        INTRO
        + "".join(_permission(name) for name in sorted({*GRAPH_SETUP_SCOPES, *GRAPH_READ_SCOPES}))
        + "| Office 365 Exchange Online | `Exchange.Manage` | yes | yes |\n"
        + BETWEEN
        + BY_ITSELF
        + "".join(_application(name) for name in sorted({*GRAPH_APP_ROLES, *OPTIONAL_APP_ROLES}))
        + "".join(f"| Office 365 Exchange Online | `{name}` | yes |\n" for name in EXCHANGE_APP_ROLES)
        + AT_EXCHANGE
        + STEPS
        + "".join(
            f"| {step.article_row} | {_title(step)} | {_profiles(step)} | {_names(step.reads)} | {_names(step.writes)} |\n"
            for step in steps
        )
        + PROBES
        + "".join(f"| {_title(probe)} | {_access(probe)} | {_names(probe.reads)} |\n" for probe in probes)
        + APP
    )


def _permission(name: str) -> str:
    marks = ("yes" if name in scopes else "" for scopes in (GRAPH_SETUP_SCOPES, GRAPH_READ_SCOPES))
    return f"| Microsoft Graph | `{name}` | {' | '.join(marks)} |\n"


def _application(name: str) -> str:
    needed = "no: without it the sign-in log is left out" if name in OPTIONAL_APP_ROLES else "yes"
    return f"| Microsoft Graph | `{name}` | {needed} |\n"


def _title(step: Step) -> str:
    return text(f"step.{step.name}")


def _profiles(step: Step) -> str:
    return "both" if step.profiles == frozenset(Profile) else ", ".join(sorted(step.profiles))


def _access(step: Step) -> str:
    if step.access is Access.NONE:
        return "nobody signs in"
    return "somebody signs in, or the bot by itself" if app_may_read(step.reads) else "somebody signs in"


def _names(permissions: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in permissions) or "nothing"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
