"""Examples of the cards of a run, from its sign-in to its end, each from a run."""

from adaptive_cards.components import Header
from bot.cards.presenters import connect_form, mail as mail_card, progress, questions
from bot.cards.presenters.card_state import THREAD, header as run_header
from bot.links import Link
from jobs.causes.cause import Cause
from jobs.model import (
    Channel,
    Evidence,
    Finding,
    Profile,
    RunKind,
    Scope,
    State,
    Text,
    Turn,
    verbatim,
)
from jobs.runs.run import Changed, Kind, Plan, Problem, RecordedChange, Reply
from jobs.steps import steps_of
from jobs.steps.connect_form import MailboxFields
from tests.fixtures.copies import replace
from tests.unit.adaptive_cards.examples import (
    AT,
    BASE,
    CHANGES,
    CLIENT_ID,
    HOSTILE,
    MAILBOX,
    REQUESTER,
    RUN,
    SETTINGS,
    TENANT,
    header,
    later,
    ran,
)


def examples():
    """Return the example cards, by a name that says the state."""
    every = _asked, _delegates, _rehearsals, _progresses, _mails, _ends, _undone, _connects
    return {name: card for of in every for name, card in of()}


LINK = Link(f"{BASE}/page/7Q4K", later(minutes=10))
CARL = "carl@contoso.com"


def asked(of, run, to: str = THREAD):
    """Return a request to an administrator, in the thread or 1:1."""
    link = replace(LINK, asker="Rita Requester", space="Contact center")
    return of(run, run_header(run, to=to, link=link), link, to)


def _asked():
    """Yield the cards that ask an administrator to sign in, and to consent."""
    sent, wrong = (
        Reply(CARL, REQUESTER.email, AT),
        Problem("comma_in_domain", "carl@contoso,com", AT),
    )
    code = "AADSTS50020: User account from identity provider does not exist in tenant"
    facts = {"app_name": f"Webex Connect email ({MAILBOX})", "client_id": CLIENT_ID}
    ids = Finding("ids", State.OK, facts=facts)
    waits = Finding("admin_consent", State.WAITING, waiting_for=Turn.ADMINISTRATOR)
    plan, bad = Plan("p3", CHANGES, AT), Channel(HOSTILE)
    for name, of, run, question, ask in (
        ("signin", questions.sign_in, replace(RUN, account=None), "sign_in", "administrator"),
        (
            "consent",
            questions.consent,
            ran(ids, waits, plan=plan, approvals=dict.fromkeys(Scope, sent)),
            "consent",
            "consent_administrator",
        ),
    ):
        failed = replace(run, problems={question: Problem("wrong_tenant", code, AT)})
        pressed = {"look_again": Reply("", REQUESTER.email, AT)}
        yield name, asked(of, run)
        yield f"{name}-pressed", asked(of, replace(run, answers=pressed))
        yield f"{name}-waits", asked(of, replace(run, answers={ask: sent}))
        yield f"{name}-direct", asked(of, replace(run, answers={ask: sent}), CARL)
        yield f"{name}-asked-in-vain", asked(of, replace(run, problems={ask: wrong}))
        yield f"{name}-problem", asked(of, failed)
        hostile = {
            question: Problem("wrong_tenant", HOSTILE, AT),
            ask: replace(wrong, code=HOSTILE),
        }
        yield f"hostile-{name}", asked(of, replace(run, channel=bad, problems=hostile))


def _delegates():
    """Yield the question who signs in for a shared mailbox."""
    run = ran(Finding("delegate", State.WAITING, waiting_for=Turn.REQUESTER))
    yield "delegate", questions.delegate(run)
    malformed = {"delegate": Problem("malformed", "agent@contoso", AT)}
    yield "delegate-malformed", questions.delegate(replace(run, problems=malformed))
    for name, typed in (("delegate-nobody", "a@contoso.com"), ("hostile-delegate", HOSTILE)):
        seen = Text("seen.nobody", {"mailbox": typed})
        nobody = ran(Finding("delegate", State.WAITING, seen, waiting_for=Turn.REQUESTER))
        answers = {"delegate": Reply(typed, REQUESTER.email, AT)}
        yield name, questions.delegate(replace(nobody, answers=answers))


READY = tuple(Finding(name, State.OK) for name in MailboxFields.needs)
"""Findings of a run in which the form of Webex Connect can be filled in."""
NOTHING_LEFT = Plan("p3", (), AT)


def rehearsed(found: Finding, *, ready: bool = False, to: str = THREAD, **more):
    """Return the card of a rehearsal that has this finding."""
    facts = {"upn": MAILBOX} | more.pop("facts", {})
    known = *READY, Finding("mailbox_user", State.OK, facts=facts)
    run = replace(ran(*known, found, plan=NOTHING_LEFT), **more)
    pressed = {"rehearse": Reply("yes", REQUESTER.email, AT)} if ready else {}
    shown = replace(run, answers=run.answers | pressed)
    link = LINK if ready and not found.cause else None
    return connect_form.rehearsal(shown, run_header(shown, to=to, link=link), link, to)


def _rehearsals():
    waits = Finding("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER)
    transcript = (
        "220 smtp.office365.com ready",
        "AUTH XOAUTH2 (token)",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled",
    )
    said = (
        Evidence("smtp", transcript[-1]),
        *(Evidence("transcript", each) for each in transcript),
    )
    off = replace(waits, cause="smtp_auth_off_for_mailbox", evidence=said)
    both = {"facts": {"shared": "yes", "delegate": "agent@contoso.com"}}
    both["channel"] = replace(RUN.channel, delegate="agent@contoso.com")
    yield "rehearsal-offer", rehearsed(waits)
    yield "rehearsal-ready", rehearsed(waits, ready=True)
    yield "rehearsal-direct", rehearsed(waits, ready=True, to=CARL)
    nobody = {"mailbox_user": Problem("nobody_in_webex", MAILBOX, AT)}
    yield "rehearsal-nobody", rehearsed(waits, ready=True, problems=nobody)
    yield "rehearsal-problem", rehearsed(off, ready=True)
    yield "rehearsal-settling", rehearsed(replace(off, until=later(minutes=5)), ready=True)
    lost = replace(off, cause="mailbox_not_found", waiting_for=Turn.ADMINISTRATOR)
    yield "rehearsal-lost", rehearsed(lost, ready=True)
    other = {"mailbox_sign_in": Problem("wrong_mailbox_user", "kim@contoso.com", later(minutes=1))}
    yield "rehearsal-other-user", rehearsed(waits, ready=True, problems=other)
    yield "rehearsal-shared-offer", rehearsed(waits, **both)
    yield "rehearsal-shared-ready", rehearsed(waits, ready=True, **both)
    refused = replace(waits, cause="smtp_token_refused")
    yield "rehearsal-shared-refused", rehearsed(refused, ready=True, **both)
    bad = tuple(Evidence(kind, HOSTILE) for kind in ("smtp", *["transcript"] * 40))
    hostile = replace(off, evidence=bad)
    yield "hostile-rehearsal", rehearsed(hostile, ready=True, facts={"upn": HOSTILE})


def progressed(*found: Finding, **more):
    """Return the progress card of a run in the middle of its changes, with further findings."""
    so_far = (
        Finding("application", State.OK),
        Finding("client_secret", State.WARNING),
        Finding("user_consent", State.SKIPPED, Text("seen.user_consent_yes")),
        Finding("mailbox_user", State.OK),
        Finding("forwarding", State.WRONG),
    )
    approved = dict.fromkeys(Scope, Reply("p3", "anna@contoso.com", AT))
    plan = Plan("p3", CHANGES, AT)
    run = ran(*so_far, *found, plan=plan, approvals=approved, running=frozenset({"smtp_auth"}))
    shown = replace(run, **more)
    return progress.progress(shown, run_header(shown), AT)


def _progresses():
    waits = Finding("admin_consent", State.WAITING, waiting_for=Turn.ADMINISTRATOR)
    answers = {"administrator": Reply(CARL, REQUESTER.email, AT)}
    yield "progress-person", progressed(waits)
    yield "progress-asked", progressed(waits, answers=answers)
    until = later(minutes=30)
    spreads = Finding("smtp_grant", State.WAITING, waiting_for=Turn.TIME, until=until)
    yield "progress-time", progressed(spreads, running=frozenset())
    yield "progress-running", progressed(resumed=1)
    refused = Finding(
        "outbound_policy",
        State.UNKNOWN,
        cause="not_allowed",
        evidence=(Evidence("graph", "Graph 403 Forbidden"), Evidence("request-id", "4f2c")),
        waiting_for=Turn.ADMINISTRATOR,
    )
    yield "progress-look", progressed(refused)
    over = {"problems": {"run": Problem("unexpected", "REF-3F9A", AT)}, "ended": Kind.FAILED}
    yield "progress-failed", progressed(refused, ended_at=later(minutes=30), **over)
    bad = replace(refused, seen=verbatim(HOSTILE), evidence=(Evidence("x", HOSTILE),))
    every = [replace(bad, step=name) for name in steps_of(RUN)]
    yield "hostile-progress", progressed(*every, channel=Channel(HOSTILE))


def mail(*found: Finding, direct: bool = False, arrived: int = 0, **more):
    """Return the test mail's card; ``arrived`` is the number of stations that have seen it."""
    names = ("arrived_at", "forwarded_at", "answered_at")[:arrived]
    seen = {name: later(minutes=at + 2).isoformat() for at, name in enumerate(names)}
    sent = {"test_mail": Changed((), Finding("test_mail", State.WRONG), later(minutes=1))}
    facts = {"subject": "Webex email test 7Q4K", **seen}
    first, *others = found or (Finding("test_mail", State.WAITING, waiting_for=Turn.TIME),)
    known = Finding("registered", State.OK), replace(first, facts=facts | first.facts)
    run = ran(*known, *others, plan=NOTHING_LEFT, **({"changed": sent} | more))
    to = "agent@contoso.com" if direct else THREAD
    return mail_card.drawn(run, run_header(run), to)


def _mails():
    def stopped(cause: str, turn: Turn, step: str = "test_mail") -> Finding:
        code = (Evidence("smtp", "550 5.7.520 Access denied"),)
        return Finding(step, State.WAITING, cause=cause, evidence=code, waiting_for=turn)

    way = Finding("test_mail", State.OK)
    to_send = replace(way, state=State.WAITING, waiting_for=Turn.REQUESTER)
    confirmed = {"agent_has_it": Reply("yes", REQUESTER.email, later(minutes=4))}
    answer = Finding("agent_answer", State.WAITING, waiting_for=Turn.AGENT)
    yield "mail-send", mail(to_send, changed={})
    yield "mail-on-its-way", mail()
    yield "mail-arrived", mail(arrived=1)
    yield "mail-forwarded", mail(arrived=2)
    yield "mail-direct", mail(arrived=2, direct=True)
    yield "mail-agent", mail(way, arrived=2, answers=confirmed)
    yield "mail-answers", mail(way, answer, arrived=2, answers=confirmed)
    consent = Text("seen.after", {"step": "key:step.smtp_grant"})
    yield (
        "mail-answer-later",
        mail(way, replace(answer, waiting_for=Turn.NOBODY, seen=consent), arrived=2),
    )
    blocked = stopped("forwarding_blocked", Turn.ADMINISTRATOR)
    yield "mail-problem", mail(blocked, arrived=1)
    yield "mail-problem-direct", mail(blocked, arrived=2, direct=True)
    yield "mail-problem-time", mail(stopped("forwarding_blocked", Turn.TIME), arrived=1)
    yield "mail-late", mail(stopped(Cause.TEST_MAIL_LATE, Turn.REQUESTER), arrived=1)
    itself = stopped(Cause.TEST_MAIL_FROM_ITSELF, Turn.REQUESTER)
    yield "mail-from-itself", mail(itself, changed={})
    refused = stopped("smtp_token_refused", Turn.AGENT, "agent_answer")
    yield "mail-answer-problem", mail(way, refused, arrived=2, answers=confirmed)
    held = replace(answer, waiting_for=Turn.REQUESTER, cause=Cause.SESSION_REVOKED)
    yield "mail-answer-held", mail(way, held, arrived=2)
    bad = replace(blocked, facts={"subject": HOSTILE}, evidence=(Evidence("smtp", HOSTILE),))
    yield "hostile-mail", mail(bad, channel=Channel(HOSTILE), arrived=2)


def made(*steps: str) -> dict[str, Changed]:
    """Return the changes of the steps, which a run has made."""
    lines = {each.step: replace(CHANGES[0], step=each.step) for each in CHANGES}
    return {
        step: Changed(
            (replace(lines.get(step, CHANGES[0]), step=step),),
            Finding(step, State.WRONG),
            AT,
            later(minutes=5),
        )
        for step in steps
    }


def done(*found: Finding, watched: str = "", blind: bool = False, **more):
    """Return the card of a run that is finished, with further findings."""
    names = [name for name in steps_of(RUN) if name not in {each.step for each in found}]
    run = ran(
        *(Finding(name, State.OK) for name in names),
        *found,
        plan=NOTHING_LEFT,
        **({"ended": Kind.FINISHED, "ended_at": later(minutes=58)} | more),
    )
    return progress.done(run, watched, blind=blind)


def _ends():
    minutes = {"arrived_at": 21, "forwarded_at": 22, "answered_at": 30, "expires": 365 * 24 * 60}
    facts = {name: later(minutes=at).isoformat() for name, at in minutes.items()}
    found = (
        Finding("test_mail", State.OK, facts=facts),
        Finding("rehearsal", State.OK, verbatim("235 2.7.0 Authentication successful")),
        Finding("outbound_policy", State.SKIPPED, Text("cause.not_allowed")),
    )
    more = {
        "changed": made("application", "client_secret", "smtp_auth", "forwarding"),
        "approvals": {Scope.MAILBOX: Reply("p3", "anna@contoso.com", AT)},
    }
    yield "done", done(*found, **more)
    yield "done-blind", done(*found, blind=True, **more)
    yield "done-watched", done(*found, watched="every:900.0", **more)
    yield "done-fixed", done(*found[:2], kind=RunKind.FIX, **more)
    yield "done-already", done(channel=Channel(MAILBOX, profile=Profile.LEAST), ended_at=AT)
    yield "done-nothing-to-fix", done(kind=RunKind.FIX)
    bad = verbatim(HOSTILE)
    every = (Finding(name, State.SKIPPED, bad, facts=facts) for name in ("forwarding", "ids"))
    by = {Scope.MAILBOX: Reply("p3", HOSTILE, AT)}
    hostile = {"channel": Channel(HOSTILE), "approvals": by}
    yield "hostile-done", done(*every, **more | hostile)


def undone(*found: Finding, undoes: str = "", **more):
    """Return the card of an undo that has these findings."""
    past = {
        each.step: RecordedChange(
            each.step, CHANGES[0], Text("seen.not_set"), {"object_id": ""}, {}, ()
        )
        for each in found
    }
    known = {"undoes": undoes} if undoes else {}
    run = replace(RUN, kind=RunKind.UNDO, past=past, known=known)
    return progress.undone(ran(*found, run=run, ended_at=later(minutes=3), **more))


def _undone():
    back = Text("seen.undo_back", {"seen": "key:seen.not_set"})
    since = Text("seen.undo_changed_since", {"seen": "key:seen.off"})
    restored = Finding("application", State.OK), Finding("forwarding", State.OK, back)
    left = Finding("smtp_auth", State.WARNING, since)
    approved = {"approvals": {Scope.MAILBOX: Reply("p3", "anna@contoso.com", AT)}}
    yield "undone", undone(*restored, left, **approved)
    yield "undone-run", undone(restored[1], left, undoes="3F9A", **approved)
    yield "undone-nothing", undone(left)
    hostile = replace(restored[1], seen=verbatim(HOSTILE))
    yield "undone-hostile", undone(hostile, channel=Channel(HOSTILE))


def connected(*found: Finding, pressed: tuple[str, ...] = (), gone: bool = False, **more):
    """Return the card with further findings, after somebody has ``pressed`` these buttons."""
    known = (
        Finding("mailbox_user", State.OK, facts={"upn": MAILBOX}),
        Finding("ids", State.OK, facts={"client_id": CLIENT_ID}),
        Finding("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER),
    )
    answers = {each: Reply("yes", REQUESTER.email, AT) for each in pressed}
    account = replace(RUN.account, tenant_id=TENANT)
    run = ran(*known, *found, **({"answers": answers, "account": account} | more))
    link = Link(f"{BASE}/handover/7Q4K", later(minutes=15))
    head = header(6) if run.kind is RunKind.SETUP else Header(MAILBOX, 6, run.kind)
    return connect_form.connect_form(run, head, link, SETTINGS, gone=gone)


def _connects():
    token, registered = (Finding(step, State.OK) for step in ("token", "registered"))
    user = Finding("mailbox_user", State.OK)
    yield "connect", connected()
    yield "connect-token-saved", connected(pressed=("token_saved",), gone=True)
    yield "connect-token-read", connected(token, gone=True)
    yield "connect-secret-lost", connected(gone=True)
    yield "connect-secret-making", connected(pressed=("new_secret",))
    yield "connect-shared", connected(replace(user, facts={"shared": "yes"}))
    yield "connect-other-login", connected(replace(user, facts={"upn": "s1@contoso.com"}))
    yield "connect-registered", connected(pressed=("registered",))
    yield "connect-filled-in", connected(pressed=("token_saved", "registered"), gone=True)
    yield "connect-registered-read", connected(registered, pressed=("token_saved",), gone=True)
    form = Finding("mailbox_fields", State.OK)
    asked = Finding("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER)
    both = ("token_saved", "rehearse")
    yield (
        "connect-registered-read-early",
        connected(registered, form, asked, pressed=both, gone=True, plan=NOTHING_LEFT),
    )
    fix = {"kind": RunKind.FIX, "channel": Channel(MAILBOX, "https://uk.webexconnect.io/callback")}
    yield "connect-new-secret", connected(**fix, changed=made("client_secret"))
    yield "connect-new-token", connected(**fix)
    yield "connect-new-token-saved", connected(**fix, pressed=("token_saved",))
    yield "connect-new-token-read", connected(token, **fix)
