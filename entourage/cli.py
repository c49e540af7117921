"""The command line: `entourage serve`, `get`, `user`, `verify`, `doctor` and the rest."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

from entourage import __version__
from entourage.kernel import settings as options
from entourage.kernel.errors import EntourageError, Invalid, Problem
from entourage.kernel.settings import Settings

WELL, WRONG, MISUSED, INTERRUPTED = 0, 1, 2, 130

OFFERED = {
    "serve": tuple(option.name for option in options.options() if option.name != "secret_key"),
    "work": ("data", "database", "allow_networks", "log_level", "slots"),
    "get": ("data", "database", "allow_networks", "slots"),
    "demo": ("data", "host", "port"),
    "token": ("data", "database", "credit_plans"),
    "credits": ("data", "database", "credit_plans"),
}
"""Which options a command takes besides `--data`; the rest come from the environment."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code: 0 well, 1 something failed, 2 misused, 130 interrupted."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run a command; its exit code. Errors are one line on standard error."""
    given = _parser().parse_args(argv)
    names = [option.name for option in options.options()]
    try:
        settings = options.from_environment(
            os.environ, **{name: value for name in names if (value := getattr(given, name, None)) is not None}
        )
        command: Callable[[Settings, argparse.Namespace], int] = given.run
        return command(settings, given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Invalid as error:
        return _say(*(f"{problem.field}: {problem.message}" for problem in error.problems), code=MISUSED)
    except EntourageError as error:
        return _say(str(error))
    except (OSError, RuntimeError) as error:
        return _say(_plainly(error))
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person gets one line, the log the rest
        return _say(f"Something went wrong that should not have: {type(error).__name__}: {error}")


def _say(*lines: str, code: int = WRONG) -> int:
    for line in lines:
        sys.stderr.write(f"entourage: {line}\n")
    return code


def _plainly(error: OSError | RuntimeError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename} cannot be used as a folder: there is a file; name another place with --data."
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}"
    return str(error) or type(error).__name__


class _Parser(argparse.ArgumentParser):
    """Says in one line what was misused; argparse would print the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        """Leave, naming what is wrong and where help is."""
        self.exit(MISUSED, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="entourage",
        description="One self-hosted server for people who work with social-media creators.",
        epilog="Every option can also be set in the environment: `entourage doctor` shows what is in force.",
    )
    parser.add_argument("--version", action="version", version=f"entourage {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _command(commands, "serve", "run the API, the pages, the worker and the scheduler", _serve)
    _command(commands, "work", "run a worker alone, beside a server on PostgreSQL", _work)
    get = _command(commands, "get", "download addresses now, with a progress bar", _get)
    get.add_argument("urls", nargs="+", metavar="URL", help="what to download: a file, a page, a thread, a profile")
    get.add_argument("--platform", help="who reads the address, when it cannot be told by its looks")
    get.add_argument("--source", help="the creator or site that the files are filed under")
    get.add_argument("--content-type", help="only this kind of content, such as posts or stories")
    get.add_argument("--max-downloads", type=int, metavar="N", help="at most so many files of each address")
    get.add_argument("--days-back", type=int, metavar="N", help="only what was posted in the last N days")
    get.add_argument("--profile", choices=("fast", "best"), help="small pictures, or the largest there are")
    get.add_argument("--dry-run", action="store_true", help="only list what would be fetched")
    bring = _command(commands, "import", "import facts, exports and what downloaders keep beside files", _import)
    bring.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder or a .zip archive")
    bring.add_argument("--dry-run", action="store_true", help="read everything, keep nothing, say what would come")
    _users(commands)
    _tokens(commands)
    _command(commands, "migrate", "bring the database to this version's schema", _migrate)
    _command(commands, "verify", "hash what is kept again and say what is damaged or missing", _verify)
    _command(commands, "doctor", "show the settings and what is missing on this machine", _doctor)
    _command(commands, "demo", "start with a small network of its own to try things on", _demo)
    return parser


def _command(
    commands: "argparse._SubParsersAction[_Parser]",  # pyright: ignore[reportPrivateUsage]  # it has no public name
    name: str,
    about: str,
    do: Callable[[Settings, argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name.rsplit(maxsplit=1)[-1], help=about, description=about[0].upper() + about[1:] + "."
    )
    parser.set_defaults(run=do, action=name)
    for each in OFFERED.get(name.split(maxsplit=1)[0], ("data", "database")):
        _add(parser, options.option(each))
    return parser


def _add(parser: argparse.ArgumentParser, option: options.Option) -> None:
    words = f"{option.help.replace('%', '%%')} [{option.variable}; {option.shown_default}]"
    parser.add_argument(
        option.flag,
        dest=option.name,
        help=words,
        metavar=option.flag.removeprefix("--").upper().replace("-", "_"),
        action="append" if option.many else "store",
    )


def _users(commands: "argparse._SubParsersAction[_Parser]") -> None:  # pyright: ignore[reportPrivateUsage]  # as above
    user = commands.add_parser("user", help="add and list users")
    which = user.add_subparsers(metavar="ACTION", required=True)
    add = _command(which, "add", "add a user", _user_add)
    add.add_argument("name", metavar="NAME")
    add.add_argument("--email", metavar="E")
    add.add_argument("--role", choices=("admin", "user"), default="user")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    _command(which, "list", "list the users", _user_list)


def _tokens(commands: "argparse._SubParsersAction[_Parser]") -> None:  # pyright: ignore[reportPrivateUsage]  # as above
    token = commands.add_parser("token", help="make, list and revoke tokens of the influencer API")
    which = token.add_subparsers(metavar="ACTION", required=True)
    add = _command(which, "token add", "make a token for a user and print it, this once", _credited)
    add.add_argument("name", metavar="USER")
    add.add_argument("--credits", type=int, metavar="N", help="let the user have N credits until the next renewal")
    add.add_argument("--plan", metavar="P", help="put the user on this plan, from now on")
    add.add_argument("--label", metavar="WORDS", default="", help="what the token is for")
    _command(which, "token list", "list the tokens, by their first characters", _credited).add_argument(
        "name", metavar="USER", nargs="?", help="only those of this user"
    )
    _command(which, "token revoke", "let a token count no more", _credited).add_argument(
        "id", type=int, metavar="ID", help="its number in the list"
    )
    money = commands.add_parser("credits", help="show and add credits of the influencer API")
    which = money.add_subparsers(metavar="ACTION", required=True)
    add = _command(which, "credits add", "give a user more credits until the next renewal", _credited)
    add.add_argument("name", metavar="USER")
    add.add_argument("amount", type=int, metavar="N")
    _command(which, "credits show", "show a user's credits and what they were spent on", _credited).add_argument(
        "name", metavar="USER"
    )


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    from entourage import app  # noqa: PLC0415 - `--help` and mistakes should answer at once

    def ready(running: Settings) -> None:
        sys.stderr.write(f"Entourage is ready at {running.url} (stop it with Ctrl+C)\n")

    app.serve(settings, ready=ready)
    return WELL


def _work(settings: Settings, _: argparse.Namespace) -> int:
    from entourage import app  # noqa: PLC0415 - as above

    asyncio.run(_until_stopped(app.work(settings)))
    return WELL


async def _until_stopped(work: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _get(settings: Settings, given: argparse.Namespace) -> int:
    from entourage import getting  # noqa: PLC0415 - as above

    wishes = [getting.wish(url, given) for url in dict.fromkeys(given.urls)]
    getting.checked(wishes)
    work = getting.show(settings, wishes) if given.dry_run else getting.get(settings, wishes)
    return WELL if asyncio.run(work) else WRONG


def _import(settings: Settings, given: argparse.Namespace) -> int:
    from entourage import importing  # noqa: PLC0415 - as above

    paths = [Path(path) for path in dict.fromkeys(given.paths)]
    if given.dry_run:
        return WELL if importing.show(paths) else WRONG
    with _database(settings) as database:
        return WELL if importing.bring(database, paths) else WRONG


def _user_add(settings: Settings, given: argparse.Namespace) -> int:
    from entourage.accounts import passwords, users  # noqa: PLC0415 - as above
    from entourage.accounts.model import OPERATOR, Role  # noqa: PLC0415

    if not given.password_stdin:
        raise Invalid(Problem("--password-stdin", "pass the password on standard input, so that no list shows it"))
    password = sys.stdin.readline().rstrip("\r\n")
    hashed = asyncio.run(passwords.hashed(password))
    with _database(settings) as database:
        user = database.write_now(users.add, OPERATOR, given.name, hashed, email=given.email, role=Role(given.role))
    sys.stdout.write(f"Added {user.username} ({user.role}).\n")
    return WELL


def _user_list(settings: Settings, _: argparse.Namespace) -> int:
    from entourage.accounts import users  # noqa: PLC0415 - as above
    from entourage.accounts.model import OPERATOR  # noqa: PLC0415

    with _database(settings) as database, database.reading() as tx:
        everyone = users.everyone(tx, OPERATOR)
    for user in everyone:
        seen = f"{user.last_login:%Y-%m-%d %H:%M}" if user.last_login else "never"
        state = "disabled" if user.disabled else user.role
        sys.stdout.write(f"{user.id}\t{user.username}\t{user.email or '-'}\t{state}\tlast sign-in {seen}\n")
    return WELL


def _credited(settings: Settings, given: argparse.Namespace) -> int:
    from entourage import crediting  # noqa: PLC0415 - as above

    with _database(settings) as database:
        lines = crediting.done(database, settings.tariff, given.action, given)
    alone = 1 if given.action == "token add" else len(lines)  # a token stands alone, for programs that read it
    sys.stdout.writelines(f"{line}\n" for line in lines[:alone])
    sys.stderr.writelines(f"{line}\n" for line in lines[alone:])
    return WELL


@contextlib.contextmanager
def _database(settings: Settings):  # noqa: ANN202 - a Generator of the Database imported below
    from entourage.kernel.db import Database  # noqa: PLC0415 - as above
    from entourage.kernel.migrate import migrate  # noqa: PLC0415

    settings.data.mkdir(parents=True, exist_ok=True)
    migrate(settings.database_url)
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        database.close()


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    from entourage.kernel.migrate import migrate  # noqa: PLC0415 - as above

    settings.data.mkdir(parents=True, exist_ok=True)
    applied = migrate(settings.database_url)
    sys.stdout.write(f"Applied {', '.join(applied)}.\n" if applied else "The database is up to date.\n")
    return WELL


def _verify(settings: Settings, _: argparse.Namespace) -> int:
    from entourage import verifying  # noqa: PLC0415 - as above

    return WELL if asyncio.run(verifying.verify(settings)) else WRONG


def _doctor(settings: Settings, _: argparse.Namespace) -> int:
    from entourage import doctor  # noqa: PLC0415 - as above

    return WELL if doctor.examine(settings, os.environ, sys.stdout) else WRONG


def _demo(settings: Settings, given: argparse.Namespace) -> int:
    from entourage import demo  # noqa: PLC0415 - as above

    demo.run(settings, Path(given.data) if given.data else None)
    return WELL


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the guide describes it."""

    name: str
    about: str
    arguments: Sequence[tuple[str, str]]
    """How each is written, and what it is for."""


def described() -> Iterator[Command]:
    """Every command, for the guide."""
    yield from _below(_parser(), "entourage")


def _below(parser: argparse.ArgumentParser, name: str) -> Iterator[Command]:
    arguments: list[tuple[str, str]] = []
    inner: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]  # argparse tells it nowhere else
        if isinstance(action.choices, dict):
            inner = cast("dict[str, argparse.ArgumentParser]", action.choices)
        elif action.dest != "help" and action.help is not argparse.SUPPRESS:
            value = "|".join(action.choices or ()) or str(action.metavar or "")
            written = " ".join((*action.option_strings, value)).strip()
            arguments.append((written, (action.help or "").replace("%%", "%")))
    if inner:
        for word, below in inner.items():
            yield from _below(below, f"{name} {word}")
    else:
        yield Command(name, parser.description or "", arguments)
