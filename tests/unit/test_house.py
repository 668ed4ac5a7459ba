"""Tests of the project's structural rules: allowed imports, sizes, and no unfinished work."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.fixtures.parsed import ROOT, files, nodes, tree

HOUSE = ("bot", "jobs", "adaptive_cards", "practice")
EVERYTHING = (*HOUSE, "tests", "bench", "tools")
FORBIDDEN = {
    "bot": {"practice"},
    "jobs": {"bot", "adaptive_cards", "practice"},
    "adaptive_cards": {"bot", "practice"},
    "practice": {"bot", "jobs", "adaptive_cards"},
}
ORDER = {
    "bot": (
        "__main__",
        "events processes",
        "commands web",
        "cards",
        "chat",
        "links doctor entra_app",
        "services",
        "webex",
        "logs queue settings",
        "__init__",
    ),
    "jobs": (
        "advance",
        "tac watch",
        "checks",
        "next_action",
        "probes",
        "steps",
        "access channel",
        "engine",
        "mail",
        "contact_center runtime",
        "microsoft",
        "clouds runs",
        "causes storage",
        "clock model redact settings",
    ),
    "adaptive_cards": (
        "__init__",
        "answers",
        "components",
        "glyphs",
        "elements",
        "texts",
        "locale",
    ),
}
"""Folders, and modules at a package's top, from those that decide to those that serve.

A module may import only from later lines.
"""
LONGEST_FILE, LONGEST_FUNCTION = 600, 60
LEFT_OVER = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" * 3 + r"\b")))
SIGNATURE = re.compile(r"signature|digest|hmac", re.IGNORECASE)


def imports(path):
    """Yield every module that the file imports; ``from a import b`` gives ``a.b``."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def told(path) -> str:
    """Return the file's path from the project's folder, for messages."""
    return str(path.relative_to(ROOT))


def found_in(paths, is_found):
    """Return the place of each node that is found, in these files."""
    return [
        f"{told(path)}:{node.lineno}" for path in paths for node in nodes(path) if is_found(node)
    ]


def imported(root, *folders: str):
    """Return the names below a package that files of these folders import, with their files."""
    return {
        (told(path), name)
        for path in files(*folders)
        for name in imports(path)
        if name.split(".")[0] == root
    }


@pytest.mark.parametrize("package", HOUSE)
def test_arrows(package):
    """Imports go from bot to jobs and adaptive_cards, and never back.

    The practice cloud and the product import nothing of each other.
    """
    assert files(package)
    assert {each for root in FORBIDDEN[package] for each in imported(root, package)} == set()


def room(module: str) -> str:
    """Return the top folder or top module of a package that a dotted name belongs to."""
    place = module.split(".")[1:]
    named = place and (
        (ROOT / module.split(".", maxsplit=1)[0] / place[0]).is_dir()
        or (ROOT / module.split(".", maxsplit=1)[0] / f"{place[0]}.py").exists()
    )
    return place[0] if named else "__init__"


@pytest.mark.parametrize("package", ORDER)
def test_arrows_between_folders(package):
    """Inside a package imports go from the folders that decide to the folders that serve.

    Each folder and module at the top of a package has a place in the order.
    """
    rank = {name: number for number, line in enumerate(ORDER[package]) for name in line.split()}
    own = {told(path): room(told(path)[:-3].replace("/", ".")) for path in files(package)}
    against = [
        f"{path}: {name}"
        for path, name in imported(package, package)
        if own[path] != room(name) and rank[own[path]] >= rank[room(name)]
    ]
    assert against == []
    assert set(own.values()) - {"__init__"} <= set(rank)


def test_every_folder_says_what_is_in_it():
    """The ``__init__.py`` of every folder has a docstring that says what the folder contains."""
    folders = {path.parent for path in files(*HOUSE, "tests/fixtures")}
    lines = {
        folder: ast.get_docstring(tree(folder / "__init__.py")) or ""
        for folder in folders
        if (folder / "__init__.py").exists()
    }
    assert {folder for folder in folders if not lines.get(folder)} == set()


def test_no_module_imports_itself_in_a_circle():
    """The imports at the top of the modules contain no circle."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in files(*HOUSE)
    }
    graph = {
        name: {used for used in top_imports(path, modules) if used != name}
        for name, path in modules.items()
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def top_imports(path, modules):
    """Return the product's modules that a module imports at its top."""
    named = [
        (str(node.module), f"{node.module}.{alias.name}")
        for node in tree(path).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    return {full if full in modules else module for module, full in named} & modules.keys()


def test_cards_know_only_the_words():
    """Cards import only jobs.model from jobs, so that a card can be drawn from data alone."""
    known = {name for _, name in imported("jobs", "adaptive_cards")}
    assert {name for name in known if not name.startswith("jobs.model.")} == set()
    assert "jobs.model.Text" in known


def test_one_way_to_webex():
    """Only bot/webex talks to Webex's SDK, so that its 429 loop is switched off everywhere."""
    users = {path for path, _ in imported("webexteamssdk", *HOUSE)}
    assert users
    assert {user for user in users if not user.startswith("bot/webex/")} == set()


def test_signatures_are_compared_in_constant_time():
    """Signatures and digests are never compared with == or !=."""

    def is_plain(node):
        return (
            isinstance(node, ast.Compare)
            and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
            and SIGNATURE.search(" ".join(map(ast.unparse, (node.left, *node.comparators))))
        )

    assert found_in(files("bot", "jobs"), is_plain) == []


@pytest.mark.slow
def test_files_and_functions_can_be_read_at_once():
    """Every file, including text tables, has at most 600 lines, and every function at most 60."""
    texts = [
        path for folder in (*HOUSE, "tests") for path in sorted((ROOT / folder).rglob("*.toml"))
    ]
    assert texts
    long_files = [
        told(path)
        for path in [*files(*EVERYTHING), *texts]
        if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE
    ]
    long_functions = found_in(
        files(*EVERYTHING),
        lambda node: (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.end_lineno - node.lineno >= LONGEST_FUNCTION
        ),
    )
    assert (long_files, long_functions) == ([], [])


def read_names(path):
    """Yield every name that the file reads: a variable, an attribute, an import, or a text."""
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def kept_names(path):
    """Yield the fields of the file's classes, and the names that the module itself sets."""
    inner = [each for kind in nodes(path) if isinstance(kind, ast.ClassDef) for each in kind.body]
    for node in [*tree(path).body, *(each for each in inner if isinstance(each, ast.AnnAssign))]:
        yield from (
            target.id
            for target in getattr(node, "targets", [getattr(node, "target", None)])
            if isinstance(target, ast.Name) and not target.id.startswith("__")
        )


def test_nothing_is_kept_that_nobody_reads():
    """Each field and each constant of the product is read somewhere in it."""
    product = files("bot", "jobs", "adaptive_cards")
    read = {name for path in product for name in read_names(path)}
    assert [
        f"{told(path)}: {name}" for path in product for name in kept_names(path) if name not in read
    ] == []


KEYS = ROOT / "jobs/storage/keys.py"
COMMANDS = ("redis", "_redis", "pipe", "together", "both")
"""Names of variables that hold a connection or a pipeline of Redis."""


def spelled(node: ast.AST) -> str:
    """Return the first text of a literal or an f-string, and an empty text for any other node."""
    first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


@cache
def heads_of_keys() -> tuple[str, ...]:
    """Return the beginnings of the keys of Redis, up to the first colon."""
    templates = [
        spelled(node.args[0])
        for node in nodes(KEYS)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_named"
    ]
    return tuple({f"{each.partition(':')[0]}:" for each in templates})


def is_given_to_redis(node: ast.AST) -> bool:
    """Return whether a literal text is given to a command of Redis as its key."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return False
    connection = ast.unparse(node.func.value).rpartition(".")[2]
    return (
        connection in COMMANDS
        and node.func.attr not in {"info", "config_get", "eval"}
        and spelled(node.args[0]) != ""
    )


def test_one_place_spells_the_keys_of_redis():
    """Only the modules of the keys have texts that begin like a key of Redis.

    No other file gives a literal text to Redis as a key.
    """
    head = re.compile(rf"({'|'.join(heads_of_keys())})(\S|$)")
    others = [path for path in files("bot", "jobs") if path != KEYS]
    assert len(heads_of_keys()) > 15
    assert found_in(others, lambda x: head.match(spelled(x)) or is_given_to_redis(x)) == []


def test_one_place_knows_where_the_documents_lie():
    """Only practice/shared.py knows the path of the shared documents."""
    spelled = re.compile(r"""/ ["']shared["']|["']shared/""")
    knowing = [
        told(path)
        for path in files(*EVERYTHING)
        if spelled.search(path.read_text(encoding="utf-8"))
    ]
    assert knowing == ["practice/shared.py"]


def test_nothing_is_left_for_later():
    """The code and the pages contain no mark for unfinished work."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "Makefile"]
    left = [
        told(path)
        for path in [*files(*EVERYTHING), *pages]
        if LEFT_OVER.search(path.read_text(encoding="utf-8"))
    ]
    assert left == []


def test_what_is_said_goes_through_the_messenger():
    """Only the outbox calls the Webex client to post.

    A message that other code posted that way would be lost if Webex is away, or posted twice.
    """
    names = {"post", "edit", "send"}
    others = [path for path in files("bot") if told(path) != "bot/events/handler.py"]

    def is_call_of_webex(node):
        return (
            isinstance(node, ast.Attribute)
            and node.attr in names
            and ast.unparse(node.value).endswith("webex")
        )

    assert found_in(others, is_call_of_webex) == []


TEXTS = "adaptive_cards/texts/__init__.py"
"""The catalog, which alone reads the keys of texts."""


def is_key_of_a_text(node: ast.AST, texts: frozenset[str]) -> bool:
    """Return whether the node is the key of a text, or the text that a finding shows."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in {"Text", "verbatim"}
    if not isinstance(node, ast.Attribute):
        return False
    owner = ast.unparse(node.value).rpartition(".")[2]
    return (node.attr == "key" and owner in texts) or node.attr in {"seen", "seen_text"}


def decided_by(node: ast.AST) -> list[ast.expr]:
    """Return the values by which a node decides: the sides of a comparison, and looked-up keys."""
    if isinstance(node, ast.Compare) and not all(
        isinstance(op, ast.Is | ast.IsNot) for op in node.ops
    ):
        return [node.left, *node.comparators]
    if isinstance(node, ast.Subscript):
        return [node.slice]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.args[:1] if node.func.attr == "get" else []
    return []


@cache
def names_of_texts() -> frozenset[str]:
    """Return the names of all fields and parameters of the product that hold a text."""
    return frozenset(
        node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
        for path in files("bot", "jobs", "adaptive_cards")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.AnnAssign | ast.arg)
        and node.annotation
        and re.fullmatch(r"Text( \| (None|Reason))*", ast.unparse(node.annotation))
    )


def decisions_by_text(source: ast.AST) -> set[int]:
    """Return the lines that decide by the key of a text or by the text that a finding shows."""
    return {
        value.lineno
        for node in ast.walk(source)
        for value in decided_by(node)
        if any(is_key_of_a_text(each, names_of_texts()) for each in ast.walk(value))
    }


def test_no_code_decides_by_a_text():
    """A better wording never changes what the product does: reasons and kinds are enums."""
    found = {
        f"{told(path)}:{line}"
        for path in files("bot", "jobs", "adaptive_cards")
        if told(path) != TEXTS
        for line in decisions_by_text(tree(path))
    }
    assert {"seen", "words", "title"} <= names_of_texts()
    assert found == set()


@pytest.mark.parametrize(
    "code",
    [
        'finding.seen == Text("seen.none")',
        "finding.seen in NOT_THERE",
        "(line.row, line.seen) == (row, seen)",
        'action.words.key == "turn_words.look"',
        'SHOWS.get(action.words.key.rpartition(".")[2])',
        "NEXT[words.key]",
    ],
)
def test_a_decision_by_a_text_is_found(code):
    """The rule finds every form in which code has decided by a text."""
    assert decisions_by_text(ast.parse(code)) == {1}
