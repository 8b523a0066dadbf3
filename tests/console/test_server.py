"""The server itself: what every request gets, and clients that misbehave."""

import re
import signal
import socket
import threading
import time
import uuid

import pytest

from keys import new_key
from web import Web, read_all


def is_error(answer, status, code):
    assert answer.status == status, answer
    body = answer.json
    assert (body["status"], body["code"]) == (status, code) and body["error"] and "field" in body, body
    return body


def test_it_lives_and_is_ready(web):
    assert web.get("/health").json["message"] == "OK"
    ready = web.get("/ready").json
    assert (ready["redis"], ready["postgres"], ready["draining"]) == ("OK", "OK", False)


def test_ready_says_what_is_away(make_stack, database):
    e = make_stack(database_url=database)
    e.stack.start_redis()
    e.stack.start_scheduler()
    d = e.stack.start_console()
    w = Web(e, d)
    assert w.get("/ready").status == 200
    e.stack.redis.stop()
    answer = w.get("/ready")
    assert answer.status == 503 and answer.json["redis"] != "OK" and answer.json["postgres"] == "OK"
    assert w.get("/health").status == 200
    e.stack.start_redis()
    e.wait_until(lambda: w.get("/ready").status == 200, 20, "it to be ready again")


def test_what_is_not_there(web):
    is_error(web.get("/nothing"), 404, "not_found")
    is_error(web.get("/health/"), 404, "not_found")
    answer = web.post("/health", {})
    is_error(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"
    is_error(web.call("BREW", "/health"), 405, "method_not_allowed")


def test_head_is_get_without_a_body(web):
    answer = web.call("HEAD", "/health")
    assert (answer.status, answer.body) == (200, b"") and int(answer.headers["Content-Length"]) > 0


def test_every_answer_has_the_headers_that_protect_a_browser(web):
    for answer in (web.get("/health"), web.get("/nothing"), web.get("/ready")):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-Id"]


def test_paths_lead_nowhere(web):
    for path in ("/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                 "/health/../../etc/passwd", "/health%00.js", "/%ff%fe", "/\\..\\x"):
        answer = web.get(path)
        assert answer.status in (400, 404), (path, answer)
        assert b"root:" not in answer.body
        assert answer.json["code"]


def test_a_query_that_cannot_be_read(web):
    for value in ("%zz", "%0d%0aSet-Cookie:x", "%ff"):
        assert is_error(web.get(f"/health?a=1&b={value}"), 400, "invalid_query")["field"] == "b"
    assert is_error(web.get("/health?b%ff=%ff"), 400, "invalid_query")["field"] == "b%ff"
    told = is_error(web.get("/health?query=%zz"), 400, "invalid_query")
    assert told["field"] == "query" and "malformed escape" in told["error"], "a name, and not the whole of it"
    with web.connect() as c:
        c.sendall(b"GET /health?\xff=%ff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b'"field":null' in c.recv(65536)


@pytest.mark.parametrize("method, path, body, field", [
    ("GET", "/v1/runs/%ff", None, "id"), ("GET", "/api/video/%zz/status", None, "id"), ("POST", "/e/%ff", {}, "key"),
    ("GET", "/api/bulk?before=yesterdy", None, "before"), ("GET", "/api/bulk?before=2026-01-05T06:00:00Z,x", None, "before"),
    ("GET", "/api/video/list?before=,", None, "before"), ("GET", "/api/video/list?before=5,x", None, "before"), ("GET", "/v1/runs?before=x", None, "before"),
    ("GET", "/v1/runs?cursor=x", None, "cursor"), ("GET", "/v1/events?cursor=x", None, "cursor"), ("GET", "/v1/audit?cursor=x", None, "cursor"),
    ("GET", "/v1/rejected?cursor=x", None, "cursor"), ("POST", "/e/key", b'{"name": "\xff"}', "body"),
    ("POST", "/api/bulk/delete", b'{"x": "\xff"}', "body"), ("POST", "/api/bulk/delete", [], "body"), ("POST", "/e/key", [{}] * 5001, "body"),
    ("POST", "/v1/functions/test-echo/trigger", {"data": {"n": [1e22]}}, "data"), ("POST", f"/v1/runs/{'0' * 26}/retry", {}, "id"),
    ("POST", "/v1/functions/nothing/pause", None, "id"), ("GET", "/storage/videos/x.mp4", None, "signature")])
def test_an_error_names_its_field(web, method, path, body, field):
    answer = web.call(method, path, body)
    assert 400 <= answer.status < 500 and answer.json["field"] == field, answer


def test_places_in_lists_of_the_application(web):
    for place in ("2026-01-05", "2026-01-05T06:00:00Z", "2026-01-05T06:00:00.123456Z", f"2026-01-05T06:00:00.123456Z,{uuid.uuid4()}", "1767592800000"):
        assert web.get(f"/api/video/list?before={place}").json["success"] and web.get(f"/api/bulk?before={place}").json["success"]


def test_the_field_of_a_body_that_is_too_large(console):
    assert is_error(console(CHRONOS_CONSOLE_MAX_BODY_BYTES=1024).post("/e/key", {"x": "y" * 5000}), 413, "too_large")["field"] == "body"


def test_a_huge_head_is_refused(web):
    with web.connect() as c:
        c.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100000 + b"\r\n\r\n")
        assert read_all(c).split(b" ")[1] in (b"431", b"413", b"400")
    assert web.get("/health").status == 200


def test_garbage_is_no_request(console):
    web = console(CHRONOS_CONSOLE_REQUEST_MS=1000)
    for bytes_ in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET /health HTTP/9.9\r\n\r\n",
                   b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
                   b"POST /ready HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
        with web.connect() as c:
            c.sendall(bytes_)
            c.shutdown(1)
            assert b" 200 " not in read_all(c)[:20]
    assert web.get("/health").status == 200


def test_slow_clients_are_let_go_and_hold_up_nobody(console):
    w = console(CHRONOS_CONSOLE_REQUEST_MS=1500, CHRONOS_CONSOLE_THREADS=1)
    slow = [w.connect() for _ in range(50)]
    ended = threading.Event()

    def drip():
        while not ended.is_set():
            for c in slow:
                try:
                    c.sendall(b"G")
                except OSError:
                    ended.set()
            time.sleep(0.1)

    begin = time.monotonic()
    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        while not ended.is_set() and time.monotonic() - begin < 60:
            assert w.get("/ready").status == 200
            time.sleep(0.05)
        assert ended.is_set(), "a client that never ends its request is cut off"
    finally:
        ended.set()
        dripping.join()
        for c in slow:
            c.close()


@pytest.mark.parametrize("before", [b"", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                                    b"POST /e/key HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"],
                         ids=["the first request", "another request", "the body"])
def test_a_request_that_comes_byte_by_byte_is_cut_off(console, before):
    """Also the second one of a connection, which may be idle for longer than a request may take."""
    with console(CHRONOS_CONSOLE_REQUEST_MS=1500).connect() as c:
        c.sendall(before)
        if before.startswith(b"GET"):
            assert c.recv(65536).startswith(b"HTTP/1.1 200")
        c.setblocking(False)
        for _ in range(400):
            time.sleep(0.1)
            try:
                c.sendall(b"G")
                if c.recv(65536) == b"":
                    return
            except BlockingIOError:
                pass
            except OSError:
                return
    raise AssertionError("it still drips")


def test_stopping_answers_what_has_come(console):
    w = console()
    with w.connect() as c:
        c.sendall(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert w.daemon.stop() == 0
        answer = read_all(c)
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")) and b'"redis":"OK"' in answer


def test_requests_on_open_connections_while_it_stops(console):
    """Some come when the threads that answer have ended already: they are refused, and nothing that has gone is touched."""
    question = b"GET /api/bulk?limit=none HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for round_ in range(10):
        w = console(CHRONOS_DRAIN_MS=0)
        kept = [w.connect() for _ in range(400)]
        try:
            for c in kept:
                c.sendall(question)
                assert c.recv(65536).startswith(b"HTTP/1.1 400")
            stopping = threading.Timer(round_ * 0.004, lambda d=w.daemon: d.process.signal(signal.SIGTERM))
            stopping.start()
            for c in kept:
                try:
                    c.sendall(question)
                except OSError:
                    pass  # it has ended
            stopping.join()
            assert w.daemon.stop() == 0
            for answer in map(read_all, kept):
                assert answer == b"" or answer.startswith(b"HTTP/1.1 400") or \
                    (answer.startswith(b"HTTP/1.1 503") and b"shutting_down" in answer), answer
        finally:
            for c in kept:
                c.close()


def test_settings_that_cannot_be(yard):
    d = yard.stack.daemon("console", "console-bad", CHRONOS_CONSOLE_PORT=0, CHRONOS_CONSOLE_ADDRESS="nowhere")
    d.start(wait=False)
    yard.wait_until(lambda: d.log_contains("CHRONOS_CONSOLE_ADDRESS"), 20, "it to say what is wrong")


def test_the_table_of_routes_has_no_two_alike(web):
    routes = web.routes()
    assert ("GET", "/health", "public") in routes
    assert len({r[:2] for r in routes}) == len(routes)
    assert {r[2] for r in routes} <= {"public", "event", "read", "admin"}


def test_files_of_the_page_are_part_of_it(web):
    answer = web.get("/robots.txt")
    assert answer.status == 200 and b"Disallow" in answer.body and answer.headers["Content-Type"].startswith("text/plain")
    again = web.get("/robots.txt", If_None_Match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert web.get("/robots.txt/").status == 404 and web.get("/page/robots.txt").status == 404
    assert web.post("/robots.txt").status == 404


def test_files_of_the_page_are_kept_by_browsers_until_there_is_another_release(web):
    page = web.get("/")
    assert page.headers["Cache-Control"] == "no-cache" and web.get("/", If_None_Match=page.headers["ETag"]).status == 304
    names = re.findall(r'(?:src|href)="(/[^"]+)"', page.body.decode())
    release = names[0].split("/")[1]
    assert len(names) == 4 and all(n.startswith(f"/{release}/") for n in names)
    for name in [*names, f"/{release}/lib/dom.js"]:
        plain, kept = web.get(name[len(release) + 1:]), web.get(name)
        assert kept.body == plain.body and kept.headers["Content-Type"] == plain.headers["Content-Type"]
        assert "immutable" in kept.headers["Cache-Control"] and plain.headers["Cache-Control"] == "no-cache"
    other = web.get(f"/v-{'0' * 16}/app.js")
    assert other.body == web.get("/app.js").body and other.headers["Cache-Control"] == "no-cache", "of another release: not to be kept"
    assert web.get(f"/{release}/").headers["Cache-Control"] == "no-cache", "the page itself never is"
    for path in ("/v-0/app.js", f"/{release}app.js", f"/{release}/nothing.js", f"/{release}/v1/me"):
        is_error(web.get(path), 404, "not_found")


# ---- nobody makes the others wait ----
def is_served(connection):
    try:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        return connection.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


@pytest.mark.parametrize("settings, most", [({}, 12), ({"CHRONOS_CONSOLE_CONNECTIONS_PER_ADDRESS": 3}, 3),
                                            ({"CHRONOS_CONSOLE_CONNECTIONS_PER_ADDRESS": 0}, 16)])
def test_one_address_leaves_connections_to_others(console, settings, most):
    w = console(CHRONOS_CONSOLE_CONNECTIONS=16, **settings)
    greedy = [w.connect("127.0.0.2") for _ in range(most)]
    assert all(map(is_served, greedy))
    if most < 16:
        with w.connect("127.0.0.2") as more:
            assert not is_served(more), "it is closed at once"
        with w.connect("127.0.0.3") as other:
            assert is_served(other)
        greedy.pop().close()
        w.engine.wait_until(lambda: serves_one_more(w), 20, "a place that was given back to be had")
    for c in greedy:
        c.close()


def serves_one_more(w):
    with w.connect("127.0.0.2") as c:
        return is_served(c)


def test_a_login_is_short(web):
    """It is read by the thread that reads for everybody, before anybody has shown a key."""
    is_error(web.post("/login", {"key": "x" * 5000}), 413, "too_large")


def resident_mb(daemon):
    with open(f"/proc/{daemon.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def all_is_read(port):
    """Of what clients have sent there nothing waits in the kernel any more."""
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(name) as f:
            for line in list(f)[1:]:
                _, local, other, _, queues = line.split()[:5]
                if f":{port:04X}" in (local[-5:], other[-5:]) and queues != "00000000:00000000" and not other.endswith(":0000"):
                    return False
    return True


def hold(w, head, size):
    """A connection whose request lacks only the last byte of its body."""
    c = w.connect()
    c.sendall(f"{head}Host: 127.0.0.1\r\nContent-Length: {size + 1}\r\n\r\n".encode() + b" " * size)
    return c


def grown_mb(w, heads, size):
    """What the console takes more while the requests lack only the last bytes of their bodies."""
    before = resident_mb(w.daemon.process)
    kept = []
    try:
        kept.extend(hold(w, head, size) for head in heads)
        w.engine.wait_until(lambda: all_is_read(w.port), 60, "all to be read")
        return resident_mb(w.daemon.process) - before
    finally:
        for c in kept:
            c.close()


def paths_of(w):
    """[(method, path, access)] of every route, and a file of the page."""
    return [(method, re.sub("{[^}]*}", "x", pattern), access) for method, pattern, access in w.routes()] + [("GET", "/", "public")]


def test_a_body_that_nobody_reads_is_not_kept(console):
    """Neither where no body is read, whoever asks, nor of who has shown no key."""
    key, setting = new_key("admin")
    w = console(CHRONOS_ADMIN_KEYS=setting)
    many, size, public = 24, 2 << 20, [(m, p) for m, p, access in paths_of(w) if access == "public"]
    assert ("GET", "/ready") in public and ("GET", "/storage/x") in public and len(public) > 6
    groups = {f"{method} {path}": [f"{method} {path} HTTP/1.1\r\n"] * many for method, path in public}
    groups["HEAD"] = ["HEAD /ready HTTP/1.1\r\n"] * many
    groups["no route"] = ["POST /nothing HTTP/1.1\r\n", "PUT /ready HTTP/1.1\r\n"] * (many // 2)
    groups["without a key"] = [f"{m} {p} HTTP/1.1\r\n" for m, p, access in paths_of(w) if access != "public"]
    groups["no body is read"] = [f"{m} {p} HTTP/1.1\r\nAuthorization: Bearer {key}\r\n" for m, p, _ in paths_of(w) if m != "POST"]
    assert all(len(heads) >= many for heads in groups.values())
    assert grown_mb(w, groups["HEAD"], 1000) < 16, "the first connections of all"
    grown = {name: grown_mb(w, heads, size) for name, heads in groups.items()}
    assert max(grown.values()) < 16, grown


def test_a_body_where_none_is_read(console):
    """A short one is overlooked, as clients send {} everywhere."""
    w = console()
    for method, path, _ in paths_of(w):
        if method not in ("POST", "OPTIONS") and path != "/v1/stream":
            told = is_error(w.call(method, path, " " * 4097), 413, "too_large")
            assert told["field"] == "body" and f"{method} takes no body" in told["error"]
            assert w.call(method, path, "{}").status == w.call(method, path).status, path
    assert w.call("OPTIONS", "/e/x", "{}").status == 204 and w.call("OPTIONS", "/e/x", " " * 4097).status == 413


def test_a_body_may_have_its_size_wherever_one_is_read(console):
    """The bytes are counted, whatever they say."""
    w = console(CHRONOS_CONSOLE_MAX_BODY_BYTES=65536)
    for method, path, access in paths_of(w):
        if method == "POST":
            most = 65536 if access != "public" else 4096
            assert w.post(path, "{}" + " " * (most - 2)).status != 413, path
            is_error(w.post(path, "{}" + " " * (most - 1)), 413, "too_large")


def test_a_body_of_the_largest_size(web):
    for path in ("/e/key", "/v1/events"):
        event = '{"name": "test/nobody", "data": {}}'
        assert len(web.post(path, event + " " * (8388608 - len(event))).json["ids"]) == 1
        is_error(web.post(path, event + " " * (8388609 - len(event))), 413, "too_large")


def test_all_bodies_together_have_a_limit(console):
    w = console(CHRONOS_CONSOLE_MAX_BODY_BYTES=65536, CHRONOS_CONSOLE_BODIES_BYTES=131072)
    head, body = "POST /v1/runs/bulk HTTP/1.1\r\n", "{}" + " " * 20000
    kept = [hold(w, head, 60000) for _ in range(2)]
    w.engine.wait_until(lambda: all_is_read(w.port), 20, "all to be read")
    answer = w.post("/v1/runs/bulk", body)
    assert "CHRONOS_CONSOLE_BODIES_BYTES" in is_error(answer, 503, "busy")["error"] and answer.headers["Retry-After"] == "1"
    is_error(w.post("/v1/runs/bulk", {}), 400, "invalid_input")
    kept.pop().close()
    w.engine.wait_until(lambda: w.post("/v1/runs/bulk", body).status == 400, 20, "what a client that has gone had sent to be forgotten")
    kept[0].sendall(b" ")
    assert kept[0].recv(65536).startswith(b"HTTP/1.1 400")
    for _ in range(4):  # on one connection: what was answered counts no more
        kept[0].sendall(f"{head}Host: 127.0.0.1\r\nContent-Length: 65536\r\n\r\n".encode() + b" " * 65536)
        assert kept[0].recv(65536).startswith(b"HTTP/1.1 400")
    kept[0].close()


def test_one_body_of_the_largest_size_always_fits(console):
    w = console(CHRONOS_CONSOLE_MAX_BODY_BYTES=65536, CHRONOS_CONSOLE_BODIES_BYTES=1024)
    is_error(w.post("/v1/runs/bulk", "{}" + " " * 65534), 400, "invalid_input")


def test_a_query_with_too_many_values_is_refused(web):
    """One that is left out without a word could be the filter that matters."""
    told = is_error(web.get("/v1/runs?" + "&".join(f"a{i}=1" for i in range(20)) + "&limit=bad"), 400, "invalid_query")
    assert told["field"] == "query" and "more than 16 values" in told["error"]
    assert web.get("/health?" + "&".join(f"a{i}=1" for i in range(16))).status == 200


@pytest.mark.parametrize("count", (17, 500, 10000))
def test_however_many_values_a_query_has_there_is_an_answer(web, count):
    """libmicrohttpd has no memory for an answer when it has read 500."""
    is_error(web.get("/v1/runs?" + "&".join("a" * count)), 400, "invalid_query")
    with web.connect() as c:
        c.sendall(b"GET /health?" + b"&".join(b"a" for _ in range(count)) + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert c.recv(65536).startswith(b"HTTP/1.1 400")
        assert is_served(c), "the next request of the connection"


def test_two_hosts_are_refused(web):
    for other in (b"127.0.0.1", b"example.com"):
        with web.connect() as c:
            c.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nhost: " + other + b"\r\n\r\n")
            answer = c.recv(65536)
            assert answer.startswith(b"HTTP/1.1 400") and b'"field":"Host"' in answer


@pytest.mark.parametrize("path", ["GET /health", "POST /login", "POST /nothing", "POST /e/key", "PUT /ready"])
@pytest.mark.parametrize("fields, field, body", [
    (["Content-Length: 2", "Content-Length: 40"], "Content-Length", b"{}"), (["Content-Length: 40", "Content-Length: 2"], "Content-Length", b"{}"),
    (["Content-Length: 2", "content-length: 2"], "Content-Length", b"{}"),
    (["Content-Length: 5", "Transfer-Encoding: chunked"], "Transfer-Encoding", b"0\r\n\r\n"),
    (["transfer-encoding: chunked", "content-length: 5"], "Transfer-Encoding", b"0\r\n\r\n"),
    (["Transfer-Encoding: identity", "Transfer-Encoding: chunked"], "Transfer-Encoding", b"0\r\n\r\n"),
    (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], "Transfer-Encoding", b"0\r\n\r\n"),
    (["Transfer-Encoding: xchunked"], "Transfer-Encoding", b"0\r\n\r\n"), (["Transfer-Encoding: gzip, chunked"], "Transfer-Encoding", b"0\r\n\r\n"),
    (["Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: 6"], "Content-Length", b"0\r\n\r\n")])
def test_a_body_whose_end_is_not_plain_is_refused(web, path, fields, field, body):
    """What follows is for one the rest of the body, for another the next request: it is not answered."""
    with web.connect() as c:
        c.sendall("\r\n".join([f"{path} HTTP/1.1", "Host: 127.0.0.1", *fields, "", ""]).encode() + body + b"GET /robots.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = read_all(c)
    assert answer.startswith(b"HTTP/1.1 400") and b"Connection: close" in answer and answer.count(b"HTTP/1.1") == 1, answer
    assert b'"code":"invalid_head"' in answer and f'"field":"{field}"'.encode() in answer, answer


@pytest.mark.parametrize("field", [b"Content-Length : 40", b"Content-Length\t: 40", b"Transfer-Encoding : chunked", b"X: y\r\n Content-Length: 40"])
def test_a_name_with_white_space_is_refused(web, field):
    """For us it is a field that means nothing; a proxy before us may have read it as the one without."""
    with web.connect() as c:
        c.sendall(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n" + field + b"\r\n\r\nGET /robots.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = read_all(c)
    assert answer.startswith(b"HTTP/1.1 400") and b"white space" in answer and answer.count(b"HTTP/1.1") == 1, answer


def test_a_body_whose_end_is_plain_is_read(web):
    with web.connect() as c:
        for framing in (b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"):
            c.sendall(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n" + framing)
            assert b'"field":"key"' in c.recv(65536)


def test_an_outside_service_that_hangs_holds_up_searches_alone(console, web):
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        w = console(OPENAI_BASE_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/v1", OPENAI_API_KEY="sandbox-openai-key")
        answers = []
        asking = [threading.Thread(target=lambda: answers.append(w.get("/api/video/search?q=cells").status)) for _ in range(12)]
        for t in asking:
            t.start()
        w.engine.wait_until(lambda: len(answers) >= 10, 15, "the searches that are too many to be refused")
        assert set(answers) == {503}
        assert w.post("/e/key", {"name": "test/nobody", "data": {}}).status == 200
        assert w.get("/v1/overview").status == 200
    for t in asking:
        t.join()


def test_a_key_in_the_path_is_not_logged(make_stack, database):
    key, setting = new_key("event")
    e = make_stack(database_url=database)
    e.stack.start_redis()
    e.stack.start_scheduler()
    d = e.stack.start_console(CHRONOS_EVENT_KEYS=setting)
    e.stack.redis.stop()
    w = Web(e, d)
    is_error(w.post(f"/e/{key}", {"name": "test/nobody", "data": {}}), 503, "unavailable")
    assert d.log_contains("a request could not be answered")
    assert not d.log_contains(key)
