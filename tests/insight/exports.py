"""Small inputs of every kind that can be imported, as the programs and sites that make them write them."""

import json
import lzma
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Tree = Mapping[str, object]
"""Files by name: bytes and texts as they are, anything else as JSON."""

AT = 1_700_000_000
SEEN = "2026-01-01T00:00:00Z"


def profile(number: int, **more: object) -> dict[str, Any]:
    """A fact about one of many people."""
    told = {"kind": "profile", "network": "instagram", "id": str(number), "username": f"user{number}", "seen_at": SEEN}
    return {**told, "followers": number, **more}


def lines(facts: Sequence[object]) -> bytes:
    """Facts as JSON Lines."""
    return b"".join(json.dumps(fact, ensure_ascii=False).encode() + b"\n" for fact in facts)


def mangled(text: str) -> str:
    """Text as Instagram writes it into exports: each byte of its UTF-8 as a character of its own."""
    return text.encode().decode("latin-1")


def content_of(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def folder(at: Path, tree: Tree) -> Path:
    for name, value in tree.items():
        path = at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_of(value))
    return at


def archive(at: Path, tree: Tree) -> Path:
    with zipfile.ZipFile(at, "w", zipfile.ZIP_DEFLATED) as file:
        for name, value in tree.items():
            file.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), content_of(value), zipfile.ZIP_DEFLATED)
    return at


def person(name: str, at: int = AT) -> dict[str, Any]:
    """An entry of a list of followers."""
    line = {"href": f"https://www.instagram.com/{name}", "value": name, "timestamp": at}
    return {"title": "", "media_list_data": [], "string_list_data": [line]}


def said(value: str) -> dict[str, Any]:
    return {"href": "", "value": value, "timestamp": 0}


def personal(name: str = "dior", biography: str = "") -> dict[str, Any]:
    told = {
        "Email": said("nobody@example.org"),
        "Username": said(name),
        "Name": said(mangled("Maison Été")),
        "Bio": said(mangled(biography)),
        "Website": said("https://example.org/"),
        "Private Account": said("False"),
    }
    return {"profile_user": [{"title": "User Information", "media_map_data": {}, "string_map_data": told}]}


NEW: Tree = {
    "personal_information/personal_information/personal_information.json": personal(biography="Café ☕"),
    "connections/followers_and_following/followers_1.json": [person("ann", AT), person("bob", AT + 1)],
    "connections/followers_and_following/followers_2.json": [person("cem", 0)],
    "connections/followers_and_following/following.json": {
        "relationships_following": [
            {
                "title": "ann",
                "string_list_data": [{"href": "https://www.instagram.com/_u/ann", "timestamp": AT + 2}],
            }
        ]
    },
    "connections/followers_and_following/recently_unfollowed_profiles.json": {
        "relationships_unfollowed_users": [person("dan", AT + 3)]
    },
    "your_instagram_activity/media/posts_1.json": [
        {
            "media": [
                {
                    "uri": "media/posts/202311/1.jpg",
                    "creation_timestamp": AT + 10,
                    "title": mangled("Crème brûlée 🍮 with @ann #paris"),
                }
            ]
        },
        {
            "media": [
                {"uri": "media/posts/202311/2.jpg", "creation_timestamp": AT + 20, "title": ""},
                {"uri": "media/posts/202311/3.jpg", "creation_timestamp": AT + 21, "title": ""},
            ],
            "title": "An album",
            "creation_timestamp": AT + 22,
        },
    ],
    "your_instagram_activity/media/reels.json": {
        "ig_reels_media": [
            {"media": [{"uri": "media/reels/202311/4.mp4", "creation_timestamp": AT + 30, "title": "A reel"}]}
        ]
    },
    "your_instagram_activity/media/stories.json": {
        "ig_stories": [{"uri": "media/stories/202311/5.jpg", "creation_timestamp": AT + 40, "title": ""}]
    },
    "your_instagram_activity/likes/liked_posts.json": [
        {
            "timestamp": AT + 50,
            "media": [],
            "label_values": [
                {
                    "label": "URL",
                    "value": "https://www.instagram.com/p/CpQ3yxOSrLw/",
                    "href": "https://www.instagram.com/p/CpQ3yxOSrLw/",
                },
                {
                    "dict": [
                        {
                            "dict": [
                                {"label": "URL", "value": "https://www.instagram.com/eve"},
                                {"label": "Name", "value": "Eve"},
                                {"label": "Username", "value": "eve"},
                            ],
                            "title": "",
                        }
                    ],
                    "title": "Owner",
                },
            ],
            "fbid": "17900000000000001",
        }
    ],
    "your_instagram_activity/comments/post_comments_1.json": [
        {"string_map_data": {"Comment": {"value": "lovely"}, "Media Owner": {"value": "eve"}}}
    ],
    "your_instagram_activity/messages/inbox/ann_1/message_1.json": {"participants": [], "messages": []},
    "media/posts/202311/1.jpg": b"\xff\xd8\xff",
}
"""An export as it is today; posts, reels and stories lay in `content` before 2024."""

OLDER: Tree = {
    "account_information/personal_information.json": personal(),
    "followers_and_following/followers.json": {"relationships_followers": [person("ann", AT)]},
    "followers_and_following/following.json": {"relationships_following": [person("bob", AT)]},
    "content/posts_1.json": [
        {"media": [{"uri": "media/posts/202011/1.jpg", "creation_timestamp": AT, "title": "Old"}]}
    ],
    "likes/liked_posts.json": {
        "likes_media_likes": [
            {
                "title": "eve",
                "string_list_data": [
                    {
                        "href": "https://www.instagram.com/p/CpQ3yxOSrLw/",
                        "value": mangled("👍"),
                        "timestamp": AT + 50,
                    }
                ],
            }
        ]
    },
}
"""An export of 2021 to 2023: the same files without the folders around them."""

OLDEST: Tree = {
    "profile.json": {"username": "dior", "name": "Dior", "biography": "Paris", "website": "", "private_account": False},
    "connections.json": {
        "followers": {"ann": "2019-01-01T10:00:00+00:00", "bob": "2019-02-01T10:00:00+00:00"},
        "following": {"ann": "2019-03-01T10:00:00+00:00"},
        "blocked_users": {"zoe": "2019-03-01T10:00:00+00:00"},
    },
    "media.json": {
        "photos": [
            {"caption": "Hello", "taken_at": "2019-04-01T10:00:00+00:00", "path": "photos/201904/1.jpg"},
        ],
        "stories": [{"caption": "", "taken_at": "2019-05-01T10:00:00+00:00", "path": "stories/201905/2.jpg"}],
        "profile": [{"caption": "", "taken_at": "2018-01-01T10:00:00+00:00", "path": "profile/1.jpg"}],
    },
    "likes.json": {"media_likes": [["2019-06-01T10:00:00+00:00", "eve"]], "comment_likes": []},
}
"""An export of 2018 to 2020."""


def owner(number: int, name: str, **more: object) -> dict[str, Any]:
    return {"id": str(number), "username": name, **more}


def instaloader_post(number: int, name: str = "dior") -> dict[str, Any]:
    """What instaloader 4 writes of a post (see `get_json_structure` there)."""
    node = {
        "__typename": "GraphSidecar",
        "id": str(number),
        "shortcode": "CpQ3yxOSrLw",
        "display_url": "https://cdn.example/1.jpg",
        "dimensions": {"height": 1350, "width": 1080},
        "is_video": False,
        "owner": owner(
            7,
            name,
            full_name="Dior",
            biography="Paris",
            edge_followed_by={"count": 1234},
            edge_follow={"count": 5},
            is_private=False,
            is_verified=True,
        ),
        "taken_at_timestamp": AT,
        "edge_media_to_caption": {"edges": [{"node": {"text": "with @ann #paris"}}]},
        "edge_media_preview_like": {"count": 10, "edges": [{"node": owner(8, "ann")}]},
        "edge_media_to_parent_comment": {
            "count": 2,
            "edges": [
                {
                    "node": {
                        "id": "c1",
                        "text": "nice",
                        "created_at": AT + 5,
                        "owner": owner(9, "bob"),
                        "edge_threaded_comments": {
                            "count": 1,
                            "edges": [
                                {"node": {"id": "c2", "text": "yes", "created_at": AT + 6, "owner": owner(8, "ann")}}
                            ],
                        },
                    }
                }
            ],
        },
        "edge_sidecar_to_children": {
            "edges": [
                {
                    "node": {
                        "is_video": False,
                        "display_url": "https://cdn.example/1.jpg",
                        "dimensions": {"height": 1350, "width": 1080},
                    }
                },
                {
                    "node": {
                        "is_video": True,
                        "display_url": "https://cdn.example/2.jpg",
                        "video_url": "https://cdn.example/2.mp4",
                        "dimensions": {"height": 720, "width": 1280},
                    }
                },
            ]
        },
    }
    return {"node": node, "instaloader": {"version": "4.15", "node_type": "Post"}}


INSTALOADER: Tree = {
    "dior/2023-11-14_22-13-20_UTC.json.xz": lzma.compress(json.dumps(instaloader_post(100)).encode()),
    "dior/2023-11-14_22-13-20_UTC_comments.json": [
        {
            "id": "c3",
            "created_at": AT + 7,
            "text": "more",
            "owner": owner(10, "cem", is_verified=False),
            "likes_count": 0,
            "answers": [
                {"id": "c4", "created_at": AT + 8, "text": "indeed", "owner": owner(9, "bob"), "likes_count": 0}
            ],
        }
    ],
    "dior/2023-11-14_22-13-20_UTC_1.jpg": b"\xff\xd8\xff",
    "dior/2023-11-14_22-13-20_UTC.txt": "with @ann #paris\n",
    "dior/dior_7.json": {
        "node": owner(
            7,
            "dior",
            full_name="Dior",
            biography="Paris",
            external_url="https://example.org/",
            profile_pic_url_hd="https://cdn.example/p.jpg",
            edge_followed_by={"count": 1234},
            edge_follow={"count": 5},
            is_private=False,
            is_verified=True,
        ),
        "instaloader": {"version": "4.15", "node_type": "Profile"},
    },
    "dior/2023-11-15_00-00-00_UTC.json": {
        "node": {
            "id": "200",
            "owner": owner(7, "dior"),
            "taken_at_timestamp": AT + 100,
            "is_video": True,
            "video_resources": [{"src": "https://cdn.example/s.mp4"}],
            "dimensions": {"height": 1920, "width": 1080},
        },
        "instaloader": {"version": "4.15", "node_type": "StoryItem"},
    },
    "dior/iterator.json": {"node": {"id": "1"}, "instaloader": {"version": "4.15", "node_type": "FrozenNodeIterator"}},
}

GALLERY_DL: Tree = {
    "twitter/1.jpg.json": {
        "category": "twitter",
        "subcategory": "timeline",
        "tweet_id": 1800000000000000001,
        "retweet_id": 0,
        "date": "2024-06-10 04:00:00",
        "author": {
            "id": 12,
            "name": "dior",
            "nick": "Dior",
            "location": "Paris",
            "verified": True,
            "protected": False,
            "followers_count": 300,
            "friends_count": 4,
            "statuses_count": 50,
            "profile_image": "https://cdn.example/t.jpg",
            "description": "Fashion",
            "url": "https://example.org/",
        },
        "content": "Hello #paris @ann",
        "favorite_count": 7,
        "reply_count": 2,
    },
    "twitter/2.jpg.json": {
        "category": "twitter",
        "subcategory": "timeline",
        "tweet_id": 1800000000000000002,
        "retweet_id": 1700000000000000000,
        "date": "2024-06-10 04:00:00",
        "author": {"id": 13, "name": "eve", "nick": "Eve"},
        "content": "RT @eve: hi",
    },
    "tiktok/3.mp4.json": {
        "category": "tiktok",
        "subcategory": "post",
        "id": "7300000000000000000",
        "desc": "A dance",
        "createTime": "1700000000",
        "author": {
            "id": "6800000000000000000",
            "uniqueId": "dancer",
            "nickname": "Dancer",
            "signature": "I dance",
            "verified": False,
            "privateAccount": False,
            "avatarLarger": "https://cdn.example/a.jpg",
        },
        "authorStats": {"followerCount": 900, "followingCount": 3, "videoCount": 40},
        "stats": {"diggCount": 11, "commentCount": 4, "playCount": 1000},
        "video": {"duration": 10},
    },
    "bluesky/4.jpg.json": {
        "category": "bluesky",
        "subcategory": "media",
        "uri": "at://did:plc:abc/app.bsky.feed.post/3kxyz",
        "post_id": "3kxyz",
        "author": {"did": "did:plc:abc", "handle": "ann.example.org", "displayName": "Ann", "avatar": ""},
        "text": "Clouds",
        "createdAt": "2024-06-10T04:00:00.123Z",
        "likeCount": 3,
        "replyCount": 1,
    },
    "mastodon/5.png.json": {
        "category": "mastodon",
        "subcategory": "user",
        "instance": "example.social",
        "id": "110000000000000001",
        "uri": "https://example.social/users/Ann/statuses/110000000000000001",
        "url": "https://example.social/@Ann/110000000000000001",
        "visibility": "public",
        "created_at": "2024-06-10T04:00:00.000Z",
        "content": '<p>Clouds <a href="https://example.social/tags/sky" class="hashtag">#<span>sky</span></a></p>',
        "favourites_count": 3,
        "replies_count": 1,
        "reblog": None,
        "mentions": [],
        "count": 1,
        "media": {"id": "1", "type": "image", "url": "https://cdn.example/5.png"},
        "account": {
            "id": "1",
            "acct": "Ann",
            "display_name": "Ann",
            "note": "<p>I paint</p>",
            "avatar": "https://cdn.example/ann.png",
            "followers_count": 12,
            "following_count": 3,
            "statuses_count": 40,
        },
    },
    "mastodon/6.png.json": {
        "category": "mastodon",
        "subcategory": "user",
        "instance": "example.social",
        "uri": "https://example.social/users/bob/statuses/2",
        "visibility": "public",
        "account": {"id": "2", "acct": "bob", "note": "<p>I paint, #nobot</p>"},
    },
    "other/package.json": {"name": "something", "version": "1.0.0"},
}
"""What `gallery-dl --write-metadata` writes of other networks; for Instagram the tests run the program itself."""
