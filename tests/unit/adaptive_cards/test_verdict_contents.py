"""Tests of the sections of a check's card: causes, symptoms, proofs, findings and commands."""

from __future__ import annotations

import json
from dataclasses import replace
from types import ModuleType

from adaptive_cards.elements import link
from adaptive_cards.escape import markdown
from adaptive_cards.texts import text
from adaptive_cards.views import Damage
from jobs.causes.cause import page_of
from jobs.model import Evidence, State, Text, Turn
from tests.unit.adaptive_cards.verdict_lines import TRACED
from tests.unit.adaptive_cards.verdict_rows import BLOCKED, COMMANDS, Cards, Nodes, below, words


def learn_more(cause: str) -> str:
    """Return the link to the page of a cause, as it is written in the card."""
    return str(link("link.learn_more", page_of(cause))["text"])


def test_one_cause_has_its_facts(examples: Cards, nodes: Nodes):
    """A check's card with a single cause names the wrong setting.

    Below it are the expected value, the seen value and the evidence.
    """
    found = next(
        node for node in nodes(examples["verdict-broken"].content) if node.get("type") == "FactSet"
    )
    assert [fact["title"] for fact in found["facts"]] == ["Expected", "Seen", "Evidence"]
    assert found["facts"][2]["value"] == (
        "Message trace 24 Nov 08:14:06 UTC: failed, 550 5.7.520 Access denied, Your "
        "organization does not allow external forwarding"
    )
    assert below(examples["verdict-broken"], "Root cause", nodes) == [
        f"\u2717 M4 Outbound spam policy for this sender {learn_more('forwarding_blocked')}"
    ]


def test_several_causes_are_all_named(examples: Cards, nodes: Nodes):
    """A check's card names each independent cause in a sentence of its own.

    The cause that stops mail first comes first.
    """
    assert below(examples["verdict-two-causes"], "Root causes", nodes) == [
        f"\u2717 M4 {BLOCKED.removesuffix('.')} {learn_more('forwarding_blocked')}",
        f"\u2717 E3 The client secret has expired {learn_more('client_secret_expired')}",
    ]


def test_symptoms_stand_below_their_cause(examples: Cards, nodes: Nodes):
    """Symptoms are listed under the cause that explains them and are never red."""
    card = examples["verdict-two-causes"]
    assert below(card, "Consequences of M4", nodes) == [
        "\u2192 T1 Copies reach Webex Connect Not delivered 24 Nov 10:38 UTC",
        "\u2192 V2 Tasks in the contact center No email task in the last two days",
    ]
    assert below(card, "Consequences of E3", nodes) == [
        "\u2192 C6 The bot's own login to the mailbox AUTH XOAUTH2: 535 5.7.3 Authentication unsuccessful"
    ]


def test_what_may_explain_it_says_what_would_prove_it(examples: Cards, nodes: Nodes):
    """A possible cause says what would prove it.

    If there is a proven cause, the possible ones come last, and otherwise first.
    """
    expires = "\u25b2 E3 Client secret 1, expires 6 Dec 2026"
    rule = (
        "? M3 Mail-flow rules Large mail. Possible. To prove it: A message trace "
        "that names the rule."
    )
    assert below(examples["verdict-broken"], "Also noticed, not the cause", nodes) == [
        expires,
        rule,
    ]
    assert below(examples["verdict-healthy"], "Also noticed", nodes) == [rule, expires]


def test_changes_in_webex_connect_are_suspects(examples: Cards, nodes: Nodes):
    """A check's card says who changed something in Webex Connect, when, and the possible effect.

    The card also says that a change proves nothing.
    """
    card = examples["verdict-changed"]
    assert below(card, "Changed in Webex Connect shortly before", nodes) == [
        (
            "? AL deleteApp 24 Nov 10:02 UTC by kim@contoso.com. Kim deleted Email app. It would "
            "explain: Webex Connect no longer has an email app with this forwarding address."
        ),
        "? AL updateApp (failed) 24 Nov 09:42 UTC by somebody that the log does not name.",
    ]
    assert (
        "These changes are possible causes, not proven ones: the log does not contain the values."
        in str(card.content)
    )
    assert "One possible cause is listed below." in card.text


def test_proofs_have_an_age(examples: Cards, nodes: Nodes):
    """Each proof on a check's card shows its age. Settings that were just read are only counted."""
    assert below(examples["verdict-healthy"], "Proven", nodes) == [
        "\u2713 V1 Copy delivered to Webex Connect 11 min ago",
        "\u2713 V3 The agent's answer was delivered 26 min ago",
        "\u2713 C6 235 2.7.0 Authentication successful 4 s ago",
        "\u2713 7 findings as expected now",
    ]


def test_skipped_is_grouped_by_reason(examples: Cards, nodes: Nodes):
    """Findings that were left out for the same reason share a row.

    An unknown finding is not counted as skipped.
    """
    assert below(examples["verdict-unproven"], "Not checked (does not count as passed)", nodes) == [
        (
            "\u2212 Conditional Access, Authenticated SMTP, Outbound spam policy for this sender, "
            "Organization customization and 1 more Needs an administrator's sign-in"
        ),
        "\u2212 Changes in Webex Connect No access to Webex Connect's audit log is configured",
        "? Microsoft Entra No response arrived in time.",
    ]


def test_what_is_left_out_is_said_at_the_end_only(examples: Cards, nodes: Nodes):
    """While a check is still running, its card lists nothing as not checked."""
    titles = {
        name: "Not checked (does not count as passed)" in words(examples[name].content, nodes)
        for name in ("verdict-early", "verdict-broken")
    }
    assert titles == {"verdict-early": False, "verdict-broken": True}


def test_findings_say_how_they_were_seen(examples: Cards, nodes: Nodes):
    """The list of all findings is grouped by the access that they needed.

    Skipped findings are listed apart, and each kind has a sum.
    """
    opened = next(
        node["card"]
        for node in nodes(examples["verdict-broken"].content)
        if node.get("title") == "Details: 14 findings"
    )
    titles = words(opened, nodes)
    assert titles == [
        "1 wrong, 2 explained, 1 warning, 1 possible, 7 ok, 2 skipped. Skipped does not count as passed.",
        "Evidence, as the services wrote it",
        f"M4  Message trace: {markdown(TRACED)}",
        "M4  Request ID: 0b1d9f64-2c7e-4f3a-8e15-6a90c2d7b318",
        *(
            "With an administrator's sign-in",
            "With the bot's own read access",
            "Without a sign-in",
            "Skipped",
        ),
        text("verdict.by_hand"),
        *COMMANDS,
    ]
    lists = [
        [fact["title"].replace("\u00a0", " ") for fact in node["facts"]]
        for node in nodes(opened)
        if "facts" in node
    ]
    assert lists == [
        ["? M3", "\u2717 M4", "\u2192 T1", "\u2713 M2", "\u2713 M3", "\u2713 M5"],
        ["\u25b2 E3", "\u2713 E1", "\u2713 M1"],
        ["\u2192 V2", "\u2713 DNS", "\u2713 TLS"],
        ["\u2212 API", "? MS"],
    ]


def test_thirty_findings_lose_nothing(examples: Cards, nodes: Nodes):
    """A card with thirty findings still shows each finding, and each remedy that has no button.

    Rows become lines of a list if room is short.
    """
    card = examples["verdict-thirty"]
    opened = next(
        node["card"] for node in nodes(card.content) if node.get("title") == "Details: 30 findings"
    )
    facts = [fact for node in nodes(card.content) for fact in node.get("facts", [])]
    assert sum(len(node["facts"]) for node in nodes(opened) if "facts" in node) == 30
    assert sum(fact["title"] == "Remedy" for fact in facts) == 1
    assert "\u2026" not in json.dumps(card.content, ensure_ascii=False)


def test_a_setting_is_proven_by_what_it_stopped(make_verdict: ModuleType, nodes: Nodes):
    """A cause without evidence shows the evidence of the symptom that it explains.

    Every list shows that symptom as explained.
    """
    mail = make_verdict.line(
        "M3", "Copies", State.WRONG, evidence=(Evidence("trace", "550 5.7.520 AS(7555)"),)
    )
    setting = make_verdict.line(
        "M4", "Policy", State.WRONG, remedy=Text("remedy.forwarding_blocked")
    )
    card = make_verdict.checked(
        0,
        ("forwarding_blocked", setting),
        symptoms=(replace(mail, explained_by="M4"),),
        lines=(setting, mail),
    )
    facts = [
        (fact["title"], fact["value"])
        for node in nodes(card.content)
        for fact in node.get("facts", [])
    ]
    assert facts == [
        ("Evidence", "Message trace: 550 5.7.520 AS(7555)"),
        ("Remedy", text("remedy.forwarding_blocked")),
        ("\u2192\u00a0M3", "Copies, a consequence of M4"),
        ("\u2717\u00a0M4", "Policy"),
    ]


def test_a_transcript_is_never_shown_whole(make_verdict: ModuleType, nodes: Nodes):
    """A check's card shows only the end of an SMTP transcript, and nothing twice.

    An unknown error code is shown whole, with its id.
    """
    said = tuple(Evidence("transcript", f"250 line {number}") for number in range(9))
    login = make_verdict.line(
        "C6",
        "Login",
        State.WRONG,
        seen="AUTH: 535 5.7.3 no",
        evidence=(Evidence("smtp", "535 5.7.3 no"), *said),
    )
    coded = (
        Evidence("entra", "400 AADSTS999999: What nobody knows yet."),
        Evidence("correlation-id", "4451a062-91fd"),
    )
    unknown = make_verdict.line("E3", "Client secret", State.WRONG, evidence=coded)
    card = make_verdict.checked(0, ("smtp_refused", login), ("unexpected", unknown))
    shown = [
        fact["value"]
        for node in nodes(card.content)
        for fact in node.get("facts", [])
        if fact["title"] == "Evidence"
    ]
    assert shown == [
        "SMTP: 250 line 7; SMTP: 250 line 8",
        "Entra: 400 AADSTS999999: What nobody knows yet; Correlation ID: 4451a062-91fd",
    ]


def test_commands_of_the_cause_come_first(make_verdict: ModuleType, nodes: Nodes):
    """Commands are shown whole, each once, with the id of their finding.

    The commands of the cause come first. If the card has room for another button, Commands is a
    button of its own.
    """
    blocked = ("forwarding_blocked", make_verdict.POLICY)
    card = make_verdict.checked(
        0, blocked, fix=make_verdict.FIX, lines=(make_verdict.POLICY, *make_verdict.RIGHT)
    )
    opened = next(node["card"] for node in nodes(card.content) if node.get("title") == "Commands")
    assert words(opened, nodes)[1:] == COMMANDS


def test_the_next_date_stands_last(examples: Cards, nodes: Nodes):
    """The next date comes last on the card of a healthy channel.

    No action is due now, and the date says when one will be.
    """
    assert below(examples["verdict-healthy"], "Next date", nodes) == [
        "\u25c7 E3 The client secret expires 24 Nov 2027 in 12 months"
    ]


def test_the_damage_is_told_once(make_verdict: ModuleType):
    """The band of a check says how many mails are missing and since when.

    If the mailbox keeps them, the band says that nothing is lost. If the damage began at another
    time than the cause, both times are given.
    """
    since = make_verdict.ago(hours=2, minutes=28)
    blocked = ("forwarding_blocked", make_verdict.POLICY)
    told = [
        make_verdict.checked(
            0, blocked, fix=make_verdict.FIX, turn=Turn.APPROVER, since=since, damage=damage
        ).text.partition(" Approver")[0]
        for damage in (
            Damage(14, since, kept=True),
            Damage(1, since),
            Damage(2, make_verdict.ago(days=4)),
        )
    ]
    assert told == [
        f"{BLOCKED} 14 mails did not reach an agent since 08:14 UTC. Nothing is lost: everything is still in the mailbox.",
        f"{BLOCKED} 1 mail did not reach an agent since 08:14 UTC.",
        f"{BLOCKED} Since 08:14 UTC today. 2 mails did not reach an agent since 20 Nov 10:42 UTC.",
    ]


def test_channels_are_listed_worst_first(examples: Cards, nodes: Nodes):
    """Channels are listed worst first: broken, possible, warned, never checked, right.

    Of five hundred channels, the sixteen worst are shown. Three of them have a button each, and the
    other shown ones are in one list.
    """
    rows = [
        " ".join(words(part, nodes))
        for part in examples["channels"].content["body"][2:]
        if part["type"] == "ColumnSet"
    ]
    assert rows == [
        "\u2717 support@contoso.com The outbound spam policy does not let this mailbox forward mail outside the organization. 9 s ago",
        "? claims@contoso.com A mail-flow rule may stop email of this channel. 5 h ago",
        "\u25b2 billing@contoso.com The client secret expires within 30 days. 3 days ago",
        "\u25cb info@contoso.com Never checked",
        "\u2713 sales@contoso.com Mail flows both ways 11 min ago",
    ]
    *listed, pick, press, last = examples["channels-many"].content["body"][2:]
    kinds = [part["type"] for part in listed]
    assert (kinds.count("ColumnSet"), kinds.count("ActionSet"), words(last, nodes)) == (
        16,
        3,
        ["485 more channels are not listed. None is worse than these. All: 1 broken, 500 right."],
    )
    assert [each["value"] for each in pick["choices"]] == [
        words(part, nodes)[1] for part in listed if part["type"] == "ColumnSet"
    ][3:]
    assert press["actions"][0]["associatedInputs"] == "auto"


def test_a_tenant_may_let_the_bot_read(examples: Cards, nodes: Nodes):
    """A check's card offers a sign-in and a link that allows automatic checks.

    Above them, the result of an earlier attempt is shown whole.
    """
    card = examples["verdict-grantable"]
    links = {
        node["title"]: node["url"]
        for node in nodes(card.content)
        if node.get("type") == "Action.OpenUrl"
    }
    assert links == {
        "Sign in to see more": "https://bot.contoso.com/signin/9M2C",
        "Allow automatic checks": "https://bot.contoso.com/access/9M2C",
    }
    told = " ".join(words(card.content, nodes))
    assert "The bot lacks permissions that it needs to read without a sign-in." in told
    assert "ExchangeMessageTrace.Read.All, Policy.Read.All, Exchange.ManageAsApp" in told
    assert "a Global Administrator or a Privileged Role Administrator presses Allow" in told
