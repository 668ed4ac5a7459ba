"""Faults of Webex Connect's form, registration and flow.

Source: platforms/connect.md 1 and 4.3; platforms/microsoft.md 8 rows 6, 9, 10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import TRACED, Fault, Level
from practice.mail.store import Mail
from practice.microsoft.world import new_id

NOWHERE: Final = "11111111-2222-4333-8444-555555555555"


def _form(**fields: str) -> Callable[[FaultContext], None]:
    return lambda ground: ground.fill_in(**fields)


def _tenant(name: str) -> Callable[[FaultContext], None]:
    return lambda ground: ground.fill_in(**ground.login_url(name))


def _swapped(ground: FaultContext) -> None:
    urls = ground.login_url(ground.tenant.id)
    ground.fill_in(
        authorization_url=urls["access_token_url"], access_token_url=urls["authorization_url"]
    )


def _app(event: str, *, failed: bool = False, **values: object) -> Callable[[FaultContext], None]:
    """Return a change of Webex Connect's app, which its audit log shows as ``event``."""

    def change(ground: FaultContext) -> None:
        put(ground.connect, **values)
        ground.audit(event, failed=failed)

    return change


def _emptied_scope(ground: FaultContext) -> None:
    ground.connect.fields["scope"] = ""


def _writes_to_itself(ground: FaultContext) -> None:
    ground.cloud.flow.receive(_mail(ground, ground.mailbox, 900))


def _large_mail(ground: FaultContext) -> None:
    ground.cloud.flow.receive(_mail(ground, "kim@customer.example", 26 * 1024 * 1024))


def _mail(ground: FaultContext, sender: str, size: int) -> Mail:
    return Mail(
        f"<{new_id()}@customer.example>",
        sender,
        ground.mailbox,
        "Photos",
        "See below",
        size,
        ground.world.now(),
    )


def _deleted(ground: FaultContext) -> None:
    """Delete Webex Connect's app and create another one, with another forwarding address.

    Webex Connect's mail server refuses the old address from then on.
    """
    ground.audit("deleteApp")
    ground.audit("createApp")
    put(
        ground.connect,
        refused={ground.connect.forwarding_address.lower()},
        forwarding_address=f"{'f' * 32}@mail-us.imiconnect.io",
    )


def _cannot_be_reached(ground: FaultContext) -> None:
    put(ground.connect, away=True)
    for _ in range(2):
        ground.cloud.flow.receive(_mail(ground, "kim@customer.example", 900))


def _without_subject(ground: FaultContext) -> None:
    """Let a mail without a subject be lost 40 minutes ago, between others that made tasks."""
    put(ground.connect, takes_no_subject=False)
    log, tasks = ground.world.traces, ground.cloud.connect.tasks
    for minutes, subject in ((50, "One"), (40, ""), (30, "Two")):
        ago, before, known = timedelta(minutes=minutes), log.all(), len(tasks)
        mail = _mail(ground, "kim@customer.example", 900)
        ground.cloud.flow.receive(replace(mail, subject=subject))
        rows = (replace(row, at=row.at - ago) for row in log.all()[len(before) :])
        log.replace((*before, *rows))
        tasks[known:] = [replace(task, at=task.at - ago) for task in tasks[known:]]


def _away(ground: FaultContext) -> None:
    """Break sending from Webex Connect, and turn on the mailbox's automatic reply to customers."""
    put(ground.box, automatic_reply=True)
    ground.fill_in(username="agent@contoso.com")


def _inside(
    name: str,
    source: str,
    what: str,
    apply: Callable[[FaultContext], None],
    *more: str,
    changed: str = "updateApp",
) -> Fault:
    """Return a fault that only Webex Connect itself shows.

    ``more`` is the fault's cause and, unless answers stop, the station at which mail stops.
    """
    cause, stops = (*more, "answer")[:2]
    return Fault(name, source, what, apply, (cause,), stops, "form", Level.UNSEEN, changed=changed)


FAULTS: Final = (
    Fault(
        "form_scope_unknown",
        "microsoft.md 8 row 6, 5 (70011)",
        "the scope in the form has a typing error",
        _form(scope="offline_access https://outlook.office.com/SMTP.Sent"),
        ("scope_wrong",),
        "answer",
        "form",
    ),
    Fault(
        "form_scope_missing",
        "microsoft.md 4 (900144)",
        "the field Scope in the form was emptied after Generate Token",
        _emptied_scope,
        ("scope_missing", "form_field_missing"),
        "answer",
        "renewal",
    ),
    Fault(
        "form_common",
        "microsoft.md 5 (50194)",
        "the addresses in the form say common in place of the tenant",
        _tenant("common"),
        ("common_endpoint_used",),
        "answer",
        "form",
    ),
    _inside(
        "form_scope_graph",
        "microsoft.md 8 row 6, 4",
        "the scope in the form is Graph's SMTP.Send",
        _form(scope="offline_access https://graph.microsoft.com/SMTP.Send"),
        "scope_wrong",
    ),
    _inside(
        "form_scope_mail_send",
        "microsoft.md 8 row 6, 1.8",
        "the scope in the form is Mail.Send, which means Graph's",
        _form(scope="offline_access Mail.Send"),
        "scope_wrong",
    ),
    _inside(
        "form_client_id",
        "microsoft.md 8 row 9, 5 (700016)",
        "the client ID in the form is no app's",
        _form(client_id=NOWHERE),
        "app_not_found",
    ),
    _inside(
        "form_tenant_unknown",
        "microsoft.md 8 row 9, 5 (90002)",
        "the addresses in the form name a tenant that does not exist",
        _tenant(NOWHERE),
        "tenant_not_found",
    ),
    _inside(
        "form_tenant_other",
        "microsoft.md 8 row 9, 5 (700016)",
        "the addresses in the form name another tenant",
        _tenant("fabrikam.com"),
        "app_not_found",
    ),
    _inside(
        "form_urls_swapped",
        "microsoft.md 5 (900561)",
        "authorization and token address in the form are swapped",
        _swapped,
        "urls_swapped",
        "",
        changed="",
    ),
    _inside(
        "form_refresh_url",
        "connect.md 1.2",
        "the refresh address in the form is the authorization address",
        lambda ground: ground.fill_in(
            refresh_token_url=ground.login_url(ground.tenant.id)["authorization_url"]
        ),
        "urls_swapped",
    ),
    _inside(
        "form_smtp_server",
        "connect.md 1.2",
        "the SMTP server in the form does not exist",
        _form(smtp_server="smtp.office356.com"),
        "smtp_unreachable",
    ),
    _inside(
        "form_smtp_port",
        "connect.md 1.2",
        "the port in the form is 25",
        _form(port="25"),
        "smtp_unreachable",
    ),
    _inside(
        "form_no_starttls",
        "connect.md 1.2",
        "Security in the form is None",
        _form(security="None"),
        "smtp_no_starttls",
    ),
    _inside(
        "form_username_other",
        "microsoft.md 8 row 10",
        "Username in the form of a user's mailbox is a colleague",
        _form(username="agent@contoso.com"),
        "smtp_token_refused",
    ),
    _inside(
        "form_sender_other",
        "microsoft.md 8 row 10 (5.2.252)",
        "Email ID in the form is another address, and Send As is missing",
        _form(email_id="sales@contoso.com"),
        "send_as_denied",
    ),
    _inside(
        "form_username_away",
        "microsoft.md 8 rows 10 and 12 (auto-replies)",
        "Username in the form is a colleague, and the mailbox sends automatic replies",
        _away,
        "smtp_token_refused",
    ),
    _inside(
        "connect_not_saved",
        "connect.md 1.5",
        "the app was changed and not saved",
        _app("updateApp", failed=True, saved=False),
        "connect_not_saved",
        "connect",
    ),
    _inside(
        "connect_not_registered",
        "connect.md 1.5",
        "the app is not registered to Webex Engage",
        _app("updateApp", service=""),
        "connect_not_registered",
        "connect",
    ),
    _inside(
        "connect_flow_not_live",
        "connect.md 4.3 (no task, mail in debug)",
        "the flow of the service is not live",
        _app("updateWfStatusOnUpdateRule", live=False),
        "connect_flow_not_live",
        "connect",
        changed="updateWfStatusOnUpdateRule",
    ),
    _inside(
        "connect_node_expired",
        "connect.md 1.5 (authorized nodes)",
        "the authorization of the flow's nodes has expired, which the audit log does not show",
        lambda ground: put(ground.connect, authorized=False),
        "no_task",
        "connect",
        changed="",
    ),
    _inside(
        "connect_node_removed",
        "connect.md 1.5 (authorized nodes)",
        "somebody removed the authorization of the flow's nodes",
        _app("deleteAuthorizationIntegration", authorized=False),
        "no_task",
        "connect",
        changed="deleteAuthorizationIntegration",
    ),
    Fault(
        "flow_template_old",
        "connect.md 1.7 (before v3.1)",
        "the flow's template is old: a mail without a subject made no task, and others did",
        _without_subject,
        ("flow_template_old",),
        "",
        "flow",
        Level.NOTED,
    ),
    _inside(
        "connect_asset_of_other_workload",
        "connect.md 1.9 (v6.21)",
        "the asset is assigned to Webex Connect, and the contact center cannot use it",
        _app("updateApp", workload="Webex Connect"),
        "asset_of_other_workload",
        "connect",
    ),
    _inside(
        "connect_asset_deleted",
        "connect.md 1.5 (never delete)",
        "the asset was deleted and created again: it has another forwarding address",
        _app("deleteApp", forwarding_address=f"{'f' * 32}@mail-us.imiconnect.io"),
        "connect_address_gone",
        "connect",
        changed="deleteApp",
    ),
    Fault(
        "connect_address_bounces",
        "connect.md 1.5 (never delete)",
        "the asset was deleted, and Webex Connect's mail server refuses its forwarding address",
        _deleted,
        ("connect_address_gone",),
        "connect",
        "refused",
    ),
    Fault(
        "connect_mail_away",
        "learn.microsoft.com/exchange/troubleshoot/email-delivery/ndr, 4.4.316",
        "Webex Connect's mail server cannot be reached, and Exchange keeps the copies in its queue",
        _cannot_be_reached,
        ("connect_not_reached",),
        "connect",
        TRACED,
    ),
    Fault(
        "sender_is_recipient",
        "connect.md 4.3 (own test mail ignored), 1.7",
        (
            "somebody tests with a mail from the mailbox to itself, which Webex Connect "
            "drops; the channel is right"
        ),
        _writes_to_itself,
        (),
        "",
        "mail",
        Level.NOTHING,
    ),
    Fault(
        "mail_too_large",
        "connect.md 4.3 (customer bounce), 1.7",
        "a customer's mail is larger than 25 MB; the channel is right",
        _large_mail,
        (),
        "",
        "mail",
        Level.NOTHING,
    ),
    Fault(
        "consent_reviewed",
        "connect.md 4.3 (consent screen error), 1.2",
        (
            "the form asks to review consent explicitly, and users may not consent; the "
            "grant is there and the old token goes on working"
        ),
        lambda ground: ground.fill_in(explicit_consent="true"),
        (),
        "",
        "mail",
        Level.NOTHING,
    ),
)
