"""A real Misago on a free loopback port, with a database of its own, driven through its own API."""

import contextlib
import os
import re
import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql
from servers.process import SERVE, absent, forum_or_skip, plain_env, run, serving

PASSWORD = "a-test-password"
_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
_SETTINGS = """
from devproject.settings import *

DEBUG = True
SECRET_KEY = {secret!r}
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", **{database!r}}}}}
CELERY_BROKER_URL = "memory://"
CELERY_TASK_ALWAYS_EAGER = True
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
MEDIA_ROOT = {media!r}
STATIC_ROOT = {static!r}
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "debug_toolbar"]
MIDDLEWARE = [part for part in MIDDLEWARE if "debug_toolbar" not in part]
INTERNAL_IPS = []
"""


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread as its forum knows it."""

    id: int
    url: str


class Misago:
    """The forum at `url`, acted on by its administrator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)
        self._http.get("/")
        self._post("/api/auth/", {"username": "admin", "password": PASSWORD})
        found = re.search(r"/c/[\w-]+/(\d+)/", self._http.get("/categories/").text)
        assert found is not None
        self._category = int(found[1])

    def close(self) -> None:
        self._http.close()

    def start_thread(self, title: str, text: str, attachments: Sequence[int] = ()) -> Thread:
        """A new thread with its first post."""
        answer = self._post(
            "/api/threads/",
            {"category": self._category, "title": title, "post": text, "attachments": list(attachments)},
        )
        return Thread(answer["id"], self.url + answer["url"])

    def reply(self, thread: Thread, text: str, attachments: Sequence[int] = ()) -> int:
        """A further post; its id."""
        answer = self._post(f"/api/threads/{thread.id}/posts/", {"post": text, "attachments": list(attachments)})
        return answer["id"]

    def delete_post(self, thread: Thread, post: int) -> None:
        """The post is gone for good."""
        answer = self._http.delete(f"/api/threads/{thread.id}/posts/{post}/", headers=self._proof())
        assert answer.status_code == httpx.codes.OK, answer.text

    def upload(self, name: str, content: bytes, content_type: str) -> int:
        """A file to be attached to a post; its id."""
        answer = self._http.post(
            "/api/attachments/", files={"upload": (name, content, content_type)}, headers=self._proof()
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["id"]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(path, json=body, headers=self._proof())
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    def _proof(self) -> dict[str, str]:
        return {"X-CSRFToken": self._http.cookies.get("csrftoken") or "", "Referer": f"{self.url}/"}


@contextlib.contextmanager
def misago(folder: Path) -> Generator[Misago]:
    """A fresh Misago whose files are under `folder`; its database is dropped at the end."""
    forum = forum_or_skip("misago")
    with _database() as database:
        _ = (folder / "forum_settings.py").write_text(
            _SETTINGS.format(
                secret=secrets.token_hex(),
                database=database,
                media=str(folder / "media"),
                static=str(folder / "static"),
            )
        )
        env = plain_env(DJANGO_SETTINGS_MODULE="forum_settings", PYTHONPATH=str(folder))
        manage = [str(forum.interpreter), "-m", "django"]
        run([*manage, "migrate", "--verbosity", "0"], env, folder)
        who = ["--username", "admin", "--email", "admin@example.org", "--password", PASSWORD]
        run([*manage, "createsuperuser", "--noinput", *who], env, folder)
        command = [str(forum.interpreter), str(SERVE), "django.core.wsgi:get_wsgi_application", "--call"]
        with serving(command, env, folder) as url:
            server = Misago(url)
            try:
                yield server
            finally:
                server.close()


@contextlib.contextmanager
def _database() -> Generator[dict[str, str]]:
    """An empty PostgreSQL database in Django's words, dropped at the end."""
    address = os.environ.get("ENTOURAGE_TEST_POSTGRES", _POSTGRES)
    name = f"entourage_misago_{secrets.token_hex(6)}"
    try:
        connection = psycopg.connect(address, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        absent("PostgreSQL (ENTOURAGE_TEST_POSTGRES)")
    with connection:
        _ = connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        parts = urlsplit(address)
        try:
            yield {
                "NAME": name,
                "USER": parts.username or connection.info.user,
                "PASSWORD": parts.password or "",
                "HOST": parts.hostname or "127.0.0.1",
                "PORT": str(parts.port or 5432),
            }
        finally:
            _ = connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
