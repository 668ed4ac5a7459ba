"""Webex Connect and the contact center, as far as mail is concerned.

They accept forwarded mail, create tasks, and send answers by SMTP.
"""

import base64
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any, Final

from practice.mail.connect_app import CONTACT_CENTER, ConnectApp, FormError, Transaction
from practice.mail.connect_oauth import ConnectOAuth
from practice.mail.contact_center import ContactCenter
from practice.mail.store import Mail, MailStore
from practice.microsoft.world import World, new_id

Json = dict[str, Any]
OFFICE: Final = frozenset({("smtp.office365.com", "587"), ("smtp.office365.us", "587")})
LOCAL: Final = frozenset({"localhost", "127.0.0.1"})
PATIENCE_S: Final = 10
AWAY: Final = "451 4.4.316 Connection refused [Message=Socket error code 10061]"
NOBODY: Final = "550 5.1.1 The email account that you tried to reach does not exist."
MOST_BYTES: Final = 25 * 1024 * 1024


@dataclass(slots=True)
class Task:
    """Task of the contact center: a mail that waits for an agent."""

    id: str
    customer: str
    mailbox: str
    subject: str
    body: str
    message_id: str
    at: datetime
    status: str = "queued"
    queue: Json | None = None

    def public(self) -> Json:
        """Return the task for the control API; ``from`` and ``to`` are named as in a mail."""
        values = asdict(self)
        return values | {
            "from": values["customer"],
            "to": values["mailbox"],
            "at": self.at.isoformat(),
        }


@dataclass(slots=True)
class EntryPoint:
    """Entry point of the contact center, which receives email from the app of Webex Connect.

    ``most`` is its limit of active contacts.
    """

    name: str
    active: bool = True
    most: int = 1000


class Connect:
    """Email app of Webex Connect with its inbound and outbound paths."""

    def __init__(self, world: World, store: MailStore) -> None:
        self._world, self._store = world, store
        self.app = ConnectApp()
        self.tasks: list[Task] = []
        self.entry_points = [EntryPoint("Email support")]
        self.center = ContactCenter()
        self.oauth: ConnectOAuth | None = None
        self.context: ssl.SSLContext | None = None

    def refusal(self, address: str) -> str:
        """Return the text with which Webex Connect's mail server refuses one of its addresses.

        The text is empty if the server takes the mail.
        """
        if self.app.away and address.lower() == self.app.forwarding_address.lower():
            return AWAY
        return NOBODY if address.lower() in self.app.refused else ""

    def receive(self, mail: Mail, forwarder: str) -> bool:
        """Receive a mail from the internet.

        Return True if the address belongs to this app, even if the app refuses or drops the mail.
        """
        if mail.recipient.lower() != self.app.forwarding_address.lower():
            return False
        self._store.put(mail, "connect", self.app.app_id)
        code, text = self._inbound(mail, forwarder)
        self._log("inbound", code, text, mail.subject)
        return True

    def _inbound(self, mail: Mail, forwarder: str) -> tuple[str, str]:
        own = self.app.fields.get("email_id", "").lower()
        for stopped, code, words in self._stops(mail, {own, forwarder.lower()}):
            if stopped:
                return code, words
        self.tasks.append(
            Task(
                new_id(),
                mail.sender,
                own,
                mail.subject,
                mail.body,
                mail.message_id,
                self._world.now(),
                *self._routed(),
            )
        )
        return "received", "A task was created"

    def _routed(self) -> tuple[str, Json | None]:
        """Return the status and the queue of a new task, which has none if the queue was deleted."""
        queue = self.center.queue()
        if queue is None:
            return "created", None
        return "queued", {"id": queue["id"], "name": queue["name"]}

    def _stops(self, mail: Mail, own: set[str]) -> Iterator[tuple[bool, str, str]]:
        """Yield each check in its order: whether it keeps the mail, the code and the words."""
        app, points = self.app, self.entry_points
        open_ones = sum(task.status != "completed" for task in self.tasks)
        yield not app.saved, "7007", "The app is not saved: the mail starts nothing"
        same = "Sender and recipient are the same: no flow is started"
        yield mail.sender.lower() in own, "dropped", same
        missing = "The app is not registered to Webex Engage: no flow is started"
        yield not app.service, "7007", missing
        yield not app.live, "7007", "The flow of the service is not live: no task is made"
        refused = "The node is not authorized: no task is made"
        yield not app.authorized, "onauthorizationfail", refused
        untitled = not (app.takes_no_subject or mail.subject.strip())
        yield untitled, "onerror", "The subject is missing: no task is made"
        elsewhere = f"The asset is assigned to {app.workload}: no task is made"
        yield app.workload != CONTACT_CENTER, "7007", elsewhere
        inactive = "The contact center has no active entry point for the app: no task is made"
        yield not any(point.active for point in points), "7007", inactive
        full = "The entry point has reached its limit of active contacts: no task is made"
        yield all(open_ones >= point.most for point in points), "7007", full
        large = "The attachments are larger than 25 MB: the mail goes back to its sender"
        yield mail.size > MOST_BYTES, "7535", large

    def answer(self, subject: str, body: str, task_id: str = "") -> Json:
        """Answer a task as the agent and return the receipt with code 7501, 7553 or 7554.

        Raises:
            LookupError: when the task does not exist, or no agent can have it.
        """
        with self._world.lock:
            task = self._task(subject, task_id)
            others = sum(each.status != "completed" for each in self.tasks if each is not task)
            if not self.center.takes(others):
                raise LookupError("no agent has the task")
        code, text = self._send(self._answer_to(task, body), task.customer)
        if code == "7501":
            task.status = "completed"
        self._log("outbound", code, text, f"Re: {task.subject}")
        return {"code": code, "description": text, "task": task.public()}

    def _task(self, subject: str, task_id: str) -> Task:
        wanted = subject.lower().removeprefix("re:").strip()
        for task in reversed(self.tasks):
            if task_id == task.id or (not task_id and wanted in task.subject.lower()):
                return task
        raise LookupError(f"no task with the subject {subject!r}")

    def _send(self, message: EmailMessage, recipient: str) -> tuple[str, str]:
        if self.oauth is None:
            raise RuntimeError("the cloud is not started")
        try:
            self.oauth.refresh(self.app)
        except FormError as error:
            return "7553", f"SMTP Authentication Failed: {error}"
        try:
            self._submit(message, recipient)
        except smtplib.SMTPAuthenticationError as error:
            return (
                "7553",
                f"SMTP Authentication Failed: {error.smtp_code} {_text(error.smtp_error)}",
            )
        except smtplib.SMTPResponseException as error:
            return "7554", f"SMTP Failures: {error.smtp_code} {_text(error.smtp_error)}"
        except (smtplib.SMTPException, OSError) as error:
            return "7554", f"SMTP Failures: {error}"
        return "7501", "Submitted"

    def _answer_to(self, task: Task, body: str) -> EmailMessage:
        message = self._message(task.customer, f"Re: {task.subject}", body)
        message["In-Reply-To"] = message["References"] = task.message_id.replace("\n", " ")
        return message

    def _message(self, recipient: str, subject: str, body: str) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = (
            self.app.fields["email_id"],
            recipient,
            subject,
        )
        message["Message-ID"] = make_msgid(domain="webexconnect.practice.example")
        message.set_content(body)
        return message

    def _submit(self, message: EmailMessage, recipient: str) -> None:
        fields = self.app.fields
        host, port = self._address(fields["smtp_server"], fields["port"])
        kind = smtplib.SMTP_SSL if fields["security"].upper() == "SSL" else smtplib.SMTP
        with kind(host, port, timeout=PATIENCE_S) as client:
            if fields["security"].upper() == "STARTTLS":
                client.starttls(context=self.context)
            client.ehlo()
            response = f"user={fields['username']}\x01auth=Bearer {self.app.access_token}\x01\x01"
            code, reply = client.docmd(
                "AUTH", "XOAUTH2 " + base64.b64encode(response.encode()).decode()
            )
            if code != 235:  # noqa: PLR2004 - authenticated
                raise smtplib.SMTPAuthenticationError(code, reply)
            client.send_message(message, fields["email_id"], [recipient])

    def _address(self, server: str, port: str) -> tuple[str, int]:
        """Return the host and port for a connection to a mail server.

        The name and port of Office 365 lead to this cloud's server. Any other name is unknown here.

        Raises:
            OSError: when the server is unknown.
        """
        host, _, own_port = server.strip().lower().partition(":")
        number = own_port or port
        if host in LOCAL and number.isdecimal():
            return "localhost", int(number)
        if (host, number) in OFFICE:
            return "localhost", self._world.settings.smtp_port
        raise OSError(f"cannot connect to {server}:{port}")

    def _log(self, direction: str, code: str, text: str, subject: str) -> None:
        status = (
            "Failed" if code in {"7553", "7554"} else "Submitted" if code == "7501" else "Received"
        )
        self.app.log.append(
            Transaction(new_id(), self._world.now(), direction, code, status, text, subject)
        )
        self._world.journal.write(
            "Webex Connect",
            "connect",
            direction,
            subject,
            None,
            {"code": code, "description": text},
        )


def _text(reply: bytes | str) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else reply
