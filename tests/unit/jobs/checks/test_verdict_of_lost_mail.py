"""The verdict on mail that is lost on its way, also if its failure has no code."""

import pytest

from jobs.checks.verdict import judge, mail_flows
from jobs.clock import parse
from jobs.model import Finding, Reason, Signals, State, Station, Text
from tests.unit.jobs.checks.verdict_graphs import fact, graph, wrong

LOST = "mail_not_delivered"
ON_THE_WAY = graph(
    fact("rules", Station.FORWARD, explains=("rule_blocks", LOST)),
    fact("policy", Station.FORWARD, explains=("blocked", LOST)),
    fact("account", Station.MAILBOX, explains=("disabled",)),
    fact("copies", Station.FORWARD, caused_by=("rules", "policy", "account")),
)
RULE = Finding("rules", State.POSSIBLE, cause="rule_may_block", signals=Signals(proven=True))
POLICY = Finding("policy", State.POSSIBLE, cause="blocked")
BLOCKED_ACCOUNT = Finding("account", State.POSSIBLE, cause="disabled")
UNREAD = Finding("policy", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
NO_ROLE = Finding("policy", State.UNKNOWN, cause="exchange_role_missing")
NONE_OF_OURS = Finding("policy", State.SKIPPED, seen=Text("skipped.restricted_sender"))


@pytest.mark.parametrize(
    ("beside", "causes", "code", "symptoms"),
    [
        ((RULE,), ("rules",), "rule_may_block", {"copies": "rules"}),
        ((POLICY, BLOCKED_ACCOUNT), ("policy",), "blocked", {"copies": "policy"}),
        ((RULE, NONE_OF_OURS), ("rules",), "rule_may_block", {"copies": "rules"}),
        ((RULE, POLICY), ("copies",), LOST, {}),
        ((BLOCKED_ACCOUNT,), ("copies",), LOST, {}),
        ((RULE, wrong("policy", "blocked")), ("policy",), "blocked", {"copies": "policy"}),
        ((UNREAD,), ("copies",), "what_stops_mail_not_read", {}),
        ((NO_ROLE, RULE), ("copies",), "what_stops_mail_not_read", {}),
        ((Finding("account", State.UNKNOWN),), ("copies",), LOST, {}),
        ((), ("copies",), LOST, {}),
    ],
)
def test_a_failure_without_a_code(beside, causes, code, symptoms):
    """The only possible cause explains a failure without a code, if the bot could read it.

    Otherwise the verdict says that it could not be read. A verdict always has a first line.
    """
    found = {each.step: each for each in (*beside, wrong("copies", LOST))}
    looked_at = found | {name: Finding(name, State.OK) for name in ON_THE_WAY if name not in found}
    verdict = judge(ON_THE_WAY, looked_at)
    assert (verdict.causes, verdict.symptoms) == (causes, symptoms)
    assert verdict.weighed[causes[0]].cause == code


def test_what_alone_may_explain_a_failure_is_not_known_before_all_was_seen():
    """The only possible explanation of a failure is no cause until everything was looked at.

    Another finding may explain the failure as well, or with certainty.
    """
    found = {"copies": wrong("copies", LOST), "rules": RULE}
    assert judge(ON_THE_WAY, found, done=False).causes == ()


def test_a_failure_with_a_code_is_not_put_down_to_what_is_possible():
    """A possible cause that does not explain a failure's code is not taken as its cause."""
    found = {"copies": wrong("copies", "connect_address_gone"), "rules": RULE, "policy": UNREAD}
    verdict = judge(ON_THE_WAY, found)
    assert (verdict.causes, verdict.possible) == (("copies",), ("rules",))
    assert verdict.weighed["copies"].cause == "connect_address_gone"


def test_what_is_set_right_by_now_is_told_so():
    """A failure of a setting that is right by now is called older or not yet effective.

    A setting that is still wrong is the cause.
    """
    steps = graph(
        fact("policy", Station.FORWARD, explains=("blocked",), settling={"blocked": "settling"}),
        fact("copies", Station.FORWARD, caused_by=("policy",)),
    )
    failed = wrong("copies", "blocked")
    for policy, cause in ((State.OK, "settling"), (State.UNKNOWN, "blocked")):
        found = judge(steps, {"policy": Finding("policy", policy), "copies": failed})
        assert found.weighed["copies"].cause == cause
    found = judge(steps, {"policy": wrong("policy", "blocked"), "copies": failed})
    assert found.causes == ("policy",)


def test_newer_mail_that_has_not_gone_on_is_no_proof():
    """Mail is not proven to flow if a newer mail has not gone on, or has not even arrived."""
    well = {name: Finding(name, State.OK) for name in ("arrivals", "copies", "answers")}
    assert mail_flows(well)
    signals = Signals(unproven=parse("2026-01-01T10:00:00+00:00"))
    for name in well:
        late = Finding(name, State.WARNING, signals=signals)
        assert not mail_flows(well | {name: late})
