"""Storage: Supabase, whose status line lies, and the local directory; what both can do is asked of both."""

import urllib.error
import urllib.request

import pytest


@pytest.fixture
def path(sandbox):
    return sandbox.video("upload")["storage_path"]


def body(status, code=None, error="x", message="y"):
    return {"statusCode": str(status), "error": error, "message": message, **({"code": code} if code else {})}


def test_a_file_arrives_whole(probe, path):
    outcome = probe("storage", "videos", path, "100000000")
    assert outcome.ok, outcome
    assert outcome.result["bytes"] > 1000


def test_a_file_above_the_limit_is_refused(probe, path):
    outcome = probe("storage", "videos", path, "1000")
    assert outcome.code == "permanent"
    assert "larger than 1000 bytes" in outcome.message


@pytest.mark.parametrize("status, answer, code", [
    (400, body(404, "NoSuchKey", message="Object not found"), "permanent"),
    (400, body(404, None, "not_found", "Object not found"), "permanent"),
    (404, body(404, "NoSuchKey"), "permanent"),
    (400, body(404, "NoSuchBucket", message="Bucket not found"), "stop_provider"),
    (400, body(404, None, "Bucket not found", "Bucket not found"), "stop_provider"),
    (400, body(403, "AccessDenied", message="jwt expired"), "stop_provider"),
    (400, body(400, "InvalidJWT"), "stop_provider"),
    (400, body(400, None, "Error", "Invalid Compact JWS"), "stop_provider"),
    (400, body(400, "InvalidKey"), "permanent"),
    (400, body(413, "EntityTooLarge"), "permanent"),
    (400, body(423, "ResourceLocked"), "retry"),
    (400, body(503, "LockTimeout", "acquiring_lock_timeout"), "retry"),
    (400, body(409, "TransactionError"), "retry"),
    (429, body(429, "SlowDown", "too_many_connections"), "rate_limited"),
    (544, body(544, "DatabaseTimeout"), "retry"),
    (500, body(500, "DatabaseError"), "retry"),
    (400, body(503, "DatabaseReadOnly"), "retry"),
    (400, body(503, "S3Error"), "retry"),
    (400, body(404, "S3Error"), "permanent"),
    (502, "<html><title>502</title></html>", "retry"),
    (522, "<html></html>", "retry"),
    (400, "nonsense", "permanent"),
])
def test_answers_have_their_class(probe, answer_with, path, status, answer, code):
    answer_with("/object/", answer, status=status)
    outcome = probe("storage", "videos", path, "100000000")
    assert outcome.code == code, outcome


@pytest.mark.parametrize("path", ["", "/a", "a//b", "a/../b", "./a", "a/", ".."])
def test_a_path_that_would_name_something_else_is_not_asked_for(probe, path):
    assert probe("storage", "videos", path or "/", "10").code == "permanent"
    assert probe.asked() == []


def test_both_headers_carry_a_token_and_one_an_opaque_key(probe, path):
    probe("storage", "videos", path, "100000000", SUPABASE_SERVICE_ROLE_KEY="eyJhbGciOi.e30.sandbox-test-key")
    assert {"apikey", "authorization"} <= set(probe.asked()[-1]["headers"])
    probe("storage", "videos", path, "100000000", SUPABASE_SERVICE_ROLE_KEY="sb_secret_sandbox")
    assert "authorization" not in probe.asked()[-1]["headers"]


@pytest.fixture(params=["supabase", "directory"])
def store(request, probe, tmp_path):
    """store("storage-put", …) with either kind of storage."""
    settings = {"STORAGE_URL": f"file:{tmp_path}/files"} if request.param == "directory" else {}

    def ask(*arguments):
        return probe(*map(str, arguments), **settings)

    ask.kind = request.param
    ask.folder = tmp_path
    return ask


def size_of(store, path, bucket="exports"):
    outcome = store("storage", bucket, path, 100000000)
    return outcome.result["bytes"] if outcome.ok else outcome.code


def test_a_file_is_put_replaced_and_deleted(store):
    file = store.folder / "rows.csv"
    file.write_bytes(b"a,b\n" * 50000)
    assert store("storage-put", "exports", "c1/the rows+1.csv", file).ok
    assert size_of(store, "c1/the rows+1.csv") == 200000
    file.write_bytes(b"")
    assert store("storage-put", "exports", "c1/the rows+1.csv", file).ok
    assert size_of(store, "c1/the rows+1.csv") == 0
    assert store("storage-put", "exports", "c1/other.csv", file).ok
    gone = store("storage-delete", "exports", "c1/the rows+1.csv", "c1/never.csv", "c1/other.csv")
    assert gone.result == {"deleted": 2}
    assert size_of(store, "c1/other.csv") == "permanent"
    assert store("storage-delete", "exports", "c1/other.csv").result == {"deleted": 0}


def test_more_are_deleted_than_one_request_takes(store):
    file = store.folder / "f"
    file.write_bytes(b"x")
    names = [f"many/{n}" for n in range(1100)]
    for name in names[::1000]:
        assert store("storage-put", "exports", name, file).ok
    assert store("storage-delete", "exports", *names).result == {"deleted": 2}


def test_a_stream_of_unknown_length_is_put(store):
    assert store("storage-stream", "exports", "c1/stream.csv", 3_000_000).ok
    assert size_of(store, "c1/stream.csv") == 3_000_000


def test_a_stream_that_breaks_off_leaves_what_was_there(store):
    assert store("storage-stream", "exports", "c1/broken.csv", 10).ok
    outcome = store("storage-stream", "exports", "c1/broken.csv", 1_000_000, "breaks")
    assert (outcome.code, outcome.message) == ("postgres", "the rows broke off")
    assert size_of(store, "c1/broken.csv") == 10


def test_what_does_not_exist_is_neither_read_nor_signed(store):
    assert size_of(store, "c1/nothing") == "permanent"
    outcome = store("storage-sign", "exports", "c1/nothing", 60)
    assert (outcome.code, outcome.message) == ("permanent", "storage: the file does not exist")


def test_a_signed_link_of_the_server_opens(probe, tmp_path):
    (tmp_path / "rows").write_bytes(b"a,b")
    assert probe("storage-put", "exports", "c1/rows & more.csv", str(tmp_path / "rows")).ok
    link = probe("storage-sign", "exports", "c1/rows & more.csv", "60", "my rows.csv").result["url"]
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"a,b"
        assert "my%20rows.csv" in answer.headers["Content-Disposition"]
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(link.replace("/c1/", "/c2/"))


def test_a_file_that_the_bucket_does_not_take_is_refused(probe, tmp_path):
    (tmp_path / "rows").write_bytes(b"a,b")
    outcome = probe("storage-put", "videos", "c1/rows.csv", str(tmp_path / "rows"))
    assert outcome.code == "permanent"
    assert outcome.message == ("storage: the bucket does not take this kind of file: "
                               "mime type text/csv is not supported")


@pytest.mark.parametrize("value", ["file:relative", "/plain/path", "file:/a/../b", "ftp://x"])
def test_a_wrong_storage_url_stops_the_start(probe, value):
    with pytest.raises(AssertionError, match="STORAGE_URL.*must be"):
        probe("storage", "a", "b", "1", STORAGE_URL=value)
