"""Webex services other than messaging.

These services are the status page, Webex Connect's audit log and the contact center's API.
"""

from practice.webex_services.web import Outside

__all__ = ["Outside"]
