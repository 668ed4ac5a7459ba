"""The bot's own client secret, which somebody removes in Entra in the middle of a setup."""

from practice.client import does
from practice.conversation import Walk, apps, fresh, words

SHARES_STACK = True
OWN = "Webex email bot, rehearsal and check"


def test_of_an_app_that_was_deleted(people, walk):
    """The secret kept for checks belongs to a deleted app, so the next setup makes another one."""
    walk.approve(walk.plan(profile="least"))
    walk.fill_in()
    walk.rehearse()
    walk.saying("Rehearsal succeeded")
    walk.type(f"/cancel {walk.mailbox}")
    fresh(people)
    again = Walk(people, walk.mailbox, walk.room)
    again.approve(again.plan(profile="least"))
    again.fill_in()
    again.rehearse()
    assert again.saying("Rehearsal succeeded", after=again.since)


def test_before_the_mailbox_user_signs_in(people, walk):
    """If the bot's own secret was removed, the page and the card name it.

    One press makes another secret. Nobody is sent to Webex Connect, whose secret is good. The setup
    ends with one secret of each kind.
    """
    walk.approve(walk.plan(profile="least"))
    walk.fill_in()
    people.press(walk.requester, walk.offer(), "rehearse")
    link = walk.card("a link for the mailbox user", "skip_rehearsal", link=True)
    (app,) = apps(people)
    kept = [each for each in app["passwordCredentials"] if each["displayName"] != OWN]
    assert len(kept) + 1 == len(app["passwordCredentials"])
    people.patch({"applications": {app["appId"]: {"passwordCredentials": kept}}})
    assert "does not accept the bot's own client secret" in walk.open(link, walk.mailbox).text
    failed = walk.saying("does not accept the bot's own client secret", 40, who=walk.requester)
    assert ("Webex Connect" in words(failed), "rehearse" in does(failed)) == (False, True)
    since = people.now()
    people.press(walk.requester, failed, "rehearse")
    again = walk.card("a new link", "skip_rehearsal", link=True, after=since, seconds=60)
    walk.open(again, walk.mailbox)
    walk.answer()
    assert words(walk.done())
    (app,) = apps(people)
    names = [each["displayName"] == OWN for each in app["passwordCredentials"]]
    assert sorted(names) == [False, True]
