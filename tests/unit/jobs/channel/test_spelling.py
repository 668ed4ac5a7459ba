"""Characters that look like others, and labels that mix scripts."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from jobs.channel import form

CYRILLIC_O = "\u043e"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\uff53upport", "support"),
        ("\u017fupport", "support"),
        ("\ufb01", "fi"),
        ("contoso\u3002com", "contoso.com"),
        ("contoso\uff61com", "contoso.com"),
        ("contoso\uff0ecom", "contoso.com"),
        ("m\u00fcller", "m\u00fcller"),
        ("mu\u0308ller", "m\u00fcller"),
    ],
)
def test_plain(text: str, plain: str):
    """A lookalike character is replaced, and a letter with an accent is kept."""
    assert (form.plain(text), form.stand_ins(text) != "") == (plain, "\u00fc" not in plain)


@pytest.mark.parametrize(
    ("text", "mixed"),
    [
        ("imiconnect.io", ""),
        (f"imic{CYRILLIC_O}nnect.io", f"imic{CYRILLIC_O}nnect"),
        (f"supp{CYRILLIC_O}rt@contoso.com", f"supp{CYRILLIC_O}rt"),
        ("a.xn--imicnnect-32h.io", f"imic{CYRILLIC_O}nnect"),
        ("\u03b1pple.com", "\u03b1pple"),
        ("\u043f\u043e\u0447\u0442\u0430.\u0440\u0444", ""),
        ("\u0438\u0432\u0430\u043d@contoso.com", ""),
        ("\u65e5\u672c\u8a9e\u30ab\u30ca\u304b\u306amail.jp", ""),
        ("\u30e1\u30fc\u30eb.jp", ""),
        ("\ud55c\u56fdmail.kr", ""),
        ("\ud55c\u30ab.kr", "\ud55c\u30ab"),
        ("m\u00fcller-2.de", ""),
        ("xn--broken-.io", ""),
    ],
)
def test_mixed_scripts_of_one_label(text: str, mixed: str):
    """One label has one script, or those that Japanese, Chinese and Korean write together.

    Two labels of a host may have two scripts. Punycode counts as what it is displayed as.
    """
    assert form.mixed_label(text) == mixed


def test_a_strange_letter_is_named():
    """A letter that is not of the label's usual script is named with its number."""
    found = form.strange_letters(f"imic{CYRILLIC_O}nnect")
    assert found == f"{CYRILLIC_O} (Cyrillic U+043E)"
    assert form.letters_beyond_ascii("abc1") == ""


@pytest.mark.parametrize(
    ("host", "ascii_host", "displayed"),
    [
        ("contoso.com", "contoso.com", "contoso.com"),
        ("m\u00fcnchen.de", "xn--mnchen-3ya.de", "m\u00fcnchen.de"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de", "m\u00fcnchen.de"),
        ("xn--broken-.de", "xn--broken-.de", "xn--broken-.de"),
        ("\u2028.de", "\u2028.de", "\u2028.de"),
    ],
)
def test_both_spellings_of_a_host(host: str, ascii_host: str, displayed: str):
    """A host has one spelling in ASCII and one for display.

    A host that cannot be converted stays as it is.
    """
    assert (form.as_ascii(host), form.as_displayed(host)) == (ascii_host, displayed)


@drawn(st.text())
def test_any_text_has_a_spelling(text: str):
    """No text raises an error, and a plain spelling has no lookalike characters."""
    form.mixed_label(text)
    form.as_displayed(text)
    form.strange_letters(text)
    form.as_ascii(text)
    assert form.stand_ins(form.plain(form.plain(text))) == ""


@pytest.mark.parametrize(
    ("sign", "script"),
    [
        ("\u03b1", "GREEK"),
        ("\u05d0", "HEBREW"),
        ("\u304b", "HIRAGANA"),
        ("\u30ab", "KATAKANA"),
        ("\u30fc", "KATAKANA"),
        ("\u3005", "CJK"),
        ("\u4e00", "CJK"),
        ("1", ""),
        ("\u0301", ""),
    ],
)
def test_the_script_of_a_character(sign: str, script: str):
    """A letter has the script of its name; a digit and an accent belong to every script."""
    assert form.scripts_of(sign) == ({script} if script else set())
