"""Form of a text: if it is wrapped, quoted, encoded or within other text, it is read the same."""

from __future__ import annotations

import base64
import html
import quopri
import textwrap
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from bench.error_reports import reports
from jobs.causes.files import text_of
from jobs.causes.reader import read

TEXTS = [each.text for each in reports()]
HEAD = "From: a@example.org\nTo: b@example.org\nSubject: It fails\nMIME-Version: 1.0\n"


def wrapped(text: str, width: int = 66) -> str:
    """Return the text as a mail program wraps it, between words.

    A word that is cut in two cannot be recognized.
    """
    wrap = textwrap.TextWrapper(width, break_long_words=False).wrap
    return "\n".join("\n".join(wrap(line)) for line in text.splitlines())


def quoted(text: str) -> str:
    """Return the text as a reply to a reply quotes it."""
    return "\n".join(f"> > {line}" for line in wrapped(text, 60).splitlines())


def paragraphs(text: str) -> str:
    """Return the text in paragraphs of HTML, as in a mail."""
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in text.splitlines())
    return f"<html><head><style>p {{color: red}}</style></head><body>{lines}</body></html>"


def line_breaks(text: str) -> str:
    """Return the text in HTML with line breaks and non-breaking spaces, as in a browser's form."""
    return f"<div>{html.escape(text)}</div>".replace("\n", "<br/>").replace(" ", "&nbsp;")


def in_german(text: str) -> str:
    """Return the text with a person's German words around it."""
    return f"Hallo,\n\nseit gestern kommt diese Meldung:\n\n{text}\n\nViele Grüße\nAnna"


def quoted_printable(text: str) -> str:
    """Return a mail that has the text in quoted-printable."""
    body = quopri.encodestring(text.encode()).decode()
    return f"{HEAD}Content-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8\n\n{body}"


def in_base64(text: str) -> str:
    """Return a mail that has the text as HTML in base64."""
    body = base64.encodebytes(paragraphs(text).encode()).decode()
    return (
        f"{HEAD}Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{body}"
    )


FORMS: list[Callable[[str], str]] = [
    wrapped,
    quoted,
    paragraphs,
    line_breaks,
    in_german,
    quoted_printable,
    in_base64,
]


def meant(text: str) -> tuple[bool, frozenset[tuple[str, bool]]]:
    """Return whether the text is about the bot's services, and each cause with its certainty."""
    reading = read(text)
    return reading.ours, frozenset((each.cause, each.certain) for each in reading.causes)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(TEXTS), st.sampled_from(FORMS))
def test_the_form_changes_nothing(text: str, form: Callable[[str], str]):
    """A report has one reading, whatever its form is."""
    assert meant(form(text)) == meant(text)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.sampled_from(TEXTS), st.integers(40, 120))
def test_the_width_changes_nothing(text: str, width: int):
    """A wrapped text has the same reading for any width of its lines."""
    assert meant(wrapped(text, width)) == meant(text)


@pytest.mark.slow
@pytest.mark.parametrize("form", [quoted_printable, in_base64])
@pytest.mark.parametrize("text", TEXTS[:4])
def test_a_mail_reads_as_its_text(text: str, form: Callable[[str], str]):
    """A mail has the same reading as its text, as a file and also if its source is pasted."""
    assert meant(text_of(form(text).encode()).text) == meant(form(text)) == meant(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=3000))
def test_any_text_is_read(text: str):
    """No text makes the reader fail, and a cause always has its code or words."""
    assert all(each.cause and each.code for each in read(text).causes)


@pytest.mark.slow
def test_a_long_text_is_cut_and_says_so():
    """A text is read up to 64 kB, and its reading says if the text was cut."""
    error = "AADSTS7000222: The provided client secret keys are expired."
    assert (read(error + "x" * 70_000).cut, read(error).cut) == (True, False)
    assert [each.cause for each in read(error + " " * 70_000).causes] == ["client_secret_expired"]
