"""Test mails of the watch on a mailbox: how they are recognized, and that none is sent twice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.mail import watch_mail
from jobs.mail.message_trace import TraceRow, TraceStatus
from jobs.storage import keys

MAILBOX, OTHER, SENDER = "support@contoso.com", "sales@contoso.com", "probe@fabrikam.com"
HOUR = timedelta(hours=1)


def row(message_id: str = "<1@x>", subject: str = "Hello", status: str = "delivered") -> TraceRow:
    """Return a mail as the message trace shows it."""
    sender, how = "kim@customer.example", TraceStatus(status)
    return TraceRow("t", sender, MAILBOX, message_id, now(), subject, how)


def test_only_one_worker_may_send_in_an_hour(redis):
    """Of twenty workers that ask at once, only one may send a test mail for the mailbox.

    The mark that holds back the others ends by itself after an hour.
    """
    with ThreadPoolExecutor(20) as pool:
        allowed = list(pool.map(lambda _: watch_mail.claim(redis, MAILBOX, HOUR), range(20)))
    assert sum(allowed) == 1
    assert 3590 < redis.ttl(keys.watch_mail_claim(MAILBOX)) <= 3600
    assert watch_mail.claim(redis, OTHER, HOUR)


@pytest.mark.parametrize(
    ("found", "own"),
    [
        (row("<email-watch.ab12@fabrikam.com>"), True),
        (row("<EMAIL-WATCH.ab12@fabrikam.com>"), True),
        (row(subject="RE: [Webex email watch] ab12 Automatic test"), True),
        (row("<email-test.RUN.1@fabrikam.com>"), False),
        (row("<x.email-watch.ab12@fabrikam.com>"), False),
        (row(), False),
    ],
)
def test_a_trace_row_is_told_apart(found, own):
    """A test mail in the trace is recognized by its Message-ID or by its subject.

    An answer and an automatic reply repeat the subject.
    """
    assert watch_mail.is_watch_mail(found) is own
    assert watch_mail.without_watch_mails([found]) == (() if own else (found,))


def test_a_mail_that_went_on_is_a_proof_and_one_that_did_not_is_left_out():
    """A test mail that was delivered counts as a proof, as any other mail does.

    A test mail that failed is left out, because the sending server may be to blame.
    """
    good, bad = row("<email-watch.1@x>"), row("<email-watch.2@x>", status="failed")
    customer = row(status="failed")
    assert watch_mail.with_proofs([good, bad, customer]) == (good, customer)


def test_a_mail_knows_its_own_rows():
    """A test mail is found in the trace using its whole ID, so that no other mail matches."""
    mail, other = watch_mail.new_mail(now()), watch_mail.new_mail(now())
    assert len(mail.id) == 16
    assert mail.has(row(mail.message_id(SENDER)))
    assert mail.has(row(subject=f"{mail.subject} Automatic test"))
    assert not mail.has(row(other.message_id(SENDER), f"{other.subject} Automatic test"))


def test_the_newest_mails_are_kept_with_the_result_of_their_sending(redis):
    """The three newest test mails of a mailbox are kept, newest first.

    The result of a mail replaces the earlier entry of the same mail.
    """
    assert watch_mail.newest(redis, MAILBOX) == ()
    mails = [watch_mail.new_mail(now() + HOUR * number) for number in range(4)]
    for mail in mails:
        watch_mail.save(redis, MAILBOX, mail)
    sent = replace(mails[3], sent=mails[3].at)
    watch_mail.save(redis, MAILBOX, sent)
    assert watch_mail.newest(redis, MAILBOX) == (sent, mails[2], mails[1])
    assert 0 < redis.ttl(keys.watch_mails(MAILBOX)) <= watch_mail.KEPT.total_seconds()


def test_the_mails_of_other_channels_prove_the_server(redis):
    """Test mails of other channels prove that the sending server works.

    A channel's own mails do not prove it.
    """
    at = now()
    watch_mail.save(redis, MAILBOX, replace(watch_mail.new_mail(at), sent=at))
    watch_mail.note_arrival(redis, MAILBOX, at)
    assert not watch_mail.has_others(redis, keys.watch_mails_sent(), MAILBOX, at - HOUR)
    assert not watch_mail.has_others(redis, keys.watch_mails_arrived(), MAILBOX, at - HOUR)
    watch_mail.save(redis, OTHER, replace(watch_mail.new_mail(at), sent=at))
    watch_mail.note_arrival(redis, OTHER, at)
    watch_mail.note_arrival(redis, OTHER, at - 2 * HOUR)
    assert watch_mail.has_others(redis, keys.watch_mails_sent(), MAILBOX, at - HOUR)
    assert watch_mail.has_others(redis, keys.watch_mails_arrived(), MAILBOX, at - HOUR)
    assert not watch_mail.has_others(redis, keys.watch_mails_arrived(), MAILBOX, at + HOUR)
