"""The card of a plan: its warnings, for whom it waits, and its addresses of Webex Connect."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.cards.presenters import plan, plan as presenter
from bot.cards.presenters.card_state import header, slot_of
from jobs.channel.mailbox import ADDRESS_IN_USE, APP_IN_USE
from jobs.clock import now
from jobs.model import (
    Account,
    Channel,
    Evidence,
    Finding,
    Person,
    Profile,
    Reason,
    Scope,
    State,
    Text,
    Turn,
    verbatim,
)
from jobs.runs.run import Event, Kind, Origin
from jobs.steps import steps_of
from jobs.storage import keys
from tests.unit.bot.cards.presenters.stage_events import (
    ADMIN,
    APPROVED,
    LINE,
    PLANNED,
    SIGNED_IN,
    answered,
    cards,
    found,
    living,
    shown,
)

BASELINES = {"ids": "CIPP DisableBasicAuthSMTP, CIS 6.5.4, CISA MS.EXO.5.1"}
NOTED = replace(LINE, note=Text("note.baselines", BASELINES))
"""Line of the plan with the baselines that it contradicts."""


@pytest.mark.parametrize("state", [State.WARNING, State.POSSIBLE])
def test_what_may_stop_mail_is_a_warning_on_the_plan(services, begin, state):
    """A setting that may stop mail is a warning on the plan.

    The setting does not block the plan, and is not called right.
    """
    blocked = found(
        "mailbox_user",
        state,
        seen=Text("seen.shared_blocked", {"upn": "support@example.test"}),
        cause="account_disabled",
    )
    right = found("permissions", seen=Text("seen.permissions"))
    run = begin(SIGNED_IN, blocked, right, replace(PLANNED, at=now()))
    words = {"row": "M1", "step": "key:step.mailbox_user"}
    said = text("seen.shared_blocked", upn="support@example.test")
    assert Text("plan.stands", words | {"seen": said}) in plan.warnings(run)
    assert right_steps(run) == ["permissions"]


def right_steps(run) -> list[str]:
    """Return the settings that the plan calls right."""
    card = str(plan.plan(run, header(run)).content)
    told = card.partition("Already right: ")[2].partition("'")[0]
    return [name for name in steps_of(run) if text(f"step.{name}") in told]


def test_the_plan_names_what_is_right_and_what_stops_it(services, begin):
    """The plan names the right settings and the blocking ones; a skipped setting is neither.

    After an approval, nothing blocks the plan any more.
    """
    wrong = found(
        "mailbox_user",
        State.WRONG,
        seen=Text("seen.nobody", {"mailbox": "m"}),
        cause="mailbox_not_found",
    )
    skipped = found("user_consent", State.SKIPPED)
    run = begin(SIGNED_IN, found("tenant"), skipped, wrong, replace(PLANNED, at=now()))
    card = str(plan.plan(run, header(run)))
    assert (text("plan.blocked") in card, "'approve'" in card, ADMIN in card) == (True, False, True)
    assert (plan.listed_changes(run), right_steps(run)) == ([NOTED], ["tenant"])
    services.store.append(run.id, APPROVED, found("ids"))
    approved = services.store.load(run.id)
    assert text("plan.blocked") not in str(plan.plan(approved, header(run)))
    # What the run brings about was not right already.
    assert right_steps(approved) == ["tenant"]


def test_a_blocked_plan_leaves_out_what_could_not_be_read(begin):
    """While a cloud is away, the plan names the cloud, and no change that may not be needed.

    What to do about it is said once.
    """
    unread = replace(LINE, step="forwarding", before=Reason.NOT_KNOWN.text())
    said = (Evidence("graph", "503"),)
    away = [
        found(step, State.UNKNOWN, cause="service_unavailable", evidence=said)
        for step in ("tenant", "mailbox_user")
    ]
    run = begin(SIGNED_IN, *away, replace(PLANNED, at=now(), changes=(LINE, unread)))
    assert plan.listed_changes(run) == [NOTED]
    card = str(plan.plan(run, header(run)).content)
    assert (card.count("Graph: 503. "), card.count("This usually passes")) == (2, 1)


@pytest.mark.parametrize(("length", "there"), [(20, True), (150, False)])
def test_the_commands_are_left_out_before_a_text_is_cut(begin, length, there):
    """A plan that is too large for a card has no commands, and every other text in full."""
    note, command = "note " * length, "command " * length
    lines = [replace(LINE, note=verbatim(note), command=command)] * 8
    run = begin(SIGNED_IN, replace(PLANNED, at=now(), changes=tuple(lines)))
    card = str(plan.plan(run, header(run)).content)
    assert (command.strip() in card, note.strip() in card) == (there, True)


def test_what_has_to_be_approved_anew_is_shown_with_what_is_left(services, begin):
    """A plan that needs a new approval shows the changes that are left, and those to be made again.

    After the approval, the plan also shows the finished changes.
    """
    other, shut = (
        replace(LINE, step="forwarding"),
        replace(LINE, step="forwarding", before=Text("seen.on")),
    )
    made = [
        Event(kind, now(), step="smtp_auth", finding=Finding("smtp_auth", State.WRONG))
        for kind in (Kind.CHANGING, Kind.CHANGED)
    ]
    differs = Event(
        Kind.DIFFERS, now(), step="forwarding", data={"plan": "plan-2"}, changes=(shut,)
    )
    events = (SIGNED_IN, replace(PLANNED, changes=(LINE, other)), APPROVED, *made, differs)
    run = begin(*events)
    assert plan.listed_changes(run) == [shut]
    assert "'plan': 'plan-2'" in str(plan.plan(run, header(run)))
    undone = found("smtp_auth", State.WAITING, waiting_for=Turn.APPROVER)
    again = replace(APPROVED, data={"plan": "plan-2", "scope": "mailbox"})
    for event in (undone, again):  # what somebody undid, and then everything
        services.store.append(run.id, event)
        assert plan.listed_changes(services.store.load(run.id)) == [NOTED, shut]


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ((), False),
        (("b79fbf4d-3ef9-4689-8143-76b194e85509",), True),
        (("b79fbf4d-3ef9-4689-8143-76b194e85509", "29232CDF-9323-42FD-ADE2-1D097AF3E4DE"), False),
        (("62e90394-69f5-4237-9190-012177145e10",), False),
    ],
)
def test_the_plan_warns_of_an_account_without_a_role(services, begin, roles, told):
    """The plan warns about an account if none of its known roles can make a change.

    An account whose roles are unknown is trusted.
    """
    run = begin(
        Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", ADMIN, roles)), PLANNED
    )
    assert plan.warnings(run) == ([Text("plan.no_role", {"account": ADMIN})] if told else [])


BOSS, DEPUTY, OUTSIDE = "boss@example.test", "deputy@example.test", "boss@elsewhere.test"
COPIES = ["thread", BOSS, DEPUTY]


@pytest.fixture
def governed(services):
    """Return the same services with two approvers."""
    return replace(services, bot=replace(services.bot, approvers=(BOSS, DEPUTY)))


@pytest.fixture
def asked(services):
    """Return a function that opens a run with a plan, in a 1:1 unless told otherwise."""

    def opened(*events: Event, direct: bool = True, by: str = "anna@example.test"):
        channel = Channel(
            "support@example.test", "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io"
        )
        origin = Origin("room-1", "thread-1", direct=direct, message="typed-1")
        run = services.store.open(channel, Person("anna", by, "org-1"), origin)
        details = Event(Kind.DETAILS, now(), channel=channel)
        services.store.append(run.id, details, SIGNED_IN, PLANNED, *events)
        return services.store.load(run.id)

    return opened


def test_a_space_without_an_approver(governed, asked):
    """If no approver is in the space, each approver gets the plan 1:1, as from a 1:1.

    With an approver in the space, no approver gets the plan 1:1.
    """
    absent = answered("approvers_absent")
    assert list(by_place(asked(absent, direct=False), governed)) == COPIES


def test_a_turn_of_two_approvers_names_both(governed, asked):
    """The plan in the space names each approver who may press, in both languages."""
    run = asked(direct=False)
    assert f"{BOSS}'s or {DEPUTY}'s turn" in str(by_place(run, governed)["thread"].card)
    with drawn_for(Locale("de")):
        assert f"{BOSS} oder {DEPUTY} ist am Zug" in str(by_place(run, governed)["thread"].card)


def by_place(run, services):
    """Return the plan cards of the run, by their place."""
    return {card.to: card for card in plan.cards(run, services)}


def buttons(card) -> set[str]:
    """Return the verbs of a card that approve or cancel."""
    return {
        verb for verb in ("approve", "approve_tenant", "cancel") if f"'{verb}'" in str(card.card)
    }


def test_each_approver_gets_the_plan_with_the_buttons(governed, asked):
    """The requester and the approvers see who is waited for, and an approver who asks.

    The requester has no button that would be refused. No copy says where the run began.
    """
    found = by_place(asked(), governed)
    assert list(found) == COPIES
    assert [buttons(card) for card in found.values()] == [{"cancel"}, *[{"approve", "cancel"}] * 2]
    assert text("plan.waits_for", who=f"{BOSS}, {DEPUTY}") in str(found["thread"].card)
    copy = found[COPIES[1]].card.text
    assert copy.startswith(text("kicker.asked_direct", who="anna@example.test"))
    assert text("turn.you") in copy
    assert text("plan.waits_for", who=DEPUTY) in str(found[COPIES[1]].card)


@pytest.mark.parametrize(
    ("approvers", "how"),
    [((), {}), (("anna@example.test", BOSS), {}), ((BOSS,), {"direct": False})],
)
def test_no_copy_where_an_approver_can_press(services, asked, approvers, how):
    """No copy of the plan is sent to approvers if none are set, or if the requester is one.

    The same holds if the plan is in a space.
    """
    run = asked(**how)
    found = by_place(run, replace(services, bot=replace(services.bot, approvers=approvers)))
    assert list(found) == ["thread"]
    assert buttons(found["thread"]) == {"approve", "cancel"}
    assert "Waiting for an approver" not in str(found["thread"].card)


def test_the_tenants_approval_is_asked_for_there_too(governed, asked):
    """The button for the whole tenant's changes is on the approvers' copies alone."""
    lines = (LINE, replace(LINE, step="customization", scope=Scope.TENANT))
    found = by_place(asked(replace(PLANNED, changes=lines)), governed)
    assert [buttons(card) for card in found.values()] == [
        {"cancel"},
        *[{"approve", "approve_tenant", "cancel"}] * 2,
    ]


def test_the_other_copies_show_who_decided(governed, asked):
    """After a decision, every card shows who decided, with the time.

    Nobody is waited for any more, and no button approves.
    """
    at = datetime(2026, 11, 27, 15, 22, tzinfo=UTC)
    run = asked(replace(APPROVED, by=BOSS, at=at))
    shown(governed, run, *map(slot_of, COPIES))
    found = {card.to: card for card in living(governed, run)}
    words = text("history.approved_mailbox", who=BOSS, at="27 Nov 15:22 UTC")
    assert words == "Approved by boss@example.test, 27 Nov 15:22 UTC"
    told = [json.dumps(card.card.content) for card in found.values()]
    assert (found.keys(), [words in each for each in told]) == ({*COPIES}, [True] * 3)
    assert "approve" not in {verb for card in found.values() for verb in buttons(card)}
    assert "Waiting for" not in str(told)


def test_after_the_decision_nobody_new_is_told(governed, asked):
    """A copy of the plan that was not posted before the decision is not posted afterward."""
    assert list(by_place(asked(APPROVED), governed)) == ["thread"]


def test_an_approver_without_a_webex_account_is_named(governed, asked):
    """The requester reads which approvers no message reaches, and which approvers are left."""
    run = asked()
    governed.redis.hset(keys.cards_refused(), f"{run.id}:{slot_of(BOSS)}", "x")
    card = str(by_place(run, governed)["thread"].card)
    assert text("plan.unreachable", who=BOSS) in card
    assert text("plan.waits_for", who=DEPUTY) in card
    assert text("plan.nobody_reached") not in card
    governed.redis.hset(keys.cards_refused(), f"{run.id}:{slot_of(DEPUTY)}", "x")
    assert text("plan.nobody_reached") in str(by_place(run, governed)["thread"].card)


def test_an_approver_whom_the_bot_does_not_serve_is_told_nothing(services, asked):
    """An approver of another domain gets no plan, and the requester reads that."""
    run = asked()
    found = by_place(run, replace(services, bot=replace(services.bot, approvers=(OUTSIDE,))))
    assert list(found) == ["thread"]
    assert text("plan.unreachable", who=OUTSIDE) in str(found["thread"].card)


MAILBOX = "support@example.test"
CALLBACK, FORWARDING = "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io"
EVIL = "a.imiconnect.io.evil.example"
GRANT = replace(PLANNED, changes=(replace(LINE, step="smtp_grant"),))


def details(callback: str = CALLBACK, forwarding: str = FORWARDING, **more: object) -> Event:
    """Return the details of a channel with these addresses."""
    channel = replace(Channel(MAILBOX, callback, forwarding), **more)
    return Event(Kind.DETAILS, now(), channel=channel)


def told(run, *connect_hosts: str) -> str:
    """Return the contents of the plan card."""
    return str(presenter.plan(run, header(run), connect_hosts).content)


def test_an_undo_shows_none(begin):
    """The plan of an undo shows no addresses, because the undo takes them away."""
    run = begin(details(f"https://{EVIL}/callback"), SIGNED_IN, PLANNED, kind="undo")
    assert (EVIL in told(run), presenter.consent(run)) == (False, None)


@pytest.mark.parametrize(
    ("callback", "forwarding", "other", "letters"),
    [
        (CALLBACK, "x@xn--mnchen-3ya.de", "m\u00fcnchen.de", "\u00fc (Latin U+00FC)"),
        ("https://m\u00fcnchen.de/callback", "", "xn--mnchen-3ya.de", "\u00fc (Latin U+00FC)"),
        (CALLBACK, "m\u00fcller@mail.webexconnect.io", "", "\u00fc (Latin U+00FC)"),
    ],
)
def test_other_letters_are_named(begin, callback, forwarding, other, letters):
    """A host with letters outside ASCII is shown in both spellings.

    Each such letter is shown with its number.
    """
    card = told(begin(details(callback, forwarding), SIGNED_IN, PLANNED))
    assert text("plan.letters", letters=letters) in card
    assert (text("plan.other_spelling") in card) is bool(other)
    assert other in card


@pytest.mark.parametrize(
    ("callback", "forwarding", "hosts"),
    [
        (CALLBACK, FORWARDING, {}),
        (f"https://{EVIL}/callback", FORWARDING, {EVIL: "callback"}),
        (CALLBACK, "x@evil.example", {"evil.example": "forwarding"}),
        ("https://evil.example/callback", "x@evil.example", {"evil.example": "both"}),
        (
            f"https://{EVIL}/callback",
            "x@evil.example",
            {EVIL: "callback", "evil.example": "forwarding"},
        ),
    ],
)
def test_foreign_hosts_are_named_with_what_goes_there(begin, callback, forwarding, hosts):
    """The plan says which data goes to a foreign host.

    Sign-ins go to the host of the Call Back URL, and mail goes to the host of the Forwarding
    Address.
    """
    run = begin(details(callback, forwarding), SIGNED_IN, PLANNED)
    card, ways = told(run), ("callback", "forwarding", "both")
    said = {way for way in ways if text(f"plan.foreign_{way}") in card}
    assert said == set(hosts.values())
    assert "'confirm_hosts'" not in told(run, "*.evil.example", "evil.example")


def test_the_card_changes_with_the_confirmation(services, begin):
    """Once the hosts are confirmed, the card names who confirmed them, and is shown at once."""
    asked = begin(details(f"https://{EVIL}/callback"), SIGNED_IN, PLANNED)
    (before,) = (card for card in cards(services, asked) if card.slot == "plan")
    services.store.append(asked.id, answered("foreign_hosts", EVIL))
    run = services.store.load(asked.id)
    (after,) = (card for card in cards(services, run) if card.slot == "plan")
    shown = [str(card.card.content) for card in (before, after)]
    assert ["Confirmed by anna@example.test" in each for each in shown] == [False, True]
    assert ["'confirm_hosts'" in each for each in shown] == [True, False]
    assert before.urgency != after.urgency


@pytest.mark.parametrize(
    ("profile", "events", "words", "for_all"),
    [
        (Profile.ARTICLE, (GRANT,), "everyone", True),
        (Profile.ARTICLE, (replace(PLANNED, changes=()),), "", True),
        (Profile.ARTICLE, (found("mail_send", State.SKIPPED), GRANT), "one_user", False),
        (Profile.ARTICLE, (found("admin_consent"), GRANT), "one_user", False),
        (Profile.LEAST, (GRANT,), "one_user", False),
        (Profile.LEAST, (PLANNED,), "", False),
    ],
)
def test_for_whom_permissions_are_granted(begin, profile, events, words, for_all):
    """An admin consent holds for all users, and without one the grant is for one user."""
    run = begin(details(profile=profile), SIGNED_IN, *events)
    user = {"user": MAILBOX} if words == "one_user" else {}
    assert presenter.consent(run) == (Text(f"plan.{words}", user) if words else None)
    assert presenter.for_all(run) is for_all


def test_other_channels_are_named(begin):
    """A Forwarding Address or an app that another channel has is a warning with its mailbox."""
    run = begin(
        SIGNED_IN,
        found(
            "addresses",
            evidence=(
                Evidence(ADDRESS_IN_USE, "sales@example.test"),
                Evidence(ADDRESS_IN_USE, "b@example.test"),
            ),
        ),
        found("application", State.WRONG, evidence=(Evidence(APP_IN_USE, "sales@example.test"),)),
        PLANNED,
    )
    assert presenter.warnings(run) == [
        Text("plan.address_in_use", {"mailboxes": "sales@example.test, b@example.test"}),
        Text("plan.app_in_use", {"mailboxes": "sales@example.test"}),
    ]
