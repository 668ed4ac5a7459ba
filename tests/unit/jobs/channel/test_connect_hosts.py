"""Hosts and addresses of Webex Connect."""

from __future__ import annotations

import pytest

from jobs.channel.connect_hosts import addresses_in, is_callback, is_forwarding_address


@pytest.mark.parametrize(
    ("url", "callback"),
    [
        ("https://contoso.us.webexconnect.io/callback", True),
        ("https://cl1pod7.imiconnect.io/callback", True),
        ("https://contoso.imiconnect.eu/callback", True),
        ("https://CONTOSO.us.WebexConnect.io/callback", True),
        ("https://oauth.contoso.us.webexconnect.io/callback", False),
        ("http://contoso.us.webexconnect.io/callback", False),
        ("https://contoso.us.webexconnect.io/login", False),
        ("https://webexconnect.io.evil.example/callback", False),
        ("https://notwebexconnect.io/callback", False),
        ("https://portal.contoso.com/callback", False),
        ("", False),
    ],
)
def test_callbacks(url: str, callback: bool):
    """A redirect URI is a Call Back URL by its host and path; a custom node has a host of its own."""
    assert is_callback(url) is callback


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("4475e4a8@mail-us.imiconnect.io", True),
        ("alias@forward.webexconnect.io", True),
        ("x@mail-uk.webexconnect.com", True),
        ("help@partner.example", False),
        ("x@imiconnect.io.evil.example", False),
        ("", False),
    ],
)
def test_forwarding_addresses(address: str, ours: bool):
    """Only a host of Webex Connect takes the copies."""
    assert is_forwarding_address(address) is ours


def test_addresses_in_the_text_of_a_rule():
    """A rule names its recipients with a display name and a prefix."""
    text = '"Webex" [SMTP:ab12@mail-us.imiconnect.io], "Kim" [SMTP:kim@contoso.com]'
    assert addresses_in(text) == ["ab12@mail-us.imiconnect.io"]
