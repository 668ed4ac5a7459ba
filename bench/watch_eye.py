"""Process of the benches that looks at one channel, once for each line that it reads.

It runs with the environment of a worker, and uses the real look of the bot's watch
(:mod:`jobs.watch.look`). Each line on stdin starts one look, and each line on stdout is the outcome
of a look as JSON. With a second argument it sends test mails, so many seconds apart.
"""

import asyncio
import json
import os
import sys
import time
from datetime import timedelta

from bot import logs
from bot.queue import connect
from bot.services import Services
from bot.settings import BotSettings
from jobs import runtime
from jobs.access import tenants
from jobs.clock import now
from jobs.model import Person
from jobs.settings import Settings
from jobs.storage import keys
from jobs.watch.look import CloudLook
from jobs.watch.model import ChannelState, LookOutcome, WatchedChannel

NOBODY = Person("nobody", "nobody@example.test")


def services() -> Services:
    """Return the parts that a worker consists of, created in this process."""
    bot, work = BotSettings.from_env(os.environ), Settings.from_env(os.environ)
    made = Services.of(bot, work, connect(bot.redis_url))
    runtime.install(made)
    return made


async def look(made: Services, watched: WatchedChannel, mails_s: int = 0) -> LookOutcome:
    """Look at a channel once and return the outcome.

    Raises:
        LookupError: The look ended without an outcome.
    """
    mails = timedelta(seconds=mails_s), lambda _: ("Test", "Nothing to do.")
    looking = CloudLook(made, lambda: True, lambda _: ChannelState(), *mails)
    found = [outcome async for _, outcome in looking((watched,))]
    if not found:
        raise LookupError(watched.mailbox)
    return found[0]


def main(mailbox: str, mails_s: int = 0) -> int:
    """Look at the mailbox's channel once for every line, until stdin ends.

    The access that the tenant granted is stored again before each look, because a fault may have
    made the bot forget it, and the practice cloud is restored between the faults. The message
    traces that were counted against Microsoft's limit are forgotten, because real looks are minutes
    apart.
    """
    logs.configure("CRITICAL")
    made = services()
    record = made.channels.record(mailbox)
    if record is None:
        sys.stdout.write(json.dumps({"error": f"{mailbox} is not connected"}) + "\n")
        return 1
    watched = WatchedChannel(record.channel, "none", NOBODY, now())
    granted = tenants.grant_for(made.redis, record.channel.tenant_id)
    for _ in sys.stdin:
        if granted is not None:
            tenants.keep_grant(made.redis, granted)
        made.redis.delete(keys.tenant_calls(record.channel.tenant_id, "traces"))
        began = time.monotonic()
        outcome = asyncio.run(look(made, watched, mails_s))
        said = {
            "sight": str(outcome.sight),
            "cause": outcome.cause,
            "step": outcome.step,
            "eyes": [str(each) for each in outcome.eyes],
            "station": outcome.station and str(outcome.station),
            "mails": sum(outcome.mails.values()),
            "late": outcome.damage.mails,
            "unseen": outcome.unseen,
            "seconds": time.monotonic() - began,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
