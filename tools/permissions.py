# ruff: noqa: INP001  (a script, not a package)
"""Write docs/permissions.md from the permissions that the steps declare (make docs).

A test keeps the page up to date.
"""

from __future__ import annotations

from pathlib import Path

from adaptive_cards.texts import text
from jobs.engine.step import Step
from jobs.microsoft.scopes import (
    EXCHANGE_APP_ROLES,
    GRAPH_APP_ROLES,
    GRAPH_READ_SCOPES,
    GRAPH_SETUP_SCOPES,
    INCLUDED,
    OPTIONAL_APP_ROLES,
    SMTP_SCOPE,
    app_may_read,
)
from jobs.model import Access, Profile
from jobs.probes import all_probes
from jobs.steps import all_steps

PAGE = Path(__file__).resolve().parents[1] / "docs/permissions.md"
INTRO = """# Permissions

This page is made by `make docs` from the steps in the code. Edit it there.

## The bot's own Entra app

These permissions are delegated: the bot does only what the person who signed in may do. Every change is made
with them and with nothing else.

| API | permission | for setup | for checks |
|---|---|---|---|
"""
BY_ITSELF = """
### Application permissions for checks without a sign-in

Optional. They are declared on the bot's app as *application* permissions. A tenant's Global Administrator or
Privileged Role Administrator grants them with the button "Allow automatic checks" on the card of a check.
They only read. Settings are never written with them.

| API | permission | needed |
|---|---|---|
"""
AT_EXCHANGE = """
`Exchange.ManageAsApp` only lets the app connect. An Entra role that the tenant gives to the bot's enterprise
application decides what the app may read at Exchange: Global Reader, or a role group with View-Only
Recipients and View-Only Configuration. Without it, all checks at Exchange are left out with that reason, and
nothing is reported wrong. Consent cannot assign a role, so this is a separate task: Entra, Roles and
administrators, Global Reader, Add assignments, the bot's app.

To withdraw the grant, delete the bot's enterprise application in Entra, or its permissions. The next check
reports it and forgets the grant.
"""
BETWEEN = """
The sign-in also requests `openid`, `profile` and `offline_access`. `AuditLog.Read.All` answers only in
tenants with Entra ID P1. Without it, that one check is left out, and
a person confirms Generate Token.
"""
SIGN_INS = """
### Which of them a sign-in asks for

A setup asks for all permissions in the column "for setup", and writes nothing before its plan is approved. A
check asks for those in the column "for checks". A fix asks for what its steps read, and to write for the steps
that the newest check found wrong; what its plan needs beyond that is asked for in a second sign-in, after the
approval. An undo asks for what the steps below need to read and write that it puts back. Every sign-in asks for
`User.Read.All`. These permissions include others, which are then not asked for:

"""
STEPS = """
## Each step of a setup

Names with a dot are Microsoft Graph permissions. The others are roles in Exchange Online or Microsoft
Defender that the person who signed in must have. A write permission includes the matching read permission.

| row | step | profile | to read | to write |
|---|---|---|---|---|
"""
PROBES = """
## Each probe of a check

| probe | access | to read |
|---|---|---|
"""
ONE_USER = "delegated | both | the app, as the one user who signs in |"
ALL_USERS = (
    "delegated | both | the app, as the user who signs in: one, or all with the article's consent |"
)
APPLICATION = "application, by admin consent | article | the app, as any mailbox of the tenant |"
APP = f"""
## The email app for Webex Connect

| permission | kind | profile | who can use it |
|---|---|---|---|
| `{SMTP_SCOPE.rpartition("/")[2]}` of Office 365 Exchange Online | {ALL_USERS}
| `openid`, `profile`, `offline_access` of Microsoft Graph | {ONE_USER}
| `Mail.Send` of Office 365 Exchange Online | {APPLICATION}

The mail flow uses the first permission. The article asks people to add `Mail.Send`. The least-privilege
profile leaves it out. Both profiles grant the delegated permissions for the one user who signs in. The
article's admin consent then grants `SMTP.Send` for all users of the tenant as well, because Microsoft's page
covers everything that the app declares. The plan and the consent card say so.

For a shared mailbox another user signs in, whom the run asks for. The user logs in by SMTP under the
user's own name, so SMTP AUTH of the user's own mailbox counts, and the user sends as the mailbox with Send
As. Full Access is not needed.
"""


def page() -> str:
    """Return the whole page of the permissions."""
    steps, probes = all_steps().values(), all_probes().values()
    return (
        INTRO
        + "".join(_permission(name) for name in sorted({*GRAPH_SETUP_SCOPES, *GRAPH_READ_SCOPES}))
        + "| Office 365 Exchange Online | `Exchange.Manage` | yes | yes |\n"
        + BETWEEN
        + SIGN_INS
        + "".join(
            f"- `{name}` includes {_names(tuple(sorted(others)))}.\n"
            for name, others in INCLUDED.items()
        )
        + BY_ITSELF
        + "".join(_application(name) for name in sorted({*GRAPH_APP_ROLES, *OPTIONAL_APP_ROLES}))
        + "".join(
            f"| Office 365 Exchange Online | `{name}` | yes |\n" for name in EXCHANGE_APP_ROLES
        )
        + AT_EXCHANGE
        + STEPS
        + "".join(
            (
                f"| {step.article_row} | {_title(step)} | {_profiles(step)} | "
                f"{_names(step.reads)} | {_names(step.writes)} |\n"
            )
            for step in steps
        )
        + PROBES
        + "".join(
            f"| {_title(probe)} | {_access(probe)} | {_names(probe.reads)} |\n" for probe in probes
        )
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
    if step.diagnosis.access is Access.NONE:
        return "nobody signs in"
    return (
        "somebody signs in, or the bot by itself"
        if app_may_read(step.reads)
        else "somebody signs in"
    )


def _names(permissions: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in permissions) or "nothing"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
