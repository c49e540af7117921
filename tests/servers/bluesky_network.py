"""A real Bluesky network on free loopback ports, with a database and a Redis of its own, acted on through its API."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql
from servers.install import CannotInstallError, ensure_bluesky
from servers.process import absent, plain_env

PASSWORD = "a-test-password"
PATIENCE = 60.0
_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
_SCRIPT = Path(__file__).with_name("bluesky") / "network.mjs"
_ADMIN = ("admin", "admin-pass")  # as the makers' own test environment sets it


@dataclass(frozen=True, slots=True)
class Ref:
    """A record as others refer to it."""

    uri: str
    cid: str


@dataclass(slots=True)
class Member:
    """Somebody with an account, acting through it."""

    server: str
    handle: str
    did: str
    token: str = field(repr=False)

    def app_password(self, name: str = "entourage") -> str:
        """A new app password."""
        return self._call("com.atproto.server.createAppPassword", {"name": name})["password"]

    def revoke(self, name: str = "entourage") -> None:
        """Makes an app password worthless, and all sessions that began with it."""
        _ = self._call("com.atproto.server.revokeAppPassword", {"name": name})

    def describe(self, name: str, text: str, picture: bytes | None = None, labels: Sequence[str] = ()) -> None:
        """Fills in the profile; `labels` are what the owner says of the account."""
        record: dict[str, Any] = {"displayName": name, "description": text}
        if picture is not None:
            record["avatar"] = self._upload(picture, "image/jpeg")
        if labels:
            values = [{"val": label} for label in labels]
            record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": values}
        self._put("app.bsky.actor.profile", "self", record)

    def post(self, text: str, *pictures: tuple[bytes, int, int], reply_to: tuple[Ref, Ref] | None = None) -> Ref:
        """A post; pictures are (JPEG, width, height); `reply_to` is (root, parent). Hashtags are marked as such."""
        record: dict[str, Any] = {"text": text, "facets": _facets(text)}
        if pictures:
            record["embed"] = {
                "$type": "app.bsky.embed.images",
                "images": [
                    {"alt": "", "image": self._upload(one, "image/jpeg"), "aspectRatio": {"width": w, "height": h}}
                    for one, w, h in pictures
                ],
            }
        if reply_to is not None:
            root, parent = ({"uri": ref.uri, "cid": ref.cid} for ref in reply_to)
            record["reply"] = {"root": root, "parent": parent}
        return self._create("app.bsky.feed.post", record)

    def film(self, text: str, film: bytes, width: int, height: int) -> Ref:
        """A post with a film."""
        embed = {
            "$type": "app.bsky.embed.video",
            "video": self._upload(film, "video/mp4"),
            "aspectRatio": {"width": width, "height": height},
        }
        return self._create("app.bsky.feed.post", {"text": text, "embed": embed})

    def follow(self, other: "Member") -> None:
        _ = self._create("app.bsky.graph.follow", {"subject": other.did})

    def block(self, other: "Member") -> None:
        _ = self._create("app.bsky.graph.block", {"subject": other.did})

    def like(self, post: Ref) -> None:
        _ = self._create("app.bsky.feed.like", {"subject": {"uri": post.uri, "cid": post.cid}})

    def repost(self, post: Ref) -> None:
        _ = self._create("app.bsky.feed.repost", {"subject": {"uri": post.uri, "cid": post.cid}})

    def _upload(self, content: bytes, content_type: str) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.server}/xrpc/com.atproto.repo.uploadBlob",
            content=content,
            headers={"Content-Type": content_type, "Authorization": f"Bearer {self.token}"},
            timeout=PATIENCE,
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return answer.json()["blob"]

    def _create(self, collection: str, record: dict[str, Any]) -> Ref:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = {"repo": self.did, "collection": collection, "record": {"createdAt": now, "$type": collection, **record}}
        answer = self._call("com.atproto.repo.createRecord", body)
        return Ref(answer["uri"], answer["cid"])

    def _put(self, collection: str, key: str, record: dict[str, Any]) -> None:
        record = {"$type": collection, **record}
        body = {"repo": self.did, "collection": collection, "rkey": key, "record": record}
        _ = self._call("com.atproto.repo.putRecord", body)

    def _call(self, method: str, body: Mapping[str, object]) -> dict[str, Any]:
        return called(self.server, method, body, headers={"Authorization": f"Bearer {self.token}"})


@dataclass(frozen=True, slots=True)
class Network:
    """A running network: `pds` is where people have accounts, `strict` such a place with limits, `appview` for all."""

    pds: str
    strict: str
    appview: str

    def join(self, name: str, server: str = "") -> Member:
        """A new account called `name`.test."""
        server = server or self.pds
        who = {"handle": f"{name}.test", "email": f"{name}@example.org", "password": PASSWORD}
        told = called(server, "com.atproto.server.createAccount", who)
        return Member(server, told["handle"], told["did"], told["accessJwt"])

    def take_down(self, member: Member, *, down: bool = True) -> None:
        """As the operators do: closes an account to its owner and to everybody, or opens it again."""
        body = {
            "subject": {"$type": "com.atproto.admin.defs#repoRef", "did": member.did},
            "takedown": {"applied": down, **({"ref": "test"} if down else {})},
        }
        _ = called(member.server, "com.atproto.admin.updateSubjectStatus", body, auth=_ADMIN)

    def read(self, method: str, **params: str | int) -> dict[str, Any]:
        """What the app view answers to anybody; empty while it knows nothing of the kind."""
        answer = httpx.get(f"{self.appview}/xrpc/{method}", params=params, timeout=PATIENCE, trust_env=False)
        return answer.json() if answer.is_success else {}


def called(server: str, method: str, body: Mapping[str, object], **more: Any) -> dict[str, Any]:
    """The answer to a procedure; fails with what the server said."""
    answer = httpx.post(f"{server}/xrpc/{method}", json=body, timeout=PATIENCE, trust_env=False, **more)
    assert answer.is_success, f"{method}: {answer.text}"
    return answer.json() if answer.content else {}


def until(holds: Callable[[], bool]) -> None:
    """Waits: the network sees what was written up to a second later."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextlib.contextmanager
def bluesky(folder: Path) -> Generator[Network]:
    """A fresh network whose files are under `folder`; its database is dropped at the end."""
    try:
        installed = ensure_bluesky()
    except CannotInstallError as reason:
        absent(f"Bluesky: {reason}")
    (folder / "tmp").mkdir(parents=True)
    (folder / "node_modules").symlink_to(installed.folder / "node_modules")
    script = shutil.copy(_SCRIPT, folder)
    with _database() as database, _redis(folder) as redis, (folder / "errors.log").open("wb") as errors:
        env = plain_env(
            DB_POSTGRES_URL=database, REDIS_HOST=redis, LOG_ENABLED="false", TMPDIR=str(folder / "tmp"), NODE_ENV="test"
        )
        with subprocess.Popen(
            [str(installed.node), script],
            env=env,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as server:
            try:
                assert server.stdout is not None
                ready = server.stdout.readline()
                assert ready, (folder / "errors.log").read_text(errors="replace")[-3000:]
                yield Network(**json.loads(ready))
            finally:
                _end(server)


def _end(server: "subprocess.Popen[str]") -> None:
    assert server.stdin is not None
    server.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)


@contextlib.contextmanager
def _redis(folder: Path) -> Generator[str]:
    """A Redis of its own, as caches of two networks would mix; else the machine's (ENTOURAGE_TEST_REDIS)."""
    program = shutil.which("redis-server", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if program is None:
        where = os.environ.get("ENTOURAGE_TEST_REDIS", "127.0.0.1:6379")
        if not _answers(where):
            absent("Redis (redis-server, or ENTOURAGE_TEST_REDIS)")
        yield where
        return
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder))
    with subprocess.Popen([program, *words], stdout=subprocess.DEVNULL) as server:
        try:
            until(lambda: _answers(f"127.0.0.1:{port}"))
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def _answers(where: str) -> bool:
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _database() -> Generator[str]:
    """The address of an empty PostgreSQL database, dropped at the end."""
    address = os.environ.get("ENTOURAGE_TEST_POSTGRES", _POSTGRES)
    name = f"entourage_bluesky_{secrets.token_hex(6)}"
    try:
        connection = psycopg.connect(address, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        absent("PostgreSQL (ENTOURAGE_TEST_POSTGRES)")
    with connection:
        _ = connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(address)._replace(scheme="postgresql", path=f"/{name}").geturl()
        finally:
            _ = connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _facets(text: str) -> list[dict[str, Any]]:
    """Where the hashtags of a text are, in bytes, as Bluesky's own program marks them."""
    found: list[dict[str, Any]] = []
    at = 0
    for word in text.split(" "):
        length = len(word.encode())
        if word.startswith("#") and len(word) > 1:
            feature = {"$type": "app.bsky.richtext.facet#tag", "tag": word[1:]}
            found.append({"index": {"byteStart": at, "byteEnd": at + length}, "features": [feature]})
        at += length + 1
    return found
