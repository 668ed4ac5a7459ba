"""Presenter of a check as one card: the verdict, then the path of the mail, then every finding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import starmap
from typing import TypedDict

from adaptive_cards.cards.verdict import verdict as draw
from adaptive_cards.cards.verdict_band import Stop, VerdictView
from adaptive_cards.texts import has_text, render, text
from adaptive_cards.views import ChangeLine, CheckLine, Damage, Proof
from bot import links
from bot.cards.presenters import card_state as shared
from bot.cards.presenters import questions
from bot.services import Services
from jobs.causes.cause import Cause, page_of
from jobs.checks import more_access, remedies
from jobs.checks.changers import SetBack, set_back
from jobs.checks.discovering import open_questions
from jobs.checks.reading import CHANGES, Reading, proven_at, read
from jobs.clock import now
from jobs.engine.step import Step
from jobs.model import State, Text, Turn, minute_of, verbatim
from jobs.runs.run import Run

EXPLAINED = {
    "deleteapp": Cause.CONNECT_ADDRESS_GONE,
    "deleteflow": Cause.CONNECT_FLOW_NOT_LIVE,
    "deleterule": Cause.CONNECT_FLOW_NOT_LIVE,
    "updaterulestatus": Cause.CONNECT_FLOW_NOT_LIVE,
    "updatewfstatusonupdaterule": Cause.CONNECT_FLOW_NOT_LIVE,
}
"""Cause inside Webex Connect that an action in the audit log explains.

An update of an app may explain many causes.
"""


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    # While the check must ask for something about the channel, the card is that question.
    if asked := open_questions(run):
        return questions.discovery_cards(run, asked)
    found = view(run, services)
    # That a cloud gives no answer is a problem, and so is the first finding that was read. That the
    # cloud answers again is not urgent.
    looked = any(line.state not in {State.SKIPPED, State.UNKNOWN} for line in found.lines)
    urgency = (
        f"{bool(run.checked)}{run.kept}{looked}{found.fix is not None}"
        f"{[line.title for line in found.causes]}{found.problem.at if found.problem else ''}"
        f"{sorted(run.once_silent)}"
    )
    prompt = f"{run.checked}{found.problem}{run.ended}" if run.checked else ""
    card = shared.desired_card("verdict", found, draw(found), urgency=urgency, prompt=prompt)
    return [replace(card, at_once=2)]  # the first finding, and the cause


def view(run: Run, services: Services) -> VerdictView:
    seen = read(run)
    verdict, ours = seen.verdict, run.kept or not run.brief.discover
    return VerdictView(
        run=run.id,
        mailbox=run.channel.mailbox,
        at=run.checked or now(),
        looking=0 if run.checked else max(1, len(seen.steps) - len(run.findings)),
        silent=tuple(
            shared.known_text(f"evidence.{each}") or verbatim(each) for each in run.silent
        ),
        causes=_with_set_back(services, run, seen, _causes(run, seen, verdict.causes)),
        symptoms=_symptoms(seen),
        possible=_causes(run, seen, seen.possible),
        changes=_changes(seen),
        warnings=lines(seen, (*verdict.warnings, *seen.waiting)),
        skipped=lines(seen, verdict.skipped),
        lines=lines(seen, filter(seen.found.get, seen.steps)),
        way=tuple(starmap(Stop, seen.path)),
        since=verdict.since,
        turn=_turn(run, services, remedies.whose_turn(verdict), ours=ours),
        proofs=_proofs(seen),
        **_offers(run, services, seen, ours=ours),
        problem=shared.trouble(run.problems.get("app_access")),
        damage=Damage(*seen.damage) if seen.damage else None,
        secret_expires=seen.secret_expires,
        found=questions.found_channel(run, services),
        unread=seen.left.count,
        needs_administrator=seen.left.by_sign_in,
        secret_ends=seen.secret_ends if ours else None,
        proven=proven_at(run, services.store) if run.checked and seen.left.count else None,
        login=seen.login,
        accepts=_accepts(run, seen),
    )


def _symptoms(seen: Reading) -> tuple[CheckLine, ...]:
    return tuple(
        _line(seen, name, explained_by=seen.steps[cause].article_row)
        for name, cause in seen.verdict.symptoms.items()
    )


def _changes(seen: Reading) -> tuple[ChangeLine, ...]:
    return tuple(
        ChangeLine(each, shared.known_text(f"cause.{EXPLAINED.get(each.event.lower(), '')}"))
        for each in seen.changes
    )


class _Offers(TypedDict):
    fix: tuple[str, dict[str, str]] | None
    sign_in_url: str
    lacks_role: bool
    grant_url: str


def _offers(run: Run, services: Services, seen: Reading, *, ours: bool) -> _Offers:
    sign_in, fix = sign_in_url(run, services), None
    whole = not sign_in or run.account is not None
    if run.checked and ours:
        fix = remedies.fix(run, seen.verdict, whole=whole)
    may_grant = run.checked and not fix and more_access.may_be_granted(services.redis, run)
    if seen.secret_ends and ours and not fix:
        fix = "button.renew_secret", {"do": "fix", "channel": run.channel.mailbox}
    grant = links.link(services, "access", run.id).url if may_grant else ""
    return _Offers(
        fix=fix, sign_in_url=sign_in, lacks_role=bool(sign_in) and whole, grant_url=grant
    )


def sign_in_url(run: Run, services: Services) -> str:
    over = run.checked is not None and not run.ended
    may = over and more_access.may_sign_in(run)
    return links.link(services, "signin", run.id).url if may else ""


def _accepts(run: Run, seen: Reading) -> str:
    verdict = seen.verdict
    names = (*verdict.causes, *verdict.possible)
    known = (verdict.weighed[name].cause for name in names if name in verdict.weighed)
    return next(filter(None, known), "") if run.checked and not run.brief.discover else ""


def _turn(run: Run, services: Services, turn: Turn, *, ours: bool) -> Turn:
    """Return who must act. Before the channel is kept, no plan of the bot can be approved."""
    if turn is not Turn.APPROVER or ours:
        return turn
    return Turn.REQUESTER if questions.may_keep(run, services) else Turn.ADMINISTRATOR


def _proofs(seen: Reading) -> tuple[Proof, ...]:
    proofs = [Proof(step.article_row, Text(f"step.{step.name}"), at) for step, at in seen.proofs]
    if proofs and seen.quiet:
        proofs.append(Proof("MS", Text("verdict.no_incident"), seen.quiet))
    return tuple(proofs)


def _causes(run: Run, seen: Reading, names: Iterable[str]) -> tuple[CheckLine, ...]:
    return tuple(_cause(run, seen, name) for name in names)


def _cause(run: Run, seen: Reading, name: str) -> CheckLine:
    channel, found, by_hand = run.channel, seen.found[name], f"command_of.{name}"
    cause, changes = found.cause, found.signals.changes if name != CHANGES else ()
    line = _line(seen, name)
    values = {"mailbox": channel.mailbox, "domain": channel.domain}
    return replace(
        line,
        title=shared.known_text(f"cause.{cause}") or line.title,
        remedy=shared.known_text(f"remedy.{cause}"),
        proof=shared.known_text(f"proof.{name}"),
        command=text(by_hand, **values) if has_text(by_hand) else "",
        page=page_of(cause),
        changed=next((each.text() for each in changes), None),
    )


def _with_set_back(
    services: Services, run: Run, seen: Reading, causes: tuple[CheckLine, ...]
) -> tuple[CheckLine, ...]:
    """Return the causes; one that the bot has set right before says so, and who may set it back."""
    if run.brief.discover or not run.checked:
        return causes
    known = set_back(services.store, run.channel.mailbox, [line.step for line in causes])
    return tuple(
        replace(line, changed=_set_back_words(run, seen.steps[line.step], known[line.step]))
        if line.step in known
        else line
        for line in causes
    )


def _set_back_words(run: Run, step: Step, past: SetBack) -> Text:
    values = {"run": past.run, "at": minute_of(past.at), "after": render(past.after).rstrip(".")}
    if past.times == 1 or not step.baselines:
        return Text("verdict.set_back", values)
    exemption = text(f"exemption.{step.name}", mailbox=run.channel.mailbox)
    return Text(
        "verdict.set_back_again",
        values | {"ids": ", ".join(step.baselines), "exemption": exemption},
    )


def lines(seen: Reading, names: Iterable[str]) -> tuple[CheckLine, ...]:
    return tuple(_line(seen, name) for name in names)


def _line(seen: Reading, name: str, explained_by: str = "") -> CheckLine:
    step, finding = seen.steps[name], seen.found[name]
    return CheckLine(
        step.article_row,
        Text(f"step.{name}"),
        finding.state,
        # The access that the finding was read with, or else the access that its step needs.
        finding.access or step.diagnosis.access,
        finding.seen,
        finding.expected,
        finding.evidence,
        explained_by,
        step=name,
    )
