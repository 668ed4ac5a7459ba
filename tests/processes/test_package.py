"""Wheel of the product: built, installed into an empty venv, and started from another folder."""

import shutil
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from bot import __version__
from tests.fixtures.waiting import ran
from tests.processes.conftest import ENV

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "jobs", "adaptive_cards")
ALSO = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", ".env.example")
LIMIT_S = 300
pytestmark = pytest.mark.slow


def run(*line, **env):
    """Run a command to its end. Its environment is that of the tests, or only ``env``."""
    return ran(*line, env=env or None, timeout=LIMIT_S)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Folder with a copy of the project's files."""
    made = tmp_path_factory.mktemp("source")
    for name in (*PACKAGES, "deploy", "docs"):
        shutil.copytree(ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*ALSO, "requirements.txt"):
        shutil.copy(ROOT / name, made)
    return made


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """Wheel that is built from a copy of the project; skipped if pip can get no build back end."""
    made = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", made, source)
    if "hatchling" in done.stderr and not [*made.glob("*.whl")]:
        pytest.skip("pip can get no hatchling here, which builds the wheel")
    assert done.returncode == 0, done.stderr
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(source, wheel, tmp_path_factory):
    """Source distribution, built with the locked build back end."""
    folder, made = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("sdist")
    venv.create(folder, with_pip=True)
    lock = ROOT / "deploy/requirements-build.txt"
    got = run(folder / "bin/pip", "install", "--require-hashes", "--requirement", lock)
    assert got.returncode == 0, got.stderr
    code = f"import os; os.chdir({str(source)!r}); from hatchling.build import build_sdist as b"
    done = run(folder / "bin/python", "-c", f"{code}; b({str(made)!r})")
    assert done.returncode == 0, done.stderr
    (found,) = made.glob("*.tar.gz")
    return found


def test_the_sdist_makes_the_same_wheel(sdist, wheel, tmp_path):
    """A wheel built from the source distribution, in another folder, has the same bytes.

    The source distribution has the version in its name, contains the bill of materials, and
    contains no tests.
    """
    done = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, sdist)
    assert done.returncode == 0, done.stderr
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert sdist.name == f"webex_email_bot-{__version__}.tar.gz"
    assert {"deploy/sbom.cdx.json", "requirements.txt", "CHANGELOG.md", "LICENSE"} <= names
    assert [name for name in names if name.startswith(("tests/", "practice/"))] == []
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_the_product_and_nothing_else(wheel):
    """The wheel has every file of the three packages: code, texts and pages. It has no other."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert (names, wheel.name) == (files, f"webex_email_bot-{__version__}-py3-none-any.whl")
    assert {Path(name).suffix for name in names} >= {".py", ".toml", ".html", ".css", ".js"}


@pytest.fixture(scope="module")
def command(wheel, tmp_path_factory):
    """Command in an empty venv that has only the wheel and the dependencies of the tests."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    done = run(folder / "bin/python", "-m", "pip", "install", "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, done.stderr
    here = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(here, "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder / "bin/webex-email-bot"


def test_the_command_says_its_version(command):
    """The installed version is that of the code, and ``python -m bot`` is the same program."""
    module = run(command.parent / "python", "-m", "bot", "version", PATH=ENV["PATH"])
    known = run(command.parent / "python", "-c", METADATA, PATH=ENV["PATH"])
    assert [run(command, "version", PATH=ENV["PATH"]).stdout, module.stdout, known.stdout] == [
        f"webex-email-bot {__version__}\n",
        f"webex-email-bot {__version__}\n",
        f"{__version__}\n",
    ]


METADATA = "from importlib.metadata import version; print(version('webex-email-bot'))"


def test_the_doctor_answers_from_the_wheel(command):
    """The installed ``doctor`` runs without the project's folder.

    It advises commands by their installed name.
    """
    env = {name: value for name, value in ENV.items() if name != "PYTHONPATH"}
    bare, done = (
        run(command, "doctor", PATH=ENV["PATH"]),
        run(command, "doctor", **env, REDIS_URL="redis://127.0.0.1:9/0"),
    )
    assert (bare.returncode, "WEBEX_ACCESS_TOKEN is not set" in bare.stderr) == (2, True)
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[0].partition(":")[0]) == (1, "ok     settings")
    [redis] = [line for line in lines if " Redis: " in line]
    assert "run `webex-email-bot redis`" in redis
