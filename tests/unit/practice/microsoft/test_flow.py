"""The way of a mail: mailbox, forwarding, what blocks it, Webex Connect, the agent's answer."""

from __future__ import annotations

from typing import Any

TRACE_APP = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"
CUSTOMER = {"from": "kim@customer.example", "to": "support@contoso.com", "subject": "My order", "body": "Where is it?"}


def post(desk: Any, path: str, **body: Any) -> Any:
    """Press something at the control routes."""
    return desk.http.post(f"/practice/{path}", json=body)


def places(desk: Any) -> list[str]:
    """Where the mails are, in order."""
    return [item["place"] for item in desk.http.get("/practice/mail").json()["items"]]


def forward(desk: Any, *, allowed: bool = True) -> None:
    """Forward the mailbox to Webex Connect, and let it out or not."""
    address = desk.http.get("/practice/connect/app").json()["forwarding_address"]
    desk.cmdlet("Set-Mailbox", Identity="support@contoso.com", ForwardingSmtpAddress=address, DeliverToMailboxAndForward=True)
    if allowed:
        desk.change(dehydrated=False)
        desk.cmdlet("New-HostedOutboundSpamFilterPolicy", Name="F", AutoForwardingMode="On")
        desk.cmdlet(
            "New-HostedOutboundSpamFilterRule", Name="F", HostedOutboundSpamFilterPolicy="F", From=["support@contoso.com"], Priority=0
        )


def fields(desk: Any) -> dict[str, str]:
    """The form of Webex Connect for an email app made through Graph, with its secret."""
    app = desk.http.get("/practice/connect/app").json()
    web = {"redirectUris": [app["callback_url"]]}
    body = {"displayName": "Mail", "signInAudience": "AzureADMyOrg", "web": web}
    made = desk.graph("POST", "/applications", body).json()
    desk.graph("POST", "/servicePrincipals", {"appId": made["appId"]})
    secret = desk.graph("POST", f"/applications/{made['id']}/addPassword", {}).json()["secretText"]
    login = f"https://login.microsoftonline.com/{desk.tenant()['id']}/oauth2/v2.0"
    return {
        "Email ID": "support@contoso.com",
        "SMTP Server": "smtp.office365.com",
        "Port": "587",
        "Security": "STARTTLS",
        "Username": "support@contoso.com",
        "Client ID": made["appId"],
        "Client Secret": secret,
        "Authorization URL": f"{login}/authorize",
        "Scope": desk.smtp_scope,
        "Access Token URL": f"{login}/token",
        "Refresh Token URL": f"{login}/token",
    }


def connected(desk: Any) -> None:
    """Everything that the article asks for."""
    forward(desk)
    desk.cmdlet("Set-CASMailbox", Identity="support@contoso.com", SmtpClientAuthenticationDisabled=False)
    post(desk, "connect/app", fields=fields(desk))
    for path, body in (("generate_token", {"as": "support@contoso.com"}), ("save", {}), ("register", {"service": "Email service"})):
        answer = post(desk, f"connect/{path}", **body)
        assert answer.status_code == 200, answer.text


def trace(desk: Any, condition: str) -> list[dict[str, Any]]:
    """The message trace through Graph."""
    desk.graph("POST", "/servicePrincipals", {"appId": TRACE_APP})
    return list(desk.graph("GET", f"/admin/exchange/tracing/messageTraces?$filter={condition}").json()["value"])


def test_without_forwarding_a_mail_stays_in_the_mailbox(desk: Any):
    """One copy, one row."""
    assert post(desk, "mail/customer", **CUSTOMER).status_code == 200
    assert places(desk) == ["mailbox"]
    assert [row["status"] for row in trace(desk, "contains(subject,'order') and senderAddress eq 'kim@customer.example'")] == ["delivered"]


def test_automatic_keeps_a_forward_in(desk: Any):
    """The default policy blocks: a failed row with 5.7.520 and a report to the sender."""
    forward(desk, allowed=False)
    post(desk, "mail/customer", **CUSTOMER)
    assert places(desk) == ["mailbox", "rejected", "internet"]
    failed = trace(desk, "status eq 'failed'")
    path = (
        f"/admin/exchange/tracing/messageTraces/{failed[0]['id']}/getDetailsByRecipient(recipientAddress='{failed[0]['recipientAddress']}')"
    )
    assert "5.7.520" in desk.graph("GET", path).json()["value"][-1]["description"]
    details = desk.cmdlet("Get-MessageTraceDetailV2", MessageTraceId=failed[0]["id"], RecipientAddress=failed[0]["recipientAddress"])
    assert "5.7.520" in details.json()["value"][-1]["Detail"]


def test_a_forwarding_address_wins(desk: Any):
    """With both set the mail goes to the colleague and not to Webex Connect."""
    forward(desk)
    desk.cmdlet("Set-Mailbox", Identity="support@contoso.com", ForwardingAddress="agent@contoso.com")
    post(desk, "mail/customer", **CUSTOMER)
    owners = [(item["place"], item["owner"]) for item in desk.http.get("/practice/mail").json()["items"]]
    assert owners == [("mailbox", "support@contoso.com"), ("mailbox", "agent@contoso.com")]


def test_remote_domains_and_transport_rules_block_too(desk: Any):
    """A rule on the recipient's domain rejects; one on auto-forwards does not see mailbox forwarding."""
    connected(desk)
    rejects = {"Name": "no", "State": "Enabled", "RecipientDomainIs": ["mail-us.imiconnect.io"], "RejectMessageReasonText": "no"}
    for blocked, values in (
        (True, {"transport_rules": [rejects]}),
        (False, {"transport_rules": [rejects | {"MessageTypeMatches": "AutoForward"}]}),
        (True, {"remote_domains": [{"Name": "x", "DomainName": "*", "AutoForwardEnabled": False}]}),
    ):
        desk.change(**values)
        post(desk, "mail/customer", **CUSTOMER)
        assert ("rejected" in places(desk)[-2:]) is blocked, values


def test_the_whole_way_there_and_back(desk: Any):
    """A customer's mail becomes a task, and the agent's answer reaches the customer by real SMTP and shows in the trace."""
    connected(desk)
    post(desk, "mail/customer", **CUSTOMER)
    assert [task["subject"] for task in desk.http.get("/practice/agent/tasks").json()["items"]] == ["My order"]
    receipt = post(desk, "agent/answer", subject="My order", body="On its way").json()
    assert (receipt["code"], receipt["description"], receipt["task"]["status"]) == ("7501", "Submitted", "completed")
    last = desk.http.get("/practice/mail").json()["items"][-1]
    assert (last["recipient"], last["subject"], last["place"]) == ("kim@customer.example", "Re: My order", "internet")
    assert [row["status"] for row in trace(desk, "startsWith(subject,'Re: My') and recipientAddress eq 'kim@customer.example'")] == [
        "delivered"
    ]


def test_self_addressed_mail_starts_nothing(desk: Any):
    """Sender and recipient the same: no task, only a line in the log."""
    connected(desk)
    post(desk, "mail/customer", **CUSTOMER | {"from": "support@contoso.com"})
    assert desk.http.get("/practice/agent/tasks").json()["items"] == []
    assert desk.http.get("/practice/connect/log").json()["items"][-1]["code"] == "dropped"


def test_the_answer_fails_as_webex_connect_says(desk: Any):
    """SMTP AUTH off and a deleted grant are 7553 with the server's words; a wrong port is 7554."""
    connected(desk)
    post(desk, "mail/customer", **CUSTOMER)
    desk.cmdlet("Set-CASMailbox", Identity="support@contoso.com", SmtpClientAuthenticationDisabled=True)
    first = post(desk, "agent/answer", subject="My order", body="x").json()
    post(desk, "connect/app", Port="25")
    second = post(desk, "agent/answer", subject="My order", body="x").json()
    desk.change(revoke_sessions="support@contoso.com")
    third = post(desk, "agent/answer", subject="My order", body="x").json()
    assert (first["code"], "disabled for the Mailbox" in first["description"]) == ("7553", True)
    assert second["code"] == "7554"
    assert (third["code"], "AADSTS50173" in third["description"]) == ("7553", True)


def test_generate_token_repeats_microsofts_words(desk: Any):
    """The secret's id in place of its value, a declined consent: each comes with its code; secrets are not shown."""
    form = fields(desk)
    post(desk, "connect/app", fields=form | {"Client Secret": "11111111-1111-1111-1111-111111111111"})
    wrong = post(desk, "connect/generate_token", **{"as": "support@contoso.com"})
    declined = post(desk, "connect/generate_token", **{"as": "support@contoso.com", "action": "decline"})
    assert ("AADSTS7000215" in wrong.text, "AADSTS65004" in declined.text) == (True, True)
    assert form["Client Secret"] not in post(desk, "connect/app", fields=form).text


def test_buttons_come_in_their_order_and_the_service_stays(desk: Any):
    """Register needs Save, Save needs a token; the service cannot be changed."""
    assert [post(desk, f"connect/{name}", service="a").status_code for name in ("save", "register")] == [409, 409]
    connected(desk)
    assert post(desk, "connect/register", service="another").status_code == 409


def test_unknown_recipients_are_refused_at_the_door(desk: Any):
    """The mail exchanger takes mail for mailboxes only."""
    answer = post(desk, "mail/customer", **CUSTOMER | {"to": "nobody@contoso.com"})
    assert (answer.status_code, "5.1.10" in answer.text) == (409, True)


def test_a_trace_is_late(desk: Any):
    """Within the delay nothing is seen."""
    desk.settings.trace_delay_s = 60
    post(desk, "mail/customer", **CUSTOMER)
    assert trace(desk, "senderAddress eq 'kim@customer.example'") == []


def test_settings_and_setters_refuse_what_they_do_not_know(desk: Any):
    """Unknown words and tenants are errors; delays can be set."""
    assert desk.change(colour="red").status_code == 400
    assert desk.http.get("/practice/tenants/nowhere.example").status_code == 404
    assert desk.http.put("/practice/settings", json={"trace_delay_s": 3}).json()["trace_delay_s"] == 3
    assert desk.http.put("/practice/settings", json={"colour": 3}).status_code == 400
