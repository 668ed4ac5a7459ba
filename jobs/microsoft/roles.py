"""Directory roles that can set up a channel, by template id (facts/microsoft.md 6.2)."""

from __future__ import annotations

from jobs.model import Account

SETS_UP = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "29232cdf-9323-42fd-ade2-1d097af3e4de": "Exchange Administrator",
    "31392ffb-586c-42d1-9346-e59415a2cc4e": "Exchange Recipient Administrator",
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
    "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
    "194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
}
"""Roles of Entra ID that allow at least a part of the setup, by template ID."""


def lacks_all(account: Account) -> bool:
    """Return whether the sign-in lists the account's roles (``wids``) and none is useful here.

    A sign-in without roles says nothing, and Exchange's own role groups are never listed, so this
    is a hint and not proof.
    """
    return bool(account.roles) and not {role.lower() for role in account.roles} & SETS_UP.keys()
