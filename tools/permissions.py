# ruff: noqa: INP001  (a script, not a package)
"""Write docs/permissions.md from the permissions that the steps declare (make docs).

A test keeps the page up to date.
"""

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

This page is made by `make docs` from the steps in the code.

## The bot's own Entra app

These are delegated: the bot does only what the person who signed in may do. Every change is made with them.

"""
BETWEEN = """- Also `openid`, `profile` and `offline_access`. `AuditLog.Read.All` answers only in tenants with Entra ID P1;
  without it that check is left out, and a person confirms Generate Token.

A setup asks for all that are marked *setup* and writes nothing before its plan is approved. A check asks for those
marked *check*. A fix asks to write only for the steps that the newest check found wrong; if its plan needs more, a
second sign-in follows the approval. An undo asks for the steps that it puts back. These include others, which are
then not asked for, but for `Directory.Read.All` next to `AuditLog.Read.All`, which needs it:

"""
BY_ITSELF = """
### To check without a sign-in

Optional *application* permissions, which only read. A tenant's Global Administrator or Privileged Role Administrator
grants them with "Allow automatic checks" on the card of a check.

"""
AT_EXCHANGE = """
`Exchange.ManageAsApp` only lets the app connect. What it may read is decided by an Entra role of the bot's enterprise
application: Global Reader, or a role group with View-Only Recipients and View-Only Configuration. Consent cannot give
a role: Entra, Roles and administrators, Global Reader, Add assignments. Without it the checks at Exchange are left out
with that reason.

To withdraw the grant, delete the bot's enterprise application or its permissions. The next check forgets it.
"""
STEPS = """
## Each step of a setup

Names with a dot are permissions of Microsoft Graph. The others are roles in Exchange Online or Defender that the person
must have. To write includes to read. Steps that are not listed need neither.

"""
PROBES = """
## Each probe of a check

"""
APP = f"""
## The email app for Webex Connect

- `{SMTP_SCOPE.rpartition("/")[2]}` of Office 365 Exchange Online, delegated: the one the mail uses. The app sends as the
  user who signs in. The article's admin consent grants it for all users of the tenant, and the plan says so.
- `openid`, `profile`, `offline_access` of Microsoft Graph, delegated, for that one user.
- `Mail.Send` of Office 365 Exchange Online, application, in the article's profile only: the app may send as any mailbox
  of the tenant. The least-privilege profile leaves it out.

For a shared mailbox another user signs in, under the user's own name, with Send As. Full Access is not needed.
"""


def page() -> str:
    """Return the whole page of the permissions."""
    delegated = sorted({*GRAPH_SETUP_SCOPES, *GRAPH_READ_SCOPES})
    of_app = sorted({*GRAPH_APP_ROLES, *OPTIONAL_APP_ROLES})
    return (
        INTRO
        + "".join(f"- `{name}` of Microsoft Graph: {_uses(name)}\n" for name in delegated)
        + "- `Exchange.Manage` of Office 365 Exchange Online: setup, check\n"
        + BETWEEN
        + "".join(
            f"- `{name}` includes {_names(tuple(sorted(others)))}.\n"
            for name, others in INCLUDED.items()
        )
        + BY_ITSELF
        + "".join(f"- `{name}` of Microsoft Graph{_optional(name)}\n" for name in of_app)
        + "".join(f"- `{name}` of Office 365 Exchange Online\n" for name in EXCHANGE_APP_ROLES)
        + AT_EXCHANGE
        + STEPS
        + "".join(_step(step) for step in all_steps().values() if step.reads or step.writes)
        + PROBES
        + _probes()
        + APP
    )


def _uses(name: str) -> str:
    scopes = {"setup": GRAPH_SETUP_SCOPES, "check": GRAPH_READ_SCOPES}
    return ", ".join(use for use, held in scopes.items() if name in held)


def _optional(name: str) -> str:
    return " (without it the sign-in log is left out)" if name in OPTIONAL_APP_ROLES else ""


def _step(step: Step) -> str:
    only = "" if step.profiles == frozenset(Profile) else f" ({', '.join(sorted(step.profiles))})"
    uses = {"read": step.reads, "write": step.writes}
    needed = "; ".join(f"{use} {_names(names)}" for use, names in uses.items() if names)
    return f"- {step.article_row} {text(f'step.{step.name}')}{only}: {needed}\n"


def _probes() -> str:
    """Return the probes by what they need: first nothing, then each set of permissions."""
    by_need: dict[str, list[str]] = {}
    for probe in all_probes().values():
        by_need.setdefault(_need(probe), []).append(text(f"step.{probe.name}"))
    return "".join(f"- {need}: {', '.join(by_need[need])}\n" for need in sorted(by_need))


def _need(probe: Step) -> str:
    if probe.diagnosis.access is Access.NONE:
        return "Nobody signs in"
    alone = "" if app_may_read(probe.reads) else ", only with a sign-in"
    return f"{_names(probe.reads)}{alone}"


def _names(permissions: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in permissions)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
