"""Webex beside the messaging: the status page, Webex Connect's messaging API, the contact center's API."""

from __future__ import annotations

from practice.webex_services.web import Outside

__all__ = ["Outside"]
