"""Supabase Storage, whose status line lies."""

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
