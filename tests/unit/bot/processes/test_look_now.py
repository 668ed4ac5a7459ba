"""Command ``look``: the workers look at the channels now, and the command prints the results."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.processes import look_now
from bot.services import Services
from jobs.clock import now
from jobs.watch.model import LookOutcome
from tests.unit.bot.watched import BROKEN, GOOD, MAILBOX, look, watch


@contextmanager
def worker(services: Services, *outcomes: LookOutcome) -> Iterator[list[LookOutcome]]:
    """Run a worker that makes the next look at the channel as soon as it is due."""
    made, ended = list[LookOutcome](), threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            watched = services.watching.channels.load(MAILBOX)
            state = services.watching.incidents.state(MAILBOX)
            if watched is not None and state.next_look is None and len(made) < len(outcomes):
                made.append(outcomes[len(made)])
                look(services, watched, made[-1], now())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield made
    finally:
        ended.set()
        thread.join()


def test_a_look_is_made_now(services):
    """A look is made now, although the next one would be due later.

    The group of the channel becomes due as well.
    """
    watched = watch(services)
    look(services, watched, GOOD, now() - timedelta(minutes=1))
    services.watching.channels.schedule.add(watched.group, now() + timedelta(minutes=14))
    said: list[str] = []
    with worker(services, GOOD) as made:
        assert look_now.main(services.store, "", said.append) == 0
    assert (made, said) == ([GOOD], [f"{MAILBOX}: healthy"])
    assert services.watching.channels.schedule.due(watched.group) <= now().timestamp()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("again", "looks", "line"),
    [
        (False, 1, "broken not_forwarded, a first look; a second one follows"),
        (True, 2, "broken not_forwarded, incident since"),
    ],
)
def test_a_suspicion_is_confirmed_at_once_if_that_was_asked(services, again, looks, line):
    """A suspected fault is confirmed by a second look at once, if that was requested.

    Otherwise the second look follows a minute later, as always.
    """
    watch(services)
    said: list[str] = []
    with worker(services, BROKEN, BROKEN) as made:
        assert look_now.main(services.store, MAILBOX, said.append, again=again) == 0
    assert len(made) == looks
    assert said[0].startswith(f"{MAILBOX}: {line}")


@pytest.mark.parametrize("mailbox", ["", "nobody@contoso.com"])
def test_nothing_to_look_at(services, mailbox):
    """If no channel or not the given one is watched, the command says so and looks at nothing.

    The same holds if the watch is paused.
    """
    said: list[str] = []
    assert look_now.main(services.store, mailbox, said.append) == bool(mailbox)
    watched = replace(watch(services), paused_until=now() + timedelta(hours=1))
    services.watching.channels.save(watched)
    assert look_now.main(services.store, mailbox, said.append) == bool(mailbox)
    what = f"{mailbox} is not watched" if mailbox else "No channel is watched"
    assert said == [f"{what}, or the watch is paused. Type /watch ADDRESS."] * 2


@pytest.mark.slow
def test_no_worker_comes(services, monkeypatch):
    """If no worker comes, the command ends by itself and names the channel."""
    monkeypatch.setattr(look_now, "WAIT_S", 0.3)
    watch(services)
    said: list[str] = []
    assert look_now.main(services.store, "", said.append) == 1
    assert said == [f"{MAILBOX}: not looked at", f"No worker has looked at {MAILBOX} in 0 s"]
