"""Speech and embeddings: OpenAI, and the servers that imitate it."""

import base64
import struct
import subprocess

import pytest

SPEECH, EMBED = "/audio/transcriptions", "/embeddings"


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("speech") / "tone.ogg"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=3", "-c:a", "libopus", str(path)],
                   check=True)
    return str(path)


def error(code=None, kind=None, message="x"):
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


# ---- speech ----

def segment(start, end, text, **numbers):
    return {"start": start, "end": end, "text": text, **numbers}


def test_speech_becomes_timed_text(probe, sound):
    outcome = probe("whisper", sound, "en-GB")
    assert outcome.ok, outcome
    assert outcome.result["method"] == "whisper"
    assert outcome.result["language"] == "en"
    assert outcome.result["duration"] == pytest.approx(3, abs=0.2)
    assert outcome.result["cost"] == pytest.approx(outcome.result["duration"] / 60 * 0.006)
    form = probe.asked(path=SPEECH)[-1]["note"]["form"]
    assert form["response_format"] == "verbose_json" and form["language"] == "en" and form["temperature"] == "0"


def test_invented_and_repeated_segments_are_dropped(probe, sound, answer_with):
    answer_with(SPEECH, {"language": "german", "duration": 30, "text": "all", "segments": [
        segment(0, 1, " Guten Tag."),
        segment(1, 2, " Thanks for watching!", no_speech_prob=0.9, avg_logprob=-1.4),
        segment(2, 3, " Nein."), segment(5, 6, " Nein."), segment(8, 9, " Nein."),
        segment(10, 11, " La", compression_ratio=3), segment(13, 14, " La", compression_ratio=3),
        segment(15, 16, " Ende.", no_speech_prob=0.9, avg_logprob=-0.2),
    ]})
    outcome = probe("whisper", sound)
    assert outcome.result["text"] == "Guten Tag. Nein. Nein. La Ende."
    assert outcome.result["language"] == "de"
    assert outcome.result["captions"][0] == [0, 1000, "Guten Tag."]


@pytest.mark.parametrize("answer", [
    {"text": "Only text.", "duration": 4},
    {"text": "Only text.", "usage": {"type": "duration", "seconds": 4}},
    {"text": "Only text.", "duration": 4, "segments": []},
    {"text": "Only text.", "duration": 4, "segments": [{"text": "Only text."}]},
    {"text": "Only text.", "duration": "4", "segments": None},
])
def test_text_without_segments_is_one_caption(probe, sound, answer_with, answer):
    answer_with(SPEECH, answer)
    assert probe("whisper", sound).result["captions"] == [[0, 4000, "Only text."]]


def test_sound_without_words_is_an_empty_transcript(probe, sound, answer_with):
    answer_with(SPEECH, {"text": "", "duration": 3, "segments": []})
    outcome = probe("whisper", sound)
    assert outcome.ok and outcome.result["captions"] == []


def test_a_tail_that_is_too_short_is_an_empty_transcript(probe, sound, answer_with):
    answer_with(SPEECH, error("audio_too_short", message="Minimum audio length is 0.1 seconds."), status=400)
    outcome = probe("whisper", sound)
    assert outcome.ok and outcome.result["captions"] == []


def test_a_model_without_segments_is_asked_for_plain_text(probe, sound):
    outcome = probe("whisper", sound, CHRONOS_TRANSCRIBE_MODEL="gpt-4o-transcribe")
    assert outcome.ok, outcome
    assert probe.asked(path=SPEECH)[-1]["note"]["form"]["response_format"] == "json"


def test_a_file_above_the_services_limit_is_not_sent(probe, tmp_path):
    path = tmp_path / "large.ogg"
    with open(path, "wb") as f:
        f.truncate(26_000_000)
    assert probe("whisper", str(path)).code == "split"
    assert probe.asked() == []


def test_sound_that_cannot_be_read_is_final(probe, tmp_path):
    path = tmp_path / "noise.ogg"
    path.write_bytes(b"not a recording")
    assert probe("whisper", str(path)).code == "permanent"


@pytest.mark.parametrize("answer", [{}, {"text": None}, {"segments": 5}, {"duration": 3}])
def test_an_answer_without_text_is_unreadable(probe, sound, answer_with, answer):
    answer_with(SPEECH, answer)
    assert probe("whisper", sound).code == "retry"


# ---- errors of both ----

@pytest.mark.parametrize("status, body, code, delay", [
    (401, error("invalid_api_key"), "stop_provider", 0),
    (403, error("unsupported_country_region_territory", "request_forbidden"), "stop_provider", 0),
    (404, error("model_not_found"), "stop_provider", 0),
    (429, error("insufficient_quota", "insufficient_quota"), "stop_provider", 0),
    (429, error(None, "insufficient_quota"), "stop_provider", 0),
    (429, error("rate_limit_exceeded", "requests", "Please try again in 7.2s."), "rate_limited", 7200),
    (429, error("rate_limit_exceeded", "tokens", "Please try again in 6m0s."), "rate_limited", 360000),
    (503, error("server_is_overloaded", "service_unavailable_error"), "retry", 0),
    (400, error(None, None, "'$.input' is invalid"), "permanent", 0),
    (400, {"error": "plain"}, "permanent", 0),
    (422, {"detail": [{"loc": [], "msg": "field required", "type": "x"}]}, "permanent", 0),
    (502, "<html><title>Bad Gateway</title></html>", "retry", 0),
])
@pytest.mark.parametrize("which", ["speech", "embeddings"])
def test_errors_have_their_class(probe, sound, answer_with, which, status, body, code, delay):
    answer_with("/openai/v1/", body, status=status)
    outcome = probe("whisper", sound) if which == "speech" else probe("embed", "wool")
    assert (outcome.code, outcome.delay) == (code, delay), outcome


def test_no_money_stays_no_money_whatever_the_headers_say(probe, answer_with):
    answer_with(EMBED, error("insufficient_quota"), status=429,
                headers={"Retry-After": "1", "x-should-retry": "true"})
    assert probe("embed", "wool").code == "stop_provider"


def test_the_services_own_word_on_retrying_counts(probe, answer_with):
    answer_with(EMBED, error(), status=500, headers={"x-should-retry": "false"})
    assert probe("embed", "wool").code == "permanent"


def test_delays_in_milliseconds_win(probe, answer_with):
    answer_with(EMBED, error("rate_limit_exceeded"), status=429, headers={"retry-after-ms": "1500", "Retry-After": "9"})
    assert probe("embed", "wool").delay == 1500


def test_an_empty_key_sends_no_header(probe, answer_with):
    assert probe("embed", "wool", OPENAI_API_KEY="").ok
    assert "authorization" not in probe.asked(path=EMBED)[-1]["headers"]


# ---- embeddings ----

def vector(first):
    return [float(first)] + [0.0] * 1535


def packed(values):
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def listed(*vectors, **more):
    return {"data": [{"index": i, "embedding": v} for i, v in enumerate(vectors)], **more}


def test_texts_get_vectors_in_batches(probe):
    outcome = probe("embed", *[f"text {i}" for i in range(7)], CHRONOS_EMBED_BATCH=3)
    assert outcome.ok, outcome
    assert len(outcome.result["vectors"]) == 7
    assert [r["note"]["inputs"] for r in probe.asked(path=EMBED)] == [3, 3, 1]
    assert outcome.result["model"] == "text-embedding-3-small"
    assert outcome.result["cost"] == pytest.approx(outcome.result["tokens"] * 0.02 / 1e6)
    assert probe.asked(path=EMBED)[0]["json"]["encoding_format"] == "base64"


def test_vectors_go_where_their_index_says(probe, answer_with):
    answer_with(EMBED, {"data": [{"index": 1, "embedding": packed(vector(2))}, {"index": 0, "embedding": vector(1)}]})
    outcome = probe("embed", "a", "b")
    assert [v[0] for v in outcome.result["vectors"]] == [1, 2]
    assert outcome.result["tokens"] > 0  # estimated


@pytest.mark.parametrize("answer", [
    {},
    {"data": []},
    listed(vector(1)),
    {"data": [{"index": 0, "embedding": vector(1)}, {"index": 0, "embedding": vector(1)}]},
    {"data": [{"index": 0, "embedding": vector(1)}, {"index": 7, "embedding": vector(1)}]},
    {"data": [{"embedding": vector(1)}, {"embedding": vector(1)}]},
    listed(vector(1), None),
    listed(vector(1), "&&&&"),
    listed(vector(1), packed(vector(float("nan")))),
    listed(vector(1), packed(vector(float("inf")))),
    listed(vector(1), ["x"] * 1536),
    listed(vector(1), packed(vector(1))[:-6]),
])
def test_a_vector_in_doubt_is_refused(probe, answer_with, answer):
    answer_with(EMBED, answer)
    assert probe("embed", "a", "b").code == "retry"


@pytest.mark.parametrize("embedding", [[0.1] * 768, packed([0.1] * 768), packed([0.1] * 3072)])
def test_other_dimensions_need_a_person(probe, answer_with, embedding):
    answer_with(EMBED, listed(embedding))
    outcome = probe("embed", "a")
    assert outcome.code == "stop_provider"
    assert "dimensions" in outcome.message


@pytest.mark.parametrize("status, body", [
    (400, error("max_tokens_per_request")),
    (413, "<html>too large</html>"),
    (422, {"message": "batch size 4 > maximum allowed batch size 2", "code": 422, "type": "Validation"}),
    (500, error(500, "server_error", "input (600 tokens) is too large to process. increase the physical batch size")),
    (429, error("rate_limit_exceeded", "tokens", "Request too large for x: Limit 30000, Requested 30601.")),
])
def test_what_is_too_much_is_halved(probe, sandbox, answer_with, status, body):
    answer_with(EMBED, body, status=status, times=1)
    outcome = probe("embed", "a", "b", "c", "d")
    assert outcome.ok, outcome
    assert [r["note"].get("inputs") for r in probe.asked(path=EMBED)][1:] == [2, 2]
    sandbox.clear_faults()
    answer_with(EMBED, body, status=status)
    assert probe("embed", "a", "b", "c", "d").code == "permanent"


def test_an_empty_text_is_not_sent(probe):
    assert probe("embed", "wool", " \n").code == "permanent"
    assert probe.asked() == []


def test_the_embedded_embedder_asks_nobody(probe):
    outcome = probe("embed", "wool", CHRONOS_EMBEDDER="embedded")
    assert outcome.ok
    assert outcome.result["cost"] == 0
    assert outcome.result["model"] == "chronos-embedded-hash-v1"
    assert probe.asked() == []
