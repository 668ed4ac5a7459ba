"""Tests of a mail's whole way through the practice cloud.

The way leads over the mailbox, forwarding and Webex Connect to the agent's answer.
"""

from __future__ import annotations

from typing import Any

TRACE_APP = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"
CUSTOMER = {
    "from": "kim@customer.example",
    "to": "support@contoso.com",
    "subject": "My order",
    "body": "Where is it?",
}


def post(services: Any, path: str, **body: Any) -> Any:
    """Send a POST request to a control route of the practice cloud."""
    return services.http.post(f"/practice/{path}", json=body)


def places(services: Any) -> list[str]:
    """Return the places of the mails, in order."""
    return [item["place"] for item in services.http.get("/practice/mail").json()["items"]]


def forward(services: Any, *, allowed: bool = True) -> None:
    """Forward the mailbox to Webex Connect, and allow the forward to leave the tenant or not."""
    address = services.http.get("/practice/connect/app").json()["forwarding_address"]
    services.cmdlet(
        "Set-Mailbox",
        Identity="support@contoso.com",
        ForwardingSmtpAddress=address,
        DeliverToMailboxAndForward=True,
    )
    if allowed:
        services.change(dehydrated=False)
        services.cmdlet("New-HostedOutboundSpamFilterPolicy", Name="F", AutoForwardingMode="On")
        services.cmdlet(
            "New-HostedOutboundSpamFilterRule",
            Name="F",
            HostedOutboundSpamFilterPolicy="F",
            From=["support@contoso.com"],
            Priority=0,
        )


def fields(services: Any) -> dict[str, str]:
    """Make an email app through Graph, and return the filled-in form of Webex Connect."""
    app = services.http.get("/practice/connect/app").json()
    web = {"redirectUris": [app["callback_url"]]}
    body = {"displayName": "Mail", "signInAudience": "AzureADMyOrg", "web": web}
    made = services.graph("POST", "/applications", body).json()
    services.graph("POST", "/servicePrincipals", {"appId": made["appId"]})
    secret = services.graph("POST", f"/applications/{made['id']}/addPassword", {}).json()[
        "secretText"
    ]
    login = f"https://login.microsoftonline.com/{services.tenant()['id']}/oauth2/v2.0"
    return {
        "Email ID": "support@contoso.com",
        "SMTP Server": "smtp.office365.com",
        "Port": "587",
        "Security": "STARTTLS",
        "Username": "support@contoso.com",
        "Client ID": made["appId"],
        "Client Secret": secret,
        "Authorization URL": f"{login}/authorize",
        "Scope": services.smtp_scope,
        "Access Token URL": f"{login}/token",
        "Refresh Token URL": f"{login}/token",
    }


def connected(services: Any) -> None:
    """Set up everything that the article asks for."""
    forward(services)
    services.cmdlet(
        "Set-CASMailbox", Identity="support@contoso.com", SmtpClientAuthenticationDisabled=False
    )
    post(services, "connect/app", fields=fields(services))
    for path, body in (
        ("generate_token", {"as": "support@contoso.com"}),
        ("save", {}),
        ("register", {"service": "Email service"}),
    ):
        answer = post(services, f"connect/{path}", **body)
        assert answer.status_code == 200, answer.text


def trace(services: Any, condition: str) -> list[dict[str, Any]]:
    """Return the rows of the message trace through Graph that meet a condition."""
    services.graph("POST", "/servicePrincipals", {"appId": TRACE_APP})
    return list(
        services.graph("GET", f"/admin/exchange/tracing/messageTraces?$filter={condition}").json()[
            "value"
        ]
    )


def test_without_forwarding_a_mail_stays_in_the_mailbox(services: Any):
    """Without forwarding a mail stays in the mailbox.

    The mail has one copy, and one row in the message trace.
    """
    assert post(services, "mail/customer", **CUSTOMER).status_code == 200
    assert places(services) == ["mailbox"]
    assert [
        row["status"]
        for row in trace(
            services, "contains(subject,'order') and senderAddress eq 'kim@customer.example'"
        )
    ] == ["delivered"]


def test_automatic_keeps_a_forward_in(services: Any):
    """The default outbound policy blocks automatic forwarding.

    The message trace has a failed row with 5.7.520, and the sender gets a report.
    """
    forward(services, allowed=False)
    post(services, "mail/customer", **CUSTOMER)
    assert places(services) == ["mailbox", "rejected", "internet"]
    failed = trace(services, "status eq 'failed'")
    path = (
        f"/admin/exchange/tracing/messageTraces/{failed[0]['id']}"
        f"/getDetailsByRecipient(recipientAddress='{failed[0]['recipientAddress']}')"
    )
    assert "5.7.520" in services.graph("GET", path).json()["value"][-1]["description"]
    details = services.cmdlet(
        "Get-MessageTraceDetailV2",
        MessageTraceId=failed[0]["id"],
        RecipientAddress=failed[0]["recipientAddress"],
    )
    assert "5.7.520" in details.json()["value"][-1]["Detail"]


def test_a_forwarding_address_wins(services: Any):
    """With ``ForwardingAddress`` set as well, the mail goes to that colleague.

    The mail does not go to Webex Connect then.
    """
    forward(services)
    services.cmdlet(
        "Set-Mailbox", Identity="support@contoso.com", ForwardingAddress="agent@contoso.com"
    )
    post(services, "mail/customer", **CUSTOMER)
    owners = [
        (item["place"], item["owner"])
        for item in services.http.get("/practice/mail").json()["items"]
    ]
    assert owners == [("mailbox", "support@contoso.com"), ("mailbox", "agent@contoso.com")]


def test_remote_domains_and_transport_rules_block_too(services: Any):
    """A transport rule for the recipient's domain or a remote domain can block the forward.

    A rule for auto-forwarded messages does not see the forwarding of a mailbox.
    """
    connected(services)
    rejects = {
        "Name": "no",
        "State": "Enabled",
        "RecipientDomainIs": ["mail-us.imiconnect.io"],
        "RejectMessageReasonText": "no",
    }
    for blocked, values in (
        (True, {"transport_rules": [rejects]}),
        (False, {"transport_rules": [rejects | {"MessageTypeMatches": "AutoForward"}]}),
        (True, {"remote_domains": [{"Name": "x", "DomainName": "*", "AutoForwardEnabled": False}]}),
    ):
        services.change(**values)
        post(services, "mail/customer", **CUSTOMER)
        assert ("rejected" in places(services)[-2:]) is blocked, values


def test_the_whole_way_there_and_back(services: Any):
    """A customer's mail becomes a task, and the agent's answer leaves over SMTP.

    The answer is in the message trace as well.
    """
    connected(services)
    post(services, "mail/customer", **CUSTOMER)
    assert [
        task["subject"] for task in services.http.get("/practice/agent/tasks").json()["items"]
    ] == ["My order"]
    receipt = post(services, "agent/answer", subject="My order", body="On its way").json()
    assert (receipt["code"], receipt["description"], receipt["task"]["status"]) == (
        "7501",
        "Submitted",
        "completed",
    )
    last = services.http.get("/practice/mail").json()["items"][-1]
    assert (last["recipient"], last["subject"], last["place"]) == (
        "kim@customer.example",
        "Re: My order",
        "internet",
    )
    assert [
        row["status"]
        for row in trace(
            services, "startsWith(subject,'Re: My') and recipientAddress eq 'kim@customer.example'"
        )
    ] == ["delivered"]


def test_self_addressed_mail_starts_nothing(services: Any):
    """A mail whose sender is also its recipient starts no task.

    Webex Connect's log has only a line that the mail was dropped.
    """
    connected(services)
    post(services, "mail/customer", **CUSTOMER | {"from": "support@contoso.com"})
    assert services.http.get("/practice/agent/tasks").json()["items"] == []
    assert services.http.get("/practice/connect/log").json()["items"][-1]["code"] == "dropped"


def test_the_answer_fails_as_webex_connect_says(services: Any):
    """An answer fails with 7553 and the server's words if SMTP AUTH is off or sessions are revoked.

    A wrong port is 7554.
    """
    connected(services)
    post(services, "mail/customer", **CUSTOMER)
    services.cmdlet(
        "Set-CASMailbox", Identity="support@contoso.com", SmtpClientAuthenticationDisabled=True
    )
    first = post(services, "agent/answer", subject="My order", body="x").json()
    post(services, "connect/app", Port="25")
    second = post(services, "agent/answer", subject="My order", body="x").json()
    services.change(revoke_sessions="support@contoso.com")
    third = post(services, "agent/answer", subject="My order", body="x").json()
    assert (first["code"], "disabled for the Mailbox" in first["description"]) == ("7553", True)
    assert second["code"] == "7554"
    assert (third["code"], "AADSTS50173" in third["description"]) == ("7553", True)


def test_generate_token_repeats_microsofts_words(services: Any):
    """Generate Token shows Microsoft's code for a wrong secret and for a declined consent.

    The form's answer never contains the secret.
    """
    form = fields(services)
    post(
        services,
        "connect/app",
        fields=form | {"Client Secret": "11111111-1111-1111-1111-111111111111"},
    )
    wrong = post(services, "connect/generate_token", **{"as": "support@contoso.com"})
    declined = post(
        services, "connect/generate_token", **{"as": "support@contoso.com", "action": "decline"}
    )
    assert ("AADSTS7000215" in wrong.text, "AADSTS65004" in declined.text) == (True, True)
    assert form["Client Secret"] not in post(services, "connect/app", fields=form).text


def test_buttons_come_in_their_order_and_the_service_stays(services: Any):
    """In Webex Connect, Register needs Save before it, and Save needs a token.

    The service of a registered app cannot be changed.
    """
    assert [
        post(services, f"connect/{name}", service="a").status_code for name in ("save", "register")
    ] == [
        409,
        409,
    ]
    connected(services)
    assert post(services, "connect/register", service="another").status_code == 409


def test_unknown_recipients_are_refused_at_the_door(services: Any):
    """The mail exchanger refuses mail for an address without a mailbox with 5.1.10."""
    answer = post(services, "mail/customer", **CUSTOMER | {"to": "nobody@contoso.com"})
    assert (answer.status_code, "5.1.10" in answer.text) == (409, True)


def test_a_trace_is_late(services: Any):
    """The message trace shows a mail only after its delay."""
    services.settings.trace_delay_s = 60
    post(services, "mail/customer", **CUSTOMER)
    assert trace(services, "senderAddress eq 'kim@customer.example'") == []


def test_settings_and_setters_refuse_what_they_do_not_know(services: Any):
    """The control routes refuse unknown settings and unknown tenants. A delay can be set."""
    assert services.change(color="red").status_code == 400
    assert services.http.get("/practice/tenants/nowhere.example").status_code == 404
    assert (
        services.http.put("/practice/settings", json={"trace_delay_s": 3}).json()["trace_delay_s"]
        == 3
    )
    assert services.http.put("/practice/settings", json={"color": 3}).status_code == 400
