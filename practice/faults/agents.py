"""Faults between the task and an agent: the queue, its teams, and the people in them.

Source: Cisco's OpenAPI of Webex Contact Center; platforms/connect.md 3.3.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from practice.faults.fault_context import FaultContext
from practice.faults.model import Fault, Level
from practice.mail.connect import Task
from practice.mail.contact_center import PROFILES, QUEUE, SKILL, USER
from practice.microsoft.world import new_id

SOURCE: Final = "connect.md 3.3; Webex Contact Center API (queue, team, user)"


def _set(rows: str, **values: Any) -> Callable[[FaultContext], None]:
    """Return a change of all resources of a list of the contact center."""

    def change(ground: FaultContext) -> None:
        for row in getattr(ground.cloud.connect.center, rows):
            row.update(values)

    return change


def _deleted(ground: FaultContext) -> None:
    ground.cloud.connect.center.queues.clear()


def _waits(ground: FaultContext, hours: int = 2) -> None:
    """Add a task that has waited for so many hours."""
    queue = {"id": QUEUE, "name": "Email"}
    at, customer = ground.world.now() - timedelta(hours=hours), "kim@customer.example"
    task = Task(new_id(), customer, ground.mailbox, "Night", "", "<n>", at, "queued", queue)
    ground.cloud.connect.tasks.insert(0, task)


def _full(ground: FaultContext) -> None:
    _waits(ground, 0)
    _set("queues", maxActiveContacts=1)(ground)


def _entry_point_full(ground: FaultContext) -> None:
    _waits(ground, 0)
    ground.cloud.connect.entry_points[0].most = 1


def _skill_of_nobody(ground: FaultContext) -> None:
    skill = {"skillId": SKILL, "condition": "IS", "skillValue": "true", "skillType": "BOOLEAN"}
    _set("queues", routingType="SKILLS_BASED", queueSkillRequirements=[skill])(ground)


def _skill_of_an_agent(ground: FaultContext) -> None:
    _skill_of_nobody(ground)
    ground.cloud.connect.center.skills[USER] = [SKILL]


def _by_skill(ground: FaultContext) -> None:
    """Let the queue serve everybody with the skill, without any team."""
    _skill_of_an_agent(ground)
    _set("queues", queueRoutingType="SKILL_BASED", callDistributionGroups=[])(ground)


def _night(ground: FaultContext) -> None:
    _waits(ground)
    ground.cloud.connect.center.logged_in.clear()


def _overflow(ground: FaultContext) -> None:
    """Give the queue a second team, which is not in service."""
    center = ground.cloud.connect.center
    center.teams.append(center.teams[0] | {"id": SKILL, "active": False, "userIds": []})
    group = {"agentGroups": [{"teamId": SKILL}], "order": 2, "duration": 60}
    center.queues[0]["callDistributionGroups"].append(group)


def _other_queue(ground: FaultContext) -> None:
    """Add a queue for other mail, which is off and serves nobody."""
    center = ground.cloud.connect.center
    other = {"id": SKILL, "name": "Other", "active": False, "callDistributionGroups": []}
    center.queues.append(center.queues[0] | other)


def _forbidden(ground: FaultContext) -> None:
    base = f"/contact-center/organization/{ground.world.settings.contact_center_org}"
    ground.answer(f"{base}/v2/contact-service-queue", 403)
    ground.answer("/contact-center/v1/agents", 403)


def _fault(name: str, what: str, apply: Callable[[FaultContext], None], cause: str) -> Fault:
    return Fault(name, SOURCE, what, apply, (cause,), "agent", "queue")


def _healthy(name: str, what: str, apply: Callable[[FaultContext], None]) -> Fault:
    return Fault(name, SOURCE, what, apply, (), "", "queue", Level.NOTHING)


FAULTS: Final = (
    _fault("queue_deleted", "the queue of the email flow was deleted", _deleted, "queue_gone"),
    _fault("queue_off", "the queue is not active", _set("queues", active=False), "queue_inactive"),
    _fault(
        "queue_no_team",
        "no team was assigned to the queue",
        _set("queues", callDistributionGroups=[]),
        "queue_without_teams",
    ),
    _fault(
        "queue_team_off",
        "the only team of the queue is not active",
        _set("teams", active=False),
        "queue_without_teams",
    ),
    _fault(
        "queue_other_channel",
        "the flow names a queue for chat",
        _set("queues", channelType="CHAT"),
        "queue_of_other_channel",
    ),
    _fault("queue_full", "the queue has reached its limit", _full, "contact_limit_reached"),
    Fault(
        "entry_point_full",
        SOURCE,
        "the entry point has reached its limit",
        _entry_point_full,
        ("contact_limit_reached",),
        "connect",
        "queue",
    ),
    _fault(
        "agents_not_enabled",
        "no agent of the team is enabled for the contact center",
        _set("users", contactCenterEnabled=False),
        "agents_not_enabled",
    ),
    _fault(
        "team_without_users",
        "nobody is in the only team of the queue",
        _set("teams", userIds=[]),
        "agents_not_enabled",
    ),
    _fault(
        "profile_of_site_zero",
        "the multimedia profile of the site allows 0 emails",
        _set("sites", multimediaProfileId=PROFILES[1]),
        "profile_without_email",
    ),
    _fault(
        "profile_of_user_zero",
        "the multimedia profile of the agent allows 0 emails, and that of the site allows some",
        _set("users", multimediaProfileId=PROFILES[1]),
        "profile_without_email",
    ),
    _fault(
        "skill_of_nobody",
        "the queue asks for a skill that no agent has",
        _skill_of_nobody,
        "skill_missing",
    ),
    Fault(
        "tasks_wait",
        SOURCE,
        "a task waits for longer than the service level, although an agent is logged in",
        _waits,
        ("tasks_wait",),
        "",
        "queue",
        Level.NOTED,
    ),
)
HEALTHY: Final = (
    _healthy("night", "a task waits, because no agent is logged in at night", _night),
    _healthy("queue_with_overflow", "a second team of the queue is not in service", _overflow),
    _healthy("queue_of_others_off", "another email queue is off and serves nobody", _other_queue),
    _healthy(
        "queue_with_skill", "the queue asks for a skill that an agent has", _skill_of_an_agent
    ),
    _healthy("queue_by_skill", "the queue serves everybody with a skill, and no team", _by_skill),
    _healthy("queue_unreadable", "the token may not read queues and agents (403)", _forbidden),
)
