"""Reminders of a client secret's end in the channel's space.

The store is real, and the clock is fixed.
"""

from datetime import timedelta

import pytest

from adaptive_cards import times
from bot.cards import notices
from bot.cards.notices import Ending
from bot.chat.audience import mark_members_checked
from jobs.clock import now
from jobs.model import Finding, State
from jobs.runs.run import Event, Kind
from tests.fixtures.parsed import table
from tests.unit.bot.commands.typed_commands import pressed, sent

JUDGED = table("judged")

MADE = now()
END = MADE.replace(hour=9) + timedelta(days=365)
MAILBOX = "support@example.test"


@pytest.fixture
def proven(services, begin):
    """Return a function that finishes a run of the channel with a known end of the secret."""

    def made(end=END, kind: str = "setup"):
        secret = Finding("client_secret", State.OK, facts={"expires": end.isoformat()})
        run = begin(Event(Kind.FOUND, MADE, step="client_secret", finding=secret), kind=kind)
        services.store.end(run, Event(Kind.FINISHED, MADE))
        return services.store.load(run.id)

    return made


def on(services, *days_before: float) -> None:
    """Look for reminders this many days before the end, and once more, as after a restart."""
    for days in days_before:
        mark_members_checked(services, "room-1")
        for _ in range(2):
            notices.remind(services, lambda: END - timedelta(days=days))  # noqa: B023  called at once


def ends(said) -> list[str]:
    """Return the end of the secret in the words of each message."""
    return [text.partition(". ")[0].rpartition(" expires ")[2] for _, text in said()]


def test_each_is_told_once(services, proven, said):
    """Each reminder is sent once: 60, 30, 14, 7 and 1 days before the end.

    The reminders are posted in the space, not in the setup's old thread.
    """
    proven()
    on(services, *range(90, -2, -1))
    assert ends(said) == ["in 60 days", "in 30 days", "in 14 days", "in 7 days", "tomorrow"]


def test_the_next_click_is_the_fix(services, proven, webex_script):
    """The reminder has a Fix button once a fix would renew the secret.

    Before that, the reminder says from which day on a fix renews the secret.
    """
    proven()
    on(services, 60, 29)
    early, soon = sent(webex_script)
    assert ({early["roomId"], soon["roomId"]}, "parentId" in early) == ({"room-1"}, False)
    assert (
        "/fix" in early["text"],
        times.day(END - timedelta(days=30)) in early["text"],
        '"fix"' in str(early).replace("'", '"'),
    ) == (True, True, False)
    assert {"do": "fix", "channel": MAILBOX} in pressed(webex_script)


def test_the_newest_proven_run_counts(services, proven, begin, said):
    """A finished fix that renewed the secret moves the days; an unfinished run moves nothing."""
    proven()
    begin(
        Event(
            Kind.FOUND,
            MADE,
            step="client_secret",
            finding=Finding(
                "client_secret", State.OK, facts={"expires": "2099-01-01T00:00:00+00:00"}
            ),
        )
    )
    assert notices.ending_of(services.store, MAILBOX) == Ending(
        notices.ending_of(services.store, MAILBOX).made, END
    )  # type: ignore[union-attr]  # it exists
    services.redis.delete(f"channel:{MAILBOX}:run")
    proven(END + timedelta(days=365), kind="fix")
    on(services, 60, 30, 1)
    assert said() == []


def test_where_webex_is_away_it_is_told_at_the_next_look(
    services, proven, said, webex_script, reply, hasty_retries
):
    """If Webex does not answer, the reminder is sent once, at the next look of the same day."""
    proven()
    webex_script.on("POST", "/messages", reply(503))
    on(services, 7)
    failed = len(said())
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    on(services, 7)
    assert (failed > 0, len(said()) - failed) == (True, 1)


@pytest.mark.parametrize(("life", "left", "due"), JUDGED["due"])
def test_when_it_is_due(life, left, due):
    """The reminder that is due is the shortest period reached.

    A period as long as the secret's whole life is skipped. A secret that has ended is reported by a
    check.
    """
    assert Ending(END - timedelta(days=life), END).due(END - timedelta(days=left)) == due
