"""A real FlaskBB on a free loopback port, with a SQLite file of its own, driven through its own forms."""

import contextlib
import html
import re
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx
from servers.process import SERVE, forum_or_skip, plain_env, run, serving

PASSWORD = "a-test-password"
_SETTINGS = """
SECRET_KEY = {secret!r}
WTF_CSRF_SECRET_KEY = {secret!r}
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/forum.sqlite"
UPLOAD_FOLDER = "{folder}/uploads"
REDIS_ENABLED = False
CELERY_CONFIG = {{"broker_url": "memory://", "result_backend": "cache+memory://", "task_always_eager": True}}
CACHE_TYPE = "SimpleCache"
RATELIMIT_ENABLED = False
MAIL_SUPPRESS_SEND = True
USE_DEFAULT_LOGGING = False
"""
_FACTORY = """
from flaskbb.app import create_app


def application():
    return create_app({config!r})
"""

Attached = dict[str, tuple[str, bytes, str]]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as its forum knows it."""

    id: int
    url: str


class FlaskBB:
    """The forum at `url`, acted on by its administrator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30, follow_redirects=True)
        answer = self._send("/auth/login", {"login": "admin", "password": PASSWORD, "submit": "Login"})
        assert "/auth/logout" in answer.text, answer.text[-2000:]

    def close(self) -> None:
        self._http.close()

    def start_topic(self, title: str, text: str, *attached: tuple[str, bytes, str]) -> Topic:
        """A new topic with its first post."""
        answer = self._send("/1/topic/new", {"title": title, "content": text, "submit": "Post Topic"}, *attached)
        found = re.search(r"/topic/(\d+)", str(answer.url))
        assert found is not None, answer.url
        return Topic(int(found[1]), str(answer.url.copy_with(query=None, fragment=None)))

    def reply(self, topic: Topic, text: str, *attached: tuple[str, bytes, str]) -> None:
        """A further post."""
        answer = self._send(f"/topic/{topic.id}/post/new", {"content": text, "submit": "Reply"}, *attached)
        assert f"/topic/{topic.id}" in str(answer.url), answer.url

    def sign(self, text: str) -> None:
        """The signature below all of the administrator's posts."""
        _ = self._send("/user/settings/user-details", {"signature": text, "submit": "Save"})

    def _send(self, path: str, fields: dict[str, str], *attached: tuple[str, bytes, str]) -> httpx.Response:
        form = self._http.get(path).text
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        assert found is not None, form[-2000:]
        answer = self._http.post(
            path,
            data={**fields, "csrf_token": html.unescape(found[1])},
            files=[("new_attachments", file) for file in attached] or None,
        )
        assert answer.status_code == httpx.codes.OK, answer.text[-2000:]
        return answer


@contextlib.contextmanager
def flaskbb(folder: Path) -> Generator[FlaskBB]:
    """A fresh FlaskBB whose files are under `folder`."""
    forum = forum_or_skip("flaskbb")
    config = folder / "forum.cfg"
    _ = config.write_text(_SETTINGS.format(secret=secrets.token_hex(), folder=folder))
    _ = (folder / "forum_factory.py").write_text(_FACTORY.format(config=str(config)))
    env = plain_env(PYTHONPATH=str(folder))
    who = ["--username", "admin", "--email", "admin@example.org", "--password", PASSWORD]
    program = str(forum.interpreter.with_name("flaskbb"))
    run([program, "--config", str(config), "install", "--force", *who], env, folder)
    with serving([str(forum.interpreter), str(SERVE), "forum_factory:application", "--call"], env, folder) as url:
        server = FlaskBB(url)
        try:
            yield server
        finally:
            server.close()
