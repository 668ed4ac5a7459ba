"""Cards of a check that stay true: secrets that end soon, and unread settings."""

from datetime import timedelta

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters.verdict import draw, view
from jobs.clock import now
from jobs.model import Reason, State, Text, second_of
from jobs.runs.run import Event, Kind, Origin
from tests.unit.bot.cards.presenters.stage_events import found


def checked(services, setup, *events: Event):
    """Return a finished check of the channel of this setup."""
    run = services.store.check(setup.channel, setup.requester, Origin("room-1", "t"))
    services.store.append(run.id, *events, Event(Kind.CHECKED, now()))
    return services.store.load(run.id)


def test_a_check_that_could_not_see_is_not_calm(services, begin):
    """If settings could not be read, the first line counts those that need an administrator."""
    unread = [
        found(name, State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
        for name in ("smtp_auth", "forwarding")
    ]
    told = draw(view(checked(services, begin(), *unread, found("entra")), services)).text
    assert told.startswith("Nothing wrong seen yet: 2 of 3 checks need an administrator.")


@pytest.mark.parametrize(("login", "told"), [(State.OK, "The login works. "), (State.SKIPPED, "")])
def test_a_proven_channel_is_told_first(services, begin, login, told):
    """Without a sign-in, the first line says what the bot's own login and test mail have proven."""
    at = now()
    setup = begin(found("test_mail", facts={"forwarded_at": at.isoformat()}))
    services.store.end(setup, Event(Kind.FINISHED, at))
    unread = found("smtp_auth", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
    seen = view(checked(services, setup, unread, found("smtp_login", login)), services)
    assert (seen.proven, seen.login) == (at, login is State.OK)
    assert draw(seen).text.startswith(f"{told}Last proven by a test mail on ")


def test_a_secret_that_ends_soon_is_amber_with_a_button(services, begin):
    """A secret that ends soon makes the card amber with a button, although mail flows both ways."""
    ends = now() + timedelta(days=10, hours=1)
    soon = found(
        "client_secret",
        State.WARNING,
        cause="client_secret_expires_soon",
        facts={"expires": ends.isoformat()},
    )
    flows = [found(name) for name in ("arrivals", "copies", "answers")]
    run = checked(services, begin(), *flows, soon)
    card = draw(view(run, services))
    assert card.text.startswith("The client secret ends in 10 days")
    assert card.content["body"][1]["style"] == "warning"
    assert text("button.renew_secret") in str(card.content)
    well = checked(services, services.store.load(run.id), *flows)
    assert text("button.renew_secret") not in str(draw(view(well, services)).content)


def test_a_channel_without_test_mails_has_no_line_about_them(services, begin):
    """A channel without test mails has no line about them.

    A channel that gets test mails has one, also if the newest mail is still on its way.
    """
    setup = begin()
    services.store.end(setup, Event(Kind.CANCELLED, now()))
    none = found("watch_mail", State.SKIPPED, reason=Reason.NO_WATCH_MAIL)
    under_way = Text("skipped.watch_mail_under_way", {"at": second_of(now())})
    sent = found("watch_mail", State.SKIPPED, seen=under_way)
    shown = [view(checked(services, setup, each), services) for each in (none, sent)]
    assert [len(each.skipped) for each in shown] == [0, 1]
    assert [len(each.lines) for each in shown] == [0, 1]
