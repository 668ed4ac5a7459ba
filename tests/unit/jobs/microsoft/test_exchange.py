"""Requests to InvokeCommand and the handling of its odd answers."""

import asyncio
import json
from contextlib import nullcontext

import httpx
import pytest
import stamina

from jobs.clouds import errors
from jobs.microsoft.exchange import MOST_PAGES, judge_exchange, quoted
from tests.fixtures.parsed import table
from tests.unit.jobs.clouds.scripted_cloud import Cloud as Exchange
from tests.unit.jobs.microsoft.identity_sign_in import TENANT

LINKS = table("addresses")

NAMED_A = [{"Name": "a"}]
DONE = "The command completed successfully but no settings have been modified."


async def test_a_cmdlet_is_sent_as_the_endpoint_wants_it(run):
    """A cmdlet is sent with the right URL, anchor mailbox and body.

    A parameter with None is sent as null, which clears the setting.
    """
    exchange = Exchange(httpx.Response(200, json={"@adminapi.warnings": [], "value": []}))
    parameters = {"Identity": "a@contoso.com", "ForwardingAddress": None}
    assert await run(exchange, "Set-Mailbox", parameters) == []
    (sent,) = exchange.seen
    assert str(sent.url) == f"https://outlook.office365.com/adminapi/beta/{TENANT}/InvokeCommand"
    assert sent.headers["x-anchormailbox"] == "UPN:admin@contoso.com"
    assert sent.headers["authorization"] == "Bearer token-1"
    cmdlet = {"CmdletName": "Set-Mailbox", "Parameters": parameters}
    assert json.loads(sent.content) == {"CmdletInput": cmdlet}


async def test_rows_do_not_mind_letter_case_and_lose_their_sidecars(run):
    """Property names are found in any letter case, and their type annotations are left out."""
    sent = {"SmtpClientAuthenticationDisabled": None, "Name@data.type": "String", "Name": "a"}
    (row,) = await run(httpx.Response(200, json={"value": [sent]}), "Get-CASMailbox")
    assert row == {"SmtpClientAuthenticationDisabled": None, "Name": "a"}
    assert (row["name"], row.get("NAME")) == ("a", "a")
    assert "smtpclientauthenticationdisabled" in row
    assert row.get("SMTPClientAuthenticationDisabled", "default") is None
    assert row.get("missing", "default") == "default"


NOTHING = [b"", b"{}", b"null", b"[]", b'{"value": null}']


@pytest.mark.parametrize(
    ("cmdlet", "bodies", "rows"),
    [
        ("Set-Mailbox", [*NOTHING, b'{"value": [], "@adminapi.warnings": ["DONE"]}'], []),
        ("Get-TransportRule", [b'{"value": []}'], []),
        ("Get-TransportConfig", [b'{"value": {"Name": "a"}}', b'[{"Name": "a"}]'], NAMED_A),
        ("Get-TransportConfig", [b'{"Name": "a", "@odata.context": "x"}'], NAMED_A),
        ("Get-TransportRule", [*NOTHING, b'{"value": [{}]}'], None),
        ("Get-Mailbox", [*NOTHING, b'{"value": []}'], None),
        ("Get-OrganizationConfig", [b'{"value": []}'], None),
        ("Get-Mailbox", [b'["a"]', b'"text"', b'{"value": "text"}', b'{"value": ["a"]}'], None),
    ],
)
async def test_an_empty_answer_to_a_reading_cmdlet_is_unreadable(run, cmdlet, bodies, rows):
    """Only an empty list says that nothing exists, and never for an object that was asked for.

    Anything but a list of objects is unreadable, but for one object alone. An empty answer is an
    empty result of a Set-cmdlet; a warning means that the setting was correct already.
    """
    for body in bodies:
        answer = httpx.Response(200, content=body.replace(b"DONE", DONE.encode()))
        with pytest.raises(errors.MalformedAnswer) if rows is None else nullcontext():
            assert await run(answer, cmdlet) == rows


@pytest.mark.parametrize(
    ("cmdlet", "tries"),
    [("Get-Mailbox", 5), ("Set-Mailbox", 5), ("New-HostedOutboundSpamFilterPolicy", 1)],
)
async def test_only_what_is_safe_to_repeat_is_sent_again(run, cmdlet, tries):
    """After a timeout, a Get- or Set-cmdlet is sent again, but a New-cmdlet is not.

    It may have made the object, so the caller looks for the object first.
    """
    seen: list[httpx.Request] = []

    def slow(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise httpx.ReadTimeout("slow")

    with stamina.set_testing(True, attempts=5, cap=True), pytest.raises(errors.Transient):
        await run(slow, cmdlet)
    assert len(seen) == tries


async def test_six_cmdlets_run_at_a_time(run):
    """At most six cmdlets run at the same time, and the others wait."""
    running, most = 0, 0

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return httpx.Response(200, json={"value": [{"Name": "a"}]})

    await run(answer, "Get-Mailbox", times=9)
    assert most == 6


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("support@contoso.com", "support@contoso.com"),
        ("J\u00fcrgen", "J\u00fcrgen"),
        ("Jane Doe", "'Jane Doe'"),
        ("O\u2019Brien", "'O\u2019\u2019Brien'"),
        ("-From", "'-From'"),
        ("", "''"),
    ],
)
def test_what_means_something_to_powershell_is_quoted(value, shown):
    """Values with spaces, symbols or a leading hyphen are quoted.

    Every kind of single quote is doubled.
    """
    assert quoted(value) == shown


URL = f"https://outlook.office365.com/adminapi/beta/{TENANT}/InvokeCommand"
MORE = "There are more results available than are currently displayed."
BUSY = "You have reached the maximum number of concurrent requests per tenant. Please wait"
EXPIRED = {"error": {"code": "BadRequest", "message": "Expired or Invalid pagination request."}}


def page(*names: str, link: str = "", warning: str = "") -> httpx.Response:
    """Return a page of rows with these names, and with a next link and a warning if given."""
    body = {"value": [{"Name": name} for name in names]}
    body |= {"@odata.nextLink": link} if link else {}
    return httpx.Response(200, json=body | {"@adminapi.warnings": [warning] if warning else []})


@pytest.mark.parametrize(
    ("errors", "kind", "cause"),
    [
        (["Something failed."], errors.Rejected, "request_rejected"),
        (["Ex6F9304|a.b.ManagementObjectNotFoundException|x"], errors.NotFound, "not_found"),
        (
            ["|x.ADObjectAlreadyExistsException|The object exists."],
            errors.AlreadyExists,
            "already_there",
        ),
        ("One text", errors.Rejected, "request_rejected"),
    ],
)
async def test_an_error_in_a_success_is_a_failure(run, errors, kind, cause):
    """A cmdlet whose answer has the status 200 and an error in it has failed, and is not done."""
    answer = httpx.Response(200, json={"value": [{"Name": "a"}], "@adminapi.errors": errors})
    with pytest.raises(kind) as failed:
        await run(answer, "Set-Mailbox")
    assert (failed.type, failed.value.cause) == (kind, cause)


@pytest.mark.parametrize(
    "said",
    [{"@adminapi.errors": []}, {"@adminapi.warnings": ["The object is in an inconsistent state."]}],
)
async def test_what_says_nothing_about_rows_is_only_talk(run, said):
    """Some clients get an empty list of errors in every answer, and none fails by a warning."""
    answer = httpx.Response(200, json={"value": [{"Name": "a"}]} | said)
    assert await run(answer, "Get-Mailbox") == [{"Name": "a"}]


@pytest.mark.parametrize(
    "warning",
    [
        MORE,
        "There are more results, use the following command to get more. Get-MessageTraceV2 -EndDate x",
        "By default, only the first 1000 items are returned. Use the ResultSize parameter.",
    ],
)
async def test_a_warning_that_rows_are_missing_is_a_failure(run, warning):
    """A warning that rows are missing makes the answer a failure.

    Otherwise these rows would look as if they did not exist. If only some rows were asked for, none
    of them is missing.
    """
    assert await run(page("a", warning=warning), "Get-MessageTraceV2", {"ResultSize": 1}) == NAMED_A
    with pytest.raises(errors.MalformedAnswer) as failed:
        await run(page("a", warning=warning), "Get-MessageTraceV2")
    assert (failed.value.cause, failed.value.message) == ("exchange_answer_cut", warning)


async def test_pages_are_followed_by_the_same_request(run):
    """Each next page is requested with the same request, and all pages together are the answer.

    A warning on the first page about missing rows does not matter then.
    """
    exchange = Exchange(
        page("a", link=f"{URL}?%24skiptoken=1", warning=MORE),
        page("b", link=f"{URL}?%24skiptoken=2"),
        page("c"),
    )
    rows = await run(exchange, "Get-Recipient", {"Filter": "x"})
    assert [row["Name"] for row in rows] == ["a", "b", "c"]
    queries = [str(each.url.query, "ascii") for each in exchange.seen]
    assert queries == ["", "%24skiptoken=1", "%24skiptoken=2"]
    first = exchange.seen[0]
    for each in exchange.seen:
        assert (each.method, json.loads(each.content)) == ("POST", json.loads(first.content))
        for name in ("authorization", "x-anchormailbox", "x-cmdletname", "prefer"):
            assert each.headers[name] == first.headers[name]


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_page_that_is_refused_is_a_cut_answer(run, status):
    """A refused page makes the answer incomplete, and the caller then asks for less.

    Exchange refuses pages to an app without a user.
    """
    exchange = Exchange(page("a", link=f"{URL}?x=1"), httpx.Response(status, json=EXPIRED))
    with pytest.raises(errors.MalformedAnswer) as failed:
        await run(exchange, "Get-MessageTraceV2")
    assert (failed.value.cause, len(exchange.seen)) == ("exchange_answer_cut", 2)


@pytest.mark.parametrize("link", LINKS["next_page"])
async def test_the_token_goes_to_no_other_host(run, link):
    """A next link that leaves the endpoint is not followed, so no other host gets the token."""
    exchange = Exchange(page("a", link=link))
    with pytest.raises(errors.MalformedAnswer) as failed:
        await run(exchange, "Get-Recipient")
    assert (failed.value.cause, len(exchange.seen)) == ("exchange_answer_cut", 1)


async def test_pages_without_an_end_are_a_cut_answer(run):
    """A repeated next link makes the answer incomplete at once.

    New links without an end make it incomplete after the maximum number of pages.
    """
    same = Exchange(page("a", link=f"{URL}?x=1"))
    with pytest.raises(errors.MalformedAnswer):
        await run(same, "Get-Recipient")
    assert len(same.seen) == 2
    new = Exchange(*(page("a", link=f"{URL}?x={number}") for number in range(99)))
    with pytest.raises(errors.MalformedAnswer):
        await run(new, "Get-Recipient")
    assert len(new.seen) == MOST_PAGES + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "busy",
    [
        httpx.Response(400, text=BUSY),
        httpx.Response(400, json={"error": {"code": "x", "message": BUSY}}),
        httpx.Response(200, json={"value": [], "@adminapi.errors": [BUSY]}),
    ],
)
async def test_throttling_in_words_is_throttling(run, busy):
    """An answer that describes throttling in its text is throttling, under any status.

    Nothing was done then, so even a New-cmdlet is sent again.
    """
    exchange = Exchange(busy, page("a"))
    with stamina.set_testing(True, attempts=5, cap=True):
        rows = await run(exchange, "New-HostedOutboundSpamFilterPolicy")
    assert (rows, len(exchange.seen)) == ([{"Name": "a"}], 2)


def detail(message: str) -> httpx.Response:
    """Return an error answer whose only useful text is in its details."""
    error = {"code": "BadRequest", "message": "Error executing cmdlet"}
    return httpx.Response(400, json={"error": error | {"details": [{"message": message}]}})


NOT_HERE = json.dumps({"Message": "Ex1|a.ManagementObjectNotFoundException|Not here."})
NAME = "UnableToWriteToAadException"
NAMED, ERROR = {"X-ExceptionType": NAME}, {"code": None, "message": "Error"}


@pytest.mark.parametrize(
    ("answer", "kind", "code", "message"),
    [
        (detail(NOT_HERE), errors.NotFound, "ManagementObjectNotFoundException", "Not here."),
        (detail("{no JSON"), errors.Rejected, "BadRequest", "{no JSON"),
        (httpx.Response(400, text="Bad", headers=NAMED), errors.Transient, NAME, "Bad"),
        (httpx.Response(502, text="<html>"), errors.Transient, "", ""),
        (httpx.Response(404, json={"error": ERROR}), errors.NotFound, "", "Error"),
    ],
)
def test_where_the_words_are(answer, kind, code, message):
    """The text of an error may be JSON in a detail or a plain body.

    The exception's name may be in a header.
    """
    error = judge_exchange(answer, errors.RequestIds())
    assert (type(error), error.code, error.message) == (kind, code, message)
