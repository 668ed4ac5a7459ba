"""Command ``trial``: looks up, without a change, what the bot takes to be true of the real services.

The assumptions are in assumptions.toml. The report has a line for each; the file has the answers as
recordings that can be shown to everybody: shapes and codes only (:func:`shape`).

``trial --with-mailbox`` also sets a test mailbox up and undoes that, at the terminal. The runs are
like those of ``/setup-email`` and ``/undo``: Redis and the audit trail have every change before it
is made. If this process ends too early, the next one first undoes what is left.
"""

import asyncio
import json
import re
import secrets
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt

from adaptive_cards.texts import render
from bot import table
from bot.queue import connect
from bot.queue.health import seen_workers
from bot.services import Services
from bot.settings import BotSettings
from bot.web.oauth import FLOWS, Flow
from jobs.access.tenants import app_token
from jobs.advance import advance
from jobs.channel.form import read_details
from jobs.channel.mailbox import foreign_hosts
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.clouds.http import client_of
from jobs.clouds.json_values import as_dict, parsed, with_low_keys
from jobs.contact_center.services import token_header
from jobs.engine.undo import ids_of, recall
from jobs.mail.smtp_login import login_probe
from jobs.microsoft.exchange import SYSTEM_MAILBOX
from jobs.microsoft.graph import instant
from jobs.microsoft.scopes import exchange_scope, graph_default
from jobs.microsoft.tokens import roles_in
from jobs.model import Channel, Person, RunKind, State
from jobs.next_action import blocking_steps
from jobs.probes.outside import exchangers
from jobs.redact import GONE, Redactor
from jobs.runs.run import FOREIGN_HOSTS, UNDOES, Event, Kind, Origin, Run
from jobs.runs.run_store import AlreadyRunningError
from jobs.runtime import install, no_listener
from jobs.settings import Settings
from jobs.steps import CHECK_LOGIN, all_steps, steps_of
from jobs.storage import generation
from jobs.storage.vault import Sealed

Json = dict[str, Any]
_TABLE = table(__file__, "assumptions")
UNSEEN = frozenset({401, 403, 429})  # and those from 500 on say nothing about an assumption


class Verdict(StrEnum):
    HOLDS = "holds"
    FAILS = "does not hold"
    UNSEEN = "could not be looked at"


@dataclass(frozen=True, slots=True)
class Assumption:
    """Row of the table, whose first lines say what each field means."""

    name: str
    section: str
    cloud: str
    expect: tuple[str, ...]
    path: str = ""
    method: str = "GET"
    body: Json | None = None
    cmdlet: str = ""
    parameters: Json = field(default_factory=dict)
    status: int = 200
    unseen: tuple[int, ...] = ()
    anonymous: bool = False

    @property
    def request(self) -> Json:
        """Return the request as the table has it, with names in place of the tenant's values."""
        path, _, query = self.path.partition("?")
        if self.cmdlet:
            body = {"CmdletInput": {"CmdletName": self.cmdlet, "Parameters": self.parameters}}
            path = "/adminapi/beta/{tenant}/InvokeCommand"
            return {"method": "POST", "path": path, "query": "", "body": body}
        return {"method": self.method, "path": path, "query": query, "body": self.body}


ASSUMPTIONS = tuple(Assumption(**row) for row in _TABLE["assumption"])


class UnseenError(Exception):
    """Error because nothing can be said about an assumption; the text says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one assumption; ``document`` is empty without an answer."""

    assumption: Assumption
    verdict: Verdict
    told: str
    document: Json


@dataclass
class Trial:
    """Requests with the operator's own credentials; ``domain`` is a mail domain of the tenant."""

    bot: BotSettings
    work: Settings
    domain: str
    http: httpx.Client
    _tokens: dict[str, tuple[str, str]] = field(default_factory=dict)

    def look(self) -> Iterator[Seen]:
        for each in ASSUMPTIONS:
            document: Json = {}
            try:
                document = self._asked(each)
                yield Seen(each, *judged(each, document), document)
            except UnseenError as error:
                yield Seen(each, Verdict.UNSEEN, str(error), document)

    def private(self) -> tuple[str, ...]:
        """Return what the file must not show, whatever the services answered."""
        bot, work = self.bot, self.work
        hosts = (httpx.URL(url).host for url in (bot.public_url, work.connect_audit_url))
        names = (self.domain, work.probe_from, work.contact_center_org, work.microsoft_client_id)
        held = (bot.webex_access_token, work.microsoft_client_secret, work.contact_center_token)
        tokens = (work.connect_audit_token, *(token for token, _ in self._tokens.values()))
        return (*hosts, *names, self._tenant, *held, *tokens)

    def _asked(self, row: Assumption) -> Json:
        if row.cloud == "smtp":
            probe = asyncio.run(login_probe(self.work.smtp_server, "", ""))
            if probe.failed_phase == "connect":
                raise UnseenError("no connection")
            return {"status": 200, "text": "\n".join(probe.transcript)}
        if row.cloud == "dns":
            hosts = asyncio.run(exchangers(self.domain))
            if hosts is None:
                raise UnseenError("no resolver answers")
            return {"status": 200, "body": {"mx": hosts}}
        if row.cloud == "token":
            claims = jwt.decode(self._token(row.path), options={"verify_signature": False})
            return {"status": 200, "body": claims}
        return self._sent(row)

    def _sent(self, row: Assumption) -> Json:
        base = {
            "webex": self.bot.webex_api_url,
            "status": self.work.status_url,
            "entra": self.work.login_url,
            "graph": self.work.graph_url,
            "exchange": self.work.exchange_url,
            "contact-center": self.work.contact_center_org and self.work.contact_center_url,
            "connect-audit": self.work.connect_audit_url,
        }[row.cloud]
        if base in {"", "off"}:
            raise UnseenError("not set up here")
        headers = {} if row.anonymous else self._headers(row.cloud)
        request = self._filled(row.request)
        method, body, query = request["method"], request["body"], request["query"]
        url = base + request["path"] + (f"?{query}" if query else "")
        try:
            with self.http.stream(method, url, json=body, headers=headers) as answer:
                try:
                    content = answer.read()
                except httpx.DecodingError:  # another encoding than it claims (microsoft.md 3.5)
                    content = b""
                return {"status": answer.status_code, "body": parsed(content)}
        except httpx.HTTPError as error:
            raise UnseenError(f"no answer: {type(error).__name__}") from None

    def _headers(self, cloud: str) -> dict[str, str]:
        if cloud == "connect-audit":
            return token_header(self.work)
        if cloud in {"status", "entra"}:
            return {}
        bot, work = self.bot, self.work
        held = {"webex": bot.webex_access_token, "contact-center": work.contact_center_token}
        token = held[cloud] if cloud in held else self._token(cloud)
        anchor = {"X-AnchorMailbox": f"APP:{SYSTEM_MAILBOX}@{self._tenant}"}
        return {"Authorization": f"Bearer {token}"} | (anchor if cloud == "exchange" else {})

    def _token(self, cloud: str) -> str:
        """Return the app-only token for Graph or Exchange, which is asked for once.

        Raises:
            UnseenError: there is none, or the tenant grants the app nothing.
        """
        if cloud not in self._tokens:
            work, is_graph = self.work, cloud == "graph"
            scope = graph_default(work.graph_url) if is_graph else exchange_scope(work.exchange_url)
            try:
                token = app_token(work, self._tenant, scope)
                why = "" if roles_in(token) else "the tenant grants the bot's app nothing"
            except CloudError as error:
                token, why = "", f"no token: {error.cause} {told_codes(error.words)}".rstrip()
            self._tokens[cloud] = token, why
        token, why = self._tokens[cloud]
        if why:
            raise UnseenError(why)
        return token

    @cached_property
    def _tenant(self) -> str:
        """Return the tenant's id, or the domain if the login service does not say it."""
        row = next(each for each in ASSUMPTIONS if each.cloud == "entra")
        try:
            issuer = as_dict(self._asked(row).get("body")).get("issuer")
        except UnseenError:
            return self.domain
        found = UUID.search(str(issuer))
        return found[0] if found else self.domain

    def _filled(self, request: Json) -> Json:
        text = json.dumps(request)
        values = {
            "domain": self.domain,
            "tenant": self._tenant if "{tenant}" in text else "",
            "client_id": self.work.microsoft_client_id,
            "org": self.work.contact_center_org,
        }
        for name, days in (("now", 0), ("day_ago", 1), ("month_ago", 30), ("year_ago", 365)):
            moment = now() - timedelta(days=days)
            seconds = str(int(moment.timestamp()))
            values |= {name: instant(moment), f"{name}_s": seconds, f"{name}_ms": f"{seconds}000"}
        filled: Json = json.loads(re.sub(r"\{(\w+)\}", lambda name: values[name[1]], text))
        return filled


def judged(row: Assumption, document: Json) -> tuple[Verdict, str]:
    """Return what an answer shows of an assumption, and what came instead.

    Raises:
        UnseenError: the answer says nothing about it.
    """
    status, body = document["status"], document.get("body")
    if status != row.status:
        told = f"{status} {told_codes(json.dumps(body))}".rstrip()
        if status in UNSEEN | {*row.unseen} or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise UnseenError(told)
        return Verdict.FAILS, f"{told}, not {row.status}"
    empty, wrong = "", list[str]()
    for each in row.expect:
        place, operator, wanted = each.split(" ", maxsplit=2)
        found = values_at(document, place)
        if operator == "has":
            odd = set() if wanted in found else {f"lacks {wanted}"}
        else:
            odd = {_otherwise(operator, wanted, value) for value in found} - {""}
            empty = empty if found else place
        wrong += [f"{place} {told}" for told in sorted(odd)]
    if wrong:
        return Verdict.FAILS, "; ".join(wrong)
    if empty:
        raise UnseenError(f"nothing is in {empty}")
    return Verdict.HOLDS, ""


ABSENT = ...
"""Value of a place that an answer does not have."""
KINDS = {"NoneType": "null", "bool": "boolean", "str": "string"}
KINDS |= {"dict": "object", "list": "array", "ellipsis": "absent"}


def values_at(document: Any, place: str) -> list[Any]:
    values = [document]
    for part in place.split("."):
        name = part.removesuffix("[]").lower()
        values = [with_low_keys(each).get(name, ABSENT) for each in values]
        if part.endswith("[]"):
            lists = (each if isinstance(each, list) else [ABSENT] for each in values)
            values = [*chain.from_iterable(lists)]
    return values


def _otherwise(operator: str, wanted: str, value: Any) -> str:
    """Return what speaks against an expectation, without a value of the tenant."""
    kind = KINDS.get(type(value).__name__, "number")
    if (wanted if operator == "is" else operator).endswith("?") and kind in {"null", "absent"}:
        return ""
    if operator == "is":
        fits = value == [] if wanted == "empty" else kind == wanted.removesuffix("?")
        return "" if fits else f"is {kind}"
    if kind != "string":
        return f"is {kind}"
    if operator == "in":
        return "" if value in wanted.split("|") else "is another word"
    return "" if re.search(wanted, value) else "is another text"


UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TEXTS = {"id": UUID.pattern, "time": r"\d{4}-\d\d-\d\dT", "address": "@", "web address": "://"}
CODE, KEY, SMTP = (re.compile("|".join(_TABLE["shown"][each])) for each in ("code", "key", "smtp"))


_EXPECTED = [each.split(" ", maxsplit=2) for row in ASSUMPTIONS for each in row.expect]
WORDS = frozenset(word for place, _, _ in _EXPECTED for word in re.findall(r"\w+", place))
WORDS |= {word for _, _, wanted in _EXPECTED for word in wanted.split("|")}
"""Names and words that the table expects, the only texts that are shown."""


def told_codes(text: str) -> str:
    return " ".join(dict.fromkeys(CODE.findall(text)))


def shape(value: Any) -> Any:
    """Return an answer's JSON with its keys and types, and with words that anybody may read."""
    if isinstance(value, dict):
        kept = (key for key in value if key in WORDS or KEY.fullmatch(key))
        return {key: shape(value[key]) for key in kept}
    if isinstance(value, list):
        return list({json.dumps(each): each for each in map(shape, value[:100])}.values())[:3]
    if isinstance(value, str):
        return value if value in WORDS else _kind_and_codes(value)
    return value if value is None or isinstance(value, bool) else 0


def _kind_and_codes(text: str) -> str:
    kinds = (kind for kind, pattern in TEXTS.items() if re.search(pattern, text))
    return text and f"({next(kinds, 'text')} {told_codes(text)}".rstrip() + ")"


def _line(line: str) -> list[str]:
    """Return who sent a line of SMTP, and the line with its codes and keywords."""
    who, _, said = line.partition(": ")
    code = "".join(re.findall(r"^\d{3}(?:[ -]|$)", said))
    rest = said.removeprefix(code).split()
    kept = (word if SMTP.fullmatch(word) else told_codes(word) or "(text)" for word in rest)
    return [who, code + " ".join(dict.fromkeys(kept))]


def recording(seen: Seen) -> Json:
    """Return the answer in the form of recorded traffic, with what was seen of the assumption."""
    row, document = seen.assumption, seen.document
    entry: Json = {
        "id": re.sub(r"\W+", "-", row.name.lower()),
        "source": "webex-email-bot trial",
        "recorded": f"{now():%Y-%m-%d}",
        "section": row.section,
        "verdict": seen.verdict,
        "told": seen.told,
    }
    if not document:
        return entry | {"claim": row.name}
    if "text" in document:
        lines = (line for line in document["text"].split("\n") if line[:3] in {"S: ", "C: "})
        return entry | {"lines": list(map(_line, lines))}
    answer = {"status": document["status"], "headers": {}, "body": shape(document["body"])}
    return entry | {"request": row.request, "response": answer}


def as_text(seen: Sequence[Seen], private: Sequence[str]) -> str:
    """Return the file: a JSON list with a line for each assumption, without ``private`` texts."""
    data = Redactor(private).data(list(map(recording, seen)))
    text = "[\n" + ",\n".join(json.dumps(each) for each in data) + "\n]\n"
    for each in filter(None, private):
        text = re.sub(re.escape(each), GONE, text, flags=re.IGNORECASE)
    return text


def main(options: Namespace, bot: BotSettings, work: Settings) -> int:
    """Print every assumption, write the file, and return 1 if one does not hold, else 0.

    With ``--with-mailbox`` the setup and undo of a test mailbox show more.
    """
    box, seen = options.with_mailbox, list[Seen]()
    more = set_up_and_undo(services_of(bot, work), box, input) if box else ()
    domain = options.domain or box.rpartition("@")[2] or bot.allowed_email_domains[0]
    with client_of(work.hosts | {httpx.URL(bot.webex_api_url).host.lower()}, 30.0) as http:
        trial = Trial(bot, work, domain, http)
        for each in chain(trial.look(), more):
            seen.append(each)
            told = f" ({each.told})" if each.told else ""
            print(f"{each.verdict}: {each.assumption.name} [{each.assumption.section}]{told}")
        options.file.write_text(as_text(seen, trial.private()), encoding="utf-8")
    count = Counter(each.verdict for each in seen)
    print(", ".join(f"{verdict}: {count[verdict]}" for verdict in Verdict))
    print(f"{options.file} has shapes and codes only. Read it, then paste it into an issue.")
    return 1 if count[Verdict.FAILS] else 0


TERMINAL = Person("terminal", "terminal")
Ask = Callable[[str], str]
LONGEST = timedelta(minutes=30)
"""Longest time for which a run is waited for, such as until a change shows."""
ASKED = {"callback_url": "Call Back URL", "forwarding_address": "Forwarding Address"}
SIGN_IN = "Sign in as the administrator, at\n{url}\nThen paste the browser's last address: "
APPROVE = "{object}: {before} -> {after}\n  {command}\n{mind}yes? "
WRONG = frozenset({State.WRONG, State.UNKNOWN})


def services_of(bot: BotSettings, work: Settings) -> Services:
    """Return the parts that the runs need, without cards.

    Raises:
        SystemExit: the bot's processes run, and would work on the runs, or the data is of another
            version. The text says so.
    """
    redis = connect(bot.redis_url)
    if problem := generation.ensure_layout(redis):
        raise SystemExit(problem)
    if seen_workers(redis):
        raise SystemExit("The bot's workers run. Stop them first.")
    return replace(Services.of(bot, work, redis), listener=no_listener)


def set_up_and_undo(services: Services, mailbox: str, ask: Ask) -> Iterator[Seen]:
    """Connect the mailbox with the least privilege, undo that, and yield what each step has shown.

    Raises:
        SystemExit: an input is wrong, or a run of the mailbox has not ended. The text says so.
    """
    install(services)
    yield from _undone(services, mailbox, ask)
    form = "of Webex Connect's form: "
    typed = {name: ask(f"{label} {form}").strip() for name, label in ASKED.items()}
    channel, errors = read_details(Channel(mailbox), {**typed, "profile": "least"})
    if channel is None:
        raise SystemExit("\n".join(map(render, errors.values())))
    quick = Event(Kind.ANSWERED, now(), data={"question": CHECK_LOGIN, "value": "no"})
    run_id = _opened(services, channel, RunKind.SETUP, quick)
    try:
        yield from _seen(_played(services, run_id, ask))
    finally:
        _cancel(services, run_id)
    yield from _undone(services, mailbox, ask)


def _undone(services: Services, mailbox: str, ask: Ask) -> Iterator[Seen]:
    """Undo what setups of this command have changed, the newest first."""
    runs = services.store.runs_of_mailbox(mailbox)
    for run in reversed(runs):
        past = recall(runs, all_steps(), run.id) if run.requester == TERMINAL else ()
        if past and run.kind is RunKind.SETUP:
            data = ids_of((*runs, run)) | {UNDOES: run.id}
            recalled = Event(Kind.RECALLED, now(), data=data, past=past)
            channel = replace(run.channel, tenant_id=run.tenant)
            undo = _opened(services, channel, RunKind.UNDO, recalled)
            yield from _seen(_played(services, undo, ask))


def _cancel(services: Services, run_id: str) -> None:
    services.store.end(services.store.load(run_id), Event(Kind.CANCELLED, now()))
    for name in (Sealed.ADMIN_SESSION, Sealed.CLIENT_SECRET):
        services.vault.drop(name.of(run_id))


def _opened(services: Services, channel: Channel, kind: RunKind, *events: Event) -> str:
    """Open a run, and cancel one that an earlier process has left."""
    try:
        run = services.store.open(channel, TERMINAL, Origin(), kind)
    except AlreadyRunningError as busy:
        if services.store.load(busy.run).requester != TERMINAL:
            raise SystemExit(f"Run {busy.run} of this mailbox has not ended.") from None
        _cancel(services, busy.run)
        return _opened(services, channel, kind, *events)
    services.store.append(run.id, Event(Kind.DETAILS, now(), channel=channel), *events)
    return run.id


def _played(services: Services, run_id: str, ask: Ask) -> Run:
    """Advance the run as long as the terminal or time can do it, and return the run."""
    end, goes_on = now() + LONGEST, True
    while True:
        advance(run_id)
        run = services.store.load(run_id)
        until = min((each.until for each in run.findings.values() if each.until), default=end)
        open_ones = run.plan and not all(map(run.approved, run.plan.changes))
        if run.ended:
            return run
        if run.account is None:
            _sign_in(services, run, ask)
        elif open_ones and not blocking_steps(run):
            goes_on = _approved(services, run, ask)
        elif goes_on := until < end:
            time.sleep(max((until - now()).total_seconds(), 0))
        if not goes_on:
            return run


def _sign_in(services: Services, run: Run, ask: Ask) -> None:
    """Sign in by the pages of ``/setup-email``, as often as it takes."""
    kind, wrong = "signin", ""
    while kind:
        flow = FLOWS[kind]
        try:
            url, kept = flow.start(services, run, secrets.token_urlsafe(32))
            address = urlsplit(ask(wrong + SIGN_IN.format(url=url)).strip())
            opened = Flow(kind, run.id, kept)
            came = flow.finish(services, run, opened, dict(parse_qsl(address.query)))
        except CloudError as error:
            kind, wrong = "signin", f"This did not work: {error.cause} {error.words}\n"
            continue
        kind, wrong = came.then, ""
        for sealed in came.sealed:
            services.vault.put(*sealed)
        if came.event:
            services.store.append(run.id, came.event)


def _approved(services: Services, run: Run, ask: Ask) -> bool:
    """Ask for each change and then approve the plan; one that is not wanted leaves all undone."""
    plan = run.plan
    foreign = " ".join(foreign_hosts(run, services.settings.connect_hosts))
    if plan is None or (foreign and ask(f"Not a host of Webex Connect: {foreign}. yes? ") != "yes"):
        return False
    for line in plan.changes:
        texts = {name: render(getattr(line, name)) for name in ("object", "before", "after")}
        mind = "" if line.reversible else "This cannot be undone. "
        asked = APPROVE.format(command=line.command, mind=mind, **texts)
        if not run.approved(line) and ask(asked) != "yes":
            return False
    data = {"plan": plan.id, **run.channel.addresses}
    data |= {FOREIGN_HOSTS: foreign} if foreign else {}
    for scope in sorted({line.approval_scope for line in plan.changes}):
        services.store.append(run.id, Event(Kind.APPROVED, now(), data=data | {"scope": scope}))
    return True


def _seen(run: Run) -> Iterator[Seen]:
    """Yield what the run has shown of each change, and what it could not change or begin."""
    wrong = {name for name, each in run.findings.items() if each.state in WRONG}
    for name, step in steps_of(run).items():
        stopped = name in wrong and step.automatic if run.has_begun else name in blocking_steps(run)
        if name in run.changed or stopped:
            found = run.findings[name]
            verdict = Verdict.HOLDS if found.state is State.OK else Verdict.UNSEEN
            verdict = Verdict.FAILS if run.has_begun and name in wrong else verdict
            row = Assumption(f"The {run.kind} of {name} works", step.article_row, "", ())
            yield Seen(row, verdict, found.cause, {})
