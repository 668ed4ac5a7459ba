"""Command /explain: a typed text, a file, the message replied to, and files that are not read."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.chat.explanation import as_json, as_lines, explanation
from bot.webex.errors import WebexError
from jobs.causes import files
from jobs.causes.cause import page_of
from jobs.causes.reader import read
from jobs.clock import now
from jobs.storage import keys
from tests.fixtures.webex_script import Reply, person, receive
from tests.unit.bot.commands.typed_commands import MAILBOX, cards, pressed, proven, type_

EXPIRED = "AADSTS7000222: The provided client secret keys are expired."


@pytest.fixture(params=["explain", "erklären"])
def asked(anna, webex_script, request):
    """Return a function that types the command with a text, files or a parent message.

    The rest of the message is scripted, as Webex returns it.
    """

    def ask(typed: str = "", files: tuple[str, ...] = (), parent: str = "", age: str = "") -> None:
        told = {
            "id": "message-1",
            "text": f"Email Bot /{request.param} {typed}",
            "files": [
                name if "://" in name else f"{webex_script.url}contents/{name}" for name in files
            ],
            "parentId": parent,
            "created": age or now().isoformat(),
        }
        webex_script.on("GET", "/messages/message-1", Reply(body=told))
        type_(replace(anna, message="message-1"), "explain", " ".join(typed.split())[:40])

    return ask


def test_a_typed_text_is_explained(asked, said, webex_script):
    """The whole message is read, with its wrapped lines, and the card shows the code."""
    asked("> AADSTS7000222: The provided\n> client secret keys are expired.")
    assert text("cause.client_secret_expired") in said()[0][1]
    assert text("remedy.client_secret_expired") in said()[0][1]
    assert "AADSTS7000222" in cards(webex_script)


@pytest.mark.parametrize(("kind", "key"), [("setup", "remedy_within"), ("check", "remedy")])
def test_in_a_setup_the_remedy_is_the_runs(asked, begin, said, kind, key):
    """While a setup of the space goes on, the remedy is not a fix, which would lead nowhere."""
    begin(kind=kind)
    asked(EXPIRED)
    assert text(f"{key}.client_secret_expired") in said()[0][1]


def test_a_text_about_a_channel_of_the_space(asked, said, anna, webex_script):
    """A known channel's services are the likely speakers, and a button checks the channel.

    The card says what is known of the channel now, because the error may be older than its repair.
    A channel whose address is a part of the named one is another.
    """
    proven(anna)
    anna.services.redis.sadd("space:room-1:channels", MAILBOX[3:], MAILBOX[:-1])
    asked(f"{MAILBOX}: Connection timed out")
    assert text("explain.known_now") in cards(webex_script)
    assert text("explain.open_title") in said()[0][1]
    assert pressed(webex_script) == [{"do": "check", "channel": MAILBOX}]


@pytest.mark.parametrize("typed", [MAILBOX, f"please {MAILBOX}"])
def test_the_address_of_a_channel_is_no_error(asked, said, anna, webex_script, typed):
    """For a channel's address alone, the title says so, and the card shows the channel."""
    proven(anna)
    asked(typed)
    assert text("explain.channel_title") in said()[0][1]
    assert text("explain.known_now") in cards(webex_script)
    assert {"do": "check", "channel": MAILBOX} in pressed(webex_script)


def test_a_file_is_explained(asked, said, webex_script):
    """A mail that was attached is read with all its parts."""
    mail = (
        b"From: a@example.org\nTo: b@example.org\nSubject: Undeliverable\n\n"
        b"Remote Server returned '550 5.7.520 Access denied, AS(7555)'\n"
    )
    webex_script.on("GET", "/contents/ndr.eml", Reply(body=mail))
    asked("", files=("ndr.eml",))
    assert text("cause.forwarding_blocked") in said()[0][1]


def test_the_message_replied_to_is_explained(asked, said, webex_script):
    """A reply with the bare command is about the message above it."""
    webex_script.on("GET", "/messages/parent-1", Reply(body={"id": "parent-1", "text": EXPIRED}))
    asked("", parent="parent-1")
    assert text("cause.client_secret_expired") in said()[0][1]


@pytest.mark.parametrize("parent", ["", "hidden-1"])
def test_nothing_to_explain(asked, said, parent):
    """Without a text, the card says how to give one, also if Webex hides the parent message."""
    asked("", parent=parent)
    assert text("explain.empty_title") in said()[0][1]


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("AADSTS7999999: a new thing", "explain.unknown_title"),
        ("535 5.7.8 Username and Password not accepted gsmtp", "explain.strange_title"),
        ("535 5.7.139", "explain.open_title"),
    ],
)
def test_what_cannot_be_named(asked, said, typed, title):
    """An error gets its own title if it is unknown, of another service, or of several causes."""
    asked(typed)
    assert text(title) in said()[0][1]


def test_no_secret_is_repeated(asked, webex_script):
    """A secret in the person's line does not come back in the card."""
    secret = "abc8Q~0123456789abcdefghijklmnopqrstuvwx"
    asked(f"AADSTS7999999 client_secret={secret}")
    assert (secret in cards(webex_script), "AADSTS7999999" in cards(webex_script)) == (False, True)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(body=b"\x89PNG\r\n\x1a\n"), "picture"),
        (Reply(body=b"%PDF-1.7"), "kind"),
        (Reply(body=b"\x7fELF" + bytes(range(32)) * 10), "binary"),
        (Reply(body=b"x" * (1024 * 1024 + 1)), "large"),
        (Reply(404, {"message": "gone"}), "unread"),
        (Reply(410, {"message": "infected"}), "infected"),
        (Reply(428, {"message": "encrypted"}), "unscannable"),
    ],
)
def test_a_file_that_is_not_read(asked, said, webex_script, reply, reason):
    """If a file is not read, the person is told the reason in words (platforms/webex.md 2)."""
    webex_script.on("GET", "/contents/file", reply)
    asked("", files=("file",))
    assert text(f"explain.refused.{reason}") in said()[0][1]


def test_a_mail_that_takes_too_long(asked, said, webex_script, monkeypatch):
    """If the reading of a mail was stopped, the person is told what to send instead."""
    monkeypatch.setattr(files, "MAIL_S", 0)
    mail = b"From: a@b.example\nTo: c@d.example\nSubject: x\n\nx"
    webex_script.on("GET", "/contents/file", Reply(body=mail))
    asked("", files=("file",))
    assert text("explain.refused.stopped") in said()[0][1]


@pytest.mark.usefixtures("hasty_retries")
def test_a_file_that_is_still_scanned(asked, said, webex_script):
    """For a file that Webex still scans, the event is tried again for a minute.

    After that, the person is told.
    """
    webex_script.on("GET", "/contents/file", Reply(423, {"message": "scanning"}))
    with pytest.raises(WebexError):
        asked("", files=("file",))
    asked("", files=("file",), age="2020-01-01T00:00:00.000Z")
    assert text("explain.refused.scanned") in said()[0][1]


def test_a_file_elsewhere_is_not_fetched(asked, said):
    """A file outside Webex is not fetched, because the bot's token goes to Webex only."""
    asked("", files=("https://elsewhere.example/x.txt",))
    assert text("explain.refused.unread") in said()[0][1]


BOT = {"id": "m", "roomId": "room-1", "personId": "bot", "personEmail": "email@webex.bot"}


def test_explain_in_a_case_for_tac_is_no_screenshot(anna, said, webex_script):
    """A file with /explain is explained once, also in the thread of a case."""
    anna.services.redis.set(keys.tac_case("thread-1"), "{}", ex=60)
    told = {
        "id": "m-1",
        "roomId": "room-1",
        "roomType": "group",
        "personId": "anna",
        "parentId": "thread-1",
        "text": f"Email Bot /explain {EXPIRED}",
        "files": [f"{webex_script.url}contents/x.txt"],
        "created": now().isoformat(),
    }
    webex_script.on("GET", "/messages/m-1", Reply(body=told))
    webex_script.on("GET", "/contents/x.txt", Reply(body=b"and more"))
    webex_script.on("GET", "/memberships", Reply(body={"items": [BOT]}))
    webex_script.on("GET", "/people/anna", Reply(body=person("anna", "anna@example.test")))
    receive("messages", "m-1", "anna", "room-1", now().isoformat())
    assert [text("cause.client_secret_expired") in words for _, words in said()] == [True]


REFUSED = "535 5.7.3 Authentication unsuccessful"


def test_a_certain_cause_has_its_page():
    """For a certain cause, the card, the JSON and the terminal's lines name the same help page."""
    reading, page = read(EXPIRED), page_of("client_secret_expired")
    assert page in str(explanation(reading, now()))
    assert as_json(reading)["causes"][0]["page"] == page
    assert f"Learn more: {page}" in as_lines(reading)


def test_a_possible_cause_has_its_own_page():
    """Each possible cause of an error has the help page that is known for it, or none."""
    reading = read(REFUSED)
    card = str(explanation(reading, now()))
    pages = {page_of(each.cause) for each in reading.causes}
    assert [page for page in pages if page not in card] == []
    assert {"", page_of("smtp_token_refused"), page_of("scope_wrong")} < pages
