"""Snapshots of the Microsoft half, mail and Webex Connect.

One real setup serves many cases, because the world is restored for each case. Webex stays as it is:
the conversation continues, and the bot's own memory of it cannot be restored.
"""

import copy
from dataclasses import replace
from typing import Any, Final

from practice.hooks import Faults as Hooks
from practice.microsoft import Cloud
from practice.microsoft.tokens import Refresh
from practice.webex_services.world import OutsideWorld

FORM: Final = (
    "callback_url",
    "forwarding_address",
    "app_id",
    "fields",
    "access_token",
    "refresh_token",
    "valid_until",
    "saved",
    "service",
    "live",
    "authorized",
    "takes_no_subject",
    "workload",
    "refused",
    "away",
    "log",
    "audit",
)


class Snapshots:
    """Keeper of snapshots of the world by name. Each can be restored as often as needed."""

    def __init__(self, cloud: Cloud, hooks: Hooks, outside: OutsideWorld) -> None:
        self._cloud, self._hooks, self._outside = cloud, hooks, outside
        self._kept: dict[str, dict[str, Any]] = {}

    def take(self, name: str) -> None:
        """Take a snapshot of the world, in the place of an earlier one with this name."""
        with self._cloud.world.lock:
            self._kept[name] = copy.deepcopy(self._state())

    def restore(self, name: str) -> bool:
        """Restore a snapshot and remove all pending faults.

        Return False if there is no snapshot with this name.
        """
        if name not in self._kept:
            return False
        self._hooks.clear()
        self._outside.reset()
        world, vault, connect = self._cloud.world, self._cloud.vault, self._cloud.connect
        with world.lock:
            kept = copy.deepcopy(self._kept[name])
            world.tenants, world.secrets, world.smtp_mood = kept["tenants"], kept["secrets"], ""
            vault.codes, vault.refresh = kept["codes"], self._later_tokens() | kept["refresh"]
            connect.center = kept["center"]
            connect.tasks[:], connect.entry_points[:] = kept["tasks"], kept["entry_points"]
            for field in FORM:
                setattr(connect.app, field, kept["form"][field])
            self._cloud.store.replace(kept["mail"])
            world.traces.replace(kept["traces"])
        return True

    def _state(self) -> dict[str, Any]:
        world, connect = self._cloud.world, self._cloud.connect
        return {
            "tenants": world.tenants,
            "secrets": world.secrets,
            "codes": self._cloud.vault.codes,
            "refresh": self._cloud.vault.refresh,
            "center": connect.center,
            "tasks": connect.tasks,
            "entry_points": connect.entry_points,
            "form": {name: getattr(connect.app, name) for name in FORM},
            "mail": self._cloud.store.all(),
            "traces": world.traces.all(),
        }

    def _later_tokens(self) -> dict[str, Refresh]:
        """Return all refresh tokens of the present as valid ones.

        They include the tokens issued since the snapshot. Their holders, above all the bot, do not
        know that the world was set back.
        """
        now = self._cloud.world.now()
        return {
            text: replace(record, at=now, dead=False)
            for text, record in self._cloud.vault.refresh.items()
        }
