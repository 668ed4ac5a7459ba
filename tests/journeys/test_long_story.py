"""One channel through everything that happens to a channel, from English to German, or in German.

After each wait, no card in any room may be untrue (tests/fixtures/true_cards.py). So the story waits
for buttons and not for words.
"""

import pytest

from adaptive_cards.texts import own_text
from practice.actors import ADMIN, REQUESTER
from practice.client import does
from practice.conversation import Walk, fresh, words
from tests.fixtures.stacks import forget
from tests.fixtures.watched import WatchedChannels

SHARES_STACK = True

MAILBOX = "support@contoso.com"
COLLEAGUE = "colleague@contoso.com"
STRANGER = "helpdesk@partner.example"
DIVERTED = {"users": {MAILBOX: {"mailbox": {"forwarding_smtp_address": f"smtp:{STRANGER}"}}}}


@pytest.mark.parametrize("first", ["english", pytest.param("deutsch", marks=pytest.mark.slow)])
def test_nothing_on_the_screen_is_over(people, stack, new_walk, first):
    """A channel is set up, broken, fixed twice, checked meanwhile, watched, disconnected and set up again.

    Its newest card is the only one that asks for something. A button of an old card that is pressed
    all the same says what happened. The language changes in the middle, so a setup, a check and a
    fix are told in each.
    """
    forget(stack, MAILBOX)
    people.ignore_all()
    walk = new_walk()
    walk.type(f"/language {first}")
    walk.approve(walk.plan())
    done = walk.to_the_proof()
    _three_press_fix(people, walk, _check(people, walk, off=True))
    walk.type("/language deutsch")
    _check_into_the_fix(people, walk, _check(people, walk, off=True))
    with stack.redis() as redis:
        _incident(people, walk, WatchedChannels.of(stack, redis))
    walk.approve(walk.planned("/undo", own_text("button.disconnect", "de")))
    walk.wait("the end", lambda each: does(each) == {"setup"} and bool(each["edits"]), 60)
    _press_old(people, walk, done)
    _again(people, walk)


def _check(people, walk, *, off):
    """Break or repair the mailbox by hand, and return the verdict."""
    people.mailbox(MAILBOX, smtp_auth_disabled=off)
    walk.since = people.now()
    walk.type(f"/check {MAILBOX}")
    return walk.card("the verdict", "check", *(["fix"] if off else []), seconds=40)


def _three_press_fix(people, walk, verdict):
    """Let three people press Fix, repair it by hand, and cancel the fix before it changes anything.

    The second and third press the button of a client that was not refreshed.
    """
    walk.since = people.now()
    people.press(REQUESTER, verdict, "fix")
    sign_in = walk.card("a sign-in card", "ask_administrator", link=True)
    for who in (ADMIN, COLLEAGUE):
        people.press(who, verdict, "fix", version=verdict["edits"])
        walk.card("that a fix is in progress", "go_on")
    walk.open(sign_in)
    walk.card("the plan", "approve")
    people.mailbox(MAILBOX, smtp_auth_disabled=None)
    walk.type(f"/cancel {MAILBOX}")
    walk.wait(
        "the verdict, as it was",
        lambda each: each["id"] == verdict["id"] and "fix" in does(each),
        40,
    )
    _check(people, walk, off=False)
    walk.wait("the old verdict", lambda each: each["id"] == verdict["id"] and not does(each), 40)


def _check_into_the_fix(people, walk, card):
    """Check the channel while it is being fixed, before and after the approval.

    Each time somebody has changed something by hand. The run's card comes to the thread of the
    check, and its plan has grown. In between the fix is canceled and begun again by one press.
    """
    walk.since = people.now()
    later = Walk(people, MAILBOX, walk.room)
    people.press(REQUESTER, card, "fix")
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    assert STRANGER not in words(walk.card("the plan", "approve"))
    people.patch(DIVERTED)
    assert STRANGER in words(_plan_below(walk, _asked(people, walk)))
    busy = walk.type(f"/fix {MAILBOX}")
    assert does(busy) == {"go_on", "begin_again"}
    people.press(ADMIN, busy, "go_on")
    _plan_below(walk, walk.said)
    walk.since = people.now()
    people.press(REQUESTER, busy, "begin_again")
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    walk.approve(walk.card("the plan of the next fix", "approve"))
    later.task()
    people.patch({"outbound_rules": []})
    walk.approve(_plan_below(walk, _asked(people, walk)))
    later.answer()
    walk.wait("the old card", lambda each: each["id"] == card["id"] and not does(each), 60)


def _asked(people, walk):
    """Ask for a check, and return that message."""
    walk.since = people.now()
    return people.say(REQUESTER, f"/check {MAILBOX}", walk.room)


def _plan_below(walk, asked):
    """Return the run's plan in the thread of this message, as it was read again."""
    return walk.wait(
        "the plan in the thread of the check",
        lambda each: each["parentId"] == asked["id"] and "approve" in does(each),
        40,
    )


def _fix(people, walk, card):
    """Fix the channel from this card, which is history after the proof."""
    walk.since = people.now()
    later = Walk(people, MAILBOX, walk.room)
    people.press(REQUESTER, card, "fix")
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    walk.approve(walk.card("the plan of the fix", "approve"))
    later.answer()
    walk.wait("the old card", lambda each: each["id"] == card["id"] and not does(each), 60)


def _incident(people, walk, watch):
    """Watch the channel, break it, and fix it from the card of the incident."""
    walk.type(f"/watch {MAILBOX}")
    watch.wait(lambda: watch.state(MAILBOX).looked)
    walk.since = people.now()
    people.mailbox(MAILBOX, smtp_auth_disabled=True)
    for _ in range(2):
        watch.look(MAILBOX)
    card = walk.card("the incident", "fix", "watch_on_it", seconds=40)
    people.press(REQUESTER, card, "watch_on_it")
    walk.card("who acts", "watch_not_on_it")
    _fix(people, walk, card)
    (*_, incident) = watch.of_channel(MAILBOX)
    assert incident.ended is not None
    assert incident.fixed_by
    walk.type("/channels")
    walk.type("/watch")
    walk.type("/status")


def _press_old(people, walk, done):
    """Press a button that the done card had."""
    assert "check" not in does(people.messages[done["id"]])
    told = walk.press(done, "check", version=done["edits"])
    title = own_text("notice.disconnected_title", "de")
    assert title.partition("{at}")[0].format(mailbox=MAILBOX) in words(told)


def _again(people, walk):
    """Set the channel up again."""
    fresh(people)
    walk.since, walk.revealed, walk.worked = people.now(), False, len(walk.tasks())
    walk.approve(walk.plan())
    walk.to_the_proof()
