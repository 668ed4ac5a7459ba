"""Faults of Webex Connect's form, registration and flow.

Source: platforms/connect.md 1 and 4.3; platforms/microsoft.md 8 rows 6, 9, 10.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import described
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


FAULTS: Final = described(
    {
        "form_scope_unknown": _form(scope="offline_access https://outlook.office.com/SMTP.Sent"),
        "form_scope_missing": _emptied_scope,
        "form_common": _tenant("common"),
        "form_scope_graph": _form(scope="offline_access https://graph.microsoft.com/SMTP.Send"),
        "form_scope_mail_send": _form(scope="offline_access Mail.Send"),
        "form_client_id": _form(client_id=NOWHERE),
        "form_tenant_unknown": _tenant(NOWHERE),
        "form_tenant_other": _tenant("fabrikam.com"),
        "form_urls_swapped": _swapped,
        "form_refresh_url": lambda ground: ground.fill_in(
            refresh_token_url=ground.login_url(ground.tenant.id)["authorization_url"]
        ),
        "form_smtp_server": _form(smtp_server="smtp.office356.com"),
        "form_smtp_port": _form(port="25"),
        "form_no_starttls": _form(security="None"),
        "form_username_other": _form(username="agent@contoso.com"),
        "form_sender_other": _form(email_id="sales@contoso.com"),
        "form_username_away": _away,
        "connect_not_saved": _app("updateApp", failed=True, saved=False),
        "connect_not_registered": _app("updateApp", service=""),
        "connect_flow_not_live": _app("updateWfStatusOnUpdateRule", live=False),
        "connect_node_expired": lambda ground: put(ground.connect, authorized=False),
        "connect_node_removed": _app("deleteAuthorizationIntegration", authorized=False),
        "flow_template_old": _without_subject,
        "connect_asset_of_other_workload": _app("updateApp", workload="Webex Connect"),
        "connect_asset_deleted": _app(
            "deleteApp", forwarding_address=f"{'f' * 32}@mail-us.imiconnect.io"
        ),
        "connect_address_bounces": _deleted,
        "connect_mail_away": _cannot_be_reached,
        "sender_is_recipient": _writes_to_itself,
        "mail_too_large": _large_mail,
        "consent_reviewed": lambda ground: ground.fill_in(explicit_consent="true"),
    }
)
