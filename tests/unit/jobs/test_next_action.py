"""Tests of the person whose turn it is in a run, and of the run's stage."""

from datetime import UTC, datetime, timedelta

import pytest

from adaptive_cards.texts import has_text
from jobs.model import Account, Change, Channel, Finding, Person, RunKind, Scope, State, Text, Turn
from jobs.next_action import ActionKind, NextAction, next_action, open_requests, stage_of
from jobs.runs.run import Brief, Changed, FixBrief, Kind, Plan, Problem, Reply, Run
from tests.fixtures.copies import replace

AT = datetime(2026, 11, 25, 9, tzinfo=UTC)
YES = Reply("yes", "anna@example.test", AT)
LINE = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
WIDE = replace(LINE, step="customization", scope=Scope.TENANT)
NEW = Run("R1", Channel("support@contoso.com"), Person("anna", "anna@example.test"), AT)
DETAILED = replace(NEW, detailed=True)
SIGNED_IN = replace(DETAILED, account=Account("t", "o", "admin@contoso.com"))
PLANNED = replace(SIGNED_IN, plan=Plan("p", (LINE,), AT))
BOTH = replace(SIGNED_IN, plan=Plan("p", (LINE, WIDE), AT))
APPROVED = replace(PLANNED, approvals={Scope.MAILBOX: YES})
ANSWERED = replace(APPROVED, answers={"registered": YES, "rehearse": YES})
TOLD = Problem("consent_declined", "", AT + timedelta(minutes=1))
DECLINED = replace(ANSWERED, problems={"mailbox_sign_in": TOLD})
NOTHING = replace(SIGNED_IN, plan=Plan("p", (), AT))


def found(run: Run, *findings: Finding) -> Run:
    return replace(run, findings={finding.step: finding for finding in findings})


def waits(step: str, turn: Turn, cause: str = "") -> Finding:
    return Finding(step, State.WAITING, waiting_for=turn, cause=cause)


BLOCKED = Finding("mailbox_user", State.WRONG, seen=Text("seen.nobody"))
AGAIN = Finding("ids", State.UNKNOWN, until=AT)
PROXY = Finding("tenant", State.UNKNOWN, waiting_for=Turn.OPERATOR)
FILLED_IN = Finding("mailbox_fields", State.OK)
"""First finding about the form. From this finding on, the card of the rehearsal is shown."""
FIELDS = waits("mailbox_fields", Turn.REQUESTER)
CONSENT = waits("admin_consent", Turn.ADMINISTRATOR)
REHEARSES, OWN = waits("rehearsal", Turn.MAILBOX_USER), "test_mail_from_itself"
REFUSED = waits("rehearsal", Turn.ADMINISTRATOR, "smtp_login_blocked")
SECRET_ASKS = waits("check_secret", Turn.MAILBOX_USER)
REGISTERED = Finding("registered", State.OK)
MADE = [Finding(n, State.OK) for n in ("ids", "client_secret", "smtp_grant", "admin_consent")]
UNREAD = Finding("ids", State.UNKNOWN)
TABLE: list[tuple[Run, list[Finding], Turn, str, int]] = [
    (NEW, [], Turn.REQUESTER, "details", 1),
    (DETAILED, [], Turn.ADMINISTRATOR, "sign_in", 2),
    (SIGNED_IN, [], Turn.NOBODY, "reading", 3),
    (PLANNED, [BLOCKED], Turn.ADMINISTRATOR, "look", 3),
    (PLANNED, [AGAIN], Turn.TIME, "waiting", 3),
    (PLANNED, [AGAIN, BLOCKED], Turn.ADMINISTRATOR, "look", 3),
    (PLANNED, [PROXY, BLOCKED], Turn.ADMINISTRATOR, "look", 3),
    (PLANNED, [PROXY, AGAIN], Turn.OPERATOR, "look", 3),
    (PLANNED, [], Turn.APPROVER, "approve", 3),
    (replace(PLANNED, plan=Plan("p", (WIDE,), AT)), [], Turn.APPROVER, "approve_tenant", 3),
    (replace(BOTH, approvals={Scope.MAILBOX: YES}), [], Turn.APPROVER, "approve_tenant", 4),
    (replace(BOTH, approvals={Scope.TENANT: YES}), [], Turn.APPROVER, "approve", 4),
    (replace(PLANNED, changed={"ids": Changed((), UNREAD, AT)}), [], Turn.APPROVER, "approve", 4),
    (APPROVED, [], Turn.NOBODY, "running", 4),
    (APPROVED, [BLOCKED], Turn.NOBODY, "running", 4),
    (NOTHING, [], Turn.NOBODY, "running", 4),
    (replace(APPROVED, account=None), [], Turn.ADMINISTRATOR, "sign_in", 4),
    (APPROVED, [UNREAD], Turn.ADMINISTRATOR, "look", 4),
    (APPROVED, [PROXY], Turn.OPERATOR, "look", 4),
    (APPROVED, [AGAIN], Turn.TIME, "waiting", 4),
    (replace(APPROVED, running=frozenset({"tenant"})), [AGAIN], Turn.NOBODY, "running", 4),
    (APPROVED, [waits("application", Turn.APPROVER)], Turn.NOBODY, "running", 4),
    (APPROVED, [CONSENT], Turn.ADMINISTRATOR, "consent", 5),
    (APPROVED, [waits("application", Turn.TIME), CONSENT], Turn.NOBODY, "running", 5),
    (APPROVED, [Finding("mail_send", State.WRONG), CONSENT], Turn.NOBODY, "running", 5),
    (APPROVED, [waits("agent_answer", Turn.AGENT), FIELDS], Turn.REQUESTER, "form", 4),
    (APPROVED, [waits("token", Turn.REQUESTER)], Turn.REQUESTER, "form", 4),
    (APPROVED, [waits("registered", Turn.REQUESTER)], Turn.REQUESTER, "register", 4),
    (ANSWERED, [waits("registered", Turn.REQUESTER)], Turn.NOBODY, "running", 4),
    (APPROVED, [SECRET_ASKS], Turn.NOBODY, "running", 4),
    (APPROVED, [SECRET_ASKS, CONSENT], Turn.ADMINISTRATOR, "consent", 5),
    (APPROVED, [SECRET_ASKS, FILLED_IN], Turn.REQUESTER, "rehearse", 4),
    (ANSWERED, [REHEARSES, FILLED_IN], Turn.MAILBOX_USER, "rehearsal_sign_in", 4),
    (ANSWERED, [REFUSED, FILLED_IN], Turn.ADMINISTRATOR, "rehearse_again", 4),
    (DECLINED, [REHEARSES, FILLED_IN], Turn.MAILBOX_USER, "rehearse_again", 4),
    (APPROVED, [waits("test_mail", Turn.REQUESTER), REGISTERED], Turn.REQUESTER, "send", 7),
    (APPROVED, [waits("agent_answer", Turn.AGENT), REGISTERED], Turn.AGENT, "answer", 7),
    (APPROVED, [waits("test_mail", Turn.ADMINISTRATOR, "x")], Turn.ADMINISTRATOR, "look", 4),
    (APPROVED, [waits("test_mail", Turn.REQUESTER, "x")], Turn.REQUESTER, "look", 4),
    (APPROVED, [waits("test_mail", Turn.REQUESTER, OWN)], Turn.REQUESTER, "send", 4),
    (APPROVED, [waits("agent_answer", Turn.AGENT, "x")], Turn.AGENT, "answer_again", 4),
    (APPROVED, [waits("smtp_auth", Turn.NOBODY)], Turn.NOBODY, "running", 4),
    (APPROVED, [waits("test_mail", Turn.TIME)], Turn.NOBODY, "running", 4),
    (APPROVED, MADE, Turn.NOBODY, "running", 6),
]


@pytest.mark.parametrize(("run", "findings", "turn", "key", "number"), TABLE)
def test_whose_turn_and_which_stage(run, findings, turn, key, number):
    """A run names the next person, that person's task, and its stage.

    If several steps wait for people, the earliest stage counts.
    """
    run = found(run, *findings)
    assert (next_action(run), stage_of(run)) == (NextAction(turn, ActionKind(key)), number)


@pytest.mark.parametrize(
    ("made", "key"),
    [
        ({}, "token"),
        ({"client_secret": Changed((), Finding("client_secret", State.WRONG), AT)}, "form"),
    ],
)
def test_a_fix_asks_for_the_form_where_it_has_made_a_secret(made, key):
    """A fix asks for the form only if it has created a client secret.

    Its plan may hold a secret that is not needed in the end.
    """
    brief = Brief(fix=FixBrief(token_cause="session_revoked"))
    run = replace(APPROVED, kind=RunKind.FIX, brief=brief, changed=made)
    assert next_action(found(run, waits("mailbox_fields", Turn.REQUESTER))).kind == key


@pytest.mark.parametrize(
    ("ended", "key"),
    [(Kind.FINISHED, "done"), (Kind.CANCELLED, "cancelled"), (Kind.FAILED, "failed")],
)
def test_an_ended_run_is_nobodys(ended, key):
    """An ended run is nobody's turn, whatever the run waited for before.

    Only an undo that has finished has undone anything.
    """
    run = replace(found(APPROVED, waits("token", Turn.REQUESTER)), ended=ended)
    undo = next_action(replace(run, kind=RunKind.UNDO))
    assert undo.kind == ("undone" if ended is Kind.FINISHED else key)
    assert (next_action(run).turn, next_action(run).kind) == (Turn.NOBODY, key)


@pytest.mark.parametrize("kind", ActionKind)
def test_every_action_has_words(kind):
    """The catalog has a sentence for every kind of action."""
    assert has_text(NextAction(Turn.REQUESTER, kind).words.key)


@pytest.mark.parametrize("step", ["app_fields", "address_fields", "mailbox_fields"])
def test_every_part_of_the_form_asks_for_the_form(step):
    """If a part of the form is missing, the card asks for the form, and never says Look again."""
    run = found(APPROVED, waits(step, Turn.REQUESTER))
    assert [each.kind for each in open_requests(run)] == [ActionKind.FORM]
