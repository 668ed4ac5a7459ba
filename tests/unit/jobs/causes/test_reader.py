"""Reader of error texts: words before numbers, the speaker, and open or unknown causes."""

from __future__ import annotations

import pytest

from jobs.causes.meaning import Certainty
from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.mail.message_trace import cause_at
from jobs.model import Station

OPEN_573 = ["wrong_mailbox_user", "scope_wrong", "exchange_incident"]


def certain(text: str) -> list[tuple[str, str]]:
    """Return the certain causes with their codes."""
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
def test_why_a_mail_was_given_up(lines: tuple[str, ...], cause: str):
    """The cause of a mail that was given up is its failure, not an earlier delay."""
    assert cause_at(Station.ANSWER, lines) == cause


@pytest.mark.parametrize(
    "text",
    [
        "Office 365\nYour message to a@b.com couldn't be delivered.\na wasn't found at b.com.",
        "Office 365\nIhre Nachricht an a@b.de konnte nicht zugestellt werden.\na wurde bei b.de nicht gefunden.",
        "Office 365\nVotre message à a@b.fr n'a pas pu être remis.\na est introuvable sur b.fr.",
        "Office 365\nNo se pudo entregar el mensaje a a@b.es.\nNo se encontró a en b.es.",
    ],
)
def test_outlooks_newer_reports(text: str):
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
