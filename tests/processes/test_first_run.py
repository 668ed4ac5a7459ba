"""Steps of docs/first-run.md on a clean machine under systemd, up to the first ``/help``.

The commands are those of the page, word by word. The test types the values that the page asks for,
and plays the proxy in front of the bot. The practice cloud takes the place of Webex and Microsoft.
The seconds are printed.
"""

import os
import re
import subprocess
import time
from contextlib import ExitStack, suppress
from functools import partial

import httpx
import pytest

from bot import __version__
from practice.actors import REQUESTER
from practice.client import from_bot
from practice.conversation import space, words
from practice.environment import ROOT
from practice.stack import Stack
from tests.fixtures.clean_machine import Machine, Terminal, pause_for_person, why_not
from tests.fixtures.networks import cable, here, inside, is_up, listen, there
from tests.fixtures.waiting import LIMIT_S, PAUSE_S, until

PAGE = ROOT / "docs/first-run.md"
CLONED = "https://git.example.com/your-team/webex-email-bot.git"
CA = "/etc/ssl/practice-ca.pem"
PORT = 8080
"""Port of the web process, as the page about the first run names it."""
CHOSEN = ("PUBLIC_URL", "ALLOWED_EMAIL_DOMAINS", "MICROSOFT_CLIENT_ID")
ADDRESSES = (
    "WEBEX_API_URL",
    "MICROSOFT_LOGIN_URL",
    "MICROSOFT_GRAPH_URL",
    "EXCHANGE_ADMIN_URL",
    "SMTP_SERVER",
    "WEBEX_STATUS_URL",
)
"""Names of the settings that only the practice cloud needs."""
SUDO = '#!/bin/sh\n[ "$1" = -i ] && exec bash --noprofile --norc --noediting -i\nexec "$@"\n'
EDIT = "#!/bin/sh\nexec $SUDO_EDITOR $1\n"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]


class Clouds(Stack):
    """Practice cloud, with the environment that the bot has on another machine."""

    bot: dict[str, str]

    def _start_product(self, env):
        self.bot = env


@pytest.fixture
def clouds():
    """Practice cloud without the processes of the product."""
    with Clouds() as running:
        yield running


@pytest.fixture
def project(tmp_path):
    """Folder with a repository of the project's files as they are now, which people can clone."""
    share, work = tmp_path / "share", tmp_path / "work"
    listed = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    done = subprocess.run(listed, capture_output=True, check=False)  # noqa: S603  git
    names = [name for name in done.stdout.decode().split("\0") if (ROOT / name).is_file()]
    if done.returncode or not names:
        pytest.skip("the project is in no repository here")
    for name in names:
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes((ROOT / name).read_bytes())
    commit = "git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -qm whole"
    subprocess.run(commit, shell=True, cwd=work, check=True)  # noqa: S602  a text of ours
    subprocess.run(["git", "clone", "-q", "--bare", work, share / "project.git"], check=True)  # noqa: S603, S607
    return share


@pytest.fixture
def machine(tmp_path, project):
    """Clean machine, with the things that a person brings to it.

    These are sudo, an editor, and the address to clone.
    """
    with Machine(tmp_path / "machine", project) as made:
        yield made


def blocks():
    """Return the commands of the page's part about systemd, one list for each of its blocks."""
    part = PAGE.read_text("utf-8").partition("## With systemd")[2].partition("\n## ")[0]
    found = re.findall(r"^ *```\n(.*?)^ *```$", part, re.MULTILINE | re.DOTALL)
    return [commands(re.sub("^   ", "", block, flags=re.MULTILINE)) for block in found]


def commands(block):
    """Return the whole commands of a block.

    A line that the shell cannot end yet goes on in the next one.
    """
    whole: list[str] = []
    begun = ""
    for line in block.splitlines():
        begun += line
        done = subprocess.run(["bash", "-nc", begun], capture_output=True, check=False)  # noqa: S603, S607
        if done.returncode == 0 and not done.stderr:
            whole.append(begun)
            begun = ""
        else:
            begun += "\n"
    assert begun == ""
    return whole


def write(machine, place, text, mode=0o644):
    """Write a file of the person on the machine."""
    machine.path(place).write_text(text, "utf-8")
    machine.path(place).chmod(mode)


def equip(machine, clouds):
    """Write the files that a person has on any machine, and return the terminal's environment."""
    write(machine, CA, clouds.ca_path.read_text("utf-8"))
    write(machine, "/etc/gitconfig", f'[url "/srv/share/project.git"]\n\tinsteadOf = {CLONED}\n')
    lines = [f"{name}={clouds.bot[name]}" for name in ADDRESSES]
    lines += [f"{name}={CA}" for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
    edits = [f"s|^{name}=$|{name}={clouds.bot[name]}|" for name in CHOSEN]
    script = "\n".join(
        [
            "#!/bin/sh",
            *(f"sed -i '{edit}' $1" for edit in edits),
            *(f"echo '{line}' >> $1" for line in lines),
        ]
    )
    write(machine, "/usr/local/bin/fill-in", f"{script}\n", 0o755)
    if not machine.path("/usr/bin/sudo").exists():
        write(machine, "/usr/local/bin/sudo", SUDO, 0o755)
        write(machine, "/usr/local/bin/sudoedit", EDIT, 0o755)
    passed = {name: value for name, value in os.environ.items() if re.match("PIP_|SSL_CERT", name)}
    return passed | {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "TERM": "dumb",
        "SUDO_EDITOR": "/usr/local/bin/fill-in",
    }


def paste(machine, terminal, command, values):
    """Enter a command that reads a secret, paste the value, and press Enter and Ctrl+D."""
    name = command.rpartition(" ")[2]
    before = len(terminal.said)
    terminal.type(f"{command}\n")
    until(machine.path(f"/etc/webex-email-bot/secrets/{name}").exists, f"the file of {name}")
    pause_for_person()
    terminal.type(f"{values[name]}\n\x04")
    terminal.finish(before)


def follow(terminal, command):
    """Enter a command that shows the journal, and end it with Ctrl+C.

    Before that, the web process has to say that it listens.
    """
    before = len(terminal.said)
    terminal.type(f"{command}\n")
    deadline = time.monotonic() + LIMIT_S
    while "listening" not in terminal.said[before:]:
        assert time.monotonic() < deadline, terminal.said[before:]
        time.sleep(PAUSE_S)
    terminal.type("\x03")
    pause_for_person()


def connect(machine, clouds, lines):
    """Connect the booted machine with the practice cloud, and the world with its web process."""
    until(partial(is_up, machine.pid), "the network of the machine")
    for port in (clouds.ports.cloud, clouds.ports.smtp):
        listener = inside(machine.pid, partial(listen, port))
        lines.enter_context(cable(listener, here(port)))
    lines.enter_context(cable(listen(clouds.ports.web), there(machine.pid, PORT)))


def is_ready(clouds):
    """Return whether web, worker and Redis are ready."""
    with suppress(httpx.HTTPError):
        page = httpx.get(f"{clouds.public_url}/readyz", trust_env=False, timeout=5)
        return page.status_code == httpx.codes.OK
    return False


def test_from_an_empty_machine_to_help(machine, clouds):
    """Each command of docs/first-run.md succeeds, and systemd runs the three units of the bot.

    At the end ``/help`` is answered.
    """
    env, began = equip(machine, clouds), time.monotonic()
    user, install, secret, settings, start, verify = blocks()
    first = Terminal(machine, env, "/root")
    said = "".join(first.enter(command) for command in (*user, *install))
    if "No matching distribution" in said:
        pytest.skip("pip reaches no packages here")
    installed = time.monotonic()
    for command in secret:
        if command.startswith("cat > "):
            paste(machine, first, command, clouds.bot)
        else:
            first.enter(command)
    for command in settings:
        first.enter(command)
    first.close()
    with ExitStack() as lines:
        machine.boot()
        connect(machine, clouds, lines)
        started = time.monotonic()
        second = Terminal(machine, env, "/root/webex-email-bot")
        for command in start:
            if "--follow" in command:
                follow(second, command)
            else:
                second.enter(command)
        until(lambda: is_ready(clouds), "the bot to be ready")
        ready = time.monotonic()
        report = second.enter(verify[0])
        answered = first_help(clouds)
        second.close()
    assert f"webex-email-bot {__version__}" in said
    assert "WRONG" not in report
    print(  # noqa: T201  figures
        f"installed in {installed - began:.0f} s, ready {ready - started:.0f} s after the start,"
        f" /help answered in {answered:.1f} s, {time.monotonic() - began:.0f} s in all"
    )


def first_help(clouds):
    """Add the bot to a space, type ``/help``, and return the seconds until the answer."""
    people = clouds.people()
    try:
        room = space(people)
        typed = time.monotonic()
        said = people.say(REQUESTER, "/help", room)
        card = people.wait_for(
            "the answer", lambda each: from_bot(each) and each["parentId"] == said["id"], 60
        )
        assert "/setup-email" in words(card)
        return time.monotonic() - typed
    finally:
        people.close()
