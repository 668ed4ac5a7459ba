"""Call Back URLs that can be read in two ways, or lead to no host of Webex Connect."""

from __future__ import annotations

import pytest

from adaptive_cards.texts import render
from jobs.channel.form import LONGEST_URL, InvalidInputError, fault_in, read_callback

CYRILLIC_O = "\u043e"


@pytest.mark.parametrize(
    "url",
    [
        "https://uk.webexconnect.io/callback",
        "https://eu.webexconnect.io:8443/a/b/callback",
        "https://eu.webexconnect.io:443/callback",
        "http://localhost:9002/callback",
        "https://localhost/callback",
        "https://CONTOSO.us.webexconnect.io/a%20b/callback",
        "https://m\u00fcnchen.example/callback",
    ],
)
def test_what_can_be_a_callback(url: str):
    """A valid Call Back URL is kept exactly as typed, because Entra compares it byte by byte."""
    assert (fault_in(url), read_callback(f" {url} ")) == (None, url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "missing"),
        ("https://uk.webexconnect.io/" + "x" * LONGEST_URL + "/callback", "long"),
        ("https://uk.webexconnect.io/call back", "spaces"),
        ("https://uk.webexconnect.io/\u200bcallback", "spaces"),
        ("https://uk.webexconnect.io/\tcallback", "spaces"),
        ("https://uk.webexconnect.io/\u202ecallback", "spaces"),
        ("https://\uff55k.webexconnect.io/callback", "lookalike"),
        ("https://uk.webexconnect\u3002io/callback", "lookalike"),
        ("http://uk.webexconnect.io/callback", "https"),
        ("uk.webexconnect.io/callback", "https"),
        ("ftp://localhost/callback", "https"),
        ("https:///callback", "no_url"),
        ("call me back", "no_url"),
        ("https://user@uk.webexconnect.io/callback", "user"),
        ("https://user:pw@uk.webexconnect.io/callback", "user"),
        ("https://uk.webexconnect.io\\@evil.example/callback", "user"),
        ("https://169.254.169.254/callback", "ip"),
        ("https://8.8.8.8/callback", "ip"),
        ("https://127.0.0.1/callback", "ip"),
        ("http://127.0.0.1:9002/callback", "ip"),
        ("https://127.1/callback", "ip"),
        ("https://2130706433/callback", "ip"),
        ("https://0x7f.0x1/callback", "ip"),
        ("https://[::1]/callback", "ip"),
        ("https://[::1/callback", "ip"),
        ("https://intranet/callback", "host"),
        ("https://a..b/callback", "host"),
        ("https://uk.webexconnect.io./callback", "host"),
        ("https://-a.webexconnect.io/callback", "host"),
        ("https://a%2eb.io/callback", "host"),
        (f"https://imic{CYRILLIC_O}nnect.io/callback", "mixed"),
        ("https://xn--imicnnect-32h.io/callback", "mixed"),
        ("https://uk.webexconnect.io:99999/callback", "port"),
        ("https://uk.webexconnect.io:0/callback", "port"),
        ("https://uk.webexconnect.io:/callback", "port"),
        ("https://uk.webexconnect.io:x/callback", "port"),
        ("https://uk.webexconnect.io/callback?x=1", "query"),
        ("https://uk.webexconnect.io/callback?", "query"),
        ("https://uk.webexconnect.io/callback#x", "fragment"),
        ("https://uk.webexconnect.io/callback#", "fragment"),
        ("https://evil.example/](https://x)/callback", "signs"),
        ("https://uk.webexconnect.io/%zz/callback", "signs"),
        ("https://uk.webexconnect.io/\u0431/callback", "signs"),
        ("https://uk.webexconnect.io/callback/../callback", "dots"),
        ("https://uk.webexconnect.io/./callback", "dots"),
        ("https://uk.webexconnect.io/%2e%2e/callback", "dots"),
        ("https://uk.webexconnect.io/%2e%2e%2fcallback", "dots"),
        ("https://uk.webexconnect.io/callback/", "path"),
        ("https://uk.webexconnect.io/", "path"),
    ],
)
def test_what_is_no_callback(url: str, why: str):
    """Each kind of invalid Call Back URL is refused with its own sentence, which can be shown."""
    with pytest.raises(InvalidInputError) as wrong:
        read_callback(url)
    assert wrong.value.reason.key == f"typed.callback_{why}"
    assert render(wrong.value.reason)


def test_the_sentence_names_what_is_wrong():
    """The error names a letter of another script with its number, and offers a plain spelling."""
    mixed, look = (
        fault_in(f"https://imic{CYRILLIC_O}nnect.io/callback"),
        fault_in("https://\uff55k.io/callback"),
    )
    assert mixed is not None
    assert look is not None
    assert f"{CYRILLIC_O} (Cyrillic U+043E)" in render(mixed)
    assert "https://uk.io/callback" in render(look)
