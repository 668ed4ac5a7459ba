"""Requests to InvokeCommand and the handling of its odd answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stamina

from jobs.clouds.errors import Forbidden, MalformedAnswer, Transient
from jobs.clouds.http import async_client
from jobs.microsoft.exchange import ExchangeRow, InvokeCommand, quoted
from jobs.settings import Settings

TENANT = "11111111-2222-3333-4444-555555555555"


async def run(
    settings: Settings, handler: Any, *arguments: Any, **options: Any
) -> list[ExchangeRow]:
    """Run one cmdlet against the handler and return its rows."""

    async def token() -> str:
        return "token-1"

    async with async_client(settings, httpx.MockTransport(handler)) as http:
        runner = InvokeCommand(
            http, token, "https://outlook.office365.com", TENANT, "admin@contoso.com"
        )
        return await runner.run(*arguments, **options)


async def test_a_cmdlet_is_sent_as_the_endpoint_wants_it(make_settings: Callable[..., Settings]):
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
    assert (
        await run(make_settings(), answer, "Set-Mailbox", parameters, select=("Name", "Identity"))
        == []
    )
    sent = seen[0]
    assert (
        str(sent.url)
        == f"https://outlook.office365.com/adminapi/beta/{TENANT}/InvokeCommand?$select=Name,Identity"
    )
    assert (sent.headers["x-anchormailbox"], sent.headers["authorization"]) == (
        "UPN:admin@contoso.com",
        "Bearer token-1",
    )
    assert json.loads(sent.content) == {
        "CmdletInput": {"CmdletName": "Set-Mailbox", "Parameters": parameters}
    }


async def test_no_parameters_are_an_empty_object(make_settings: Callable[..., Settings]):
    """A cmdlet without parameters sends an empty object, because the endpoint refuses null."""
    bodies: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content)["CmdletInput"]["Parameters"])
        return httpx.Response(200, json={"value": [{"Name": "a"}]})

    await run(make_settings(), answer, "Get-TransportConfig", {})
    assert bodies == [{}]


async def test_rows_do_not_mind_letter_case_and_lose_their_sidecars(
    make_settings: Callable[..., Settings],
):
    """Property names are found in any letter case, and their type annotations are left out."""
    body = {
        "value": [
            {"SmtpClientAuthenticationDisabled": None, "Name@data.type": "String", "Name": "a"}
        ]
    }
    (row,) = await run(
        make_settings(),
        lambda _: httpx.Response(200, json=body),
        "Get-CASMailbox",
        {"Identity": "a"},
    )
    assert row == {"SmtpClientAuthenticationDisabled": None, "Name": "a"}
    assert (row["name"], row.get("NAME"), "smtpclientauthenticationdisabled" in row) == (
        "a",
        "a",
        True,
    )
    assert row.get("SMTPClientAuthenticationDisabled", "default") is None
    assert row.get("missing", "default") == "default"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={}),
        httpx.Response(200, json={"value": None}),
        httpx.Response(200),
        httpx.Response(204),
    ],
)
async def test_an_empty_answer_is_an_empty_result(
    make_settings: Callable[..., Settings], answer: httpx.Response
):
    """An empty answer is an empty result; Set-cmdlets send it in several forms."""
    assert await run(make_settings(), lambda _: answer, "Set-Mailbox", {}) == []


@pytest.mark.parametrize(
    ("cmdlet", "bodies"),
    [
        ("Get-TransportRule", [b"", b"{}", b"null", b"[]", b'{"value": null}', b'{"value": [{}]}']),
        ("Get-Mailbox", [b"", b"{}", b"null", b"[]", b'{"value": null}', b'{"value": []}']),
        ("Get-OrganizationConfig", [b'{"value": []}']),
    ],
)
async def test_an_empty_answer_to_a_reading_cmdlet_is_unreadable(
    make_settings: Callable[..., Settings], cmdlet: str, bodies: list[bytes]
):
    """Only an empty list says that nothing exists, and never for an object that was asked for."""
    for body in bodies:
        with pytest.raises(MalformedAnswer):
            await run(
                make_settings(), lambda _, body=body: httpx.Response(200, content=body), cmdlet, {}
            )
    rules = httpx.Response(200, json={"value": []})
    assert await run(make_settings(), lambda _: rules, "Get-TransportRule", {}) == []


@pytest.mark.parametrize(
    "extra", [{"@odata.nextLink": "https://x"}, {"@adminapi.warnings": ["There are more results."]}]
)
async def test_a_partial_answer_to_a_reading_cmdlet_is_an_error(
    make_settings: Callable[..., Settings], extra: dict[str, Any]
):
    """An incomplete answer to a cmdlet that reads is an error.

    Rows that are missing must not look like rows that do not exist.
    """
    body = {"value": [{"Name": "a"}], **extra}
    with pytest.raises(MalformedAnswer) as failed:
        await run(
            make_settings(), lambda _: httpx.Response(200, json=body), "Get-TransportRule", {}
        )
    assert failed.value.cause == "exchange_answer_cut"


@pytest.mark.parametrize(
    "body",
    [
        {"value": {"Name": "a"}},
        [{"Name": "a"}],
        {"Name": "a", "@odata.context": "x"},
        {"value": [{"Name": "a"}]},
    ],
)
async def test_one_object_is_a_list_of_one(make_settings: Callable[..., Settings], body: Any):
    """An answer with one object is read as a list of one, with or without a list around it."""
    assert await run(
        make_settings(), lambda _: httpx.Response(200, json=body), "Get-TransportConfig", {}
    ) == [{"Name": "a"}]


async def test_a_warning_after_a_write_is_only_talk(make_settings: Callable[..., Settings]):
    """A write with the warning that nothing was modified is a success.

    Exchange warns so if the setting was correct already.
    """
    body = {
        "value": [],
        "@adminapi.warnings": [
            "The command completed successfully but no settings have been modified."
        ],
    }
    assert (
        await run(make_settings(), lambda _: httpx.Response(200, json=body), "Set-Mailbox", {})
        == []
    )


@pytest.mark.parametrize("body", [["a"], "text", {"value": "text"}, {"value": ["a"]}])
async def test_an_answer_of_another_shape_is_unreadable_here_too(
    make_settings: Callable[..., Settings], body: Any
):
    """An answer of Exchange whose JSON is not a list of objects is unreadable."""
    with pytest.raises(MalformedAnswer):
        await run(make_settings(), lambda _: httpx.Response(200, json=body), "Get-Mailbox", {})


async def test_a_403_of_nul_bytes_is_a_missing_role_that_may_settle(
    make_settings: Callable[..., Settings],
):
    """A 403 with a body of NUL bytes means a missing role.

    It may be a replication delay, because a role that was just given takes minutes.
    """
    with pytest.raises(Forbidden) as failed:
        await run(
            make_settings(),
            lambda _: httpx.Response(403, content=b"\0" * 4096),
            "Set-CASMailbox",
            {},
        )
    assert (failed.value.cause, failed.value.can_be_replication) == ("exchange_role_missing", True)


@pytest.mark.parametrize(
    ("cmdlet", "tries"),
    [("Get-Mailbox", 5), ("Set-Mailbox", 5), ("New-HostedOutboundSpamFilterPolicy", 1)],
)
async def test_only_what_is_safe_to_repeat_is_sent_again(
    make_settings: Callable[..., Settings], cmdlet: str, tries: int
):
    """After a timeout, a Get- or Set-cmdlet is sent again, but a New-cmdlet is not.

    It may have made the object, so the caller looks for the object first.
    """
    seen: list[httpx.Request] = []

    def slow(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise httpx.ReadTimeout("slow")

    stamina.set_testing(True, attempts=5, cap=True)
    try:
        with pytest.raises(Transient):
            await run(make_settings(), slow, cmdlet, {})
    finally:
        stamina.set_testing(False)
    assert len(seen) == tries


async def test_six_cmdlets_run_at_a_time(make_settings: Callable[..., Settings]):
    """At most six cmdlets run at the same time, and the others wait."""
    running, most = 0, 0

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return httpx.Response(200, json={"value": [{"Name": "a"}]})

    async def token() -> str:
        return "token-1"

    async with async_client(make_settings(), httpx.MockTransport(answer)) as http:
        runner = InvokeCommand(
            http, token, "https://outlook.office365.com", TENANT, "admin@contoso.com"
        )
        await asyncio.gather(
            *(runner.run("Get-Mailbox", {"Identity": str(number)}) for number in range(9))
        )
    assert most == 6


@pytest.mark.usefixtures("real_pauses")
def test_an_exchange_that_is_asked_too_much_is_asked_one_at_a_time(
    make_settings: Callable[..., Settings], carry_out: Callable[..., float]
):
    """After Exchange has refused a request as too many, each try has a second of its own.

    So the tries are not used up at once.
    """
    begins: list[float] = []

    async def answer(_: httpx.Request) -> httpx.Response:
        begins.append(asyncio.get_running_loop().time())
        return httpx.Response(429 if len(begins) <= 2 else 200, json={"value": [{"Name": "a"}]})

    async def token() -> str:
        return "token-1"

    async def work() -> None:
        async with async_client(make_settings(), httpx.MockTransport(answer)) as http:
            runner = InvokeCommand(
                http, token, "https://outlook.office365.com", TENANT, "admin@contoso.com"
            )
            await asyncio.gather(
                *(runner.run("Get-Mailbox", {"Identity": str(number)}) for number in range(2))
            )

    carry_out(work())
    assert len(begins) == 4
    assert min(begins[3] - begins[2], begins[2] - begins[1]) >= 0.9


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("support@contoso.com", "support@contoso.com"),
        ("a.b+c-d_e:1@x.io", "a.b+c-d_e:1@x.io"),
        ("J\u00fcrgen", "J\u00fcrgen"),
        ("Jane Doe", "'Jane Doe'"),
        ("o'brien@contoso.com", "'o''brien@contoso.com'"),
        ("O\u2019Brien", "'O\u2019\u2019Brien'"),
        ("-From", "'-From'"),
        ("@x", "'@x'"),
        ("$null", "'$null'"),
        ("a;b", "'a;b'"),
        ("", "''"),
    ],
)
def test_what_means_something_to_powershell_is_quoted(value: str, shown: str):
    """Values with spaces, symbols or a leading hyphen are quoted.

    Every kind of single quote is doubled.
    """
    assert quoted(value) == shown
