"""Verbs of the buttons, by the people who may send them, and the fields with odd values in them."""

from __future__ import annotations

from typing import Any

TAKES_PART = {
    *("approve", "approve_tenant", "confirm_hosts", "least_privilege", "intake", "cancel"),
    *("ask_administrator", "ask_consent", "consent_again", "look_again"),
    *("token_saved", "registered", "begin_again"),
    *("adopt", "delegate", "new_secret", "sign_in_other"),
}
"""Verbs that only people who take part in the run may use."""
IN_ITS_SPACE = {
    *("test_sent", "agent_has_it", "go_on", "rehearse", "skip_rehearsal"),
    *("ask_agent", "ask_mailbox_user"),
    *("discovered", "discovered_without", "keep", "accept"),
}
"""Verbs that everybody in the run's own space may use, such as an agent or the mailbox user."""
OF_NO_RUN = {
    *(
        "setup",
        "typed",
        "run_command",
        "setup_again",
        "setup_change",
        "undo",
        "help",
        "status",
        "explain",
    ),
    *("check", "fix", "tac", "missing", "look_on", "send_mail", "language", "watch"),
    *("watch_off", "watch_list", "watch_on_it", "watch_not_on_it", "watch_fix"),
}
"""Verbs that everybody whom the bot serves may use.

The objects that the verbs show and start are bound to the space or to the person.
"""
ONLY_THE_RUN = {
    "new_secret",
    "sign_in_other",
    "cancel",
    "consent_again",
    "look_again",
    "token_saved",
    "registered",
}
"""Verbs that read only the run's ID from their inputs."""
OF_A_RUN = sorted(TAKES_PART | IN_ITS_SPACE)
LARGE = "x" * 100_000
HOSTILE = "\r\n\x00\x1b[31m**b**[a](http://evil.example)<at>all</at>\u202e${run}|`"
STRANGE: dict[str, Any] = {
    "large": LARGE,
    "hostile": HOSTILE,
    "number": 7,
    "nothing": None,
    "yes": True,
    "list": ["a", {"b": [1]}],
    "object": {"run": {"run": "run"}},
}
FIELDS = (
    *("run", "plan", "command", "argument", "mailbox", "mailbox_meant", "channel", "card", "app"),
    *("callback_url", "forwarding_address", "client_id", "lifetime", "keep_copy", "profile"),
    *("administrator", "delegate", "language", "skip_reason", "error_text"),
    *("resource_id", "transaction_id", "seen_text", "place", "why", "days", "cause"),
)
"""Fields of every card, and the data of its buttons."""
