"""Buttons of an incident's card: "I'm on it" and its end, and the repairs of many channels."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.commands import actions
from jobs.clock import now
from jobs.model import Channel, Person, RunKind
from jobs.runs.run import Event, Kind, Origin
from jobs.watch.model import LookOutcome, Sight, WatchedChannel
from tests.unit.bot.actions.presses import of_bot, other
from tests.unit.bot.commands.typed_commands import begun, pressed
from tests.unit.bot.watched import incident_card

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
    ctx.services.watching.channels.save(watched)
    return watched


def broken(ctx, *channels: WatchedChannel, by: LookOutcome = POLICY) -> set[str]:
    """Record two looks that see the break of each channel, and return the ids of the cards."""
    record = ctx.services.watching.incidents.record
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
    incidents = anna.services.watching.incidents
    actions()["watch_on_it"](anna, {"card": card})
    (known,) = incidents.of_card(card)
    assert known.acting == "anna@example.test"
    assert "watch_not_on_it" in drawn(anna, card)
    ben = other(anna, "ben")
    actions()["watch_not_on_it"](ben, {"card": card})
    (known,) = incidents.of_card(card)
    assert (known.acting, known.acting_since) == ("", None)
    assert "watch_not_on_it" not in drawn(anna, card)
    actions()["watch_not_on_it"](ben, {"card": card})
    assert incidents.of_card(card) == (known,)


@pytest.mark.parametrize("verb", ["watch_not_on_it", "watch_fix"])
def test_people_of_other_spaces_change_nothing(anna, said, verb):
    """People of other spaces change nothing, and neither does a press on a card that is gone."""
    (card,) = broken(anna, connect(anna, "support@contoso.com"))
    actions()["watch_on_it"](anna, {"card": card})
    actions()[verb](replace(anna, room="room-9"), {"card": card, "channel": "support@contoso.com"})
    assert text("watch.not_here") in said()[-1][1]
    actions()[verb](anna, {"card": "NOBODY"})
    assert text("watch.card_gone") in said()[-1][1]
    (known,) = anna.services.watching.incidents.of_card(card)
    assert (known.acting, begun(anna)) == ("anna@example.test", [])


def test_a_card_of_many_channels_offers_the_repair_of_each(anna, webex_script):
    """One button leads to a list of the channels, and each button of the list begins a fix."""
    mailboxes = [f"box{number}@contoso.com" for number in range(6)]
    (card,) = broken(anna, *(connect(anna, each) for each in mailboxes))
    assert "'do': 'watch_fix'" in drawn(anna, card)
    actions()["watch_fix"](anna, {"card": card})
    offered = [each for each in pressed(webex_script) if each["do"] == "watch_fix"]
    assert [each["channel"] for each in offered] == mailboxes[:4]
    assert "2 more channels" in str(webex_script.asked[-1])
    actions()["watch_fix"](anna, offered[1])
    (run,) = begun(anna)
    assert (run.kind, run.channel.mailbox, run.origin.room) == (RunKind.FIX, mailboxes[1], "room-1")


def test_a_cause_that_no_plan_repairs_has_no_button(anna, said):
    """A cause that no plan repairs has no button, and a press that comes late is answered."""
    channels = [connect(anna, f"box{number}@contoso.com") for number in range(2)]
    (card,) = broken(anna, *channels, by=BLOCKED)
    assert "watch_fix" not in drawn(anna, card)
    actions()["watch_fix"](anna, {"card": card})
    assert text("watch.no_fix_left") in said()[-1][1]


@pytest.mark.parametrize("member", [True, False])
def test_the_operators_space_leads_to_each_space(anna, webex_script, reply, said, member):
    """From the operators' space, a person begins a repair only in a space that they belong to."""
    ctx = replace(of_bot(anna, watch_space="operators"), room="operators")
    channels = [connect(ctx, "a@contoso.com"), connect(ctx, "b@contoso.com", "room-2")]
    every = broken(ctx, *channels)
    (card,) = (each for each in every if _counts(ctx, each))
    assert "'do': 'watch_fix'" in drawn(ctx, card)
    own = {"id": "m", "roomId": "room-2", "personEmail": "anna@example.test"}
    people = [own | {"personId": "bot", "personEmail": "email@webex.bot"}]
    people += [own | {"personId": "anna", "personOrgId": "org-1"}] if member else []
    webex_script.on("GET", "/memberships", reply(body={"items": people}))
    actions()["watch_fix"](ctx, {"card": card})
    actions()["watch_fix"](ctx, {"card": card, "channel": "b@contoso.com"})
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
    actions()["watch_fix"](ctx, {"card": card, "channel": "a@contoso.com"})
    assert text("watch.fix_not_there", mailbox="a@contoso.com") in said()[-1][1]
    assert begun(ctx) == []


def _counts(ctx, card: str) -> bool:
    known = ctx.services.watching.incidents.card(card)
    return known is not None and known.counts
