"""What the operator decides: every option once, with its words for the command line, `doctor` and the manual."""

import ipaddress
import os
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from entourage.kernel.errors import Invalid, Problem
from entourage.kernel.secrets import SHORTEST_KEY, mask, mask_url
from entourage.kernel.tariff import PLANS, PRICE, RESOURCES, Tariff, plan, price

PREFIX = "ENTOURAGE_"


class LogLevel(StrEnum):
    """From which level on something is written to the log."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Option:
    """One thing the operator may set."""

    name: str
    help: str
    default: object
    """What counts where nothing is set; None where it is worked out."""
    shown_default: str
    """The default in words."""
    kind: type
    many: bool
    unit: str
    secret: bool
    least: int | None

    @property
    def variable(self) -> str:
        """The environment variable, as `ENTOURAGE_PORT`."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The option on the command line, as `--port`."""
        name = self.name
        if self.many:  # given several times, so it names one
            name = name.removesuffix("ies") + "y" if name.endswith("ies") else name.removesuffix("s")
        return "--" + name.replace("_", "-")


def _about(words: str, *, shown: str = "", unit: str = "", secret: bool = False, least: int | None = None) -> Any:
    return {"help": words, "shown": shown, "unit": unit, "secret": secret, "least": least}


def _home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "entourage"


@dataclass(frozen=True, slots=True)
class Settings:
    """The options as they are set; the same for as long as the process runs."""

    data: Path = field(
        default_factory=_home,
        metadata=_about(
            "Folder for everything that is kept: files, logs, the SQLite database.",
            shown="~/.local/share/entourage",
        ),
    )
    database: str = field(
        default="",
        metadata=_about(
            "Address of the database, sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
            shown="entourage.db in the data folder",
            secret=True,
        ),
    )
    host: str = field(
        default="127.0.0.1", metadata=_about("Address to listen on; 0.0.0.0 listens to the whole network.")
    )
    port: int = field(default=8000, metadata=_about("Port to listen on; 0 takes any free one.", least=0))
    public_url: str = field(
        default="", metadata=_about("Address under which people reach the server, for links.", shown="http://HOST:PORT")
    )
    allow_networks: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "Network (CIDR) that downloads may enter although it is not public; may be given several times."
        ),
    )
    trusted_proxies: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "Network (CIDR) of a reverse proxy whose X-Forwarded-For is believed; may be given several times."
        ),
    )
    cors_origins: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "Origin (https://app.example.org) whose pages may use the API, or *; may be given several times."
        ),
    )
    log_level: LogLevel = field(
        default=LogLevel.INFO, metadata=_about("Least level that is logged: DEBUG, INFO, WARNING or ERROR.")
    )
    log_megabytes: int = field(
        default=1024, metadata=_about("Room for all logs; the oldest go first.", unit="MB", least=16)
    )
    slots: int = field(default=80, metadata=_about("How many jobs run at once.", least=1))
    public_rate: int = field(
        default=100, metadata=_about("Requests that one address may send without signing in.", unit="per hour", least=1)
    )
    user_rate: int = field(default=1000, metadata=_about("Requests that one user may send.", unit="per hour", least=1))
    user_sockets: int = field(
        default=10, metadata=_about("WebSocket connections that one user may hold open.", least=1)
    )
    access_seconds: int = field(
        default=900, metadata=_about("How long an access token of the API counts.", unit="seconds", least=1)
    )
    credit_plans: tuple[str, ...] = field(
        default=PLANS,
        metadata=_about(
            "Plan of the influencer API as NAME=CREDITS A MONTH, or NAME=CREDITS:RESOURCE+RESOURCE where it does not "
            f"include all of {', '.join(RESOURCES)}; may be given several times, the first is what users get.",
            shown=", ".join(PLANS),
        ),
    )
    credit_prices: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "What a call of the influencer API costs, as RESOURCE=CREDITS; may be given several times.",
            shown=f"{PRICE} for each",
        ),
    )
    secret_key: str = field(
        default="",
        metadata=_about(
            f"Key for stored secrets and tokens, at least {SHORTEST_KEY} characters.",
            shown="secret.key in the data folder, made at the first start",
            secret=True,
        ),
    )

    @property
    def database_url(self) -> str:
        """Where the data is."""
        return self.database or f"sqlite:///{self.data / 'entourage.db'}"

    @property
    def tariff(self) -> Tariff:
        """The plans and prices of the influencer API."""
        return Tariff.of(self.credit_plans, self.credit_prices)

    @property
    def key_file(self) -> Path:
        """Where the server's key is, unless it was given."""
        return self.data / "secret.key"

    @property
    def logs(self) -> Path:
        """Where the logs are."""
        return self.data / "logs"

    @property
    def url(self) -> str:
        """Where people reach the server, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    def masked(self) -> dict[str, str]:
        """Every option as text, secrets masked; for `doctor`."""
        return {option.name: self._shown(option) for option in options()}

    def _shown(self, option: Option) -> str:
        if option.name == "database":
            return mask_url(self.database_url)
        value: object = getattr(self, option.name)
        if option.secret:
            return mask(str(value))
        return ", ".join(cast("tuple[str, ...]", value)) if option.many else str(value)


def options() -> Iterator[Option]:
    """Every option, in the order of the manual."""
    kinds = typing.get_type_hints(Settings)
    for each in fields(Settings):
        about, default = each.metadata, None if each.default is MISSING else cast("object", each.default)
        many = isinstance(default, tuple)
        shown = about["shown"] or ("none" if many else str(default))
        kind = str if many else cast("type", kinds[each.name])
        yield Option(
            each.name, about["help"], default, shown, kind, many, about["unit"], about["secret"], about["least"]
        )


def option(name: str) -> Option:
    """The option of this name."""
    return next(found for found in options() if found.name == name)


def from_environment(environ: Mapping[str, str], **given: object) -> Settings:
    """The settings: what was `given` (by the command line; None is not given), else the environment, else the default.

    Raises Invalid with a problem for every option that is wrong, named as it was set (`--port`, `ENTOURAGE_PORT`).
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for each in options():
        try:
            source, raw = _raw(each, environ, given)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            problems.append(Problem(f"{each.variable}_FILE", f"the file cannot be read: {why}"))
            continue
        if raw is None:
            continue
        try:
            values[each.name] = _value(each, raw)
        except ValueError as error:
            problems.append(Problem(source, str(error)))
    if unknown := set(given) - {each.name for each in options()}:
        raise TypeError(f"no such options: {', '.join(sorted(unknown))}")
    if problems:
        raise Invalid(*problems)
    return Settings(**values)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like ours but set nothing, as a misspelt one does."""
    known = {each.variable for each in options()}
    known |= {f"{each.variable}_FILE" for each in options() if each.secret}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def guide() -> str:
    """The page of the manual about settings, in Markdown."""
    lines = [
        "# Settings",
        "",
        "<!-- Made by `make docs` from entourage/kernel/settings.py; change the words there. -->",
        "",
        "Each option can be given on the command line of `entourage serve` or as an environment variable; the",
        "command line wins. Several in one variable (networks, plans) are separated by commas. Secrets can also be",
        "read from a file: put its path into the variable with `_FILE` at the end. `entourage doctor` shows what is",
        "set, with secrets masked.",
        "",
        "| variable | option | default | what it is |",
        "| --- | --- | --- | --- |",
    ]
    for each in options():
        variable = f"`{each.variable}`" + (f", `{each.variable}_FILE`" if each.secret else "")
        default = each.shown_default + (f" {each.unit}" if each.unit else "")
        flag = "" if each.name == "secret_key" else f"`{each.flag}`"
        lines.append(f"| {variable} | {flag} | {default} | {each.help} |")
    return "\n".join(lines) + "\n"


def _raw(each: Option, environ: Mapping[str, str], given: Mapping[str, object]) -> tuple[str, object]:
    """Where the option was set, and to what; None where it was not."""
    if (value := given.get(each.name)) is not None and value != ():
        return each.flag, value
    if text := environ.get(each.variable, "").strip():
        return each.variable, text
    if each.secret and (path := environ.get(f"{each.variable}_FILE", "").strip()):
        return f"{each.variable}_FILE", Path(path).read_text("utf-8").strip()
    return each.variable, None


def _value(each: Option, raw: object) -> object:
    if each.many:
        parts = raw.split(",") if isinstance(raw, str) else list(cast("typing.Iterable[object]", raw))
        check = _CHECKS.get(each.name, _network)
        checked = tuple(check(str(part).strip()) for part in parts if str(part).strip())
        if each.default and not checked:
            raise ValueError("at least one")
        return checked
    if each.kind is int:
        return _number(each, str(raw))
    if each.kind is Path:
        return Path(str(raw)).expanduser().absolute()
    if each.kind is LogLevel:
        if str(raw).upper() not in list(LogLevel):
            raise ValueError(f"one of {', '.join(LogLevel)}")
        return LogLevel(str(raw).upper())
    return _text(each.name, str(raw))


def _number(each: Option, raw: str) -> int:
    least, most = each.least or 0, 65_535 if each.name == "port" else 2**31 - 1
    if not (raw.isascii() and raw.isdecimal()) or not least <= int(raw) <= most:
        raise ValueError(f"a whole number from {least} to {most}")
    return int(raw)


def _origin(raw: str) -> str:
    parts = urlsplit(raw)
    if raw != "*" and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query):
        raise ValueError("an origin as https://app.example.org, without a slash at the end, or *")
    return raw.lower()


def _network(raw: str) -> str:
    return str(ipaddress.ip_network(raw, strict=False))


def _plan(raw: str) -> str:
    plan(raw)
    return raw


def _price(raw: str) -> str:
    price(raw)
    return raw


_CHECKS = {"cors_origins": _origin, "credit_plans": _plan, "credit_prices": _price}
"""What stands in a list, where it is not networks."""


def _text(name: str, raw: str) -> str:
    if name == "database" and not raw.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError("begins with sqlite:/// or postgresql://")
    if name == "public_url" and (urlsplit(raw).scheme not in {"http", "https"} or not urlsplit(raw).hostname):
        raise ValueError("an address as https://media.example.org")
    if name == "secret_key" and len(raw) < SHORTEST_KEY:
        raise ValueError(f"at least {SHORTEST_KEY} characters, better made by a machine")
    return raw
