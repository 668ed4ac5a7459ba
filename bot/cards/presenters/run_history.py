"""Presenter of the requests that people have answered in a run, each as one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from adaptive_cards.card import Card, with_lines
from bot.cards.presenters._common import username
from jobs.model import RunKind, State, Text, minute_of, verbatim
from jobs.runs.event_log import doubt
from jobs.runs.run import Run
from jobs.steps import steps_of


def lines(run: Run) -> tuple[Text, ...]:
    return tuple(words for _, words in sorted(_moments(run), key=lambda line: line[0]))


def doubts(runs: Iterable[Run]) -> tuple[tuple[Text, Text], ...]:
    found = ((run, doubt(run)) for run in runs)
    return tuple(
        (verbatim(f"{run.id} {run.channel.mailbox}".strip()), why) for run, why in found if why
    )


def with_doubts(card: Card, runs: Iterable[Run]) -> Card:
    lines = doubts(runs)
    return with_lines(card, (), lines) if lines else card


def approvals(run: Run) -> tuple[Text, ...]:
    """Return only the lines of the approvals, for the cards of the other approvers."""
    return tuple(words for _, words in _approved(run))


def _approved(run: Run) -> Iterator[tuple[datetime, Text]]:
    for scope, given in run.approvals.items():
        yield given.at, _entry(f"approved_{scope}", given.at, given.by)


def _moments(run: Run) -> Iterator[tuple[datetime, Text]]:
    yield from _given(run)
    yield from _signed_in(run)
    yield from _approved(run)
    yield from _planned_nothing(run)
    yield from _consented(run)
    yield from _rehearsed(run)
    yield from _confirmed(run)
    yield from _test_sent(run)


def _given(run: Run) -> Iterator[tuple[datetime, Text]]:
    """Yield the line of the details from the first card; an adopted or known channel has none."""
    if run.detailed_at is None or run.kind is not RunKind.SETUP or not run.channel.callback_url:
        return
    channel = run.channel
    values = {
        "at": minute_of(run.detailed_at),
        "host": urlsplit(channel.callback_url).netloc,
        "forwarding": channel.forwarding_address,
        "months": str(channel.lifetime_months),
    }
    kept = "kept" if channel.keep_copy else "moved"
    yield run.detailed_at, Text(f"history.given_{kept}", values)


def _signed_in(run: Run) -> Iterator[tuple[datetime, Text]]:
    if run.account is not None and run.signed_in is not None:
        yield run.signed_in, _entry("signed_in", run.signed_in, run.account.upn)


def _planned_nothing(run: Run) -> Iterator[tuple[datetime, Text]]:
    if run.plan and not run.plan.changes and not run.has_begun:
        yield run.plan.at, _entry("nothing", run.plan.at)


def _consented(run: Run) -> Iterator[tuple[datetime, Text]]:
    if run.state_of("admin_consent") is State.OK and "admin_consent" in steps_of(run):
        yield run.found_at["admin_consent"], _entry("consent", run.found_at["admin_consent"])


def _confirmed(run: Run) -> Iterator[tuple[datetime, Text]]:
    for question in ("token_saved", "registered"):
        if question in run.answers:
            given = run.answers[question]
            yield given.at, _entry(question, given.at, given.by)


def _test_sent(run: Run) -> Iterator[tuple[datetime, Text]]:
    if sent := run.changed.get("test_mail"):
        yield sent.begun, _entry("test_sent", sent.begun)


def _rehearsed(run: Run) -> Iterator[tuple[datetime, Text]]:
    answer = run.answers.get("rehearse")
    if answer is None:
        return
    if answer.value.startswith("skip"):
        reason = answer.value.partition(":")[2]
        yield answer.at, Text("history.skipped", {"reason": reason})
    elif run.state_of("rehearsal") is State.OK:
        at = run.found_at["rehearsal"]
        yield at, _entry("rehearsed", at, username(run))


def _entry(key: str, at: datetime, who: str = "") -> Text:
    return Text(f"history.{key}", {"at": minute_of(at), "who": who})
