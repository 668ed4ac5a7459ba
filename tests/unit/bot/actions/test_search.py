"""Search for missing mail, from place to place, to the file for Cisco TAC."""

import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.commands import actions, tac
from jobs.clock import now
from jobs.clouds.errors import Transient
from jobs.model import Channel, Finding, Reason, RunKind, State, Text
from jobs.runs.run import Event, Kind
from jobs.storage import codec, keys
from tests.fixtures.run_events import noted
from tests.unit.bot.actions.presses import press
from tests.unit.bot.commands.typed_commands import MAILBOX, proven, sent, type_

TITLES = {place: text(f"search.title_{place}") for place in ("unread", "mail", "connect", "agent")}


@pytest.fixture
def channel(anna):
    """Return the context of a press on a card in a thread, in a space with a connected channel."""
    proven(anna)
    return replace(anna, thread="thread-1", message="posted-1")


def check(ctx, *findings: Finding) -> None:
    """Record a finished check with these findings as the channel's newest one."""
    run = ctx.services.store.open(Channel(MAILBOX), ctx.asker, ctx.origin, RunKind.CHECK)
    found = [noted(each) for each in findings]
    ctx.services.store.append(run.id, *found, Event(Kind.CHECKED, now()))
    ctx.services.channels.set_last_check(MAILBOX, run.id)


def shown(webex_script) -> str:
    """Return what the bot has posted or edited last."""
    return next(str(b) for m, _, b in reversed(webex_script.asked) if m in {"POST", "PUT"})


def go_on(ctx, place: str, pasted: str = "") -> None:
    actions()["look_on"](ctx, {"place": place, "seen_text": pasted})


def test_one_card_goes_to_every_place(channel, webex_script):
    """The card is posted once and edited from place to place; the file has all that was seen."""
    check(channel, Finding("forwarding", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN))
    before = len(webex_script.asked)
    actions()["missing"](channel, {"channel": MAILBOX})
    assert TITLES["unread"] in shown(webex_script)
    for place, after in (("unread", "mail"), ("mail", "connect")):
        go_on(channel, place)
        assert TITLES[after] in shown(webex_script)
    go_on(channel, "connect", "Error 7553: password=hunter2hunter2 SMTP authentication failed")
    assert TITLES["connect"] in shown(webex_script)
    assert text("cause.connect_login_failed") in shown(webex_script)
    go_on(channel, "connect")
    go_on(channel, "connect")  # the event of the press is handled again
    assert TITLES["agent"] in shown(webex_script)
    go_on(channel, "agent")
    assert text("tac.title") in shown(webex_script)
    methods = [m for m, path, _ in webex_script.asked[before:] if path.startswith("/messages")]
    assert methods == ["POST", *["PUT"] * 6]
    actions()["tac"](channel, {"channel": MAILBOX})
    (file,) = [each["files"] for each in sent(webex_script) if "files" in each]
    with zipfile.ZipFile(io.BytesIO(file)) as bundle:
        summary = bundle.read("summary.md").decode()
    assert all(title in summary for title in TITLES.values())
    assert "Error 7553" in summary
    assert "hunter2hunter2" not in summary


@pytest.mark.parametrize(
    ("has_check", "key"), [(False, "tac.file.no_check"), (True, "skipped.watch_mail_under_way")]
)
@pytest.mark.parametrize("error", [Transient("timed_out", "graph"), TypeError()])
def test_a_test_mail_is_not_followed_forever(
    channel, webex_script, monkeypatch, has_check, key, error
):
    """After 40 minutes a test mail is followed no more, and the card says what is known of it.

    A cloud that does not answer tells nothing new, and neither does one whose answer is odd.
    """
    monkeypatch.setattr(tac.WatchMailProbe, "inspect", AsyncMock(side_effect=error))
    if has_check:
        check(channel, Finding("arrivals", State.OK))
    services, waits = channel.services, Text("skipped.watch_mail_under_way", {"at": "09:00"})
    tac.save(channel, tac.Case(MAILBOX, channel.person.id, "mail"))
    mail = tac.Followed(MAILBOX, "posted-1", "room-1", "room-1", now() - timedelta(hours=1), waits)
    services.redis.hset(keys.tac_mails(), "thread-1", codec.dump(mail))
    tac.follow(services)
    assert TITLES["mail"] in shown(webex_script)
    assert text(key, at="09:00") in shown(webex_script)
    assert services.redis.hlen(keys.tac_mails()) == 0


def test_a_known_cause_leads_to_the_file_at_once(channel, webex_script):
    """If the newest check names a cause, nobody has to look any further."""
    check(channel, Finding("smtp_auth", State.WRONG, cause="smtp_auth_off_for_mailbox"))
    actions()["missing"](channel, {"channel": MAILBOX})
    assert text("tac.title") in shown(webex_script)


def test_a_place_shows_what_the_check_says_of_it(channel, webex_script):
    """Everything was read, so the search begins with a mail; each place has its own findings."""
    check(channel, Finding("arrivals", State.OK, Text("seen.no_waiting")))
    actions()["missing"](channel, {"channel": MAILBOX})
    assert TITLES["mail"] in shown(webex_script)
    assert text("seen.no_waiting") in shown(webex_script)
    assert "send_mail" not in shown(webex_script)  # there is no PROBE_SMTP_URL
    press(channel, "send_mail", channel=MAILBOX)
    assert text("refused.old") in shown(webex_script)


def test_the_file_is_in_english_and_the_card_is_not(anna, webex_script):
    """The file is in English and UTC for Cisco TAC, and the card is in the person's language."""
    proven(anna)
    ctx = replace(anna, thread="thread-1")
    with drawn_for(Locale("de", "Europe/Berlin")):
        type_(ctx, "tac", MAILBOX)
        actions()["tac"](ctx, {"channel": MAILBOX})
    posts = sent(webex_script)
    (file,) = [body["files"] for body in posts if "files" in body]
    with zipfile.ZipFile(io.BytesIO(file)) as bundle:
        summary = bundle.read("summary.md").decode()
    assert "# Email channel support@contoso.com: case for Cisco TAC" in summary
    assert "Die Datei für Cisco TAC ist in diesem Thread" in str(posts[-1])
