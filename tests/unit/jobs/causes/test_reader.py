"""Reader of error texts: its words, the speaker, the place, the form of a text, and its work."""

import base64
import html
import json
import quopri
import subprocess
import sys
import textwrap
import time
from io import BytesIO, TextIOWrapper
from itertools import cycle

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bench.error_reports import RIGHT_FEWEST, figures, judged, reports, share_right
from bot.__main__ import main
from bot.chat.explanation import as_json, as_lines, explanation, headline
from jobs.causes.cause import CAUSES, Certainty, FoundCause
from jobs.causes.cleaning import LONGEST, clean
from jobs.causes.files import text_of
from jobs.causes.patterns import patterns, words_of
from jobs.causes.reader import Place, Reading, read
from jobs.clock import now
from jobs.mail.message_trace import cause_at
from jobs.model import Station, Turn
from tests.fixtures.parsed import table

REPORTS = table("error_texts")

OPEN_573 = ["wrong_mailbox_user", "scope_wrong", "exchange_incident"]


def certain(text: str) -> list[tuple[str, str]]:
    return [(each.cause, each.code) for each in read(text).certain]


def possible(text: str) -> list[str]:
    """Return the causes that the text leaves open."""
    return [each.cause for each in read(text).causes if not each.certain]


def test_a_permanent_refusal_never_passes():
    """A 5xx reply is not a temporary fault, even if it says "try again later"."""
    text = "smtp.office365.com: 554 5.7.1 Service unavailable, try again later"
    assert "transient" not in {each.kind for each in read(text, Place.EXCHANGE).causes}


def test_a_refused_token_leaves_open_whose_and_which_it_is():
    """A bare 535 5.7.3 names the frequent causes in their order (platforms/microsoft.md 4.1)."""
    text = "AUTH XOAUTH2 dXNlcj0=\n535 5.7.3 Authentication unsuccessful [X.PROD.OUTLOOK.COM]"
    assert certain(text) == [("smtp_token_refused", "535 5.7.3")]
    assert possible(text) == OPEN_573
    bare = "535 5.7.3 Authentication unsuccessful [X.PROD.OUTLOOK.COM]"
    assert possible(bare) == [*OPEN_573, "smtp_password_login", "smtp_auth_off_for_mailbox"]


def test_a_number_with_several_senses_is_open():
    """The code 5.7.139 without words has five meanings, so its cause stays open."""
    told = certain("535 5.7.139"), "smtp_auth_off_for_tenant" in possible("535 5.7.139")
    assert told == ([], True)


def test_what_nobody_knows_is_given_back_whole():
    """An unknown code is returned with the person's own line and Microsoft's page about it."""
    (unknown,) = read("> My sign-in page says:\n> AADSTS7999999: a new thing\n> and stops.").unknown
    assert (unknown.code, unknown.line, unknown.page) == (
        "AADSTS7999999",
        "AADSTS7999999: a new thing",
        "https://login.microsoftonline.com/error?code=7999999",
    )
    (reply,) = read("Remote Server returned '550 5.7.606 Access denied, banned sending IP'").unknown
    told = reply.code, reply.page.startswith("https://learn.microsoft.com/")
    assert told == ("550 5.7.606", True)


def test_a_bare_code_counts_in_webex_connects_form():
    """A bare number is a code if the person saw it in Webex Connect, and nowhere else."""
    assert [each.cause for each in read("7020.", Place.FORM).certain] == ["webex_busy"]
    assert read("7020.").causes == ()
    assert read("Windows service error, Event ID 7001", Place.FORM).causes == ()


DEFERRED = "Defer | Reason: [{LED=421 4.4.2 Connection dropped}]"
FULL = "Defer | Reason: [{LED=432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded}]"
BLOCKED = (
    "Fail | Reason: [{LED=550 5.7.520 Access denied, "
    "Your organization does not allow external forwarding. AS(7555)}]"
)
GIVEN_UP = (
    "Fail | Reason: [{LED=550 5.4.300 Message expired -> "
    "421 4.4.2 Connection dropped due to ConnectionReset}]"
)


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((DEFERRED, BLOCKED), "forwarding_blocked"),
        ((FULL, BLOCKED), "forwarding_blocked"),
        ((DEFERRED, GIVEN_UP), ""),
        ((BLOCKED, "Fail | 550 5.1.8 Access denied"), "forwarding_blocked"),
        (("Fail | 550 5.1.10 Recipient not found",), ""),
        ((), ""),
    ],
)
def test_why_a_mail_was_given_up(lines, cause):
    """The cause of a mail that was given up is its failure, not an earlier delay."""
    assert cause_at(Station.ANSWER, lines) == cause


@pytest.mark.parametrize("text", REPORTS["outlook"])
def test_outlooks_newer_reports(text):
    """Outlook's newer reports name the cause in the language of the organization.

    The address decides if the missing recipient is Webex Connect's.
    """
    at_connect = text.replace("a@b", "a@mail.imiconnect.io, a@b")
    assert [name for name, _ in certain(text)] == ["mailbox_not_found"]
    assert [name for name, _ in certain(at_connect)] == ["connect_address_gone"]
    nameless = read(text.replace("Office 365\n", "")).causes
    assert {each.certainty for each in nameless} <= {Certainty.CONDITIONAL}


def test_words_behind_the_letters_are_no_number():
    """A word after AADSTS is not read as a number, even if its letters look like digits."""
    assert read("AADSTS OIl is no number").codes == ()


def test_a_host_that_was_wrapped():
    """A server's name counts even if a line ends within it and the text has no other sign."""
    assert read("POST https://graph.micro\nsoft.com/v1.0/users/x/sendmail failed").ours


def test_a_mailbox_login_counts_where_a_person_names_microsoft():
    """IMAP's words for a failed login are a condition, because many other services use them."""
    causes = read("The plug-in for Azure gives AUTHENTICATE failed.").causes
    assert {(each.cause, each.certainty) for each in causes} > {("scope_wrong", "conditional")}


GROUPS = table("error_texts")["texts"]
ROWS = [(group, text, named) for group in GROUPS for text, *named in group["rows"]]


@pytest.mark.parametrize(("group", "text", "named"), ROWS, ids=[row[1][:60] for row in ROWS])
def test_a_text_names_its_causes(group, text, named):
    text = group.get("form", "{}").replace("{}", text)
    reading = read(text, Place(group.get("place", "")))
    certain = [each.cause for each in reading.certain]
    every = [each.cause for each in reading.causes]
    claimed = [each for each in reading.causes if each.certainty is not Certainty.CONDITIONAL]
    holds = {
        "certain": certain == named,
        "codes": [word for each in reading.certain for word in (each.cause, each.code)] == named,
        "first": certain[:1] == named,
        "only": every == named,
        "among": set(named) <= set(every),
        "open": not certain and every[: len(named)] == named,
        "unknown": not every and [each.code for each in reading.unknown] == named,
        "none": not claimed,
        "foreign": not claimed and not reading.ours,
    }
    assert holds[group["kind"]], (group["about"], reading.causes)


PLACES = (Place.CHANNEL, Place.FORM, Place.EXCHANGE)


@pytest.fixture(scope="module")
def results():
    """All error reports with the reader's results."""
    return [judged(each) for each in reports()]


def test_the_reports_are_many():
    """There are at least 150 different reports, and at least 40 of them are noise or ambiguous."""
    found = reports()
    open_ones = [each for each in found if each.kind != "clear"]
    assert (len(found) >= 150, len(open_ones) >= 40) == (True, True)
    assert len({each.id for each in found}) == len({each.text for each in found}) == len(found)


def test_the_reports_are_true():
    """Each report has a source and only known causes, and a report that is noise has no cause."""
    found = reports()
    assert [each.id for each in found if not each.source or each.causes - CAUSES.keys()] == []
    assert [each.id for each in found if each.kind == "noise" and each.causes] == []


@pytest.mark.slow
def test_the_figures_of_the_reports(results):
    """At least 97 % of the clear reports are read right, and no report is read wrong.

    A report that is noise gets no cause.
    """
    counts = figures(results)
    print(f"{share_right(results):.1%} right", {kind: dict(each) for kind, each in counts.items()})  # noqa: T201  the figures
    wrong = [(each.report.id, each.causes) for each in results if each.result == "wrong"]
    assert wrong == []
    assert share_right(results) >= RIGHT_FEWEST


@pytest.mark.slow
def test_every_report_has_the_same_cause_everywhere(results):
    """Every report has the same first cause in chat as in the form or in a trace, in turn.

    A text in which another product speaks has no cause in chat; only a place in which Exchange
    certainly speaks gives it one.
    """
    other = [
        (each.report.id, each.causes[0].cause, place)
        for each, place in zip(results, cycle(PLACES), strict=False)
        if each.causes
        and [found.cause for found in read(each.report.text, place).causes][:1]
        != [each.causes[0].cause]
    ]
    assert other == []


TEXTS = [each.text for each in reports()]
HEAD = "From: a@example.org\nTo: b@example.org\nSubject: It fails\nMIME-Version: 1.0\n"


def wrapped(text: str, width: int = 66) -> str:
    """Return the text as a mail program wraps it, between words.

    A word that is cut in two cannot be recognized.
    """
    wrap = textwrap.TextWrapper(width, break_long_words=False).wrap
    return "\n".join("\n".join(wrap(line)) for line in text.splitlines())


def quoted(text: str) -> str:
    """Return the text as a reply to a reply quotes it."""
    return "\n".join(f"> > {line}" for line in wrapped(text, 60).splitlines())


def paragraphs(text: str) -> str:
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in text.splitlines())
    return f"<html><head><style>p {{color: red}}</style></head><body>{lines}</body></html>"


def line_breaks(text: str) -> str:
    """Return the text in HTML with line breaks and non-breaking spaces, as in a browser's form."""
    return f"<div>{html.escape(text)}</div>".replace("\n", "<br/>").replace(" ", "&nbsp;")


def in_german(text: str) -> str:
    return f"Hallo,\n\nseit gestern kommt diese Meldung:\n\n{text}\n\nViele Grüße\nAnna"


def quoted_printable(text: str) -> str:
    body = quopri.encodestring(text.encode()).decode()
    return f"{HEAD}Content-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8\n\n{body}"


def in_base64(text: str) -> str:
    body = base64.encodebytes(paragraphs(text).encode()).decode()
    return (
        f"{HEAD}Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{body}"
    )


FORMS = [wrapped, quoted, paragraphs, line_breaks, in_german, quoted_printable, in_base64]


def meant(text: str) -> tuple[bool, frozenset[tuple[str, bool]]]:
    """Return whether the text is about the bot's services, and each cause with its certainty."""
    reading = read(text)
    return reading.ours, frozenset((each.cause, each.certain) for each in reading.causes)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(TEXTS), st.sampled_from(FORMS))
def test_the_form_changes_nothing(text, form):
    """A report has one reading, whatever its form is."""
    assert meant(form(text)) == meant(text)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.sampled_from(TEXTS), st.integers(40, 120))
def test_the_width_changes_nothing(text, width):
    """A wrapped text has the same reading for any width of its lines."""
    assert meant(wrapped(text, width)) == meant(text)


@pytest.mark.slow
@pytest.mark.parametrize("form", [quoted_printable, in_base64])
@pytest.mark.parametrize("text", TEXTS[:4])
def test_a_mail_reads_as_its_text(text, form):
    """A mail has the same reading as its text, as a file and also if its source is pasted."""
    assert meant(text_of(form(text).encode()).text) == meant(form(text)) == meant(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=3000))
def test_any_text_is_read(text):
    """No text makes the reader fail, and a cause always has its code or words."""
    assert all(each.cause and each.code for each in read(text).causes)


@pytest.mark.slow
def test_a_long_text_is_cut_and_says_so():
    """A text is read up to 64 kB, and its reading says if the text was cut."""
    error = "AADSTS7000222: The provided client secret keys are expired."
    assert (read(error + "x" * 70_000).cut, read(error).cut) == (True, False)
    assert [each.cause for each in read(error + " " * 70_000).causes] == ["client_secret_expired"]


EVERY = 20
INCIDENT = {
    "451 4.7.0 Temporary server error. Please try again later.": "smtp_busy",
    "Connection timed out": "smtp_unreachable",
    "Name or service not known": "smtp_unreachable",
}
"""Texts of an incident that name no service."""
PROMISES = (
    "the bot tries",
    "the bot waits",
    "the bot checks",
    "the bot reads",
    "nobody has to act",
)


def first(told: str, place: Place = Place.ANYWHERE) -> str:
    """Return the first cause of a text that was read in a place, or an empty string."""
    return next((each.cause for each in read(told, place).causes), "")


@pytest.mark.slow
def test_the_command_line_says_the_same(monkeypatch, capsys):
    """The command line gives for a report all that the chat gives."""
    for each in reports()[::EVERY]:
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(each.text.encode())))
        assert main(["explain", "--json"], {}) == 0
        assert json.loads(capsys.readouterr().out) == as_json(read(each.text)), each.id


@pytest.mark.parametrize(("told", "cause"), INCIDENT.items())
def test_a_text_that_names_no_service(told, cause):
    """A sentence without a service is not said to be of another product, wherever it was read."""
    assert (first(told), read(told).strange) == (cause, False)
    assert [each.cause for each in read(told, Place.FORM).certain] == [cause]
    assert first(told, Place.CHANNEL) == cause


def test_a_condition_is_told_as_one():
    """A cause that nothing attributes is told with its condition, in both languages."""
    reading = read("Connection timed out")
    assert {each.certainty for each in reading.causes} == {Certainty.CONDITIONAL}
    assert headline(reading)[0].key == "explain.condition_title"
    assert text("explain.condition") in str(explanation(reading, now()))
    assert as_lines(reading)[0].startswith("If Exchange, Entra or Webex Connect says this")
    assert as_json(reading)["causes"][0]["certainty"] == "conditional"
    with drawn_for(Locale("de")):
        assert as_lines(reading)[0].startswith("Wenn Exchange, Entra oder Webex Connect")


@pytest.mark.parametrize(
    ("told", "kind"), [("It is wrong.", "unknown"), ("535 5.7.8 Not accepted - gsmtp", "strange")]
)
def test_another_product_must_be_named(told, kind):
    """A text is of another product only if it names one."""
    assert headline(read(told))[0].key == f"explain.{kind}_title"


def test_a_pasted_text_promises_nothing():
    """No remedy for a pasted text says that the bot does something, or that nobody has to act."""
    known = patterns()
    causes = {each.cause for table in known.codes.values() for each in table.values()}
    causes |= {each.meaning.cause for words in known.words.values() for each in words}
    for cause in sorted(causes):
        (told,) = as_json(Reading(ours=True, causes=(FoundCause(cause, "1"),)))["causes"]
        assert [each for each in PROMISES if each in told["remedy"].lower()] == [], cause
        assert told["who"] not in {str(Turn.TIME), str(Turn.NOBODY)}, cause


def test_a_code_late_in_a_report_is_read():
    """A code behind many thousand characters of a report names its cause."""
    told = "Received: from a by b; Mon, 1 Jan 2026\n" * 200 + "550 5.7.520 Access denied. AS(7555)"
    assert first(told, Place.FORM) == "forwarding_blocked"


TRIES = 3
SHORT, LONG = LONGEST // 32, LONGEST // 4
PIECES = (
    *("<style>", "</style>", "<!--", "-->", "<script a>", "</script >", "<head>", "</head>"),
    *("a", " b ", "535 5.7.3", "\n"),
)
GROWTH = 2.0
"""Factor of linear growth that the work may reach if the text is eight times as long.

With a part that is looked at once for each character, the work grows more than that.
"""


def seconds(text: str) -> float:
    """Return the seconds of this process's own work, whatever else the machine does."""
    began = time.process_time()
    read(text)
    return time.process_time() - began


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        *("<!--", "<style>", "<script>x", "<head><style><!--", "<spark-mention>", "<a "),
        *("550-5.7.1 a\n", "535 5.7.3 ", "AADSTS50034 ", "&lt;!--", "a+b+c+d+", "https://login\n"),
    ],
)
def test_eight_times_the_text_is_eight_times_the_work(piece):
    """A long hostile text does not hold a worker for longer than a long harmless one."""
    short, long = ((piece * size)[:size] for size in (SHORT, LONG))
    most = GROWTH * (LONG / SHORT) * max(min(seconds(short) for _ in range(TRIES)), 0.00125)
    assert any(seconds(long) < most for _ in range(TRIES))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a<style>b</style>c", "a c"),
        ("a<STYLE media='x'>b</Style >c", "a c"),
        ("a<!-- b <style> -->c</style>d", "a c</style>d"),
        ("a<script>b<!-- c</script>d-->e", "a d-->e"),
        ("a<head>b</style>c</head>d", "a d"),
        ("a<style>b", "a<style>b"),
        ("a<!-- b", "a<!-- b"),
        ("a<header>b</header>c", "a\nb\nc"),
        (f"a<style>{'b' * 20_001}</style>c", f"a<style>{'b' * 20_001}</style>c"),
        (f"a<!--{'<!--' * 9_000}b--> c<style>d</style>e", None),
    ],
)
def test_parts_that_are_not_shown(text, shown):
    """Comments, styles, scripts and heads are left out if they end, and no other part is."""
    found = clean(text).flat
    assert found.endswith("c e") if shown is None else found == " ".join(shown.split())


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_a_part_that_is_not_shown_ends_at_its_first_end(pieces):
    """Text after the end of the last hidden part is always shown, whatever came before it."""
    assert clean("".join(pieces) + "--></style></script></head>AADSTS50034").flat.endswith(
        "AADSTS50034"
    )


SITE = """
import sys, bot.web.wsgi
from jobs.causes.patterns import patterns
print(patterns.cache_info().currsize, "webexteamssdk" in sys.modules)
"""
WORKER = """
from bot.processes import worker
from jobs.causes.patterns import patterns
worker.preload()
print(patterns.cache_info().currsize)
"""


def run(code: str) -> str:
    """Return what a new interpreter prints."""
    line = [sys.executable, "-c", code]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603  our own


def test_a_misspelled_field_is_refused():
    """A field of an entry that nobody reads is refused, so that no words are lost silently."""
    rows = [{"cause": "smtp_unreachable", "shard": ["timeout"]}]
    with pytest.raises(ValueError, match=r"smtp_unreachable: shard"):
        list(words_of(rows))


@pytest.mark.slow
def test_a_web_process_starts_without_compiling_them():
    """A web process starts without compiling the expressions of error texts.

    It does not import the Webex SDK either, which it needs only for its first call of Webex.
    """
    assert run(SITE) == "0 False"


@pytest.mark.slow
def test_a_worker_has_compiled_all_of_them_before_it_forks():
    """A worker compiles all expressions before it forks, so that no job has to do it again."""
    assert run(WORKER) == "1"
