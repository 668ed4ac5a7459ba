"""Verbs of the buttons, by the people who may send them."""

from __future__ import annotations

TAKES_PART = {
    *("approve", "approve_tenant", "confirm_hosts", "least_privilege", "intake", "cancel"),
    *("ask_administrator", "ask_consent", "consent_again", "look_again"),
    *("token_saved", "registered"),
    *("adopt", "delegate", "new_secret", "sign_in_other"),
}
"""Verbs that only people who take part in the run may use."""
IN_ITS_SPACE = {
    *("test_sent", "agent_has_it", "rehearse", "skip_rehearsal"),
    *("ask_agent", "ask_mailbox_user"),
    *("discovered", "discovered_without", "keep"),
}
"""Verbs that everybody in the run's own space may use, such as an agent or the mailbox user."""
OF_NO_RUN = {
    "setup",
    "typed",
    "run_command",
    "setup_again",
    "setup_change",
    "help",
    "status",
    "explain",
    "check",
    "fix",
    "tac",
    "missing",
    "connect_test",
    "language",
    "history",
    "watch",
    "watch_off",
    "watch_list",
    "watch_on_it",
    "watch_not_on_it",
    "watch_fix",
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
