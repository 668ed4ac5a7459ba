"""Faults between the task and an agent: the queue, its teams, and the people in them.

Source: Cisco's OpenAPI of Webex Contact Center; platforms/connect.md 3.3.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from practice.faults.fault_context import FaultContext
from practice.faults.model import described
from practice.mail.connect import Task
from practice.mail.contact_center import PROFILES, QUEUE, SKILL, USER
from practice.microsoft.world import new_id


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


FAULTS: Final = described(
    {
        "queue_deleted": _deleted,
        "queue_off": _set("queues", active=False),
        "queue_no_team": _set("queues", callDistributionGroups=[]),
        "queue_team_off": _set("teams", active=False),
        "queue_other_channel": _set("queues", channelType="CHAT"),
        "queue_full": _full,
        "entry_point_full": _entry_point_full,
        "agents_not_enabled": _set("users", contactCenterEnabled=False),
        "team_without_users": _set("teams", userIds=[]),
        "profile_of_site_zero": _set("sites", multimediaProfileId=PROFILES[1]),
        "profile_of_user_zero": _set("users", multimediaProfileId=PROFILES[1]),
        "skill_of_nobody": _skill_of_nobody,
        "tasks_wait": _waits,
    }
)
HEALTHY: Final = described(
    {
        "night": _night,
        "queue_with_overflow": _overflow,
        "queue_of_others_off": _other_queue,
        "queue_with_skill": _skill_of_an_agent,
        "queue_by_skill": _by_skill,
        "queue_unreadable": _forbidden,
    }
)
