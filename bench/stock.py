"""Baseline of the first card: a bare Flask route, and a stock RQ worker that posts one card.

    python -m bench.stock web PORT
    python -m bench.stock worker

The route verifies the webhook and enqueues. The job asks Webex for nothing and posts a card of one
line in the message's thread. ``worker`` is RQ's own worker, which has imported the SDK before it
forks; the command ``rq worker`` imports it again in the process of each job.
"""

import hashlib
import hmac
import json
import os
import sys

from flask import Flask, Response, abort, request
from redis import Redis
from rq import Queue, Worker
from waitress import serve  # type: ignore[import-untyped]  # waitress has no types

QUEUE = "stock"
CARD = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [{"type": "TextBlock", "text": "What is the address of the mailbox?"}],
}


def post_card(room: str, parent: str) -> None:
    """Post a card of one line in the message's thread."""
    from webexteamssdk import WebexTeamsAPI  # noqa: PLC0415  as a job of a stock worker imports it

    api = WebexTeamsAPI(os.environ["WEBEX_ACCESS_TOKEN"], os.environ["WEBEX_API_URL"])
    card = {"contentType": "application/vnd.microsoft.card.adaptive", "content": CARD}
    api.messages.create(room, parentId=parent, text="A card", attachments=[card])


def connection() -> Redis:
    """Return a connection to the Redis of the environment."""
    return Redis.from_url(os.environ["REDIS_URL"])


def web(port: int) -> None:
    """Serve the bare route, which verifies a webhook and enqueues a job."""
    app, queue = Flask(__name__), Queue(QUEUE, connection=connection(), serializer="json")
    secret = os.environ["WEBEX_WEBHOOK_SECRET"].encode()

    @app.post("/webhooks/webex")
    def receive() -> Response:
        body = request.get_data()
        expected = hmac.new(secret, body, hashlib.sha1).hexdigest()
        if not hmac.compare_digest(expected, request.headers.get("X-Spark-Signature", "")):
            abort(401)
        event = json.loads(body)
        data = event["data"]
        if event["resource"] == "messages" and data["personId"] != event["createdBy"]:
            job = ("bench.stock.post_card", data["roomId"], data["id"])
            queue.enqueue(*job, job_id=data["id"], unique=True)
        return Response(status=200)

    serve(app, host="127.0.0.1", port=port, threads=8)


def worker() -> None:
    """Run RQ's own worker, with the Webex SDK imported before it forks."""
    import webexteamssdk  # noqa: F401, PLC0415  the job finds it in memory

    Worker([QUEUE], connection=connection(), serializer="json").work(logging_level="ERROR")


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        worker()
    else:
        web(int(sys.argv[2]))
