"""Messages by e-mail: how an item ended, to the user who queued it."""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage

from entourage.accounts import users
from entourage.accounts.model import OPERATOR
from entourage.archive import preferences
from entourage.archive.model import ItemStatus
from entourage.archive.store import queue as store
from entourage.kernel.db import Tx
from entourage.kernel.errors import NotFound, Unreachable
from entourage.kernel.secrets import Secrets

TIMEOUT = 20
IMPLICIT_TLS = 465


@dataclass(frozen=True, slots=True)
class Letter:
    """A message and the server that takes it."""

    message: EmailMessage
    host: str
    port: int
    user: str
    password: str


def compose(tx: Tx, item_id: int, secrets: Secrets) -> Letter | None:
    """The message about an item that is over; None when nobody wants one."""
    settings = preferences.current(tx).notifications.email
    item = store.get(tx, item_id)
    if not settings.enabled or not settings.smtp_host or item is None or not item.owner:
        return None
    try:
        owner = users.get(tx, OPERATOR, item.owner)
    except NotFound:
        return None
    if not owner.email:
        return None
    well = item.status is ItemStatus.COMPLETED
    message = EmailMessage()
    message["Subject"] = (
        f"{item.source}: {item.items_done} new files" if well else f"{item.source}: not everything came"
    )
    message["From"] = settings.sender or owner.email
    message["To"] = owner.email
    message.set_content(
        f"{item.url}\n\nNew files: {item.items_done}\nNot had: {item.items_failed}\n{item.error or ''}\n"
    )
    password = settings.smtp_password
    return Letter(
        message,
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_user,
        secrets.unseal(password, "notifications.email.smtp_password") if password else "",
    )


def send(letter: Letter) -> None:
    """Hand a message to its server, encrypted wherever the server can; raises Unreachable. Blocks."""
    context = ssl.create_default_context()
    try:
        if letter.port == IMPLICIT_TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(letter.host, letter.port, timeout=TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(letter.host, letter.port, timeout=TIMEOUT)
        with server:
            if letter.port != IMPLICIT_TLS and server.has_extn("starttls"):
                server.starttls(context=context)
            if letter.user:
                server.login(letter.user, letter.password)
            server.send_message(letter.message)
    except (OSError, smtplib.SMTPException) as error:
        raise Unreachable(f"The mail server {letter.host} did not take the message: {error}") from error
