"""Way of a task to an agent: the channel's queue, the people whom it serves, and what waits in it.

What the token may not read is skipped, because it says nothing about the channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.contact_center.routing import ContactCenter, Routing
from jobs.contact_center.tasks import Task, Tasks
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import Access, Finding, State, Station, Text, Turn, second_of
from jobs.probes.contact_center import CHANNEL, GRACE, own_tasks, read_tasks

WAITS_LONG = timedelta(minutes=15)
"""Time after which it means something that no agent has accepted a task."""


class ContactQueue(Probe):
    """Probe for a queue of the channel that is active and serves somebody.

    It is the queue of the mailbox's newest task. Before there is one, every queue for the channel
    type may be the channel's, and only a problem that all of them have counts.
    """

    name = "contact_queue"
    article_row = "QU"
    reads = ("cjp:config_read",)
    diagnosis = Diagnosis(access=Access.NONE, station=Station.AGENT)

    async def inspect(self, ctx: StepContext) -> Finding:
        if not _has_organization(ctx):
            return self.skipped(Text("skipped.no_contact_center_org"))
        routings = await _routings(ctx)
        if routings is None:
            return self.skipped(Text("skipped.queue_unseen"))
        if not routings or _is_lost(await own_tasks(ctx)):
            return self.wrong(Text("seen.no_queue"), cause=Cause.QUEUE_GONE)
        tasks = await read_tasks(ctx)
        found = [self._judged(each, tasks) for each in routings]
        return next((each for each in found if each.state is State.OK), found[0])

    def _judged(self, routing: Routing, tasks: Tasks) -> Finding:
        queue = routing.queue
        name, served = {"name": queue.name}, queue.by_skill or queue.agents
        if queue.channel != CHANNEL:
            return self._broken("queue_channel", Cause.QUEUE_OF_OTHER_CHANNEL, name)
        if not queue.active:
            return self._broken("queue_off", Cause.QUEUE_INACTIVE, name)
        if not served and routing.teams is not None and not routing.teams:
            return self._broken("queue_no_team", Cause.QUEUE_WITHOUT_TEAMS, name)
        taken = sum(task.is_open and task.queue == queue.id for task in tasks.rows)
        if queue.most and taken >= queue.most:
            full = {"count": str(taken), "most": str(queue.most)}
            return self._broken("queue_full", Cause.CONTACT_LIMIT_REACHED, name | full)
        return self.ok(Text("seen.queue", name))

    def _broken(self, seen: str, cause: Cause, values: dict[str, str]) -> Finding:
        return self.wrong(Text(f"seen.{seen}", values), cause=cause)


class QueueAgents(Probe):
    """Probe for an agent of the queue who may get a task of the channel."""

    name = "queue_agents"
    article_row = "AG"
    reads = ("cjp:config_read",)
    diagnosis = Diagnosis(access=Access.NONE, station=Station.AGENT, caused_by=("contact_queue",))

    async def inspect(self, ctx: StepContext) -> Finding:
        if not _has_organization(ctx):
            return self.skipped(Text("skipped.no_contact_center_org"))
        found = [self._judged(each) for each in await _routings(ctx) or ()]
        by_state = {each.state: each for each in reversed(found)}
        unseen = self.skipped(Text("skipped.agents_unseen"))
        return by_state.get(State.OK) or by_state.get(State.SKIPPED) or (found or [unseen])[0]

    def _judged(self, routing: Routing) -> Finding:
        if routing.skilled is False:
            return self.wrong(Text("seen.no_skill"), cause=Cause.SKILL_MISSING)
        if routing.agents is None or not (routing.teams or routing.agents):
            return self.skipped(Text("skipped.agents_unseen"))
        enabled = [agent for agent in routing.agents if agent.enabled]
        count = {"count": str(len(enabled)), "all": str(len(routing.agents))}
        if not enabled:
            return self.wrong(Text("seen.nobody_enabled", count), cause=Cause.AGENTS_NOT_ENABLED)
        if all(agent.most == 0 for agent in enabled):
            return self.wrong(Text("seen.profile_zero", count), cause=Cause.PROFILE_WITHOUT_EMAIL)
        if not any(agent.most for agent in enabled):
            return self.skipped(Text("skipped.agents_unseen"))
        return self.ok(Text("seen.agents", count))


class WaitingTasks(Probe):
    """Probe for tasks that no agent accepts.

    If nobody is logged in, as at night, the tasks only wait. That is no fault of the channel.
    """

    name = "waiting_tasks"
    article_row = "WT"
    reads = ("cjp:config_read",)
    diagnosis = Diagnosis(access=Access.NONE, station=Station.AGENT, stops_mail=False)

    async def inspect(self, ctx: StepContext) -> Finding:
        if not _has_organization(ctx):
            return self.skipped(Text("skipped.no_contact_center_org"))
        waiting = [task for task in await own_tasks(ctx) if task.waits]
        if not waiting or now() - waiting[-1].created < WAITS_LONG:
            return self.ok(Text("seen.no_waiting"))
        return await self._waits(ctx, waiting)

    async def _waits(self, ctx: StepContext, waiting: Sequence[Task]) -> Finding:
        told = {"count": str(len(waiting)), "at": second_of(waiting[-1].created)}
        center = ContactCenter(ctx.settings, ctx.reads, CHANNEL)
        routings = await _routings(ctx) or ()
        logged_in = [await center.logged_in(each) for each in routings]
        if None in logged_in or not logged_in:
            return self.skipped(Text("skipped.logins_unseen", told))
        if not any(logged_in):
            return self.waits_for(
                Turn.TIME, Text("seen.nobody_logged_in", told), cause=Cause.NOBODY_LOGGED_IN
            )
        if len(routings) == 1 and now() - waiting[-1].created < routings[0].queue.threshold:
            return self.ok(Text("seen.waiting", told))
        offers = await center.offers(routings[0].queue) if len(routings) == 1 else None
        if offers is None:
            return self.wrong(Text("seen.waiting", told), cause=Cause.TASKS_WAIT)
        told |= {"accepted": str(offers[0]), "rejected": str(offers[1])}
        return self.wrong(Text("seen.waiting_offers", told), cause=Cause.TASKS_WAIT)


def _has_organization(ctx: StepContext) -> bool:
    return bool(ctx.settings.contact_center_url and ctx.settings.contact_center_org)


async def _routings(ctx: StepContext) -> tuple[Routing, ...] | None:
    mine = await own_tasks(ctx)
    queue = mine[0].queue if mine else ""
    center = ContactCenter(ctx.settings, ctx.reads, CHANNEL)
    found: tuple[Routing, ...] | None = await ctx.reads.read(
        f"routing {queue}", lambda: center.routings(queue)
    )
    return found


def _is_lost(mine: Sequence[Task]) -> bool:
    """Return whether the newest task waits without a queue, because the flow found none."""
    newest = next(iter(mine), None)
    return (
        newest is not None and newest.waits and not newest.queue and now() - newest.created > GRACE
    )
