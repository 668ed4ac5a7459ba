"""Tests of Exchange's cmdlets over HTTP: what they need, what they change, and how they fail."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

NEED = "you first need to run the command: Enable-OrganizationCustomization."


def inner(answer: Any) -> str:
    """Return the message inside Exchange's error that says what is wrong."""
    return str(answer.json()["error"]["details"][0]["message"])


def rows(answer: Any) -> list[dict[str, Any]]:
    """Check that a cmdlet has succeeded, and return the rows of its answer."""
    assert answer.status_code == 200
    return list(answer.json()["value"])


def test_an_answer_has_warnings_and_sidecars(services: Any):
    """A cmdlet's answer has an empty list of warnings and the type of each boolean.

    There is no type for null.
    """
    body = services.cmdlet("Get-TransportConfig").json()
    assert (
        body["@adminapi.warnings"],
        body["value"][0]["SmtpClientAuthenticationDisabled@data.type"],
    ) == (
        [],
        "System.Boolean",
    )
    assert (
        rows(services.cmdlet("Get-CASMailbox", Identity="support@contoso.com"))[0][
            "SmtpClientAuthenticationDisabled"
        ]
        is None
    )


def test_smtp_auth_is_set_on_the_mailbox(services: Any):
    """The property ``SmtpClientAuthenticationDisabled`` of a mailbox can be set and read back.

    It has three states: null, True and False.
    """
    assert (
        rows(
            services.cmdlet(
                "Set-CASMailbox",
                Identity="support@contoso.com",
                SmtpClientAuthenticationDisabled=False,
            )
        )
        == []
    )
    assert (
        rows(services.cmdlet("Get-CASMailbox", identity="support@contoso.com"))[0][
            "SmtpClientAuthenticationDisabled"
        ]
        is False
    )


def test_forwarding_is_read_back_with_its_prefix(services: Any):
    """ForwardingSmtpAddress is read back with the prefix ``smtp:``, and null clears it."""
    services.cmdlet(
        "Set-Mailbox",
        Identity="support@contoso.com",
        ForwardingSmtpAddress="x@forward.example",
        DeliverToMailboxAndForward=True,
    )
    box = rows(services.cmdlet("Get-Mailbox", Identity="support@contoso.com"))[0]
    assert (box["ForwardingSmtpAddress"], box["DeliverToMailboxAndForward"]) == (
        "smtp:x@forward.example",
        True,
    )
    services.cmdlet("Set-Mailbox", Identity="support@contoso.com", ForwardingSmtpAddress=None)
    assert (
        rows(services.cmdlet("Get-Mailbox", Identity="support@contoso.com"))[0][
            "ForwardingSmtpAddress"
        ]
        is None
    )


def test_unknown_object_parameter_and_cmdlet(services: Any):
    """An unknown object is a 404 with the exception's type.

    An unknown parameter is a 400 with the parameter's name, and an unknown cmdlet is a 403 with
    nothing but NUL bytes.
    """
    absent = services.cmdlet("Get-Mailbox", Identity="nobody@contoso.com")
    strange = services.cmdlet("Get-HostedOutboundSpamFilterPolicy", ResultSize="Unlimited")
    unknown = services.cmdlet("Get-Bogus")
    assert absent.status_code == 404
    assert inner(absent).startswith(
        "Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|"
    )
    assert strange.status_code == 400
    assert inner(strange).endswith("Invalid cmdlet parameters specified. ResultSize")
    assert (unknown.status_code, set(unknown.content)) == (403, {0})


def test_a_value_of_the_wrong_type_is_named(services: Any):
    """The error for a value of the wrong type names the parameter."""
    error = services.cmdlet(
        "Set-CASMailbox", Identity="support@contoso.com", SmtpClientAuthenticationDisabled="no"
    ).json()["error"]
    assert (
        "'SmtpClientAuthenticationDisabled'" in error["innererror"]["internalexception"]["message"]
    )


def test_a_graph_token_is_401_and_another_tenant_403(services: Any):
    """Exchange takes only tokens for itself, and only in their own tenant."""
    answers = []
    for domain, scope in (
        ("contoso.com", services.graph_scope),
        ("fabrikam.com", services.exchange_scope),
    ):
        token = services.token("admin@contoso.com", scope)
        answers.append(services.invoke(token, "Get-TransportConfig", domain).status_code)
    assert answers == [401, 403]


def test_a_policy_waits_for_customization(services: Any):
    """A new policy is refused until the organization's customization has taken effect.

    ``IsDehydrated`` is already False before that.
    """
    create = {"Name": "Forward", "AutoForwardingMode": "On"}
    assert NEED in inner(services.cmdlet("New-HostedOutboundSpamFilterPolicy", **create))
    services.settings.customization_s = 60
    assert rows(services.cmdlet("Enable-OrganizationCustomization")) == []
    assert rows(services.cmdlet("Get-OrganizationConfig"))[0]["IsDehydrated"] is False
    assert NEED in inner(services.cmdlet("New-HostedOutboundSpamFilterPolicy", **create))
    assert "This operation is not required" in inner(
        services.cmdlet("Enable-OrganizationCustomization")
    )
    services.wait(minutes=2)
    assert (
        rows(services.cmdlet("New-HostedOutboundSpamFilterPolicy", **create))[0][
            "AutoForwardingMode"
        ]
        == "On"
    )


def rule(services: Any, name: str, **more: Any) -> Any:
    """Create an outbound spam policy and a rule for it, and return the rule's answer."""
    services.change(dehydrated=False)
    services.cmdlet("New-HostedOutboundSpamFilterPolicy", Name=name, AutoForwardingMode="On")
    given = {
        "Name": name,
        "HostedOutboundSpamFilterPolicy": name,
        "From": ["support@contoso.com"],
    } | more
    return services.cmdlet("New-HostedOutboundSpamFilterRule", **given)


def test_priority_zero_moves_the_others_down(services: Any):
    """A new rule comes last by default.

    With priority 0 the rule is first, and the others move down.
    """
    rule(services, "one")
    rule(services, "two")
    rule(services, "three", Priority=0)
    found = rows(services.cmdlet("Get-HostedOutboundSpamFilterRule"))
    assert [(row["Name"], row["Priority"]) for row in found] == [
        ("three", 0),
        ("one", 1),
        ("two", 2),
    ]


def test_a_rule_needs_a_policy_of_its_own(services: Any):
    """A rule is refused for the default policy, and for a policy that already has a rule.

    A name that is taken or invalid is refused as well.
    """
    rule(services, "one")
    answers = [
        rule(services, "x", HostedOutboundSpamFilterPolicy="Default"),
        rule(services, "y", HostedOutboundSpamFilterPolicy="one"),
        rule(services, "one"),
        services.cmdlet("New-HostedOutboundSpamFilterPolicy", Name="a:b"),
    ]
    assert [answer.status_code for answer in answers] == [400] * 4
    assert "already exists" in inner(answers[2])


def test_removing_a_policy_leaves_its_rule(services: Any):
    """The rule of a removed policy stays, and the default policy cannot be removed."""
    rule(services, "one")
    assert (
        rows(
            services.cmdlet("Remove-HostedOutboundSpamFilterPolicy", Identity="one", Confirm=False)
        )
        == []
    )
    assert (
        services.cmdlet("Remove-HostedOutboundSpamFilterPolicy", Identity="Default").status_code
        == 400
    )
    assert [row["Name"] for row in rows(services.cmdlet("Get-HostedOutboundSpamFilterRule"))] == [
        "one"
    ]


def test_the_list_of_cmdlets_depends_on_the_role(services: Any):
    """EXOModuleFile names the cmdlets that the caller may run.

    For a person without a role the list is empty.
    """
    url = f"/adminapi/v1.0/{services.tenant()['id']}/EXOModuleFile?Version=3.9.2"
    seen = []
    services.change(
        users={
            "admin@contoso.com": {
                "roles": ["Exchange Administrator", "Privileged Role Administrator"]
            }
        }
    )
    services.http.post(
        "/contoso.com/v2.0/adminconsent",
        params={
            "client_id": services.settings.bot_client_id,
            "redirect_uri": services.callback,
            "scope": services.exchange_scope,
        },
        data={"account": "admin@contoso.com", "action": "accept"},
    )
    for account in ("admin@contoso.com", "helpdesk@contoso.com"):
        token = services.sign_in(account, services.exchange_scope + " offline_access")[
            "access_token"
        ]
        seen.append(
            services.http.get(
                url, headers={"Authorization": f"Bearer {token}", "CommandName": "*"}
            ).json()["value"][0]["exportedCmdlets"]
        )
    assert ("Set-CASMailbox" in seen[0].split(","), seen[1]) == (True, "")


def test_a_batch_answers_each_request(services: Any):
    """A batch of two requests gets two answers, each with its id and its status."""
    bodies = [
        {"CmdletInput": {"CmdletName": name, "Parameters": {"Identity": who}}}
        for name, who in (("Get-Mailbox", "support@contoso.com"), ("Get-Mailbox", "x"))
    ]
    requests = [
        {"id": str(number), "method": "POST", "url": "x", "body": body}
        for number, body in enumerate(bodies)
    ]
    headers = {
        "Authorization": f"Bearer {services.token('admin@contoso.com', services.exchange_scope)}"
    }
    answer = services.http.post(
        f"/adminapi/beta/{services.tenant()['id']}/$batch",
        json={"requests": requests},
        headers=headers,
    )
    assert [(item["id"], item["status"]) for item in answer.json()["responses"]] == [
        ("0", 200),
        ("1", 404),
    ]


def test_a_403_declares_its_nul_bytes_as_gzip(services: Any):
    """The NUL bytes of a 403 are declared as gzip, although they are not (measured in 2026).

    So a client that decodes the body fails.
    """
    url = f"/adminapi/beta/{services.tenant()['id']}/InvokeCommand"
    token = services.token("admin@contoso.com", services.exchange_scope)
    body = {"CmdletInput": {"CmdletName": "Get-NoSuchCmdlet", "Parameters": {}}}
    with pytest.raises(httpx.DecodingError):
        services.http.post(url, json=body, headers={"Authorization": f"Bearer {token}"})


def test_a_new_object_is_not_there_for_some_time(services: Any):
    """A new policy cannot be read at first: Exchange answers 404 ``NotFound`` and lists it later.

    A second attempt to create the policy is told that it exists.
    """
    services.change(dehydrated=False)
    services.settings.exchange_replication_s = 60
    services.cmdlet("New-HostedOutboundSpamFilterPolicy", Name="New", AutoForwardingMode="On")
    error = services.cmdlet("Get-HostedOutboundSpamFilterPolicy", Identity="New")
    assert (error.status_code, error.json()["error"]["code"]) == (404, "NotFound")
    assert [row["Name"] for row in rows(services.cmdlet("Get-HostedOutboundSpamFilterPolicy"))] == [
        "Default"
    ]
    twice = services.cmdlet("New-HostedOutboundSpamFilterPolicy", Name="New")
    assert "ADObjectAlreadyExistsException" in twice.text
    services.wait(minutes=2)
    assert len(rows(services.cmdlet("Get-HostedOutboundSpamFilterPolicy"))) == 2


def pages(services: Any, token: str, link: str = "") -> httpx.Response:
    """Ask for one page of two recipients, with the first query or a next link."""
    url = link or f"/adminapi/beta/{services.tenant()['id']}/InvokeCommand"
    body = {"CmdletInput": {"CmdletName": "Get-Recipient", "Parameters": {}}}
    headers = {"Authorization": f"Bearer {token}", "Prefer": "odata.maxpagesize=2"}
    found: httpx.Response = services.http.post(url, json=body, headers=headers)
    return found


def test_a_long_answer_comes_in_pages(services: Any):
    """A long answer comes in pages.

    The client sends the same body to each next link until there is none.
    """
    token = services.token("admin@contoso.com", services.exchange_scope)
    every = rows(services.cmdlet("Get-Recipient"))
    page = pages(services, token).json()
    found, link = list(page["value"]), ""
    while following := page.get("@odata.nextLink"):
        assert len(page["value"]) == 2
        link = following
        page = pages(services, token, link).json()
        found += page["value"]
    assert (found, len(every) > 2) == (every, True)
    strange = pages(services, token, f"{link.partition('=')[0]}=zzz")
    assert (strange.status_code, strange.json()["error"]["message"][:19]) == (
        400,
        "Expired or Invalid ",
    )


def test_a_rule_has_two_hundred_properties(services: Any):
    """A transport rule has 200 properties, and those that are not set are null or False.

    The types of the set ones are listed.
    """
    services.change(
        transport_rules=[
            {
                "Name": "R",
                "State": "Enabled",
                "RecipientDomainIs": ["a.example"],
                "ExceptIfFrom": ["b@a.example"],
                "RejectMessageReasonText": "no",
                "RejectMessageEnhancedStatusCode": "5.7.1",
            }
        ]
    )
    (row,) = rows(services.cmdlet("Get-TransportRule"))
    assert len([name for name in row if "@" not in name]) == 200
    assert [
        [each.rpartition(".")[2] for each in row[name]] for name in ("Conditions", "Actions")
    ] == [
        ["RecipientDomainIsPredicate"],
        ["RejectMessageAction"],
    ]
    assert row["Exceptions"][0].endswith(".FromPredicate")
    assert (row["SentTo"], row["DeleteMessage"], row["IsRuleConfigurationSupported"]) == (
        None,
        False,
        True,
    )


def test_a_trace_that_is_cut_says_so(services: Any):
    """A message trace that is cut off has a warning that there are more results.

    Its times have seven digits after the point, and ``ToIP`` is a text.
    """
    for number in range(3):
        mail = {
            "from": "kim@customer.example",
            "to": "support@contoso.com",
            "subject": f"{number}",
            "body": "x",
        }
        services.http.post("/practice/mail/customer", json=mail).raise_for_status()
    answer = services.cmdlet("Get-MessageTraceV2", ResultSize=1).json()
    assert answer["@adminapi.warnings"][0].startswith("There are more results")
    (row,) = answer["value"]
    assert (row["ToIP"], row["Received"][-9], row["Received"][-1]) == ("", ".", "Z")
