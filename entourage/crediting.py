"""The commands `entourage token …` and `entourage credits …`: each is one transaction, and answers with its lines."""

import argparse
from collections.abc import Callable, Iterator, Mapping

from entourage.accounts import api_tokens, users
from entourage.accounts import credits as money
from entourage.accounts.model import OPERATOR, Account
from entourage.kernel.db import Database, Tx
from entourage.kernel.tariff import Tariff

_SHOWN = 20
"""Lines of the ledger."""


def add_token(tx: Tx, tariff: Tariff, given: argparse.Namespace) -> Iterator[str]:
    """A new token, alone on its line, and then words for people."""
    token = api_tokens.add(tx, OPERATOR, given.name, given.label)
    user = users.named(tx, OPERATOR, given.name)
    account = money.open_account(tx, tariff, user.id)
    if given.plan is not None:
        account = money.set_plan(tx, OPERATOR, tariff, user.id, given.plan)
    if given.credits is not None:
        account = money.set_balance(tx, OPERATOR, tariff, user.id, given.credits)
    yield token
    yield f"{_told(user.username, account)} The token is not shown again."


def list_tokens(tx: Tx, _: Tariff, given: argparse.Namespace) -> Iterator[str]:
    """The tokens of a user or of everybody, by their first characters."""
    user_id = None if given.name is None else users.named(tx, OPERATOR, given.name).id
    for token in api_tokens.listing(tx, OPERATOR, user_id):
        state = f"revoked {token.revoked_at:%Y-%m-%d %H:%M}" if token.revoked_at else "counts"
        made = f"made {token.created_at:%Y-%m-%d %H:%M}"
        yield "\t".join((str(token.id), token.username, f"{token.hint}…", token.label or "-", made, state))


def revoke_token(tx: Tx, _: Tariff, given: argparse.Namespace) -> Iterator[str]:
    """A token counts no more."""
    api_tokens.revoke(tx, OPERATOR, given.id)
    yield f"Token {given.id} counts no more; a running server forgets it within three seconds."


def add_credits(tx: Tx, tariff: Tariff, given: argparse.Namespace) -> Iterator[str]:
    """More credits until the next renewal."""
    user = users.named(tx, OPERATOR, given.name)
    yield _told(user.username, money.top_up(tx, OPERATOR, tariff, user.id, given.amount))


def show_credits(tx: Tx, tariff: Tariff, given: argparse.Namespace) -> Iterator[str]:
    """The balance and the newest lines of the ledger."""
    user = users.named(tx, OPERATOR, given.name)
    yield _told(user.username, money.balance(tx, OPERATOR, tariff, user.id))
    for entry in money.ledger(tx, OPERATOR, user.id, size=_SHOWN).items:
        change = f"{entry.change:+}"
        yield "\t".join((f"{entry.at:%Y-%m-%d %H:%M:%S}", change, str(entry.balance), entry.why, entry.subject or "-"))


def _told(name: str, account: Account) -> str:
    return f"{name} has {account.balance} credits of plan {account.plan} until {account.renews_at:%Y-%m-%d %H:%M}."


ACTIONS: Mapping[str, Callable[[Tx, Tariff, argparse.Namespace], Iterator[str]]] = {
    "token add": add_token,
    "token list": list_tokens,
    "token revoke": revoke_token,
    "credits add": add_credits,
    "credits show": show_credits,
}


def done(database: Database, tariff: Tariff, action: str, given: argparse.Namespace) -> list[str]:
    """What a command has to say once what it did is stored."""
    return database.write_now(lambda tx: list(ACTIONS[action](tx, tariff, given)))
