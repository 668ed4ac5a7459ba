"""Webex client: requests, the data of the answers, and files."""

import dataclasses
from urllib.parse import urlsplit

import pytest
from hypothesis import given, strategies as st

from adaptive_cards.components import Card
from bot.webex.client import (
    CardAction,
    File,
    FileTooLargeError,
    Membership,
    Message,
    WebexPerson,
    Webhook,
)
from bot.webex.errors import WebexBadRequestError
from tests.fixtures.parsed import table

PLACES = table("addresses")

MEMBER = {"id": "member-1", "personId": "ann", "personEmail": "Ann@Example.test", "new": False}
MEMBER |= {"roomId": "room-1", "personOrgId": "org-1"}
ANN = Membership("member-1", "ann", "ann@example.test", "org-1")
CARD = Card({"type": "AdaptiveCard", "version": "1.3", "body": []}, "3 of 7")
ATTACHED = [{"contentType": "application/vnd.microsoft.card.adaptive", "content": CARD.content}]


def test_who_the_bot_is(webex, webex_script, reply):
    """me() and person() give the same fields, with the first address in lower case."""
    person = {"id": "bot-id", "emails": ["Email@Webex.bot"], "orgId": "org-1", "new": 1}
    person |= {"type": "bot", "displayName": "Email"}
    webex_script.on("GET", "/people/me", reply(200, person))
    webex_script.on("GET", "/people/bot-id", reply(200, person))
    assert {webex.me(), webex.person("bot-id")} == {
        WebexPerson("bot-id", "email@webex.bot", "org-1", "bot", "Email")
    }


def test_a_message_is_read(webex, webex_script, reply):
    """A message is read with every field that the bot uses.

    A reply in a thread is answered at the thread's root.
    """
    known = {"id": "m-1", "roomId": "room-1", "roomType": "group", "personId": "ann"}
    known |= {"text": "Bot /check", "html": "<p>Bot /check</p>", "parentId": "root"}
    told = known | {"files": ["https://example.test/f"], "created": "then", "new": ["bot"]}
    webex_script.on("GET", "/messages/m-1", reply(200, told))
    message = webex.message("m-1")
    assert message == Message(*known.values(), ("https://example.test/f",), "then")
    assert (message.thread, message.room_type) == ("root", "group")


def test_the_inputs_of_a_card_answer_become_text(webex, webex_script, reply):
    """Any JSON value that somebody sends as an input arrives as text (platforms/webex.md 3)."""
    inputs = {"a": "x", "b": 12, "c": True, "d": None, "e": ["1"], "f": {"g": 1.5}}
    answer = {"id": "a-1", "messageId": "m-1", "personId": "ann", "created": "then"}
    webex_script.on("GET", "/attachment/actions/a-1", reply(200, answer | {"inputs": inputs}))
    expected = {"a": "x", "b": "12", "c": "true", "d": "", "e": '["1"]', "f": '{"g": 1.5}'}
    action = webex.action("a-1")
    assert action == CardAction("a-1", "m-1", "ann", expected, "then")
    assert '"1"' not in repr(action)  # the inputs stay out of the log


def test_one_membership(webex, webex_script, reply):
    """A membership is requested by space and person, and is None if the person has left."""
    found = [reply(200, {"items": items}) for items in ([MEMBER], [])]
    webex_script.on("GET", "/memberships", *found)
    assert [webex.membership("room-1", "ann"), webex.membership("room-1", "ann")] == [ANN, None]
    assert webex_script.asked[0][1] == "/memberships?roomId=room-1&personId=ann"


def test_a_card_is_sent(webex, webex_script, reply):
    """A card is sent with its text and in its thread, and no field is sent that was not given."""
    webex_script.on("POST", "/messages", reply(200, {"id": "m-9"}))
    assert webex.send(CARD, room_id="room-1", parent_id="m-1").id == "m-9"
    body = {"roomId": "room-1", "parentId": "m-1", "text": "3 of 7", "attachments": ATTACHED}
    assert webex_script.asked == [("POST", "/messages", body)]


def test_a_person_is_written_to(webex, webex_script, reply):
    """A person is written to by id or by address, in a 1:1 room that Webex creates."""
    direct = {"id": "m-9", "roomId": "direct-1", "roomType": "direct"}
    webex_script.on("POST", "/messages", reply(200, direct))
    posted = webex.send("Hello", to_person_id="ann")
    assert (posted.id, posted.room_id, posted.room_type) == ("m-9", "direct-1", "direct")
    webex.send("Hello", to_email="ann@example.test", parent_id="")
    to = ({"toPersonId": "ann"}, {"toPersonEmail": "ann@example.test"})
    assert [body for _, _, body in webex_script.asked] == [each | {"text": "Hello"} for each in to]


@pytest.mark.parametrize(
    ("body", "kind"), [({"type": "group"}, "group"), ({"type": "direct"}, "direct"), ({}, "")]
)
def test_the_kind_of_a_room(webex, webex_script, reply, body, kind):
    """The type of a room is the type that Webex gives, or empty if Webex gives none."""
    named = {"id": "room-1", "title": "Mail team"}
    webex_script.on("GET", "/rooms/room-1", reply(200, named | body))
    assert (webex.room_type("room-1"), webex.room_title("room-1")) == (kind, "Mail team")


def test_a_card_is_edited_in_place(webex, webex_script, reply):
    """An edit sends the whole card again, with the space and the text (platforms/webex.md 2)."""
    webex_script.on("PUT", "/messages/m-1", reply(200, {"id": "m-1"}))
    webex.edit("m-1", "room-1", CARD)
    body = {"roomId": "room-1", "text": "3 of 7", "attachments": ATTACHED}
    assert webex_script.asked == [("PUT", "/messages/m-1", body)]


def test_an_edit_that_webex_refuses_is_told_apart(webex, webex_script, reply):
    """An edit that gets a 400 raises an error of its own class and is not tried again.

    The error has the tracking id, which Webex support asks for.
    """
    refusal = {"message": "Unable to edit", "trackingId": "ROUTER_1"}
    webex_script.on("PUT", "/messages/m-1", reply(400, refusal))
    with pytest.raises(WebexBadRequestError) as caught:
        webex.edit("m-1", "room-1", CARD)
    assert (caught.value.status, caught.value.tracking_id) == (400, "ROUTER_1")
    assert len(webex_script.asked) == 1
    assert str(caught.value) == "Webex answered 400: Unable to edit (tracking id ROUTER_1)"


def test_webhooks_are_listed_made_and_changed(webex, webex_script, reply):
    """Webhooks can be listed, made and changed; their secret is written and never read back."""
    asked = {"name": "n", "secret": "a-secret", "resource": "messages", "event": "created"}
    hook = {**asked, "targetUrl": "https://t", "id": "w-1", "status": "inactive"}
    webex_script.on("GET", "/webhooks", reply(200, {"items": [hook]}))
    webex_script.on("POST", "/webhooks", reply(200, hook))
    webex_script.on("PUT", "/webhooks/w-1", reply(200, hook))
    read = Webhook("w-1", "n", "https://t", "messages", "created", "", "inactive")
    assert webex.webhooks() == (read,)
    assert webex.create_webhook(targetUrl="https://t", **asked) == read
    changed = {"name": "n", "targetUrl": "https://u", "secret": "a-secret", "status": "active"}
    webex.update_webhook("w-1", **changed)
    bodies = [None, asked | {"targetUrl": "https://t"}, changed]
    assert [body for _, _, body in webex_script.asked] == bodies


@pytest.mark.parametrize(
    "end", ['="headers.txt"', "*=utf-8''headers.txt; b*", "=headers.txt" + ";" * 20_000]
)
def test_a_file_is_downloaded(webex, webex_script, reply, end):
    """A file is downloaded with its name and type, whatever else is in its header."""
    headers = {"Content-Type": "text/plain", "Content-Disposition": f"attachment; filename{end}"}
    webex_script.on("GET", "/contents/1", reply(200, b"Received: from", headers))
    found = webex.download(webex_script.url + "contents/1", 99)
    assert found == File("headers.txt", "text/plain", b"Received: from")


def test_a_large_file_is_not_held(webex, webex_script, reply):
    """A file with one byte more than allowed raises an error of its own, which is no rate limit."""
    webex_script.on("GET", "/contents/1", reply(200, b"12345"))
    with pytest.raises(FileTooLargeError):
        webex.download(webex_script.url + "contents/1", 4)


@pytest.mark.parametrize(
    "elsewhere", ["http://localhost:{at.port}{at.path}contents/1", "{at.path}contents/1"]
)
def test_a_file_at_another_name_of_this_machine(webex, webex_script, reply, elsewhere):
    """A file of a Webex on this machine is requested at the configured address.

    Webex may use another name for the same machine.
    """
    webex_script.on("GET", "/contents/1", reply(200, b"Received: from"))
    at = urlsplit(webex_script.url)
    assert webex.download(elsewhere.format(at=at), 99).content == b"Received: from"


@pytest.mark.parametrize("elsewhere", PLACES["file"])
def test_another_port_or_path_is_another_place(webex, webex_script, elsewhere):
    """A file at another host, port or path is refused, and nothing is sent."""
    with pytest.raises(ValueError, match="does not lie at the Webex API"):
        webex.download(elsewhere.format(at=urlsplit(webex_script.url)), 99)
    assert webex_script.asked == []


def test_an_id_stays_one_part_of_the_path(webex, webex_script):
    """An id with slashes, dots or a question mark cannot name another resource."""
    webex.delete_webhook("../people/me?x=1")
    assert webex_script.asked == [("DELETE", "/webhooks/..%2Fpeople%2Fme%3Fx%3D1", None)]


@pytest.mark.parametrize("refusal", [400, 404])
def test_a_thread_that_is_gone_is_left(webex, webex_script, reply, refusal):
    """If Webex refuses the parent message, the message is posted in the space without a thread."""
    answers = (reply(refusal, {"message": "parentId"}), reply(200, {"id": "posted"}))
    webex_script.on("POST", "/messages", *answers)
    assert webex.send("hello", room_id="room-1", parent_id="gone").id == "posted"
    body = {"roomId": "room-1", "text": "hello"}
    assert [each for *_, each in webex_script.asked] == [body | {"parentId": "gone"}, body]


def test_a_refused_message_without_a_thread_is_not_posted_again(webex, webex_script, reply):
    """A refused message without a thread is not posted again, as it has no parent to leave out."""
    webex_script.on("POST", "/messages", reply(400, {"message": "no such room"}))
    with pytest.raises(WebexBadRequestError):
        webex.send("hello", room_id="room-1")
    assert len(webex_script.asked) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    *("id", "roomId", "roomType", "personId", "text", "html", "parentId", "files", "created"),
    *("messageId", "inputs", "emails", "orgId", "type", "displayName", "personEmail"),
    *("personOrgId", "name", "targetUrl", "resource", "event", "filter", "status"),
)
KINDS = (Message, CardAction, WebexPerson, Membership, Webhook)


def texts_of(value):
    """Return the texts in a field."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, tuple) else [value]


@pytest.mark.slow
@given(data=st.dictionaries(st.sampled_from(NAMES), JSON))
def test_any_shape_is_read(data):
    """Any JSON object is read without an error, and each of its fields is a text or texts."""
    for kind in KINDS:
        found = kind.of(data)
        for field in dataclasses.fields(kind):
            assert {type(each) for each in texts_of(getattr(found, field.name))} <= {str}


@pytest.mark.parametrize("odd", [True, 7, "https://x.example", {"a": "b"}, None, 1.5])
def test_a_list_that_is_none_is_empty(odd):
    """A value that should be a list is not split into characters or names.

    A person without an address is not served.
    """
    assert Message.of({"id": "m1", "files": odd}).files == ()
    assert WebexPerson.of({"id": "p1", "emails": odd}).emails == ()


ZIP = b"PK\x03\x04" + bytes(range(256))


FILE = File("tac.zip", "application/zip", ZIP)


def test_a_file_is_sent(webex, webex_script, reply):
    """A file is sent in one form with the space, the thread, the text, and its name and type."""
    webex_script.on("POST", "/messages", reply(200, {"id": "m-9"}))
    sent = webex.send("For Cisco TAC", room_id="room-1", file=FILE, parent_id="root")
    ((_, path, body),) = webex_script.asked
    fields = {"roomId": "room-1", "parentId": "root", "text": "For Cisco TAC", "files": ZIP}
    assert (sent.id, path, body) == ("m-9", "/messages", fields)
    assert (body["files"].name, body["files"].kind) == ("tac.zip", "application/zip")
    assert webex_script.token == "Bearer a-made-up-token"


def test_it_is_sent_again_whole(webex, webex_script, reply, hasty_retries):
    """After a 503 the whole file is sent again, and without a thread the form has no parentId."""
    webex_script.on("POST", "/messages", reply(503, {}), reply(200, {"id": "m-9"}))
    assert webex.send("For Cisco TAC", room_id="room-1", file=FILE).id == "m-9"
    fields = {"roomId": "room-1", "text": "For Cisco TAC", "files": ZIP}
    assert [body for *_, body in webex_script.asked] == [fields] * 2
