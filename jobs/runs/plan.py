"""Plan of changes, as shown for approval, and the changes that an approval covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.model import Account, Change, Channel, Scope


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of the changes of a run, each of which is one line.

    A different plan has a different ID, so a button on an old card approves nothing.
    """

    id: str
    changes: tuple[Change, ...]
    at: datetime

    def shows(self, change: Change) -> bool:
        """Return whether the change is one of the plan's lines.

        That is so if the change has the same result as a line, for the same object and scope, and
        no unmentioned party loses something. The method, IDs and days may have become known later,
        for example if an app is updated instead of created. Reopening something that somebody has
        closed is a different result from creating it.
        """
        return any(
            _outcome(line) == _outcome(change) and _loses_only(line, change)
            for line in self.changes
        )

    def with_lines(self, lines: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the plan's lines, with ``lines`` in place of its lines for the same steps."""
        steps = {line.step for line in lines}
        others = [line for line in self.changes if line.step not in steps]
        place = next(
            (number for number, line in enumerate(self.changes) if line.step in steps), len(others)
        )
        return (*others[:place], *lines, *others[place:])


FOREIGN_HOSTS = "foreign_hosts"
"""Question about hosts that are not Webex Connect's.

The answer is the hosts with a space between them. An approver answers the question before the plan
can be approved.
"""


def addresses(channel: Channel) -> dict[str, str]:
    """Return the two addresses that a plan shows in full and that its approval names."""
    return {
        "callback_url": channel.callback_url,
        "forwarding_address": channel.forwarding_address,
    }


def identity(account: Account | None) -> tuple[str, ...]:
    """Return the tenant and the user of the account that makes a plan's changes, if one is known."""
    return (account.tenant_id, account.object_id) if account else ()


def word_for(scope: Scope) -> Scope:
    """Return the scope under which a change is approved.

    Changes to the whole tenant have an approval of their own. All other changes share one.
    """
    return Scope.TENANT if scope is Scope.TENANT else Scope.MAILBOX


def _outcome(line: Change) -> tuple[object, ...]:
    return line.step, line.object, line.after.key, word_for(line.scope)


def _loses_only(shown: Change, change: Change) -> bool:
    return not change.overwrites or change.before == shown.before
