"""Moving picture of the README: a setup, then a fault, then the check that names its cause.

With PICTURES=1 docs/pictures/story.webp is taken again.
"""

import os
import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from adaptive_cards.texts import text
from practice import verdicts
from practice.page.drivers import PATIENCE_MS
from practice.scenario import Scenario

STORY = Path(__file__).parents[2] / "docs" / "pictures" / "story.webp"
SETUP = 11  # scenes of the story until the channel is proven
WIDTH, HEIGHT, SECONDS = 1280, 720, 20.0
FAULT, CAUSE = "smtp_auth_off_mailbox", "smtp_auth_off_for_mailbox"
MAILBOX, ADMIN = "support@contoso.com", "admin@contoso.com"


LOOKING = re.compile(
    r"Looking: \d+ of \d+"
)  # the card after a sign-in, until the verdict is certain


class Camera:
    """Camera that keeps a frame for each moment of the story."""

    def __init__(self, page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []

    def take(self):
        """Keep a picture of the page after it has come to rest."""
        self.page.wait_for_timeout(700)
        png = self.page.screenshot(animations="disabled", caret="hide", timeout=PATIENCE_MS)
        self.frames.append(Image.open(BytesIO(png)))


@pytest.mark.skipif(not os.environ.get("PICTURES"), reason="taken with PICTURES=1 only")
def test_the_story_is_taken(visit, space):
    """The moving picture has a frame for each scene of the setup and each step of the incident.

    It lasts 20 seconds.
    """
    visitor = visit(width=WIDTH, height=HEIGHT)
    page = visitor.page
    page.evaluate("localStorage.setItem('practice-tour', 'done')")
    page.reload()
    page.locator("#cover").wait_for(state="hidden")
    camera = Camera(page)
    camera.take()
    people = space.stack.people()
    for _, scene in Scenario(people, lambda _: None).scenes()[:SETUP]:
        scene()
        camera.take()
    page.fill("#find", FAULT)
    page.locator(f'[data-fault="{FAULT}"]').scroll_into_view_if_needed()
    camera.take()
    page.locator(f'[data-fault="{FAULT}"]').click()
    page.locator(f'[data-fault="{FAULT}"][aria-checked=true]').wait_for()
    camera.take()
    page.locator("#behind").evaluate("node => { node.scrollTop = 0; }")
    page.get_by_role("button", name="Send a mail as a customer").click()
    page.locator("#ask").get_by_role("button", name="Send").click()
    page.locator("#waylist").get_by_text("has the task").wait_for(state="attached")
    page.get_by_role("button", name="Answer as the agent").click()
    page.locator("#ask").get_by_role("button", name="Answer").click()
    page.locator("#waylist li").filter(has_text="Answer").get_by_text("stops here").wait_for(
        state="attached", timeout=PATIENCE_MS
    )
    camera.take()
    visitor.be("administrator", "space")
    visitor.say(f"/check {MAILBOX}")
    link = visitor.open("Sign in to see more")
    camera.take()
    visitor.at(link).sign_in(ADMIN)
    link.close()
    card = page.locator("#messages .cardbox").last
    card.get_by_text(text("fix.smtp_auth")).wait_for(timeout=PATIENCE_MS)
    card.get_by_text(LOOKING).wait_for(state="detached", timeout=PATIENCE_MS)
    visitor.card(text("fix.smtp_auth"))
    visitor.sees(verdicts.sentences()[CAUSE])
    card.evaluate("node => node.scrollIntoView({ block: 'start' })")
    camera.take()
    camera.take()
    people.close()
    first, *more = camera.frames
    each = round(SECONDS * 1000 / len(camera.frames))
    first.save(STORY, save_all=True, append_images=more, duration=each, loop=0, quality=60)
