"""make screenshots: every screen in light and dark, of a stack of its own with believable work in it. Written to build/screenshots/."""

import json
import os
import signal
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", ".."), HERE]

from ops.stack import Stack, demo, repository, seed, sessions  # noqa: E402
from browser import DESK, PHONE, Browser  # noqa: E402

OUT = os.path.join(repository(), "build", "screenshots")


def send(stack, name, data):
    stack.redis.cli("XADD", "chronos:events", "*", "name", name, "data", json.dumps(data))


def fill(stack):
    """Videos of all sources, one that fails, dashboards, an export, something rejected, and a paused function with a queue. What to show of it."""
    stack.postgres.sql(seed.statement(creators=30, events=20000))
    creator = stack.postgres.rows("select creator_id as id from public.video_analytics_events group by 1 order by count(*) desc limit 1")[0]["id"]
    sources = [stack.sandbox.video(s) for s in demo.SOURCES]
    videos = [demo.make_video(stack, creator, s) for s in sources]
    bad = demo.make_video(stack, creator, stack.sandbox.video("youtube", "private"))
    for v in [*videos, bad]:
        send(stack, "video/transcript.extract", {"videoId": v["id"], "creatorId": creator, "source": v["source"]})
    send(stack, "analytics/aggregate.requested", {})
    stack.redis.cli("XADD", "chronos:events", "*", "name", "video/transcript.extract", "data", '{"videoId": "7f1c", "creatorId":')
    ids = [r["id"] for r in stack.postgres.rows(f"select id from public.videos where creator_id = '{creator}' and not is_deleted limit 60")]
    stack.postgres.rows("select * from chronos.api_start_bulk('export', cast(:request as jsonb))", request=json.dumps({"creator_id": creator, "video_ids": ids}))
    wait(stack, f"select count(*) >= 5 as ok from chronos.runs where creator_id = '{creator}' and function_id = 'extract-video-transcript'")
    wait(stack, "select count(*) >= 1 as ok from public.bulk_operations where status = 'completed'")
    stack.postgres.sql("select chronos.pause('generate-video-embeddings')")
    time.sleep(2)
    for _ in range(40):
        send(stack, "video/transcription.completed", {"videoId": videos[0]["id"], "creatorId": str(uuid.uuid4())})
    time.sleep(2)
    return {"creator": creator, "question": demo.pick_question(sources),
            "done": of(stack, "status = 'completed' and function_id = 'extract-video-transcript'"), "failed": of(stack, "status = 'failed' and function_id = 'extract-video-transcript'"),
            "event": stack.postgres.rows("select id from chronos.events where name = 'video/transcript.extract' limit 1")[0]["id"], "video": videos[0]["id"]}


def of(stack, condition):
    return stack.postgres.rows(f"select id from chronos.runs where {condition} order by finished_at limit 1")[0]["id"]


def wait(stack, sql, deadline=120):
    end = time.monotonic() + deadline
    while not stack.postgres.rows(sql)[0]["ok"]:
        if time.monotonic() > end:
            raise SystemExit(f"waited {deadline} s for: {sql}")
        time.sleep(0.2)


def screens(x):
    return [("overview", "/"), ("runs", "/runs"), ("run", f"/runs/{x['done']}"), ("run-failed", f"/runs/{x['failed']}"), ("events", "/events"), ("event", f"/events/{x['event']}"),
            ("functions", "/functions"), ("function", "/functions/extract-video-transcript"), ("videos", f"/videos?creator={x['creator']}"), ("video", f"/videos/{x['video']}"),
            ("stuck", "/videos?tab=stuck"), ("search", f"/videos?tab=search&creator={x['creator']}&text={x['question'].replace(' ', '+')}"), ("bulk", "/bulk"),
            ("analytics", f"/analytics?creator={x['creator']}"), ("workers", "/workers"), ("rejected", "/rejected"),
            ("limits", "/limits"), ("audit", "/audit")]


def shoot(browser, name):
    browser.find("#title")
    browser.wait(lambda: not browser.all(".skeleton"), name)
    time.sleep(0.5)
    browser.driver.save_screenshot(os.path.join(OUT, f"{name}.png"))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped also then
    os.makedirs(OUT, exist_ok=True)
    with sessions.session_folder() as folder, tempfile.TemporaryDirectory() as profile:
        stack = Stack(os.path.join(folder, "screenshots"), "release")
        browser = None
        try:
            stack.start_postgres()
            stack.start_redis()
            stack.start_sandbox()
            stack.start_scheduler()
            stack.wait_migrated()
            stack.start_worker(CHRONOS_WORKER_THREADS=8)
            console = stack.start_console()
            shown = screens(fill(stack))
            browser = Browser(profile)
            browser.begin(console.url)
            for scheme in ("light", "dark"):
                browser.scheme(scheme)
                for size, suffix in ((DESK, ""), (PHONE, "-phone")):
                    browser.resize(size)
                    for name, path in shown:
                        browser.open(path)
                        shoot(browser, f"{name}{suffix}-{scheme}")
        finally:
            if browser:
                browser.close()
            stack.stop()
            stack.remove()
    print(f"{len(os.listdir(OUT))} pictures in {os.path.relpath(OUT)}")


main()
