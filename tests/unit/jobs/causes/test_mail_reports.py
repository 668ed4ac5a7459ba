"""Exchange's reports about mail: Microsoft's published rows, sentences for senders, and quotes."""

from __future__ import annotations

import pytest

from jobs.causes.reader import read

REPORT = (
    "Delivery has failed to these recipients or groups:\nperson@fabrikam.com\n{}\n"
    "Diagnostic information for administrators:\nGenerating server: X.eurprd01.prod.outlook.com"
)


def claimed(text: str) -> list[str]:
    """Return the causes that are claimed; a conditional one claims nothing."""
    return [each.cause for each in read(text).causes if each.certainty != "conditional"]


def certain(text: str) -> list[str]:
    """Return the causes that the text names with certainty."""
    return [each.cause for each in read(text).certain]


def possible(text: str) -> list[str]:
    """Return the causes that the text leaves open."""
    return [each.cause for each in read(text).causes if not each.certain]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        ("550 5.1.1 Bad destination mailbox address", "mailbox_not_found"),
        ("550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found", "mailbox_not_found"),
        ("550 5.7.505 Access denied, banned recipient", "mailbox_not_found"),
        ("550 5.7.322 certificate-expired: Destination mail server's", "other_server_certificate"),
        ("450 4.7.321 starttls-not-supported: Destination mail server", "other_server_certificate"),
        ("550 5.4.310 DNS domain contoso.com does not exist", "mail_not_delivered"),
        ("554 5.4.4 SMTPSEND.DNS.NonExistentDomain; nonexistent domain", "mail_not_delivered"),
        ("550 5.6.200 STOREDRV.Deliver; message is treated as poison", "mail_not_delivered"),
        ("530 5.7.1 Client was not authenticated", "smtp_not_authenticated"),
        ("550 5.7.3 Requested action aborted; user not authenticated", "smtp_not_authenticated"),
        ("554 5.2.2 Das Postfach des Empfängers ist voll.", "mailbox_full"),
        ("550 5.7.134 Sender was not authenticated for mailbox", "mailbox_internal_only"),
        ("550 5.4.6 RESOLVER.FWD.Loop; a forwarding loop", "mail_loop"),
        ("550 5.7.1 TRA: transport rule evaluation timed out.", "transport_rule_may_block"),
        ("432 4.3.2 STOREDRV; mailbox server is offline", "smtp_busy"),
        ("450 4.5.0 Excessive message rate from sender to recipient.", "throttled"),
    ],
)
def test_replies_of_exchange(reply: str, cause: str):
    """Each reply in Microsoft's published rows has its cause, in the form that a report prints."""
    assert certain(REPORT.format(f"Remote Server returned '{reply}'")) == [cause]


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("|5.4.14|`Routing loop detected`|", "mail_loop"),
        ("|5.7.13|`Sender was not authenticated for public folder`|", "mailbox_internal_only"),
        ("5.7.705 Zugriff verweigert, Mandant hat den Schwellenwert", "tenant_sending_blocked"),
        ("550 5.2.254 Der Absender wurde gedrosselt.", "throttled"),
    ],
)
def test_rows_without_any_other_sign(row: str, cause: str):
    """A code that only Exchange sends counts next to a word about mail, in German, too."""
    assert certain(row) == [cause]


@pytest.mark.parametrize(
    "code", ["550 5.7.606 banned sending IP [192.0.2.1]", "550 5.6.11 Invalid"]
)
def test_rows_without_a_cause_of_this_channel_are_handed_back(code: str):
    """A published row without a cause of this channel is returned as an unknown code.

    The answer has only the code and Microsoft's page.
    """
    reading = read(REPORT.format(f"Remote Server returned '{code}'"))
    assert (reading.causes, len(reading.unknown)) == ((), 1)


@pytest.mark.parametrize(
    ("sentence", "cause"),
    [
        ("The email address you entered couldn't be found.", "mailbox_not_found"),
        (
            "No se ha encontrado la dirección de correo electrónico que ha escrito.",
            "mailbox_not_found",
        ),
        ("The recipient's mailbox is full and can't accept messages now.", "mailbox_full"),
        ("Despite repeated attempts to deliver your message, it failed.", "mail_not_delivered"),
    ],
)
def test_sentences_for_the_sender(sentence: str, cause: str):
    """A report's sentence for the sender names the cause, because people copy only that part."""
    assert certain(REPORT.format(sentence)) == [cause]


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
    assert certain(text) == ["mailbox_not_found"]
    assert certain(text.replace("a@b", "a@mail.imiconnect.io, a@b")) == ["connect_address_gone"]
    assert claimed(text.replace("Office 365\n", "")) == []


def test_a_heading_repeats_the_code_without_its_words():
    """If a heading repeats only the code of a reply, the words of the reply below decide.

    5.2.2 alone is a full mailbox, and the reply below says that it is a sender's limit.
    """
    text = "Status code: 550 5.2.2 Error details: {} Microsoft 365"
    assert certain(text.format("550 5.2.2 Submission quota exceeded")) == ["sending_limit_reached"]
    assert certain(text.format("")) == ["mailbox_full"]


def test_another_servers_reply_is_only_quoted():
    """Another server's quoted words explain Exchange's reply, and are no cause of their own."""
    text = "O365: {LED=450 4.4.317 Cannot connect [Message=451 4.4.0 Security status]}"
    assert certain(text) == ["mail_not_delivered"]
    quoted = (
        "550 5.1.351 Remote server returned unknown recipient -> 550 5.1.1 a@mail.imiconnect.io"
    )
    assert certain(quoted) == ["connect_address_gone"]


def test_a_login_is_told_from_the_list_of_logins_that_is_offered():
    """A client's login with a password is recognized even if the server offers XOAUTH2."""
    text = (
        "<< 250-X.outlook.office365.com Hello\n250-AUTH LOGIN XOAUTH2\n250 SMTPUTF8\n"
        ">> AUTH LOGIN\n<< 535 5.7.3 Authentication unsuccessful"
    )
    assert certain(text) == ["smtp_password_login"]


def test_a_restricted_recipient_stays_open():
    """A report about a restricted recipient leaves open which restriction it is."""
    text = REPORT.format(
        "Your message can't be delivered because delivery to this address is restricted."
    )
    assert possible(text)[:2] == ["mailbox_internal_only", "mailbox_senders_listed"]
    assert certain(text) == []


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "The operation couldn't be performed because object 'null' couldn't be found",
            "not_found",
        ),
        (
            "New-ServicePrincipal : The term 'New-ServicePrincipal' is not recognized",
            "exchange_role_missing",
        ),
        (
            "EXOTransportConfig: Insufficient access rights to perform the operation",
            "exchange_role_missing",
        ),
        ("smtp.office365 SMTP Error: Could not connect to SMTP host", "smtp_unreachable"),
    ],
)
def test_cmdlets_and_hosts_in_the_words_of_people(text: str, cause: str):
    """Exchange's own sentences about cmdlets name their cause without any other sign.

    A shortened name of the server is recognized, because people write it so.
    """
    assert certain(text) == [cause]


@pytest.mark.parametrize(
    "text",
    [
        "550 5.7.3 Message classification was not recognized [X.prod.outlook.com]",
        "NOQUEUE: reject: 550 5.1.1 <person@contoso.hk>: [smtp.office365.com]:587",
        "550 Quota: Das Postfach des Empfängers ist voll.",
        "kernel 5.1.10 released",
    ],
)
def test_numbers_and_sentences_of_others(text: str):
    """Exchange's numbers and words name no cause in texts of others or about something else."""
    assert claimed(text) == []


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "The group sales only accepts messages from people in its organization.",
            "mailbox_internal_only",
        ),
        ("You've reached your 24 hour limit for message recipients.", "sending_limit_reached"),
        (
            "Microsoft 365: the app is not allowed to send email on behalf of the user",
            "send_as_denied",
        ),
        ("smtp.office365.com: SMTP AUTH extension not supported by server.", "smtp_no_starttls"),
        ("it's out of the current user's write scope. Can't save.", "exchange_role_missing"),
    ],
)
def test_words_without_a_code(text: str, cause: str):
    """Exchange's own words, or words next to its name, name a cause without a code.

    People often leave the code out.
    """
    assert certain(text) == [cause]


@pytest.mark.parametrize(
    "text",
    [
        "Office 365 says: please try again later.",
        "550 5.7.511 Access denied, banned sender [outlook.office365.com]",
        "out of the current user's write scope, because the object is being synchronized",
    ],
)
def test_small_talk_and_other_reasons(text: str):
    """Everyday words without a code name no cause, and neither do sentences with another reason."""
    assert claimed(text) == []


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "550 5.1.8 Non remis : vous n'avez pas été reconnu comme un expéditeur valide.",
            "sender_restricted",
        ),
        (
            "Office 365: The recipient's email server suspects your message is spam.",
            "mail_not_delivered",
        ),
    ],
)
def test_sentences_for_senders(text: str, cause: str):
    """The sentences that Outlook shows to a sender name their cause, in other languages, too."""
    assert certain(text) == [cause]


def test_words_of_exchange_with_another_speaker():
    """A word of Exchange in a text that only Gmail wrote names no cause."""
    assert read("Gmail answered 550 5.7.1 SendAsDenied [smtp.gmail.com]").causes == ()


@pytest.mark.parametrize(
    "text",
    [
        "Read and write your organization's security defaults policy",
        "Action rejected by organization policy.",
        "Delivery failed permanently: the recipient's mailbox is full and can't accept new mail",
    ],
)
def test_sentences_that_only_resemble_those_of_exchange(text: str):
    """A permission's description and the similar answers of other tools name no cause."""
    assert claimed(text) == []
