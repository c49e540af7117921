"""Importers: every format read as it is written by others, and what is broken told with its place."""

import contextlib
import gzip
import io
import json
import lzma
import os
import random
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from insight.exports import (
    AT,
    GALLERY_DL,
    INSTALOADER,
    NEW,
    OLDER,
    OLDEST,
    SEEN,
    Tree,
    archive,
    folder,
    lines,
    mangled,
    person,
    personal,
    profile,
)
from msgspec import UNSET

from entourage.insight.importers import reading, sources
from entourage.insight.importers.instagram_export import mended, post_id
from entourage.insight.importers.model import Format
from entourage.insight.importers.reading import Batch
from entourage.kernel.errors import Invalid, NotFound
from entourage.networks.facts import (
    CommentFact,
    Fact,
    FollowFact,
    LikeFact,
    PostFact,
    ProfileFact,
)

MADE = datetime(2026, 1, 2, tzinfo=UTC)
NAMED = "instagram-dior-2026-01-02-x1Y2z3"


Form = Callable[[Path, Tree], Path]
Wrap = Callable[[bytes], bytes]


def as_utf16(content: bytes) -> bytes:
    return content.decode().encode("utf-16")


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(AT + seconds, UTC)


def batches(path: Path) -> Sequence[Batch]:
    with sources.opened(path) as source:
        return list(reading.batches(source, reading.survey(source), {}))


def facts(path: Path) -> list[Fact]:
    return [fact for batch in batches(path) for fact in batch.facts]


def problems(path: Path) -> list[str]:
    return [f"{bad.where}: {bad.why}" for batch in batches(path) for bad in batch.bad]


def ignored(path: Path) -> int:
    return sum(batch.ignored for batch in batches(path))


def refused(path: Path) -> str:
    with pytest.raises(Invalid) as caught:
        batches(path)
    return str(caught.value)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# Lines of facts

THREE = lines([profile(1), profile(2), profile(3)])


@pytest.mark.parametrize("name", ["facts.jsonl", "facts.ndjson", "facts.json", "facts.txt", "without_an_ending"])
def test_lines_of_facts_are_read_whatever_their_file_is_called(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, THREE)
    assert [fact.id for fact in facts(path) if isinstance(fact, ProfileFact)] == ["1", "2", "3"]
    assert reading.detect(path) is Format.FACTS


def test_lines_of_facts_are_read_from_gzip_and_from_archives_and_folders(tmp_path: Path) -> None:
    tree: Tree = {"a.jsonl": THREE, "b/c.jsonl.gz": gzip.compress(THREE), "notes.txt": "hello"}
    for path in (archive(tmp_path / "all.zip", tree), folder(tmp_path / "all", tree)):
        assert len(facts(path)) == 6
        assert ignored(path) == 1
    assert len(facts(written(tmp_path / "packed.jsonl.gz", gzip.compress(THREE) + gzip.compress(THREE)))) == 6


def test_blank_lines_are_nothing_and_the_first_line_may_name_the_version(tmp_path: Path) -> None:
    content = b'{"kind":"format","version":1}\n\n  \r\n' + THREE.replace(b"\n", b"\r\n") + b"\n\n"
    path = written(tmp_path / "facts.jsonl", content)
    assert len(facts(path)) == 3
    assert problems(path) == []


@pytest.mark.parametrize("more", [b"", b',"made_by":"a newer one"'])
def test_a_newer_version_is_refused_whole(tmp_path: Path, more: bytes) -> None:
    path = written(tmp_path / "facts.jsonl", b'{"kind":"format","version":2%b}\n' % more + THREE)
    assert "version 2" in refused(path)
    assert "nothing was read" in problems(archive(tmp_path / "a.zip", {"facts.jsonl": path.read_bytes()}))[0]


def test_our_own_version_with_a_key_that_it_does_not_have_is_a_bad_line(tmp_path: Path) -> None:
    path = written(tmp_path / "facts.jsonl", b'{"kind":"format","version":1,"made_by":"me"}\n' + THREE)
    assert len(facts(path)) == 3
    assert problems(path)[0].startswith("line 1: ")


def test_what_was_seen_in_the_future_is_told_as_bad(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    told = [profile(number, seen_at=(now + timedelta(hours=hours)).isoformat()) for number, hours in ((1, 12), (2, 36))]
    path = written(tmp_path / "facts.jsonl", lines(told))
    assert len(facts(path)) == 1
    assert problems(path) == ["line 2: seen_at: is more than a day ahead of the clock of this machine"]


def test_files_of_the_future_were_seen_now(tmp_path: Path) -> None:
    path = folder(tmp_path / "kept", INSTALOADER)
    for file in path.rglob("*"):
        os.utime(file, (5_000_000_000, 5_000_000_000))
    found = facts(path)
    assert problems(path) == []
    assert {fact.seen_at <= datetime.now(UTC) for fact in found if isinstance(fact, ProfileFact)} == {True}


BAD_LINES = [
    (b'{"kind":"profile","network":"x","id":"1","username":"a","seen_at":"2026-01-01T00:00:00Z","foo":1}', "`foo`"),
    (b'{"kind":"profile","network":"x","id":"1","username":"a"}', "`seen_at`"),
    (b'{"kind":"profile","network":"x","id":1,"username":"a","seen_at":"2026-01-01T00:00:00Z"}', "$.id"),
    (b'{"kind":"profile","network":"x","id":"1","username":"a","seen_at":"2026-01-01T00:00:00"}', "seen_at"),
    (b'{"kind":"profile","network":"x","id":"1","username":"a","seen_at":"yesterday"}', "$.seen_at"),
    (b'{"kind":"like","network":"","post":"1","profile":"2","seen_at":"2026-01-01T00:00:00Z"}', "network"),
    (b'{"kind":"poke","network":"x"}', "poke"),
    (b'{"kind":"format","version":1}', "format"),
    (b"[1, 2]", "array"),
    (b"hello", "JSON"),
    (b'{"kind":"prof', "truncated"),
    (b"[" * 100_000, "line 2"),
    (b'{"kind":"profile","network":"x","id":"1","username":"Andr\xe9","seen_at":"2026-01-01T00:00:00Z"}', "Latin-1"),
    (b"{" + b" " * (5 * 1024**2) + b"}", "longer than 4 MB"),
]


@pytest.mark.parametrize(("line", "word"), BAD_LINES, ids=[word for _, word in BAD_LINES])
def test_a_bad_line_is_told_with_its_number_and_the_others_are_read(tmp_path: Path, line: bytes, word: str) -> None:
    path = written(tmp_path / "facts.jsonl", lines([profile(1)]) + line + b"\n" + lines([profile(2), profile(3)]))
    assert len(facts(path)) == 3
    (problem,) = problems(path)
    assert problem.startswith("line 2: ")
    assert word in problem
    assert len(problem) < 300


LIKE = {"kind": "like", "network": "x", "post": "1", "profile": "2", "seen_at": SEEN}
POST = {"kind": "post", "network": "x", "id": "1", "author": "2", "seen_at": SEEN}
PICTURE = {"url": "https://example.org/a.jpg", "type": "image"}


@pytest.mark.parametrize(
    ("fact", "word"),
    [
        ({**LIKE, "network": "a\0b"}, "network"),
        ({**LIKE, "profile": "@"}, "profile"),
        ({**LIKE, "profile": "@ "}, "profile"),
        (profile(1, id="@"), "id"),
        (profile(1, username=" "), "username"),
        (profile(1, username=" @ "), "username"),
        ({**POST, "media": [PICTURE, {**PICTURE, "url": "\0"}]}, "media.1.url"),
        ({**POST, "media": [{**PICTURE, "width": -5}]}, "media.0.width"),
        ({**POST, "media": [{**PICTURE, "height": 10**30}]}, "media.0.height"),
    ],
)
def test_values_that_cannot_be_are_refused_by_their_key(tmp_path: Path, fact: dict[str, object], word: str) -> None:
    path = written(tmp_path / "facts.jsonl", lines([fact, profile(2)]))
    assert len(facts(path)) == 1
    (problem,) = problems(path)
    assert problem.startswith("line 1: ")
    assert word in problem


def test_a_last_line_that_is_cut_off_costs_only_itself(tmp_path: Path) -> None:
    path = written(tmp_path / "facts.jsonl", THREE[:-20])
    assert len(facts(path)) == 2
    assert problems(path)[0].startswith("line 3: ")


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_encodings_that_tell_themselves_are_understood(tmp_path: Path, encoding: str) -> None:
    text = lines([profile(1, name="Zoë 🍮"), *map(profile, range(2, 2000))]).decode()
    path = written(tmp_path / "facts.jsonl", text.encode(encoding))
    found = [fact for fact in facts(path) if isinstance(fact, ProfileFact)]
    assert (len(found), found[0].name) == (1999, "Zoë 🍮")
    assert problems(path) == []


@pytest.mark.parametrize("wrap", [bytes, gzip.compress, as_utf16])
def test_reading_goes_on_at_any_place_it_was_left(tmp_path: Path, wrap: Wrap) -> None:
    content = lines([profile(number, biography="é" * (number % 300)) for number in range(20_000)])
    ending = ".jsonl.gz" if wrap is gzip.compress else ".jsonl"
    path = written(tmp_path / f"facts{ending}", wrap(content.replace(b'"id": "777"', b'"id": ""')))
    whole = batches(path)
    assert len(whole) > 3
    with sources.opened(path) as source:
        seen = reading.survey(source)
        for number, batch in enumerate(whole):
            rest = list(reading.batches(source, seen, batch.position))
            assert [fact for one in rest for fact in one.facts] == [f for one in whole[number + 1 :] for f in one.facts]
            assert rest[-1].done == whole[-1].done == seen.size
    assert problems(path) == ["line 778: id: must be 1 to 512 characters"]


# Instagram's own export


def test_text_that_instagram_mangled_is_mended_and_other_text_left_alone() -> None:
    for text in ("Crème brûlée 🍮", "日本語", "naïve", "plain", "", "Ünïcödé ❤️"):
        assert mended(mangled(text)) == text
    for text in ("日本語", "Crème", "ÿ", "Ã"):
        assert mended(text) == text
    cut = "Café 🍮".encode()[:-2].decode("latin-1")
    assert mended(cut) == "Café "


def test_the_id_of_a_post_is_in_its_address() -> None:
    # The shortcode and the id of one post, as tests of both instaloader and gallery-dl have them.
    assert post_id("https://www.instagram.com/p/BqvsDleB3lV/") == "1922949326347663701"
    assert post_id("https://www.instagram.com/reel/BqvsDleB3lV/?igsh=1") == "1922949326347663701"
    assert post_id("https://www.instagram.com/dior/p/BqvsDleB3lV" + "a" * 28) == "1922949326347663701"
    assert post_id("https://www.instagram.com/dior/") is None


@pytest.mark.parametrize("form", [archive, folder], ids=["archive", "folder"])
def test_an_export_tells_its_owner_follows_posts_and_likes(tmp_path: Path, form: Form) -> None:
    path = form(tmp_path / (NAMED + (".zip" if form is archive else "")), NEW)
    found = facts(path)
    assert reading.detect(path) is Format.INSTAGRAM_EXPORT
    assert problems(path) == []
    assert [fact for fact in found if isinstance(fact, ProfileFact)] == [
        ProfileFact(
            network="instagram",
            id="@dior",
            username="dior",
            seen_at=MADE,
            name="Maison Été",
            biography="Café ☕",
            link="https://example.org/",
            is_private=False,
        )
    ]
    assert {
        (fact.follower, fact.followed, fact.seen_at, fact.until) for fact in found if isinstance(fact, FollowFact)
    } == {
        ("@ann", "@dior", at(0), None),
        ("@ann", "@dior", MADE, None),
        ("@bob", "@dior", at(1), None),
        ("@bob", "@dior", MADE, None),
        ("@cem", "@dior", MADE, None),
        ("@dior", "@ann", at(2), None),
        ("@dior", "@ann", MADE, None),
        ("@dior", "@dan", at(3), at(3)),
    }
    posts = {fact.id: fact for fact in found if isinstance(fact, PostFact)}
    assert {(post.id, post.author, post.caption, post.posted_at) for post in posts.values()} == {
        (f"@dior/post/{AT + 10}", "@dior", "Crème brûlée 🍮 with @ann #paris", at(10)),
        (f"@dior/post/{AT + 22}", "@dior", "An album", at(22)),
        (f"@dior/reel/{AT + 30}", "@dior", "A reel", at(30)),
        (f"@dior/story/{AT + 40}", "@dior", None, at(40)),
        ("3049182329114899184", "@eve", UNSET, UNSET),
    }
    assert [fact for fact in found if isinstance(fact, LikeFact)] == [
        LikeFact(network="instagram", post="3049182329114899184", profile="@dior", seen_at=at(50))
    ]
    assert "messages" not in "".join(map(str, found))
    assert ignored(path) == 3


@pytest.mark.parametrize("tree", [OLDER, OLDEST], ids=["2021", "2019"])
def test_older_exports_tell_the_same(tmp_path: Path, tree: Tree) -> None:
    found = facts(archive(tmp_path / "dior_20260102.zip", tree))
    edges = {(fact.follower, fact.followed) for fact in found if isinstance(fact, FollowFact)}
    assert ("@ann", "@dior") in edges
    assert any(follower == "@dior" for follower, _ in edges)
    assert {fact.author for fact in found if isinstance(fact, PostFact)} - {"@eve"} == {"@dior"}
    assert {fact.seen_at for fact in found if isinstance(fact, ProfileFact)} == {MADE}
    assert "zoe" not in "".join(map(str, found))


def test_an_export_in_a_folder_of_an_archive_is_found(tmp_path: Path) -> None:
    inside = {f"{NAMED}/{name}": value for name, value in NEW.items()}
    assert len(facts(archive(tmp_path / "download.zip", inside))) == len(facts(archive(tmp_path / f"{NAMED}.zip", NEW)))


def test_the_owner_is_told_by_the_export_or_by_the_name_instagram_gave_it(tmp_path: Path) -> None:
    tree: Tree = {"connections/followers_and_following/followers_1.json": [person("ann")]}
    found = facts(archive(tmp_path / f"{NAMED}.zip", tree))
    assert {fact.followed for fact in found if isinstance(fact, FollowFact)} == {"@dior"}
    assert "whose export" in refused(archive(tmp_path / "download.zip", tree))
    dutch = personal()
    told = dutch["profile_user"][0]["string_map_data"]
    told["Gebruikersnaam"] = told.pop("Username")
    tree = {**tree, "personal_information/personal_information/personal_information.json": dutch}
    assert len(facts(archive(tmp_path / "download.zip", tree))) == 3


@pytest.mark.parametrize("name", ["instagram-jane.doe-2026-01-31-x1Y2z3", "instagram-jane.doe-2026-01-31-x1Y2z3.ZIP"])
def test_a_name_with_a_dot_is_told_by_the_name_of_folder_and_archive(tmp_path: Path, name: str) -> None:
    tree = {"connections/followers_and_following/followers_1.json": [person("ann")]}
    path = (folder if "." not in name[-4:] else archive)(tmp_path / name, tree)
    found = [fact for fact in facts(path) if isinstance(fact, FollowFact)]
    assert {fact.followed for fact in found} == {"@jane.doe"}
    assert max(fact.seen_at for fact in found) == datetime(2026, 1, 31, tzinfo=UTC)


def test_html_beside_something_else_is_told(tmp_path: Path) -> None:
    pages = "connections/followers_and_following/followers_1.html"
    tree: Tree = {f"old/{pages}": "<html>", "old/likes/liked_posts.html": "<html>", "facts.jsonl": THREE}
    path = folder(tmp_path / "both", tree)
    assert len(facts(path)) == 3
    (told,) = problems(path)
    assert told.startswith(f"old/{pages}: this is Instagram's download as HTML")


def test_the_html_kind_is_recognised_and_explained(tmp_path: Path) -> None:
    tree: Tree = {"connections/followers_and_following/followers_1.html": "<html>", "start_here.html": "<html>"}
    assert "choose JSON" in refused(archive(tmp_path / "a.zip", tree))
    assert "choose JSON" in refused(folder(tmp_path / "a", tree))


def test_a_file_of_an_export_alone_is_explained(tmp_path: Path) -> None:
    assert "whole folder" in refused(written(tmp_path / "followers_1.json", json.dumps([person("ann")]).encode()))


def test_entries_of_an_export_that_tell_nothing_are_told_and_the_others_read(tmp_path: Path) -> None:
    name = "connections/followers_and_following/followers_1.json"
    strange: list[object] = [person("ann"), {}, 7, None, person(""), person("a" * 600), person("bob")]
    path = archive(tmp_path / f"{NAMED}.zip", {name: strange})
    assert {fact.follower for fact in facts(path) if isinstance(fact, FollowFact)} == {"@ann", "@bob"}
    assert [problem.split(":")[0] for problem in problems(path)] == [
        *(f"{name}, entry {number}" for number in (2, 3, 4, 5)),
        *[f"{name}, entry 6"] * 2,
    ]


@pytest.mark.parametrize("cut", [5, 100, 2_000, 100_000])
def test_half_written_json_is_read_as_far_as_it_goes(tmp_path: Path, cut: int) -> None:
    name = "connections/followers_and_following/followers_1.json"
    people = json.dumps([person(f"user{number}") for number in range(10_000)])
    whole = len(facts(archive(tmp_path / f"{NAMED}.zip", {name: people})))
    path = archive(tmp_path / f"{NAMED}.zip", {name: people[:-cut]})
    entry = len(people) / 10_000
    assert whole - len(facts(path)) == pytest.approx(2 * cut / entry, abs=3)
    (problem,) = problems(path)
    assert re.fullmatch(name + r": it is cut off \(at character [\d,]+\); what came before was kept", problem)


def test_json_that_is_broken_in_the_middle_is_read_up_to_there(tmp_path: Path) -> None:
    name = "connections/followers_and_following/followers_1.json"
    people = json.dumps([person(f"user{number}") for number in range(10_000)])
    broken = people.replace('"value": "user5000"', '"value": user5000')
    path = archive(tmp_path / f"{NAMED}.zip", {name: broken})
    assert len(facts(path)) == 10_000
    assert "this is no JSON (at character" in problems(path)[0]


def test_a_long_list_is_gone_on_with_where_it_was_left(tmp_path: Path) -> None:
    name = "connections/followers_and_following/followers_1.json"
    path = archive(tmp_path / f"{NAMED}.zip", {name: [person(f"user{number}") for number in range(10_000)]})
    whole = batches(path)
    with sources.opened(path) as source:
        rest = list(reading.batches(source, reading.survey(source), whole[2].position))
    assert [f for one in rest for f in one.facts] == [f for one in whole[3:] for f in one.facts]


# What downloaders keep


@pytest.mark.parametrize("form", [archive, folder], ids=["archive", "folder"])
def test_what_instaloader_keeps_is_read(tmp_path: Path, form: Form) -> None:
    path = form(tmp_path / "kept.zip", INSTALOADER)
    found = facts(path)
    assert reading.detect(path) is Format.INSTALOADER
    assert problems(path) == []
    (dior,) = {fact for fact in found if isinstance(fact, ProfileFact) and fact.link != UNSET}
    assert (dior.id, dior.username, dior.name, dior.followers, dior.is_verified) == ("7", "dior", "Dior", 1234, True)
    posts = {fact.id: fact for fact in found if isinstance(fact, PostFact)}
    assert (posts["100"].author, posts["100"].likes, posts["100"].comments) == ("7", 10, 2)
    assert posts["100"].caption == "with @ann #paris"
    assert posts["100"].media != UNSET
    assert [(media.type, media.width) for media in posts["100"].media] == [("image", 1080), ("video", 1280)]
    assert posts["200"].posted_at == at(100)
    comments = {fact.id: fact for fact in found if isinstance(fact, CommentFact)}
    assert {key: (fact.post, fact.author, fact.text) for key, fact in comments.items()} == {
        "c1": ("100", "9", "nice"),
        "c2": ("100", "8", "yes"),
        "c3": ("100", "10", "more"),
        "c4": ("100", "9", "indeed"),
    }
    assert ("100", "8") in {(fact.post, fact.profile) for fact in found if isinstance(fact, LikeFact)}


def test_comments_without_their_post_are_told(tmp_path: Path) -> None:
    tree = {name: value for name, value in INSTALOADER.items() if not name.endswith(".json.xz")}
    path = folder(tmp_path / "kept", tree)
    assert "which post" in problems(path)[0]


def test_what_gallery_dl_keeps_is_read(tmp_path: Path) -> None:
    path = folder(tmp_path / "kept", GALLERY_DL)
    found = facts(path)
    assert reading.detect(path) is Format.GALLERY_DL
    people = {(fact.network, fact.id): fact for fact in found if isinstance(fact, ProfileFact)}
    assert people["twitter", "12"].location == "Paris"
    assert people["twitter", "12"].followers == 300
    assert people["tiktok", "6800000000000000000"].biography == "I dance"
    assert people["bluesky", "did:plc:abc"].username == "ann.example.org"
    posts = {(fact.network, fact.id): fact for fact in found if isinstance(fact, PostFact)}
    assert ("twitter", "1800000000000000002") not in posts  # somebody else's, passed on
    assert posts["twitter", "1800000000000000001"].likes == 7
    assert posts["tiktok", "7300000000000000000"].comments == 4
    assert posts["bluesky", "at://did:plc:abc/app.bsky.feed.post/3kxyz"].caption == "Clouds"
    assert people["mastodon", "ann@example.social"].biography == "I paint"
    clouds = posts["mastodon", "https://example.social/users/Ann/statuses/110000000000000001"]
    assert (clouds.author, clouds.caption, clouds.likes) == ("ann@example.social", "Clouds #sky", 3)
    assert ("mastodon", "bob@example.social") not in people  # wants no robots
    assert ignored(path) == 1  # other people's JSON


def test_a_mixture_is_read_whole(tmp_path: Path) -> None:
    tree = {f"{NAMED}/{name}": value for name, value in NEW.items()} | {
        **INSTALOADER,
        **GALLERY_DL,
        "facts.jsonl": THREE,
    }
    path = folder(tmp_path / "mixture", tree)
    apart = (NEW, INSTALOADER, GALLERY_DL)
    parts = [len(facts(folder(tmp_path / f"{number}/{NAMED}", part))) for number, part in enumerate(apart)]
    assert reading.detect(path) is Format.MIXTURE
    assert len(facts(path)) == sum(parts) + 3


STRANGE: Sequence[object] = (
    *(
        None,
        7,
        "x",
        [],
        {},
        True,
        -1,
        10**30,
        1e300,
        "\ud83d",
        "\0",
        [[[]]],
        {"count": "many"},
        "2026-13-45",
        "9" * 400,
    ),
)


def test_strange_values_in_sidecars_break_nothing(tmp_path: Path) -> None:
    tree: dict[str, object] = {"facts.jsonl": THREE}
    for name, sidecar in {**INSTALOADER, **GALLERY_DL}.items():
        if isinstance(sidecar, dict):
            whole = json.loads(json.dumps(sidecar))
            inner = whole.get("node", whole)
            for key in inner:
                for number, value in enumerate(STRANGE):
                    twisted = {**inner, key: value}
                    tree[f"{name}-{key}-{number}.json"] = {**whole, "node": twisted} if "node" in whole else twisted
    path = folder(tmp_path / "kept", tree)
    assert len(tree) > 500
    assert len(facts(path)) > 500
    assert all(re.search(r"-\d+\.json: \w+: must be|-\d+\.json: it is no whole JSON", told) for told in problems(path))


def test_a_sidecar_behind_hundreds_of_foreign_files_is_found(tmp_path: Path) -> None:
    strangers: Tree = {f"a{number:03}.json": {"x": 1} for number in range(205)}
    path = folder(tmp_path / "many", {**strangers, **{f"z/{name}": value for name, value in INSTALOADER.items()}})
    assert reading.detect(path) is Format.INSTALOADER
    assert facts(path)


def test_names_that_are_no_utf_8_are_read_and_shown(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"kept\xff")
    for name, value in INSTALOADER.items():
        folder(path / os.fsdecode(b"in\xfe"), {name: value})
    written(path / os.fsdecode(b"bad\xfd.jsonl"), b"nonsense\n" + THREE)
    assert len(facts(path)) > 3
    assert [problem.partition(":")[0] for problem in problems(path)] == ["bad\\xfd.jsonl, line 1"]
    assert sources.path_of(sources.written(path)) == path
    assert sources.written(path).isascii()
    assert "kept\\xff" in refused(folder(tmp_path / os.fsdecode(b"kept\xff\xff"), {"a.txt": ""}))


def test_a_folder_that_cannot_be_looked_into_is_told_and_the_rest_read(tmp_path: Path) -> None:
    path = folder(tmp_path / "here", {"a.jsonl": THREE, "z.jsonl": THREE})
    name, place = "n" * 200, os.open(path, os.O_RDONLY)
    for _ in range(25):  # longer altogether than a path may be
        os.mkdir(name, dir_fd=place)
        inner = os.open(name, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    assert len(facts(path)) == 6
    (told,) = problems(path)
    assert "nnn/: it cannot be looked into (File name too long)" in told


# Traps and damage


def test_a_broken_archive_is_explained(tmp_path: Path) -> None:
    whole = archive(tmp_path / "whole.zip", NEW).read_bytes()
    for content in (whole[: len(whole) // 2], b"PK\x03\x04 and nothing else", b""):
        assert "no whole zip archive" in refused(written(tmp_path / "broken.zip", content))


def test_a_damaged_member_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.jsonl": THREE, "b.jsonl": lines(list(map(profile, range(5000))))})
    content = bytearray(path.read_bytes())
    begin = content.index(b"b.jsonl") + 50
    content[begin : begin + 20] = bytes(20)
    path.write_bytes(content)
    assert {fact.id for fact in facts(path) if isinstance(fact, ProfileFact)} >= {"1", "2", "3"}
    assert problems(path)[-1].startswith("b.jsonl: it is damaged")


def test_a_locked_member_is_explained(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.jsonl": THREE, "b.jsonl": THREE})
    content = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.rindex(mark) + flags
        content[place] |= 1
    path.write_bytes(content)
    assert len(facts(path)) == 3
    assert problems(path) == [
        "b.jsonl: it is locked with a password; unpack the archive yourself and import the folder"
    ]


def test_archives_in_archives_are_not_opened(tmp_path: Path) -> None:
    inner = archive(tmp_path / "inner.zip", {"a.jsonl": THREE}).read_bytes()
    path = archive(tmp_path / "outer.zip", {"a.jsonl": THREE, "inner.zip": inner})
    assert len(facts(path)) == 3
    assert "not opened" in problems(path)[0]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.xz", "a.zip"])
def test_a_bomb_is_left_alone_early(tmp_path: Path, name: str) -> None:
    content = lines([profile(1)]) + (b"\n" * 1024**2) * 300
    path = tmp_path / name
    if name == "a.zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a.jsonl", content)
    else:
        path.write_bytes(gzip.compress(content) if name == "a.jsonl.gz" else lzma.compress(content))
    assert path.stat().st_size < 1024**2
    told = refused(path) if name == "a.json.xz" else "".join(problems(path))
    assert "as a trap does" in told


def test_a_member_that_holds_more_than_it_says_is_never_read_further(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.jsonl": lines(list(map(profile, range(5000))))})
    with zipfile.ZipFile(path) as file:
        size = file.infolist()[0].file_size
    content = path.read_bytes().replace(struct.pack("<I", size), struct.pack("<I", 1000))
    path.write_bytes(content)
    assert len(facts(path)) < 10
    assert problems(path)[-1].startswith("a.jsonl: it is damaged")


def test_an_archive_whose_members_overlap_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {f"{number}.jsonl": THREE for number in range(3)})
    content = bytearray(path.read_bytes())
    first = content.index(b"PK\x01\x02")
    for _ in range(2):  # each entry of the list points at the first member
        nxt = content.index(b"PK\x01\x02", first + 4)
        content[nxt + 20 : nxt + 24] = struct.pack("<I", 5_000)
        first = nxt
    path.write_bytes(content)
    assert "overlap" in refused(path)


def test_an_archive_with_a_huge_list_of_files_is_refused_before_it_is_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a.jsonl", THREE)
    content = bytearray(out.getvalue())
    end = content.rindex(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", 100 * 1024**2)
    assert "more files" in refused(written(tmp_path / "a.zip", bytes(content)))


def test_archives_that_are_damaged_anywhere_are_explained(tmp_path: Path) -> None:
    tree: Tree = {"é.jsonl": THREE, "b.jsonl": THREE, "c.jsonl.gz": gzip.compress(THREE)}
    whole = archive(tmp_path / "whole.zip", tree).read_bytes()
    path, chance = tmp_path / "a.zip", random.Random(7)
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] = chance.choice((0, 0xFF, chance.randrange(256)))
        path.write_bytes(content)
        with contextlib.suppress(Invalid, NotFound):
            batches(path)


def test_names_in_archives_choose_no_paths(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"../../evil.jsonl": THREE, "/etc/evil.jsonl": THREE, "C:\\evil.jsonl": THREE})
    before = sorted(tmp_path.rglob("*"))
    assert len(facts(path)) == 9
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_nothing_or_not_there_is_said(tmp_path: Path) -> None:
    assert "nothing in it" in refused(folder(tmp_path / "empty", {"a.txt": "hello"}))
    assert "nothing in it" in refused(written(tmp_path / "picture.jpg", b"\xff\xd8\xff"))
    with pytest.raises(NotFound):
        batches(tmp_path / "nowhere")
    assert facts(written(tmp_path / "none.jsonl", b"")) == []


def test_links_in_folders_are_not_followed(tmp_path: Path) -> None:
    folder(tmp_path / "elsewhere", {"a.jsonl": THREE})
    path = folder(tmp_path / "here", {"b.jsonl": THREE})
    (path / "a.jsonl").symlink_to(tmp_path / "elsewhere" / "a.jsonl")
    (path / "round").symlink_to(path)
    assert len(facts(path)) == 3
