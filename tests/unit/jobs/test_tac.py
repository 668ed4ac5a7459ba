"""Tests of the file for Cisco TAC: its contents, its notes on gaps, and its lack of secrets."""

import base64
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from jobs.model import (
    Channel,
    ConnectChange,
    Evidence,
    Finding,
    Person,
    Reason,
    RunKind,
    Signals,
    State,
    Text,
    verbatim,
)
from jobs.redact import Redactor
from jobs.runs.fold import fold
from jobs.runs.run import Brief, Event, Kind
from jobs.tac import RunHistory, Screenshot, TacCase, bundle
from tests.fixtures.run_events import answered

AT = datetime(2026, 11, 25, 14, 5, 9, tzinfo=UTC)
ORG = "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8wYjBjNmE5ZS02YjFmLTRjNTItOWQ2Zi0zYzFmN2MwYTRlMTE"
RITA = Person("rita", "requester@contoso.com", ORG)
URL, ADDRESS = "https://contoso.us.webexconnect.io/callback", "4475e4a8@mail-us.imiconnect.io"
CHANNEL = Channel("support@contoso.com", URL, ADDRESS)
REPLY = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled."
KINDS = ("smtp", "transcript", "transcript", "correlation-id")
SHOWN = (REPLY, "S: 220 ready", f"S: {REPLY}", "0d1f2c3b-1111-4222-8333-abcdefabcdef")
LOGIN = Finding(
    "smtp_login",
    State.WRONG,
    seen=verbatim(REPLY),
    expected=Text("expected.smtp_login"),
    cause="smtp_auth_off_for_mailbox",
    evidence=tuple(map(Evidence, KINDS, SHOWN)),
)
FILES = ("summary.md", "findings.md", "smtp-transcript.txt", "findings.json", "history.json")
BARE = TacCase(CHANNEL, RITA, AT)
KEYS = {
    "tac.file.none": "not given",
    "step.smtp_login": "The bot's own login",
    "cause.smtp_auth_off_for_mailbox": "SMTP AUTH is off.",
}


def say(words: Text) -> str:
    """Return the text from a small catalog, or else the key with its values.

    Keys that begin with ``remedy.`` are unknown and give an empty string.
    """
    if words.key == "verbatim":
        return words.values["text"]
    if words.key.startswith("remedy."):
        return ""
    return KEYS.get(words.key, " ".join([words.key, *words.values.values()]))


def past(kind: str, *events: Event) -> RunHistory:
    about = {"run_kind": RunKind(kind), "channel": CHANNEL, "person": RITA}
    opened = Event(Kind.OPENED, AT - timedelta(hours=1), by=RITA.email, **about)
    return RunHistory(fold(kind.upper(), (opened, *events)), (opened, *events))


def found(finding: Finding) -> Event:
    return Event(Kind.FOUND, AT - timedelta(minutes=5), step=finding.step, finding=finding)


CLIENT = "5d1e8a90-7c44-4f0b-a2b6-91c3f0d47e28"
TENANT = "8f2c6a41-3b7d-4e19-9c55-d1a0e7b4f263"
IDS = Finding("ids", State.OK, facts={"client_id": CLIENT, "tenant_id": TENANT})
TRANSACTION, SAID = "2c8ad0a4-88aa-4a43-b31b-b46d6dcbbf4b", "7553 since 14:05 UTC\nsecond line"
FULL = replace(
    BARE,
    resource_id="a_638211456712345678",
    transaction_id=TRANSACTION,
    seen=SAID,
    setup=past("setup", found(IDS), Event(Kind.FINISHED, AT - timedelta(minutes=30))),
    check=past("check", found(LOGIN), Event(Kind.CHECKED, AT - timedelta(minutes=4))),
    picture=Screenshot("png", b"\x89PNG\r\n\x1a\n..."),
)


def opened(made) -> dict[str, bytes]:
    """Return the files in the archive, which must be intact."""
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def texts(matter: TacCase, *known: str) -> dict[str, str]:
    files = opened(bundle(matter, say, Redactor(known)))
    files.pop("screenshot.png", None)
    return {name: content.decode() for name, content in files.items()}


def test_names():
    """The archive is named after the mailbox and the minute in UTC, and lists its files."""
    made = bundle(FULL, say, Redactor())
    assert made.name == "tac-support-contoso-com-20261125-1405Z.zip"
    assert made.files == tuple(opened(made)) == (*FILES, "screenshot.png")
    assert opened(made)["screenshot.png"] == b"\x89PNG\r\n\x1a\n..."


def test_the_summary_answers_what_tac_asks():
    """The summary has mailbox, ids, Control Hub's UUID, addresses, times and the user's words."""
    summary = texts(FULL)["summary.md"]
    wanted = ["support@contoso.com", "requester@contoso.com", URL, ADDRESS]
    wanted += ["a_638211456712345678", "0b0c6a9e-6b1f-4c52-9d6f-3c1f7c0a4e11"]
    wanted += [TRANSACTION, TENANT, CLIENT, "> 7553 since 14:05 UTC\n> second line"]
    wanted += [f"2026-11-25 {at} UTC" for at in ("14:05:09", "14:01:09", "13:35:09")]
    wanted += ["SMTP AUTH is off. (smtp_auth_off_for_mailbox)"]
    assert [each for each in wanted if each not in summary] == []


def test_the_summary_has_what_a_fix_has_renewed():
    """A fix may have made another app and token, which the newest check knows, and not the setup."""
    brief = Brief(client_id="5d1e8a90-new", token_at=AT - timedelta(days=1))
    check = replace(FULL.check, run=msgspec.structs.replace(FULL.check.run, brief=brief))
    setup = past("setup", found(IDS), answered("token_saved"))
    summary = texts(replace(FULL, setup=setup, check=check))["summary.md"]
    assert ("5d1e8a90-new" in summary, CLIENT in summary) == (True, False)
    assert f"token_saved: {brief.token_at:%Y-%m-%d}" in summary


def test_the_summary_names_a_cause_as_the_card_does():
    """A cause that is named otherwise until the settings are read has that name here, too."""
    unread = Finding("mailbox_user", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
    seen = map(found, (unread, replace(LOGIN, cause="smtp_token_refused")))
    check = past("check", *seen, Event(Kind.CHECKED, AT))
    assert "(smtp_login_unexplained)" in texts(replace(BARE, check=check))["summary.md"]


def test_the_summary_tells_what_was_changed_in_webex_connect():
    """The summary lists every change in Webex Connect that the newest check read.

    Without any change, the summary says how to look it up.
    """
    changes = (
        ConnectChange(at=AT, by="kim@contoso.com", event="deleteApp", told="Kim deleted\nEmail"),
        ConnectChange(at=AT, by="kim@contoso.com", event="updateApp", failed=True),
    )
    read = Finding("connect_changes", State.OK, signals=Signals(changes=changes))
    files = texts(replace(BARE, check=past("check", found(read))))
    part = files["summary.md"].partition("## tac.file.changed")[2].partition("##")[0]
    assert part.strip().splitlines() == [
        "- tac.file.changed_line 2026-11-25 14:05:09 UTC deleteApp kim@contoso.com Kim deleted Email",
        "- tac.file.changed_failed_line 2026-11-25 14:05:09 UTC updateApp kim@contoso.com",
    ]
    assert "changes: 2026-11-25T14:05:09+00:00 deleteApp kim@contoso.com" in files["findings.md"]
    assert json.loads(files["findings.json"])["check"]["findings"][0]["signals"]["changes"]
    assert "tac.file.no_changes" in texts(BARE)["summary.md"]


def test_findings_for_a_person():
    """The page of findings shows the row, state, result, cause and ids of each finding.

    Unknown values are left out.
    """
    page = texts(FULL)["findings.md"]
    part = page[page.index("## C6") : page.index("# tac.file.of_setup")]
    assert part.strip().splitlines() == [
        "## C6 The bot's own login (wrong)",
        "",
        f"- tac.file.seen: {REPLY}",
        "- tac.file.expected: expected.smtp_login",
        "- tac.file.cause: smtp_auth_off_for_mailbox. SMTP AUTH is off.",
        "- tac.file.found_at: 2026-11-25 14:00:09 UTC",
        f"- smtp: `{REPLY}`",
        "- correlation-id: `0d1f2c3b-1111-4222-8333-abcdefabcdef`",
    ]


def test_the_worst_finding_comes_first():
    """Wrong findings come before correct findings, and skipped findings come last.

    A step that this version does not know is shown by its name.
    """
    others = [Finding("entra", State.SKIPPED), Finding("gone_step", State.OK), LOGIN]
    page = texts(replace(BARE, check=past("check", *map(found, others))))["findings.md"]
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert [each.split()[-1] for each in headings] == ["(wrong)", "(ok)", "(skipped)"]
    assert "## - step.gone_step (ok)" in headings


def test_findings_for_a_machine():
    """The JSON file of findings holds both runs, with the keys and their words."""
    data = json.loads(texts(FULL)["findings.json"])
    keys = {"step": "smtp_login", "row": "C6", "state": "wrong", "cause": LOGIN.cause}
    words = {"title": "The bot's own login", "seen_text": REPLY}
    named = keys | words | {"found_at": "2026-11-25 14:00:09 UTC"}
    assert data["check"]["findings"][0].items() >= named.items()
    assert [each["step"] for each in data["setup"]["findings"]] == ["ids"]


def test_history_and_transcript():
    """The history holds the events of both runs in order. The transcript is the SMTP dialogue."""
    files = texts(FULL)
    for name, end in (("check", "checked"), ("setup", "finished")):
        events = json.loads(files["history.json"])[name]["events"]
        assert [event["kind"] for event in events] == ["opened", "found", end]
    dialogue = f"check CHECK, smtp_login, 2026-11-25 14:00:09 UTC\nS: 220 ready\nS: {REPLY}\n"
    assert files["smtp-transcript.txt"] == dialogue


def test_nothing_was_checked_yet():
    """Without a check, a setup and the requester's words, the file is made and names the gaps."""
    files = texts(BARE)
    assert tuple(files) == FILES
    for name in ("summary.md", "findings.md"):
        assert "tac.file.no_check" in files[name]
    assert files["smtp-transcript.txt"] == "tac.file.no_transcript\n"
    for name in ("findings.json", "history.json"):
        assert json.loads(files[name]) == {"check": None, "setup": None}


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def drawn(least: int, most: int, more: str = "") -> st.SearchStrategy[str]:
    """Return words of letters and digits, and of more characters."""
    return st.text(ALPHABET + more, min_size=least, max_size=most)


SECRETS = st.one_of(
    st.tuples(drawn(3, 3), drawn(34, 34, "_~.-")).map("8Q~".join),
    drawn(60, 120, "_-").map("0.AXkA1b{}".format),
    drawn(20, 40).map("eyJhbGciOiJub25lIn0.eyJ{0}.x{0}".format),
    drawn(30, 60).map(lambda token: base64_of(f"user=a@b.c\x01auth=Bearer {token}\x01\x01")),
)
WRAPPINGS = (
    str,
    base64_of,
    lambda text: quote(text, safe=""),
    lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "client_secret={}".format,
    "Authorization: Bearer {}".format,
)


@pytest.mark.slow
@given(secret=SECRETS, wrap=st.sampled_from(WRAPPINGS))
@settings(max_examples=40, deadline=None)
def test_no_secret_in_any_field(secret, wrap):
    """A secret in any field, plain, in Base64 or percent-encoded, is in no file of the archive."""
    files = texts(everywhere(wrap(secret)))  # type: ignore[operator]  # one of the functions above
    forms = {plain(secret) for plain in WRAPPINGS[:4]}  # type: ignore[operator]
    assert [(name, form) for name, text in files.items() for form in forms if form in text] == []
    assert {name for name, text in files.items() if "[removed]" in text} == set(files)


def test_no_known_secret_in_any_field():
    """A secret that the bot holds is removed, even if it does not look like a secret."""
    files = texts(everywhere("tulips and roses"), "tulips and roses")
    assert [name for name, text in files.items() if "tulips" in text] == []


def everywhere(bad: str) -> TacCase:
    """Return a case with the same text in every place that a person or a cloud fills."""
    evidence = (Evidence("smtp", bad), Evidence("transcript", f"C: {bad}"))
    words = {"seen": verbatim(bad), "expected": Text("expected.x", {"value": bad})}
    finding = replace(LOGIN, **words, evidence=evidence, facts={"note": bad})
    answer = Event(Kind.ANSWERED, AT, data={"question": "error", "value": bad})
    events = (found(finding), answer, Event(Kind.CHECKED, AT))
    url = f"https://contoso.us.webexconnect.io/{bad}/callback"
    channel = replace(CHANNEL, callback_url=url, tenant_id=bad)
    report = bad, bad, f"seen: {bad}\nand {bad}."
    pasts = {name: past(name, *events) for name in ("setup", "check")}
    return TacCase(channel, RITA, AT, *report, **pasts)
