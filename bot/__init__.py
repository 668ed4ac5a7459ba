"""The conversation in Webex: webhooks in, commands and card buttons, cards out.

RQ reads the first part of its keys from the environment while it is imported, so it is set before any other module is.
"""

from __future__ import annotations

import os

from jobs.storage import keys

os.environ[keys.RQ_VARIABLE] = keys.rq_prefix()
