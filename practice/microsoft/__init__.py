"""Microsoft half of the practice cloud: Entra sign-in, Graph, Exchange, and mail flow."""

from practice.microsoft.cloud import Cloud

__all__ = ["Cloud"]
