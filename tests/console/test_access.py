"""Who may do what: every route of the table, with every key and without."""

import json
import re

import pytest

from keys import new_key
from openapi import named, validate
from test_server import is_error
from web import read_all

# they ask for a proof of their own: a key in the body, a signed link
OWN_PROOF = ("/login", "/storage/{path*}")
LEVELS = {"public": 0, "read": 2, "admin": 3}


@pytest.fixture(scope="module")
def keys():
    return {c: new_key(c, "tester") for c in ("event", "read", "admin")}


def settings(keys):
    return {f"CHRONOS_{c.upper()}_KEYS": keys[c][1] for c in keys}


@pytest.fixture
def guarded(console, keys):
    return console(**settings(keys))


def path_of(pattern, key="wrong"):
    return pattern.replace("{key}", key).replace("{id}", "x" * 26).replace("{path*}", "videos/x.mp4")


def shown(key):
    return {"Authorization": "Bearer " + key}


def test_every_route_wants_its_key(guarded, keys):
    for method, pattern, access in guarded.routes():
        path = path_of(pattern)
        wrong = [{}, shown("wrong"), shown(""), shown(keys["event"][0]), {"Authorization": "Basic x"},
                 {"Cookie": "chronos_session=1.2.3"}, {"Authorization": "Bearer " + "x" * 5000}]
        for headers in wrong:
            answer = guarded.call(method, path, "{}" if method != "GET" else None, **headers)
            if access == "public":
                assert answer.status not in (401, 403) or pattern in OWN_PROOF, (method, pattern, answer)
            else:
                is_error(answer, 401, "unauthorized")
        if access == "admin":
            is_error(guarded.call(method, path, "{}", **shown(keys["read"][0])), 403, "forbidden")
        for c in ("read", "admin"):
            if access in LEVELS and LEVELS[c] >= LEVELS[access]:
                answer = guarded.call(method, path, "{}" if method != "GET" else None, **shown(keys[c][0]))
                assert answer.status not in (401, 403) or pattern in OWN_PROOF, (method, pattern, answer)


def test_events_want_an_event_key(guarded, keys):
    event = {"name": "test/echo"}
    assert guarded.post("/e/" + keys["event"][0], event).status == 200
    for wrong in (keys["admin"][0], keys["read"][0], "x", keys["event"][0][:-1], keys["event"][0] + "x"):
        answer = guarded.post("/e/" + wrong, event)
        assert is_error(answer, 401, "unauthorized")["error"] == "Event key not found"


def test_pages_of_other_sites_read_every_answer_to_events_and_no_other(guarded, console, keys, web):
    event, path = {"name": "test/echo"}, "/e/" + keys["event"][0]
    page = {"Origin": "https://shop.example"}
    limited = console(**settings(keys), CHRONOS_CONSOLE_RATE=1)
    refused = [limited.post(path, event, **page) for _ in range(5)]
    read = [guarded.post(path, event, **page), guarded.post("/e/wrong", event, **page), guarded.post(path, [{}], **page),
            guarded.post(path + "?x=%zz", event, **page), guarded.post("/e/%ff", event, **page),
            console(**settings(keys), CHRONOS_CONSOLE_MAX_BODY_BYTES=1024).post(path, {"x": "y" * 5000}, **page),
            guarded.call("OPTIONS", path, **page), next(a for a in refused if a.status == 429)]
    assert [a.status for a in read] == [200, 401, 400, 400, 400, 413, 204, 429]
    assert [a.headers.get_all("Access-Control-Allow-Origin") for a in read] == [["*"]] * len(read)
    kept = [guarded.post("/v1/events", event, **shown(keys["admin"][0])), guarded.post("/v1/events", [{}], **shown(keys["admin"][0])),
            guarded.post("/v1/events", event), guarded.get("/v1/me", **shown(keys["admin"][0])), guarded.get("/nothing"), guarded.get("/health"),
            web.post("/e/x", event), web.post("/e/x", event, **page), web.call("OPTIONS", "/e/x")]
    assert [a.status for a in kept] == [200, 400, 401, 200, 404, 200, 200, 403, 204]
    assert [a.headers["Access-Control-Allow-Origin"] for a in kept] == [None] * len(kept)


def test_two_keys_of_a_name_live_at_a_time(console):
    old, new = new_key("event", "app"), new_key("event", "app")
    w = console(CHRONOS_EVENT_KEYS=f"{old[1]},{new[1]}")
    for key in (old, new):
        assert w.post("/e/" + key[0], {"name": "test/echo"}).status == 200


@pytest.mark.parametrize("value", ("plain-key", "app=sha256:12", "app=md5:" + "0" * 64, "=sha256:" + "0" * 64,
                                   "a b=sha256:" + "0" * 64, ",".join(["a=sha256:" + "0" * 64] * 3)))
def test_keys_that_cannot_be_are_refused_and_not_repeated(yard, value):
    d = yard.stack.daemon("console", f"console-{len(yard.stack.daemons)}", CHRONOS_CONSOLE_PORT=0, CHRONOS_ADMIN_KEYS=value)
    d.start(wait=False)
    yard.wait_until(lambda: d.log_contains("cannot start.*CHRONOS_ADMIN_KEYS"), 20, "it to say what is wrong")


def test_without_keys_only_this_machine_is_answered(yard, web):
    d = yard.stack.daemon("console", "console-open", CHRONOS_CONSOLE_PORT=0, CHRONOS_CONSOLE_ADDRESS="0.0.0.0")
    d.start(wait=False)
    yard.wait_until(lambda: d.log_contains("without keys only 127.0.0.1"), 20, "it to refuse")
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example"):
        is_error(web.get("/v1/me", Host=host), 403, "forbidden")
    assert web.get("/v1/me", Host="localhost:1").data["open"] is True


def test_the_signing_key_of_the_sdk(console):
    key = "signkey-test-00112233445566778899aabbccddeeff"
    hashed = "signkey-test-a8faed6abbf35c12a4b26e40f6feb19d736d90045c83b9f9a31f638d323e6811"
    other = "ffeeddccbbaa99887766554433221100"
    w = console(INNGEST_SIGNING_KEY=key, INNGEST_SIGNING_KEY_FALLBACK=other)
    for good in (key, hashed, key[13:], hashed[13:], hashed.replace("test", "prod"), other):
        assert w.get("/v1/me", **shown(good)).data["access"] == "admin"
    for bad in (key[:-1], hashed[:-1] + "2", "signkey-test-", "signkey-", "undefined"):
        is_error(w.get("/v1/me", **shown(bad)), 401, "unauthorized")
    assert not w.daemon.log_contains("00112233445566778899aabbccddeeff")


# ---- people ----
def log_in(w, key):
    answer = w.post("/login", {"key": key})
    assert answer.status == 200, answer
    return answer.headers["Set-Cookie"]


def test_a_person_logs_in_and_out(guarded, keys):
    cookie = log_in(guarded, keys["read"][0])
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and keys["read"][0] not in cookie
    session = {"Cookie": cookie.split(";")[0]}
    assert guarded.get("/v1/me", **session).data == {"who": "read:tester", "access": "read", "open": False}
    is_error(guarded.post("/v1/events", {"name": "test/echo"}, **session), 403, "forbidden")
    assert "Max-Age=0" in guarded.post("/logout", **session).headers["Set-Cookie"]
    is_error(guarded.post("/login", {"key": keys["event"][0]}), 401, "unauthorized")
    is_error(guarded.post("/login", {"key": "x"}), 401, "unauthorized")
    assert guarded.post("/login", {}).json["field"] == "key"


def log_in_from(w, address, key):
    """(status, head)"""
    body = json.dumps({"key": key}).encode()
    with w.connect(address) as c:
        c.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head, _, answer = read_all(c).partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status == 200 or validate(json.loads(answer), named("Error")) is None
    return status, head.decode()


def test_wrong_keys_are_tried_ten_times_a_minute_and_hold_up_nobody_else(guarded, keys):
    right, wrong = keys["admin"][0], keys["admin"][0][:-1]
    assert [log_in_from(guarded, "127.0.0.2", right)[0] for _ in range(20)] == [200] * 20, "right ones are no tries"
    assert [log_in_from(guarded, "127.0.0.2", wrong)[0] for _ in range(10)] == [401] * 10
    status = 401
    while status == 401:  # one more than ten when they took so long that there is another try
        status, head = log_in_from(guarded, "127.0.0.2", wrong)
    assert status == 429 and 1 <= int(re.search("Retry-After: ([0-9]+)", head)[1]) <= 7
    assert log_in_from(guarded, "127.0.0.2", right)[0] == 429, "else it could be told from wrong ones"
    for other in range(3, 30):
        assert log_in_from(guarded, f"127.0.0.{other}", right)[0] == 200
    assert log_in_from(guarded, "127.0.0.3", wrong)[0] == 401


def test_a_cookie_cannot_be_made_up(guarded, keys):
    value = log_in(guarded, keys["read"][0]).split(";")[0].partition("=")[2]
    end, key_hash, signature = value.split(".")
    admin = keys["admin"][1].partition("sha256:")[2]
    for forged in (f"{end}.{admin}.{signature}", f"{int(end) + 1}.{key_hash}.{signature}", f"{end}.{key_hash}.{'0' * 64}",
                   value[:-1], value + "0", "..", "", f"{end}.{key_hash}", value.replace(".", ";")):
        is_error(guarded.get("/v1/me", Cookie="chronos_session=" + forged), 401, "unauthorized")


def test_a_cookie_ends_with_its_key_and_is_good_at_every_console(console, keys):
    secret = {"CHRONOS_CONSOLE_SECRET": "one secret for all of them"}
    cookie = {"Cookie": log_in(console(**settings(keys), **secret), keys["admin"][0]).split(";")[0]}
    assert console(**settings(keys), **secret).get("/v1/me", **cookie).data["who"] == "admin:tester"
    is_error(console(CHRONOS_READ_KEYS=keys["read"][1], **secret).get("/v1/me", **cookie), 401, "unauthorized")
    is_error(console(**settings(keys)).get("/v1/me", **cookie), 401, "unauthorized")


def test_behind_https_the_cookie_is_for_https(console, keys):
    w = console(**settings(keys), CHRONOS_CONSOLE_URL="https://chronos.example.com")
    own = w.post("/login", {"key": keys["admin"][0]}, Origin="https://chronos.example.com")
    assert "Secure" in own.headers["Set-Cookie"]
    is_error(w.post("/login", {"key": keys["admin"][0]}, Origin="http://chronos.example.com"), 403, "cross_site")


@pytest.mark.parametrize("headers", ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                                     {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://127.0.0.1:1"}))
def test_pages_of_other_sites_change_nothing(guarded, web, keys, headers):
    session = {"Cookie": log_in(guarded, keys["admin"][0]).split(";")[0]}
    for method, pattern, _ in guarded.routes():
        if method in ("GET", "OPTIONS") or pattern == "/e/{key}":
            continue
        is_error(guarded.call(method, path_of(pattern), "{}", **session, **headers), 403, "cross_site")
    # without keys not even events may be sent: nothing else would hold them off
    is_error(web.post("/e/x", {"name": "test/echo"}, **headers), 403, "cross_site")
    assert guarded.post("/e/" + keys["event"][0], {"name": "test/echo"}, **headers).status == 200
    assert guarded.post("/v1/events", {"name": "test/echo"}, Origin=guarded.url, **session).status == 200


def test_what_is_sent_does_not_get_into_headers_or_lines(guarded, keys):
    for path in ("/v1/me?x=%0d%0aSet-Cookie:%20a=b", "/e/%0d%0aX:y", "/v1/%0aevil"):
        answer = guarded.get(path)
        assert answer.headers["Set-Cookie"] is None and answer.status in (400, 401, 404, 405)
    assert not guarded.daemon.log_contains("^evil")


def test_a_key_that_asks_too_often_is_told_to_wait(console, keys):
    w = console(**settings(keys), CHRONOS_CONSOLE_RATE=1)
    answers = [w.get("/v1/me", **shown(keys["read"][0])) for _ in range(5)]
    assert answers[0].status == 200
    late = [a for a in answers if a.status == 429]
    assert late and int(late[0].headers["Retry-After"]) >= 1 and is_error(late[0], 429, "rate_limited")
    assert w.get("/v1/me", **shown(keys["admin"][0])).status == 200, "another key is not held up"


def test_no_key_is_in_the_log(guarded, keys):
    guarded.post("/e/" + keys["event"][0], {"name": "test/echo"})
    log_in(guarded, keys["admin"][0])
    for key, setting in keys.values():
        assert not guarded.daemon.log_contains(key)
