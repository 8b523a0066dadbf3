"""A request was done and its answer got lost: the question of every distributed system, asked at every connection."""

import time

from chaos.load import make_video, send_mixed
from ops.stack.redis_server import url_as
from promises import check_promises


def nothing_ran_twice(engine):
    """Steps run again only where a worker died, and none died here."""
    for what, function in (("plain", "test-tx"), ("end", "test-slow"), ("turn", "test-again"), ("send", "test-sender"),
                           ("received", "test-receiver"), ("item", "test-each"), ("handled", "test-handler")):
        seen = [(h.run, h.step, h.attempt) for h in engine.happenings(what=what, function=function)]
        twice = {s for s in seen if seen.count(s) > 1}
        assert not twice, f"ran twice: {twice}"


def test_replies_lost_between_scheduler_and_redis(proxies, engine):
    proxy = proxies(engine.stack.redis_url, patterns=["EVALSHA", "XREADGROUP", "XACK", "chronos:seen:"],
                    lose_reply=0.12, lose_request=0.03)
    engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler(CHRONOS_REDIS_URL=url_as(proxy.url, "scheduler"), CHRONOS_ROUTE_BATCH=8)
    ids = make_video(engine)
    for _ in range(6):
        send_mixed(engine, 6, ids, engine.send_surely)
        time.sleep(0.5)  # so that the losses meet batches and not one big one
    proxy.calm()
    assert proxy.lost > 5
    check_promises(engine)
    nothing_ran_twice(engine)


def test_replies_lost_between_worker_and_redis(proxies, engine):
    proxy = proxies(engine.stack.redis_url, patterns=["EVALSHA", "XREADGROUP"], lose_reply=0.05, lose_request=0.02)
    engine.stack.start_worker(wait=False, CHRONOS_REDIS_URL=url_as(proxy.url, "worker"), CHRONOS_WORKER_THREADS=8,
                              CHRONOS_LEASE_MS=6000)
    engine.stack.start_scheduler(CHRONOS_LEASE_MS=6000)
    ids = make_video(engine)
    for _ in range(4):
        send_mixed(engine, 8, ids)
        time.sleep(0.5)
    engine.wait_for(20, function="test-tx", what="plain")
    proxy.calm()
    assert proxy.lost > 5
    check_promises(engine)
    nothing_ran_twice(engine)
    assert engine.value("select max(deaths) from chronos.runs") == 0


def test_connections_cut_at_random(proxies, engine):
    proxy = proxies(engine.stack.redis_url, cut_every=0.15)
    for _ in range(2):
        engine.stack.start_worker(wait=False, CHRONOS_REDIS_URL=url_as(proxy.url, "worker"), CHRONOS_LEASE_MS=4000)
    engine.stack.start_scheduler(wait=False, CHRONOS_REDIS_URL=url_as(proxy.url, "scheduler"), CHRONOS_LEASE_MS=4000)
    ids = make_video(engine)
    for _ in range(6):
        send_mixed(engine, 6, ids)
        time.sleep(0.6)
    proxy.calm()
    assert proxy.lost > 5
    check_promises(engine)


def test_replies_to_commit_lost_between_worker_and_postgres(proxies, engine):
    proxy = proxies(engine.stack.database_url, patterns=["COMMIT", "commit"], lose_reply=0.2, lose_request=0.1)
    engine.stack.start_worker(wait=False, CHRONOS_DATABASE_URL=proxy.url)
    engine.stack.start_scheduler()
    ids = make_video(engine)
    send_mixed(engine, 40, ids, ms=5)
    engine.wait_for(30, function="test-tx", what="plain", step="after")
    proxy.calm()
    check_promises(engine)
    assert proxy.lost > 5
    assert engine.value("select max(attempts) from chronos.runs where function_id = 'test-tx'") == 1


def test_replies_to_commit_lost_between_scheduler_and_postgres(proxies, engine):
    engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler(name="migrates").stop()
    proxy = proxies(engine.stack.database_url, patterns=["COMMIT", "commit", "copy", "COPY"], lose_reply=0.1,
                    lose_request=0.05)
    engine.stack.start_scheduler(CHRONOS_DATABASE_URL=proxy.url)
    ids = make_video(engine)
    for _ in range(5):
        send_mixed(engine, 6, ids, ms=5)
        time.sleep(0.3)
    engine.wait_until(lambda: proxy.lost > 5, 10, "enough losses")
    proxy.calm()
    check_promises(engine)
