"""Webex services that a check may ask: the status page, Webex Connect and the contact center."""
