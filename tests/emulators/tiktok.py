"""An emulator of www.tiktok.com and its file servers: pages with their data inside, lists by time, videos, photo posts.

The file server wants the referrer and the cookie that the site handed out, as the real one does. Private and missing
accounts, the log-in wall and the waiting page (a small proof of work) are there on demand. It is ours: it proves
shapes, paging, errors and state, not what the real one does today; the clients that judge it are not ours.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulators.media import clip, picture
from emulators.site import Reply, Request, Site

HOSTS = ("www.tiktok.com", "v16-webapp-prime.tiktok.com", "p16-sign.tiktokcdn.com")
CDN = "https://v16-webapp-prime.tiktok.com"
PICTURES = "https://p16-sign.tiktokcdn.com"
_PAGE = 15
_CHAIN = "tt_chain_token"

THROTTLED = Reply(b"Too many requests", "text/plain", 429)
BROKEN = Reply(b"Bad gateway", "text/plain", 502)
LOGIN = Reply(status=302, headers={"location": "https://www.tiktok.com/login?redirect_url=x"})


@dataclass(slots=True)
class Post:
    id: int
    created: int
    text: str = ""
    photos: int = 0
    """How many pictures a photo post has; 0 makes it a video."""


@dataclass(slots=True)
class User:
    name: str
    private: bool = False
    posts: list[Post] = field(default_factory=list[Post])

    @property
    def sec_uid(self) -> str:
        return "MS4wLjABAAAA" + hashlib.sha256(self.name.encode()).hexdigest()

    @property
    def id(self) -> str:
        return str(int(hashlib.sha256(self.name.encode()).hexdigest()[:12], 16))


class TikTok:
    """The state of the network; `site` serves it. With `waiting_page`, pages ask for a proof of work first."""

    def __init__(self, folder: Path) -> None:
        self.users: dict[str, User] = {}
        self.waiting_page = False
        self._folder = folder
        self.site = Site(self.answer)

    def add(self, user: User) -> User:
        self.users[user.name] = user
        return user

    def answer(self, request: Request) -> Reply:  # noqa: PLR0911 - one return for each route
        if request.host == "v16-webapp-prime.tiktok.com":
            return self._video(request)
        if request.host == "p16-sign.tiktokcdn.com":
            found = re.fullmatch(r"/obj/(\d+)_(\d+)~tplv\.(?:jpeg|webp)", request.path)
            return (
                Reply(picture(int(found[1]) % 9973 + int(found[2]), 720, 960), "image/jpeg")
                if found
                else Reply(status=404)
            )
        if request.path in {"/api/creator/item_list/", "/api/post/item_list/"}:
            return self._list(request)
        if request.path == "/login":
            return Reply(b"<!DOCTYPE html><html><title>Log in | TikTok</title></html>")
        if self.waiting_page and "_wafchallengeid" not in request.cookies:
            return Reply(_waiting_page())
        if found := re.fullmatch(r"/@([\w.-]*)/(?:video|photo)/(\d+)", request.path):
            return self._detail(int(found[2]))
        if found := re.fullmatch(r"/@([\w.-]+)", request.path):
            return self._profile(found[1])
        return Reply(b"<!DOCTYPE html><html><title>TikTok</title></html>", status=404)

    def _video(self, request: Request) -> Reply:
        allowed = request.cookies.get(_CHAIN) and request.headers.get("referer", "").startswith(
            "https://www.tiktok.com/"
        )
        if not allowed or not request.path.startswith("/video/"):
            return Reply(b"Access Denied", "text/plain", 403)
        return Reply(clip(self._folder).read_bytes(), "video/mp4")

    def _profile(self, name: str) -> Reply:
        user = self.users.get(name)
        if user is None:
            return _page("webapp.user-detail", {"statusCode": 10221, "statusMsg": "user not exist", "userInfo": {}})
        wire = {
            "id": user.id,
            "uniqueId": name,
            "nickname": name.title(),
            "secUid": user.sec_uid,
            "privateAccount": user.private,
            "avatarLarger": f"{PICTURES}/obj/{user.id}_0~tplv.jpeg",
        }
        if user.private:
            info = {"user": wire, "stats": {"videoCount": 0}}
            return _page("webapp.user-detail", {"statusCode": 10222, "statusMsg": "private", "userInfo": info})
        info = {"user": wire, "stats": {"videoCount": len(user.posts), "followerCount": 5}, "itemList": []}
        return _page("webapp.user-detail", {"statusCode": 0, "userInfo": info})

    def _detail(self, number: int) -> Reply:
        for user in self.users.values():
            for post in user.posts:
                if post.id == number:
                    if user.private:
                        return _page("webapp.video-detail", {"statusCode": 10222, "statusMsg": "private account"})
                    return _page(
                        "webapp.video-detail", {"statusCode": 0, "itemInfo": {"itemStruct": _wire(user, post)}}
                    )
        return _page("webapp.video-detail", {"statusCode": 10204, "statusMsg": "item doesn't exist"})

    def _list(self, request: Request) -> Reply:
        user = next((user for user in self.users.values() if user.sec_uid == request.query.get("secUid")), None)
        before = int(request.query.get("cursor") or 0)
        posts = [] if user is None or user.private else sorted(user.posts, key=lambda post: -post.created)
        older = [post for post in posts if post.created * 1000 < before]
        shown = older[:_PAGE]
        answer: dict[str, Any] = {
            "statusCode": 0,
            "itemList": [_wire(user, post) for post in shown] if user else [],
            "hasMorePrevious": len(older) > len(shown),
            "cursor": str(shown[-1].created * 1000 if shown else 0),
        }
        return Reply(json.dumps(answer).encode(), "application/json; charset=utf-8")


def _wire(user: User, post: Post) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "id": str(post.id),
        "desc": post.text,
        "createTime": post.created,
        "author": {"id": user.id, "uniqueId": user.name, "nickname": user.name.title(), "secUid": user.sec_uid},
        "stats": {"diggCount": 10, "shareCount": 1, "commentCount": 2, "playCount": 1000, "collectCount": 3},
        "music": {"id": "9", "title": "original sound", "authorName": user.name, "duration": 2, "playUrl": ""},
    }
    if post.photos:
        pictures: Sequence[Mapping[str, Any]] = [
            {
                "imageURL": {"urlList": [f"{PICTURES}/obj/{post.id}_{n}~tplv.jpeg"]},
                "imageWidth": 720,
                "imageHeight": 960,
            }
            for n in range(post.photos)
        ]
        wire["imagePost"] = {"images": pictures, "title": ""}
        return wire
    sizes = (("1080p", "1080_0", 1600000, 1080, 1920), ("540p", "540_0", 400000, 576, 1024))
    wire["video"] = {
        "id": str(post.id),
        "width": 576,
        "height": 1024,
        "duration": 2,
        "ratio": "540p",
        "format": "mp4",
        "cover": f"{PICTURES}/obj/{post.id}_0~tplv.jpeg",
        "playAddr": f"{CDN}/video/{post.id}/540p/",
        "bitrateInfo": [
            {
                "GearName": f"normal_{gear}",
                "Bitrate": bitrate,
                "CodecType": "h264",
                "PlayAddr": {
                    "UrlKey": f"v0_h264_{name}_{bitrate}",
                    "DataSize": "1000",
                    "UrlList": [f"{CDN}/video/{post.id}/{name}/"],
                    "Width": width,
                    "Height": height,
                },
            }
            for name, gear, bitrate, width, height in sizes
        ],
    }
    return wire


def _page(name: str, detail: Mapping[str, Any]) -> Reply:
    scope = {"webapp.app-context": {"language": "en", "wid": "7300000000000000001", "user": None}, name: detail}
    data = json.dumps({"__DEFAULT_SCOPE__": scope})
    body = (
        "<!DOCTYPE html><html><head>"
        f'<script id="__UNIVERSAL_DATA_FOR_REHYDRATION__" type="application/json">{data}</script></head></html>'
    )
    return Reply(body.encode(), headers={"set-cookie": f"{_CHAIN}=chain123; Domain=.tiktok.com; Path=/; Secure"})


def _waiting_page() -> bytes:
    """The page that asks a browser to find the number (777) whose salted digest is known."""
    expected = base64.b64encode(hashlib.sha256(b"salt" + b"777").digest()).decode()
    task = {"v": {"a": base64.b64encode(b"salt").decode(), "b": "", "c": expected}, "s": "s"}
    packed = base64.b64encode(json.dumps(task).encode()).decode().rstrip("=")
    return (
        f'<!DOCTYPE html><html>Please wait...<p id="cs" class="{packed}"></p>'
        '<p id="wci" class="_wafchallengeid"></p><p id="rci" class="waforiginalreid"></p>'
        '<p id="rs" class="abc"></p></html>'
    ).encode()
