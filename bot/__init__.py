"""Conversation in Webex: incoming webhooks, commands and card buttons, and outgoing cards.

RQ reads the prefix of its keys from the environment while it is imported. So this package sets the
prefix before it imports any other module.
"""

from __future__ import annotations

import os

from jobs.storage import keys

os.environ[keys.RQ_VARIABLE] = keys.rq_prefix()
