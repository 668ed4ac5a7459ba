"""Rules that can be checked in the source.

The repository holds no secret, no repr shows one, and no request leaves without the guarded
clients.
"""

import ast
import dataclasses
import importlib
import os
import pkgutil
import re
from contextlib import suppress
from pathlib import Path

import adaptive_cards
import bot
import jobs
from tests.fixtures.parsed import ROOT, files, nodes

NOT_OURS = {
    ".git",
    ".venv",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    "data",
    "pictures",
}
SHAPES = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}",
    "an Entra client secret": r"(?<![\w~.-])\w{3}[78]Q~[\w~.-]{31,40}(?![\w~.-])",
    "a Webex token": r"\b[A-Za-z0-9]{64}_[A-Z0-9]{4}_[0-9a-f-]{36}\b",
    "a JSON web token": r"\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,}",
    "a refresh token": r"(?<![\w.-])[01]\.A[\w-]{80,}",
    "a cloud key": r"\b(?:AKIA[0-9A-Z]{16}|ghp_\w{36}|xox[abp]-[\w-]{20,})\b",
    "a password in an address": (
        r"\b(?:https?|smtp|rediss?)://[\w.-]*:[^\s:/@{}$<>\"']{8,}"
        r"@[\w.-]+\.(?:com|net|org|io)\b"
    ),
    "a Fernet key": r"(?<![\w/+-])[A-Za-z0-9_-]{43}=(?![\w/+=-])",
}
MADE_UP = re.compile(
    r"0123456789|made.?up|abcdefgh|planted|example\.(?:com|test|org)|password@|([A-Za-z0-9])\1{9}"
)
"""Pattern of a made-up secret in a test, which nobody can mistake for a real one."""
SECRET = re.compile(
    r"(?:^|_)(?:secrets?|passwords?|verifier|assertion|cache|(?:access|refresh|id|auth)_token"
    r"|encryption_keys|session)$"
)
PUBLIC = {("Settling", "cache")}
OUTWARD = {
    "httpx.get",
    "httpx.post",
    "httpx.request",
    "httpx.stream",
    "urllib.request.urlopen",
    "requests.get",
    "requests.post",
}
CLIENTS = {"jobs/clouds/http.py", "bot/processes/worker.py"}


def texts():
    """Yield the path and content of every text file of the project."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted({*folders} - NOT_OURS)
        for path in (Path(folder, name) for name in sorted(names)):
            if path.is_file() and path.stat().st_size < 2_000_000:
                with suppress(UnicodeDecodeError):
                    yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def product():
    """Yield every node of the syntax trees of the product, with the path of its file."""
    for path in files("bot", "jobs", "adaptive_cards"):
        name = str(path.relative_to(ROOT))
        for node in nodes(path):
            yield name, node


def calls_of(*functions):
    """Return the file and the function of each call of one of these functions in the product."""
    last = {each.rpartition(".")[2] for each in functions}
    return [
        (name, found)
        for name, node in product()
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", "") or getattr(node.func, "id", "")) in last
        and (found := ast.unparse(node.func)) in functions
    ]


def test_the_scanner_finds_what_it_is_for():
    """The scanner finds a secret of each kind, and nothing that only looks like one."""
    found = {
        "an Entra client secret": "x = 'Kp38Q~" + "9sT.xWv1yZ_aBcDeFgHiJkLmNoPqRsTuVw'",
        "a JSON web token": f"eyJ{'aB3' * 8}.eyJ{'xY9' * 8}.{'zZ1' * 8}",
        "a Fernet key": "KEY=" + "pR7w" * 10 + "pR7=",
        "a password in an address": "smtp://ann:" + "hunter22-x@mail.contoso.com",
        "a refresh token": "1.A" + "bC4_" * 25,
    }
    assert {
        kind for kind, text in found.items() if kind in {name for name, _ in scanned(text)}
    } == found.keys()
    assert scanned("client_secret = os.environ['X']; sha256:" + "a1" * 32) == []


def scanned(text):
    """Return the kind and beginning of each secret in a text, except obviously made-up ones."""
    return [
        (kind, hit[0][:12])
        for kind, shape in SHAPES.items()
        for hit in re.finditer(shape, text)
        if not MADE_UP.search(hit[0])
    ]


def test_no_secret_lies_in_the_repository():
    """No source, test, page or lock file holds text in the form of a secret.

    Secrets that are obviously made up are allowed.
    """
    assert [(name, *each) for name, text in texts() for each in scanned(text)] == []


def test_no_secret_shows_in_a_repr():
    """A field with a secret is left out of its record's repr, so no log or traceback shows it."""
    shown = []
    for package in (bot, jobs, adaptive_cards):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for value in vars(importlib.import_module(found.name)).values():
                if not isinstance(value, type) or value.__module__ != found.name:
                    continue
                if dataclasses.is_dataclass(value):
                    names = [each.name for each in dataclasses.fields(value) if each.repr]
                else:  # a Struct shows all of its fields
                    names = getattr(value, "__struct_fields__", ())
                shown += [(value.__name__, each) for each in names if SECRET.search(each)]
    assert set(shown) - PUBLIC == set()


def test_nothing_leads_out_unguarded():
    """HTTP uses only the guarded clients of jobs/clouds/http.py and the SDK's confined session."""
    assert {name for name, _ in calls_of("httpx.Client", "httpx.AsyncClient")} <= CLIENTS
    assert calls_of(*OUTWARD) == []


def test_nothing_that_runs_text():
    """Input from outside is data: no code uses eval, pickle, a shell or unsafe YAML."""
    assert (
        calls_of(
            *("eval", "exec", "pickle.loads", "marshal.loads", "yaml.load"),
            *("os.system", "subprocess.getoutput"),
        )
        == []
    )
    shells = [
        name for name, node in product() if isinstance(node, ast.keyword) and node.arg == "shell"
    ]
    assert shells == []
