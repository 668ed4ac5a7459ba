"""Path of a mail: into a mailbox, on to a forwarding address, or back as a report.

Source: platforms/microsoft.md 2.2, 2.5.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from practice.mail import gates
from practice.mail.store import Mail, MailStore
from practice.mail.trace import Event, Row
from practice.microsoft.world import Mailbox, Tenant, User, World, new_id

Inbound = Callable[[Mail, str], bool]
LOOP: Final = 4
REDIRECT: Final = re.compile(r"\[SMTP:([^\]]+)\]")
DELIVERED: Final = ("Deliver", "The message was successfully delivered to the mailbox.")
SENT: Final = ("Send external", "Message sent to the remote server.")


class Flow:
    """Mail flow between mailboxes, Webex Connect and the internet.

    ``connect`` is offered every forwarded mail and returns whether the address was its own.
    ``refusal`` returns the text with which an outside server refuses an address, or an empty text.
    """

    def __init__(
        self, world: World, store: MailStore, connect: Inbound, refusal: Callable[[str], str]
    ) -> None:
        self._world, self._store, self._connect, self._refusal = world, store, connect, refusal

    def known(self, address: str) -> bool:
        """Return whether an address is a mailbox of a tenant."""
        found = self._world.find_user(address)
        return (
            found is not None and found[1].has_mailbox and address.lower() in found[1].addresses()
        )

    def receive(self, mail: Mail, trace_id: str = "", hops: int = 0) -> None:
        """Deliver a mail for a mailbox: keep it, forward it, or both."""
        found = self._world.find_user(mail.recipient)
        if found is None or found[1].mailbox is None:
            self._store.put(mail, "nowhere", mail.recipient, "550 5.1.10 Recipient not found")
            return
        tenant, user = found
        trace_id = trace_id or new_id()
        box = found[1].mailbox
        if reason := gates.arrival(tenant, box, mail.sender, mail.recipient, mail.subject):
            self._refuse(tenant, user, mail, trace_id, reason, "refused")
            self._report(user, mail, reason)
            return
        self._row(tenant, mail, trace_id, "delivered", DELIVERED)
        forwards = _target(box)
        if not forwards or box.deliver_and_forward:
            self._store.put(mail, "mailbox", user.upn)
        if box.automatic_reply and not self.known(mail.sender):
            self._reply(tenant, user, mail)
        if forwards and hops < LOOP:
            self._forward(tenant, user, forwards, mail, trace_id, hops)

    def _reply(self, tenant: Tenant, user: User, mail: Mail) -> None:
        """Send the mailbox's automatic reply to the sender."""
        subject, text = f"Automatic reply: {mail.subject}", "We have your mail and answer soon."
        self.leave(tenant, self._mail(user.mail or user.upn, mail.sender, subject, text))

    def _mail(self, sender: str, recipient: str, subject: str, text: str) -> Mail:
        """Return a new mail that this cloud itself writes, such as a report."""
        number = f"<{new_id()}@practice.example>"
        return Mail(number, sender, recipient, subject, text, len(text), self._world.now())

    def _forward(  # noqa: PLR0913, PLR0917  the facts of one delivery
        self, tenant: Tenant, user: User, target: str, mail: Mail, trace_id: str, hops: int
    ) -> None:
        copy = replace(mail, recipient=target, at=self._world.now())
        if self.known(target):
            self.receive(copy, trace_id, hops + 1)
            return
        if reason := gates.block(tenant, user, target, mail.subject) or self._refusal(target):
            self._refuse(tenant, user, copy, trace_id, reason, "rejected")
            if not reason.startswith("4"):
                self._report(user, mail, reason)
            return
        self._row(tenant, copy, trace_id, "delivered", SENT)
        if gates.relayed(tenant, target) or not self._connect(copy, user.mail or user.upn):
            self._store.put(copy, "internet", target)

    def _refuse(  # noqa: PLR0913, PLR0917  the facts of one delivery
        self, tenant: Tenant, user: User, mail: Mail, trace_id: str, reason: str, place: str
    ) -> None:
        """Stop a mail and note the reason; with ``place`` "rejected" the mail was forwarded.

        A reason that begins with 4 defers the mail for as long as the fault lasts.
        """
        status, event = ("pending", "Defer") if reason.startswith("4") else ("failed", "Fail")
        self._row(tenant, mail, trace_id, status, (event, f"Reason: [{{LED={reason}}}]"))
        self._store.put(mail, place, user.upn, reason)

    def _report(self, user: User, mail: Mail, reason: str) -> None:
        """Send a non-delivery report to the sender."""
        subject = f"Undeliverable: {mail.subject}"
        body = f"Your message to {user.mail} couldn't be delivered.\n\n{reason}\n"
        sender = f"postmaster@{user.upn.rpartition('@')[2]}"
        self._store.put(self._mail(sender, mail.sender, subject, body), "internet", mail.sender)

    def leave(self, tenant: Tenant, mail: Mail) -> None:
        """Deliver a submitted mail to another mailbox here, or send it to the internet."""
        trace_id, author = new_id(), tenant.user(mail.sender)
        if self.known(mail.recipient):
            self.receive(mail, trace_id)
            return
        if author and (reason := gates.answer(tenant, mail.sender, mail.recipient, mail.subject)):
            self._refuse(tenant, author, mail, trace_id, reason, "refused")
            return
        self._row(tenant, mail, trace_id, "delivered", SENT)
        self._store.put(mail, "internet", mail.recipient)

    def _row(
        self, tenant: Tenant, mail: Mail, trace_id: str, status: str, last: tuple[str, str]
    ) -> None:
        now = self._world.now()
        events = (
            Event(
                now, "Receive", "", "Message received by: PRACTICE01.practice.example using TLS1.3"
            ),
            Event(now, last[0], "", last[1]),
        )
        self._world.traces.add(
            Row(
                trace_id,
                tenant.id,
                mail.message_id,
                mail.sender,
                mail.recipient,
                mail.subject,
                mail.size,
                "127.0.0.1",
                status,
                now,
                events,
            )
        )


def _target(box: Mailbox) -> str:
    """Return the address to which the mailbox forwards its mail, or an empty string.

    An internal address wins over an external one, and both win over an inbox rule that redirects.
    """
    smtp = (box.forwarding_smtp_address or "").partition(":")[2]
    return box.forwarding_address or smtp or next(_redirections(box), "")


def _redirections(box: Mailbox) -> Iterator[str]:
    """Yield the addresses to which the mailbox's enabled inbox rules redirect."""
    for rule in box.inbox_rules:
        found = REDIRECT.search(str(rule.get("RedirectTo") or ""))
        if found and rule.get("Enabled", True):
            yield found[1]
