"""Random inputs in every field of a card, through the handling of a press."""

import random
from typing import Any

import pytest

from adaptive_cards.texts import text
from bot.chat.permissions import mark_members_checked
from bot.commands import actions
from jobs.runs.run import Kind
from tests.fixtures.webex_script import Reply, receive
from tests.fuzz.conftest import ROUNDS, SEED
from tests.security.verbs import FIELDS, HOSTILE, STRANGE
from tests.unit.bot.cards.presenters.stage_events import PLANNED, SIGNED_IN

ODD: tuple[Any, ...] = (
    *STRANGE.values(),
    *("", " ", "plan-1\u200b", "PLAN-1", "plan-1\x00", "0", "-1", "1e999", "\ud800", "[" * 20_000),
    *(
        "a@example.test,b@example.test",
        "a@b@example.test",
        "@example.test",
        "A" * 300 + "@example.test",
    ),
    *("\u0430nna@example.test", "anna@example.test\u202e", "anna@xn--.test", "<anna@example.test>"),
    *(
        "https://",
        "https://[",
        "https://a.example:99999999/",
        "javascript:x",
        "https://a@b.example/%zz",
    ),
    *(
        "/check all",
        "help help help",
        "all",
        "support@example.test",
        "anna@example.test",
        "yes",
        "de",
    ),
    *("00000000-0000-0000-0000-000000000000", "secret_replaced", "../../x", "run:1:events", "{0}"),
)


def odd(chance, right):
    """Return an odd value, or text pieced together from odd ones and the right one."""
    if chance.random() < 0.6:
        return chance.choice(ODD)
    pieces = [str(chance.choice((right, HOSTILE, *ODD)))[:200] for _ in range(chance.randint(1, 3))]
    return "".join(pieces)[chance.randint(0, 3) :]


@pytest.mark.usefixtures("hasty_retries")
def test_card_inputs(services, begin, webex_script, said):
    """No press fails because of its inputs, and none approves a plan that it does not name.

    Presses in the run of their card are among them, and presses in no run.
    """
    chance, verbs = random.Random(SEED), sorted(actions())  # noqa: S311  not for secrets
    for number in range(150 * ROUNDS):
        services.redis.flushdb()
        mark_members_checked(services, "room-1")
        run = begin(SIGNED_IN, PLANNED)
        verb = verbs[number % len(verbs)]
        inputs = {name: odd(chance, "plan-") for name in FIELDS if chance.random() < 0.8}
        if chance.random() < 0.7:
            inputs["run"] = run.id
        press(webex_script, str(number), {**inputs, "do": verb})
        broken = [words for _, words in said() if text("notice.broken_title") in words]
        assert broken == [], f"SEED={SEED}, round {number}, {verb}: {inputs!r:.2000}"
        events = services.redis.lrange(f"run:{run.id}:events", 0, -1)
        assert [each for each in events if f'"{Kind.APPROVED}"'.encode() in each] == [], inputs


def press(webex_script, number, inputs):
    """Have Anna press a button of the bot's card with these inputs, and handle the event of it."""
    action = {"id": f"a{number}", "messageId": "card-1", "personId": "anna", "inputs": inputs}
    card = {"id": "card-1", "roomId": "room-1", "roomType": "group", "personId": "bot-1"}
    webex_script.asked.clear()
    webex_script.on("GET", f"/attachment/actions/a{number}", Reply(body=action))
    webex_script.on("GET", "/messages/card-1", Reply(body=card))
    receive("attachmentActions", f"a{number}", "anna", "room-1")
