"""Routes of the page: / and /practice/.

All other paths belong to the bot, because the URL of this server is the bot's PUBLIC_URL.
"""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import flask
import httpx

from practice.page import commands, form, relay
from practice.page.addresses import Host, Json, Places
from practice.page.switchboard import Switchboard
from practice.page.watch import Watch

STATIC = Path(__file__).with_name("static")
MODULES = Path(__file__).parents[2] / "node_modules"
VENDOR = {
    "adaptivecards.js": "adaptivecards/dist/adaptivecards.min.js",
    "markdown-it.js": "markdown-it/dist/browser/markdown-it.umd.min.js",
}
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
Answer = flask.Response


class Space:
    """Routes of the practice space.

    Everything under /practice/ is for its page only: scripts of another site get a 403.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._switches = Switchboard()

    def app(self) -> flask.Flask:
        """Return the Flask application of the page."""
        app = flask.Flask("practice.page", static_folder=None)
        app.before_request(self._guard)
        app.add_url_rule("/", view_func=self.page)
        app.add_url_rule("/practice/static/<name>", view_func=self.static)
        app.add_url_rule("/practice/vendor/<name>", view_func=self.vendor)
        app.add_url_rule("/practice/config", view_func=self.config)
        app.add_url_rule("/practice/events", view_func=self.events)
        app.add_url_rule("/practice/kill/<name>", view_func=self.kill, methods=["POST"])
        app.add_url_rule("/practice/look", view_func=self.look, methods=["POST"])
        app.add_url_rule("/practice/form", view_func=self.form)
        app.add_url_rule(
            "/practice/switch/<name>/<any(on, off):way>", view_func=self.switch, methods=["POST"]
        )
        app.add_url_rule("/practice/switch/off", view_func=self.all_off, methods=["POST"])
        app.add_url_rule("/practice/api/<path:path>", view_func=self.api, methods=METHODS)
        app.add_url_rule(f"{relay.CLOUD}/<path:path>", view_func=self.cloud, methods=METHODS)
        app.add_url_rule("/<path:path>", view_func=self.bot, methods=METHODS)
        return app

    def page(self) -> Answer:
        """Return the practice space's page."""
        answer = flask.send_file(STATIC / "page.html", mimetype="text/html")
        answer.headers.update({"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})
        return answer

    def static(self, name: str) -> Answer:
        """Return one of the page's own files."""
        answer = flask.send_from_directory(STATIC, name)
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    def vendor(self, name: str) -> Answer:
        """Return a file installed by npm: the official card renderer, or its Markdown package."""
        if name not in VENDOR:
            flask.abort(404)
        return flask.send_file(MODULES / VENDOR[name], mimetype="text/javascript", max_age=3600)

    def config(self) -> Answer:
        """Return the configuration that the page needs at its start."""
        places = self._host.places
        return flask.jsonify(
            {
                "cloud": places.cloud if places else "",
                "commands": commands.known(_language()),
                "causes": commands.causes(_language()),
                "faults": commands.faults(_language()),
                "ready": self._host.ready,
            }
        )

    def events(self) -> Answer:
        """Return a stream of all changes as Server-Sent Events."""
        return flask.Response(
            Watch(self._host, self._switches).stream(),
            mimetype="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    def kill(self, name: str) -> tuple[Answer, int]:
        """Kill a process, which the host then starts again."""
        try:
            self._host.kill(name)
        except KeyError:
            return flask.jsonify({"error": f"no process {name}"}), 404
        return flask.jsonify({"items": self._host.shown()}), 200

    def look(self) -> tuple[Answer, int]:
        """Have the bot's watch look at its channels, as if its next looks were due."""
        try:
            return flask.jsonify(self._host.look()), 200
        except RuntimeError as error:
            return flask.jsonify({"error": str(error)}), 409

    def form(self) -> Answer:
        """Return the fields of Webex Connect's form as the bot's card shows them."""
        return self._with(lambda places: flask.jsonify(form.filled(places)))

    def switch(self, name: str, way: str) -> Answer:
        """Turn a fault of the practice cloud on or off."""
        return self._with(
            lambda places: flask.jsonify(self._switches.turn(places, name, on=way == "on"))
        )

    def all_off(self) -> Answer:
        """Turn all faults of the practice cloud off."""
        return self._with(lambda places: flask.jsonify(self._switches.all_off(places)))

    def api(self, path: str) -> Answer:
        """Pass a control call on to the cloud."""
        return self._with(lambda places: _control(places, path))

    def cloud(self, path: str) -> Answer:
        """Pass the call on to the sign-in pages."""
        return self._with(relay.to_cloud)

    def bot(self, path: str) -> Answer:
        """Pass the call on to the bot: its own pages, and webhooks from Webex."""
        return self._with(relay.to_bot)

    def _with(self, answer: Callable[[Places], Answer]) -> Answer:
        places = self._host.places
        if places is None:
            return _refused("the practice space is still starting", 503)
        try:
            return answer(places)
        except httpx.HTTPStatusError as error:
            return _refused(str(error), 409)
        except httpx.HTTPError as error:
            return _refused(f"the practice cloud does not answer: {error}", 502)

    def _guard(self) -> Answer | None:
        """Refuse other host names and other sites' scripts (DNS rebinding, cross-site forms)."""
        asked = flask.request
        host, port = urlsplit(f"//{asked.host}").hostname, urlsplit(f"//{asked.host}").port
        if host not in {"127.0.0.1", "localhost"}:
            return flask.Response(
                "This is a practice space on 127.0.0.1.", 403, mimetype="text/plain"
            )
        origin = asked.headers.get("Origin")
        ours = {f"http://127.0.0.1:{port}", f"http://localhost:{port}"}
        if asked.path.startswith("/practice/") and origin is not None and origin not in ours:
            return flask.Response(
                "Only the practice space's own page may do this.", 403, mimetype="text/plain"
            )
        return None


def _control(places: Places, path: str) -> Answer:
    asked = flask.request
    body: Json | None = asked.get_json(silent=True)
    try:
        answer = relay.client(places.ca_path).request(
            asked.method, f"{places.cloud}/practice/{path}", params=asked.args.to_dict(), json=body
        )
    except httpx.HTTPError as error:
        return flask.Response(
            json.dumps({"error": f"the practice cloud does not answer: {error}"}),
            502,
            mimetype="application/json",
        )
    kept = {
        name: answer.headers[name]
        for name in ("content-type", "content-disposition")
        if name in answer.headers
    }
    return flask.Response(answer.content, answer.status_code, kept)


def _language() -> str:
    """Return the language that the page asks for, or English if the page does not have it."""
    wanted = flask.request.args.get("lang", "")
    return wanted if wanted in commands.LANGUAGES else commands.LANGUAGES[0]


def _refused(words: str, status: int) -> Answer:
    return flask.Response(json.dumps({"error": words}), status, mimetype="application/json")
