"""What was paid is accounted for, once, whatever came of it."""

import json

import pytest

import pipeline as p

# A million tokens cost two cents; the answer holds no vector.
USELESS = {"status": 200, "body": {"object": "list", "data": [], "model": "m", "usage": {"total_tokens": 1000000}}}


def embedded(chronos, key):
    video = chronos.make_video("youtube", youtube_video_id=key)
    p.extract(chronos, video)
    (run,) = p.wait_for_embeddings(chronos, video)
    return video, run


def spent_usd(chronos, creator):
    """What the budget knows."""
    keys = list(chronos.redis.scan_iter(f"{{c*}}:spent:{creator}"))
    return sum(int(v) for key in keys for v in chronos.redis.hvals(key)) / 1e6


def costs_of(chronos, run):
    return [float(s["cost_usd"]) for s in p.attempts_of(chronos, run) if s["step"] == "generate-embeddings-0"]


def test_an_answer_that_was_of_no_use_is_paid_for_all_the_same(shared, sandbox):
    sandbox.add_fault("POST /openai/v1/embeddings", times=2, **USELESS)
    video, run = embedded(shared, "bulk-cost01")
    assert run["status"] == "completed", run["error_message"]
    first, second, third = costs_of(shared, run)
    assert (first, second) == (0.02, 0.02) and 0 < third < 0.02
    total = first + second + third
    assert float(run["cost_usd"]) == pytest.approx(total, abs=2e-6)
    assert spent_usd(shared, video["creator_id"]) == pytest.approx(total, abs=5e-6)
    (usage,) = p.usage_rows(shared, video["creator_id"])
    (entry,) = usage["metadata"]["embedding_costs"]
    assert entry["cost_usd"] == pytest.approx(total, abs=2e-6)
    assert len(str(entry["cost_usd"]).partition(".")[2]) <= 9, "a sum shows its noise"
    assert usage["ai_credits_used"] == 41  # thousandths of a dollar, rounded up


def test_what_a_failed_run_has_spent_is_the_creators_usage(shared, sandbox):
    sandbox.add_fault("POST /openai/v1/embeddings", **USELESS)
    video, run = embedded(shared, "bulk-cost02")
    assert run["status"] == "failed"
    total = 0.02 * run["attempts"]
    assert sum(costs_of(shared, run)) == pytest.approx(total)
    shared.wait_until(lambda: [r for r in p.handler_runs(shared, run["id"]) if r["status"] == "completed"], 30,
                      "the failure to be handled")
    (usage,) = p.usage_rows(shared, video["creator_id"])
    (entry,) = usage["metadata"]["embedding_costs"]
    assert entry["failed"] is True and entry["cost_usd"] == pytest.approx(total)
    assert usage["ai_credits_used"] == round(total * 1000)
    assert spent_usd(shared, video["creator_id"]) == pytest.approx(total, abs=5e-6)


def test_what_costs_nothing_leaves_no_account_of_a_failure(shared, sandbox):
    sandbox.add_fault("POST /openai/v1/embeddings", status=500)
    video, run = embedded(shared, "bulk-cost03")
    assert run["status"] == "failed"
    shared.wait_until(lambda: [r for r in p.handler_runs(shared, run["id"]) if r["status"] == "completed"], 30,
                      "the failure to be handled")
    (usage,) = p.usage_rows(shared, video["creator_id"])
    assert "embedding_costs" not in usage["metadata"]
    (event,) = p.failure_events(shared, run["id"])
    assert "cost_usd" not in json.dumps(event["data"])
