"""Faults of the practice cloud: each is there, reversible, and in the logs that a check reads."""

import re
import tomllib
from pathlib import Path

import pytest

from practice.faults import FAULTS, HEALTHY, Level, hand_made
from practice.faults.pairs import compatible, pairs
from tests.fixtures.parsed import table

ROOT = Path(__file__).parents[4]
FACTS = re.compile(r"(microsoft|connect)\.md \d|learn\.microsoft\.com/|status\.webex\.com/")
STATIONS = {"", "sender", "mailbox", "forward", "connect", "agent", "answer"}


def _id(fault) -> str:
    return fault.name


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=_id)
def test_mail_stops_where_the_fault_says(channel, fault):
    """A mail ends at the station that the fault names.

    Without a fault it goes the whole way, as the healthy variations show, the first of them with
    nothing changed.
    """
    assert channel.post(f"fault/{fault.name}").json()["name"] == fault.name
    assert channel.stops("After") == fault.stops


@pytest.mark.parametrize("variation", HEALTHY, ids=_id)
def test_a_variation_that_is_right_stops_nothing(channel, variation):
    """After a healthy variation of the setup, mail still goes both ways."""
    channel.post(f"fault/{variation.name}")
    assert channel.stops("After") == ""


@pytest.mark.parametrize(
    "pair", pairs(FAULTS, 12, 7), ids=lambda pair: f"{pair[0].name}+{pair[1].name}"
)
def test_two_faults_stop_mail_where_the_first_of_them_does(channel, pair):
    """With two faults at once, mail stops at the station of the fault that is first on its way."""
    for fault in pair:
        assert channel.post(f"fault/{fault.name}").status_code == 200
    order = ["mailbox", "forward", "connect", "agent", "answer", ""]
    assert channel.stops("After") == min((fault.stops for fault in pair), key=order.index)


def test_every_fault_has_a_source_a_cause_and_a_name_of_its_own():
    """Every fault has a unique name, a source, a station, and causes with a text and a remedy."""
    texts = [
        tomllib.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "adaptive_cards/texts/en").glob("*.toml")
    ]
    told = {
        kind: {key for each in texts for key in each.get(kind, {})} for kind in ("cause", "remedy")
    }
    for fault in FAULTS:
        assert FACTS.match(fault.source), fault.name
        assert fault.stops in STATIONS, fault.name
        assert bool(fault.expects) is (fault.level is not Level.NOTHING), fault.name
        assert set(fault.expects) <= told["cause"] & told["remedy"], fault.name
    names = [fault.name for fault in (*FAULTS, *HEALTHY)]
    assert len(names) == len(set(names))


def test_the_list_covers_what_the_issue_asks_for():
    """There are at least 50 faults and 20 healthy variations.

    Together the faults cover every row of Microsoft's cause table except the row of app-only
    access.
    """
    sources = " ".join(fault.source for fault in FAULTS)
    rows = {int(row) for row in re.findall(r"microsoft\.md 8 row (\d+)", sources)}
    assert (len(FAULTS) >= 50, len(HEALTHY) >= 20) == (True, True)
    assert rows == set(range(1, 15)) - {11}


def test_pairs_are_the_same_for_a_seed_and_compatible():
    """A seed gives the same hundred pairs of faults each time, and no fault hides its partner."""
    chosen = pairs(FAULTS, 100, 1)
    assert chosen == pairs(FAULTS, 100, 1) != pairs(FAULTS, 100, 2)
    assert len(chosen) == 100
    assert all(compatible(*pair) for pair in chosen)


def test_webex_connect_keeps_its_secret_its_service_and_its_own_mails(channel):
    """The form never shows the secret, the service stays, and a mail to its sender starts no task.

    Webex Connect's log has only a line that such a mail was dropped.
    """
    assert channel.post("connect/register", service="another").status_code == 409
    own = {"from": "support@contoso.com", "to": "support@contoso.com"}
    channel.post("mail/customer", **own, subject="x", body="x")
    assert channel.tasks() == []
    assert "dropped" in {
        each["code"] for each in channel.http.get("/practice/connect/log").json()["items"]
    }
    form = channel.post("connect/app", port="587")
    assert (form.status_code, hand_made.SECRET in form.text) == (200, False)


@pytest.mark.parametrize(
    ("fault", "activity", "thing"),
    [
        ("grant_removed", "Remove delegated permission grant", "principal"),
        ("app_deleted", "Delete application", "app"),
        ("principal_disabled", "Update service principal", "principal"),
    ],
)
def test_a_fault_of_entra_is_in_the_log(channel, fault, activity, thing):
    """The log names the colleague, the activity and the object."""
    changed = getattr(channel.ground, thing)["id"]
    channel.post(f"fault/{fault}")
    newest = channel.ground.tenant.audits[-1]
    assert newest["activityDisplayName"] == activity
    assert newest["initiatedBy"]["user"]["userPrincipalName"] == "global@contoso.com"
    assert changed in {each["id"] for each in newest["targetResources"]}


ERRORS = table("sign_in_errors")


def _newest(channel) -> tuple[int, bool, str]:
    """Return the newest sign-in's error code, whether it was interactive, and its user."""
    row = channel.ground.tenant.sign_ins[-1]
    assert row["appId"] == channel.ground.app["appId"]
    assert (row["status"]["failureReason"] != "Other.") is bool(row["status"]["errorCode"])
    return row["status"]["errorCode"], row["isInteractive"], row["userPrincipalName"]


@pytest.mark.parametrize(("fault", "code"), ERRORS["generate_token"])
def test_a_failed_generate_token_is_in_the_log(channel, fault, code):
    """A failed Generate Token is in the sign-in log as an interactive sign-in to the email app.

    The log has it under the name of the mailbox's user.
    """
    channel.post(f"fault/{fault}")
    assert _newest(channel) == (code, True, "support@contoso.com")


@pytest.mark.parametrize(("fault", "code"), ERRORS["refresh"])
def test_a_failed_refresh_is_in_the_log(channel, fault, code):
    """A failed refresh is in the sign-in log, and is marked as not interactive.

    The interactive list of v1.0 does not show such a row.
    """
    channel.stops("Before")
    channel.post(f"fault/{fault}")
    assert channel.stops("After") == "answer"
    assert _newest(channel) == (code, False, "support@contoso.com")


def test_the_log_names_the_policy_that_refused(channel):
    """The sign-in log names the refusing policy together with those that did not refuse."""
    channel.post("fault/healthy_conditional_access")
    channel.post("fault/ca_blocks")
    assert channel.stops("After") == "answer"
    row = channel.ground.tenant.sign_ins[-1]
    failed = [
        each["displayName"]
        for each in row["appliedConditionalAccessPolicies"]
        if each["result"] == "failure"
    ]
    assert row["conditionalAccessStatus"] == "failure"
    assert failed == ["Block legacy"]
    assert len(row["appliedConditionalAccessPolicies"]) == 6


def test_a_person_meets_the_demand_that_a_refresh_cannot(channel):
    """Generate Token succeeds under a policy that asks for a second factor or for a new sign-in.

    A person can meet that demand, and a refresh cannot.
    """
    for fault in ("ca_asks_mfa", "ca_asks_often"):
        channel.post("restore")
        channel.post(f"fault/{fault}")
        assert (
            channel.post("connect/generate_token", **{"as": "support@contoso.com"}).status_code
            == 200
        )
        assert _newest(channel) == (0, True, "support@contoso.com")
