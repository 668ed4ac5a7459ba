"""Archive for Cisco TAC: a ZIP file with all that is known about a channel, without secrets.

It has pages for people, findings and events for machines, and the SMTP dialogues. Texts are keys,
as everywhere in ``jobs``. The caller passes ``say``, which returns a text, or an empty string for an
unknown key.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from jobs.checks import check
from jobs.contact_center.webex_org_id import normalize
from jobs.model import Channel, Finding, Person, Text
from jobs.redact import Redactor
from jobs.runs.run import Event, Run
from jobs.steps import steps_of
from jobs.steps.connect_form import token_at

TYPE = "application/zip"
Say = Callable[[Text], str]
"""Function that returns a text of the catalog, or an empty string for an unknown key."""


@dataclass(frozen=True, slots=True)
class Screenshot:
    """Screenshot as a person posted it; ``ending`` is png, jpg or gif."""

    ending: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RunHistory:
    run: Run
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class TacCase:
    """Data of a case for Cisco TAC: the newest check, and the setup that connected the mailbox.

    The requester ``by`` has told the IDs, as Webex Connect shows them, and the symptoms ``seen``.
    ``looked`` are the places of a search for missing mail, each with what was seen there.
    """

    channel: Channel
    by: Person
    at: datetime
    resource_id: str = ""
    transaction_id: str = ""
    seen: str = ""
    looked: tuple[tuple[str, str], ...] = ()
    setup: RunHistory | None = None
    check: RunHistory | None = None
    picture: Screenshot | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """ZIP archive for Cisco TAC, with its name and the names of its files."""

    name: str
    files: tuple[str, ...]
    content: bytes = field(repr=False)


def bundle(matter: TacCase, say: Say, redactor: Redactor) -> Bundle:
    """Return the archive; a redactor removes secrets from texts, not from a screenshot."""
    files = {name: text.encode() for name, text in Pages(matter, say).texts(redactor).items()}
    if matter.picture is not None:
        files[f"screenshot.{matter.picture.ending}"] = matter.picture.content
    mailbox = re.sub(r"[^a-z0-9]+", "-", matter.channel.mailbox.lower()).strip("-")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for each, content in files.items():
            opened.writestr(each, content)
    name = f"tac-{mailbox}-{matter.at:%Y%m%d-%H%MZ}.zip"
    return Bundle(name, tuple(files), archive.getvalue())


WORST_FIRST = ("wrong", "possible", "warning", "unknown", "waiting", "ok", "skipped")


class Pages:
    """Pages of a case in the words of ``say``."""

    def __init__(self, matter: TacCase, say: Say) -> None:
        self.matter, self.say = matter, say
        self.past = {"check": matter.check, "setup": matter.setup}
        self.runs = {name: past.run for name, past in self.past.items() if past}

    def texts(self, redactor: Redactor) -> dict[str, str]:
        """Return the files without secrets, by their names."""
        found = {name: each and self._data(each.run) for name, each in self.past.items()}
        events = {
            name: each and {"run": each.run.id, "events": msgspec.to_builtins(each.events)}
            for name, each in self.past.items()
        }
        dialogues = "\n\n".join(self._dialogues()) or self.words("no_transcript")
        pages = {
            "summary.md": self._summary(),
            "findings.md": self._findings(),
            "smtp-transcript.txt": f"{dialogues}\n",
        }
        clean = {name: redactor.text(page) for name, page in pages.items()}
        for name, data in {"findings.json": found, "history.json": events}.items():
            clean[name] = json.dumps(redactor.data(data), indent=2, ensure_ascii=False) + "\n"
        return clean

    def words(self, name: str, **values: str) -> str:
        return self.say(Text(f"tac.file.{name}", values))

    def _text_or_key(self, words: Text | None) -> str:
        return (self.say(words) or words.key) if words else ""

    def _title(self, finding: Finding) -> str:
        return self.say(Text(f"step.{finding.step}")) or finding.step

    def _data(self, run: Run) -> dict[str, object]:
        items = [
            {
                **msgspec.to_builtins(finding),
                "row": _article_row(run, finding),
                "title": self._title(finding),
                "seen_text": self._text_or_key(finding.seen),
                "expected_text": self._text_or_key(finding.expected),
                "found_at": _utc_text(run.found_at[finding.step]),
            }
            for finding in run.findings.values()
        ]
        return {"run": run.id, "kind": run.kind, "opened": _utc_text(run.opened), "findings": items}

    def _findings(self) -> str:
        parts: list[str] = []
        for name in self.past:
            run = self.runs.get(name)
            named = {"run": run.id, "at": _utc_text(run.opened)} if run else {"run": "-", "at": "-"}
            found = run.findings.values() if run else ()
            ordered = sorted(found, key=lambda finding: WORST_FIRST.index(finding.state))
            said = ["\n".join(self._lines(run, finding)) for finding in ordered if run]
            heading = self.words(f"of_{name}", **named)
            parts += [f"# {heading}", *(said or [self.words(f"no_{name}")])]
        return "\n\n".join(parts) + "\n"

    def _lines(self, run: Run, finding: Finding) -> Iterator[str]:
        cause = finding.cause
        yield f"## {_article_row(run, finding)} {self._title(finding)} ({finding.state})"
        yield ""
        told = {
            "seen": self._text_or_key(finding.seen),
            "expected": self._text_or_key(finding.expected),
            "cause": cause and f"{cause}. {self.say(Text(f'cause.{cause}'))}".strip(),
            "remedy": cause and self.say(Text(f"remedy.{cause}")),
            **{name: value for name, value in finding.facts.items() if value},
            **finding.signals.texts(),
            "found_at": _utc_text(run.found_at[finding.step]),
        }
        for name, value in told.items():
            if value:
                yield f"- {self.words(name) or name}: {_one_line(value)}"
        for item in finding.evidence:
            if item.kind != "transcript":
                yield f"- {item.kind}: `{_one_line(item.text)}`"

    def _summary(self) -> str:
        matter, channel, none = self.matter, self.matter.channel, self.words("none")
        # a fix since the setup may have made another app: the check knows that of the newest token
        ids = (run.brief.client_id or run.fact("client_id") for run in self.runs.values())
        values = {
            "mailbox": channel.mailbox,
            "resource_id": matter.resource_id,
            "transaction_id": matter.transaction_id,
            "org_id": _organization(matter.by.org_id),
            "tenant_id": self._fact("tenant_id") or channel.tenant_id,
            "client_id": next(filter(None, ids), ""),
            "app_name": self._fact("app_name"),
            "forwarding_address": channel.forwarding_address,
            "callback_url": channel.callback_url,
            "asked_by": matter.by.email,
            "screenshot": f"screenshot.{matter.picture.ending}" if matter.picture else "",
        }
        said = "\n".join(f"> {each}" for each in matter.seen.strip().splitlines()) or none
        looked = (
            f"### {self.say(Text(f'search.title_{place}'))}\n\n> {_one_line(seen) or none}"
            for place, seen in matter.looked
        )
        parts = {
            "said": "\n\n".join((said, *looked)),
            "verdict": "\n".join(self._verdict()) or self.words("no_cause"),
            "changed": "\n".join(self._changed()) or self.words("no_changes"),
            "times": self._list(self._times()),
        }
        title = f"# {self.words('title', mailbox=channel.mailbox)}"
        titled = (f"## {self.words(name)}\n\n{part}" for name, part in parts.items())
        return "\n\n".join((title, self._list(values), *titled, self.words("redacted") + "\n"))

    def _fact(self, name: str) -> str:
        return next(filter(None, (run.fact(name) for run in self.runs.values())), "")

    def _list(self, values: Mapping[str, str]) -> str:
        none = self.words("none")
        lines = (f"- {self.words(n)}: {_one_line(value) or none}" for n, value in values.items())
        return "\n".join(lines)

    def _dialogues(self) -> Iterator[str]:
        """Yield the SMTP dialogues line by line; the bot never kept the credentials in them."""
        for name, run in self.runs.items():
            for step, finding in run.findings.items():
                if lines := [item.text for item in finding.evidence if item.kind == "transcript"]:
                    head = f"{name} {run.id}, {step}, {_utc_text(run.found_at[step])}"
                    yield "\n".join((head, *lines))

    def _verdict(self) -> Iterator[str]:
        run = self.runs.get("check")
        if run is None or run.checked is None:
            yield self.words("no_check")
            return
        verdict = check.verdict_of(run)
        for finding in map(verdict.weighed.__getitem__, verdict.causes):
            words = self.say(Text(f"cause.{finding.cause}")) or self._title(finding)
            yield f"- {_article_row(run, finding)} {words} ({finding.cause or finding.step})"

    def _changed(self) -> Iterator[str]:
        run = self.runs.get("check")
        found = run.findings.get("connect_changes") if run else None
        for change in found.signals.changes if found else ():
            key = "changed_failed_line" if change.failed else "changed_line"
            values = {"event": change.event, "by": change.by, "told": change.told}
            yield f"- {_one_line(self.words(key, at=_utc_text(change.at), **values))}"

    def _times(self) -> dict[str, str]:
        check, setup = self.runs.get("check"), self.runs.get("setup")
        times = {
            "made": self.matter.at,
            "checked": check and check.checked,
            "connected": setup and setup.ended_at,
            "token_saved": (check and check.brief.token_at) or (setup and token_at(setup)),
        }
        return {name: _utc_text(at) if at else "" for name, at in times.items()}


def _utc_text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _article_row(run: Run, finding: Finding) -> str:
    step = (check.checks_of(run) | steps_of(run)).get(finding.step)
    return step.article_row if step else "-"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _organization(org_id: str) -> str:
    found = normalize(org_id)
    return org_id if found == org_id else f"{found} ({org_id})"
