"""Cards of a watched channel and of its incidents: posted once, edited for news, with reminders."""

from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from adaptive_cards.texts import text
from bot.cards import draw
from bot.chat import preferences
from bot.chat.permissions import mark_members_checked
from bot.commands import actions
from jobs.clock import now
from jobs.model import Channel, ConnectChange, Finding, Person, RunKind, State, Station
from jobs.runs.run import Brief, Event, Kind, Origin
from jobs.steps import steps_of
from jobs.storage import keys
from jobs.watch.model import Damage, LookOutcome, Sight, WatchedChannel
from tests.fixtures.run_events import noted
from tests.unit.bot.commands.typed_commands import sent
from tests.unit.bot.watched import incident_card, watch

MAILBOX, OTHER = "support@example.test", "sales@example.test"
BROKEN = LookOutcome(Sight.BROKEN, "not_forwarded", fix="fix.forwarding")
POLICY = LookOutcome(Sight.BROKEN, "smtp_auth_off_for_tenant")
GOOD = LookOutcome(Sight.HEALTHY)


@pytest.fixture
def look(services):
    """Return a function that records looks at a channel and draws its card.

    The function returns the id of the card.
    """

    def made(
        *outcomes: LookOutcome,
        mailbox: str = MAILBOX,
        notify: tuple[str, ...] = (),
        direct: bool = False,
    ) -> str:
        watching = services.watching
        watched = watching.load(mailbox) or WatchedChannel(
            Channel(mailbox, tenant_id="tenant-1"),
            "room-1",
            Person("anna", "anna@example.test", "org-1"),
            now(),
            notify=notify,
            direct=direct,
        )
        watching.save(watched)
        cards: set[str] = set()
        for outcome in outcomes:
            for incident in watching.add_look(watched, outcome, now()):
                cards |= set(incident.cards)
        for card in cards:
            show(services, card)
        return min(cards, default="")

    return made


def show(services, card: str) -> None:
    """Draw the card until nothing is left to show now."""
    mark_members_checked(services, "room-1")
    for _ in range(3):
        services.redis.delete(keys.webex_wait("all"))
        draw.draw(card)


def test_one_card_is_posted_and_then_edited(look, said, services):
    """An incident has one card, which is posted and then edited.

    The end is also told below the card, because nobody notices an edit.
    """
    assert look(BROKEN) == ""
    card = look(BROKEN)
    look(BROKEN)
    assert said() == [("POST", f"{MAILBOX} is broken. {text('cause.not_forwarded')}")]
    assert services.cards.due(card) > now().timestamp()
    look(GOOD)
    methods = [method for method, words in said()[1:] if "works again" in words]
    assert sorted(methods) == ["POST", "PUT"]
    assert services.redis.ttl(keys.cards(card)) > 0


def test_a_card_that_nobody_may_edit_is_its_own_news(look, said, webex_script, reply):
    """Webex then gets the card again, and no message with the same words below it."""
    look(BROKEN, BROKEN)
    webex_script.on("PUT", "/messages/posted-1", reply(400, {"message": "no"}))
    look(GOOD)
    assert [method for method, words in said() if "works again" in words].count("POST") == 1


def test_an_end_that_the_run_has_told_is_not_told_after_a_further_break(
    look, said, services, begin, pass_time
):
    """The run's card said that the channel works again, so the watch said nothing."""
    look(BROKEN, BROKEN)
    services.watching.prove(MAILBOX, begin().id, now())
    pass_time(1)
    look(GOOD, BROKEN, BROKEN)
    assert any("is broken again" in words for _, words in said())
    look(GOOD, GOOD, GOOD, GOOD)
    ends = [words for method, words in said() if method == "POST" and "works again" in words]
    assert len(ends) == 1


def test_the_card_says_who_changed_it(look, services):
    """The looks that begin an incident name the change, which later looks do not read again."""
    change = ConnectChange(at=now(), by="ada@contoso.com", event="Delete application")
    card = incident_card(services, look(BROKEN, replace(BROKEN, changed=change), BROKEN))
    assert "by ada@contoso.com: Delete application" in str(card.card.content)


def test_more_damage_is_on_the_card_and_much_more_is_news(look, said, pass_time):
    """A few more late mails edit nothing, because a message takes ten edits.

    Much more damage is on the card and is told as news.
    """
    look(BROKEN, replace(BROKEN, damage=Damage(late=4)))
    look(replace(BROKEN, damage=Damage(late=6)))
    assert len(said()) == 1
    pass_time(3)
    look(replace(BROKEN, damage=Damage(late=9)))
    assert [method for method, _ in said()[1:]].count("PUT") == 1
    assert any("more mails are affected. Late: 9." in words for _, words in said()[1:])


def test_people_are_told_1_1_if_nobody_acts(look, services, webex_script, pass_time):
    """The named people are told 1:1 after 15 minutes, once, if nobody acts."""
    card = look(BROKEN, BROKEN, notify=("ben@example.test",))
    pass_time(14 * 60)
    show(services, card)
    assert to_ben(webex_script) == 0
    pass_time(61)
    for _ in range(2):
        show(services, card)
    assert to_ben(webex_script) == 1
    (incident,) = services.watching.open_incidents()
    assert incident.told == ("ben@example.test",)


def test_nobody_is_told_1_1_once_somebody_acts(look, services, webex_script, pass_time):
    """Once somebody acts, nobody is told 1:1, and nobody is reminded."""
    card = look(BROKEN, BROKEN, notify=("ben@example.test",))
    services.watching.take_on(card, "anna@example.test", now())
    pass_time(25 * 3600)
    show(services, card)
    assert to_ben(webex_script) == 0
    assert reminders(webex_script) == 0


@pytest.mark.parametrize(
    ("direct", "place"), [(False, "room-1"), (True, "anna@example.test")], ids=["space", "1:1"]
)
def test_quiet_hours_hold_reminders_and_not_the_first_card(
    look, services, webex_script, pass_time, said, direct, place
):
    """Quiet hours hold reminders until their end, but not the first card of an incident.

    The hours are in the time zone of the space, or of the person in a 1:1.
    """
    services.redis.hset(keys.locale(place), "zone", "Asia/Tokyo")
    begin = now().astimezone(ZoneInfo("Asia/Tokyo")).hour
    services.redis.hset(keys.locale("room-1"), "quiet", f"{begin}-{(begin + 6) % 24}")
    card = look(BROKEN, BROKEN, notify=("ben@example.test",), direct=direct)
    assert len(said()) == 1
    pass_time(4.5 * 3600)
    show(services, card)
    assert (to_ben(webex_script), reminders(webex_script)) == (0, 0)
    pass_time(2 * 3600)
    show(services, card)
    assert (to_ben(webex_script), reminders(webex_script)) == (1, 1)


def test_the_space_is_reminded_while_nobody_acts(look, services, webex_script, pass_time):
    """A space is reminded after one hour, four hours and a day, while nobody acts.

    Reminders that were missed are given as one.
    """
    card = look(BROKEN, BROKEN)
    for hours in (0.9, 0.2, 0.5, 3, 30):
        pass_time(hours * 3600)
        show(services, card)
    assert reminders(webex_script) == 3


def test_a_reminder_is_over_once_somebody_acts(look, services, pass_time):
    """A reminder that nobody acts says that it is over, as soon as somebody acts."""
    card = look(BROKEN, BROKEN)
    pass_time(3700)
    show(services, card)
    assert over_reminders(services, card) == []
    services.watching.take_on(card, "anna@example.test", now())
    assert over_reminders(services, card) == ["nobody:0"]


def over_reminders(services, card: str) -> list[str]:
    """Return the reminders whose card takes its last edit."""
    _, every, _ = draw.of_incidents(services, card)
    return [each.slot for each in every if each.slot.startswith("nobody:") and each.final]


def test_a_shared_cause_is_one_card(look, said, services):
    """A shared cause is one card, which names a single channel, or counts several channels."""
    first = look(POLICY, POLICY)
    assert said()[0][1].startswith(f"{MAILBOX} is broken")
    assert first == look(POLICY, POLICY, mailbox=OTHER)
    words = incident_card(services, first).card.text
    assert "2 channels are broken for the same cause" in words
    assert [method for method, _ in said()].count("POST") == 1


def test_the_former_card_of_an_incident_is_history(look, services, pass_time):
    """If an incident gets a cause that it shares with others, its own card refers to the new one.

    It is one line without reminders, until the incident is back on it.
    """
    own = look(BROKEN, BROKEN)
    look(POLICY, POLICY)
    words = incident_card(services, own).card.text
    assert (text("cause.not_forwarded") in words, "see the incident" in words) == (True, True)
    pass_time(5 * 3600)
    assert [each.slot for each in draw.of_incidents(services, own)[1]] == ["incident"]
    look(BROKEN, BROKEN)
    first, second = services.watching.open_of_channel(MAILBOX).cards
    texts = [incident_card(services, each).card.text for each in (first, second)]
    assert texts[0].startswith(f"{MAILBOX} is broken")
    assert text("cause.smtp_auth_off_for_tenant") in texts[1]
    words = incident_card(services, second).card.text
    pass_time(3600)
    look(GOOD, GOOD)
    assert incident_card(services, second).card.text == words


@pytest.mark.parametrize("cause", ["clouds_silent", "tls_failed"])
@pytest.mark.parametrize("then", [BROKEN, GOOD])
def test_a_watch_that_can_look_again_says_that_alone(look, said, services, cause, then):
    """A time without sight says nothing of the channel, which may be broken at its end."""
    own = look(*[LookOutcome(Sight.CANNOT_LOOK, cause)] * 2)
    look(then, then)
    words = incident_card(services, own).card.text
    assert words.startswith("The watch can look at")
    assert "works again" not in words + str([body for _, body in said()][2:])


def test_the_operators_space_counts(services):
    """The operators' space has one card for a shared cause, counting the channels and spaces."""
    services = replace(services, bot=replace(services.bot, watch_space="operators"))
    watching, cards = services.watching, set[str]()
    for mailbox, room in ((MAILBOX, "room-1"), (OTHER, "room-2")):
        watched = watch(services, mailbox, room)
        for _ in range(2):
            for incident in watching.add_look(watched, POLICY, now()):
                cards |= set(incident.cards)
    drawn = [draw.of_incidents(services, card) for card in cards]
    texts = {run.origin.room: shown[0].card.text for run, shown, _ in drawn}
    assert set(texts) == {"room-1", "room-2", "operators"}
    assert "2 channels are broken for the same cause, spaces: 2" in texts["operators"]
    assert texts["room-2"].startswith(f"{OTHER} is broken")
    for mailbox in (MAILBOX, OTHER, OTHER, MAILBOX):  # both have a cause of their own now
        watching.add_look(watching.load(mailbox), BROKEN, now())
    operators = next(card for card in cards if watching.card(card).counts)
    former = draw.of_incidents(services, operators)[1][0]
    assert (former.final, "see the incident" in former.card.text) == (True, True)
    assert text("cause.smtp_auth_off_for_tenant") in former.card.text


def test_a_space_that_takes_no_card(look, webex_script, reply, pass_time):
    """If a space has refused a card for a minute, the person who began the watch is told 1:1."""
    look(BROKEN)
    webex_script.on("POST", "/messages", reply(403))
    card = look(BROKEN)
    pass_time(61)
    draw.draw(card)
    told, *_ = (body["text"] for *_, body in webex_script.asked if body.get("toPersonId") == "anna")
    assert text("watch.closed_title", mailbox=MAILBOX) in told


NIGHT, NOON = (time(22), time(7)), (time(12), time(13))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a time of November."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "now_is", "end"),
    [
        (NIGHT, at(27, 23, 30), at(28, 7)),
        (NIGHT, at(27, 3), at(27, 7)),
        (NIGHT, at(27, 7), None),
        (NOON, at(27, 12, 59), at(27, 13)),
        (NOON, at(27, 11, 59), None),
    ],
)
def test_the_end_of_quiet_hours(hours, now_is, end):
    """Quiet hours end at their time of day, which may be on the next day."""
    assert preferences.end_of_quiet(hours, now_is) == end


def to_ben(webex_script) -> int:
    """Return how many messages went to Ben 1:1."""
    return sum(each.get("toPersonEmail") == "ben@example.test" for each in sent(webex_script))


def reminders(webex_script) -> int:
    """Return how many reminders were posted."""
    return sum("Nobody is on it. Broken since" in str(each) for each in sent(webex_script))


def test_a_break_that_only_the_test_mail_has_seen_names_where_it_stopped(look, services):
    """If only the test mail has seen the break, the card says so and where the mail stopped.

    No customer's mail is known to be affected.
    """
    seen = LookOutcome(
        Sight.BROKEN, "no_task", step="watch_mail", station=Station.CONNECT, since=now()
    )
    shown = str(incident_card(services, look(seen, seen)).card.content)
    assert "Only the bot's test email, sent" in shown
    assert text("watch.stops_connect") in shown
    assert text("watch.row_mails") not in shown
    other = look(*[replace(seen, step="copies")] * 2, mailbox=OTHER)
    shown = str(incident_card(services, other).card.content)
    assert "Only the bot's test email" not in shown


WATCHED = "support@contoso.com"


CHANNEL = Channel(
    WATCHED, "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io", tenant_id="tenant-1"
)


WHO = Person("anna", "anna@example.test", "org-1")


def set_up(ctx):
    """Return a setup that has connected the channel."""
    store = ctx.services.store
    run = store.open(CHANNEL, WHO, Origin("room-1", "thread-1", message="typed-1"))
    for step in steps_of(run):
        store.append(run.id, noted(Finding(step, State.OK)))
    store.end(store.load(run.id), Event(Kind.FINISHED, now()))
    return store.load(run.id)


def found(ctx):
    """Return a check that has found a channel which somebody made by hand."""
    store, brief = ctx.services.store, Brief(by_hand=True, discover=True)
    origin = Origin("room-1", "thread-1", message="typed-1")
    run = store.open(Channel(WATCHED), WHO, origin, RunKind.CHECK, brief=brief)
    data = {"client_id": "client-1", "upn": WATCHED}
    store.append(
        run.id,
        Event(Kind.DISCOVERED, now(), channel=CHANNEL, data=data),
        Event(Kind.CHECKED, now()),
    )
    return store.load(run.id)


def posts(webex_script) -> list[tuple[str, str]]:
    """Return every post and edit of the run's own card: the method, and the card as text."""
    return [
        (method, str(body["attachments"]))
        for method, path, body in webex_script.asked
        if method != "GET" and path.startswith("/messages") and body.get("attachments")
    ]


@pytest.mark.parametrize("make", [set_up, found])
def test_the_card_says_that_it_is_watched_and_ends_it(anna, webex_script, pass_time, make):
    """After Keep and after a setup, the card says that the channel is watched.

    A button on the card ends the watch. A card that was edited stays one message.
    """
    run = make(anna)
    show(anna.services, run.id)
    if run.checked:
        actions()["keep"](anna, {"run": run.id})
        pass_time(30)
        show(anna.services, run.id)
    card = posts(webex_script)[-1][1]
    assert "'do': 'watch', 'channel'" in card
    assert "watched" not in card or "every 15 minutes" not in card
    actions()["watch"](anna, {"channel": WATCHED})
    assert anna.services.cards.due(run.id) > 0
    pass_time(30)
    show(anna.services, run.id)
    method, card = posts(webex_script)[-1]
    assert (method, "'do': 'watch_off'" in card, "every 15 minutes" in card) == ("PUT", True, True)
    actions()["watch_off"](anna, {"channel": WATCHED})
    pass_time(30)
    show(anna.services, run.id)
    method, card = posts(webex_script)[-1]
    assert method == "PUT"
    assert "'do': 'watch_off'" not in card
    assert "every 15 minutes" not in card


def test_a_card_that_webex_does_not_let_edit_is_not_posted_again(
    anna, webex_script, reply, pass_time
):
    """If Webex refuses the edit, the card is not posted again.

    The answer to the press says the same below the card.
    """
    run = set_up(anna)
    show(anna.services, run.id)
    webex_script.on("PUT", "/messages/posted-1", reply(400))
    before = len(posts(webex_script))
    anna.services.watching.save(_watched(anna))
    for _ in range(2):
        pass_time(30)
        show(anna.services, run.id)
    assert [method for method, _ in posts(webex_script)[before:]] == ["PUT"]


def test_another_spaces_watch_is_not_on_the_card(anna, webex_script):
    """A watch of another space is not on this space's card, because its cards go elsewhere."""
    run = set_up(anna)
    anna.services.watching.save(_watched(anna, "room-2"))
    show(anna.services, run.id)
    card = posts(webex_script)[-1][1]
    assert ("'do': 'watch', 'channel'" in card, "every 15 minutes" in card) == (True, False)


def _watched(ctx, room: str = "room-1") -> WatchedChannel:
    return WatchedChannel(CHANNEL, room, ctx.asker, now())
