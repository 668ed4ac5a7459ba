"""Judge of the tenant after a disturbed setup, compared with an undisturbed setup.

The tenant must be the same, each object must be made once, and every secret must have a holder.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from redis import Redis

from practice.actors import CHANGING
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


ENDS: Final = frozenset({"finished", "cancelled", "failed"})


@dataclass(frozen=True, slots=True)
class Left:
    """State of the tenant after a run, with the counts of created objects, secrets and mails."""

    tenant: Json
    made: Counter[str]
    secrets: Counter[str]
    mails: int
    told: bool


def left(people: People, walk: Walk) -> Left:
    """Return the state of the tenant after a run.

    It has the writes since the walk began, and whether people were told of the interruption.
    """
    tenant = people.tenant()
    entries = people.control("GET", "journal", after=walk.written)["items"]
    return Left(
        _kept(tenant, walk.mailbox),
        _made_once(entries),
        _secrets(tenant["applications"]),
        _test_mails(people.control("GET", "agent/tasks")["items"]),
        _people_were_told(people, walk),
    )


def _made_once(entries: list[Json]) -> Counter[str]:
    """Return the counts of the writes that a setup makes only once, by kind and object."""
    named = ((f"{entry['service']}.{entry['action']}", entry["object"]) for entry in entries)
    return Counter(f"{name} {target}" for name, target in named if name in MADE_ONCE)


def _secrets(apps: list[Json]) -> Counter[str]:
    return Counter(_label(each) for app in apps for each in app["passwordCredentials"])


def _test_mails(tasks: list[Json]) -> int:
    """Return how many tasks the contact center has of one test mail, at most."""
    subjects = Counter(task["subject"] for task in tasks if "Webex email test" in task["subject"])
    return max(subjects.values(), default=0)


def written(people: People) -> int:
    """Return how many changes were made at Microsoft since the start of the cloud."""
    entries = people.control("GET", "journal")["items"]
    return sum(f"{entry['service']}.{entry['action']}".startswith(CHANGING) for entry in entries)


def after_ends(redis: Redis) -> int:
    """Return how many events were recorded after the end of their run, in all runs together."""
    lists = (redis.lrange(key, 0, -1) for key in redis.scan_iter("run:*:events"))
    return sum(_after_end(json.loads(event)["kind"] for event in events) for events in lists)


def _after_end(kinds: Iterable[str]) -> int:
    known = list(kinds)
    ends = [place for place, kind in enumerate(known) if kind in ENDS]
    return len(known) - 1 - ends[0] if ends else 0


def doubles(found: Left, right: Left) -> int:
    """Return how many objects and mails were made more often than in an undisturbed run."""
    return (found.made - right.made).total() + max(0, found.mails - right.mails)


def orphans(found: Left, right: Left) -> int:
    """Return how many client secrets exist that an undisturbed run does not make."""
    return (found.secrets - right.secrets).total()


def differences(found: Left, right: Left) -> list[str]:
    """Return a text for each part of the tenant that differs from an undisturbed run."""
    names = [name for name in right.tenant if found.tenant[name] != right.tenant[name]]
    return [
        *(f"{name}: {found.tenant[name]} instead of {right.tenant[name]}" for name in names),
        *(f"missing: {each}" for each in _missing(found, right)),
    ]


def _missing(found: Left, right: Left) -> list[str]:
    """Return the objects and secrets that only the undisturbed run has made.

    A missing grant does not count, because an earlier admin consent may already give the same
    grant.
    """
    missing = [*(right.made - found.made), *(right.secrets - found.secrets)]
    return [each for each in missing if "create_grant" not in each]


def _kept(tenant: Json, mailbox: str) -> Json:
    """Return the parts of the tenant that must be the same after every run.

    They have no ids and no times.
    """
    apps = tenant["applications"]
    ours = {app["appId"] for app in apps}
    principals = [each for each in tenant["service_principals"] if each["appId"] in ours]
    return {
        "applications": sorted((_app(app) for app in apps), key=str),
        "principals": sorted(each["displayName"] for each in principals),
        "granted": _granted(tenant["grants"], {each["id"] for each in principals}),
        "policies": _columns(tenant["outbound_policies"], "Name", "AutoForwardingMode"),
        "rules": _columns(
            tenant["outbound_rules"], "Name", "HostedOutboundSpamFilterPolicy", "From"
        ),
        "mailbox": _mailbox(tenant["users"], mailbox),
        "dehydrated": tenant["dehydrated"],
    }


def _granted(grants: list[Json], clients: set[str]) -> list[str]:
    scopes = (str(grant["scope"]) for grant in grants if grant["clientId"] in clients)
    return sorted({scope for text in scopes for scope in text.split()})


def _columns(rows: list[Json], *names: str) -> list[list[Any]]:
    return sorted([row[name] for name in names] for row in rows)


def _mailbox(users: Json, address: str) -> Any:
    return next(user["mailbox"] for upn, user in users.items() if address in {upn, user["mail"]})


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


def _people_were_told(people: People, walk: Walk) -> bool:
    since = (each for each in people.messages.values() if each["change"] > walk.since)
    return any(
        "resumed" in f"{version['text']}{version['card']}".lower()
        for each in since
        for version in each["history"]
    )
