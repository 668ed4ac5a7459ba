"""Commands that change a channel: /setup-email and /adopt, /fix and /undo, all after approval."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from adaptive_cards.answers import offer
from adaptive_cards.components import WELL
from adaptive_cards.locale import day
from adaptive_cards.texts import has_text, listed, render
from bot.cards import living, superseded
from bot.cards.notices import ending_of
from bot.cards.presenters import questions
from bot.cards.presenters.card_state import LIVING, keep, posted_card
from bot.chat import permissions
from bot.chat.context import ChatContext
from bot.chat.offers import read_known, read_mailbox
from bot.commands import Command, check
from bot.webex.errors import WebexAnswerError
from jobs.checks.check import fix_context, for_people, likely_changes, verdict_of
from jobs.clock import now
from jobs.engine.undo import ids_of, recall
from jobs.model import Channel, RunKind, Text, minute_of
from jobs.runs.run import UNDOES, Brief, Event, FixBrief, Kind, Run
from jobs.runs.run_store import AlreadyRunningError
from jobs.steps import all_steps
from jobs.watch.store import assessment

_COMMANDS = {RunKind.SETUP: "setup-email", RunKind.FIX: "fix", RunKind.UNDO: "undo"}
RECENT = timedelta(days=1)
"""Maximum age of check results that a fix repeats; for older ones it only names the command."""


def setup_email(ctx: ChatContext, argument: str) -> None:
    mailbox = read_mailbox(ctx, "setup-email", argument) if argument else ""
    if not mailbox or ctx.services.channels.running(mailbox) or not tell_if_connected(ctx, mailbox):
        begin(ctx, mailbox)


def inspect_again(ctx: ChatContext, mailbox: str) -> None:
    # If the channel is not known here, none of its data is used, and a new setup begins.
    if record := permissions.visible_record(ctx, mailbox):
        begin_known(ctx, record.channel, RunKind.SETUP)
    else:
        begin(ctx, mailbox)


def begin_known(
    ctx: ChatContext, channel: Channel, kind: RunKind, *events: Event, brief: Brief | None = None
) -> None:
    """Open a run of a channel whose details are known, and let a worker continue it.

    The same message or press opens only one run, however often it is delivered.
    """
    try:
        opened = ctx.services.store.open(channel, ctx.asker, ctx.origin, kind, brief)
    except AlreadyRunningError as busy:
        opened = ctx.services.store.load(busy.run)
        if opened.origin.message != ctx.request:
            point_to(ctx, opened)
            return
        if opened.detailed:
            ctx.services.carry_on(opened.id)
            return
    details = ctx.event(Kind.DETAILS, channel=channel)
    ctx.services.carry_on(opened.id, details, *events, *permissions.note_absent(ctx))


def begin(ctx: ChatContext, mailbox: str) -> None:
    # The same message or press opens only one run, however often it is delivered.
    if opened := _opened(ctx, mailbox):
        typed = questions.TypedInputs(_known(ctx, mailbox))
        keep(ctx.services, opened.id, questions.TYPED, typed)
        ctx.say(questions.intake_card(opened, ctx.services).card, shows=(opened.id, LIVING))


def _opened(ctx: ChatContext, mailbox: str) -> Run | None:
    """Return the run whose first card is to be shown.

    If a run is already in progress, refer to it and return None. If Webex never accepted the first
    card, a person who asks again in the same space gets that card. From another space, the earlier
    run is canceled and a new one begins there.
    """
    try:
        return ctx.services.store.open(Channel(mailbox), ctx.asker, ctx.origin)
    except AlreadyRunningError as busy:
        other = ctx.services.store.load(busy.run)
    same_message = other.origin.message == ctx.request
    own = other.requester.id == ctx.person.id and other.kind is RunKind.SETUP
    unseen = own and posted_card(ctx.services, other.id, LIVING) is None
    if other.detailed or not (same_message or unseen):
        point_to(ctx, other)
        return None
    if same_message or other.origin.room == ctx.room:
        return other
    ctx.services.store.end(other, ctx.event(Kind.CANCELLED))
    return _opened(ctx, mailbox)


def _known(ctx: ChatContext, mailbox: str) -> dict[str, str]:
    # Of a channel that this person may not see, nothing is known but what was typed in this space.
    runs = ctx.services.store.runs_in_space(ctx.room)
    asked = [each for run in runs if (each := run.answer("administrator"))]
    last = {"administrator": asked[0]} if asked else {}
    given = [run.channel for run in runs if run.channel.mailbox == mailbox]
    record = permissions.visible_record(ctx, mailbox)
    channel = record.channel if record else next((c for c in given if c.callback_url), None)
    if channel is None:
        return last
    return last | {
        "callback_url": channel.callback_url,
        "forwarding_address": channel.forwarding_address,
        "delegate": channel.delegate,
        "profile": str(channel.profile),
        "lifetime": str(channel.lifetime_months),
        "keep_copy": "yes" if channel.keep_copy else "no",
    }


def tell_if_connected(ctx: ChatContext, mailbox: str) -> bool:
    # To everybody else, a connected mailbox is like any other.
    if (record := ctx.services.channels.record(mailbox)) is None:
        return False
    run = next(ctx.services.store.known([record.run]), None)  # an operator may delete its history
    if mailbox in permissions.visible_channels(ctx):
        # no mail has proven a channel here that was made by hand and kept
        words = "notice.done_words_kept" if run and run.kept else "notice.done_words"
        values = {"mailbox": mailbox, "day": day(record.at), "run": record.run}
        verbs, meant = ("setup_again", "setup_change"), {"mailbox_meant": mailbox}
        buttons = tuple((f"button.{do}", {"do": do, **meant}) for do in verbs)
        ctx.tell("notice.done_kicker", "notice.done_title", words, values, WELL, buttons=buttons)
        return True
    space = _space_of(ctx, run) if run else ""
    if space:
        elsewhere(ctx, mailbox, space)
    return bool(space)


def is_connected(ctx: ChatContext, mailbox: str) -> bool:
    """Return whether the mailbox is connected, as far as this person may know."""
    record = ctx.services.channels.record(mailbox)
    if record is None or permissions.is_visible(ctx, mailbox):
        return record is not None
    return any(_space_of(ctx, run) for run in ctx.services.store.known([record.run]))


def elsewhere(ctx: ChatContext, mailbox: str, space: str = "") -> None:
    values, words = {"mailbox": mailbox, "space": space}, "notice.elsewhere_words"
    words = f"{words}_space" if space else words
    ctx.tell("notice.done_kicker", "notice.elsewhere_title", words, values)


def point_to(ctx: ChatContext, other: Run) -> None:
    """Refer to the run that is already in progress, on a card that is edited when the run ends.

    In the run's own space, one press has it look again and posts its card here. A person who may
    cancel the run can begin again with one press. To a person who may not know the run, the card
    only says that the mailbox cannot be set up now.
    """
    kicker = Text("notice.running_kicker")
    values = {"mailbox": other.channel.mailbox, "run": other.id}
    space, here = _space_of(ctx, other), other.origin.room == ctx.room
    mine = here or other.requester.id == ctx.person.id
    if not (space or mine or other.channel.mailbox in permissions.visible_channels(ctx)):
        ctx.tell(kicker, "notice.busy_title", "notice.busy_words", values)
        return
    of_kind = f"notice.running_title_{other.kind}"
    title = of_kind if has_text(of_kind) else "notice.running_title"
    offers = [("button.go_on", {"do": "go_on", "run": other.id})] if here else []
    try:
        may_cancel = permissions.may_cancel(ctx, other)
    except WebexAnswerError:  # the bot is no longer in the run's space
        may_cancel = False
    # Webex documents no link to a space, so the space is named.
    where = "_space" if space else "_here" if here else ""
    lines = [
        Text(f"notice.running_words{where}", {"space": space}),
        Text("kicker.started", {"who": other.requester.email, "at": minute_of(other.opened)}),
    ]
    if may_cancel:
        again = {"do": "begin_again", "run": other.id, "command": _COMMANDS[other.kind]}
        offers.append(("button.begin_again", again))
        lines.append(Text("notice.running_stays"))
    card = offer(kicker, Text(title, values), tuple(offers), now(), lines=tuple(lines))
    ctx.say(card, shows=living.shows_choice([other]))


def _space_of(ctx: ChatContext, other: Run) -> str:
    # The title is empty for a person who is not a member of that space.
    room = other.origin.room
    if room == ctx.room or other.origin.direct:
        return ""
    try:
        member = ctx.services.webex.membership(room, ctx.person.id)
        return ctx.services.webex.room_title(room) if member else ""
    except WebexAnswerError:  # the bot is no longer in that space
        return ""


def adopt(ctx: ChatContext, argument: str) -> None:
    """Open a check that keeps the channel once it is found; nothing changes in the tenant."""
    mailbox = read_mailbox(ctx, "adopt", argument)
    if not tell_if_connected(ctx, mailbox):
        check.discover(ctx, mailbox, keep=True)


def fix(ctx: ChatContext, argument: str) -> None:
    """Open a run that plans only what is wrong; like a setup it needs a sign-in and an approval."""
    kicker = Text("notice.check_kicker")
    mailbox = read_known(ctx, "fix", argument, kicker, permissions.visible_record)
    if record := ctx.services.channels.record(mailbox):
        begin_known(ctx, record.channel, RunKind.FIX, brief=_brief(ctx, mailbox))


def tell_if_right(ctx: ChatContext, mailbox: str) -> bool:
    """Say what is known of a channel, or return False if it may need a fix or is not known here."""
    services = ctx.services
    if permissions.visible_record(ctx, mailbox) is None:
        return False
    found = assessment(services.store, mailbox)
    fact = found.fact if found.needs_no_fix else None
    if fact is None or services.watching.open_of_channel(mailbox) or _ending(ctx, mailbox):
        return False
    buttons = (
        ("button.check_now", {"do": "check", "channel": mailbox}),
        ("button.fix_anyway", {"do": "typed", "command": "fix", "mailbox_meant": mailbox}),
    )
    words, values = superseded.known_by(fact), {"mailbox": mailbox}
    ctx.tell("notice.check_kicker", "notice.right_title", words, values, buttons=buttons)
    return True


def _brief(ctx: ChatContext, mailbox: str) -> Brief:
    """Return the brief of a fix, with the steps whose permissions the sign-in will ask for.

    If the newest check is recent, the plan shows its time and the causes that no plan can fix.
    """
    store = ctx.services.store
    brief, last = fix_context(store, mailbox), store.last_check(mailbox)
    planned, ending = brief.fix or FixBrief(), _ending(ctx, mailbox)
    if last is None or last.checked is None or now() - last.checked > RECENT:
        return replace(brief, fix=replace(planned, wrong=ending))
    causes = for_people(verdict_of(last))
    wrong = tuple({*likely_changes(last), *ending})
    planned = replace(planned, manual_causes=causes, checked_at=last.checked, wrong=wrong)
    return replace(brief, fix=planned)


def _ending(ctx: ChatContext, mailbox: str) -> tuple[str, ...]:
    """Return the client secret's step if a fix would renew the secret now, or else no step."""
    ending = ending_of(ctx.services.store, mailbox)
    return ("client_secret",) if ending is not None and now() >= ending.renewable else ()


UNDO_KICKER = Text("notice.undo_kicker")


def undo(ctx: ChatContext, argument: str) -> None:
    # A setup that was canceled halfway can be undone too.
    mailbox = read_known(ctx, "undo", argument, UNDO_KICKER, _may_undo, _known_here)
    runs = ctx.services.store.runs_of_mailbox(mailbox)
    made = {name for past in recall(runs, all_steps()) for name in past.runs}
    changed = [each for each in runs if each.id in made]
    if not changed or changed[-1].kind is not RunKind.FIX:
        plan_undo(ctx, mailbox, "")
    elif {each.kind for each in changed} == {RunKind.FIX}:
        plan_undo(ctx, mailbox, changed[-1].id)  # the channel was made by hand
    elif going_on := next(ctx.services.store.known([ctx.services.channels.running(mailbox)]), None):
        point_to(ctx, going_on)  # it would refuse both
    else:
        fixed, pressed = changed[-1], {"do": "undo", "mailbox_meant": mailbox}
        undone = recall(runs, all_steps(), fixed.id)
        done = listed(render(each.change.object) for each in undone)
        values = {"mailbox": mailbox, "run": fixed.id, "done": done}
        offers = (
            (Text("choice.button.undo_run", values), {**pressed, "undoes": fixed.id}),
            ("button.disconnect", {**pressed, "undoes": ""}),
        )
        title = Text("choice.title.undo_which", values)
        lines = (Text("choice.undo_run", values), Text("plan.disconnect_words", values))
        ctx.say(offer(UNDO_KICKER, title, offers, now(), lines=lines))


def plan_undo(ctx: ChatContext, mailbox: str, only: str) -> None:
    # A button may name any run and mailbox. So nothing is planned for a mailbox that is not known
    # here, or for a run of another mailbox.
    runs = ctx.services.store.runs_of_mailbox(mailbox) if _may_undo(ctx, mailbox) else ()
    if not (past := recall(runs, all_steps(), only)):
        kept = any(each.kept for each in runs)
        words = "notice.undo_kept_words" if kept else "notice.undo_nothing_words"
        ctx.tell(UNDO_KICKER, "notice.undo_nothing_title", words, {"mailbox": mailbox})
        return
    undone = tuple(each for each in runs if each.id == only) or runs
    data = ids_of((*runs, *undone)) | ({UNDOES: only} if only else {})
    recalled = ctx.event(Kind.RECALLED, data=data, past=past)
    begin_known(ctx, _bound_channel(ctx, undone), RunKind.UNDO, recalled)


def _bound_channel(ctx: ChatContext, runs: Sequence[Run]) -> Channel:
    """Return the channel of the newest run with a change, bound to the tenant of the change."""
    newest = next(each for each in reversed(runs) if each.changed)
    recorded = ctx.services.channels.channel(newest.channel.mailbox).tenant_id
    return replace(newest.channel, tenant_id=recorded or newest.channel.tenant_id or newest.tenant)


def _known_here(ctx: ChatContext) -> tuple[str, ...]:
    runs = ctx.services.store.runs_in_space(ctx.room)
    changed = {run.channel.mailbox for run in runs if run.changed and run.channel.mailbox}
    return tuple(sorted({*permissions.visible_channels(ctx), *changed}))


def _may_undo(ctx: ChatContext, mailbox: str) -> bool:
    runs = ctx.services.store.runs_of_mailbox(mailbox)
    asked = (permissions.was_asked_here(ctx, each) for each in runs)
    return mailbox in permissions.visible_channels(ctx) or any(asked)


COMMAND = Command("setup-email", "setup", "ADDRESS", run=setup_email)
OTHER_COMMANDS = (
    Command("adopt", "setup", "ADDRESS", run=adopt),
    Command("fix", "trouble", "ADDRESS", run=fix),
    Command("undo", "runs", "ADDRESS", run=undo),
)
