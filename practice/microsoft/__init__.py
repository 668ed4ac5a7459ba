"""The practice cloud's Microsoft half: Entra sign-in, Graph, Exchange, and the mail that flows through it."""

from practice.microsoft.cloud import Cloud

__all__ = ["Cloud"]
