"""The influencer door over real HTTP: uvicorn in a thread, a real database, and channels to ask about."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from entourage.accounts import api_tokens, users
from entourage.accounts import credits as money
from entourage.accounts.model import OPERATOR, PasswordHash, Role, User
from entourage.app import Parts, opened
from entourage.doors import door
from entourage.doors.influencer import routes
from entourage.insight import channels, recording
from entourage.kernel.settings import Settings
from entourage.networks.facts import Fact, FollowFact, PostFact, ProfileFact

NETWORK = "instagram"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
FOLLOWERS = 60
POSTS = 45
DAYS = 100


@dataclass
class Stage:
    """A running door: where it is, what it is made of, and who may come in."""

    parts: Parts
    url: str
    clock: Any
    user: User
    clients: list[httpx.Client] = field(default_factory=list[httpx.Client])

    def do(self, change: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a verb in a transaction of its own."""
        return self.parts.database.write_now(change, *args, **kwargs)

    def token(self, *, credits_left: int | None = None, plan: str | None = None) -> str:
        """A token of the one user, with so many credits, on this plan."""
        tariff = self.parts.settings.tariff
        if plan is not None:
            self.do(money.set_plan, OPERATOR, tariff, self.user.id, plan)
        if credits_left is not None:
            self.do(money.set_balance, OPERATOR, tariff, self.user.id, credits_left)
        return self.do(api_tokens.add, OPERATOR, self.user.username)

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        """A client that shows a token where one is given."""
        headers = options.pop("headers", {}) | ({"Authorization": f"Token {token}"} if token else {})
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)
        self.clients.append(client)
        return client

    def balance(self) -> int:
        """The credits that are left."""
        return self.do(money.balance, OPERATOR, self.parts.settings.tariff, self.user.id).balance

    def ledger(self) -> list[tuple[str, int, str | None]]:
        """What was charged: the resource, the change and the subject, the oldest first."""
        entries = self.do(money.ledger, OPERATOR, self.user.id, size=100_000).items
        return [(one.why, one.change, one.subject) for one in reversed(entries) if one.token_id is not None]

    def learn(self, *facts: Fact) -> None:
        """Let insight know something."""
        self.do(recording.learn, facts)

    def channel(self, username: str) -> str:
        """What the contract calls the channel with exactly this user name."""
        return self.do(channels.search, OPERATOR, username).items[0].uuid


def profile(seen_at: datetime, number: str, username: str, **about: Any) -> ProfileFact:
    """A profile on the network of this stage."""
    return ProfileFact(network=NETWORK, id=number, username=username, seen_at=seen_at, **about)


def society(now: datetime) -> Sequence[Fact]:
    """A channel with followers, posts and a history; others whose names begin alike; and one nobody knows much of."""
    facts: list[Fact] = []
    for day in range(DAYS):
        seen = now - timedelta(days=DAYS - day)
        facts.append(
            profile(
                seen,
                "1",
                "dior",
                name="Dior",
                biography="Fashion from Paris",
                location="Paris, France",
                picture="https://cdn.example.org/dior.jpg",
                followers=1000 + 10 * day,
                follows=200 + day,
                posts=POSTS,
            )
        )
    names = ("Anna", "James", "Maria", "Thomas", "Emma", "Peter")
    places = ("Berlin, Germany", "London, UK", "Chicago, USA")
    for number in range(FOLLOWERS):
        facts += (
            profile(
                now,
                f"f{number}",
                f"fan_{number:02}",
                name=f"{names[number % len(names)]} Fan",
                biography=f"{20 + number % 30} years old",
                location=places[number % len(places)],
                picture=None if number % 2 else f"https://cdn.example.org/{number}.jpg",
                followers=100 + number,
                follows=300,
                posts=50,
            ),
            FollowFact(network=NETWORK, follower=f"f{number}", followed="1", seen_at=now),
        )
    for number in range(POSTS):
        posted = now - timedelta(hours=6 * number + 1)
        facts.append(
            PostFact(
                network=NETWORK,
                id=f"p{number}",
                author="1",
                url=f"https://instagram.example/p/p{number}",
                caption=f"Look at this, @fan_{number:02} #fashion #paris",
                posted_at=posted,
                likes=10,
                comments=1,
                seen_at=now,
            )
        )
    for number in range(25):
        facts.append(
            PostFact(
                network=NETWORK,
                id=f"m{number}",
                author=f"f{number}",
                caption="I like @dior",
                posted_at=now - timedelta(days=number),
                seen_at=now,
            )
        )
    facts += [profile(now, f"d{number}", f"diorama{number:02}") for number in range(44)]
    facts.append(ProfileFact(network="bluesky", id="did:plc:1", username="dior.example", seen_at=now))
    facts.append(profile(now, "lonely", "lonely"))
    return facts


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


@contextlib.contextmanager
def staged(database_url: str, data: Path, clock: Any, *, trusted: bool = False, **options: Any) -> Generator[Stage]:
    """A stage for as long as the block lasts."""
    settings = Settings(data=data, database=database_url, **options)
    ready = threading.Event()
    found: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def life() -> AsyncGenerator[None]:
        async with opened(settings, clock=clock, console=False) as parts:
            names = ("settings", "database", "verifier", "keys", "secrets", "bus", "shelf", "logs")
            house = door.House(**{name: getattr(parts, name) for name in names})
            found.update(parts=parts, app=routes.build(house, parts.keeper))
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
            proxy_headers=trusted,
            forwarded_allow_ips="127.0.0.1" if trusted else None,
            timeout_graceful_shutdown=3,
        )
        server = _Server(config, ready)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        assert ready.wait(30), "the server did not start"
        parts: Parts = found["parts"]
        parts.database.write_now(users.add, OPERATOR, "root", PasswordHash("x"), role=Role.ADMIN)
        user = parts.database.write_now(users.add, OPERATOR, "ada", PasswordHash("x"))
        stage = Stage(parts, f"http://127.0.0.1:{listening.getsockname()[1]}", clock, user)
        try:
            yield stage
        finally:
            for client in stage.clients:
                client.close()
            server.should_exit = True
            thread.join(20)


async def many(url: str, token: str, path: str, times: int) -> list[httpx.Response]:
    """The answers to the same question, asked so many times at once."""
    limits = httpx.Limits(max_connections=times)
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Token {token}"}, timeout=60, limits=limits
    ) as client:
        return list(await asyncio.gather(*(client.get(path) for _ in range(times))))
