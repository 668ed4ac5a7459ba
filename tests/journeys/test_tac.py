"""Way from ``/tac`` to the one file for Cisco TAC, in a space and in a 1:1 message."""

import base64
import json
import re
from pathlib import Path

from practice.client import does
from practice.conversation import Walk, words
from tests.fixtures.stacks import unpacked

PNG = b"\x89PNG\r\n\x1a\n" + b"not a real picture" * 20_000
SECRET = "abc8Q~0123456789abcdefghijklmnopqrstuvwx"
ALWAYS = {"summary.md", "findings.md", "smtp-transcript.txt", "findings.json", "history.json"}
SHOT = {"name": "shot.png", "type": "image/png", "base64": base64.b64encode(PNG).decode()}
TYPED = {
    "resource_id": "a_638211456712345678",
    "transaction_id": "2c8ad0a4-88aa-4a43-b31b-b46d6dcbbf4b",
    "seen_text": f"7553 since 14:05 UTC\nclient_secret={SECRET}",
}


def archive(people, message):
    """Return the contents of the zip file of a message, by file name."""
    answer = people.file(message)
    assert answer.headers["content-type"] == "application/zip"
    named = r"tac-support-contoso-com-\d{8}-\d{4}Z\.zip"
    assert re.search(named, answer.headers["content-disposition"])
    return unpacked(answer.content)


def made(people, walk, card, **inputs):
    """Press the button, and return the message with the file and the card about its contents."""
    before = people.now()
    people.press(walk.requester, card, "tac", inputs)
    posted = people.wait_for("a file", lambda each: bool(each["files"]), 20, before)
    return posted, walk.saying("The file for Cisco TAC is in this thread", after=before)


def test_in_a_space(people, connected):
    """The TAC file of a channel in a space has the check and the screenshot, and no secret.

    Before the first check, the file says that no check was run. The file is posted in the thread.
    """
    card = connected.type("/tac support@contoso.com")
    assert does(card) == {"tac"}
    root = connected.said["id"]
    posted, ready = made(people, connected, card)
    assert {posted["parentId"], ready["parentId"]} == {root}
    first = archive(people, posted)
    assert (set(first), b"No check was run yet." in first["summary.md"]) == (ALWAYS, True)
    shown = words(ready)
    assert ("There is no screenshot" in shown, "never checked" in shown) == (True, True)

    connected.type("/check support@contoso.com")
    connected.card("a verdict with a sign-in", "check", link=True, seconds=40)
    assert "Screenshot" in words(reply(people, connected, root, connected.requester, SHOT))
    posted, ready = made(people, connected, card, **TYPED)
    second = archive(people, posted)
    assert (set(second), second["screenshot.png"] == PNG) == (ALWAYS | {"screenshot.png"}, True)
    summary = second["summary.md"].decode()
    wanted = {
        "support@contoso.com",
        TYPED["resource_id"],
        TYPED["transaction_id"],
        "0b0c6a9e-6b1f-4c52-9d6f-3c1f7c0a4e11",
        "7553 since",
    }
    assert {each for each in wanted if each not in summary} == set()
    assert "235 2.7.0" in second["smtp-transcript.txt"].decode()
    assert "screenshot.png" in words(ready)
    assert_runs_and_no_secret(second)


def assert_runs_and_no_secret(file):
    """Assert that the file has the findings and events of both runs, and no secret."""
    findings = json.loads(file["findings.json"])
    assert {name: bool(part["findings"]) for name, part in findings.items()} == {
        "check": True,
        "setup": True,
    }
    history = json.loads(file["history.json"])
    assert {name: part["events"][-1]["kind"] for name, part in history.items()} == {
        "check": "checked",
        "setup": "finished",
    }
    whole = b"\n".join(file.values())
    secrets = (SECRET, "practice-bot-token", "practice-bot-client-secret")
    assert [each for each in secrets if each.encode() in whole] == []


def test_whose_screenshot(people, connected):
    """Only the person who typed ``/tac`` can send the screenshot.

    The screenshot has to be a picture of at most 5 MB.
    """
    connected.type("/tac support@contoso.com")
    root = connected.said["id"]
    large = {**SHOT, "base64": base64.b64encode(PNG[:8] + bytes(5 * 1024 * 1024)).decode()}
    text = {"name": "shot.png", "type": "image/png", "base64": base64.b64encode(b"<svg/>").decode()}
    assert "Only the person who typed /tac" in words(
        reply(people, connected, root, "colleague@contoso.com", SHOT)
    )
    assert "not a PNG, JPEG or GIF" in words(
        reply(people, connected, root, connected.requester, text)
    )
    assert "at most 5 MB" in words(reply(people, connected, root, connected.requester, large))
    assert "Only the person who typed /tac" in words(
        connected.press(connected.card("the guide", "tac"), "tac", {}, who="colleague@contoso.com")
    )


def test_in_a_direct_message(stack, people, connected):
    """A requester can ask for the TAC file 1:1 and send the screenshot as a message of its own.

    The screenshot waits encrypted, for an hour at most.
    """
    walk = Walk(people, "support@contoso.com")
    card = walk.type("/tac support@contoso.com")
    assert "Screenshot" in words(walk.type("", files=[{**SHOT, "name": "shot"}]))
    kept = stack.redis()
    [name] = kept.keys(f"sealed:tac-screenshot:{card['roomId']}")
    assert 0 < kept.ttl(name) <= 3600
    assert base64.b64encode(PNG)[:40] not in kept.get(name)
    posted, _ = made(people, walk, card, **TYPED)
    assert archive(people, posted)["screenshot.png"] == PNG


KEY = re.compile(r"`([a-z-]+(?::[^`]+)?)`")
PARTS = {
    "ADDRESS": r"[^:]+@[^:]+",
    "EVENT": r"[^:@]+",
    "PERSON": r"[^:@]+",
    "KIND": r"[a-z]+",
    "PLACE": r"[^:]+",
    "ID": r"[^:]+",
    "HASH": r"[0-9a-f]+",
    r"\.\.\.": ".+",
}


def test_what_lies_in_redis_is_on_its_page(stack, people, connected):
    """The table in docs/operations.md has every Redis key after a setup, a check and a case."""
    connected.type("/setup-email")
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.partition("## What is in Redis")[2].partition("\n## ")[0]
    patterns = [
        re.escape(key) for row in table.splitlines() for key in KEY.findall(row.partition(" | ")[0])
    ]
    for part, pattern in PARTS.items():
        patterns = [each.replace(part, pattern) for each in patterns]
    lying = [key.decode() for key in stack.redis().scan_iter(count=1000)]
    assert len(lying) > 20
    assert [
        key for key in lying if not any(re.fullmatch(pattern, key) for pattern in patterns)
    ] == []


def reply(people, walk, root, who, file):
    """Answer in the thread with a file and a mention, and return the bot's answer to that."""
    before = people.now()
    people.say(who, "here it is", walk.room, parent=root, files=[file])
    return people.wait_for(
        "an answer to the file", lambda each: each["parentId"] == root, 20, before
    )
