"""Quoting of values in the PowerShell commands that people may paste."""

from __future__ import annotations

import pytest

from jobs.microsoft.exchange import quoted


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("support@contoso.com", "support@contoso.com"),
        ("a.b+c-d_e:1@x.io", "a.b+c-d_e:1@x.io"),
        ("J\u00fcrgen", "J\u00fcrgen"),
        ("Jane Doe", "'Jane Doe'"),
        ("o'brien@contoso.com", "'o''brien@contoso.com'"),
        ("O\u2019Brien", "'O\u2019\u2019Brien'"),
        ("-From", "'-From'"),
        ("@x", "'@x'"),
        ("$null", "'$null'"),
        ("a;b", "'a;b'"),
        ("", "''"),
    ],
)
def test_what_means_something_to_powershell_is_quoted(value: str, shown: str):
    """Values with spaces, symbols or a leading hyphen are quoted.

    Every kind of single quote is doubled.
    """
    assert quoted(value) == shown
