"""Demo (``make demo``): the whole conversation with the real processes, printed as it happens."""

import sys

import httpx

from practice.actors import CHANGING
from practice.agreement import agree
from practice.client import NotSeenError, People, from_bot
from practice.scenario import Scenario
from practice.screen import Screen
from practice.stack import NotStartedError, Stack

TAIL_LINES = 30


def run(stack: Stack | None = None) -> int:
    """Play the demo and return the exit code.

    The code is 0 if every expected message was seen. Otherwise it is 1, and the expected message,
    the last card and the logs are printed. ``stack`` has the processes. Without it, they are those
    that the Procfile names, with their usual settings.
    """
    screen, stack = Screen(), stack or Stack()
    screen.act(
        f"starting Redis, the practice cloud and the processes of the Procfile; logs in {stack.folder}"
    )
    try:
        with stack:
            screen.act(
                f"everything is up after {screen.elapsed:.1f} s: bot "
                f"{stack.public_url}, cloud {stack.cloud_url}"
            )
            people = stack.people(screen.message)
            try:
                _play(people, screen)
            except (NotSeenError, KeyError, httpx.HTTPError) as error:
                _report(error, people, screen, stack)
                raise
            finally:
                people.close()
    except NotStartedError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except (NotSeenError, KeyError, httpx.HTTPError):
        return 1
    return 0


def _play(people: People, screen: Screen) -> None:
    """Play every scene, then print a summary and the next steps."""
    story = Scenario(people, screen.act)
    scenes = story.scenes()
    for number, (title, play) in enumerate(scenes, 1):
        screen.scene(number, len(scenes), title)
        play()
        people.look()
        agree(people)
    screen.scene(len(scenes), len(scenes), "The whole story was played")
    for line in _shown(people):
        screen.line(line)


def _shown(people: People) -> list[str]:
    """Return sentences that sum up the demo, with the numbers of this run."""
    said = [message for message in people.messages.values() if from_bot(message)]
    edits = sum(int(message["edits"]) for message in said)
    services = tuple(prefix.rstrip(".") for prefix in CHANGING)
    journal = people.control("GET", "journal")["items"]
    written = sum(entry["service"] in services for entry in journal)
    return [
        "Shown: a mailbox was connected to Webex Contact Center, from /setup-email to the agent's answer.",
        f"✓ The bot wrote {len(said)} messages and edited them {edits} times. Each one named whose turn it was.",
        f"✓ {written} changes were made at Microsoft: none before the approval, none by the second request.",
        "✓ A wrong callback URL and a declined consent were corrected without a new start.",
        "✓ A customer's mail became an agent's task, and the agent's answer left by SMTP with OAuth 2.0.",
        "Next: `make practice` opens the same bot in a browser. You press the buttons, and break what you like.",
    ]


def _report(error: Exception, people: People, screen: Screen, stack: Stack) -> None:
    """Print the expected message, the last card, and the ends of the logs."""
    screen.flush()
    expected = error.expected if isinstance(error, NotSeenError) else str(error)
    sys.stdout.flush()
    sys.stderr.write(
        f"\nFailed after {screen.elapsed:.1f} s. Expected: {expected}\n\nThe last "
        f"card:\n{screen.last or 'none'}\n"
    )
    sys.stderr.write(
        f"\n{len(people.messages)} messages were seen.\n{stack.logs(TAIL_LINES)}\nThe "
        f"logs stay in {stack.folder}\n"
    )
