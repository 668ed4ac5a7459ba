"""The file for Cisco TAC, made from a space that has chosen another language and time zone."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

from adaptive_cards.locale import Locale, drawn_for
from bot.actions import actions
from tests.unit.bot.commands.typed_commands import MAILBOX, proven, sent, type_


def test_the_file_is_in_english_and_the_card_is_not(anna, webex_script):
    """The file is in English and UTC for Cisco TAC, and the card is in the person's language."""
    proven(anna)
    ctx = replace(anna, thread="thread-1")
    with drawn_for(Locale("de", "Europe/Berlin")):
        type_(ctx, "tac", MAILBOX)
        actions()["tac"](ctx, {"channel": MAILBOX})
    posts = sent(webex_script)
    (file,) = [body["files"] for body in posts if "files" in body]
    with zipfile.ZipFile(io.BytesIO(file)) as bundle:
        summary = bundle.read("summary.md").decode()
    assert "# Email channel support@contoso.com: case for Cisco TAC" in summary
    assert "Die Datei für Cisco TAC ist in diesem Thread" in str(posts[-1])
