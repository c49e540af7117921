"""The pages over real HTTP: who gets in, what is refused, what a browser without scripts can do."""

import re
from collections.abc import Generator
from dataclasses import replace
from importlib.resources import files
from typing import Any, cast

import gallery
import msgspec
import pytest
from browsing import PASSWORD, Caller, Served, token

from entourage.accounts import passwords, users
from entourage.accounts.model import Role, User
from entourage.archive import preferences, queue, schedules
from entourage.archive.model import Download, ItemStatus, Wish
from entourage.archive.preference_tree import Preferences
from entourage.kernel import errors
from entourage.networks.model import MediaKind
from entourage.web import choices, faults, media, words
from entourage.web.pages import build
from entourage.web.visitor import local_path

PUBLIC = {"/setup", "/sign-in", "/static/{version:str}/{name:path}", "/{address:path}"}


class NoArchive:
    """Stands where an archive would when only the routes are looked at."""

    shelf = None


def routes() -> list[tuple[str, set[str]]]:
    """Every path of the pages and its methods, with numbers filled in."""
    nothing: Any = None
    app = build(nothing, nothing, nothing, nothing, cast("Any", NoArchive()), keeper=nothing)
    return [(route.path, {*getattr(route, "methods", ())} - {"OPTIONS", "HEAD"}) for route in app.routes]


def filled(path: str) -> str:
    return re.sub(r"\{\w+:int\}", "1", re.sub(r"\{\w+:str\}", "x", path))


def test_every_page_wants_a_session(caller: Caller) -> None:
    asked = [filled(path) for path, methods in routes() if "GET" in methods and path not in PUBLIC]
    assert len(asked) > 15
    for path in asked:
        answer = caller.get(path)
        assert (answer.status_code, answer.headers.get("location", "")[:8]) == (303, "/sign-in"), path


def test_every_change_wants_the_token_of_the_page(signed_in: Caller) -> None:
    asked = [filled(path) for path, methods in routes() if "POST" in methods]
    assert len(asked) > 15
    for path in asked:
        answer = signed_in.post(
            path, content="csrf=wrong", headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code == 403, path
        assert "Nothing was changed" in answer.text


def test_a_change_from_another_site_is_refused_even_with_the_token(signed_in: Caller) -> None:
    body = {"csrf": token(signed_in.get("/").text), "urls": "https://example.org/a.jpg"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert signed_in.post("/queue", data=body, headers=headers).status_code == 403
    assert "example.org" not in signed_in.get("/queue").text


def test_pages_and_errors_carry_the_headers_that_keep_strangers_out(signed_in: Caller) -> None:
    for path in ("/", "/queue", "/nowhere", "/library/77", "/queue/77"):
        headers = signed_in.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_no_page_has_inline_scripts_or_styles(signed_in: Caller) -> None:
    for path in ("/", "/queue", "/library", "/schedules/new", "/logs", "/settings", "/settings/people", "/keys"):
        text = signed_in.get(path).text
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text), path
        assert not re.search(r"<style|\sstyle=|\son\w+=\"", text), path
        assert not re.search(r"(src|href)=\"(https?:)?//", text), path


def test_unknown_addresses_answer_in_plain_words(signed_in: Caller) -> None:
    answer = signed_in.get("/no/such/page")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "To the dashboard" in answer.text


def test_a_session_cookie_is_out_of_reach_of_scripts_and_other_sites(caller: Caller) -> None:
    cookie = next(c for c in caller.sign_in().headers.get_list("set-cookie") if c.startswith("entourage_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie


def test_signing_in_goes_on_where_one_wanted_to_go_but_never_elsewhere(caller: Caller) -> None:
    there = caller.get("/library?kind=video")
    assert there.headers["location"] == "/sign-in?next=/library%3Fkind%3Dvideo"
    assert (
        caller.form("/sign-in", username="anna", password=PASSWORD, next="//evil.example/").headers["location"] == "/"
    )
    assert [local_path(p) for p in ("/a?b", "//e", "/\\e", "https://e", "", "/\tx")] == [
        "/a?b",
        "/",
        "/",
        "/",
        "/",
        "/",
    ]


def test_a_wrong_password_says_so_and_five_lock_the_name(caller: Caller) -> None:
    answers = [caller.form("/sign-in", username="anna", password="wrong wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert "not right" in answers[0].text
    assert "quarter of an hour" in answers[5].text


def test_signing_out_ends_the_session(signed_in: Caller) -> None:
    kept = dict(signed_in.cookies)
    assert signed_in.form("/sign-out", seen="/").headers["location"] == "/sign-in"
    signed_in.cookies.update(kept)
    assert signed_in.get("/").status_code == 303


# --- first run


@pytest.fixture
def fresh(served: Served) -> Generator[Caller]:
    """A server that nobody set up yet."""
    served.start()
    with Caller(base_url=served.url, timeout=20) as client:
        yield client


def account(**other: str) -> dict[str, str]:
    return {"username": "anna", "password": PASSWORD, "again": PASSWORD, "email": ""} | other


def test_the_first_visitor_at_the_machine_makes_the_first_account(fresh: Caller) -> None:
    assert fresh.get("/").headers["location"] == "/sign-in"
    assert fresh.get("/sign-in").headers["location"] == "/setup"
    assert "Set-up code" not in fresh.get("/setup").text
    assert fresh.form("/setup", **account(again="another")).status_code == 422
    assert fresh.form("/setup", **account(password="short", again="short")).status_code == 422
    assert fresh.form("/setup", **account()).headers["location"] == "/queue"
    assert "Welcome, anna" in fresh.get("/queue").text
    assert fresh.get("/setup").headers["location"] == "/sign-in"


def test_a_stranger_needs_the_code_that_the_server_printed(fresh: Caller, served: Served) -> None:
    for stranger in ({"Host": "media.example.org"}, {"X-Forwarded-For": "203.0.113.7"}):
        fresh.headers = {**fresh.headers, **stranger}
        assert "Set-up code" in fresh.get("/setup").text
        refused = fresh.form("/setup", **account(code="aaaa"))
        assert refused.status_code in {403, 422}
    assert not served.read(users.exist)


# --- files


@pytest.fixture
def pictures(served: Served, anna: User) -> list[Download]:
    return served.wait_for(gallery.hang(served.database, served.shelf, 6, anna.id))


def test_a_file_comes_whole_in_ranges_and_once(served: Served, pictures: list[Download], signed_in: Caller) -> None:
    one = pictures[0]
    whole = served.shelf.blob_path(one).read_bytes()
    path = f"/media/{one.id}?v={(one.sha256 or '')[:12]}"
    answer = signed_in.get(path)
    assert (answer.content, answer.headers["content-type"]) == (whole, "image/jpeg")
    assert answer.headers["etag"] == f'"{one.sha256}"'
    assert "immutable" in answer.headers["cache-control"]
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("inline")
    assert signed_in.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304

    def part(wanted: str, **more: str) -> tuple[int, bytes, str | None]:
        got = signed_in.get(path, headers={"Range": wanted, **more})
        return got.status_code, got.content, got.headers.get("content-range")

    size = len(whole)
    assert part("bytes=0-99") == (206, whole[:100], f"bytes 0-99/{size}")
    assert part("bytes=100-") == (206, whole[100:], f"bytes 100-{size - 1}/{size}")
    assert part("bytes=-10") == (206, whole[-10:], f"bytes {size - 10}-{size - 1}/{size}")
    assert part(f"bytes={size}-") == (416, b"", f"bytes */{size}")
    assert part("bytes=0-1,5-6")[0] == 200
    assert part("bytes=0-9", **{"If-Range": '"another"'})[1] == whole
    head = signed_in.head(path)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(size), b"")


def test_what_is_no_picture_is_saved_and_never_opened(served: Served, anna: User, signed_in: Caller) -> None:
    body = b"<html><script>alert(1)</script></html>"
    kept = served.wait_for(
        gallery.shelve(served.database, served.shelf, anna.id, body, "page.html", kind=MediaKind.FILE)
    )
    answer = signed_in.get(f"/media/{kept.id}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert signed_in.get(f"/thumb/{kept.id}").status_code == 404


def test_a_thumbnail_is_small_and_kept(pictures: list[Download], signed_in: Caller) -> None:
    answer = signed_in.get(f"/thumb/{pictures[0].id}?v={(pictures[0].sha256 or '')[:12]}")
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    assert "immutable" not in signed_in.get(f"/thumb/{pictures[0].id}").headers["cache-control"]


def test_another_persons_things_are_not_there(served: Served, pictures: list[Download], caller: Caller) -> None:
    served.write(users.add, gallery.admin(served), "ben", passwords.hash_now(PASSWORD), role=Role.USER)
    item = served.write(queue.add, gallery.admin(served), Wish("https://example.org/private"))
    caller.sign_in("ben")
    mine = pictures[0].id
    for path in (f"/media/{mine}", f"/thumb/{mine}", f"/library/{mine}", f"/queue/{item.id}"):
        assert caller.get(path).status_code == 404, path
    assert "private" not in caller.get("/queue").text
    assert '"total":0' in caller.get("/library/tiles").text
    assert caller.get("/settings").headers["location"] == "/settings/account"
    assert caller.get("/settings/people").status_code == 403
    assert caller.form("/logs/clear", seen="/", older_than_days="0").status_code == 403


def test_ranges_are_read_as_the_rfc_says() -> None:
    assert media.span_of(None, 10) is None
    assert media.span_of("bytes=0-0", 10) == (0, 0)
    assert media.span_of("bytes=5-99", 10) == (5, 9)
    assert media.span_of("bytes=-99", 10) == (0, 9)
    assert media.span_of("bytes=7-3", 10) is None
    assert media.span_of("pages=1-2", 10) is None
    for none in ("bytes=10-", "bytes=-0"):
        with pytest.raises(IndexError):
            media.span_of(none, 10)


def test_a_name_cannot_break_out_of_its_header() -> None:
    text = media.disposition('a"\r\nSet-Cookie: x="\u202e.jpg', attachment=True)
    assert "\r" not in text
    assert "\n" not in text
    assert text.isascii()


# --- the queue without scripts


def test_addresses_are_added_one_a_line_and_what_is_wrong_is_said(signed_in: Caller, served: Served) -> None:
    added = signed_in.form("/queue", urls="https://example.org/a.jpg\nexample.org/b.jpg\nftp://example.org/c")
    assert added.headers["location"] == "/queue"
    text = signed_in.get("/queue").text
    assert "2 addresses added." in text
    assert "ftp://example.org/c" in text
    assert "https://example.org/b.jpg" in text
    wrong = signed_in.form("/queue", urls="hello")
    assert wrong.status_code == 422
    assert "Paste the address" in wrong.text
    assert signed_in.form("/queue", urls="https://example.org/d", priority="99").status_code == 422


def test_items_are_paused_resumed_moved_and_removed(signed_in: Caller, served: Served, anna: User) -> None:
    ids = [served.write(queue.add, anna.actor, Wish(f"http://127.0.0.1:9/{n}", priority=7)).id for n in range(3)]

    def status(item: int) -> ItemStatus:
        return served.read(queue.get, anna.actor, item).status

    assert (
        signed_in.form(f"/queue/{ids[0]}/pause", seen="/queue", back="/queue?page=1").headers["location"]
        == "/queue?page=1"
    )
    assert status(ids[0]) is ItemStatus.PAUSED
    assert "Paused by you" in signed_in.get(f"/queue/{ids[0]}").text
    signed_in.form("/queue/many", seen="/queue", deed="pause", id=ids)
    assert {status(item) for item in ids} == {ItemStatus.PAUSED}
    signed_in.form(f"/queue/{ids[0]}/first", seen="/queue")
    assert served.read(queue.get, anna.actor, ids[0]).priority == 1
    signed_in.form(f"/queue/{ids[1]}/remove", seen="/queue")
    assert signed_in.get(f"/queue/{ids[1]}").status_code == 404
    signed_in.form("/queue/all", seen="/queue", deed="resume")
    assert status(ids[2]) is not ItemStatus.PAUSED


def test_a_strangers_words_stay_words(signed_in: Caller, served: Served, anna: User) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    kept = served.wait_for(
        gallery.shelve(
            served.database, served.shelf, anna.id, gallery.draw(1, 60, 40), "x.jpg", caption=evil, source=evil
        )
    )
    served.write(queue.add, anna.actor, Wish("https://example.org/", source=evil))
    for path in ("/", "/queue", "/library", f"/library/{kept.id}", "/queue/1"):
        text = signed_in.get(path).text
        assert "<img src=x" not in text, path
        assert "<script>alert" not in text, path


# --- schedules, settings, people, logs


def test_a_schedule_is_made_changed_and_removed(signed_in: Caller, served: Served, anna: User) -> None:
    form = {
        "kind": "creator",
        "name": "Harbour",
        "platform": "web",
        "address": "https://example.org/h",
        "source": "harbour",
        "cron": "0 */4 * * *",
        "timezone": "Europe/Berlin",
        "enabled": "on",
        "max_downloads": "5",
    }
    wrong = signed_in.form("/schedules", seen="/schedules/new", **{**form, "cron": "every day"})
    assert wrong.status_code == 422
    assert "five fields" in wrong.text
    assert signed_in.form("/schedules", seen="/schedules/new", **form).headers["location"] == "/schedules"
    assert "Every 4 hours (Europe/Berlin)" in signed_in.get("/schedules").text
    (made,) = served.read(schedules.listing, anna.actor)
    assert made.config["max_downloads"] == 5
    path = f"/schedules/{made.id}"
    signed_in.form(path, **{**form, "name": "The harbour", "max_downloads": ""})
    changed = served.read(schedules.get, anna.actor, made.id)
    assert (changed.name, "max_downloads" in changed.config, changed.timezone) == (
        "The harbour",
        False,
        "Europe/Berlin",
    )
    signed_in.form(f"{path}/off", seen="/schedules")
    assert not served.read(schedules.get, anna.actor, made.id).enabled
    signed_in.form(f"{path}/run", seen="/schedules")
    assert "example.org/h" in signed_in.get("/queue").text
    signed_in.form(f"{path}/remove", seen="/schedules")
    assert not served.read(schedules.listing, anna.actor)


def test_a_cron_expression_is_said_while_it_is_typed(signed_in: Caller) -> None:
    said = signed_in.get("/schedules/words", params={"cron": "30 6 * * 1-5", "timezone": "UTC"}).text
    assert "At 06:30, Monday through Friday" in said
    assert "five fields" in signed_in.get("/schedules/words", params={"cron": "x"}).text
    assert "time zone" in signed_in.get("/schedules/words", params={"cron": "0 0 * * *", "timezone": "No/Where"}).text


def test_every_preference_is_on_the_page_and_nothing_else() -> None:
    known = set(choices.flat(msgspec.to_builtins(Preferences())))
    shown = [choice.name for group in choices.GROUPS for choice in group.choices]
    assert set(shown) == known
    assert len(shown) == len(known)


def test_settings_are_checked_beside_the_field_and_secrets_never_shown(signed_in: Caller, served: Served) -> None:
    before = choices.flat(preferences.masked(served.read(preferences.current), ""))
    form: dict[str, Any] = {
        name: "on" if value is True else value for name, value in before.items() if value is not False
    }
    bad = signed_in.form("/settings", **{**form, "general.concurrent_downloads": "900", "general.retry_attempts": "x"})
    assert bad.status_code == 422
    assert 'id="wrong-general.retry_attempts"' in bad.text
    again = signed_in.form("/settings", **{**form, "general.concurrent_downloads": "900"})
    assert 'id="wrong-general.concurrent_downloads"' in again.text
    good = {**form, "general.concurrent_downloads": "6", "notifications.email.smtp_password": "hush hush"}
    assert signed_in.form("/settings", **good).headers["location"] == "/settings"
    text = signed_in.get("/settings").text
    assert "2 settings changed" in text
    assert "hush" not in text
    assert 'value="***"' in text
    signed_in.form("/settings", **{**good, "notifications.email.smtp_password": "***"})
    now = served.read(preferences.current)
    assert now.general.concurrent_downloads == 6
    assert now.notifications.email.smtp_password not in {"", "***", "hush hush"}
    off = {name: value for name, value in good.items() if name != "platforms.tiktok.enabled"}
    signed_in.form("/settings", **{**off, "notifications.email.smtp_password": "***"})
    assert not served.read(preferences.current).platforms.tiktok.enabled


def test_people_are_added_shut_out_and_given_new_passwords(signed_in: Caller, site: Served) -> None:
    new = {"username": "ben", "email": "", "password": PASSWORD, "role": "user"}
    assert signed_in.form("/settings/people", **new).headers["location"] == "/settings/people"
    twice = signed_in.form("/settings/people", **new)
    assert (twice.status_code, "a user called ben" in twice.text) == (422, True)
    ben = site.read(users.named, gallery.admin(site), "ben")
    with Caller(base_url=site.url) as other:
        assert other.sign_in("ben").status_code == 303
        signed_in.form(f"/settings/people/{ben.id}/disable", seen="/settings/people")
        assert other.get("/").status_code == 303
        assert other.sign_in("ben").status_code == 401
        signed_in.form(f"/settings/people/{ben.id}/enable", seen="/settings/people")
        signed_in.form(f"/settings/people/{ben.id}/password", seen="/settings/people", password="a new long one")
        assert other.sign_in("ben", "a new long one").status_code == 303
    last = signed_in.form("/settings/people/1/disable", seen="/settings/people")
    assert last.status_code == 303
    assert "last administrator" in signed_in.get("/settings/people").text


def test_ones_own_password_changes_and_this_browser_stays(signed_in: Caller, site: Served) -> None:
    with Caller(base_url=site.url) as other:
        other.sign_in()
        fields = {"old": PASSWORD, "password": "another long one", "again": "another long one"}
        seen = "/settings/account"
        wrong = signed_in.form("/settings/account/password", seen=seen, **{**fields, "old": "wrong wrong"})
        assert "This is not your password" in wrong.text
        assert signed_in.form("/settings/account/password", seen=seen, **fields).status_code == 303
        assert signed_in.get("/").status_code == 200
        assert other.get("/").status_code == 303


def test_logs_are_searched_and_taken_away(signed_in: Caller, site: Served) -> None:
    signed_in.form("/queue", urls="http://127.0.0.1:9/closed.jpg")
    text = signed_in.get("/logs", params={"q": "no such words at all"}).text
    assert "Nothing matches" in text
    assert signed_in.get("/logs", params={"level": "ERROR", "from": "2020-01-01", "to": "nonsense"}).status_code == 200
    assert signed_in.get("/logs/newer", params={"after": "0"}).status_code == 200
    assert signed_in.get("/logs/download", params={"date": "1999-01-01"}).status_code == 404


def test_odd_addresses_of_pages_do_no_harm(signed_in: Caller) -> None:
    for path in ("/library?page=-4&kind=x&status=y&from=zzz&item=q", "/queue?status=nope&page=99999999999999999999",
                 "/library?q=%25_%5C%27%22", "/logs?lines=999999999", "/library/99999999999999999999"):  # fmt: skip
        assert signed_in.get(path).status_code in {200, 404}, path


# --- rules


def test_every_error_has_its_words() -> None:
    known = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EntourageError)
    }
    assert known - {errors.EntourageError} == set(faults.TITLES)


def test_the_files_that_pages_need_are_in_the_package() -> None:
    root = files("entourage.web")
    for name in (
        "templates/base.html",
        "static/app.css",
        "static/vendor/htmx.min.js",
        "static/vendor/htmx.LICENSE.txt",
    ):
        assert (root / name).is_file()


def test_sizes_and_spans_read_as_people_say_them() -> None:
    assert [words.size(n) for n in (0, 1023, 1536, 150_000_000, 5 * 1024**4)] == [
        "0 bytes", "1,023 bytes", "1.5 kB", "143 MB", "5.0 TB",
    ]  # fmt: skip
    assert [words.span(n) for n in (5, 90, 7500, 7200, 200_000)] == ["5 s", "1 min", "2 h 5 min", "2 h", "2 days"]
    assert words.number(1234567) == "1\u202f234\u202f567"


def test_a_server_behind_a_proxy_knows_its_public_name(served: Served, anna: User) -> None:
    served.settings = replace(served.settings, public_url="https://media.example.org")
    served.start()
    with Caller(base_url=served.url, headers={"Origin": "https://media.example.org"}) as client:
        assert client.sign_in().status_code == 303
    with Caller(base_url=served.url, headers={"Origin": "https://other.example.org"}) as client:
        assert client.sign_in().status_code == 403
