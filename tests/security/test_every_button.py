"""Every verb that a card can send, sent by the wrong people, late, twice, and with odd inputs.

The verbs come from the registry. A new verb must be added to an audience in
``tests/security/verbs.toml``, or the first test fails.
"""

from collections import Counter
from itertools import cycle

import pytest

from adaptive_cards.texts import text
from bot.commands import actions as bot_actions
from jobs.runs.run import Event, Kind
from jobs.storage import codec
from practice.client import People, actions, does
from practice.conversation import Walk, apps, fresh
from tests.fixtures.stacks import forget
from tests.security.verbs import (
    FIELDS,
    HOSTILE,
    IN_ITS_SPACE,
    LARGE,
    OF_A_RUN,
    OF_NO_RUN,
    ONLY_THE_RUN,
    STRANGE,
    TAKES_PART,
)

OUTSIDER, COLLEAGUE = "outsider@evil.example", "colleague@contoso.com"
SHARES_STACK = True


@pytest.fixture(scope="module")
def planned(people, new_walk):
    """Walk whose run waits for its approvals, also for the whole tenant's, and its plan card."""
    walk = new_walk("service@contoso.com")
    fresh(people, dehydrated=True)
    return walk, walk.plan()


@pytest.fixture(scope="module")
def right(planned):
    """Inputs that the buttons of the plan card really send."""
    walk, card = planned
    data = next(
        each["data"] for each in actions(card) if each.get("data", {}).get("do") == "approve"
    )
    more = {
        "mailbox": walk.mailbox,
        "mailbox_meant": walk.mailbox,
        "channel": walk.mailbox,
        "administrator": walk.admin,
    }
    return {
        **walk.right(),
        **more,
        "skip_reason": "because",
        "error_text": "AADSTS65001",
        "run": data["run"],
        "plan": data["plan"],
    }


class Twice(People):
    """People whose every press comes twice at once, as from a double click or a network retry."""

    pressed: set[str] = frozenset()

    def press(self, who, message, do="", inputs=None, **more):
        """Press the same version of the card twice at once."""
        self.pressed = self.pressed | {do}
        for _ in range(2):
            pressed = super().press(who, message, do, inputs, version=message["edits"], **more)
        return pressed

    def offered(self, run):
        """Return the verbs of every version of every card of a run."""
        cards = [
            {"card": each["card"]}
            for message in self.messages.values()
            for each in message["history"]
        ]
        found = [
            each["data"]
            for card in cards
            for each in actions(card)
            if isinstance(each.get("data"), dict)
        ]
        return {
            each["do"] for each in found if each.get("run") == run and each["do"] not in OF_NO_RUN
        }


def told(answers_seen, key):
    """Return the answers that do not contain this refusal."""
    return [each for each in answers_seen if text(f"refused.{key}") not in each]


def test_every_verb_has_its_audience():
    """Every verb has exactly one audience in ``tests/security/verbs.toml``."""
    audiences = Counter([*TAKES_PART, *IN_ITS_SPACE, *OF_NO_RUN])
    assert bot_actions().keys() - audiences.keys() == set()
    assert audiences.keys() - bot_actions().keys() == set()
    assert set(audiences.values()) == {1}


def test_an_outsider_presses_everything(people, presses, planned, right):
    """A person of another organization in the space is refused every verb and sees no channel.

    While that person is there, other members are refused as well. Nothing happens to the run.
    """
    walk, card = planned
    before = presses.history(right["run"])
    people.control("POST", "webex/join", {"as": OUTSIDER, "room": walk.room, "by": walk.requester})
    try:
        said = presses.answers(
            OUTSIDER, card, [{**right, "do": verb} for verb in sorted(bot_actions())]
        )
        among = presses.answers(
            walk.requester, card, [{**right, "do": verb} for verb in sorted(bot_actions())]
        )
    finally:
        people.control("POST", "webex/leave", {"as": OUTSIDER, "room": walk.room})
    assert (told(said, "organization"), told(among, "space")) == ([], [])
    assert [each for each in [*said, *among] if walk.mailbox in each or right["run"] in each] == []
    assert (presses.history(right["run"]), walk.writes()) == (before, [])


def test_a_colleague_presses_everything(presses, planned, right):
    """A colleague who takes no part in the run cannot change it with any verb."""
    walk, card = planned
    before = presses.history(right["run"])
    said = presses.answers(COLLEAGUE, card, [{**right, "do": verb} for verb in sorted(TAKES_PART)])
    assert told(said, "not_part") == []
    assert (presses.history(right["run"]), walk.writes()) == (before, [])


def test_from_another_space(presses, planned, right, new_walk):
    """A run's verbs are refused on a card in another space, and its channel is unknown there.

    A colleague puts the run's id into a card of their own.
    """
    walk, _ = planned
    elsewhere = new_walk("support@contoso.com", requester=COLLEAGUE)
    card = elsewhere.ask()
    before = presses.history(right["run"])
    said = presses.answers(COLLEAGUE, card, [{**right, "do": verb} for verb in OF_A_RUN])
    assert told(said, "not_part") == []
    known = presses.answers(COLLEAGUE, card, [{**right, "do": verb} for verb in ("fix", "missing")])
    assert [each for each in known if "was not set up in this space" not in each] == []
    assert (presses.history(right["run"]), walk.writes()) == (before, [])
    elsewhere.type(f"/cancel {elsewhere.mailbox}")


def test_forged_runs_plans_and_verbs(people, presses, planned, right):
    """Unknown runs, old plans and unknown verbs leave the run as it is.

    Unknown runs and old plans get an answer that says so. An unknown verb gets none.
    """
    walk, card = planned
    before = presses.history(right["run"])
    unknown = presses.answers(
        walk.requester, card, [{**right, "do": verb, "run": "AAAAAA"} for verb in OF_A_RUN]
    )
    old = presses.answers(
        walk.requester,
        card,
        [
            {**right, "do": verb, "plan": plan}
            for verb in ("approve", "approve_tenant", "least_privilege")
            for plan in ("", "p-1")
        ],
    )
    assert (told(unknown, "unknown"), told(old, "old")) == ([], [])
    for verb in (
        "",
        "Approve",
        "approve ",
        "__init__",
        "run",
        LARGE,
        HOSTILE,
        7,
        None,
        ["approve"],
        {"do": "approve"},
    ):
        presses.submit(walk.requester, card, {**right, "do": verb})
    people.control(
        "POST", "webex/submit", {"as": walk.requester, "message_id": card["id"], "inputs": {}}
    )
    walk.type("/status")
    assert (presses.history(right["run"]), walk.writes()) == (before, [])


@pytest.mark.parametrize("kind", list(STRANGE))
def test_strange_inputs(presses, planned, right, kind):
    """Every verb gets one answer and no failure, with strange values in all fields but the run.

    The run is looked for before anything else is read, so each verb gets one strange run.
    """
    walk, card = planned
    verbs = sorted(bot_actions().keys() - ONLY_THE_RUN - IN_ITS_SPACE)
    strange = dict(zip(FIELDS, cycle(STRANGE[kind]), strict=False))
    sent = [{**strange, "run": right["run"], "do": verb} for verb in verbs]
    share = OF_A_RUN[list(STRANGE).index(kind) :: len(STRANGE)]
    said = presses.answers(
        walk.requester, card, [*sent, *({**strange, "do": verb} for verb in share)]
    )
    assert [each for each in said if text("notice.broken_title") in each] == []
    assert walk.writes() == []


@pytest.fixture
def twice(stack, new_walk):
    """Return a function that starts walks of people who press twice.

    The tenant needs the tenant-wide change. The walks are canceled at the end. The bot forgets the
    mailbox first, so that a run that an earlier try of the test left behind is not in the way.
    """
    people, made = Twice(stack.cloud_url, stack.ca_path), list[Walk]()

    def make(mailbox):
        fresh(people, dehydrated=True)
        forget(stack, mailbox)
        made.append(Walk(people, mailbox, new_walk(mailbox).room))
        return made[-1]

    yield make
    for walk in made:
        walk.type(f"/cancel {walk.mailbox}")
    people.close()


MAKES = ("graph.create_", "graph.add_", "exchange.New-")
LEFT_TO_THE_OTHER = {"least_privilege", "skip_rehearsal", "cancel"}
"""Verbs that a setup with a working channel does not press. The other test presses them."""


def history(presses, card):
    """Return the id of a card's run, and all events of that run."""
    run = next(each["data"]["run"] for each in actions(card) if each.get("data", {}).get("run"))
    return run, [codec.load(raw, Event) for raw in presses.redis.lrange(f"run:{run}:events", 0, -1)]


def repeated(events):
    """Return the decisions, changes and ends that are recorded more than once."""
    told = Counter(
        (event.kind, event.step or event.data.get("scope", ""))
        for event in events
        if event.kind in {Kind.APPROVED, Kind.CHANGED, Kind.FINISHED, Kind.CANCELLED}
    )
    return {what: count for what, count in told.items() if count > 1}


def test_every_button_twice(twice, presses):
    """A setup in which every button is pressed twice makes each approval, change and object once.

    One test mail is sent. Only a lost client secret is created again.
    """
    walk = twice("support@contoso.com")
    people, first = walk.people, walk.ask()
    people.press(walk.requester, walk.details(), "ask_administrator", {"administrator": walk.admin})
    again = walk.wait(
        "a button that sends the card again",
        lambda each: each["room"] == walk.room and "consent_again" in does(each),
    )
    people.press(walk.requester, again, "consent_again")
    walk.open(walk.card("the administrator's card", link=True, member=walk.admin))
    walk.approve()
    consent = walk.wait(
        "a consent card",
        lambda each: each["room"] == walk.room and {"ask_consent", "look_again"} <= does(each),
        40,
    )
    people.press(walk.requester, consent, "ask_consent", {"administrator": walk.admin})
    people.press(walk.requester, consent, "look_again")
    walk.consent()
    walk.secret(walk.form())
    gone = walk.card("the button New secret", "new_secret", member=walk.requester)
    people.press(walk.requester, gone, "new_secret")
    walk.revealed = False
    walk.fill_in()
    walk.rehearse()
    agent = walk.card("the agent's turn", "ask_agent", seconds=40)
    people.press(walk.requester, agent, "ask_agent", {"administrator": walk.requester})
    walk.answer()
    walk.done()
    run, events = history(presses, first)
    assert repeated(events) == {(Kind.CHANGED, "client_secret"): 2}
    assert people.offered(run) - people.pressed == LEFT_TO_THE_OTHER
    (app,) = apps(people)
    assert (len(app["passwordCredentials"]), len(walk.tasks())) == (2, 1)
    assert Counter(write for write in walk.writes() if write.startswith(MAKES)) == {
        "graph.create_application": 1,
        "graph.create_service_principal": 1,
        "graph.create_grant": 2,  # Exchange's scope, and those of a sign-in
        "graph.add_password": 3,  # Webex Connect's, the one that was lost, the bot's own
        "exchange.New-HostedOutboundSpamFilterPolicy": 1,
        "exchange.New-HostedOutboundSpamFilterRule": 1,
    }


def test_every_other_button_twice(twice, presses):
    """The buttons for less privilege, skipping and canceling act only once if pressed twice.

    The changes of one plan are made once, and the run ends once.
    """
    walk = twice("helpdesk@contoso.com")
    people, first = walk.people, walk.ask()
    walk.open(walk.details())
    people.press(
        walk.requester, walk.card("a plan card", "approve", "least_privilege"), "least_privilege"
    )
    fewer = walk.wait(
        "a plan for fewer permissions",
        lambda each: "approve" in does(each) and "least_privilege" not in does(each),
    )
    walk.approve(fewer)
    walk.skip()
    people.press(
        walk.requester,
        walk.wait(
            "a button to stop", lambda each: each["room"] == walk.room and "cancel" in does(each)
        ),
        "cancel",
    )
    walk.saying("was canceled")
    _, events = history(presses, first)
    assert (repeated(events), [event.kind for event in events].count(Kind.CANCELLED)) == ({}, 1)
    assert people.pressed >= LEFT_TO_THE_OTHER
