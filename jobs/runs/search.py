"""Result of the search for a channel that nobody set up here, as a run remembers it."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.model import Profile


@dataclass(frozen=True, slots=True)
class AppCandidate:
    """App registration that may be the channel's.

    ``callback_url`` is its redirect URI on a Webex Connect host, or empty if it has none.
    """

    client_id: str
    name: str
    callback_url: str = ""
    profile: Profile = Profile.LEAST


@dataclass(frozen=True, slots=True)
class Search:
    """Microsoft's view of a mailbox's channel; an empty value was not found.

    ``apps`` is one app if that is ``certain``, otherwise every app that may be the channel's.
    ``upn`` is the mailbox user, and ``shared`` is true if others sign in for the mailbox.
    ``delegate`` is the only other user with a grant, if there is exactly one. ``unread`` means that
    the signed-in user may not read something, that a cloud did not answer, or that there is no such
    mailbox. Then nothing is asked, because the check itself says so.
    """

    apps: tuple[AppCandidate, ...] = ()
    certain: bool = False
    forwarding_address: str = ""
    keep_copy: bool = True
    upn: str = ""
    shared: bool = False
    delegate: str = ""
    unread: bool = False
