"""Odd answers of Webex to the bot's reads: each command and each press is answered all the same."""

import pytest

from practice.actors import REQUESTER
from practice.conversation import space
from tests.fuzz.conftest import ROUNDS

pytestmark = pytest.mark.usefixtures("no_traceback")

ODD = [
    *((status, '{"message": "odd"}') for status in (206, 302, 400, 403, 404, 405, 408, 409, 410)),
    *((status, '{"message": "odd"}') for status in (413, 414, 418, 425, 428, 431, 451, 500, 599)),
    (204, ""),
    (203, "null"),
    *((200, body) for body in ("", "null", "42", '"id"', "[]", "[{}]", "{}", '{"items": []}')),
    *((200, body) for body in ('{"items": null}', '{"items": [7]}', '{"id": null}', '{"id": []}')),
    *((200, body) for body in ('{"id": "x"}', '{"id": "x", "personId": 7, "emails": {}}')),
    *((200, body) for body in ("<html><body>no</body></html>", '{"id": "', "\0" * 512, "[" * 9999)),
]
READS = ["/messages/", "/attachment/actions/", "/people/", "/memberships", "/rooms/"]
COMMANDS = ["/help", "/status", "/channels", "/watch", "/language", "/check", "hello"]
AT_ONCE = 6


@pytest.mark.parametrize("number", range(6 * ROUNDS))
def test_odd_answers_lose_no_command(people, random, number):
    """Six people's commands and presses meet six odd answers, and each gets its one answer."""
    room = space(people)
    typed = people.say(REQUESTER, "/help", room)
    card = people.wait_for("an answer", lambda each: each["parentId"] == typed["id"])
    before = people.now()
    for status, body in random.sample(ODD, AT_ONCE):
        fault = {"prefix": f"/webex/v1{random.choice(READS)}", "method": "GET"}
        people.control("POST", "faults", fault | {"status": status, "body": body})
    asked = [people.say(REQUESTER, random.choice(COMMANDS), room)["id"] for _ in range(AT_ONCE - 1)]
    press = {"as": REQUESTER, "message_id": card["id"], "inputs": {"do": "help"}}
    people.control("POST", "webex/submit", press)
    for thread in (*asked, card["parentId"]):
        people.wait_for(
            "an answer",
            lambda each, thread=thread: each["parentId"] == thread,  # type: ignore[misc]
            20,
            before,
        )
