"""Person who can fix the causes of a check, and the one button that leads there.

Both depend on the cause, regardless of the finding that reported it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from jobs.checks.verdict import Verdict, in_state
from jobs.clouds.cause_codes import causes
from jobs.clouds.turns import GENERATE, who_acts
from jobs.model import Channel, State, Turn
from jobs.runs.run import Run

FIXED_BY = {
    "smtp_auth": causes("smtp_auth_off_for_mailbox", "smtp_auth_off_for_tenant"),
    "forwarding": causes("not_forwarded", "forwarding_address_wins"),
    "outbound_policy": causes("forwarding_blocked"),
    "send_as": causes("send_as_missing"),
    "smtp_grant": causes("consent_missing", "admin_consent_required", "consent_declined"),
    "application": causes(
        "app_not_found",
        "app_misconfigured",
        "permission_not_declared",
        "public_client_with_secret",
        "redirect_uri_mismatch",
        "redirect_uri_is_spa",
        "reply_address_missing",
    ),
    "service_principal": causes(
        "service_principal_missing", "app_not_found", "app_disabled", "user_not_assigned"
    ),
    "client_secret": causes(
        "client_secret_expired", "client_secret_expires_soon", "client_secret_gone"
    ),
}
"""Causes that each step can fix by a change, unless the step itself is known to be right."""
SEVERAL = causes("app_disabled")
"""Causes with one Entra code for problems that a plan fixes and problems that no plan fixes.

For these causes the step itself must be found wrong (facts/microsoft.md 5: 7000112).
"""


def whose_turn(verdict: Verdict) -> Turn:
    """Return the person who must act on the first cause.

    That is the approver if a plan of the bot fixes the cause.
    """
    if not verdict.causes:
        return Turn.NOBODY
    return (
        Turn.APPROVER
        if fixing_step(verdict, verdict.causes[0])
        else who_acts(verdict.weighed[verdict.causes[0]].cause)
    )


def for_people(verdict: Verdict) -> tuple[str, ...]:
    """Return the causes that no plan of the bot fixes, without those that a new token resolves.

    A fix asks for that new token itself.
    """
    causes = (
        verdict.weighed[name].cause for name, step in _fixing_steps(verdict).items() if not step
    )
    return tuple(cause for cause in causes if cause not in GENERATE | {""})


def fix(run: Run, verdict: Verdict, *, whole: bool) -> tuple[str, dict[str, str]] | None:
    """Return the text key and data of the fix button, or None for no button.

    The button opens a plan if a plan would contain a change for any of the causes. Otherwise it
    opens the page on which a person fixes the first cause. If the check is not ``whole``, the page
    is not offered, because a sign-in comes first: a refused token may have a cause that only a
    sign-in shows.
    """
    if not verdict.causes:
        return None
    if step := next(filter(None, _fixing_steps(verdict).values()), ""):
        return f"fix.{step}", {"do": "fix", "channel": run.channel.mailbox}
    return _generate_button(run.channel, verdict) if whole else None


def _generate_button(channel: Channel, verdict: Verdict) -> tuple[str, dict[str, str]] | None:
    """Return the button to Webex Connect, or None.

    The button is shown if a new token ends the first cause and the page's address is known.
    """
    page = page_of(channel)
    return (
        ("fix.generate_token", {"url": page})
        if page and verdict.weighed[verdict.causes[0]].cause in GENERATE
        else None
    )


def page_of(channel: Channel) -> str:
    """Return the address of the channel's Webex Connect, taken from its Call Back URL.

    The result is empty if the address is not known.
    """
    page = urlsplit(channel.callback_url)
    return f"https://{page.netloc}" if page.scheme == "https" and page.netloc else ""


def _fixing_steps(verdict: Verdict) -> dict[str, str]:
    """Return each cause's finding with the step whose plan would fix it, or an empty string."""
    return {name: fixing_step(verdict, name) for name in verdict.causes}


def fixing_step(verdict: Verdict, name: str) -> str:
    """Return the step whose plan would contain a change for this finding, or an empty string.

    It is a step that is wrong itself, or that could not be read yet.
    """
    cause = verdict.weighed[name].cause
    able = [step for step, causes in FIXED_BY.items() if cause in causes]
    unseen = (
        [] if cause in SEVERAL else in_state(able, verdict.weighed, State.SKIPPED, State.UNKNOWN)
    )
    return next(iter([*in_state(able, verdict.weighed, State.WRONG), *unseen]), "")
