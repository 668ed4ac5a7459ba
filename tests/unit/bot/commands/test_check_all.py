"""``/check all``: one bulk check and one card for a space.

The card stays within the size limits of a card for any number of channels.
"""

from itertools import starmap

import pytest

from adaptive_cards.texts import render, text
from bot.cards.presenters import lists
from bot.chat.permissions import visible_channels
from bot.commands import check
from jobs.checks.check import summarize
from jobs.clock import now
from jobs.model import Channel, Finding, Profile, Reason, RunKind, State, Text
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import Record
from jobs.storage import codec
from jobs.watch.store import assessments
from tests.fixtures.run_events import noted


@pytest.fixture
def known(anna):
    """Return a function that makes so many mailboxes channels of Anna's space."""

    def make(count: int) -> tuple[str, ...]:
        boxes = tuple(f"box{number:03}@example.test" for number in range(count))
        for box in boxes:
            anna.services.channels.keep(Record("RUN", now(), Channel(box, tenant_id="tenant-1")))
        anna.services.redis.sadd("space:room-1:channels", *boxes)
        return boxes

    return make


def the_round(ctx):
    """Return the space's bulk check."""
    raw = ctx.services.redis.get("space:room-1:bulk_check")
    assert isinstance(raw, bytes)
    return ctx.services.store.load(raw.decode())


def found(ctx, run, *findings: Finding, ended: bool = True):
    """Add these findings to the bulk check, end it unless told otherwise, and return it."""
    events = [noted(f) for f in findings]
    ctx.services.store.append(run.id, *events, *([Event(Kind.CHECKED, now())] if ended else []))
    return ctx.services.store.load(run.id)


def test_one_round_for_all_channels(anna, known, said):
    """A bulk check names every channel and goes to a worker, and no message is posted."""
    boxes = known(3)
    check.run(anna, "ALL")
    run = the_round(anna)
    assert run.kind == "bulk_check"
    assert run.brief.mailboxes == boxes
    assert run.requester.email == "anna@example.test"
    assert [str(job.func_name) for job in anna.services.runs.queue.jobs][:1] == [
        "jobs.advance.advance"
    ]
    assert said() == []


def test_a_second_one_meanwhile_shows_the_first(anna, known):
    """Repeated presses of Check all start one bulk check; after its end another one may start."""
    boxes = known(2)
    check.run(anna, "all")
    first = the_round(anna)
    check.run(anna, "all")
    assert the_round(anna).id == first.id
    found(anna, first, *(Finding(box, State.OK) for box in boxes))
    check.run(anna, "all")
    assert the_round(anna).id != first.id


def test_the_card_of_five_hundred(anna, known):
    """The card of 500 channels lists the worst first and counts the rest, so it can be sent."""
    boxes = known(500)
    check.run(anna, "all")
    broken = [
        Finding(box, State.WRONG, cause="smtp_auth_off_for_mailbox", facts={"step": "smtp_auth"})
        for box in boxes[490:]
    ]
    right = [Finding(box, State.OK, seen=Text("channels.nothing_wrong")) for box in boxes[:490]]
    run = found(anna, the_round(anna), *right, *broken)
    card = lists.bulk_check_cards(run, anna.services)[0].card
    assert card.text.startswith("Mail is broken in 10 of 500 channels.")
    assert len(codec.dump(card.content)) < 15_000
    assert (
        "484 more channels are not listed. None is worse than these. All: 10 broken, 490 right."
        in str(card.content)
    )


def test_few_edits_however_many_channels(anna, known):
    """The progress of a bulk check is never urgent, so only a few edits of a message show it.

    The last edit comes at the end, and is urgent.
    """
    boxes = known(100)
    check.run(anna, "all")
    run, marks = the_round(anna), []
    for box in boxes:
        run = found(anna, run, Finding(box, State.OK), ended=False)
        marks.append(lists.bulk_check_cards(run, anna.services)[0])
    last = lists.bulk_check_cards(found(anna, run), anna.services)[0]
    assert len({each.fingerprint for each in [*marks, last]}) == 101
    assert {(each.final, each.urgency) for each in marks} == {(False, marks[0].urgency)}
    assert last.final is True
    assert last.urgency != marks[-1].urgency


def test_a_tenant_that_took_its_grant_back_is_counted(anna, known):
    """The card counts each tenant that withdrew the bot's access once."""
    known(1)
    check.run(anna, "all")
    run = the_round(anna)
    for tenant in ("t1", "t2", "t1"):
        data = {"question": f"app_access:{tenant}", "cause": "app_access_withdrawn", "code": ""}
        anna.services.store.append(run.id, Event(Kind.PROBLEM, now(), data=data))
    card = lists.bulk_check_cards(anna.services.store.load(run.id), anna.services)[0].card
    assert "In 2 tenants the bot may no longer read by itself" in str(card.content)


MAIL = (Finding("copies", State.OK), Finding("answers", State.OK))


def checked(anna, *findings: Finding, mailbox: str = "support@example.test"):
    """Return a check that ended with these findings."""
    run = anna.services.store.open(
        Channel(mailbox, profile=Profile.LEAST), anna.asker, anna.origin, RunKind.CHECK
    )
    return found(anna, run, *findings)


def skipped(step: str, **why) -> Finding:
    return Finding(step, State.SKIPPED, **why)


OFF = Finding("smtp_auth", State.WRONG, cause="smtp_auth_off_for_mailbox")
LEFT = "Not fully checked: 1 of {} could not be read"
UNPROVEN = "the newest mail was not seen in both directions"


@pytest.mark.parametrize(
    ("findings", "state", "words"),
    [
        ((OFF,), State.WRONG, "SMTP AUTH is off"),
        ((Finding("security_defaults", State.POSSIBLE),), State.POSSIBLE, "something was noticed"),
        (
            (skipped("smtp_auth", reason=Reason.NEEDS_SIGN_IN), Finding("entra", State.OK)),
            State.UNKNOWN,
            "Nothing wrong seen yet: 1 of 2 checks need an administrator",
        ),
        ((Finding("client_secret", State.WARNING),), State.WARNING, "something was noticed"),
        (
            (Finding("entra", State.UNKNOWN, cause="throttled"), *MAIL),
            State.UNKNOWN,
            LEFT.format(3),
        ),
        ((skipped("copies", reason=Reason.NEEDS_OTHER), MAIL[1]), State.UNKNOWN, LEFT.format(2)),
        ((skipped("arrivals", seen=Text("skipped.no_mail")),), State.UNKNOWN, UNPROVEN),
        ((Finding("copies", State.OK),), State.UNKNOWN, UNPROVEN),
        (
            (skipped("connect_changes", seen=Text("skipped.no_audit_log")), *MAIL),
            State.OK,
            "Mail flows both ways",
        ),
    ],
)
def test_a_check_in_one_line(anna, findings, state, words):
    """The line of a check names the cause, or how much is known.

    Facts that could not be read are not called right. Only mail proves that mail flows.
    """
    verdict = summarize(checked(anna, *findings))
    assert verdict.step == "support@example.test"
    assert verdict.state == state
    assert words in render(lists.words_of(verdict))


def test_a_list_shows_the_newest_check(anna, known, said):
    """A list shows the newest check of each channel, with its time. An older check is not shown."""
    (mailbox,) = known(1)
    checked(anna, OFF, mailbox=mailbox)
    run = checked(anna, Finding("entra", State.OK), mailbox=mailbox)
    anna.services.channels.set_last_check(mailbox, run.id)
    found = assessments(anna.services.store, (mailbox, "nobody@example.test"))
    newest, never = starmap(lists.line_of, found.items())
    assert (newest.at, never.state) == (run.checked, None)
    check.run(anna, "")
    ((_, words),) = said()
    assert text("cause.smtp_auth_off_for_mailbox") not in words


def test_a_longer_list_takes_one_command_of_redis_more_a_channel(anna, known):
    """A list reads the history of each channel's check, and all else of all channels at once."""
    taken = []
    for count in (2, 12):
        for mailbox in known(count):
            anna.services.channels.set_last_check(mailbox, checked(anna, OFF, mailbox=mailbox).id)
        assessments(anna.services.store, visible_channels(anna))
        taken.append(anna.services.redis.info("stats")["total_commands_processed"])
        assessments(anna.services.store, visible_channels(anna))
        taken.append(anna.services.redis.info("stats")["total_commands_processed"])
    assert taken[3] - taken[2] == taken[1] - taken[0] + 10
