"""Cards that a run shows at each of its stages, and their recipients."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from adaptive_cards.texts import remedy_within, text
from bot.cards import delivery, draw
from bot.cards.presenters import plan as plan_face
from bot.cards.presenters import progress as progress_face
from bot.cards.presenters import proof, rehearsal, verdict
from bot.cards.presenters.card_state import DesiredCard, PostedCard
from bot.services import Services
from bot.webex.client import WebexError
from jobs.clock import now
from jobs.model import Account, Change, Evidence, Finding, Profile, Scope, State, Text, Turn
from jobs.runs.origin import Origin
from jobs.runs.run import Event, Kind, Run
from jobs.steps import steps_for, steps_of
from jobs.storage import codec, keys
from jobs.storage.locks import LockKind, LockName, renewed_lock

ADMIN = "admin@example.test"
SIGNED_IN = Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", ADMIN))
LINE = Change(
    "smtp_auth",
    "M2",
    Text("step.smtp_auth"),
    Text("seen.off"),
    Text("seen.on"),
    Scope.MAILBOX,
    "Set-CASMailbox",
)
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(LINE,))
APPROVED = Event(
    Kind.APPROVED, now(), by="anna@example.test", data={"plan": "plan-1", "scope": "mailbox"}
)
SIGNED_OUT = Event(
    Kind.SIGNED_OUT, now(), data={"cause": "sign_in_missing", "code": "AADSTS700082"}
)
Begin = Callable[..., Run]


def found(step: str, state: State = State.OK, **more: Any) -> Event:
    """Something was found."""
    return Event(Kind.FOUND, now(), step=step, finding=Finding(step, state, **more))


def answered(question: str, value: str = "yes") -> Event:
    """Somebody said something."""
    return Event(
        Kind.ANSWERED, now(), by="anna@example.test", data={"question": question, "value": value}
    )


def cards(services: Services, run: Run) -> list[DesiredCard]:
    """Every card of the run, in the order of drawing."""
    return [card for of in draw.PRESENTERS for card in of(run, services)]


def shown(services: Services, run: Run, *slots: str) -> None:
    """These cards stand in Webex already."""
    for slot in slots:
        services.redis.hset(
            f"cards:{run.id}", slot, codec.dump(PostedCard("m", "r", "x", "", now()))
        )


CONSENT = found("admin_consent", State.WAITING, waiting_for=Turn.ADMINISTRATOR)
FORM = found("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER)
ON_THE_WAY = found("test_mail", State.WAITING, waiting_for=Turn.TIME, seen=Text("seen.on_its_way"))
TO_HER = "anna@example.test"
STAGES: list[tuple[str, list[Event], list[tuple[str, str]]]] = [
    ("details are in", [], [("signin", "thread")]),
    ("somebody else is asked", [answered("administrator", ADMIN)], [("signin", "thread"), (f"signin-direct:{ADMIN}", ADMIN)]),
    ("signed in", [SIGNED_IN], []),
    ("planned", [SIGNED_IN, PLANNED], [("plan", "thread")]),
    ("approved", [SIGNED_IN, PLANNED, APPROVED], [("plan", "thread"), ("progress", "thread")]),
    ("signed out", [SIGNED_IN, PLANNED, APPROVED, SIGNED_OUT], [("signin", "thread"), ("progress", "thread")]),
    ("consent", [SIGNED_IN, PLANNED, APPROVED, CONSENT], [("plan", "thread"), ("progress", "thread"), ("consent", "thread")]),
    ("consent, somebody asked", [SIGNED_IN, PLANNED, APPROVED, CONSENT, answered("consent_administrator", ADMIN)],
     [("plan", "thread"), ("progress", "thread"), ("consent", "thread"), (f"consent-direct:{ADMIN}", ADMIN)]),
    ("form", [SIGNED_IN, PLANNED, APPROVED, FORM], [("plan", "thread"), ("progress", "thread"), ("connect", TO_HER), ("rehearsal", "thread")]),
    ("proof", [SIGNED_IN, PLANNED, APPROVED, FORM, ON_THE_WAY],
     [("plan", "thread"), ("progress", "thread"), ("connect", TO_HER), ("rehearsal", "thread"), ("mail", "thread")]),
    ("cancelled before a plan", [Event(Kind.CANCELLED, now())], []),
    ("cancelled", [SIGNED_IN, PLANNED, APPROVED, CONSENT, FORM, ON_THE_WAY, Event(Kind.CANCELLED, now())], [("plan", "thread"), ("progress", "thread")]),
    ("failed", [SIGNED_IN, PLANNED, Event(Kind.FAILED, now())], [("plan", "thread"), ("progress", "thread")]),
]  # fmt: skip


def test_the_progress_card_says_where_the_form_cannot_go(
    services: Services, begin: Begin, webex_script: Any, reply: Any
):
    """The progress card says if the form could not be sent 1:1 to the requester.

    Other people would not learn otherwise that a form waits. It also shows when the form was sent
    later.
    """
    run = begin(SIGNED_IN, PLANNED, APPROVED, FORM)
    says = text("progress.form_unsent", who=TO_HER)

    def told() -> bool:
        return says in next(
            card.card.text + json.dumps(card.card.content, ensure_ascii=False)
            for card in cards(services, run)
            if card.slot == "progress"
        )

    def form() -> DesiredCard:
        return next(card for card in cards(services, run) if card.slot == "connect")

    webex_script.on(
        "POST",
        "/messages",
        reply(403, {"message": "no"}),
        reply(403, {"message": "no"}),
        reply(body={"id": "posted-1"}),
    )
    turns = [next(card.urgency for card in cards(services, run) if card.slot == "progress")]
    drawn = []
    assert not told()
    for _ in range(2):
        services.redis.delete(keys.cards_due())
        with pytest.raises(WebexError):
            delivery.sync(services, run, form())
        drawn.append(services.cards.due(run.id) > 0)
        turns.append(next(card.urgency for card in cards(services, run) if card.slot == "progress"))
        assert told()
    delivery.sync(services, run, form())
    assert (drawn, services.cards.due(run.id) > 0, told(), turns[0] != turns[1] == turns[2]) == (
        [True, False],
        True,
        False,
        True,
    )


SEEN: list[tuple[str, list[Event], set[str]]] = [
    ("details are in", [], {"signin"}),
    ("planned", [SIGNED_IN, PLANNED], {"plan"}),
    ("running", [SIGNED_IN, PLANNED, APPROVED], set()),
    ("waits", [SIGNED_IN, PLANNED, APPROVED, found("ids", State.WAITING, waiting_for=Turn.TIME, until=now())], set()),
    ("look", [SIGNED_IN, PLANNED, APPROVED, found("ids", State.UNKNOWN)], {"progress"}),
    ("consent", [SIGNED_IN, PLANNED, APPROVED, CONSENT], {"progress", "consent"}),
    ("granted", [SIGNED_IN, PLANNED, APPROVED, found("admin_consent")], set()),
    ("form", [SIGNED_IN, PLANNED, APPROVED, FORM], {"progress", "connect", "rehearsal"}),
    ("filled in", [SIGNED_IN, PLANNED, APPROVED, found("mailbox_fields"), answered("token_saved"), answered("registered"),
     answered("rehearse", "skip:away"), ON_THE_WAY], set()),
    ("cancelled", [SIGNED_IN, PLANNED, APPROVED, Event(Kind.CANCELLED, now())], {"progress"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "slots"), [stage[1:] for stage in SEEN], ids=[stage[0] for stage in SEEN]
)
def test_what_a_person_has_to_see(
    services: Services, begin: Begin, events: list[Event], slots: set[str]
):
    """Only cards for a turn, a problem or the end are posted again if Webex allows no edits."""
    assert {card.slot for card in cards(services, begin(*events)) if card.prompt != ""} == slots


@pytest.mark.parametrize(
    ("events", "expected"), [stage[1:] for stage in STAGES], ids=[stage[0] for stage in STAGES]
)
def test_the_cards_of_a_stage(
    services: Services, begin: Begin, events: list[Event], expected: list[tuple[str, str]]
):
    """Slot and place, in the order of drawing; a second look at the same run draws the same."""
    run = begin(*events)
    first, second = cards(services, run), cards(services, run)
    assert [(card.slot, card.to) for card in first] == expected
    assert [(card.slot, card.fingerprint, card.urgency) for card in first] == [
        (card.slot, card.fingerprint, card.urgency) for card in second
    ]


@pytest.mark.parametrize("state", [State.WARNING, State.POSSIBLE])
def test_what_may_stop_mail_is_a_warning_on_the_plan(
    services: Services, begin: Begin, state: State
):
    """It holds nothing up, and it is not called right."""
    blocked = found(
        "mailbox_user",
        state,
        seen=Text("seen.shared_blocked", {"upn": "support@example.test"}),
        cause="account_disabled",
    )
    view = plan_face.view(
        begin(
            SIGNED_IN,
            blocked,
            found("permissions", seen=Text("seen.permissions")),
            replace(PLANNED, at=now()),
        )
    )
    words = {"row": "M1", "step": "key:step.mailbox_user"}
    said = "support@example.test may not sign in. That is usual for a shared mailbox: a user with rights to it signs in"
    assert Text("plan.stands", words | {"seen": said}) in view.warnings
    assert [line.values["step"] for line in view.right] == ["key:step.permissions"]


def test_before_the_details_there_is_only_the_first_card(services: Services, begin: Begin):
    """Before the details are known, a run shows only the first card, which the command posted."""
    assert cards(services, begin(detailed=False)) == []


def test_a_finished_run(services: Services, begin: Begin):
    """The done card, and it is the last."""
    everything = [found(name, seen=Text("seen.on")) for name in steps_for(Profile.ARTICLE)]
    run = begin(SIGNED_IN, PLANNED, APPROVED, *everything, Event(Kind.FINISHED, now()))
    assert [(card.slot, card.final) for card in cards(services, run)] == [
        ("plan", True),
        ("progress", True),
        ("done", True),
    ]


def test_a_sign_in_card_says_who_came(services: Services, begin: Begin):
    """Only where it was shown; nobody who had no card gets one."""
    run = begin(SIGNED_IN)
    shown(services, run, "signin")
    (card,) = cards(services, run)
    assert (card.slot, card.urgency, ADMIN in json.dumps(card.card.content)) == (
        "signin",
        "signed in",
        True,
    )


def test_a_consent_card_says_that_it_was_granted(services: Services, begin: Begin):
    """Only where it was shown."""
    run = begin(SIGNED_IN, PLANNED, APPROVED, found("admin_consent"))
    shown(services, run, "consent")
    assert [(card.slot, card.urgency) for card in cards(services, run)][-1] == (
        "consent",
        "granted",
    )


@pytest.mark.parametrize(
    ("question", "slot", "events"),
    [("sign_in", "signin", []), ("consent", "consent", [SIGNED_IN, CONSENT])],
)
def test_a_problem_is_news(
    services: Services, begin: Begin, question: str, slot: str, events: list[Event]
):
    """A problem is shown at once on the card of the failed action, with the cloud's code."""
    run = begin(*events)
    before = next(card for card in cards(services, run) if card.slot == slot)
    services.store.append(
        run.id,
        Event(
            Kind.PROBLEM,
            now(),
            data={"question": question, "cause": "consent_declined", "code": "AADSTS65004"},
        ),
    )
    after = next(card for card in cards(services, services.store.load(run.id)) if card.slot == slot)
    assert (
        before.urgency != after.urgency,
        before.fingerprint != after.fingerprint,
        "AADSTS65004" in json.dumps(after.card.content),
    ) == (
        True,
        True,
        True,
    )


def test_the_plan_names_what_is_right_and_what_stops_it(services: Services, begin: Begin):
    """Skipped is neither; after an approval nothing stops it any more."""
    wrong = found(
        "mailbox_user",
        State.WRONG,
        seen=Text("seen.nobody", {"mailbox": "m"}),
        cause="mailbox_not_found",
    )
    run = begin(
        SIGNED_IN,
        found("tenant"),
        found("user_consent", State.SKIPPED),
        wrong,
        replace(PLANNED, at=now()),
    )
    view = plan_face.view(run)
    assert [words.values["step"] for words in view.right] == ["key:step.tenant"]
    assert [words.values["step"] for words in view.blocking] == ["key:step.mailbox_user"]
    assert (view.changes, view.approved, view.signed_in) == ((LINE,), False, ADMIN)
    services.store.append(run.id, APPROVED, found("ids"))
    approved = plan_face.view(services.store.load(run.id))
    assert (approved.blocking, approved.approved, approved.approved_tenant) == ((), True, False)
    assert approved.right == view.right  # what the run brings about was not right already


def test_what_has_to_be_approved_anew_is_shown_with_what_is_left(services: Services, begin: Begin):
    """A plan that needs a new approval shows the changes that are left.

    After the approval it also shows the finished changes. No sign-in and no smaller plan replaces
    it.
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
    view = plan_face.view(run)
    assert (view.changes, view.approved, view.has_begun, view.plan_id) == (
        (shut,),
        False,
        True,
        "plan-2",
    )
    services.store.append(run.id, replace(APPROVED, data={"plan": "plan-2", "scope": "mailbox"}))
    again = plan_face.view(services.store.load(run.id))
    assert (again.changes, again.approved) == ((LINE, shut), True)


def test_what_stops_the_plan_reads_as_two_sentences(services: Services, begin: Begin):
    """A text that ends with a full stop gets no second one on the plan card."""
    waits = found(
        "mailbox_user", State.WAITING, seen=Text("seen.let_in"), cause="exchange_role_missing"
    )
    (stop,) = plan_face.view(begin(SIGNED_IN, waits, PLANNED)).blocking
    assert stop.values["seen"].endswith("so it is asked again")


def test_the_secret_stands_on_no_card(services: Services, begin: Begin):
    """The secret is on no card, at any stage and for any reader."""
    run = begin(
        SIGNED_IN,
        PLANNED,
        APPROVED,
        CONSENT,
        FORM,
        ON_THE_WAY,
        answered("rehearse"),
        found("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER),
    )
    for name in (
        f"secret:{run.id}",
        "check-secret:support@example.test",
        f"session:{run.id}",
        f"rehearsal:{run.id}",
    ):
        services.vault.put(name, "canary-s3cret", 60)
    drawn = json.dumps([[card.card.content, card.card.text] for card in cards(services, run)])
    assert ("canary" in drawn, len(drawn) > 1000) == (False, True)


@pytest.mark.parametrize(
    ("events", "part"),
    [
        ([], {"url": "", "done": False, "skipped": ""}),
        ([answered("rehearse"), found("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER)], {"done": False, "skipped": ""}),
        ([answered("rehearse", "skip:on leave")], {"url": "", "skipped": "on leave"}),
        ([found("rehearsal", evidence=(Evidence("transcript", "235 OK"),))], {"url": "", "done": True, "transcript": ("235 OK",)}),
        ([answered("rehearse"), found("rehearsal", State.WAITING, cause="smtp_token_refused", evidence=(Evidence("smtp", "535 no"),))],
         {"url": "", "problem": Text("cause.smtp_token_refused"), "problem_code": "535 no"}),
        ([answered("rehearse"), Event(Kind.PROBLEM, now(), data={"question": "mailbox_sign_in", "cause": "wrong_mailbox_user", "code": "x@y.z"})],
         {"url": "", "problem": Text("cause.wrong_mailbox_user"), "problem_code": "x@y.z"}),
    ],
)  # fmt: skip
def test_the_rehearsals_card(
    services: Services, begin: Begin, events: list[Event], part: dict[str, Any]
):
    """Offer, sign-in, skipped, done, refused by the server, refused at the sign-in."""
    view = rehearsal.view(begin(SIGNED_IN, FORM, *events), services)
    assert {name: getattr(view, name) for name in part} == part
    assert bool(view.url) is ("url" not in part)


def test_the_progress_card_stands_for_every_step(services: Services, begin: Begin):
    """The progress card has a line for every step, or shows it in another step's line.

    The line of a running step says so.
    """
    run = begin(
        SIGNED_IN,
        PLANNED,
        APPROVED,
        Event(Kind.RUNNING, now(), step="application"),
        found("tenant"),
    )
    view = progress_face.view(run)
    rows = {str(row.title.key): row for _, rows in view.groups for row in rows}
    steps = steps_of(run)
    assert set(rows) == {
        f"line.{step.name}" for step in steps.values() if step.shown_in not in steps
    }
    assert (rows["line.application"].running, view.turn, view.can_cancel, view.ended) == (
        True,
        Turn.NOBODY,
        True,
        "",
    )


def test_a_test_mail_is_followed(services: Services, begin: Begin):
    """Sent by the bot or by a person, arrived, forwarded, with an agent; a failure with its cause."""
    at = "2026-11-25T09:00:00+00:00"
    failed = found(
        "agent_answer",
        State.WAITING,
        cause="forwarding_blocked",
        evidence=(Evidence("trace", "5.7.520"),),
    )
    run = begin(
        SIGNED_IN,
        found("test_mail", facts={"subject": "S", "arrived_at": at, "forwarded_at": at}),
        answered("test_sent"),
        answered("agent_has_it"),
        failed,
    )
    view = proof.mail_view(run, services)
    assert (view.subject, view.sent_by_bot, view.arrived_at, view.forwarded_at) == (
        "S",
        False,
        datetime.fromisoformat(at),
        datetime.fromisoformat(at),
    )
    assert (view.problem, view.problem_code, view.agent_at is not None) == (
        Text("cause.forwarding_blocked"),
        "5.7.520",
        True,
    )


@pytest.mark.parametrize(
    ("cause", "turn", "sent", "part"),
    [
        ("mail_not_delivered", Turn.ADMINISTRATOR, True, {"late": False, "sent_by_bot": False}),
        ("forwarding_blocked", Turn.TIME, True, {"late": False, "sent_by_bot": False}),
        ("test_mail_late", Turn.REQUESTER, True, {"late": True, "sent_by_bot": False}),
        ("test_mail_from_itself", Turn.REQUESTER, False, {"late": False, "sent_by_bot": False}),
    ],
)
def test_a_test_mail_that_stops(
    services: Services, begin: Begin, cause: str, turn: Turn, sent: bool, part: dict[str, bool]
):
    """A test mail that stops shows what to do and whose turn it is, as on the progress card.

    A mail that must be sent again counts as not sent.
    """
    run = begin(
        SIGNED_IN,
        PLANNED,
        APPROVED,
        answered("test_sent"),
        found("test_mail", State.WAITING, cause=cause, waiting_for=turn),
    )
    view = proof.mail_view(run, services)
    assert (view.problem, view.remedy, view.turn) == (
        Text(f"cause.{cause}"),
        Text(remedy_within(cause)),
        turn,
    )
    assert (
        view.sent_at is not None,
        view.of_answer,
        {name: getattr(view, name) for name in part},
    ) == (
        sent,
        False,
        part,
    )
    assert progress_face.view(run).turn in {turn, Turn.NOBODY}


def test_an_answer_that_stops(services: Services, begin: Begin):
    """If an agent's answer fails, the mail counts as received, and both cards say Agent's turn."""
    at = "2026-11-25T09:00:00+00:00"
    facts = {"arrived_at": at, "forwarded_at": at}
    stopped = {
        "cause": "sender_restricted",
        "waiting_for": Turn.AGENT,
        "facts": {"answer_failed_at": at},
    }
    run = begin(
        SIGNED_IN,
        PLANNED,
        APPROVED,
        found("test_mail", facts=facts),
        found("agent_answer", State.WAITING, **stopped),
    )
    view = proof.mail_view(run, services)
    assert (view.of_answer, view.turn, view.agent_at) == (
        True,
        Turn.AGENT,
        datetime.fromisoformat(at),
    )
    assert progress_face.view(run).turn is Turn.AGENT


def test_a_check_is_one_card(services: Services, begin: Begin):
    """A check is one card from the first moment, and the finished check is its final state.

    It offers a sign-in if that would show more.
    """
    setup = begin()
    check = services.store.check(setup.channel, setup.requester, Origin("room-1", "t"))
    (looking,) = verdict.cards(check, services)
    services.store.append(check.id, Event(Kind.CHECKED, now()))
    (done,) = verdict.cards(services.store.load(check.id), services)
    assert (looking.slot, looking.final, done.final, looking.fingerprint != done.fingerprint) == (
        "verdict",
        False,
        True,
        True,
    )


def test_drawing_posts_each_card_once(
    services: Services, begin: Begin, said: Callable[[], list[tuple[str, str]]]
):
    """A second draw of the same run does nothing; a queued mark is taken off first."""
    run = begin(SIGNED_IN, PLANNED, APPROVED)
    services.cards.request(run.id)
    services.cards.request(run.id)
    assert len(services.cards.bell.queue.jobs) == 1
    draw.draw(run.id)
    draw.draw(run.id)
    assert [method for method, _ in said()] == ["POST", "POST"]
    services.cards.request(run.id)
    assert len(services.cards.bell.queue.jobs) == 2


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ((), False),
        (("b79fbf4d-3ef9-4689-8143-76b194e85509",), True),
        (("b79fbf4d-3ef9-4689-8143-76b194e85509", "29232CDF-9323-42FD-ADE2-1D097AF3E4DE"), False),
        (("62e90394-69f5-4237-9190-012177145e10",), False),
    ],
)
def test_the_plan_warns_of_an_account_without_a_role(
    services: Services, begin: Begin, roles: tuple[str, ...], told: bool
):
    """The plan warns about an account if none of its known roles can make a change.

    An account whose roles are unknown is trusted.
    """
    run = begin(
        Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", ADMIN, roles)), PLANNED
    )
    assert plan_face.view(run).warnings == (
        (Text("plan.no_role", {"account": ADMIN}),) if told else ()
    )


def test_a_mistake_of_ours_is_shown_before_there_is_a_plan(services: Services, begin: Begin):
    """A bug before the plan is shown with the reference that the log has.

    A run that was only canceled shows no such card.
    """
    mistake = Event(
        Kind.PROBLEM, now(), data={"question": "run", "cause": "unexpected", "code": "REF-1A2B3C"}
    )
    failed = begin(SIGNED_IN, mistake, Event(Kind.FAILED, now(), data={"reference": "REF-1A2B3C"}))
    (shown,) = progress_face.cards(failed, services)
    assert (shown.final, "REF-1A2B3C" in json.dumps(shown.card.content)) == (True, True)
    assert progress_face.cards(replace(failed, ended=Kind.CANCELLED), services) == []


def test_a_draw_does_not_wait_for_another(
    services: Services, begin: Begin, said: Callable[[], list[tuple[str, str]]]
):
    """A draw does not wait for another draw of the same run, but comes again later.

    The other draw may be waiting for Webex.
    """
    run = begin(SIGNED_IN, PLANNED)
    with renewed_lock(services.redis, LockName(LockKind.DRAW, run.id), 20):
        draw.draw(run.id)
    assert (said(), 0 < services.cards.due(run.id) - now().timestamp() <= draw.BUSY_S) == ([], True)
    draw.draw(run.id)
    assert [method for method, _ in said()] == ["POST"]


def test_what_webex_does_not_take_is_drawn_later(
    services: Services, begin: Begin, webex_script: Any, reply: Any, hasty_retries: None
):
    """If Webex accepts no message, the run stays on the list of draws and is drawn later."""
    webex_script.on("POST", "/messages", reply(503))
    run = begin()
    draw.draw(run.id)
    assert services.redis.zscore("draws:due", run.id) is not None
