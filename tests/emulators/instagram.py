"""An emulator of what Instagram's web site tells its own scripts: profiles, posts, reels, stories, pictures and films.

It keeps the rules that a client runs into: the tokens of the page have to come back with each query, query numbers are
found in the site's scripts, pages have twelve posts, stories want a signed-in session, private posts stay private,
picture addresses carry a signature. It is ours: it proves shapes, paging, errors and state, not what the real one
does today; the clients that judge it are not ours.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulators.media import clip, picture
from emulators.site import Reply, Request, Site

HOSTS = ("www.instagram.com", "instagram.com", "static.cdninstagram.com", "scontent.cdninstagram.com")
SESSION = "61000000001%3Asecret%3A28"
_PAGE = 12
_LSD, _DTSG = "AVqxLSDtoken", "NAcDTSGtoken"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_QUERIES = {
    "PolarisProfilePageContentQuery": "9000000000000001",
    "PolarisProfilePostsTabContentQuery_connection": "9000000000000002",
    "PolarisProfileReelsTabContentQuery_connection": "9000000000000003",
    "PolarisProfileTaggedTabContentQuery_connection": "9000000000000004",
    "PolarisProfileStoryHighlightsTrayContentQuery": "9000000000000005",
    "PolarisStoriesV3ReelPageGalleryQuery": "9000000000000006",
    "PolarisStoriesV3TrayContainerQuery": "9000000000000007",
}

THROTTLED = Reply(b'{"message":"Please wait a few minutes"}', "application/json", 429, {"retry-after": "120"})
BROKEN = Reply(b"Internal error", "text/plain", 500)
CHALLENGE = Reply(status=302, headers={"location": "https://www.instagram.com/challenge/?next=/"})
LOGIN = Reply(status=302, headers={"location": "https://www.instagram.com/accounts/login/"})


def shortcode(pk: int) -> str:
    text = ""
    while pk:
        pk, rest = divmod(pk, 64)
        text = _ALPHABET[rest] + text
    return text


@dataclass(slots=True)
class Post:
    pk: int
    taken_at: int
    caption: str = ""
    items: Sequence[str] = ("image",)
    """What it is made of: "image" or "video" each; more than one makes an album."""
    pinned: bool = False
    width: int = 1080
    height: int = 1350


@dataclass(slots=True)
class User:
    pk: int
    name: str
    private: bool = False
    posts: list[Post] = field(default_factory=list[Post])
    stories: list[Post] = field(default_factory=list[Post])
    highlights: dict[int, list[Post]] = field(default_factory=dict[int, list[Post]])
    tagged: list[int] = field(default_factory=list[int])


class Instagram:
    """The state of the network; `site` serves it."""

    def __init__(self, folder: Path) -> None:
        self.users: dict[str, User] = {}
        self._folder = folder
        self.site = Site(self.answer)

    def add(self, user: User) -> User:
        self.users[user.name] = user
        return user

    # What is answered, by host and path

    def answer(self, request: Request) -> Reply:  # noqa: PLR0911 - one return for each route
        if request.host == "static.cdninstagram.com":
            return Reply(self._script().encode(), "application/javascript")
        if request.host == "scontent.cdninstagram.com":
            return self._file(request)
        if request.path in {"/graphql/query", "/api/graphql"}:
            return self._graphql(request)
        if found := re.fullmatch(r"/api/v1/media/(\d+)/info/", request.path):
            post = self._post(int(found[1]))
            if post is None:
                return _json({"message": "Media not found or unavailable", "status": "fail"}, 404)
            return _json({"items": [self._wire(*post)], "num_results": 1, "more_available": False, "status": "ok"})
        if request.path.startswith(("/challenge/", "/accounts/login/")):
            return Reply(b"<!DOCTYPE html><html><title>Log in</title></html>")
        if found := re.fullmatch(r"/([\w.]+)(?:/(?:reels|tagged))?/?", request.path):
            return self._profile_page(found[1])
        return Reply(b"<!DOCTYPE html><html><title>Page not found</title></html>", status=404)

    def _script(self) -> str:
        lines = [
            f'__d("{name}_instagramRelayOperation",[],(function(t,n,r,o,a,i){{a.exports="{number}"}}),null);'
            for name, number in _QUERIES.items()
        ]
        return "\n".join(lines)

    def _profile_page(self, name: str) -> Reply:
        user = self.users.get(name)
        if user is None and name != "instagram":
            return Reply(b"<!DOCTYPE html><html><title>Page not found</title></html>", status=404)
        tokens = json.dumps({"l": _LSD, "f": _DTSG})
        route = json.dumps(
            {"params": {"username": name}, "profile_id": str(user.pk if user else 1)}, separators=(",", ":")
        )
        return Reply(
            (
                "<!DOCTYPE html><html><head>"
                '<link rel="preload" href="https://static.cdninstagram.com/rsrc.php/v4/y1/r/polaris.js" as="script">'
                f'<script type="application/json" id="__eqmc">{tokens}</script></head>'
                f"<body><script>{route}</script><title>@{html.escape(name)}</title></body></html>"
            ).encode(),
            headers={"set-cookie": "csrftoken=csrf1; Domain=.instagram.com; Path=/; Secure"},
        )

    def _file(self, request: Request) -> Reply:
        if request.query.get("oh") != "00_signed":
            return Reply(b"URL signature mismatch", "text/plain", 403)
        if request.path.endswith(".mp4"):
            return Reply(clip(self._folder).read_bytes(), "video/mp4")
        found = re.fullmatch(r"/v/(\d+)_(\d+)x(\d+)_n\.jpg", request.path)
        if not found:
            return Reply(status=404)
        return Reply(picture(int(found[1]) % 9973, int(found[2]), int(found[3])), "image/jpeg")

    def _graphql(self, request: Request) -> Reply:  # noqa: PLR0911 - one return for each query
        form = request.form
        if request.method != "POST" or form.get("lsd") != _LSD or form.get("fb_dtsg") != _DTSG:
            return _json({"errors": [{"message": "execution error", "severity": "CRITICAL"}], "data": None})
        name = next((name for name, number in _QUERIES.items() if number == form.get("doc_id")), None)
        v: dict[str, Any] = json.loads(form["variables"])
        match name:
            case "PolarisProfilePageContentQuery":
                user = self._by_id(v["id"])
                return _json({"data": {"user": self._wire_profile(user) if user else None}})
            case "PolarisProfilePostsTabContentQuery_connection":
                posts = [self._wire(*one) for one in self._visible(self.users[v["username"]])]
                return _connection("xdt_api__v1__feed__user_timeline_graphql_connection", posts, v)
            case "PolarisProfileReelsTabContentQuery_connection":
                user = self._by_id(v["id"])
                reels = [one for one in self._visible(user) if one[1].items == ("video",)] if user else []
                nodes = [{"media": {"pk": str(post.pk), "code": shortcode(post.pk)}} for _, post in reels]
                return _connection("fetch__XDTUserDict", nodes, v, inner="clips_connection")
            case "PolarisProfileTaggedTabContentQuery_connection":
                user = self._by_id(v["user_id"])
                nodes = [{"pk": str(pk), "code": shortcode(pk)} for pk in (user.tagged if user else [])]
                return _connection("xdt_api__v1__usertags__user_id__feed_connection", nodes, v)
            case "PolarisProfileStoryHighlightsTrayContentQuery":
                user = self._by_id(v["user_id"])
                edges = [{"node": {"id": f"highlight:{pk}"}} for pk in (user.highlights if user else {})]
                return _json({"data": {"highlights": {"edges": edges}}})
            case "PolarisStoriesV3ReelPageGalleryQuery":
                if request.cookies.get("sessionid") != SESSION:
                    return LOGIN
                nodes = [reel for reel_id in v["reel_ids"] if (reel := self._wire_reel(str(reel_id)))]
                return _connection("xdt_api__v1__feed__reels_media__connection", nodes, v)
            case _:
                return _json({"errors": [{"message": "unknown doc_id"}], "data": None})

    # The network's shapes

    def _by_id(self, pk: object) -> User | None:
        return next((user for user in self.users.values() if str(user.pk) == str(pk)), None)

    def _visible(self, user: User) -> Iterator[tuple[User, Post]]:
        """A user's posts as the profile shows them: pinned ones first, then the newest."""
        shown = [] if user.private else sorted(user.posts, key=lambda post: (post.pinned, post.taken_at), reverse=True)
        return ((user, post) for post in shown)

    def _post(self, pk: int) -> tuple[User, Post] | None:
        for user in self.users.values():
            for post in [] if user.private else user.posts:
                if post.pk == pk:
                    return user, post
        return None

    def _wire_user(self, user: User) -> dict[str, Any]:
        return {
            "pk": str(user.pk),
            "id": str(user.pk),
            "username": user.name,
            "full_name": user.name.title(),
            "is_private": user.private,
            "profile_pic_id": f"{user.pk}77_{user.pk}",
            "profile_pic_url": _picture_url(user.pk, 150, 150),
        }

    def _wire_profile(self, user: User) -> dict[str, Any]:
        return {
            **self._wire_user(user),
            "hd_profile_pic_url_info": {"url": _picture_url(user.pk, 400, 400)},
            "friendship_status": {"following": False},
            "biography": f"All about {user.name}",
            "media_count": len(user.posts),
            "follower_count": 1,
        }

    def _wire(self, user: User, post: Post) -> dict[str, Any]:
        first = self._wire_item(post.pk, post.items[0], post)
        wire: dict[str, Any] = {
            **first,
            "id": f"{post.pk}_{user.pk}",
            "code": shortcode(post.pk),
            "taken_at": post.taken_at,
            "caption": {"text": post.caption, "created_at": post.taken_at} if post.caption else None,
            "user": self._wire_user(user),
            "like_count": post.pk % 100,
            "comment_count": 0,
            "has_liked": False,
            "timeline_pinned_user_ids": [str(user.pk)] if post.pinned else [],
            "clips_tab_pinned_user_ids": [],
            "product_type": "clips" if post.items == ("video",) else "feed",
        }
        if len(post.items) > 1:
            wire["media_type"] = 8
            wire["carousel_media"] = [self._wire_item(post.pk + 1 + n, kind, post) for n, kind in enumerate(post.items)]
        return wire

    def _wire_item(self, pk: int, kind: str, post: Post) -> dict[str, Any]:
        sizes = [
            (post.width, post.height),
            (640, 640 * post.height // post.width),
            (320, 320 * post.height // post.width),
        ]
        candidates = [{"url": _picture_url(pk, w, h), "width": w, "height": h} for w, h in sizes if w <= post.width]
        item: dict[str, Any] = {
            "pk": str(pk),
            "id": str(pk),
            "code": shortcode(pk),
            "taken_at": post.taken_at,
            "media_type": 2 if kind == "video" else 1,
            "original_width": post.width,
            "original_height": post.height,
            "image_versions2": {"candidates": candidates},
        }
        if kind == "video":
            url = f"https://scontent.cdninstagram.com/o1/{pk}.mp4?oh=00_signed&oe=ffffffff"
            item["video_versions"] = [{"url": url, "width": 320, "height": 240, "type": 101}]
        return item

    def _wire_reel(self, reel_id: str) -> dict[str, Any] | None:
        for user in self.users.values():
            posts = user.stories if reel_id == str(user.pk) else []
            for pk, kept in user.highlights.items():
                posts = kept if reel_id == f"highlight:{pk}" else posts
            if posts and not user.private:
                items = [
                    {**self._wire_item(post.pk, post.items[0], post), "expiring_at": post.taken_at + 86400}
                    for post in posts
                ]
                newest = max(post.taken_at for post in posts)
                kind = "highlight_reel" if reel_id.startswith("highlight:") else "user_reel"
                extra = {"seen": newest, "latest_reel_media": newest, "reel_type": kind, "title": "Kept"}
                return {"id": reel_id, "items": items, "user": self._wire_user(user), **extra}
        return None


def _picture_url(pk: int, width: int, height: int) -> str:
    return f"https://scontent.cdninstagram.com/v/{pk}_{width}x{height}_n.jpg?stp=dst-jpg_e35&oh=00_signed&oe=ffffffff"


def _json(value: Mapping[str, Any], status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), "application/json; charset=utf-8", status)


def _connection(name: str, nodes: Sequence[Mapping[str, Any]], v: Mapping[str, Any], inner: str | None = None) -> Reply:
    """A page of a list, as GraphQL connections go: twelve nodes, and the cursor of the next ones."""
    start = int(v.get("after") or 0)
    more = start + _PAGE < len(nodes)
    value: dict[str, Any] = {
        "edges": [{"node": node, "cursor": str(start + n)} for n, node in enumerate(nodes[start : start + _PAGE])],
        "page_info": {"has_next_page": more, "end_cursor": str(start + _PAGE) if more else None},
    }
    return _json({"data": {name: {inner: value} if inner else value}, "extensions": {"is_final": True}})
