"""What breaks on the way, for every client alike."""

import functools
import ssl
import subprocess
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

CALLS = {
    "youtube": (["youtube", "bulk0000001"], "/youtubei/"),
    "youtube-file": (["youtube", "bulk0000001"], "/api/timedtext"),
    "loom": (["loom", "{loom}"], "/graphql"),
    "loom-file": (["loom", "{loom}"], "/mediametadata/"),
    "mux": (["mux", "{mux}"], "/video/v1/"),
    "mux-file": (["mux", "{mux}"], "/text/"),
    "storage": (["storage", "videos", "{upload}", "50000000"], "/object/"),
    "whisper": (["whisper", "{sound}"], "/audio/transcriptions"),
    "embeddings": (["embed", "wool"], "/embeddings"),
}


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "tone.ogg"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=3", "-c:a", "libopus", str(path)],
                   check=True)
    return str(path)


@pytest.fixture
def run(probe, sandbox, sound):
    """run(name) makes that call, with the sandbox's first video of its source."""
    known = {"{loom}": ("loom", "embed_id"), "{mux}": ("mux", "mux_playback_id"), "{upload}": ("upload", "storage_path")}

    def fill(argument):
        if argument == "{sound}":
            return sound
        if argument not in known:
            return argument
        source, column = known[argument]
        return sandbox.video(source)[column]

    return lambda name, **settings: probe(*[fill(a) for a in CALLS[name][0]], **settings)


@pytest.fixture(params=CALLS)
def call(request, run):
    """(makes the call, the path to disturb, name), for every call."""
    return functools.partial(run, request.param), CALLS[request.param][1], request.param


@pytest.fixture(params=[name for name in CALLS if name != "storage"])
def data_call(request, run):
    """The same for those whose answer has to be understood; in storage any bytes are a file."""
    return functools.partial(run, request.param), CALLS[request.param][1], request.param


def test_all_is_well_without_faults(call):
    run, _, _ = call
    outcome = run()
    assert outcome.ok, outcome


def test_a_reset_connection_may_be_tried_again(call, sandbox):
    run, path, _ = call
    sandbox.add_fault(path, kind="reset")
    assert run().code == "retry"


def test_half_an_answer_may_be_tried_again(call, sandbox):
    run, path, _ = call
    sandbox.add_fault(path, kind="truncate")
    assert run().code == "retry"


def test_a_server_error_may_be_tried_again(call, sandbox):
    run, path, _ = call
    sandbox.add_fault(path, status=500)
    assert run().code == "retry"


def test_too_many_requests_name_their_delay(call, sandbox):
    run, path, name = call
    sandbox.add_fault(path, status=429, headers={"Retry-After": "30"})
    outcome = run()
    assert outcome.code == "rate_limited", outcome
    assert outcome.delay == (900000 if name.startswith("youtube") else 30000)


def test_a_delay_may_be_a_date(call, sandbox):
    run, path, name = call
    sandbox.add_fault(path, status=429, headers={"Retry-After": formatdate(time.time() + 1000, usegmt=True)})
    outcome = run()
    assert outcome.code == "rate_limited", outcome
    if name != "youtube-file":
        assert outcome.delay == 900000  # capped at a quarter of an hour
    else:
        assert 900000 <= outcome.delay <= 1000000


def test_a_good_status_with_garbage_is_no_result(data_call, sandbox):
    run, path, name = data_call
    sandbox.add_fault(path, kind="garbage")
    assert run().code == ("next_source" if name == "youtube-file" else "retry")


def test_a_good_status_with_nothing_is_no_result(data_call, sandbox):
    run, path, name = data_call
    sandbox.add_fault(path, kind="empty")
    assert run().code == ("next_source" if name == "youtube-file" else "retry")


def test_a_web_page_instead_of_data_is_no_result(data_call, sandbox):
    run, path, name = data_call
    sandbox.add_fault(path, kind="garbage", body="<!DOCTYPE html><html><title>Welcome</title></html>")
    assert run().code == ("next_source" if name == "youtube-file" else "retry")


def test_a_stopping_worker_gets_its_thread_back(call, sandbox):
    run, path, _ = call
    sandbox.add_fault(path, delay_ms=20000)
    outcome = run(PROBE_CANCEL_MS=500)
    assert outcome.code == "stopping", outcome


def test_a_service_that_is_away_may_be_tried_again(probe):
    outcome = probe("embed", "wool", OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    assert outcome.code == "retry"
    assert "127.0.0.1/v1/embeddings" in outcome.message


def test_private_addresses_are_only_for_configured_services(probe, sandbox):
    media = f"{sandbox.url}/mux-stream/{sandbox.video('mux')['mux_playback_id']}/audio.m4a"
    assert probe("fetch", media, "1000", PROBE_TRUST_NOTHING=1).code == "permanent"
    outcome = probe("fetch", "https://localhost/latest/meta-data", "1000")
    assert outcome.code == "permanent"
    assert "private address" in outcome.message


def test_a_redirect_into_the_private_network_is_refused(probe, sandbox):
    sandbox.add_fault("/mux-stream/", status=302, body="", headers={"Location": "http://169.254.169.254/latest"})
    assert probe("fetch", sandbox.url + "/mux-stream/x/audio.m4a", "1000").code == "permanent"


@pytest.fixture
def secure_server(tmp_path):
    """A server whose certificate nobody has signed: its address, and what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    pair = str(tmp_path / "pair.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", pair, "-out", pair + ".crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair + ".crt", pair)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://localhost:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_that_does_not_verify_stops_the_provider(probe, secure_server):
    url, asked = secure_server
    outcome = probe("embed", "wool", OPENAI_BASE_URL=url + "/v1")
    assert outcome.code == "stop_provider", outcome
    assert "certificate does not verify" in outcome.message
    assert asked == [], "the key went to a server that nobody vouches for"
