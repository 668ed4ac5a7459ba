"""Tests of the files under deploy/: each can be read, and fits the bot's settings and commands.

Variables have to be settings, and command lines have to be commands of the program.
"""

import json
import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from bot import __version__
from bot.__main__ import command_parser
from bot.queue import WEBHOOKS_PATH
from bot.web.wsgi import ALIVE, OF_PEOPLE, READY, pages_for_people
from jobs.settings import CREDENTIALS, SECRETS
from tests.unit.bot.web.test_app import WORK

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SETTINGS = set(
    re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text("utf-8"), re.MULTILINE)
)
KNOWN = SETTINGS | {CREDENTIALS} | {f"{name}_FILE" for name in SECRETS}
PROGRAM = "/opt/webex-email-bot/bin/webex-email-bot"
REQUIRED = {
    "WEBEX_ACCESS_TOKEN",
    "WEBEX_WEBHOOK_SECRET",
    "MICROSOFT_CLIENT_SECRET",
    "ENCRYPTION_KEYS",
    "PUBLIC_URL",
    "MICROSOFT_CLIENT_ID",
    "ALLOWED_EMAIL_DOMAINS",
}
CHOSEN = {"PUBLIC_URL", "MICROSOFT_CLIENT_ID", "ALLOWED_EMAIL_DOMAINS", "DOMAIN", *SECRETS}
"""Settings without a good default, which no file may preset."""
ASSIGNED = re.compile(r"^([A-Z][A-Z_]+)=(.*)$", re.MULTILINE)


def text(path: Path) -> str:
    """Return the text of a file."""
    return path.read_text(encoding="utf-8")


def is_command(line: list[str]) -> bool:
    """Return whether the program understands this command line."""
    try:
        return bool(command_parser().parse_args(line).command)
    except SystemExit:
        return False


def documents(path: Path):
    """Return the documents of a YAML file.

    The test is skipped without a library that reads YAML.
    """
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed, so no YAML can be read")
    return list(yaml.safe_load_all(text(path)))


@pytest.mark.parametrize(
    "name", [".env.example", "deploy/compose.env.example", "deploy/systemd/settings.example"]
)
def test_examples_preset_nothing_that_has_to_be_chosen(name):
    """The example files leave every value empty that an installation must choose.

    So the bot names a forgotten value, and does not start with a stranger's.
    """
    found = dict(ASSIGNED.findall(text(ROOT / name)))
    needed = CHOSEN - {"REDIS_URL"}
    assert {key: value for key, value in found.items() if key in needed and value} == {}
    assert found.keys() - KNOWN - {"DOMAIN"} == set()


def unit(path: Path) -> dict[str, list[str]]:
    """Return the lines of a systemd unit's service section, by their names."""
    lines: dict[str, list[str]] = {}
    _, _, rest = text(path).partition("[Service]\n")
    for line in rest.partition("\n[")[0].splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            lines.setdefault(name, []).append(value)
    return lines


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units(path):
    """Each systemd unit starts a command that exists, not as root, and with known settings."""
    parser = RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names are not folded
    parser.read(path, encoding="utf-8")
    assert parser.sections() == [
        name for name in ("Unit", "Service", "Install") if parser.has_section(name)
    ]
    lines = unit(path)
    program, *arguments = lines["ExecStart"][0].split()
    assert (program, is_command(arguments)) == (PROGRAM, True)
    guards = [*lines["User"], *lines["NoNewPrivileges"], *lines["ProtectSystem"]]
    assert guards == ["webex-email-bot", "yes", "strict"]
    given = {value.partition("=")[0] for value in lines.get("Environment", [])}
    loaded = dict(value.split(":") for value in lines.get("LoadCredential", []))
    assert (given - KNOWN, loaded.keys() - set(SECRETS)) == (set(), set())
    assert [value for name, value in loaded.items() if not value.endswith(f"/{name}")] == []


def test_units_hand_over_what_is_required():
    """The file of settings and the credentials of a systemd unit contain every required setting."""
    settings = {name for name, _ in ASSIGNED.findall(text(DEPLOY / "systemd/settings.example"))}
    for path in UNITS:
        if "redis" not in path.name:
            loaded = {value.partition(":")[0] for value in unit(path)["LoadCredential"]}
            assert REQUIRED - settings - loaded == set()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_systemd_understands_the_units(tmp_path):
    """``systemd-analyze verify`` accepts every systemd unit.

    The program and the user are replaced by ones that exist on this machine.
    """
    for path in UNITS:
        here = text(path).replace(PROGRAM, "/bin/true").replace("User=webex-email-bot", "User=root")
        (tmp_path / path.name.replace("@", "@1")).write_text(here, encoding="utf-8")
    line = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    done = subprocess.run(  # noqa: S603  systemd's own program, on our files
        line, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_run_names_what_exists():
    """Each command, unit, secret and file that docs/first-run.md names is one of the bot's."""
    page = text(ROOT / "docs/first-run.md")
    named = {f"webex-email-bot-{each}.service" for each in re.findall(r"bot-(\w+@?)", page)}
    assert named <= {path.name for path in UNITS}
    for command in re.findall(r"/bin/webex-email-bot ([a-z-]+)", page):
        assert is_command([command]), command
    assert set(re.findall(r"> ([A-Z_]+)$", page, re.MULTILINE)) == REQUIRED & set(SECRETS)
    assert [each for each in re.findall(r"cp (\S+)", page) if not [*ROOT.glob(each)]] == []


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Containerfile with their arguments, with long lines joined."""
    lines = re.sub(r"^#.*\n", "", text(DEPLOY / "Containerfile"), flags=re.MULTILINE)
    whole = lines.replace("\\\n", " ").splitlines()
    return [(name, rest) for line in whole if line for name, _, rest in [line.partition(" ")]]


def arguments(name: str) -> list[str]:
    """Return the arguments of each instruction of that name in the Containerfile."""
    return [rest for each, rest in instructions() if each == name]


def test_the_image_has_what_exists():
    """The container image copies only files that exist.

    The ignore files allow exactly those files.
    """
    here = [rest for rest in arguments("COPY") if not rest.startswith("--from")]
    copied = [part for rest in here for part in rest.split()[:-1]]
    for ignore in (".containerignore", ".dockerignore"):
        let = {line[1:] for line in text(ROOT / ignore).splitlines() if line.startswith("!")}
        assert let == set(copied)
    assert [part for part in copied if not (ROOT / part).exists()] == []


def test_the_image_installs_fixed_packages():
    """The container image installs only packages that are fixed by their hashes."""
    parts = [part for rest in arguments("RUN") for part in rest.split("&&")]
    installs = [part for part in parts if "install" in part]
    assert [part for part in installs if not re.search(r"--require-hashes|--no-index", part)] == []


def test_the_image_runs_the_program():
    """The container image runs a command of the bot, and not as root."""
    last = dict(instructions())
    assert json.loads(last["ENTRYPOINT"]) == ["webex-email-bot"]
    assert is_command(json.loads(last["CMD"]))
    assert last["USER"].partition(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_proxies(name):
    """The blocks of a proxy's configuration are closed, and its port is the bot's.

    Each line of nginx ends with a semicolon or a brace.
    """
    lines = [line.strip() for line in text(DEPLOY / name).splitlines()]
    said = [line for line in lines if line and not line.startswith("#")]
    depth = 0
    for line in said:
        bare = re.sub(r"\{\$\w+(:[^}]*)?\}", "", line)
        depth += bare.count("{") - bare.count("}")
        assert depth >= 0
        assert name != "nginx.conf" or line[-1] in ";{}"
    assert (depth, "127.0.0.1:8080" in " ".join(said)) == (0, True)


def test_nginx_ends_dripping_clients():
    """The example of nginx has each directive that docs/security.md names against such clients.

    The body is read completely by nginx's own default, which nothing switches off.
    """
    found = text(DEPLOY / "nginx.conf")
    assert [name for name in ("client_body_timeout", "limit_conn ") if name not in found] == []
    assert "limit_conn_zone" in found
    assert "proxy_request_buffering off" not in found


def test_the_ingress_publishes_the_pages_and_no_more(settings):
    """The Ingress leads every page of people and clouds to the bot, and not ``/readyz``."""
    app = pages_for_people(settings, WORK)
    rules = {rule.rule for rule in app.url_map.iter_rules()} | {WEBHOOKS_PATH, ALIVE}
    first = {rule.split("/")[1] for rule in rules}
    pages = {name for each in first for name in re.sub(r"<any|:kind>|\W", " ", each).split()}
    (ingress,) = documents(DEPLOY / "kubernetes/ingress.yaml")
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    assert sorted(each["path"] for each in paths) == sorted(f"/{name}" for name in pages)
    assert {each["pathType"] for each in paths} == {"Prefix"}
    assert pages - {"healthz", "webhooks"} == OF_PEOPLE


def test_compose():
    """The services of compose.yaml start commands that exist, with known settings.

    Their root file systems are read-only.
    """
    (whole,) = documents(DEPLOY / "compose.yaml")
    services = whole["services"]
    for name in ("web", "worker"):
        service = services[name]
        assert is_command(service["command"])
        given = service["environment"].keys() | set(service["secrets"])
        assert (given - KNOWN, REQUIRED - given) == (set(), set())
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert is_command(services["worker"]["healthcheck"]["test"][2:])
    assert services["worker"]["deploy"]["replicas"] == 2
    assert {"yes", "noeviction"} <= set(services["valkey"]["command"])
    assert services["worker"]["secrets"] == [*whole["secrets"]]
    used = set(re.findall(r"\$\{(\w+)", text(DEPLOY / "compose.yaml")))
    offered = {name for name, _ in ASSIGNED.findall(text(DEPLOY / "compose.env.example"))}
    assert used == offered


def manifests():
    """Yield every Kubernetes object of the manifests."""
    for path in KUBERNETES:
        yield from documents(path)


def deployments():
    """Return the specification of each Kubernetes Deployment."""
    return [each["spec"] for each in manifests() if each["kind"] == "Deployment"]


def configured() -> dict[str, str]:
    """Return the settings of the Kubernetes ConfigMap."""
    (settings,) = (each["data"] for each in manifests() if each["kind"] == "ConfigMap")
    return settings


def test_kubernetes_runs_commands_that_exist():
    """The Kubernetes Deployments of web and worker have probes.

    Each of their commands is one of the bot's.
    """
    specs = deployments()
    assert len(specs) == 2
    for spec in specs:
        (container,) = spec["template"]["spec"]["containers"]
        assert is_command(container["args"])
        assert {"startupProbe", "livenessProbe"} <= container.keys()
        probe = container["livenessProbe"].get("exec", {}).get("command")
        assert probe is None or (probe[0], is_command(probe[1:])) == ("webex-email-bot", True)


def test_platforms_ask_the_page_that_is_meant_for_it():
    """Each platform asks the health page that fits the purpose.

    A web process is restarted only if it does not live, and gets no requests while it is not ready.
    """
    (web,) = (
        container
        for spec in deployments()
        for container in spec["template"]["spec"]["containers"]
        if container["args"] == ["web"]
    )
    paths = [web[name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")]
    assert paths == [ALIVE, READY]
    (compose,) = documents(DEPLOY / "compose.yaml")
    assert f"8080{READY}" in compose["services"]["web"]["healthcheck"]["test"][-1]
    for name in ("nginx.conf", "Caddyfile"):
        assert READY in text(DEPLOY / name)


def test_kubernetes_gives_each_deployment_no_more_than_it_needs():
    """Each Kubernetes Deployment runs without root and with a read-only root file system.

    Each has a disruption budget, and its secrets are files.
    """
    objects = list(manifests())
    budgets = [
        each["spec"]["selector"] for each in objects if each["kind"] == "PodDisruptionBudget"
    ]
    for spec in deployments():
        pod, (container,) = spec["template"]["spec"], spec["template"]["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert spec["selector"] in budgets
        (secrets,) = (each for each in container["volumeMounts"] if each["name"] == "secrets")
        assert secrets["mountPath"] == configured()[CREDENTIALS]


def test_kubernetes_presets_nothing_that_has_to_be_chosen():
    """The Kubernetes ConfigMap has only known settings.

    Those that each installation must choose are empty.
    """
    settings = configured()
    chosen = {name: value for name, value in settings.items() if name in CHOSEN - {"REDIS_URL"}}
    assert set(chosen.values()) == {""}
    assert settings.keys() - KNOWN == set()


def test_kubernetes_lists_its_files():
    """kustomization.yaml names every other manifest, and its image version is the bot's."""
    (whole,) = documents(DEPLOY / "kubernetes/kustomization.yaml")
    named = sorted([*whole["resources"], "kustomization.yaml"])
    assert named == [path.name for path in KUBERNETES]
    assert [image["newTag"] for image in whole["images"]] == [__version__]


def test_kubernetes_lets_nothing_else_through():
    """One Kubernetes network policy forbids all traffic of all pods.

    Every rule of the other policies names its ports.
    """
    policies = [each["spec"] for each in manifests() if each["kind"] == "NetworkPolicy"]
    closed = [
        spec
        for spec in policies
        if set(spec["policyTypes"]) == {"Ingress", "Egress"}
        and not spec.keys() & {"ingress", "egress"}
    ]
    rules = [
        rule for spec in policies for rule in [*spec.get("ingress", []), *spec.get("egress", [])]
    ]
    assert len(closed) == 1
    assert [rule for rule in rules if not rule.get("ports")] == []


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_schemas(path):
    """Each Kubernetes object is valid for Kubernetes 1.33.

    The test is skipped without the schemas.
    """
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed, which has the schemas"
    )
    for each in documents(path):
        if not each["apiVersion"].startswith("kustomize."):
            validate.validate(each, "1.33", strict=True)
