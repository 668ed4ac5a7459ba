"""Well-known IDs of Microsoft (platforms/microsoft.md 1.4 and 6.2).

Permission IDs are not among them, because they are new at every start.
"""

from typing import Final

GRAPH_APP: Final = "00000003-0000-0000-c000-000000000000"
EXCHANGE_APP: Final = "00000002-0000-0ff1-ce00-000000000000"
TRACE_APP: Final = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"
RESOURCE_NAMES: Final = {GRAPH_APP: "Microsoft Graph", EXCHANGE_APP: "Office 365 Exchange Online"}

PLACE: Final = "X-Practice-Place"
"""Header with the location from which a request claims to come.

It is for policies with a location condition, because every request really comes from this machine.
"""
WEBEX: Final = "Webex Connect"

GLOBAL_ADMINISTRATOR: Final = "62e90394-69f5-4237-9190-012177145e10"
GLOBAL_READER: Final = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
EXCHANGE_ADMINISTRATOR: Final = "29232cdf-9323-42fd-ade2-1d097af3e4de"
EXCHANGE_RECIPIENT_ADMINISTRATOR: Final = "31392ffb-586c-42d1-9346-e59415a2cc4e"
APPLICATION_ADMINISTRATOR: Final = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
CLOUD_APPLICATION_ADMINISTRATOR: Final = "158c047a-c907-4556-b7ef-446551a6b5f7"
APPLICATION_DEVELOPER: Final = "cf1c38e5-3621-4004-a7cb-879624dced7c"
PRIVILEGED_ROLE_ADMINISTRATOR: Final = "e8611ab8-c189-46e8-94e1-60213ab1f814"
SECURITY_ADMINISTRATOR: Final = "194ae4cb-b126-40b2-bd5b-6091b380977d"
SECURITY_READER: Final = "5d6b6bb7-de71-4623-b4af-96380a352509"
ORDINARY_USER: Final = "b79fbf4d-3ef9-4689-8143-76b194e85509"

ROLE_NAMES: Final = {
    GLOBAL_ADMINISTRATOR: "Global Administrator",
    GLOBAL_READER: "Global Reader",
    EXCHANGE_ADMINISTRATOR: "Exchange Administrator",
    EXCHANGE_RECIPIENT_ADMINISTRATOR: "Exchange Recipient Administrator",
    APPLICATION_ADMINISTRATOR: "Application Administrator",
    CLOUD_APPLICATION_ADMINISTRATOR: "Cloud Application Administrator",
    APPLICATION_DEVELOPER: "Application Developer",
    PRIVILEGED_ROLE_ADMINISTRATOR: "Privileged Role Administrator",
    SECURITY_ADMINISTRATOR: "Security Administrator",
    SECURITY_READER: "Security Reader",
}

APP_WRITERS: Final = frozenset(
    {GLOBAL_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR}
)
CONSENTERS: Final = APP_WRITERS | {PRIVILEGED_ROLE_ADMINISTRATOR}
GRAPH_ROLE_CONSENTERS: Final = frozenset({GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR})
TRACE_READERS: Final = frozenset(
    {
        GLOBAL_ADMINISTRATOR,
        GLOBAL_READER,
        EXCHANGE_ADMINISTRATOR,
        SECURITY_ADMINISTRATOR,
        SECURITY_READER,
    }
)
