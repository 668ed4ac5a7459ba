from __future__ import annotations

from dataclasses import replace

import pytest

from bot.webex.client import (
    HURRIED,
    Webex,
    WebexAnswerError,
    WebexError,
    WebexNotFoundError,
    WebexUnauthorizedError,
    WebexUnreachableError,
)

ME = {"id": "bot-id"}


def test_retry_after_is_waited_for(webex, webex_script, reply, pauses):
    """A request that gets a 429 is sent again after the seconds that Webex names, not before."""
    webex_script.on("GET", "/people/me", reply(429, {}, {"Retry-After": "1"}), reply(200, ME))
    assert (webex.me().id, pauses) == ("bot-id", [1.0])


@pytest.mark.parametrize(
    ("told", "wait", "asked"), [("3600", 3600.0, 1), ("rand(30),add(30)", 15.0, 2)]
)
def test_a_long_retry_after_goes_to_the_caller(
    webex, webex_script, reply, hasty_retries, told, wait, asked
):
    """A malformed one counts as 15 seconds: it broke SDK 1.6.1 in production (webex.md 4)."""
    headers = {"Retry-After": told, "Content-Type": "text/html"}
    webex_script.on("GET", "/people/me", reply(429, b"<html>", headers))
    with pytest.raises(WebexAnswerError) as caught:
        webex.me()
    assert (caught.value.status, caught.value.retry_after) == (429, wait)
    assert len(webex_script.asked) == asked


def test_who_comes_back_by_itself_does_not_wait(hurried, webex_script, reply, pauses):
    """A hurried client gives a Retry-After of more than 3 seconds to the caller at once.

    Other clients would sleep.
    """
    webex_script.on("GET", "/people/me", reply(429, {"message": "slow down"}, {"Retry-After": "4"}))
    with pytest.raises(WebexAnswerError) as caught:
        hurried.me()
    assert (caught.value.retry_after, len(webex_script.asked), pauses) == (4.0, 1, [])


@pytest.mark.usefixtures("real_pauses")
def test_who_comes_back_by_itself_asks_a_slow_webex_once(webex_script, reply):
    """A hurried client begins no other try after its time of 3 seconds is over."""
    webex_script.on("GET", "/people/me", reply(502, {"message": "bad gateway"}, delay_s=0.2))
    with pytest.raises(WebexAnswerError):
        Webex("a-made-up-token", webex_script.url, replace(HURRIED, total_s=0.1)).me()
    assert (len(webex_script.asked), HURRIED.total_s) == (1, 3.0)


@pytest.mark.parametrize("status", [0, 423, 500, 502, 503, 504])
def test_a_get_survives_a_passing_error(webex, webex_script, reply, status):
    """A GET is tried again after a 423 (locked), a 5xx or a dropped connection."""
    webex_script.on("GET", "/people/me", reply(status, {"message": "later"}), reply(200, ME))
    assert (webex.me().id, len(webex_script.asked)) == ("bot-id", 2)


def test_retries_end(webex, webex_script, reply):
    """After the fourth try, the caller gets the error."""
    webex_script.on("GET", "/people/me", reply(502, {"message": "bad gateway", "trackingId": "T"}))
    with pytest.raises(WebexAnswerError) as caught:
        webex.me()
    assert (caught.value.status, caught.value.tracking_id, len(webex_script.asked)) == (502, "T", 4)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, WebexAnswerError), (401, WebexUnauthorizedError), (403, WebexAnswerError)],
)
def test_a_lasting_error_is_not_tried_again(webex, webex_script, reply, status, kind):
    """A lasting error is not retried.

    Its tracking id comes from the header if the body has none.
    """
    refusal = reply(status, {"message": "no"}, {"trackingId": "FROM_HEADER"})
    webex_script.on("GET", "/people/me", refusal)
    with pytest.raises(kind) as caught:
        webex.me()
    assert (caught.value.status, caught.value.tracking_id) == (status, "FROM_HEADER")
    assert "a-made-up-token" not in str(caught.value) + repr(caught.value)
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)
    assert len(webex_script.asked) == 1


@pytest.mark.parametrize("status", [300, 302, 307, 423, 429, 503])
def test_a_post_that_was_not_accepted_is_sent_again(webex, webex_script, reply, status):
    """A post is sent again after a 423, a 429, a 503 or a redirect.

    These answers prove that nothing was posted.
    """
    headers = {"Retry-After": "0", "Location": "http://127.0.0.2:9/login"}
    webex_script.on("POST", "/messages", reply(status, {}, headers), reply(200, {"id": "m-1"}))
    assert (webex.send(room_id="r", text="Hello").id, len(webex_script.asked)) == ("m-1", 2)


@pytest.mark.parametrize("status", [0, 500, 502, 504])
def test_a_post_that_may_have_been_accepted_is_not_sent_again(webex, webex_script, reply, status):
    """A post is not sent again after a dropped connection or a gateway's error.

    The message may have been posted, and a second one would be worse than none.
    """
    webex_script.on("POST", "/messages", reply(status, {}), reply(200, {"id": "m-1"}))
    with pytest.raises(WebexError) as caught:
        webex.send(room_id="r", text="Hello")
    assert (caught.value.accepted, len(webex_script.asked)) == (True, 1)


def test_a_post_that_never_left_is_known_as_such(free_port, hasty_retries):
    """Without a connection nothing was posted, and the error says so."""
    with pytest.raises(WebexUnreachableError) as caught:
        Webex("token", f"http://127.0.0.1:{free_port}/v1/").send(room_id="r", text="Hello")
    assert caught.value.accepted is False


@pytest.mark.parametrize("path", ["/messages/new", "/attachment/actions/new"])
def test_a_fresh_thing_may_be_late(webex, webex_script, reply, pauses, path):
    """A new message or press that is missing twice within two seconds is still found.

    The API may lag behind the webhook (platforms/webex.md 1).
    """
    webex_script.on("GET", path, *[reply(404, {})] * 2, reply(200, {"id": "new"}))
    assert (webex.message if "messages" in path else webex.action)("new").id == "new"
    assert 1 < sum(pauses) < 2.5


def test_a_fresh_thing_that_never_comes_is_gone(webex, webex_script, reply):
    """A new message that is missing in three tries counts as deleted.

    An old message is requested only once.
    """
    webex_script.on("GET", "/messages/gone", reply(404, {"message": "no"}))
    with pytest.raises(WebexNotFoundError):
        webex.message("gone")
    with pytest.raises(WebexNotFoundError):
        webex.message("gone", fresh=False)
    assert len(webex_script.asked) == 3 + 1


def test_a_mistake_is_no_rate_limit(webex, webex_script, reply, hasty_retries):
    """Only a 429 is a rate limit.

    Another response that the SDK cannot read is an unreadable answer.
    """
    page = reply(200, {"items": []}, {"Link": '<http://[>; rel="next"'})
    webex_script.on("GET", "/memberships", page)
    with pytest.raises(WebexUnreachableError) as caught:
        webex.members("room-1")
    assert (caught.value.status, caught.value.retry_after) == (0, None)
