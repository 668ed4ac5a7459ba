"""Requests to InvokeCommand and the handling of its odd answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
import stamina

from jobs.clouds.errors import MalformedAnswer, Transient
from jobs.microsoft.exchange import quoted
from tests.unit.jobs.microsoft.identity_sign_in import TENANT

DONE = "The command completed successfully but no settings have been modified."
NOT_MODIFIED = {"value": [], "@adminapi.warnings": [DONE]}


async def test_a_cmdlet_is_sent_as_the_endpoint_wants_it(run: Any):
    """A cmdlet is sent with the right URL, anchor mailbox, body and ``$select``.

    A parameter with None is sent as null, which clears the setting.
    """
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"@adminapi.warnings": [], "value": []})

    parameters = {
        "Identity": "a@contoso.com",
        "ForwardingAddress": None,
        "DeliverToMailboxAndForward": True,
    }
    assert await run(answer, "Set-Mailbox", parameters) == []
    sent = seen[0]
    assert str(sent.url) == f"https://outlook.office365.com/adminapi/beta/{TENANT}/InvokeCommand"
    assert sent.headers["x-anchormailbox"] == "UPN:admin@contoso.com"
    assert sent.headers["authorization"] == "Bearer token-1"
    cmdlet = {"CmdletName": "Set-Mailbox", "Parameters": parameters}
    assert json.loads(sent.content) == {"CmdletInput": cmdlet}


async def test_rows_do_not_mind_letter_case_and_lose_their_sidecars(run: Any):
    """Property names are found in any letter case, and their type annotations are left out."""
    body = {
        "value": [
            {"SmtpClientAuthenticationDisabled": None, "Name@data.type": "String", "Name": "a"}
        ]
    }
    (row,) = await run(httpx.Response(200, json=body), "Get-CASMailbox", {"Identity": "a"})
    assert row == {"SmtpClientAuthenticationDisabled": None, "Name": "a"}
    assert (row["name"], row.get("NAME")) == ("a", "a")
    assert "smtpclientauthenticationdisabled" in row
    assert row.get("SMTPClientAuthenticationDisabled", "default") is None
    assert row.get("missing", "default") == "default"


@pytest.mark.parametrize(
    "answer",
    [
        *(httpx.Response(200, json=body) for body in ({}, {"value": None}, NOT_MODIFIED)),
        *(httpx.Response(status) for status in (200, 204)),
    ],
)
async def test_an_empty_answer_is_an_empty_result(run: Any, answer: httpx.Response):
    """An empty answer is an empty result; Set-cmdlets send it in several forms.

    A warning that nothing was modified means that the setting was correct already.
    """
    assert await run(answer, "Set-Mailbox") == []


@pytest.mark.parametrize(
    ("cmdlet", "bodies"),
    [
        ("Get-TransportRule", [b"", b"{}", b"null", b"[]", b'{"value": null}', b'{"value": [{}]}']),
        ("Get-Mailbox", [b"", b"{}", b"null", b"[]", b'{"value": null}', b'{"value": []}']),
        ("Get-OrganizationConfig", [b'{"value": []}']),
        ("Get-Mailbox", [b'["a"]', b'"text"', b'{"value": "text"}', b'{"value": ["a"]}']),
    ],
)
async def test_an_empty_answer_to_a_reading_cmdlet_is_unreadable(run, cmdlet, bodies):
    """Only an empty list says that nothing exists, and never for an object that was asked for.

    Anything but a list of objects is unreadable.
    """
    for body in bodies:
        with pytest.raises(MalformedAnswer):
            await run(httpx.Response(200, content=body), cmdlet)
    rules = httpx.Response(200, json={"value": []})
    assert await run(rules, "Get-TransportRule") == []


@pytest.mark.parametrize(
    "body",
    [
        {"value": {"Name": "a"}},
        [{"Name": "a"}],
        {"Name": "a", "@odata.context": "x"},
        {"value": [{"Name": "a"}]},
    ],
)
async def test_one_object_is_a_list_of_one(run: Any, body: Any):
    """An answer with one object is read as a list of one, with or without a list around it."""
    assert await run(httpx.Response(200, json=body), "Get-TransportConfig", {}) == [{"Name": "a"}]


@pytest.mark.parametrize(
    ("cmdlet", "tries"),
    [("Get-Mailbox", 5), ("Set-Mailbox", 5), ("New-HostedOutboundSpamFilterPolicy", 1)],
)
async def test_only_what_is_safe_to_repeat_is_sent_again(run: Any, cmdlet: str, tries: int):
    """After a timeout, a Get- or Set-cmdlet is sent again, but a New-cmdlet is not.

    It may have made the object, so the caller looks for the object first.
    """
    seen: list[httpx.Request] = []

    def slow(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise httpx.ReadTimeout("slow")

    with stamina.set_testing(True, attempts=5, cap=True), pytest.raises(Transient):
        await run(slow, cmdlet)
    assert len(seen) == tries


async def test_six_cmdlets_run_at_a_time(run: Any):
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
def test_what_means_something_to_powershell_is_quoted(value: str, shown: str):
    """Values with spaces, symbols or a leading hyphen are quoted.

    Every kind of single quote is doubled.
    """
    assert quoted(value) == shown
