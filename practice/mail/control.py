"""Control routes of mail, Webex Connect and the agent, under /practice/."""

import smtplib
from dataclasses import asdict
from email.message import EmailMessage
from email.utils import make_msgid
from functools import partial
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from practice.mail.connect import Connect
from practice.mail.connect_app import FormError
from practice.mail.store import MailStore
from practice.microsoft.world import World

Json = dict[str, Any]


class MailControl:
    """Actions of people outside Microsoft: they fill in a form, write a mail, or answer one."""

    def __init__(self, world: World, connect: Connect, store: MailStore) -> None:
        self._world, self._connect, self._store = world, connect, store

    def register(self, pages: Blueprint) -> None:
        """Add the routes of mail, Webex Connect and the agent to the blueprint."""
        pages.add_url_rule("/connect/app", "connect_app", self.app, methods=["GET", "POST"])
        pages.add_url_rule(
            "/connect/generate_token", "connect_token", self.generate_token, methods=["POST"]
        )
        pages.add_url_rule("/connect/save", "connect_save", self.save, methods=["POST"])
        pages.add_url_rule(
            "/connect/register", "connect_register", self.register_app, methods=["POST"]
        )
        pages.add_url_rule("/connect/log", "connect_log", self.log)
        pages.add_url_rule("/mail/customer", "mail_customer", self.customer, methods=["POST"])
        pages.add_url_rule("/mail", "mail", self.mail)
        pages.add_url_rule("/agent/tasks", "agent_tasks", self.tasks)
        pages.add_url_rule("/agent/answer", "agent_answer", self.answer, methods=["POST"])

    def app(self) -> ResponseReturnValue:
        """Return the form of Webex Connect.

        A POST fills in the form (``fields``, or the fields themselves).
        """
        if request.method == "POST":
            body = _body()
            before = self._connect.app.public()
            self._connect.app.fill_in(body.get("fields", body))
            self._world.journal.write(
                _who(body), "connect", "fill_in", "email app", before, self._connect.app.public()
            )
        return jsonify(self._connect.app.public())

    def generate_token(self) -> ResponseReturnValue:
        """Press Generate Token as ``{"as": account}``; ``"action": "decline"`` declines.

        Return 409 with Microsoft's text if the token cannot be generated.
        """
        body = _body()
        if self._connect.oauth is None:
            return jsonify({"error": "not started"}), 503
        try:
            self._connect.oauth.generate(
                self._connect.app, str(body.get("as", "")), str(body.get("action", "accept"))
            )
        except FormError as error:
            return jsonify({"error": str(error)}), 409
        self._world.journal.write(str(body.get("as", "")), "connect", "generate_token", "email app")
        return jsonify(self._connect.app.public())

    def save(self) -> ResponseReturnValue:
        """Press Save in Webex Connect's form."""
        event = "updateApp" if self._connect.app.audit else "createApp"
        return self._button("save", self._connect.app.save, event)

    def register_app(self) -> ResponseReturnValue:
        """Press Register To Webex Engage, with ``{"service": name}``."""
        service = str(_body().get("service", ""))
        return self._button("register", lambda: self._connect.app.register(service), "updateApp")

    def _button(self, action: str, press: Any, event: str) -> ResponseReturnValue:
        """Press a button of Webex Connect, and write the press into the audit log as ``event``."""
        record = partial(self._connect.app.record, self._world.now(), _who(_body()), event)
        try:
            press()
        except FormError as error:
            record(failed=True)
            return jsonify({"error": str(error)}), 409
        record()
        self._world.journal.write(
            _who(_body()), "connect", action, "email app", None, self._connect.app.public()
        )
        return jsonify(self._connect.app.public())

    def log(self) -> ResponseReturnValue:
        """Return the debug log of Webex Connect."""
        return jsonify(
            {
                "items": [
                    asdict(item) | {"at": item.at.isoformat()} for item in self._connect.app.log
                ]
            }
        )

    def customer(self) -> ResponseReturnValue:
        """Send a mail from the internet over real SMTP: ``{"from", "to", "subject", "body"}``."""
        body = _body()
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = (
            body["from"],
            body["to"],
            body.get("subject", ""),
        )
        message["Message-ID"] = make_msgid(domain="customer.example")
        message.set_content(str(body.get("body", "")))
        try:
            with smtplib.SMTP(
                "127.0.0.1", self._world.settings.probe_smtp_port, timeout=10
            ) as client:
                client.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = error.recipients[body["to"]]
            return jsonify({"error": f"{code} {reply.decode(errors='replace')}"}), 409
        return jsonify({"message_id": message["Message-ID"]})

    def mail(self) -> ResponseReturnValue:
        """Return every mail with its place."""
        return jsonify({"items": [copy.public() for copy in self._store.all()]})

    def tasks(self) -> ResponseReturnValue:
        """Return the contact center's tasks, oldest first."""
        return jsonify({"items": [task.public() for task in list(self._connect.tasks)]})

    def answer(self) -> ResponseReturnValue:
        """Answer a task as the agent and return the receipt: ``{"subject" or "task", "body"}``."""
        body = _body()
        try:
            receipt = self._connect.answer(
                str(body.get("subject", "")), str(body.get("body", "")), str(body.get("task", ""))
            )
        except LookupError as error:
            return jsonify({"error": str(error)}), 404
        return jsonify(receipt)


def _who(body: Json) -> str:
    """Return the person at the form.

    If the call names no person, the name is "Webex Connect".
    """
    return str(body.get("as") or "Webex Connect")


def _body() -> Json:
    body = request.get_json(silent=True, force=True)
    return body if isinstance(body, dict) else {}
