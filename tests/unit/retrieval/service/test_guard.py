"""Who is answered, and who is not."""

import dataclasses
import os
import socket

import pytest

from retrieval.errors import UsageError
from retrieval.service.settings import ServiceSettings

TOKEN = "correct horse battery staple"


class TestHost:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1:8642", "localhost", "LOCALHOST:9000", "localhost.", "[::1]:8642", "127.0.0.1"]
    )
    def test_this_machine_by_its_names(self, client, host):
        assert client.get("/api/search", headers={"host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8642",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.1.7:8642",
            "localhost@evil.example",
            "localhost/evil",
            "[::1",
            "localhost:port",
            "",
            "\x00",
        ],
    )
    def test_a_foreign_name_gets_nothing(self, client, host):
        for path in ("/", "/health", "/metrics", "/openapi.json", "/api/search", "/nowhere"):
            answer = client.get(path, headers={"host": host})
            assert answer.status_code == 403, path
            assert "expected this machine's own name" in answer.json()["detail"]

    def test_elsewhere_addresses_and_names_that_were_given(self, serve):
        client = serve(host="0.0.0.0", token=TOKEN, names=("Photos.example", "photos.local.", "fe80::2"))
        photos = ("photos.example", "photos.local", "photos.local.:8642")
        for host in ("192.168.1.7:8642", "[fe80::1]", *photos, "localhost"):
            assert client.get("/health", headers={"host": host}).status_code == 200
        assert client.get("/health", headers={"host": "evil.example"}).status_code == 403

    def test_its_own_names_are_looked_up_once_whoever_asks(self, serve, monkeypatch):
        looked_up = []
        monkeypatch.setattr(socket, "gethostname", lambda: "Box")
        monkeypatch.setattr(socket, "getfqdn", lambda: looked_up.append(1) or "Box.home.example")
        client = serve(host="0.0.0.0", token=TOKEN)
        for host in ("box", "BOX.home.example:8642"):
            assert client.get("/health", headers={"host": host}).status_code == 200
        for number in range(3):
            assert client.get("/health", headers={"host": f"{number}.example"}).status_code == 403
        assert len(looked_up) == 1


class TestSites:
    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    @pytest.mark.parametrize("mode", ["no-cors", "cors", "navigate"])
    def test_another_site_gets_nothing_of_the_photos(self, client, image_ids, site, mode):
        headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
        for path in ("/api/search?q=dog", f"/api/photos/{image_ids['dog.jpg']}", "/page.js", "/metrics"):
            assert client.get(path, headers=headers).status_code == 403

    def test_a_link_to_the_page_is_followed(self, client):
        headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert client.get("/?q=dog", headers=headers).status_code == 200
        assert client.post("/", headers=headers).status_code == 403

    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": "http://["},
            {"origin": "http://127.0.0.1:9999"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site", "origin": "http://localhost:3000"},
        ],
    )
    def test_another_site_edits_nothing(self, client, image_ids, headers):
        path = f"/api/photos/{image_ids['cat.png']}/caption"
        assert client.put(path, json={"text": "owned"}, headers=headers).status_code == 403
        assert client.delete(path, headers=headers).status_code == 403
        assert client.options(path, headers=headers).status_code == 403
        assert client.get("/api/about").json()["generation"] == 1

    def test_the_page_itself_and_programs_edit(self, client, image_ids):
        path = f"/api/photos/{image_ids['cat.png']}/caption"
        page = {"origin": "http://127.0.0.1:8642", "sec-fetch-site": "same-origin"}
        for headers in (page, {}):
            assert client.put(path, json={"text": "a tiger"}, headers=headers).status_code == 200


class TestToken:
    @pytest.fixture
    def client(self, serve):
        return serve(token=TOKEN)

    def test_without_it_there_is_the_page_and_nothing_in_it(self, client, image_ids):
        for path in ("/", "/page.css", "/page.js", "/search.js", "/icon.svg", "/health"):
            assert client.get(path).status_code == 200
        closed = ("/metrics", "/openapi.json", "/index.html", "/nowhere.js", "/page/page.js")
        for path in ("/api/search", f"/api/photos/{image_ids['dog.jpg']}", *closed):
            answer = client.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        "value", ["", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"]
    )
    def test_another_one_is_refused(self, client, value):
        assert client.get("/api/about", headers={"authorization": value}).status_code == 401

    def test_a_program_sends_it(self, client):
        assert client.get("/api/about", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200

    def test_a_browser_gives_it_once(self, client):
        assert client.post("/api/session", json={"token": "wrong"}).status_code == 401
        assert client.get("/api/about").status_code == 401
        answer = client.post("/api/session", json={"token": TOKEN})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert client.get("/api/about").status_code == 200

    @pytest.mark.parametrize("cookie", ["retrieve-8642=", "retrieve-8642=wrong", "other=1", "=", ";;;\x7f"])
    def test_another_cookie_is_refused(self, client, cookie):
        assert client.get("/api/about", headers={"cookie": cookie}).status_code == 401

    @pytest.mark.parametrize("other", ['prefs={"a":1}', "path=/", "flag", "a=b c", "n=Müller", ""])
    def test_cookies_of_other_services_are_passed_over(self, client, other):
        held = client.post("/api/session", json={"token": TOKEN}).headers["set-cookie"].split(";")[0]
        client.cookies.clear()
        for cookie in (f"{other}; {held}", f"{held}; {other}"):
            assert client.get("/api/about", headers={"cookie": cookie.encode()}).status_code == 200

    def test_it_is_in_nothing_that_is_printed(self, client):
        assert TOKEN not in repr(ServiceSettings(token=TOKEN))
        assert TOKEN not in client.get("/page.js").text


class TestSettings:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "photos.example"])
    def test_other_machines_come_in_with_a_token_alone(self, host):
        with pytest.raises(UsageError, match="without a token"):
            ServiceSettings(host=host)
        ServiceSettings(host=host, token=TOKEN)

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost", "LocalHost"])
    def test_this_machine_needs_none(self, host):
        ServiceSettings(host=host)

    @pytest.mark.parametrize(("host", "times"), [("127.0.0.1", 0), ("localhost", 0), ("0.0.0.0", 1)])
    def test_this_machines_names_are_looked_up_where_others_may_use_them(self, monkeypatch, host, times):
        looked_up = []
        monkeypatch.setattr(socket, "getfqdn", lambda: looked_up.append(1) or "box.home.example")
        settings = dataclasses.replace(ServiceSettings(host=host, token=TOKEN), port=9000)
        assert settings.answers_to("box.home.example") is bool(times)
        assert len(looked_up) == times

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="found no affinity on this system")
    def test_as_many_work_as_there_are_cores_to_use(self, monkeypatch):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {3, 5, 7})
        assert ServiceSettings().workers == 3

    @pytest.mark.parametrize("length", [0, 5, 15, 1001])
    def test_a_token_that_can_be_guessed_or_is_too_long_is_refused(self, length):
        with pytest.raises(UsageError, match=f"a token of {length} characters, expected 16 to 1000"):
            ServiceSettings(token="x" * length)

    @pytest.mark.parametrize("token", ["ü" * 20, "line\nbreak" * 3, f" {TOKEN}", f"{TOKEN} "])
    def test_a_token_that_cannot_be_sent_is_refused(self, token):
        with pytest.raises(
            UsageError, match="other characters than printable ASCII, or with a space at an end"
        ):
            ServiceSettings(token=token)

    def test_the_longest_token_is_taken_from_programs_and_from_the_page(self, serve):
        client = serve(token="x" * 1000)
        assert client.get("/api/about", headers={"authorization": "Bearer " + "x" * 1000}).status_code == 200
        assert client.post("/api/session", json={"token": "x" * 1000}).status_code == 204

    def test_a_name_with_a_port_is_refused(self):
        with pytest.raises(UsageError, match="found --name box:8642, expected a name without a port"):
            ServiceSettings(names=("box:8642",))


def test_every_answer_forbids_what_the_page_needs_not(client):
    for path in ("/", "/api/search", "/nowhere", "/api/search?k=0"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
