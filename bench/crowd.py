"""Many working channels, and the bot's records of them.

With these channels, a check of all channels can be measured without hundreds of conversations.
"""

from collections.abc import Sequence
from typing import Any

from redis import Redis

from jobs.access import tenants
from jobs.clock import now
from jobs.microsoft.app_manifest import unique_name
from jobs.microsoft.scopes import EXCHANGE_APP_ROLES, GRAPH_APP_ROLES
from jobs.model import Channel, Profile
from jobs.runs.run_store import ChannelIndex, Record
from jobs.storage.vault import Authenticator
from practice.actors import REQUESTER
from practice.client import People
from practice.stack import Stack

FORWARD = "x1@mail.webexconnect.io"
CALLBACK = "https://uk.webexconnect.io/callback"


def fill(
    stack: Stack, people: People, room: str, boxes: Sequence[str], *, bot_reads: bool = True
) -> dict[str, str]:
    """Create the channels in the space ``room``, each domain in its own tenant.

    With ``bot_reads`` every tenant grants the bot its own read access. Returns the tenants' ids by
    domain.
    """
    wanted: dict[str, dict[str, str]] = {}
    for box in boxes:
        wanted.setdefault(box.partition("@")[2], {})[box] = unique_name(box)
    uris = [CALLBACK, f"{stack.public_url}/microsoft/callback"]
    body = {
        "tenants": wanted,
        "redirect_uris": uris,
        "forwarding_address": FORWARD,
        "bot_reads": bot_reads,
    }
    made = people.control("POST", "crowd", body)
    with stack.redis() as redis:
        for tenant in made.values():
            _remember(redis, encryption_keys(stack), tenant, bot_reads=bot_reads)
        redis.sadd(f"space:{room}:channels", *boxes)
    return {domain: str(tenant["id"]) for domain, tenant in made.items()}


def encryption_keys(stack: Stack) -> tuple[str, ...]:
    """Return the ENCRYPTION_KEYS of the stack's product.

    The product makes the MACs of its records in Redis with these keys.
    """
    worker = next(name for name in stack.processes if name.startswith("worker"))
    return (stack.processes[worker].env["ENCRYPTION_KEYS"],)


def _remember(
    redis: Redis, own_keys: tuple[str, ...], tenant: dict[str, Any], *, bot_reads: bool
) -> None:
    channels = ChannelIndex(redis, Authenticator(own_keys))
    if bot_reads:
        tenants.keep_grant(
            redis,
            tenants.AppAccess(
                tenant["id"], now(), REQUESTER, (*GRAPH_APP_ROLES, *EXCHANGE_APP_ROLES)
            ),
        )
    for box, ids in tenant["channels"].items():
        channel = Channel(box, CALLBACK, FORWARD, profile=Profile.LEAST, tenant_id=tenant["id"])
        channels.keep(Record("SEEDED", now(), channel))
        redis.sadd("secrets:handed-over", ids["key_id"])
