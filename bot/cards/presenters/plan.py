"""Presenter of the plan: what is already right, and each change to approve before it is made.

A plan may be asked for in a place in which nobody can approve it. Such a place is a 1:1 message of
a person without the right to approve, or a space without any approver. Each approver gets the plan
1:1, with the buttons. Every copy says who is waited for, and who has decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adaptive_cards.cards.plan import Address, ForeignHosts, PlanPeople, PlanView, plan
from adaptive_cards.glyphs import is_person
from adaptive_cards.texts import remedy_within, render
from adaptive_cards.times import clock
from bot.cards.presenters import card_state as shared
from bot.chat.audience import ABSENT
from bot.services import Services
from jobs.causes.cause import known
from jobs.channel import form
from jobs.channel.connect_hosts import (
    callback_host,
    confirmation,
    foreign_hosts,
    forwarding_host,
    unconfirmed_hosts,
)
from jobs.channel.mailbox import ADDRESS_IN_USE, APP_IN_USE
from jobs.microsoft.scopes import lacks_all
from jobs.model import Change, Finding, RunKind, Scope, State, Text, Turn, minute_of
from jobs.next_action import blocking_steps, next_action, planned_changes, unplanned_steps
from jobs.runs.run import FixBrief, Run, word_for
from jobs.steps import steps_of
from jobs.steps.application import BY_HAND


def for_approver(run: Run, services: Services, address: str) -> PlanPeople:
    found = _people(run, services)
    others = tuple(each for each in found.waits_for if each != address)
    return replace(found, waits_for=others, unreachable=(), may_approve=True)


def _people(run: Run, services: Services) -> PlanPeople:
    decided = tuple(
        Text(f"plan.approved_by_{scope}", {"who": given.by, "at": clock(given.at)})
        for scope in Scope
        if (given := run.approvals.get(scope))
    )
    people = PlanPeople(asked_by=run.requester.email, decided=decided)
    if not _waits(run):
        return people
    asked = tuple(
        address
        for address in _reachable(run, services)
        if not shared.was_refused(services, run.id, shared.slot_of(address))
    )
    others = tuple(each for each in _approvers(run, services) if each not in asked)
    return replace(people, waits_for=asked, unreachable=others)


def _waits(run: Run) -> bool:
    return not run.ended and next_action(run).turn is Turn.APPROVER


def _approvers(run: Run, services: Services) -> tuple[str, ...]:
    # The result is empty if they can press the button in the place in which the run began.
    approvers, elsewhere = services.bot.approvers, run.origin.direct or run.answer(ABSENT)
    return approvers if elsewhere and run.requester.email not in approvers else ()


def _reachable(run: Run, services: Services) -> tuple[str, ...]:
    """Return the approvers whom the bot serves: it tells nobody else about a channel."""
    domains = services.bot.allowed_email_domains
    return tuple(each for each in _approvers(run, services) if each.rpartition("@")[2] in domains)


_IN_USE = (
    ("addresses", ADDRESS_IN_USE, "plan.address_in_use"),
    ("application", APP_IN_USE, "plan.app_in_use"),
)
"""Steps that find an address or app which another channel also uses.

Each has the kind of its evidence and the text for the plan.
"""
_GOES_TO: Mapping[tuple[bool, bool], Text] = {
    (True, False): Text("plan.foreign_callback"),
    (False, True): Text("plan.foreign_forwarding"),
    (True, True): Text("plan.foreign_both"),
}
"""Texts about a foreign host.

The key says whether the host is in the Call Back URL, and whether it is in the forwarding address.
"""


def addresses(run: Run) -> tuple[Address, ...]:
    """Return the channel's addresses; none for an undo, which takes them away."""
    if run.kind is RunKind.UNDO:
        return ()
    channel = run.channel
    named = (
        ("field.mailbox", channel.mailbox, channel.domain),
        ("field.callback_url", channel.callback_url, callback_host(channel)),
        ("field.forwarding_address", channel.forwarding_address, forwarding_host(channel)),
    )
    found = (_address(key, value, host) for key, value, host in named if value)
    # The kicker names the mailbox already.
    return tuple(each for each in found if each.key != "field.mailbox" or each.letters)


def _address(key: str, value: str, host: str) -> Address:
    """Return the address, with the other spelling of its host if ASCII and display form differ."""
    ascii_host, displayed = form.as_ascii(host), form.as_displayed(host)
    other = displayed if displayed != host else ascii_host if ascii_host != host else ""
    local = value.rpartition("@")[0]
    letters = form.letters_beyond_ascii(local + displayed)
    return Address(key, value, other, letters)


def foreign(run: Run, connect_hosts: Sequence[str]) -> ForeignHosts | None:
    channel, by = run.channel, confirmation(run)
    hosts = tuple(
        (host, _GOES_TO[host == callback_host(channel), host == forwarding_host(channel)])
        for host in foreign_hosts(run, connect_hosts)
    )
    if not hosts:
        return None
    if by is None or unconfirmed_hosts(run, connect_hosts):
        return ForeignHosts(hosts)
    who = {"who": by.by, "at": clock(by.at)}
    return ForeignHosts(hosts, Text("plan.foreign_confirmed", who))


def consent(run: Run) -> Text | None:
    """Return for whom the run's permissions will be granted, or None if it grants none.

    In the article's profile the consent page covers all that the app declares. So it gives SMTP.Send
    for every user (consentType AllPrincipals, microsoft.md 1.5 and 1.6), besides Mail.Send. The
    least-privilege profile has no consent page: its grant is for one user.
    """
    if run.kind is RunKind.UNDO or not planned_changes(run):
        return None
    if for_all(run):
        return Text("plan.everyone")
    if not any(change.step == "smtp_grant" for change in planned_changes(run)):
        return None
    return Text("plan.one_user", {"user": run.fact("delegate") or run.channel.mailbox})


def for_all(run: Run) -> bool:
    return (
        "admin_consent" in steps_of(run)
        and run.state_of("mail_send") is not State.SKIPPED
        and run.state_of("admin_consent") is not State.OK
    )


def in_use(run: Run) -> tuple[Text, ...]:
    return tuple(
        Text(key, {"mailboxes": ", ".join(mailboxes)})
        for step, kind, key in _IN_USE
        if step in run.findings
        and (mailboxes := shared.texts_of(run.findings[step].evidence, kind))
    )


SLOT = "plan"
LEFT = frozenset({State.WARNING, State.SKIPPED})
"""States of findings that an undo leaves as they are.

Either another person has changed the setting since, or it cannot be restored.
"""
NOTED = frozenset({State.WARNING, State.POSSIBLE})
"""States that do not block a setup but are not right either; the approver is informed of them."""


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    """Return the plan card, once there is a plan and an account that it was made with.

    If the person who asked 1:1 may not approve it, each approver gets a copy 1:1. In a tenant other
    than the mailbox's there is nothing to plan.
    """
    elsewhere = not run.has_begun and run.state_of("tenant") is State.WRONG
    if run.plan is None or run.account is None or run.ended or elsewhere:
        return []
    found = view(run, services)
    acts = found.turn if is_person(found.turn) and not run.has_begun else ""
    turn = f"{found.plan_id}{sorted(run.approvals)}{found.waits_for_hosts}{acts}"
    # A plan without changes may name a cause that a person must act on.
    asks = turn if _waits(run) or (acts and (found.blocking or not found.changes)) else ""
    # The card of the person who asked names nobody if that person may approve the plan, or if an
    # approver is in the same space.
    own = replace(_people(run, services), asked_by="") if _approvers(run, services) else None
    copies = _reachable(run, services) if _waits(run) else ()
    people = {shared.THREAD: own} | {to: for_approver(run, services, to) for to in copies}
    views = {to: replace(found, people=named) for to, named in people.items()}
    return [
        shared.desired_card(SLOT, shown, plan(shown), to=to, urgency=turn, prompt=asks)
        for to, shown in views.items()
    ]


def view(run: Run, services: Services | None = None) -> PlanView:
    """Return the current plan with the findings from when it was made.

    Without ``services``, every host but Webex Connect's own is foreign.
    """
    connect_hosts = services.settings.connect_hosts if services else ()
    told, standing = run.brief.fix or FixBrief(), _standing(run)
    blocking = () if run.has_begun else blocking_steps(run)
    return PlanView(
        header=shared.header(run, 3, services),
        plan_id=run.plan.id if run.plan else "",
        signed_in=run.account.upn if run.account else "",
        changes=tuple(_with_baselines(run, each) for each in listed_changes(run)),
        right=_right(run, standing),
        warnings=tuple(_warnings(run, standing)),
        blocking=tuple(_stop(run, run.findings[name]) for name in blocking),
        profile=run.channel.profile,
        approved=Scope.MAILBOX in run.approvals,
        approved_tenant=Scope.TENANT in run.approvals,
        manually_created="" if run.has_begun else made_by_hand(run),
        named=_causes(told),
        turn=_turn(run, told.manual_causes, blocking),
        has_begun=run.has_begun,
        addresses=addresses(run),
        foreign=foreign(run, connect_hosts),
        consent=consent(run),
        for_all=for_all(run),
        undoes=run.undoes,
    )


def listed_changes(run: Run) -> list[Change]:
    """Return the planned changes that were approved, or are still to be made."""
    return [
        change
        for change in planned_changes(run)
        if word_for(change.scope) in run.approvals or not run.change_applied(change.step)
    ]


def _right(run: Run, standing: Sequence[Finding]) -> tuple[Text, ...]:
    left = LEFT if run.kind is RunKind.UNDO else NOTED | {State.SKIPPED}
    right = (each for each in standing if each.state not in left)
    return tuple(Text("plan.right_line", _named(run, each)) for each in right)


def _causes(told: FixBrief) -> tuple[Text, ...]:
    if told.checked_at is None:
        return ()
    at = minute_of(told.checked_at)
    return tuple(
        Text(
            "plan.named_line",
            {"cause": f"key:cause.{each}", "remedy": f"key:{remedy_within(each)}", "at": at},
        )
        for each in told.manual_causes
    )


def _named(run: Run, finding: Finding) -> dict[str, str]:
    row = steps_of(run)[finding.step].article_row
    return {"row": row, "step": f"key:step.{finding.step}"}


def _turn(run: Run, manual_causes: Sequence[str], blocking: Sequence[str]) -> Turn:
    if blocking:
        return next_action(run).turn
    return known(manual_causes[0]).acts if manual_causes else Turn.NOBODY


def _warnings(run: Run, standing: Sequence[Finding]) -> list[Text]:
    undo, warnings = run.kind is RunKind.UNDO, list(in_use(run))
    # The approver sees this before anything is changed (platforms/microsoft.md 6.1).
    if run.account and lacks_all(run.account):
        warnings.insert(0, Text("plan.no_role", {"account": run.account.upn}))
    stays = [run.findings[name] for name in steps_of(run) if undo and run.state_of(name) in LEFT]
    stays += [finding for finding in standing if not undo and finding.state in NOTED]
    warnings += [
        Text("plan.stands", _named(run, each) | {"seen": _seen_fragment(each)}) for each in stays
    ]
    # If the channel is disconnected, the Webex Connect asset always has such a line.
    return [*warnings, *([Text("plan.undo_asset")] if undo and not run.undoes else [])]


def _with_baselines(run: Run, change: Change) -> Change:
    step = None if run.kind is RunKind.UNDO else steps_of(run).get(change.step)
    ids = ", ".join(step.baselines) if step else ""
    if not ids or change.note:
        return change
    return replace(change, note=Text("note.baselines", {"ids": ids}))


def _standing(run: Run) -> list[Finding]:
    # Later findings are excluded, because the run's own changes may have caused them.
    if run.plan is None:
        return []
    settled = filter(run.settled, unplanned_steps(run))
    return [run.findings[name] for name in settled if run.found_at[name] <= run.plan.at]


def made_by_hand(run: Run) -> str:
    found = run.findings.get("application")
    return next(iter(shared.texts_of(found.evidence, BY_HAND)), "") if found else ""


def _stop(run: Run, finding: Finding) -> Text:
    code = shared.code_of(finding) if finding.state is State.UNKNOWN else ""
    remedy = f"key:{remedy_within(finding.cause)}" if finding.cause else ""
    more = {"seen": code or _seen_fragment(finding), "remedy": remedy}
    return Text("plan.stop", _named(run, finding) | more)


def _seen_fragment(finding: Finding) -> str:
    return render(finding.seen).rstrip(".") if finding.seen else ""
