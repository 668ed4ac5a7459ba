"""Values that a person types about a channel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from jobs.channel.form import (
    LONGEST,
    ChannelForm,
    InvalidInputError,
    read_address,
    read_callback,
    read_details,
)
from jobs.model import Channel, Profile, Text

MAILBOX = "support@contoso.com"
RIGHT = {
    "callback_url": "https://uk.webexconnect.io/callback",
    "forwarding_address": "x1@mail.webexconnect.io",
}


@pytest.mark.parametrize(
    "typed",
    [MAILBOX, " Support@Contoso.com ", "<support@contoso.com>", "mailto:support@contoso.com"],
)
def test_an_address(typed: str):
    """An address is read in the forms that Webex, mail programs and people write."""
    assert read_address(typed) == MAILBOX


@pytest.mark.parametrize(
    ("typed", "why", "meant"),
    [
        ("", "no_address", ""),
        ("   ", "no_address", ""),
        ("support@contoso,com", "comma_in_domain", MAILBOX),
        ("support@contoso;com", "comma_in_domain", MAILBOX),
        ("support(at)contoso.com", "no_at", MAILBOX),
        ("support contoso.com", "no_at", ""),
        ("support@contoso..com", "malformed", MAILBOX),
        ("support @contoso.com", "malformed", MAILBOX),
        ("support@ contoso .com", "malformed", MAILBOX),
        ("support (at) contoso.com", "no_at", MAILBOX),
        ("support@contoso.com thanks", "malformed", MAILBOX),
        ("please <Support@contoso.com>, thanks", "comma_in_domain", MAILBOX),
        ("support@contoso,com thanks", "comma_in_domain", MAILBOX),
        ("support@contoso. com thanks", "malformed", MAILBOX),
        ("sales@contoso com", "malformed", ""),
        ("a@b.com, c@d.com", "two_addresses", ""),
        ("x" * LONGEST + "@contoso.com", "too_long", ""),
    ],
)
def test_a_slip_is_named_and_corrected(typed: str, why: str, meant: str):
    """The error says why an address is wrong, and suggests the address that was probably meant."""
    with pytest.raises(InvalidInputError) as wrong:
        read_address(typed)
    assert (wrong.value.reason, wrong.value.suggestion) == (Text(f"typed.{why}"), meant)


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("\uff53upport@contoso.com", MAILBOX),
        ("\u017fupport@contoso.com", MAILBOX),
        ("\ufb01@contoso.com", "fi@contoso.com"),
        ("support@contoso\u3002com", MAILBOX),
        ("support\uff20contoso.com", MAILBOX),
        ("please \uff53upport@contoso.com", MAILBOX),
    ],
)
def test_an_address_in_other_characters_is_no_other_channel(typed: str, suggestion: str):
    """The error names a character that looks like another, and it offers the plain spelling."""
    with pytest.raises(InvalidInputError) as wrong:
        read_address(typed)
    assert (wrong.value.reason.key, wrong.value.suggestion) == ("typed.lookalike", suggestion)
    assert "U+" in wrong.value.reason.values["signs"]


@pytest.mark.parametrize(
    "typed",
    [
        "supp\u043ert@contoso.com",
        "support@c\u043entoso.com",
        "support@xn--cntoso-wqf.com",
        "steal@imic\u043ennect.io",
    ],
)
def test_an_address_that_mixes_scripts_is_refused(typed: str):
    """The error about mixed scripts names the letter, also if the domain was typed in Punycode."""
    with pytest.raises(InvalidInputError) as wrong:
        read_address(typed)
    assert wrong.value.reason.key == "typed.mixed_scripts"
    assert wrong.value.reason.values["letters"] == "\u043e (Cyrillic U+043E)"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("support@m\u00fcnchen.de", "support@xn--mnchen-3ya.de"),
        ("support@XN--MNCHEN-3YA.de", "support@xn--mnchen-3ya.de"),
        ("M\u00fcller@contoso.com", "m\u00fcller@contoso.com"),
        ("mu\u0308ller@contoso.com", "m\u00fcller@contoso.com"),
        ("\u212aelvin@contoso.com", "kelvin@contoso.com"),
    ],
)
def test_an_address_has_one_spelling(typed: str, read: str):
    """An address is kept with its domain in Punycode and each accented letter as one character."""
    assert read_address(typed) == read


@drawn(st.text(max_size=300))
def test_any_text_is_an_address_or_a_reason(typed: str):
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


@pytest.mark.parametrize(
    "typed", ["support@contoso.test", "x1@mail.connect.localhost", "o'neil+x@corp.local"]
)
def test_an_address_of_a_closed_network(typed: str):
    """An address may have a domain that is known only in a closed network."""
    assert read_address(typed) == typed


@drawn(st.text(max_size=220).map("https://{}".format) | st.text(max_size=220))
def test_any_text_is_a_callback_or_a_reason(typed: str):
    """Any text gives a callback or an error with a reason, and never another exception."""
    try:
        answer = read_callback(typed)
    except InvalidInputError as wrong:
        answer = wrong.reason.key
    assert answer == typed.strip() or answer.startswith("typed.callback")


def test_the_first_card_with_defaults():
    """Without other input, copies stay, the lifetime is 12 months, and the profile is ARTICLE."""
    asked = Channel(MAILBOX, **RIGHT, keep_copy=True, lifetime_months=12, profile=Profile.ARTICLE)
    assert read_details(Channel(MAILBOX), RIGHT) == ChannelForm(asked, {})


def test_the_first_card_with_everything():
    """The form takes the mailbox if the command did not name it, and it ignores unknown inputs."""
    values = RIGHT | {
        "mailbox": "Support@contoso.com",
        "lifetime": "6",
        "keep_copy": "no",
        "profile": "least",
        "x": "y",
    }
    asked = Channel(MAILBOX, **RIGHT, keep_copy=False, lifetime_months=6, profile=Profile.LEAST)
    assert read_details(Channel(""), values) == ChannelForm(asked, {})


@pytest.mark.parametrize(
    ("typed", "kept"), [("yes", True), ("true", True), ("no", False), ("false", False)]
)
def test_whether_a_copy_stays(typed: str, kept: bool):
    """The field for copies takes the card's yes and no, and true and false from some clients."""
    found = read_details(Channel(MAILBOX), RIGHT | {"keep_copy": typed})
    assert found == ChannelForm(replace(Channel(MAILBOX), **RIGHT, keep_copy=kept), {})


@pytest.mark.parametrize("typed", ["", "maybe", "No", "0", "null", "['no']"])
def test_a_copy_that_is_neither(typed: str):
    """In the field for copies, an answer that is neither yes nor no is an error."""
    assert read_details(Channel(MAILBOX), RIGHT | {"keep_copy": typed}) == ChannelForm(
        None, {"keep_copy": Text("typed.keep_copy")}
    )


@pytest.mark.parametrize(
    ("typed", "read"), [("", ""), ("  ", ""), (" Agent@Contoso.com ", "agent@contoso.com")]
)
def test_the_delegate_may_stay_unnamed(typed: str, read: str):
    """The delegate's field may be empty, because only a shared mailbox has a delegate.

    The first card does not know yet which kind of mailbox it is for.
    """
    found = read_details(Channel(MAILBOX), RIGHT | {"delegate": typed})
    assert found.channel is not None
    assert found.channel.delegate == read


def test_a_delegate_that_is_no_address():
    """A delegate that is typed must be an address."""
    found = read_details(Channel(MAILBOX), RIGHT | {"delegate": "agent"})
    assert (found.channel, found.errors) == (None, {"delegate": Text("typed.no_at")})


def test_a_mailbox_that_was_named_cannot_be_changed():
    """The mailbox that the command names counts, and a forged input cannot replace it."""
    found = read_details(Channel(MAILBOX), RIGHT | {"mailbox": "ceo@contoso.com"}).channel
    assert found == replace(Channel(MAILBOX), **RIGHT)


def test_every_wrong_field_is_named_at_once():
    """Every wrong field is named at once, so people do not correct them one by one."""
    values = {
        "lifetime": "99",
        "profile": "all",
        "keep_copy": "maybe",
        "forwarding_address": MAILBOX,
        "callback_url": "http://x.y/callback",
    }
    same = {name: name for name in ("lifetime", "profile", "keep_copy")}
    keys = {"callback_url": "callback_https", "forwarding_address": "forwarding_is_mailbox", **same}
    assert read_details(Channel(MAILBOX), values) == ChannelForm(
        None, {name: Text(f"typed.{key}") for name, key in keys.items()}
    )


@drawn(
    st.dictionaries(
        st.sampled_from(
            ["mailbox", "callback_url", "forwarding_address", "lifetime", "keep_copy", "profile"]
        ),
        st.text(),
    )
)
def test_any_inputs_are_details_or_errors(values: dict[str, str]):
    """Any inputs give either a channel or errors, never both and never neither."""
    found = read_details(Channel(""), values)
    assert (found.channel is None) is bool(found.errors)
