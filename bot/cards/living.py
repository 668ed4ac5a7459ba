"""One living card per run and place: in the run's thread, and in the 1:1 with each person asked.

The presenters say which cards the run needs now. This module chooses the one of them that a place
shows, and gives it the place's slot, so that the same message is edited from turn to turn.

A card that offers to cancel runs is kept among the cards of each of them, and is one line as soon
as one of them ends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from adaptive_cards.answers import offer
from adaptive_cards.components import Card, whose_turn, with_lines
from adaptive_cards.glyphs import OK, PERSON, SKIPPED, is_person
from adaptive_cards.texts import listed, render
from bot.cards.presenters import card_state as shared, progress
from bot.cards.presenters.card_state import DesiredCard
from bot.services import Services
from jobs.clock import now
from jobs.engine.step import Step
from jobs.model import Reason, RunKind, State, Text, Turn, minute_of, verbatim
from jobs.next_action import ActionKind, is_blocked, next_action, open_requests, wait_of, who_acts
from jobs.runs.event_log import doubt
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of
from jobs.storage import codec, keys


def lines(run: Run) -> tuple[Text, ...]:
    """Return a line for each request of the run that was answered, and for what nobody was asked."""
    found = [*_given(run), *_approved(run), *_rehearsed(run), *_looked(run)]
    if run.account is not None and run.signed_in is not None:
        found.append(_entry("signed_in", run.signed_in, run.account.upn))
    if run.plan and not (run.plan.changes or run.has_begun or is_blocked(run)):
        found.append(_entry("nothing", run.plan.at))
    if run.state_of("admin_consent") is State.OK and "admin_consent" in steps_of(run):
        found.append(_entry("consent", run.found_at["admin_consent"]))
    confirmed = {"token_saved", "registered"} & run.answers.keys()
    found += [_entry(each, run.answers[each].at, run.answers[each].by) for each in confirmed]
    if sent := run.changed.get("test_mail"):
        found.append(_entry("test_sent", sent.begun))
    return tuple(words for _, words in sorted(found, key=lambda line: line[0]))


def doubts(runs: Iterable[Run]) -> tuple[tuple[Text, Text], ...]:
    found = ((verbatim(f"{run.id} {run.channel.mailbox}".strip()), doubt(run)) for run in runs)
    return tuple((name, why) for name, why in found if why)


def with_doubts(card: Card, runs: Iterable[Run]) -> Card:
    return with_lines(card, (), doubts(runs))


def _approved(run: Run) -> list[tuple[datetime, Text]]:
    given = run.approvals.items()
    return [_entry(f"approved_{scope}", each.at, each.by) for scope, each in given]


def _given(run: Run) -> list[tuple[datetime, Text]]:
    """Return the line of the details from the first card; an adopted or known channel has none."""
    channel = run.channel
    if run.detailed_at is None or run.kind is not RunKind.SETUP or not channel.callback_url:
        return []
    values = {
        "at": minute_of(run.detailed_at),
        "host": urlsplit(channel.callback_url).netloc,
        "forwarding": channel.forwarding_address,
        "months": str(channel.lifetime_months),
    }
    kept = "kept" if channel.keep_copy else "moved"
    return [(run.detailed_at, Text(f"history.given_{kept}", values))]


def _rehearsed(run: Run) -> list[tuple[datetime, Text]]:
    answer = run.answers.get("rehearse")
    if answer and answer.value.startswith("skip"):
        reason = answer.value.partition(":")[2]
        return [(answer.at, Text("history.skipped", {"reason": reason}))]
    if answer and run.state_of("rehearsal") is State.OK:
        return [_entry("rehearsed", run.found_at["rehearsal"], shared.username(run))]
    return []


def _looked(run: Run) -> list[tuple[datetime, Text]]:
    """Return what the last look found that somebody asked for, as soon as everything was read."""
    asked, steps = run.looked, steps_of(run).values()
    read = [step for step in steps if step.automatic and step.name in run.right_before]
    if asked is None or run.plan is None or any(run.is_to_reread(step.name) for step in read):
        return []
    new = [step for step in read if _is_new(run, step, asked.at)]
    names = listed(render(Text(f"step.{step.name}")) for step in new)
    values = {"at": minute_of(asked.at), "who": asked.by, "steps": names}
    return [(asked.at, Text("history.looked_new" if new else "history.looked", values))]


def _is_new(run: Run, step: Step, since: datetime) -> bool:
    """Return whether the step does not hold now, or the run has changed it again unasked."""
    made, wanted = run.changed.get(step.name), run.answers.get(step.repeat_on)
    is_wanted = wanted is not None and wanted.at > since
    again = made is not None and made.written > since and not is_wanted
    return again or not run.settled(step.name)


def _entry(key: str, at: datetime, who: str = "") -> tuple[datetime, Text]:
    return at, Text(f"history.{key}", {"at": minute_of(at), "who": who})


ASKS = {
    "intake": (ActionKind.DETAILS,),
    "signin": (ActionKind.SIGN_IN,),
    "delegate": (ActionKind.DELEGATE,),
    "plan": (ActionKind.APPROVE, ActionKind.APPROVE_TENANT),
    "consent": (ActionKind.CONSENT,),
    "connect": (ActionKind.FORM, ActionKind.TOKEN, ActionKind.REGISTER),
    "rehearsal": (ActionKind.REHEARSE, ActionKind.REHEARSE_AGAIN, ActionKind.REHEARSAL_SIGN_IN),
    "mail": (ActionKind.SEND, ActionKind.ANSWER, ActionKind.ANSWER_AGAIN),
}
"""What each presenter's card asks for, if it asks for a next action."""
SHOWS = {kind: slot for slot, kinds in ASKS.items() for kind in kinds}
BELOW = Text("living.below_title"), Text("living.below_words")
OVER = Text("reminder.over_title"), Text("reminder.over_words")
People = dict[Turn, tuple[str, ...]]
OF_MAIL = {"test_mail", "agent_answer"}
"""Steps whose trouble is on the card of the test mail."""
CALM = ("undone", "done", "ended", "mail", "progress", "plan", "signin")
"""Cards of a thread in which nobody is asked for anything, the most informative card first."""


def living_cards(run: Run, services: Services, wanted: list[DesiredCard]) -> list[DesiredCard]:
    """Return the card of every place.

    A post that Webex has not confirmed counts as a card that is shown.
    """
    names = list(map(codec.as_text, services.redis.hkeys(keys.cards(run.id))))
    in_doubt = {name.removesuffix(shared.DOUBT) for name in names if name.endswith(shared.DOUBT)}
    kept = shared.posted_cards(services, run.id).keys() | in_doubt
    # A place that shows a card already is included even if no card is wanted there any more.
    by_place: dict[str, dict[str, DesiredCard]] = {shared.THREAD: {}}
    for card in wanted:
        by_place.setdefault(card.to, {})[card.slot] = card
    for slot in sorted(kept):
        if slot.startswith(f"{shared.LIVING}-direct:"):
            by_place.setdefault(slot.partition(":")[2], {})
    people = shared.people_of(run, services.bot.approvers)
    thread = _of_thread(run, by_place.pop(shared.THREAD))
    direct = (_of_person(run, to, cards, kept, people) for to, cards in by_place.items())
    return list(filter(None, (_with_lines(run, thread, people) if thread else None, *direct)))


def earlier_cards(run: Run, services: Services) -> list[DesiredCard]:
    """Return the last edit of each message that asks for nothing any more.

    It has a successor, reminds of a turn that is over, or offers a run that has ended.
    """
    goes_on, about = _reminds_of(run), {"run": run.id, "mailbox": run.channel.mailbox}
    kicker, found = Text("living.idle_kicker" if about["mailbox"] else "kicker.new", about), []
    for slot in shared.posted_cards(services, run.id):
        kind, to, *more = (*slot.split(":"), "")
        if kind == shared.EARLIER:
            found.append(shared.last_look(slot, kicker, *BELOW, to=to))
        elif slot.startswith(shared.REMINDER) and not slot.startswith(goes_on):
            found.append(shared.last_look(slot, kicker, *OVER, to=more[0]))
        elif slot.startswith(shared.CHOICE) and run.ended:
            done = run.ended is Kind.FINISHED
            again = Text("living.over_words" if done else "notice.cancel_over_words")
            found.append(shared.last_look(slot, kicker, shared.end_title(run), again))
    return found


def _reminds_of(run: Run) -> str:
    # How the slot of a reminder of the present turn begins.
    if (wait := wait_of(run)) is None:
        return shared.REMINDER * 2
    who = "" if wait.turn is Turn.APPROVER else f"{wait.who or run.requester.email}:"
    return f"{shared.REMINDER}{wait.kind}:{who}"


def _of_person(
    run: Run, to: str, cards: dict[str, DesiredCard], kept: set[str], people: People
) -> DesiredCard | None:
    """Return the 1:1 card of a person, which stays without a request once its request is over."""
    if card := _first(run, [each for each in cards.values() if each.prompt != ""]):
        return _placed(card)
    if shared.slot_of(to) not in kept:
        return None
    about = {"mailbox": run.channel.mailbox, "run": run.id}
    kicker = Text("living.idle_kicker", about)
    mark = OK if run.ended is Kind.FINISHED else SKIPPED
    title, words = Text("living.idle_title"), Text("living.idle_words", about)
    asked = (each for each in open_requests(run) if to in people.get(each.turn, ()))
    if run.ended:
        title, words = shared.end_title(run), Text("living.over_words")
    elif own := next(asked, None):  # on the card in the thread
        values = {"words": f"key:turn_words.{own.kind}"}
        title, words = Text("reminder.turn_title", about), Text("reminder.turn_words", values)
        mark = PERSON
    # The other approvers see who has approved.
    decided = tuple(words for _, words in _approved(run))
    idle = shared.last_look("idle", kicker, title, words, to=to, mark=mark)
    drawn, told = with_lines(idle.card, decided), shared.marked(decided, idle.fingerprint)
    return _placed(replace(idle, card=drawn, fingerprint=told, final=bool(run.ended)))


def _first(run: Run, asking: list[DesiredCard]) -> DesiredCard | None:
    if run.ended or not asking:
        return None
    order = [SHOWS.get(each.kind, "") for each in open_requests(run)]
    return _first_of({card.slot: card for card in asking}, order) or asking[0]


def _first_of(cards: dict[str, DesiredCard], slots: Iterable[str]) -> DesiredCard | None:
    return next((cards[slot] for slot in slots if slot in cards), None)


def _of_thread(run: Run, cards: dict[str, DesiredCard]) -> DesiredCard | None:
    kind = next_action(run).kind
    asking = [card for card in cards.values() if card.prompt and card.slot != "progress"]
    # A rehearsal that failed and is tried again by itself keeps its buttons.
    slot, calm = SHOWS.get(kind, ""), "rehearsal"
    if kind is ActionKind.LOOK:
        stuck = {name for name, each in run.findings.items() if each.cause}
        slot, calm, asking = "mail" if stuck & OF_MAIL else "plan", "progress", []
    if (card := cards.get(slot)) and card.prompt != "":
        return card
    return _first(run, asking) or _first_of(cards, (calm, *CALM))


def _placed(card: DesiredCard) -> DesiredCard:
    """Return the card in the slot of its place; a change to another card there is urgent."""
    return replace(card, slot=shared.slot_of(card.to), urgency=f"{card.slot} {card.urgency}")


def _with_lines(run: Run, card: DesiredCard, people: People) -> DesiredCard:
    before: tuple[Text, ...] = () if card.slot == "intake" else lines(run)
    if run.has_begun and not run.ended and card.slot not in {"progress", "intake"}:
        # If the run was resumed after an interruption, a second line says so.
        resumed = (Text("progress.resumed"),) if run.resumed else ()
        before = (progress.steps_done(run), *resumed, *before)
    also = (*doubts([run]), *_elsewhere(run, card, people))
    urgency = "".join((card.urgency, *(str(turn) for turn, _ in also)))
    also += _long_waits(run, card)
    if not before and not also:
        return _placed(card)
    drawn = with_lines(card.card, before, also)
    told = shared.marked((before, also), card.fingerprint)
    return _placed(replace(card, card=drawn, fingerprint=told, urgency=urgency))


def _long_waits(run: Run, card: DesiredCard) -> tuple[tuple[Text, Text], ...]:
    shown = () if run.ended or card.slot == "progress" else run.findings.values()
    long = (each.step for each in shown if each.reason is Reason.CUSTOMIZATION)
    return tuple((Text(f"step.{name}"), Reason.CUSTOMIZATION.text()) for name in long)


def _elsewhere(run: Run, card: DesiredCard, people: People) -> list[tuple[Text, Text]]:
    """Return whose turn it is at the same time for what the card does not ask for."""
    asked = () if run.ended or run.plan is None else open_requests(run)
    found, first = [], next_action(run).kind
    for each in asked:
        # The progress card asks for the next action, and each card for the look that is next.
        is_next = card.slot == "progress" or each.kind is ActionKind.LOOK
        own = each.kind is first if is_next else SHOWS.get(each.kind) == card.slot
        # The consent card follows in the thread if it is in no 1:1.
        later = each.kind is ActionKind.CONSENT and card.to == shared.THREAD
        if is_person(each.turn) and not own and not (later and not who_acts(run, each.turn)):
            found.append((whose_turn(each.turn, people.get(each.turn, ())), each.words))
    return found


def choice(title: Text, runs: Sequence[Run]) -> Card:
    # A run may have no mailbox yet.
    names = {each.id: f"{each.id} {each.channel.mailbox}".rstrip() for each in runs}
    offers = tuple(
        (Text("choice.button.cancel", {"value": name}), {"do": "cancel", "run": run_id})
        for run_id, name in names.items()
    )
    kicker, turn = Text("notice.cancel_kicker"), Text("understood.cancel_turn")
    lines = (Text("notice.cancel_which_words"),)
    return offer(kicker, title, offers, now(), turn=turn, lines=lines)


def shows_choice(runs: Sequence[Run]) -> tuple[str, str]:
    """Return the id of one of the runs, and the card's slot before it is posted."""
    return runs[0].id, f"{shared.CHOICE}:{','.join(run.id for run in runs)}"
