"""Presenter of a check's question about a channel that nobody set up here, and of what it found."""

from __future__ import annotations

from urllib.parse import urlsplit

from adaptive_cards import discovery as draw
from adaptive_cards.cards.discovery import AppChoice, DiscoveryView
from adaptive_cards.cards.verdict.view import FoundChannel
from bot.cards.presenters import watched
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.services import Services
from jobs.checks import adoption
from jobs.checks.discovering import APP, FORWARDING
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Run

KEPT = Text("verdict.kept_here")


def cards(run: Run, questions: tuple[str, ...]) -> list[DesiredCard]:
    """Return the card that asks for what the search did not find. It becomes the verdict's card."""
    apps = run.search.apps if run.search else ()
    view = DiscoveryView(
        run=run.id,
        mailbox=run.channel.mailbox,
        at=now(),
        ask_app=APP in questions,
        apps=tuple(
            AppChoice(app.client_id, app.name, urlsplit(app.callback_url).netloc) for app in apps
        ),
        ask_forwarding=FORWARDING in questions,
        found=_found_so_far(run, questions),
    )
    asked = ",".join(questions)
    return [desired_card("verdict", view, draw(view), urgency=asked, prompt=asked)]


def found_channel(run: Run, services: Services) -> FoundChannel | None:
    """Return what a check found of the channel by itself, or None for a channel that was known.

    Nothing was found yet before somebody has signed in.
    """
    if not run.brief.discover:
        return None
    if not run.discovered:
        return FoundChannel()
    channel = run.channel
    values = {
        "found.app": run.fact("app_name") or run.fact("client_id"),
        "found.callback": channel.callback_url,
        "found.forwarding": channel.forwarding_address,
        "found.user": run.fact("upn"),
        "found.delegate": run.fact("delegate"),
    }
    always = {"found.app", "found.callback", "found.forwarding"}
    shown = tuple((key, value) for key, value in values.items() if value or key in always)
    return FoundChannel(
        values=shown,
        may_keep=may_keep(run, services),
        kept=run.kept,
        watched=watched.interval_of(run, services) if run.kept else "",
        told=_told(run, services) if run.checked else None,
    )


def may_keep(run: Run, services: Services) -> bool:
    """Return whether the channel can be kept in this space: it is whole, and nobody has kept it."""
    return adoption.may_be_kept(run) and services.channels.record(run.channel.mailbox) is None


def _told(run: Run, services: Services) -> Text:
    """Return what keeping means, that it is kept, or why it cannot be."""
    if run.kept:
        interval = watched.interval_of(run, services)
        return Text("verdict.kept_watched", {"interval": interval}) if interval else KEPT
    if lacks := adoption.missing(run):
        return Text("verdict.keep_lacks", {"what": f"key:found.lacks_{lacks[0]}"})
    if not may_keep(run, services):
        return Text("verdict.keep_elsewhere")
    return Text("verdict.keep_words")


def _found_so_far(run: Run, questions: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the values that need no question."""
    found = run.search
    if found is None:
        return ()
    app = found.apps[0] if found.certain else None
    values = {
        "found.app": app.name if app else "",
        "found.callback": app.callback_url if app else "",
        "found.forwarding": found.forwarding_address,
        "found.user": found.upn,
    }
    return tuple((key, value) for key, value in values.items() if value)
