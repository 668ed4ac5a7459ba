"""Tests of mail at the practice cloud's door, and of its control routes.

A mail's whole way, and each station where it may stop, is in tests/unit/practice/faults.
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


def trace(services: Any, condition: str) -> list[dict[str, Any]]:
    """Return the rows of the message trace through Graph that meet a condition."""
    services.graph("POST", "/servicePrincipals", {"appId": TRACE_APP})
    return list(
        services.graph("GET", f"/admin/exchange/tracing/messageTraces?$filter={condition}").json()[
            "value"
        ]
    )


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
