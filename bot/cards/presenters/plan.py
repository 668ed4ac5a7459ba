"""Presenter of the plan: what is already right, and each change to approve before it is made.

A plan may be asked for in a place in which nobody can approve it. Such a place is a 1:1 message of
a person without the right to approve, or a space without any approver. Each approver gets the plan
1:1, with the buttons. Every copy says who is waited for, and who has decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from adaptive_cards.cards.plan import Address, ForeignHosts, PlanPeople, PlanView, plan
from adaptive_cards.glyphs import is_person
from adaptive_cards.texts import remedy_within, render
from adaptive_cards.times import clock
from bot.cards.presenters.card_state import (
    THREAD,
    DesiredCard,
    code_of,
    desired_card,
    header,
    slot_of,
    texts_of,
    was_refused,
)
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
from jobs.channel.in_use import ADDRESS_IN_USE, APP_IN_USE
from jobs.microsoft.scopes import lacks_all
from jobs.model import Change, Finding, RunKind, Scope, State, Text, Turn, minute_of
from jobs.next_action import blocking_steps, next_action, planned_changes, unplanned_steps
from jobs.runs.origin import FixBrief
from jobs.runs.plan import word_for
from jobs.runs.run import Run
from jobs.steps import steps_of
from jobs.steps.application import BY_HAND


def copies(run: Run, services: Services) -> tuple[str, ...]:
    return _reachable(run, services) if _waits(run) else ()


def for_asker(run: Run, services: Services) -> PlanPeople | None:
    """Return the people to name on the card of the person who asked, or None.

    The result is None if that person may approve the plan, or if an approver is in the same space.
    """
    return replace(_people(run, services), asked_by="") if _approvers(run, services) else None


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
        if not was_refused(services, run.id, slot_of(address))
    )
    others = tuple(each for each in _approvers(run, services) if each not in asked)
    return replace(people, waits_for=asked, unreachable=others)


def _waits(run: Run) -> bool:
    return not run.ended and next_action(run).turn is Turn.APPROVER


def _approvers(run: Run, services: Services) -> tuple[str, ...]:
    # The result is empty if they can press the button in the place in which the run began.
    approvers = services.bot.approvers
    asks_them = _are_approvers_elsewhere(run) and run.requester.email not in approvers
    return approvers if asks_them else ()


def _are_approvers_elsewhere(run: Run) -> bool:
    """Return whether the run began in a place without an approver: a 1:1 message or a space."""
    return run.origin.direct or bool(run.answer(ABSENT))


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
    hosts = foreign_hosts(run, connect_hosts)
    if not hosts:
        return None
    return ForeignHosts(
        tuple((host, _what(run, host)) for host in hosts), _confirmed(run, connect_hosts)
    )


def _what(run: Run, host: str) -> Text:
    return _GOES_TO[host == callback_host(run.channel), host == forwarding_host(run.channel)]


def _confirmed(run: Run, connect_hosts: Sequence[str]) -> Text | None:
    by = confirmation(run)
    if by is None or unconfirmed_hosts(run, connect_hosts):
        return None
    return Text("plan.foreign_confirmed", {"who": by.by, "at": clock(by.at)})


def consent(run: Run) -> Text | None:
    """Return for whom the run's permissions will be granted, or None if it grants none.

    In the article's profile the consent page covers all that the app declares. So it gives SMTP.Send
    for every user (consentType AllPrincipals, microsoft.md 1.5 and 1.6), besides Mail.Send. The
    least-privilege profile has no consent page: its grant is for one user.
    """
    if run.kind is RunKind.UNDO or not planned_changes(run):
        return None
    return Text("plan.everyone") if for_all(run) else _one_user(run)


def _one_user(run: Run) -> Text | None:
    if not any(change.step == "smtp_grant" for change in planned_changes(run)):
        return None
    return Text("plan.one_user", {"user": run.fact("delegate") or run.channel.mailbox})


def for_all(run: Run) -> bool:
    """Return whether the run asks for an admin consent, which holds for all users."""
    return (
        "admin_consent" in steps_of(run)
        and run.state_of("mail_send") is not State.SKIPPED
        and run.state_of("admin_consent") is not State.OK
    )


def in_use(run: Run) -> tuple[Text, ...]:
    return tuple(
        Text(key, {"mailboxes": ", ".join(mailboxes)})
        for step, kind, key in _IN_USE
        if (mailboxes := _others(run, step, kind))
    )


def _others(run: Run, step: str, kind: str) -> tuple[str, ...]:
    return texts_of(run.findings[step].evidence, kind) if step in run.findings else ()


SLOT = "plan"
LEFT = frozenset({State.WARNING, State.SKIPPED})
"""States of findings that an undo leaves as they are.

Either another person has changed the setting since, or it cannot be restored.
"""
NOTED = frozenset({State.WARNING, State.POSSIBLE})
"""States that do not block a setup but are not right either; the approver is informed of them."""


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """Return the plan card, once there is a plan and an account that it was made with.

    If the person who asked 1:1 may not approve it, each approver gets a copy 1:1. In a tenant other
    than the mailbox's there is nothing to plan.
    """
    if not _is_shown(run):
        return []
    found = view(run, services)
    hosts = "hosts" if found.waits_for_hosts else ""
    turn = f"{found.plan_id}{sorted(run.approvals)}{hosts}"
    asks = turn if _asks(run, found) else ""
    return [
        desired_card(SLOT, shown, plan(shown), to=to, urgency=turn, prompt=asks)
        for to, shown in _copies(run, services, found).items()
    ]


def _is_shown(run: Run) -> bool:
    """Return whether the run is open and has a plan, made by an account of the mailbox's tenant."""
    planned = run.plan is not None and run.account is not None
    return planned and not run.ended and not _elsewhere(run)


def _copies(run: Run, services: Services, found: PlanView) -> dict[str, PlanView]:
    asker = replace(found, people=for_asker(run, services))
    approvers = {
        to: replace(found, people=for_approver(run, services, to)) for to in copies(run, services)
    }
    return {THREAD: asker, **approvers}


def _asks(run: Run, found: PlanView) -> bool:
    return bool(found.blocking) or next_action(run).turn is Turn.APPROVER or _is_named(run, found)


def _is_named(run: Run, found: PlanView) -> bool:
    """Return whether a plan without changes names a cause that a person must act on."""
    return not found.changes and not run.has_begun and is_person(found.turn)


def _elsewhere(run: Run) -> bool:
    return not run.has_begun and run.state_of("tenant") is State.WRONG


def view(run: Run, services: Services | None = None) -> PlanView:
    """Return the current plan with the findings from when it was made.

    Without ``services``, every host but Webex Connect's own is foreign.
    """
    connect_hosts = services.settings.connect_hosts if services else ()
    told = run.brief.fix or FixBrief()
    # The approver sees this before anything is changed (platforms/microsoft.md 6.1).
    no_role = (
        (Text("plan.no_role", {"account": run.account.upn}),)
        if run.account and lacks_all(run.account)
        else ()
    )
    unchanged_facts = (
        _stays(run)
        if run.kind is RunKind.UNDO
        else _stand(run, [finding for finding in _standing(run) if finding.state in NOTED])
    )
    all_named = tuple(
        _named(cause, told.checked_at) for cause in told.manual_causes if told.checked_at
    )
    left = LEFT if run.kind is RunKind.UNDO else NOTED | {State.SKIPPED}
    right = tuple(
        Text(
            "plan.right_line",
            {"row": steps_of(run)[finding.step].article_row, "step": f"key:step.{finding.step}"},
        )
        for finding in _standing(run)
        if finding.state not in left
    )
    return PlanView(
        header=header(run, 3, services),
        plan_id=run.plan.id if run.plan else "",
        signed_in=run.account.upn if run.account else "",
        changes=tuple(change for change in planned_changes(run) if _is_listed(run, change)),
        right=right,
        warnings=(*no_role, *in_use(run), *unchanged_facts),
        blocking=()
        if run.has_begun
        else tuple(_stop(run, run.findings[name]) for name in blocking_steps(run)),
        profile=run.channel.profile,
        approved=Scope.MAILBOX in run.approvals,
        approved_tenant=Scope.TENANT in run.approvals,
        manually_created="" if run.has_begun else made_by_hand(run),
        named=all_named,
        turn=known(told.manual_causes[0]).acts if told.manual_causes else Turn.NOBODY,
        has_begun=run.has_begun,
        addresses=addresses(run),
        foreign=foreign(run, connect_hosts),
        consent=consent(run),
        for_all=for_all(run),
        undoes=run.undoes,
    )


def _named(cause: str, at: datetime) -> Text:
    values = {"cause": f"key:cause.{cause}", "remedy": f"key:{remedy_within(cause)}"}
    return Text("plan.named_line", values | {"at": minute_of(at)})


def _is_listed(run: Run, change: Change) -> bool:
    """Return whether the change was approved, or is still to be made."""
    return word_for(change.scope) in run.approvals or not run.change_applied(change.step)


def _standing(run: Run) -> list[Finding]:
    # Later findings are excluded, because the run's own changes may have caused them.
    if run.plan is None:
        return []
    settled = filter(run.settled, unplanned_steps(run))
    return [run.findings[name] for name in settled if run.found_at[name] <= run.plan.at]


def made_by_hand(run: Run) -> str:
    found = run.findings.get("application")
    return next(iter(texts_of(found.evidence, BY_HAND)), "") if found else ""


def _stays(run: Run) -> tuple[Text, ...]:
    # If the channel is disconnected, the Webex Connect asset always has such a line.
    left = [run.findings[name] for name in steps_of(run) if run.state_of(name) in LEFT]
    return (*_stand(run, left), *(() if run.undoes else (Text("plan.undo_asset"),)))


def _stand(run: Run, found: list[Finding]) -> tuple[Text, ...]:
    return tuple(_stands(run, finding) for finding in found)


def _stands(run: Run, finding: Finding) -> Text:
    row = steps_of(run)[finding.step].article_row
    return Text(
        "plan.stands",
        {"row": row, "step": f"key:step.{finding.step}", "seen": _seen_fragment(finding)},
    )


def _stop(run: Run, finding: Finding) -> Text:
    step = steps_of(run)[finding.step]
    remedy = f"key:{remedy_within(finding.cause)}" if finding.cause else ""
    reason = (code_of(finding) if finding.state is State.UNKNOWN else "") or _seen_fragment(finding)
    return Text(
        "plan.stop",
        {
            "row": step.article_row,
            "step": f"key:step.{step.name}",
            "seen": reason,
            "remedy": remedy,
        },
    )


def _seen_fragment(finding: Finding) -> str:
    """Return the text of the finding as part of a sentence, without a final period."""
    return render(finding.seen).rstrip(".") if finding.seen else ""
