"""Discovery documents are kept for the next process, and access to Redis cannot change one."""

from __future__ import annotations

from cryptography.fernet import Fernet
from redis import Redis

from jobs.microsoft.msal_http import LIFE_S, DiscoveryCache
from jobs.storage.vault import Vault

URL = "https://login.microsoftonline.com/t/v2.0/.well-known/openid-configuration"
DOCUMENT = {"issuer": "https://login.microsoftonline.com/t/v2.0"}


def test_another_process_finds_what_one_has_read(redis: Redis):
    """A discovery document that one process has read is there for the next process.

    The document is kept for an hour at most.
    """
    vault = Vault(redis, (Fernet.generate_key().decode(),))
    DiscoveryCache(vault).put(URL, DOCUMENT)
    found = [DiscoveryCache(vault).get(url) for url in (URL, "https://elsewhere")]
    assert found == [DOCUMENT, None]
    assert 0 < redis.ttl(f"sealed:document:{URL}") <= LIFE_S


def test_a_document_that_was_put_into_redis_by_somebody_else_is_not_believed(redis: Redis):
    """A document that was stored with another key is ignored, so nobody can plant one in Redis.

    The bot sends its client secret to the address that a document names.
    """
    DiscoveryCache(Vault(redis, (Fernet.generate_key().decode(),))).put(URL, DOCUMENT)
    assert DiscoveryCache(Vault(redis, (Fernet.generate_key().decode(),))).get(URL) is None


def test_without_a_vault_they_stay_in_this_process():
    """Without a vault, a cache object remembers its documents, and another object does not."""
    documents = DiscoveryCache()
    documents.put(URL, DOCUMENT)
    assert (documents.get(URL), DiscoveryCache().get(URL)) == (DOCUMENT, None)
