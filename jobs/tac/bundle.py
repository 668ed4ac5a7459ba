"""Archive for Cisco TAC (T3): a ZIP file with all that is known about a channel, without secrets.

Texts are keys, as everywhere in ``jobs``. The caller passes ``say``, which returns a text, or an
empty string for an unknown key.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from jobs.redact import Redactor
from jobs.tac import pages
from jobs.tac.case import Say, TacCase
from jobs.tac.pages import summary

TYPE = "application/zip"


@dataclass(frozen=True, slots=True)
class Bundle:
    """ZIP archive for Cisco TAC, with its name and the names of its files."""

    name: str
    files: tuple[str, ...]
    content: bytes = field(repr=False)


def bundle(matter: TacCase, say: Say, redactor: Redactor) -> Bundle:
    """Return the archive; a redactor removes secrets from texts, not from a screenshot."""
    files = {name: text.encode() for name, text in _texts(matter, say, redactor).items()}
    if matter.picture is not None:
        files[f"screenshot.{matter.picture.ending}"] = matter.picture.content
    mailbox = re.sub(r"[^a-z0-9]+", "-", matter.channel.mailbox.lower()).strip("-")
    return Bundle(
        f"tac-{mailbox}-{matter.at:%Y%m%d-%H%MZ}.zip", tuple(files), _zipped(files, matter.at)
    )


def _texts(matter: TacCase, say: Say, redactor: Redactor) -> dict[str, str]:
    findings = {
        name: past and pages.found(past.run, say) for name, past in matter.histories.items()
    }
    history = {
        name: past and {"run": past.run.id, "events": msgspec.to_builtins(past.events)}
        for name, past in matter.histories.items()
    }
    written = {
        "summary.md": summary(matter, say),
        "findings.md": pages.findings(matter, say),
        "smtp-transcript.txt": pages.transcripts(matter, say),
    }
    return {
        **{name: redactor.text(text) for name, text in written.items()},
        "findings.json": _json(redactor.data(findings)),
        "history.json": _json(redactor.data(history)),
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _zipped(files: dict[str, bytes], at: datetime) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, at.timetuple()[:6])
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            opened.writestr(entry, content)
    return archive.getvalue()
