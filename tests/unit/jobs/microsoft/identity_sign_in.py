"""Sign-in for the tests, and the tenant, callback and scopes that it uses."""

TENANT = "11111111-2222-3333-4444-555555555555"
CALLBACK = "https://bot.test/microsoft/callback"
GRAPH = ["User.Read.All"]
EXCHANGE = ["https://outlook.office365.com/.default"]


def sign_in(identity, provider, **options: str):
    """Sign in at the provider from start to end, and return the result."""
    flow = identity.begin(GRAPH, CALLBACK, "state-1")
    return identity.finish(flow, provider.sign_in(flow["auth_uri"]), **options)
