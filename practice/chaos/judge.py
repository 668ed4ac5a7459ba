"""Judge of the tenant after a setup, compared with an undisturbed setup.

The tenant must be the same, each object must be made once, and every secret must have a holder.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from practice.client import People
from practice.conversation import Walk

Json = dict[str, Any]
MADE_ONCE: Final = frozenset(
    {
        "graph.create_application",
        "graph.create_service_principal",
        "graph.create_grant",
        "entra.assign_role",
        "exchange.New-HostedOutboundSpamFilterPolicy",
        "exchange.New-HostedOutboundSpamFilterRule",
        "exchange.Enable-OrganizationCustomization",
    }
)
LABELS: Final = ("Webex Connect", "Webex email bot")


@dataclass(frozen=True, slots=True)
class Left:
    """Tenant and counts after a run."""

    tenant: Json
    made: Counter[str]
    secrets: Counter[str]
    mails: int
    told: bool


def left(people: People, walk: Walk) -> Left:
    """Return the state of the tenant, the writes since the walk began, and whether people were told."""
    tenant = people.control("GET", "tenants/contoso.com")
    entries = people.control("GET", "journal", after=walk.written)["items"]
    made = Counter(
        f"{name} {entry['object']}"
        for entry in entries
        if (name := f"{entry['service']}.{entry['action']}") in MADE_ONCE
    )
    secrets = Counter(
        _label(each) for app in tenant["applications"] for each in app["passwordCredentials"]
    )
    subjects = Counter(
        task["subject"]
        for task in people.control("GET", "agent/tasks")["items"]
        if "Webex email test" in task["subject"]
    )
    return Left(
        _kept(tenant, walk.mailbox),
        made,
        secrets,
        max(subjects.values(), default=0),
        _told(people, walk),
    )


def doubles(found: Left, right: Left) -> int:
    """Return how many objects and mails were made more often than without a kill."""
    return (found.made - right.made).total() + max(0, found.mails - right.mails)


def orphans(found: Left, right: Left) -> int:
    """Return how many client secrets exist that would not exist without a kill."""
    return (found.secrets - right.secrets).total()


def differences(found: Left, right: Left) -> list[str]:
    """Return the parts of the tenant that differ from a run without a kill."""
    names = [name for name in right.tenant if found.tenant[name] != right.tenant[name]]
    missing = [*(right.made - found.made), *(right.secrets - found.secrets)]
    missing = [
        each for each in missing if "create_grant" not in each
    ]  # an earlier admin consent has already granted the same
    return [f"{name}: {found.tenant[name]} instead of {right.tenant[name]}" for name in names] + [
        f"missing: {each}" for each in missing
    ]


def _kept(tenant: Json, mailbox: str) -> Json:
    """Return the parts that must be the same after every run: no ids and no times."""
    apps = tenant["applications"]
    ours = {app["appId"] for app in apps}
    principals = [each for each in tenant["service_principals"] if each["appId"] in ours]
    ids = {each["id"] for each in principals}
    granted = {
        scope
        for each in tenant["grants"]
        if each["clientId"] in ids
        for scope in str(each["scope"]).split()
    }
    return {
        "applications": sorted((_app(app) for app in apps), key=str),
        "principals": sorted(each["displayName"] for each in principals),
        "granted": sorted(granted),
        "policies": sorted(
            (each["Name"], each["AutoForwardingMode"]) for each in tenant["outbound_policies"]
        ),
        "rules": sorted(
            (each["Name"], each["HostedOutboundSpamFilterPolicy"], *each["From"])
            for each in tenant["outbound_rules"]
        ),
        "mailbox": next(
            user["mailbox"]
            for upn, user in tenant["users"].items()
            if mailbox in {upn, user["mail"]}
        ),
        "dehydrated": tenant["dehydrated"],
    }


def _app(app: Json) -> Json:
    return {
        name: app.get(name)
        for name in ("displayName", "uniqueName", "signInAudience", "web", "requiredResourceAccess")
    }


def _label(secret: Json) -> str:
    return next(
        (label for label in LABELS if str(secret["displayName"]).startswith(label)),
        str(secret["displayName"]),
    )


def _told(people: People, walk: Walk) -> bool:
    since = (each for each in people.messages.values() if each["change"] > walk.since)
    return any(
        "resumed" in f"{version['text']}{version['card']}".lower()
        for each in since
        for version in each["history"]
    )
