"""Person who can fix the causes of a check, and the one button that leads there.

Both depend on the cause, regardless of the finding that reported it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from jobs.causes.cause import NEW_TOKEN, known
from jobs.checks.verdict import Verdict, in_state
from jobs.model import Channel, State, Turn
from jobs.runs.run import Run


def whose_turn(verdict: Verdict) -> Turn:
    """Return who must act on the first cause: the approver if a plan fixes it."""
    if not verdict.causes:
        return Turn.NOBODY
    return (
        Turn.APPROVER
        if fixing_step(verdict, verdict.causes[0])
        else known(verdict.weighed[verdict.causes[0]].cause).acts
    )


def for_people(verdict: Verdict) -> tuple[str, ...]:
    """Return the causes that no plan of the bot fixes, without those that a new token resolves.

    A fix asks for that new token itself.
    """
    causes = (
        verdict.weighed[name].cause for name, step in _fixing_steps(verdict).items() if not step
    )
    return tuple(cause for cause in causes if cause not in NEW_TOKEN | {""})


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
    """Return the button to Webex Connect if a new token helps and the page is known."""
    page = page_of(channel)
    return (
        ("fix.generate_token", {"url": page})
        if page and verdict.weighed[verdict.causes[0]].cause in NEW_TOKEN
        else None
    )


def page_of(channel: Channel) -> str:
    """Return the address of Webex Connect, as the Call Back URL shows it, or ''."""
    page = urlsplit(channel.callback_url)
    return f"https://{page.netloc}" if page.scheme == "https" and page.netloc else ""


def _fixing_steps(verdict: Verdict) -> dict[str, str]:
    """Return each cause's finding with the step whose plan would fix it, or an empty string."""
    return {name: fixing_step(verdict, name) for name in verdict.causes}


def fixing_step(verdict: Verdict, name: str) -> str:
    """Return the step, wrong or not read yet, whose plan changes this finding, or ''."""
    entry = known(verdict.weighed[name].cause)
    unseen = () if entry.fixed_if_wrong else (State.SKIPPED, State.UNKNOWN)
    wrong = in_state(entry.fixed_by, verdict.weighed, State.WRONG)
    return next(iter([*wrong, *in_state(entry.fixed_by, verdict.weighed, *unseen)]), "")
