"""What would have to be asked of Webex Connect and the contact center, for which this bot has no key: said, never passed over."""

from __future__ import annotations

from jobs.model import Access, Finding, Station, Words
from jobs.probe import Probe
from jobs.step import Context


class ConnectSend(Probe):
    """A mail sent through Webex Connect and its code (7501, 7553, 7554) takes a service key."""

    name = "connect_send"
    row = "API"
    access = Access.NONE
    station = Station.CONNECT

    async def inspect(self, ctx: Context) -> Finding:
        """Not looked at."""
        return self.skipped(Words("skipped.no_service_key"))


class AgentTasks(Probe):
    """Email tasks and the entry point take access to Webex Contact Center."""

    name = "agent_tasks"
    row = "CC"
    access = Access.NONE
    station = Station.AGENT

    async def inspect(self, ctx: Context) -> Finding:
        """Not looked at."""
        return self.skipped(Words("skipped.no_contact_center"))
