"""Reminders: to the person whose turn it is, and of the end of the bot's own credential."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.texts import text
from bot.cards.living import earlier_cards
from bot.cards.notices import remind_of_own, remind_of_turns
from jobs.clock import now
from jobs.model import Account
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import answered
from tests.unit.bot.cards.presenters.stage_events import LINE
from tests.unit.bot.commands.typed_commands import sent

ADMIN = "admin@example.test"


def asked() -> Event:
    """Return the event of an administrator who is asked 1:1."""
    return answered("administrator", ADMIN)


def signed_in(hours: float = 0) -> Event:
    """Return the event of the administrator's sign-in, this many hours from now."""
    at = now() + timedelta(hours=hours)
    return Event(Kind.SIGNED_IN, at, account=Account("t", "o", ADMIN))


def planned(hours: float = 0) -> Event:
    """Return the event of a plan that is made this many hours from now."""
    at = now() + timedelta(hours=hours)
    return Event(Kind.PLANNED, at, data={"plan": "plan-1"}, changes=(LINE,))


def after(services, *hours: float) -> None:
    """Look for reminders this many hours after the turn began, twice each time."""
    for each in hours:
        for _ in range(2):
            remind_of_turns(services, lambda: now() + timedelta(hours=each))  # noqa: B023  called at once


def people(webex_script) -> list[str]:
    """Return whom each reminder went to: an address, or the id of a person."""
    return [str(each.get("toPersonEmail") or each.get("toPersonId")) for each in sent(webex_script)]


def test_the_person_who_was_asked_is_reminded_twice(services, begin, said, webex_script):
    """The person who was asked is reminded 1:1 after an hour and after a day, once each.

    No reminder follows after that.
    """
    run = begin(asked())
    after(services, 0.5, 0.9, 1.1, 2, 23, 25, 30, 70, 100)
    assert people(webex_script) == [ADMIN, ADMIN]
    title = text("reminder.turn_title", mailbox=run.channel.mailbox)
    assert all(title in words for _, words in said())


def test_a_reminder_says_when_its_turn_is_over(services, begin):
    """A reminder is edited once somebody has done what it asks for."""
    run = begin(asked())
    after(services, 2)
    assert earlier_cards(run, services) == []
    services.store.append(run.id, signed_in())
    (card,) = earlier_cards(services.store.load(run.id), services)
    assert (card.to, card.final) == (ADMIN, True)
    assert text("reminder.over_title") in card.card.text


def test_a_reminder_is_over_once_somebody_else_is_asked(services, begin):
    """So is that of the requester, which says that nobody is named yet."""
    run = begin()
    after(services, 1.1)
    services.store.append(run.id, asked())
    after(services, 1.2)
    services.store.append(run.id, answered("administrator", "other@example.test"))
    cards = earlier_cards(services.store.load(run.id), services)
    assert {each.to for each in cards} == {run.requester.email, ADMIN}
    after(services, 1.3)
    assert len(earlier_cards(services.store.load(run.id), services)) == 2


def test_another_turn_begins_anew_with_its_own_time(services, begin, webex_script):
    """Each turn has its own time: after the sign-in, the requester's approval is waited for.

    The requester is reminded an hour later.
    """
    run = begin(asked())
    after(services, 1.5)
    services.store.append(run.id, signed_in(2), planned(2))
    after(services, 2.5)
    assert people(webex_script) == [ADMIN]
    after(services, 3.1)
    assert people(webex_script) == [ADMIN, run.requester.id]


@pytest.mark.parametrize(("absent", "where"), [("", "in_the_space"), ("yes", "in_this_chat")])
def test_every_approver_is_reminded(services, begin, webex_script, absent, where):
    """Every approver whom the bot serves is reminded; the bot tells nobody else about a channel.

    If no approver is in the space, each has the plan 1:1.
    """
    approvers = ("boss@example.test", "other@elsewhere.test")
    bot = replace(services.bot, approvers=approvers, allowed_email_domains=("example.test",))
    begin(answered("approvers_absent", absent), signed_in(), planned())
    after(replace(services, bot=bot), 1.1)
    assert people(webex_script) == ["boss@example.test"]
    assert text(f"reminder.{where}") in str(sent(webex_script))


def test_without_a_name_the_requester_hears_who_is_missing(services, begin, said, webex_script):
    """If nobody was asked to sign in, the requester is reminded to ask an administrator."""
    run = begin()
    after(services, 1.1)
    assert people(webex_script) == [run.requester.id]
    nobody = text(
        "reminder.turn_words_nobody", who="key:turn.administrator", words="key:turn_words.sign_in"
    )
    assert nobody.partition(".")[0] in said()[0][1]


@pytest.mark.parametrize("kind", ["check", "bulk_check"])
def test_a_check_reminds_nobody(services, begin, webex_script, kind):
    """A check reminds nobody, because its result may be read without a sign-in."""
    begin(kind=kind)
    after(services, 2, 25)
    assert people(webex_script) == []


def test_nobody_is_reminded_of_what_is_over_or_runs(services, begin, webex_script):
    """Nobody is reminded in a run that has ended, or while the steps run by themselves."""
    services.store.end(begin(asked()), Event(Kind.CANCELLED, now()))
    after(services, 2)
    assert begin(signed_in()).plan is None
    after(services, 2, 25)
    assert people(webex_script) == []


def test_a_reminder_waits_for_webex(services, begin, webex_script, reply):
    """A reminder that Webex does not take is sent in the next round; a refused one is not."""
    begin(asked())
    webex_script.on(
        "POST", "/messages", reply(503), reply(503), reply(503), reply(body={"id": "m"})
    )
    after(services, 1.1, 1.2, 1.3)
    first = len(people(webex_script))
    assert first > 1
    after(services, 1.4, 2)
    assert len(people(webex_script)) == first


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
