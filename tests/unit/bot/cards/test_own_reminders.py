"""Reminders to the approvers of the end of the bot's own credential."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.cards.notices import remind_of_own
from jobs.clock import now
from tests.unit.bot.commands.typed_commands import sent

END = now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=200)


@pytest.fixture
def with_approvers(services):
    """Return services with two approvers, and a secret of the bot with a known end."""
    bot = replace(services.bot, approvers=("boss@example.test", "deputy@example.test"))
    work = replace(services.settings, microsoft_client_secret_expires=f"{END:%Y-%m-%d}")
    return replace(services, bot=bot, settings=work)


def on(services, *days_before: int) -> None:
    """Look for reminders twice a day, on each of these days before the end."""
    for days in days_before:
        for hour in (8, 9):
            remind_of_own(services, lambda: _at(days, hour))  # noqa: B023  called at once


def _at(days: int, hour: int):
    return END - timedelta(days=days) + timedelta(hours=hour)


def test_each_approver_is_told_on_each_of_the_days(with_approvers, said, webex_script):
    """Each approver is told 1:1, once each, 60, 30, 14, 7 and 1 days before the end.

    The days are those of a channel's secret.
    """
    on(with_approvers, *range(70, -2, -1))
    people = {each["toPersonEmail"] for each in sent(webex_script)}
    assert people == {"boss@example.test", "deputy@example.test"}
    told = [text.partition(". ")[0].rpartition(" expires ")[2] for _, text in said()]
    assert (
        told[::2]
        == told[1::2]
        == ["in 60 days", "in 30 days", "in 14 days", "in 7 days", "tomorrow"]
    )
    assert "Certificates & secrets" in said()[0][1]


def test_nobody_to_tell(services, said, capsys):
    """Without approvers, only the log says that the bot's credential ends."""
    work = replace(services.settings, microsoft_client_secret_expires=f"{END:%Y-%m-%d}")
    on(replace(services, settings=work), 7)
    assert said() == []
    assert "the credential of the bot's own app ends" in capsys.readouterr().out


def test_who_was_not_reached_is_told_later(
    with_approvers, said, webex_script, reply, hasty_retries
):
    """An approver who was not reached is told at the next look of the same day.

    The other approver is not told a second time.
    """
    webex_script.on(
        "POST", "/messages", reply(body={"id": "m-1"}), reply(503), reply(503), reply(503)
    )
    remind_of_own(with_approvers, lambda: _at(7, 8))
    first = len(said())
    webex_script.on("POST", "/messages", reply(body={"id": "m-2"}))
    remind_of_own(with_approvers, lambda: _at(7, 9))
    remind_of_own(with_approvers, lambda: _at(7, 10))
    assert (first > 1, len(said()) - first) == (True, 1)
    assert webex_script.asked[-1][2]["toPersonEmail"] == "deputy@example.test"
