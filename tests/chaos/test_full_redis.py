"""Embedded Redis on a full disk.

The module ``test_outages.py`` has a setup with a full memory, and one with a full disk of the
append-only file.
"""

import resource
import shlex
import subprocess
import sys

from redis import Redis

from practice.environment import ROOT
from practice.ports import free_port
from tests.fixtures.redis_servers import answers
from tests.fixtures.waiting import until


def test_the_embedded_server_starts_on_a_full_disk(tmp_path):
    """The embedded server waits on a full disk, and starts with its data once there is space.

    Its first line says that space has to be freed.
    """
    port, folder = free_port(), tmp_path / "data"
    command = [sys.executable, "-m", "bot", "redis", "--port", str(port), "--folder", str(folder)]
    started = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)  # noqa: S603  our own
    until(lambda: answers(port), "the server")
    with Redis(port=port) as redis:
        redis.set("key", "value")
    started.terminate()
    assert started.wait(60) == 0
    line = f"ulimit -S -f 0; exec {shlex.join(command)}"
    with subprocess.Popen(["/bin/bash", "-c", line], cwd=ROOT, stderr=subprocess.PIPE) as waiting:  # noqa: S603  our own
        told = waiting.stderr.readline().decode()
        assert ("free some space" in told, waiting.poll()) == (True, None), told
        assert not answers(port)
        no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(waiting.pid, resource.RLIMIT_FSIZE, no_limit)
        until(lambda: answers(port), "the server, with space")
        with Redis(port=port) as redis:
            assert redis.get("key") == b"value"
        waiting.terminate()
