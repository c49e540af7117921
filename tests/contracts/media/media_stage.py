"""The media door over real HTTP: uvicorn in a thread, a real database, real files; and things to find there."""

import asyncio
import contextlib
import hashlib
import io
import json
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from PIL import Image

from entourage.accounts import passwords, tokens, users
from entourage.accounts.model import OPERATOR, Actor, PasswordHash, Role, User
from entourage.app import Parts, opened
from entourage.archive.model import Download, Order, Profile
from entourage.archive.orders import address_hash
from entourage.archive.store import downloads as download_store
from entourage.doors import door
from entourage.doors.media import routes
from entourage.kernel.settings import Settings
from entourage.networks.model import Media, MediaKind

PASSWORD = "a rather long password"
DOCUMENTED: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "documented.json").read_text())
_hash: list[PasswordHash] = []


def password_hash() -> PasswordHash:
    """The hash of PASSWORD, made once: it is slow on purpose."""
    if not _hash:
        _hash.append(passwords.hash_now(PASSWORD))
    return _hash[0]


def picture(colour: str = "navy", size: tuple[int, int] = (640, 640)) -> bytes:
    """A JPEG."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


@dataclass
class Stage:
    """A running door: where it is, what it is made of, and who may come in."""

    parts: Parts
    url: str
    loop: asyncio.AbstractEventLoop
    clock: Any
    admin: User
    user: User
    clients: list[httpx.Client] = field(default_factory=list)

    def do(self, change: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a verb or a store's function in a transaction of its own."""
        return self.parts.database.write_now(change, *args, **kwargs)

    def run(self, work: Any) -> Any:
        """Run a coroutine in the server's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function in the server's event loop."""

        async def work() -> Any:
            return function(*args, **kwargs)

        return self.run(work())

    def token(self, user: User) -> str:
        """An access token."""
        return self.do(tokens.issue, self.parts.keys, user).access

    def client(self, user: User | None = None, **options: Any) -> httpx.Client:
        """A client, signed in as a user where one is given."""
        headers = options.pop("headers", {})
        if user is not None:
            headers["Authorization"] = f"Bearer {self.token(user)}"
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)
        self.clients.append(client)
        return client

    @property
    def actor(self) -> Actor:
        """The administrator as one who acts."""
        return self.admin.actor

    def keep(
        self, name: str = "one", *, owner: User | None = None, content: bytes | None = None, **about: Any
    ) -> Download:
        """A download, with a real file on the shelf unless `content` is empty."""
        owner = owner or self.admin
        failed = about.pop("failed", None)
        kind = about.pop("kind", MediaKind.IMAGE)
        platform = about.pop("platform", "instagram")
        profile = about.pop("profile", Profile.FAST)
        media = Media(
            key=name,
            url=f"https://cdn.example.org/{name}.jpg",
            kind=kind,
            filename=about.pop("filename", f"{name}.jpg"),
            source=about.pop("source", "evalongoria"),
            content_type=about.pop("content_type", "post"),
            posted_at=about.pop("posted_at", self.clock() - timedelta(days=1)),
            page_url=about.pop("page_url", f"https://instagram.com/p/{name}/"),
            facts=about.pop("facts", {"media_id": "123456789"}),
            **about,
        )
        order = Order(
            queue_id=0,
            owner=owner.id,
            platform=platform,
            media=media,
            address_hash=address_hash(platform, name),
            profile=profile,
        )
        kept = None
        if failed is None:
            raw = content or picture(size=(640, 640 + len(name)))
            part = self.parts.shelf.part(order)
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(raw)
            digest = hashlib.sha256(raw).hexdigest()
            kept = self.run(self.parts.shelf.put(order, part, digest, len(raw), owner.username))
        return self.do(download_store.keep, order, kept, attempts=1, error=failed)[0]


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


@contextlib.contextmanager
def staged(database_url: str, data: Path, clock: Any, **options: Any) -> Generator[Stage]:
    """A stage for as long as the block lasts."""
    settings = Settings(data=data, database=database_url, **options)
    ready: threading.Event = threading.Event()
    found: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def life() -> AsyncGenerator[None]:
        async with opened(settings, clock=clock, console=False) as parts:
            house = door.House(
                settings=settings,
                database=parts.database,
                verifier=parts.verifier,
                keys=parts.keys,
                secrets=parts.secrets,
                bus=parts.bus,
                shelf=parts.shelf,
                logs=parts.logs,
            )
            found.update(parts=parts, app=routes.build(house), loop=asyncio.get_running_loop())
            yield

    async def front(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await found["app"](scope, receive, send)
            return
        await receive()
        async with life():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            front,
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=3,
        )
        server = _Server(config, ready)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        assert ready.wait(30), "the server did not start"
        parts: Parts = found["parts"]
        admin = parts.database.write_now(users.set_up, "admin", password_hash(), "admin@example.com")
        user = parts.database.write_now(users.add, OPERATOR, "bea", password_hash(), email=None, role=Role.USER)
        stage = Stage(parts, f"http://127.0.0.1:{listening.getsockname()[1]}", found["loop"], clock, admin, user)
        try:
            yield stage
        finally:
            for client in stage.clients:
                client.close()
            server.should_exit = True
            thread.join(20)


def differences(told: Any, documented: Any, where: str = "$", *, open_maps: tuple[str, ...] = ()) -> Iterator[str]:
    """How an answer differs from a documented one: keys and types, not values. Null stands for any type."""
    if documented is None or told is None:
        return
    if _kind(told) != _kind(documented) and (_kind(documented), _kind(told)) != ("float", "int"):
        yield f"{where}: {told!r} is not like {documented!r}"
    elif isinstance(documented, dict):
        if where.rsplit(".", 1)[-1] in open_maps:
            documented = {key: documented.get(key, next(iter(documented.values()))) for key in told}
        yield from (f"{where}.{key} is missing" for key in documented.keys() - told.keys())
        yield from (f"{where}.{key} is not documented" for key in told.keys() - documented.keys())
        for key in documented.keys() & told.keys():
            yield from differences(told[key], documented[key], f"{where}.{key}", open_maps=open_maps)
    elif isinstance(documented, list):
        for entry in told:
            yield from differences(entry, documented[0] if documented else entry, f"{where}[]", open_maps=open_maps)


def _kind(value: Any) -> str:
    """What a value is."""
    if isinstance(value, str) and _is_time(value):
        return f"time of {len(value)} characters"
    return type(value).__name__


def _is_time(text: str) -> bool:
    if not text.endswith("Z"):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
