"""Values that a person types about a channel."""

from dataclasses import replace

import pytest
from hypothesis import given as drawn, strategies as st

from adaptive_cards.texts import render
from jobs.channel import form
from jobs.channel.form import (
    LONGEST,
    LONGEST_URL,
    InvalidInputError,
    read_address,
    read_callback,
    read_details,
)
from jobs.model import Channel, Profile, Text
from tests.fixtures.parsed import table

TYPED = table("typed_values")
MAILBOX = "support@contoso.com"
RIGHT = {
    "callback_url": "https://uk.webexconnect.io/callback",
    "forwarding_address": "x1@mail.webexconnect.io",
}


@pytest.mark.parametrize(("typed", "read"), TYPED["spellings"])
def test_an_address_has_one_spelling(typed, read):
    """The domain is kept in Punycode. Domains of closed networks are allowed."""
    assert read_address(typed) == read


LETTER = "\u043e (Cyrillic U+043E)"


@pytest.mark.parametrize(
    ("typed", "why", "meant"), [*TYPED["slips"], ("x" * LONGEST + "@contoso.com", "too_long", "")]
)
def test_a_slip_is_named_and_corrected(typed, why, meant):
    """The error says why an address is wrong, and suggests the address that was probably meant.

    A character that looks like another, and a letter of another script, is named.
    """
    with pytest.raises(InvalidInputError) as wrong:
        read_address(typed)
    reason = wrong.value.reason
    assert (reason.key, wrong.value.suggestion) == (f"typed.{why}", meant)
    assert (why == "lookalike") is ("U+" in reason.values.get("signs", ""))
    assert reason.values.get("letters", LETTER) == LETTER


@drawn(st.text(max_size=300))
def test_any_text_is_an_address_or_a_reason(typed):
    """Any text gives an address or an error with a reason.

    An address that was read or suggested is read as itself.
    """
    try:
        read = read_address(typed)
        why = ""
    except InvalidInputError as wrong:
        read, why = wrong.suggestion, wrong.reason.key
    assert not read or read_address(read) == read
    assert not why or why.startswith("typed.")


def test_the_first_card_with_defaults():
    """Without other input, copies stay, the lifetime is 12 months, and the profile is ARTICLE."""
    asked = Channel(MAILBOX, **RIGHT, keep_copy=True, lifetime_months=12, profile=Profile.ARTICLE)
    assert read_details(Channel(MAILBOX), RIGHT) == (asked, {})


def test_the_first_card_with_everything():
    """The form takes the mailbox if the command did not name it, and it ignores unknown inputs."""
    values = {"mailbox": "Support@contoso.com", "lifetime": "6", "keep_copy": "no"}
    values |= RIGHT | {"profile": "least", "delegate": " Agent@Contoso.com ", "x": "y"}
    asked = Channel(MAILBOX, **RIGHT, keep_copy=False, lifetime_months=6, profile=Profile.LEAST)
    assert read_details(Channel(""), values)[0] == replace(asked, delegate="agent@contoso.com")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        *(("yes", True), ("true", True), ("no", False), ("false", False)),
        *((typed, None) for typed in ("", "maybe", "No", "0", "null", "['no']")),
    ],
)
def test_whether_a_copy_stays(typed, kept):
    """The field for copies takes the card's yes and no, and true and false from some clients.

    An answer that is neither is an error.
    """
    found = read_details(Channel(MAILBOX), RIGHT | {"keep_copy": typed})
    told = {} if kept is not None else {"keep_copy": Text("typed.keep_copy")}
    channel = None if kept is None else replace(Channel(MAILBOX), **RIGHT, keep_copy=kept)
    assert found == (channel, told)


def test_a_mailbox_that_was_named_cannot_be_changed():
    """The mailbox that the command names counts, and a forged input cannot replace it."""
    found = read_details(Channel(MAILBOX), RIGHT | {"mailbox": "ceo@contoso.com"})[0]
    assert found == replace(Channel(MAILBOX), **RIGHT)


def test_every_wrong_field_is_named_at_once():
    values = {"lifetime": "99", "profile": "all", "keep_copy": "maybe", "delegate": "agent"}
    values |= {"forwarding_address": MAILBOX, "callback_url": "http://x.y/callback"}
    keys = {name: name for name in ("lifetime", "profile", "keep_copy")} | {"delegate": "no_at"}
    keys |= {"callback_url": "callback_https", "forwarding_address": "forwarding_is_mailbox"}
    errors = {name: Text(f"typed.{key}") for name, key in keys.items()}
    assert read_details(Channel(MAILBOX), values) == (None, errors)


INPUTS = ["mailbox", "callback_url", "forwarding_address", "lifetime", "keep_copy", "profile"]


@drawn(st.dictionaries(st.sampled_from(INPUTS), st.text() | st.text().map("https://{}".format)))
def test_any_inputs_are_details_or_errors(values):
    """Any inputs give either a channel or errors, never both and never neither."""
    channel, errors = read_details(Channel(""), values)
    assert (channel is None) is bool(errors)


CYRILLIC_O = "\u043e"


@pytest.mark.parametrize(("text", "mixed"), TYPED["scripts"])
def test_mixed_scripts_of_one_label(text, mixed):
    """One label has one script, or those that Japanese, Chinese and Korean write together.

    Two labels of a host may have two scripts. Punycode counts as what it is displayed as.
    """
    assert form.mixed_label(text) == mixed


@pytest.mark.parametrize(("host", "ascii_host", "displayed"), TYPED["hosts"])
def test_both_spellings_of_a_host(host, ascii_host, displayed):
    """A host has one spelling in ASCII and one for display.

    A host that cannot be converted stays as it is.
    """
    assert (form.as_ascii(host), form.as_displayed(host)) == (ascii_host, displayed)


@pytest.mark.parametrize("url", TYPED["callbacks"])
def test_what_can_be_a_callback(url):
    """A valid Call Back URL is kept exactly as typed, because Entra compares it byte by byte."""
    assert read_callback(f" {url} ") == url


@pytest.mark.parametrize(
    ("url", "why"),
    [*TYPED["no_callbacks"], (f"https://uk.webexconnect.io/{'x' * LONGEST_URL}/callback", "long")],
)
def test_what_is_no_callback(url, why):
    """Each kind of invalid Call Back URL is refused with its own sentence, which can be shown."""
    with pytest.raises(InvalidInputError) as wrong:
        read_callback(url)
    assert wrong.value.reason.key == f"typed.callback_{why}"
    assert render(wrong.value.reason)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        (f"imic{CYRILLIC_O}nnect.io", f"{CYRILLIC_O} (Cyrillic U+043E)"),
        ("\uff55k.io", "https://uk.io/"),
    ],
)
def test_the_sentence_names_what_is_wrong(host, named):
    """The error names a letter of another script with its number, and offers a plain spelling."""
    with pytest.raises(InvalidInputError) as wrong:
        read_callback(f"https://{host}/callback")
    assert named in render(wrong.value.reason)
