"""Presenter of a check's question about a channel that nobody set up here, and of what it found."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from adaptive_cards import discovery as draw
from adaptive_cards.cards.discovery import AppChoice, DiscoveryView
from adaptive_cards.cards.verdict.view import FoundChannel
from bot.cards.presenters import watch
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.services import Services
from jobs.checks import adoption
from jobs.checks.discovering import APP, FORWARDING
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Run, Search

KEPT = Text("verdict.kept_here")


def cards(run: Run, questions: tuple[str, ...]) -> list[DesiredCard]:
    search = run.search or Search()
    mailbox = {"found.forwarding": search.forwarding_address, "found.user": search.upn}
    view = DiscoveryView(
        run=run.id,
        mailbox=run.channel.mailbox,
        at=now(),
        ask_app=APP in questions,
        apps=tuple(
            AppChoice(app.client_id, app.name, urlsplit(app.callback_url).netloc)
            for app in search.apps
        ),
        ask_forwarding=FORWARDING in questions,
        found=_known(_app(search) | mailbox),
    )
    asked = ",".join(questions)
    return [desired_card("verdict", view, draw(view), urgency=asked, prompt=asked)]


def found_channel(run: Run, services: Services) -> FoundChannel | None:
    """Return what a check found of the channel by itself, or None for a channel that was known.

    Before somebody has signed in, nothing was found, and the result is empty.
    """
    if not run.brief.discover:
        return None
    return _discovered(run, services) if run.discovered else FoundChannel()


def _discovered(run: Run, services: Services) -> FoundChannel:
    values = (
        ("found.app", run.fact("app_name") or run.fact("client_id")),
        ("found.callback", run.channel.callback_url),
        ("found.forwarding", run.channel.forwarding_address),
        *_known({"found.user": run.fact("upn"), "found.delegate": run.fact("delegate")}),
    )
    return FoundChannel(
        values=values,
        may_keep=may_keep(run, services),
        kept=run.kept,
        watched=watch.interval_of(run, services) if run.kept else "",
        told=_text_about_keeping(run, services) if run.checked else None,
    )


def may_keep(run: Run, services: Services) -> bool:
    """Return whether the channel can be kept here: it is complete, and nobody has kept it."""
    return adoption.may_be_kept(run) and services.channels.record(run.channel.mailbox) is None


def _text_about_keeping(run: Run, services: Services) -> Text:
    if run.kept:
        return _kept(watch.interval_of(run, services))
    if lacks := adoption.missing(run):
        return Text("verdict.keep_lacks", {"what": f"key:found.lacks_{lacks[0]}"})
    if not may_keep(run, services):
        return Text("verdict.keep_elsewhere")
    return Text("verdict.keep_words")


def _kept(interval: str) -> Text:
    return Text("verdict.kept_watched", {"interval": interval}) if interval else KEPT


def _app(found: Search) -> dict[str, str]:
    """Return the values of the found app, or none if several apps may be the channel's."""
    if not found.certain:
        return {}
    app = found.apps[0]
    return {"found.app": app.name, "found.callback": app.callback_url}


def _known(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in values.items() if value)
