"""Machine that runs the practice space.

It finds programs, runs them, and knows whether the user is root.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_S = 600


class MissingError(RuntimeError):
    """Error for a missing program or package that could not be installed.

    The text names the attempts that failed and the actions that a person can take.
    """


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine; programs are searched on ``path``, and ``python`` is the interpreter in use."""

    path: str = field(default_factory=lambda: os.environ.get("PATH", ""))
    python: Path = field(default_factory=lambda: Path(sys.executable))
    root: bool = field(default_factory=lambda: os.geteuid() == 0)

    def find(self, *names: str) -> str:
        """Return the path of the first of these programs that is installed, or an empty string."""
        return next((found for name in names if (found := shutil.which(name, path=self.path))), "")

    def run(self, *command: str, folder: Path, **more: str) -> None:
        """Run a program to its end, with ``more`` added to its environment.

        Raises:
            MissingError: when it fails; it contains the end of the output.
        """
        env = os.environ | {"PATH": f"{self.python.parent}{os.pathsep}{self.path}"} | more
        try:
            done = subprocess.run(  # noqa: S603  the caller's own command line
                command,
                cwd=folder,
                env=env,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MissingError(f"{' '.join(command)}: {error}") from error
        if done.returncode:
            raise MissingError(
                f"{' '.join(command)} did not work:\n{(done.stderr or done.stdout).strip()[-1500:]}"
            )


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Hold a file's lock, so that only one of several processes installs a program at a time."""
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
