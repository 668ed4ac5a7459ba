"""Step C7: the app is saved and registered to Webex Engage.

This is irreversible, so the card warns first.
"""

from __future__ import annotations

import re

import structlog

from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.contact_center.connect_audit import read_changes
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import ConnectChange, Finding, Text, Turn, minute_of
from jobs.steps.connect_form import token_at

PAUSES_S = (5.0, 5, 10, 10, 20, 20, 30, 60, 60, 120, 300)
"""Pauses between two reads of the audit log, in seconds."""
log = structlog.get_logger(__name__)
_OF_AN_APP = re.compile(r"(?:create|save|update)App", re.IGNORECASE)
SAVED_AND_REGISTERED = 2
"""Changes of an app after Generate Token: Save, and Register To Webex Engage."""


class Registered(Step):
    """Step C7: the asset is registered with a service (facts/connect.md 1.5).

    The audit log has no action of its own for the registration, which is one more change of the app
    (facts/update-2026-11.md 1.1). So the log only spares the requester the press of the button. The
    button stays, and pressing it sends the test mail once more.
    """

    name = "registered"
    article_row = "C7"
    group = "connect"
    shown_in = "mailbox_fields"
    needs = ("token",)
    automatic = False
    returns_with = "registered"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check the requester's confirmation, then the audit log. V2 proves either."""
        if ctx.run.answer("registered"):
            return self.ok(Text("seen.said_by_requester"))
        again = 0.0
        if ctx.settings.connect_audit_url:
            changes = await _changes_since_token(ctx)
            if len(changes) >= _expected(ctx):
                at = max(change.at for change in changes)
                return self.ok(Text("seen.registered_in_log", {"at": minute_of(at)}))
            again = ctx.pause(self.name, PAUSES_S)
        return self.waits_for(Turn.REQUESTER, Text("seen.not_registered"), again_s=again)


def _expected(ctx: StepContext) -> int:
    """Return how many changes of an app prove the registration.

    One change is enough if the requester has said that the token was saved, because that is said
    only after Save.
    """
    return 1 if ctx.run.answer("token_saved") else SAVED_AND_REGISTERED


async def _changes_since_token(ctx: StepContext) -> list[ConnectChange]:
    since = token_at(ctx.run) or now()
    try:
        found = await read_changes(ctx.settings, since, now())
    except CloudError as error:
        log.info("audit log not read", run=ctx.run.id, why=str(error))
        return []
    return [
        change
        for change in found.rows
        if change.at >= since
        and not change.failed
        and _OF_AN_APP.fullmatch(change.event) is not None
    ]
