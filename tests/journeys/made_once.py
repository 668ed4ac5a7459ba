"""Objects that a setup makes exactly once, even if it is interrupted."""

from __future__ import annotations

from practice.conversation import Walk, apps

CREATES = (
    "graph.application.create",
    "exchange.New-HostedOutboundSpamFilterPolicy",
    "exchange.New-HostedOutboundSpamFilterRule",
)


def one_of_each(walk: Walk) -> None:
    """Assert that a setup has made each object once.

    M4 does not wait for people, so its rule may come after the form.
    """
    walk.people.until("the last rule", lambda: CREATES[-1] in walk.writes(), 60)
    writes = walk.writes()
    assert {name: writes.count(name) for name in writes if "New-" in name} == dict.fromkeys(
        CREATES[1:], 1
    )
    assert [len(app["passwordCredentials"]) for app in apps(walk.people)] == [1]
