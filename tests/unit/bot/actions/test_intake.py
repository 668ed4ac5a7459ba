"""Runs that begin with a button: each press starts one run, or begins one again."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import plural, text
from bot.cards import living
from bot.cards.presenters import questions
from bot.cards.presenters.card_state import LIVING, PostedCard, keep, posted_cards
from bot.commands import changes
from jobs.clock import now
from jobs.model import Channel, Person, RunKind
from jobs.runs.run import Event, Kind, Origin
from jobs.runs.run_store import Record
from jobs.watch.model import LookOutcome, Sight, WatchedChannel
from tests.fixtures.run_events import answered
from tests.fixtures.webex_script import person, receive
from tests.unit.bot.actions.presses import RIGHT, of_bot, other, press
from tests.unit.bot.cards.presenters.stage_events import PLANNED, SIGNED_IN
from tests.unit.bot.commands.typed_commands import begun, cards, pressed
from tests.unit.bot.watched import incident_card

HELP = "card-9"
CANCELED = Event(Kind.CANCELLED, now())


def runs(ctx):
    """Return the runs of the space."""
    return ctx.services.store.runs_in_space("room-1")


def press_setup(ctx, name: str, **inputs: str) -> None:
    """Press the setup button on the card of ``/help``."""
    press(replace(ctx, message=HELP, action_id=name), "setup", **inputs)


def test_two_presses_of_one_card_begin_two_runs(anna):
    """Two presses of one card start two runs, and one press delivered twice starts one.

    The presses are for two mailboxes, neither of them known yet.
    """
    for name in ("a1", "a2", "a1"):
        press_setup(anna, name)
    assert [run.origin.message for run in runs(anna)] == ["a2", "a1"]


def test_a_press_for_a_mailbox_that_is_being_set_up(anna, said):
    """Another press for the same mailbox points to the run that is open.

    The same press, delivered again, shows the first card of its run once more.
    """
    for name in ("a1", "a1", "a2"):
        press_setup(anna, name, mailbox_meant="support@contoso.com")
    (run,) = runs(anna)
    pointed = text("notice.running_title", mailbox="support@contoso.com", run=run.id)
    assert [pointed in words for _, words in said()] == [False, False, True]


def test_the_first_card_asks_the_administrator(anna, begin, webex_script, reply):
    """The administrator's address is looked up before anything is saved.

    The sign-in card goes to that address at once.
    """
    webex_script.on("GET", "/people", reply(body={"items": [person("carl", "carl@example.test")]}))
    run = begin(detailed=False)
    given = {**RIGHT, "administrator": "Carl@example.test", "check_login": "no"}
    saved = press(anna, "intake", run=run.id, **given)
    answers = {name: answer.value for name, answer in saved.answers.items()}
    assert saved.detailed is True
    assert answers == {"administrator": "carl@example.test", "check_login": "no"}
    asked = questions.sign_in_cards(saved, anna.services)
    assert [card.to for card in asked] == ["thread", "carl@example.test"]


@pytest.mark.parametrize(
    ("typed", "why"), [("carl", "no_at"), ("carl@elsewhere.test", "outside"), ("?", "no_at")]
)
def test_an_administrator_who_cannot_be_asked_is_said_on_the_card(anna, typed, why):
    """If the administrator cannot be asked, nothing is saved, and the field on the card says why.

    Everything that was typed is kept. The mailbox, which may be corrected, too, is not held.
    """
    press_setup(anna, "a1")
    inputs = {**RIGHT, "mailbox": "a@contoso.com", "administrator": typed}
    run = press(anna, "intake", run=runs(anna)[0].id, **inputs)
    assert (run.detailed, anna.services.channels.running("a@contoso.com")) == (False, "")
    shown = str(questions.intake_card(run, anna.services).card.content)
    assert (text(f"typed.{why}") in shown, f"'value': '{typed}'" in shown) == (True, True)


def test_all_wrong_fields_are_marked_at_once(anna, begin):
    """A wrong address of the administrator is named together with the other wrong fields.

    A client secret in a wrong field is not shown to the space again.
    """
    wrong = {"callback_url": "http://x", "administrator": "aB38Q~" + "x" * 34}
    run = press(anna, "intake", run=begin(detailed=False).id, **(RIGHT | wrong))
    shown = str(questions.intake_card(run, anna.services).card.content)
    named = text("typed.callback_https"), text("typed.no_at"), plural("intake.error", 2)
    assert [each in shown for each in (*named, "8Q~")] == [True] * 3 + [False]


@pytest.mark.parametrize(
    ("mailbox", "addresses"), [("sales@example.test", False), ("support@example.test", True)]
)
def test_what_was_given_before_is_filled_in(anna, begin, webex_script, reply, mailbox, addresses):
    """A setup begins with the administrator who was asked before in the space.

    That of a mailbox whose setup was canceled there begins with the addresses that it had.
    """
    anna.services.store.end(begin(answered("administrator", "carl@x.test")), CANCELED)
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1", "roomId": "room-1"}))
    changes.begin(anna, mailbox)
    new = anna.services.store.load(anna.services.channels.running(mailbox))
    shown = str(questions.intake_card(new, anna.services).card.content)
    assert "'value': 'carl@x.test'" in shown
    assert [f"'value': '{each}'" in shown for each in RIGHT.values()] == [addresses] * 2
    assert (text("intake.turn_known") in shown) is addresses


@pytest.mark.parametrize("typed", ["", "  ", "anna@example.test"])
def test_who_signs_in_alone_is_not_asked(anna, begin, typed):
    """An empty administrator field, or the requester's own address, sends nothing 1:1.

    The details of a connected channel are changed in its own setup.
    """
    run = begin(detailed=False)
    anna.services.channels.add(anna.services.redis, Record.of(run, now()), run)
    saved = press(anna, "intake", run=run.id, **RIGHT, administrator=typed)
    assert (saved.detailed, saved.answers) == (True, {})


@pytest.mark.parametrize(
    ("members", "direct", "boss", "absent"),
    [
        (("anna", "ben"), False, "boss", "yes"),
        (("anna", "boss"), False, "boss", ""),
        (("anna", "ben"), False, "ben", ""),
        (None, False, "boss", ""),
        (("anna", "ben"), True, "boss", ""),
    ],
    ids=["nobody", "one is here", "under another address", "unread", "1:1"],
)
def test_approvers_who_are_not_in_the_space(
    anna, begin, webex_script, reply, members, direct, boss, absent
):
    """If no approver is in the space, the approvers get the plan 1:1, also that of a fix.

    If the members cannot be read, the plan stays in the space.
    """
    items = [
        {"id": each, "personId": each, "personEmail": f"{each}@example.test"}
        for each in members or ()
    ]
    answer = reply(404, {"message": "no"}) if members is None else reply(body={"items": items})
    webex_script.on("GET", "/memberships", answer)
    person = {"id": boss, "emails": [f"{boss}@example.test", "boss@example.test"]}
    webex_script.on("GET", "/people", reply(body={"items": [person]}))
    ctx = replace(of_bot(anna, approvers=("boss@example.test",)), direct=direct)
    saved = press(ctx, "intake", run=begin(detailed=False).id, **RIGHT)
    assert (saved.detailed, saved.answer("approvers_absent")) == (True, absent)
    anna.services.store.end(saved, Event(Kind.CANCELLED, now()))
    changes.begin_known(ctx, saved.channel, RunKind.FIX)
    fix = anna.services.store.load(anna.services.channels.running(saved.channel.mailbox))
    assert fix.answer("approvers_absent") == absent


@pytest.mark.parametrize("times", [1, 2])
def test_the_press_is_known_by_its_own_id(anna, webex_script, reply, times):
    """A press that arrives as a Webex event starts one run, known by the press's own id.

    A second delivery of the event starts no other run.
    """
    inputs = {"do": "setup"}
    body = {"id": "a7", "messageId": HELP, "personId": "anna", "roomId": "room-1", "inputs": inputs}
    card = {"id": HELP, "roomId": "room-1", "roomType": "direct", "personId": "bot-1"}
    webex_script.on("GET", "/attachment/actions/a7", reply(body=body))
    webex_script.on("GET", f"/messages/{HELP}", reply(body=card))
    webex_script.on("GET", "/memberships", reply(body={"items": []}))
    for _ in range(times):
        receive("attachmentActions", "a7", "anna", "room-1")
    assert [run.origin.message for run in runs(anna)] == ["a7"]


@pytest.fixture
def fix(anna, begin):
    """Return a fix of a connected channel that waits."""
    setup = begin(SIGNED_IN, PLANNED)
    anna.services.store.end(setup, Event(Kind.FINISHED, now()))
    changes.begin_known(replace(anna, message="typed-1"), setup.channel, RunKind.FIX)
    return anna.services.store.load(anna.services.channels.running(setup.channel.mailbox))


def ask_again(ctx, fix) -> None:
    """Type the command of the fix once more."""
    changes.begin_known(replace(ctx, message="typed-9"), fix.channel, RunKind.FIX)


def test_one_press_cancels_it_and_begins_again(anna, fix, webex_script):
    """The card offers the press to a person who may cancel, and the press opens another fix.

    The press that is handled again opens no third one.
    """
    ask_again(anna, fix)
    again = {"do": "begin_again", "run": fix.id, "command": "fix"}
    assert pressed(webex_script) == [{"do": "go_on", "run": fix.id}, again]
    for _ in range(2):
        press(replace(anna, action_id="press-1", message="card-9"), **again)
    running = anna.services.channels.running(fix.channel.mailbox)
    runs = anna.services.store.runs_of_mailbox(fix.channel.mailbox)
    assert (anna.services.store.load(fix.id).ended, running) == (Kind.CANCELLED, runs[-1].id)
    assert [run.kind for run in runs] == [RunKind.SETUP, RunKind.FIX, RunKind.FIX]


@pytest.mark.parametrize("do", ["check", "go_on"])
def test_a_check_goes_into_the_run(anna, fix, do):
    """A check of a channel that is being fixed here has the fix look again, in this thread.

    Its card is posted again. The same press asks once, however often it is handled.
    """
    store, mailbox = anna.services.store, fix.channel.mailbox
    store.append(fix.id, SIGNED_IN)
    keep(anna.services, fix.id, LIVING, PostedCard("card-1", "room-1", "", "", now()))
    ben = other(anna, "ben")
    for _ in range(2):
        press(replace(ben, thread="t9", action_id="press-1"), do, channel=mailbox, run=fix.id)
    looked = store.load(fix.id)
    asked = [event.by for event in store.events(fix.id) if event.kind is Kind.LOOK_AGAIN]
    assert (asked, looked.origin.thread) == ([ben.person.email], "t9")
    assert list(posted_cards(anna.services, fix.id)) == ["earlier:thread:card-1"]
    assert store.last_check(mailbox) is None


@pytest.mark.parametrize("why", ["nobody is signed in", "elsewhere", "over"])
def test_a_check_stays_apart(anna, fix, why):
    """A check is one of its own if the run could read nothing, is not of this space, or is over."""
    if why != "nobody is signed in":
        anna.services.store.append(fix.id, SIGNED_IN)
    if why == "over":
        anna.services.store.end(fix, Event(Kind.CANCELLED, now()))
    room = "room-2" if why == "elsewhere" else anna.room
    press(replace(anna, room=room, action_id="press-1"), "check", channel=fix.channel.mailbox)
    assert Kind.LOOK_AGAIN not in {each.kind for each in anna.services.store.events(fix.id)}


def test_nobody_else_is_offered_it_or_may_press_it(anna, fix, webex_script, reply, said):
    """A person who may not cancel the run reads whose it is, and gets no such button.

    A forged press ends nothing.
    """
    ben = other(anna, "ben")
    webex_script.on("GET", "/memberships", reply(200, {"items": [{"personId": "anna"}]}))
    ask_again(ben, fix)
    assert [each["do"] for each in pressed(webex_script)] == ["go_on"]
    shown = cards(webex_script)
    assert ("Started by anna@example.test" in shown, "cancel it" in shown) == (True, False)
    before = len(said())
    press(replace(ben, action_id="press-1"), "begin_again", run=fix.id, command="fix")
    assert anna.services.store.load(fix.id).ended is None
    assert len(said()) == before + 1


def test_the_card_is_edited_when_the_run_ends(anna, fix, webex_script, reply):
    """The card that says that a run is in progress keeps no button after its end."""
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    ask_again(anna, fix)
    anna.services.store.end(anna.services.store.load(fix.id), Event(Kind.FINISHED, now()))
    (over,) = living.earlier_cards(anna.services.store.load(fix.id), anna.services)
    assert text("notice.cancel_over_words") not in str(over.card.content)
    assert (over.final, "begin_again" in str(over.card.content)) == (True, False)


POLICY = LookOutcome(Sight.BROKEN, "smtp_auth_off_for_tenant", fix="fix.smtp_auth")


BLOCKED = LookOutcome(Sight.BROKEN, "app_access_withdrawn")


PERSON = Person("anna", "anna@example.test", "org-1")


def connect(ctx, mailbox: str, room: str = "room-1") -> WatchedChannel:
    """Return a watched channel that was set up in the space."""
    store = ctx.services.store
    channel = Channel(mailbox, "https://a.b/callback", "x@y.z", tenant_id="tenant-1")
    run = store.open(channel, PERSON, Origin(room, message=f"typed-{mailbox}"))
    store.append(run.id, Event(Kind.DETAILS, now(), channel=channel))
    store.end(store.load(run.id), Event(Kind.FINISHED, now()))
    watched = WatchedChannel(channel, room, PERSON, now())
    ctx.services.watching.save(watched)
    return watched


def broken(ctx, *channels: WatchedChannel, by: LookOutcome = POLICY) -> set[str]:
    """Record two looks that see the break of each channel, and return the ids of the cards."""
    record = ctx.services.watching.add_look
    found = [
        incident for each in channels for _ in range(2) for incident in record(each, by, now())
    ]
    return {card for incident in found for card in incident.cards}


def drawn(ctx, card: str) -> str:
    """Return the incident's card as text."""
    return str(incident_card(ctx.services, card).card.content)


def test_on_it_can_be_taken_back(anna):
    """A press of "I'm on it" can be taken back, and then the reminders go on.

    Everybody in the space may do so, because the person may be away.
    """
    (card,) = broken(anna, connect(anna, "support@contoso.com"))
    watching = anna.services.watching
    press(anna, "watch_on_it", card=card)
    (known,) = watching.of_card(card)
    assert known.acting == "anna@example.test"
    assert "watch_not_on_it" in drawn(anna, card)
    ben = other(anna, "ben")
    press(ben, "watch_not_on_it", card=card)
    (known,) = watching.of_card(card)
    assert (known.acting, known.acting_since) == ("", None)
    assert "watch_not_on_it" not in drawn(anna, card)
    press(ben, "watch_not_on_it", card=card)
    assert watching.of_card(card) == (known,)


@pytest.mark.parametrize("verb", ["watch_not_on_it", "watch_fix"])
def test_people_of_other_spaces_change_nothing(anna, said, verb):
    """People of other spaces change nothing, and neither does a press on a card that is gone."""
    (card,) = broken(anna, connect(anna, "support@contoso.com"))
    press(anna, "watch_on_it", card=card)
    press(replace(anna, room="room-9"), verb, card=card, channel="support@contoso.com")
    assert text("watch.not_here") in said()[-1][1]
    press(anna, verb, card="NOBODY")
    assert text("watch.card_gone") in said()[-1][1]
    (known,) = anna.services.watching.of_card(card)
    assert (known.acting, begun(anna)) == ("anna@example.test", [])


def test_a_card_of_many_channels_offers_the_repair_of_each(anna, webex_script):
    """One button leads to a list of the channels, and each button of the list begins a fix."""
    mailboxes = [f"box{number}@contoso.com" for number in range(6)]
    (card,) = broken(anna, *(connect(anna, each) for each in mailboxes))
    assert "'do': 'watch_fix'" in drawn(anna, card)
    press(anna, "watch_fix", card=card)
    offered = [each for each in pressed(webex_script) if each["do"] == "watch_fix"]
    assert [each["channel"] for each in offered] == mailboxes[:4]
    assert "2 more channels" in str(webex_script.asked[-1])
    press(anna, **offered[1])
    (run,) = begun(anna)
    assert (run.kind, run.channel.mailbox, run.origin.room) == (RunKind.FIX, mailboxes[1], "room-1")


def test_a_cause_that_no_plan_repairs_has_no_button(anna, said):
    """A cause that no plan repairs has no button, and a press that comes late is answered."""
    channels = [connect(anna, f"box{number}@contoso.com") for number in range(2)]
    (card,) = broken(anna, *channels, by=BLOCKED)
    assert "watch_fix" not in drawn(anna, card)
    press(anna, "watch_fix", card=card)
    assert text("watch.no_fix_left") in said()[-1][1]


@pytest.mark.parametrize("member", [True, False])
def test_the_operators_space_leads_to_each_space(anna, webex_script, reply, said, member):
    """From the operators' space, a person begins a repair only in a space that they belong to."""
    ctx = replace(of_bot(anna, watch_space="operators"), room="operators")
    channels = [connect(ctx, "a@contoso.com"), connect(ctx, "b@contoso.com", "room-2")]
    (card,) = (each for each in broken(ctx, *channels) if _counts(ctx, each))
    assert "'do': 'watch_fix'" in drawn(ctx, card)
    own = {"id": "m", "roomId": "room-2", "personEmail": "anna@example.test"}
    people = [own | {"personId": "bot", "personEmail": "email@webex.bot"}]
    people += [own | {"personId": "anna", "personOrgId": "org-1"}] if member else []
    webex_script.on("GET", "/memberships", reply(body={"items": people}))
    press(ctx, "watch_fix", card=card)
    press(ctx, "watch_fix", card=card, channel="b@contoso.com")
    key = "watch.fix_there" if member else "watch.fix_not_there"
    assert text(key, mailbox="b@contoso.com") in said()[-1][1]
    assert [run.origin.room for run in begun(ctx)] == (["room-2"] if member else [])


def test_an_outsider_in_the_other_space_holds_the_repair_back(anna, webex_script, reply, said):
    """If an outsider is in a channel's space, no repair begins, and nothing is said there."""
    ctx = replace(of_bot(anna, watch_space="operators"), room="operators")
    every = broken(ctx, connect(ctx, "a@contoso.com", "room-2"))
    (card,) = (each for each in every if _counts(ctx, each))
    people = [
        {"id": "m1", "roomId": "room-2", "personId": "anna", "personEmail": "anna@example.test"},
        {"id": "m2", "roomId": "room-2", "personId": "eve", "personEmail": "eve@elsewhere.test"},
    ]
    webex_script.on("GET", "/memberships", reply(body={"items": people}))
    press(ctx, "watch_fix", card=card, channel="a@contoso.com")
    assert text("watch.fix_not_there", mailbox="a@contoso.com") in said()[-1][1]
    assert begun(ctx) == []


def _counts(ctx, card: str) -> bool:
    known = ctx.services.watching.card(card)
    return known is not None and known.counts
