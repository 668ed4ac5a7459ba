"""The plan: what is right, each change and how far it reaches, and who approves it.

A plan may be asked for in a place in which nobody can approve it. Such a place is a 1:1 message of
a person without the right to approve, or a space without any approver. Each approver gets the plan
1:1, with the buttons. Every copy says who is waited for, and who has decided.

The addresses, foreign hosts and grants, which no change shows, decide where mail and sign-ins go.
So they are never shortened.
"""

from collections.abc import Sequence
from dataclasses import replace

from adaptive_cards import components as ui, elements as el, glyphs
from adaptive_cards.glyphs import marked
from adaptive_cards.locale import day_clock
from adaptive_cards.texts import listed, plural, remedy_key, render, text
from bot.cards.presenters import card_state as shared
from bot.chat.permissions import ABSENT, served
from bot.services import Services
from jobs.causes.cause import known
from jobs.channel import form, mailbox
from jobs.microsoft.scopes import lacks_all
from jobs.model import Change, Finding, Profile, Reason, RunKind, Scope, State, Text, Turn
from jobs.next_action import blocking_steps, next_action, unplanned_steps
from jobs.runs.run import FOREIGN_HOSTS, FixBrief, Run
from jobs.steps import steps_of
from jobs.steps.application import BY_HAND

SLOT = "plan"
LEFT = frozenset({State.WARNING, State.SKIPPED})
"""States that an undo leaves: another person has changed it since, or it cannot be restored."""
NOTED = frozenset({State.WARNING, State.POSSIBLE})
"""States that do not block a setup but are not right either; the approver is informed of them."""


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    """Return the plan card, once there is a plan and an account that it was made with.

    In a tenant other than the mailbox's there is nothing to plan.
    """
    elsewhere = not run.has_begun and run.state_of("tenant") is State.WRONG
    if run.plan is None or run.account is None or run.ended or elsewhere:
        return []
    known_hosts, waits = services.settings.connect_hosts, next_action(run).turn is Turn.APPROVER
    acts = "" if run.has_begun or not glyphs.is_person(_turn(run)) else _turn(run)
    turn = f"{run.plan.id}{sorted(run.approvals)}{_waits_for_hosts(run, known_hosts)}{acts}"
    # A plan without changes may name a cause that a person must act on.
    asks = turn if waits or (acts and (blocking_steps(run) or not listed_changes(run))) else ""
    return shared.desired_cards(SLOT, _copies(run, services, waits=waits), turn, asks)


def _copies(run: Run, services: Services, *, waits: bool) -> dict[str, ui.Card]:
    drawn, approvers = {}, _approvers(run, services)
    for to in (shared.THREAD, *(served(services.bot, approvers) if waits else ())):
        head, people = shared.header(run, services, to=to), _people(run, services, to)
        opens, known_hosts = to != shared.THREAD or not approvers, services.settings.connect_hosts
        drawn[to] = plan(run, head, known_hosts, people, opens=opens)
    return drawn


def _approvers(run: Run, services: Services) -> tuple[str, ...]:
    # The result is empty if they can press the button in the place in which the run began.
    approvers, elsewhere = services.bot.approvers, run.origin.direct or run.answer(ABSENT)
    return approvers if elsewhere and run.requester.email not in approvers else ()


def _people(run: Run, services: Services, to: str) -> list[Text]:
    """Return who has decided, who else is waited for, and who is lost.

    If the person who asked or somebody else in the space may approve, nobody is named.
    """
    if not (approvers := _approvers(run, services)):
        return []
    found = [
        Text(f"plan.approved_by_{scope}", {"who": given.by, "at": day_clock(given.at)})
        for scope, given in sorted(run.approvals.items())
    ]
    if next_action(run).turn is not Turn.APPROVER:
        return found
    reached = served(services.bot, approvers)
    asked = [each for each in reached if not shared.was_refused(services, run, each)]
    lines = {"plan.waits_for": [each for each in asked if each != to]}
    if to == shared.THREAD:
        lines["plan.unreachable"] = sorted(set(approvers) - set(asked))
    found += [Text(key, {"who": ", ".join(who)}) for key, who in lines.items() if who]
    return found if asked else [*found, Text("plan.nobody_reached")]


_ROOM_BYTES = ui.MOST_BYTES - 1_000
"""Size of a plan with its commands that leaves room for the kicker and the lines of a run's card."""
_NAMED_MOST = 4
"""Maximum number of already correct settings that are named. All further ones are only counted."""


def plan(
    run: Run,
    head: ui.Header,
    connect_hosts: Sequence[str] = (),
    people: Sequence[Text] = (),
    *,
    opens: bool = True,
) -> ui.Card:
    """Return the card of the current plan, with the findings from when it was made.

    Tenant-wide changes have their own approval. A blocked plan has no approve button, and neither
    has a copy that does not ``opens`` it for its reader.
    """
    grant = consent(run)
    mark = glyphs.WARNING if for_all(run) else glyphs.OK
    body = [
        *el.button_rows(_main(run, connect_hosts, opens=opens)),
        *(el.said(words, spacing="Small") for words in people),
        *_foreign(run, connect_hosts, opens=opens),
        *_tenant(run),
        *([marked(mark, el.said(grant), spacing="Medium")] if grant else []),
        *ui.titled("plan.addresses", addresses(run)),
        *_right(run),
        *(marked(glyphs.WARNING, el.said(words)) for words in warnings(run)),
        *ui.titled("plan.blocked", [marked(glyphs.WRONG, el.said(each)) for each in _stops(run)]),
        *ui.titled("plan.named", _causes(run.brief.fix or FixBrief())),
        *_group(run, Scope.APP),
        *_group(run, Scope.MAILBOX),
    ]
    band, other, commands = _band(run, head, connect_hosts), _other(run), _commands(run)
    if ui.size({"parts": (band.element, body, other, commands)}) > _ROOM_BYTES:
        commands = []  # or every text of the card would be cut in the middle
    return ui.finished(ui.kicker(head), band, body, [*commands, *other])


def listed_changes(run: Run) -> list[Change]:
    """Return the planned changes that were approved, or are still to be made.

    A blocked plan leaves out what could not be read: such a change may not be needed.
    """
    unread = Reason.NOT_KNOWN.text() if blocking_steps(run) else None
    asked = {name for name, each in run.findings.items() if each.waiting_for is Turn.APPROVER}
    made = set(filter(run.change_applied, run.changed)) - asked
    return [
        _with_baselines(run, change)
        for change in run.plan_lines
        if change.approval_scope in run.approvals or change.step not in made
        if change.before != unread
    ]


def _with_baselines(run: Run, change: Change) -> Change:
    step = None if run.kind is RunKind.UNDO else steps_of(run).get(change.step)
    ids = ", ".join(step.baselines) if step else ""
    if not ids or change.note:
        return change
    return replace(change, note=Text("note.baselines", {"ids": ids}))


def _left(run: Run) -> tuple[int, int]:
    changes = listed_changes(run)
    tenant = sum(change.scope is Scope.TENANT for change in changes)
    local = 0 if Scope.MAILBOX in run.approvals else len(changes) - tenant
    return local, 0 if Scope.TENANT in run.approvals else tenant


def _turn(run: Run) -> Turn:
    if blocking_steps(run):
        return next_action(run).turn
    causes = run.brief.fix.manual_causes if run.brief.fix else ()
    return known(causes[0]).acts if causes else Turn.NOBODY


def _band(run: Run, head: ui.Header, connect_hosts: Sequence[str]) -> ui.Band:
    account = Text("plan.signed_in", {"account": run.account.upn if run.account else ""})
    signed_in = [el.said(account, spacing="Small")] if run.account else []
    changes, acts, key = listed_changes(run), _turn(run), "plan."
    if stops := len(blocking_steps(run)):
        title = Text("plan.blocked_title", {"count": str(stops)})
        if acts is Turn.TIME:
            return ui.Band.calm(title, Text("turn_words.waiting"), *signed_in)
        turn = ui.run_turn(head, acts, Text("plan.blocked_turn"))
        return ui.persons_turn(title, turn, *signed_in)
    if any(_left(run)):
        told = Text("plan.foreign_turn") if _waits_for_hosts(run, connect_hosts) else _reach(run)
        turn = ui.run_turn(head, Turn.APPROVER, told, direct=head.asked is not None)
        return ui.persons_turn(_title(run), turn, *signed_in, asked=head.asked)
    if changes:
        title = Text("plan.approved", {"changes": plural("plan.changes", len(changes))})
        return ui.Band.calm(title, Text("plan.approved_next"), *signed_in)
    if run.kind in {RunKind.FIX, RunKind.UNDO}:
        key = f"plan.{run.kind}_"
    title, next_one = Text(f"{key}nothing"), Text(f"{key}nothing_next")
    if not glyphs.is_person(acts):
        return ui.Band.calm(title, next_one, *signed_in)
    turn = ui.turn_line(acts, Text("plan.fix_nothing_named"))
    return ui.persons_turn(title, turn, *signed_in)


def _title(run: Run) -> Text:
    if run.kind is RunKind.UNDO:
        values = {"mailbox": run.channel.mailbox, "run": run.undoes}
        return Text("plan.undo_run" if run.undoes else "plan.disconnect", values)
    left = sum(_left(run))
    approved = plural("plan.changes", len(listed_changes(run)) - left)
    values = {"changes": plural("plan.changes", left), "approved": approved}
    if run.approvals:
        return Text("plan.title_some", values)
    return Text("plan.title_rest" if run.has_begun else "plan.title", values)


def _reach(run: Run) -> Text:
    local, tenant = _left(run)
    scopes = {change.scope for change in listed_changes(run)}
    where = "both" if Scope.APP in scopes else "mailbox"
    values = {
        "local": plural("plan.changes", local),
        "where": f"key:plan.where.{where if Scope.MAILBOX in scopes else 'app'}",
        "tenant": str(tenant),
        "alone": plural("plan.changes", tenant),
    }
    reach = Text("plan.reach_local" if local else "plan.reach_tenant", values)
    if local and tenant:
        reach = Text("plan.reach_both", values)
    return Text("plan.meanwhile", {"reach": render(reach)}) if run.approvals else reach


def _main(run: Run, connect_hosts: Sequence[str], *, opens: bool) -> list[el.Element]:
    plan_id, undo = run.plan.id if run.plan else "", run.kind is RunKind.UNDO
    stop = el.cancel(run.id, plan=plan_id)
    if blocking_steps(run):
        again = el.submit(text("button.look_again"), "look_again", main=True, run=run.id)
        return [again, stop, el.submit(text("button.sign_in_other"), "sign_in_other", run=run.id)]
    if not opens or _waits_for_hosts(run, connect_hosts):
        return [stop]
    local, tenant = _left(run)
    title = plural("button.undo_changes" if undo else "button.approve", local)
    if undo and not run.undoes:
        title = text("button.disconnect")
    approve = el.submit(title, "approve", main=not undo, run=run.id, plan=plan_id)
    if undo:  # something that works may stop
        approve["style"] = "destructive"
    of_tenant = el.submit(text("button.approve_tenant"), "approve_tenant", run=run.id, plan=plan_id)
    return [*([approve] if local else []), *([of_tenant] if tenant else []), stop]


def _commands(run: Run) -> list[el.Element]:
    lines = [
        el.literal(command if number else f"{change.row}  {command}", size="Small", spacing="Small")
        for change in listed_changes(run)
        for number, command in enumerate(filter(None, map(str.strip, change.command.splitlines())))
    ]
    told = el.own("plan.commands", **el.SMALL)
    return [el.show_card(text("button.commands"), [told, *lines])] if lines else []


def _other(run: Run) -> list[el.Element]:
    if run.plan is None or run.has_begun:
        return []
    run_id, plan_id = run.id, run.plan.id
    if (app := made_by_hand(run)) and not blocking_steps(run):
        return [el.submit(text("button.adopt"), "adopt", run=run_id, plan=plan_id, app=app)]
    setup = run.kind is RunKind.SETUP and run.channel.profile is Profile.ARTICLE
    least = el.submit(text("button.least"), "least_privilege", run=run_id, plan=plan_id)
    return [least] if setup and listed_changes(run) else []


def made_by_hand(run: Run) -> str:
    found = run.findings.get("application")
    return next(iter(shared.texts_of(found.evidence, BY_HAND)), "") if found else ""


def _waits_for_hosts(run: Run, connect_hosts: Sequence[str]) -> bool:
    return any(_left(run)) and bool(mailbox.unconfirmed_hosts(run, connect_hosts))


def _foreign(run: Run, connect_hosts: Sequence[str], *, opens: bool) -> list[el.Element]:
    callback, forwarding = mailbox.callback_host(run.channel), mailbox.forwarding_host(run.channel)
    if not (foreign := mailbox.foreign_hosts(run, connect_hosts)):
        return []
    lines = [el.said(Text("plan.foreign", {"count": str(len(foreign))}), **el.BOLD)]
    for host in foreign:
        goes = "forwarding" if host != callback else "callback" if host != forwarding else "both"
        lines += [el.literal(host, spacing="Small"), ui.note(Text(f"plan.foreign_{goes}"))]
    by = run.answers.get(FOREIGN_HOSTS)
    if by and not mailbox.unconfirmed_hosts(run, connect_hosts):
        who = {"who": by.by, "at": day_clock(by.at)}
        lines.append(el.said(Text("plan.foreign_confirmed", who), spacing="Small"))
    elif run.plan and opens and any(_left(run)) and not blocking_steps(run):
        title = plural("button.confirm_hosts", len(foreign))
        button = el.submit(title, "confirm_hosts", run=run.id, plan=run.plan.id)
        lines += [el.own("plan.foreign_next", spacing="Small"), el.buttons(button, spacing="Small")]
    return [ui.box("warning", glyphs.WARNING, *lines)]


def consent(run: Run) -> Text | None:
    """Return for whom the run's permissions will be granted, or None if it grants none.

    In the article's profile the consent page covers all that the app declares. So it gives SMTP.Send
    for every user (consentType AllPrincipals, microsoft.md 1.5 and 1.6), besides Mail.Send. The
    least-privilege profile has no consent page: its grant is for one user.
    """
    if run.kind is RunKind.UNDO or not listed_changes(run):
        return None
    if for_all(run):
        return Text("plan.everyone")
    if "smtp_grant" not in run.planned_steps:
        return None
    return Text("plan.one_user", {"user": run.fact("delegate") or run.channel.mailbox})


def for_all(run: Run) -> bool:
    sends = run.state_of("mail_send") is not State.SKIPPED
    is_granted = run.state_of("admin_consent") is State.OK
    return sends and "admin_consent" in steps_of(run) and not is_granted


def addresses(run: Run) -> list[el.Element]:
    """Return the channel's addresses in full; none for an undo, which takes them away."""
    if run.kind is RunKind.UNDO:
        return []
    channel, lines = run.channel, list[el.Element]()
    for key, value, host in (
        ("field.mailbox", channel.mailbox, channel.domain),
        ("field.callback_url", channel.callback_url, mailbox.callback_host(channel)),
        ("field.forwarding_address", channel.forwarding_address, mailbox.forwarding_host(channel)),
    ):
        ascii_host, displayed = form.as_ascii(host), form.as_displayed(host)
        other = displayed if displayed != host else ascii_host
        shown = value.rpartition("@")[0] + displayed
        letters = form.listed_signs(sign for sign in shown if not sign.isascii())
        # The kicker names the mailbox already.
        if not value or (key == "field.mailbox" and not letters):
            continue
        lines += [el.own(key, **el.SMALL, spacing="Small"), el.literal(value, spacing="None")]
        if other != host:
            lines += [el.own("plan.other_spelling", **el.SMALL, spacing="None")]
            lines += [el.literal(other, spacing="None")]
        if letters:
            words = Text("plan.letters", {"letters": letters})
            lines.append(marked(glyphs.WARNING, el.said(words)))
    return lines


def _right(run: Run) -> list[el.Element]:
    left = LEFT if run.kind is RunKind.UNDO else NOTED | {State.SKIPPED}
    right = [
        render(Text("plan.right_line", _named(run, each)))
        for each in _standing(run)
        if each.state not in left
    ]
    if not right:
        return []
    if run.kind is RunKind.UNDO:
        told = text("plan.undo_right", held=listed(right))
    elif len(right) > _NAMED_MOST:
        told = plural("plan.right_count", len(right))
    else:
        told = text("plan.right", held=listed(right))
    return [marked(glyphs.OK, el.rich(el.run(told)), spacing="Medium")]


def _standing(run: Run) -> list[Finding]:
    # Later findings are excluded, because the run's own changes may have caused them.
    if run.plan is None:
        return []
    settled = filter(run.settled, unplanned_steps(run))
    return [run.findings[name] for name in settled if run.found_at[name] <= run.plan.at]


def _named(run: Run, finding: Finding) -> dict[str, str]:
    return {"row": steps_of(run)[finding.step].article_row, "step": f"key:step.{finding.step}"}


def warnings(run: Run) -> list[Text]:
    found = []
    if run.account and lacks_all(run.account):
        # The approver sees this before anything is changed (platforms/microsoft.md 6.1).
        found.append(Text("plan.no_role", {"account": run.account.upn}))
    evidence = [item for each in run.findings.values() for item in each.evidence]
    in_use = mailbox.ADDRESS_IN_USE, mailbox.APP_IN_USE  # by another channel, too
    named = ((kind, shared.texts_of(evidence, kind)) for kind in in_use)
    found += [Text(f"plan.{kind}", {"mailboxes": ", ".join(who)}) for kind, who in named if who]
    staying = _staying(run)
    found += [
        Text("plan.stands", _named(run, each) | {"seen": _seen_fragment(each)}) for each in staying
    ]
    # If the channel is disconnected, the Webex Connect asset always has such a line.
    if run.kind is RunKind.UNDO and not run.undoes:
        found.append(Text("plan.undo_asset"))
    return found


def _staying(run: Run) -> list[Finding]:
    if run.kind is RunKind.UNDO:
        return [run.findings[name] for name in steps_of(run) if run.state_of(name) in LEFT]
    return [each for each in _standing(run) if each.state in NOTED]


def _stops(run: Run) -> list[Text]:
    """Return what blocks the plan; a remedy that several findings share is said after the last."""
    found = [run.findings[name] for name in blocking_steps(run)]
    last = {each.cause: each for each in found if each.cause}
    stops = []
    for each in found:
        code = shared.code_of(each) if each.state is State.UNKNOWN else ""
        remedy = f"key:{remedy_key(each.cause, 'within')}" if last.get(each.cause) is each else ""
        more = {"seen": code or _seen_fragment(each), "remedy": remedy}
        stops.append(Text("plan.stop", _named(run, each) | more))
    return stops


def _seen_fragment(finding: Finding) -> str:
    return render(finding.seen).rstrip(".") if finding.seen else ""


def _causes(told: FixBrief) -> list[el.Element]:
    if told.checked_at is None:
        return []
    at = day_clock(told.checked_at)
    values = (
        {"cause": f"key:cause.{each}", "remedy": f"key:{remedy_key(each, 'within')}", "at": at}
        for each in told.manual_causes
    )
    return [marked(glyphs.WRONG, el.said(Text("plan.named_line", each))) for each in values]


def _group(run: Run, scope: Scope) -> list[el.Element]:
    # "reversible" appears once if it applies to all of them, otherwise on each line that it applies
    # to.
    changes = [change for change in listed_changes(run) if change.scope is scope]
    whole = all(change.reversible for change in changes)
    rows = [_change_row(change, whole=whole) for change in changes]
    return ui.titled(f"plan.{scope}", rows, "plan.reversible" if whole else "")


def _changed(change: Change) -> list[el.Element]:
    # Long values are shortened in the middle. The Commands part shows them in full.
    before, after = (el.tame(render(each), el.FACT_MOST) for each in (change.before, change.after))
    return [el.run(before, **el.SUBTLE), el.run(glyphs.ARROW + after)]


def _change_row(change: Change, *, whole: bool) -> el.Element:
    lines = [el.said(change.object, **el.BOLD), el.rich(*_changed(change), spacing="None")]
    if change.note and change.warning:
        sign_of = el.run(f"{glyphs.WARNING.glyph} ", **glyphs.WARNING.look)
        lines.append(el.rich(sign_of, el.run(render(change.note)), spacing="None"))
    elif change.note:
        lines.append(ui.note(change.note))
    cells = [
        el.column("32px", el.sign(change.row, **el.SUBTLE)),
        el.column("stretch", *lines, spacing="None"),
    ]
    if not whole:
        told = "plan.line_reversible" if change.reversible else "plan.irreversible"
        cells.append(el.column("auto", ui.aside(Text(told)), spacing="Default"))
    return el.columns(*cells, spacing="Small")


def _tenant(run: Run) -> list[el.Element]:
    changes = [change for change in listed_changes(run) if change.scope is Scope.TENANT]
    lines: list[el.Element] = []
    for change in changes:
        named = [el.run(f"{change.row}  ", **el.SUBTLE), el.run(f"{render(change.object)}: ")]
        lines.append(el.rich(*named, *_changed(change), spacing="Small"))
        lines += [el.said(change.note, size="Small", spacing="Small")] if change.note else []
    if not lines:
        return []
    if Scope.TENANT in run.approvals:
        return [ui.box("emphasis", glyphs.OK, el.own("plan.tenant_approved", **el.BOLD), *lines)]
    whole = all(change.reversible for change in changes)
    title = el.own("plan.tenant_reversible" if whole else "plan.tenant", **el.BOLD)
    return [ui.box("warning", glyphs.WARNING, title, *lines)]
