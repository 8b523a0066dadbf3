"""What people come for: send an event and watch it, read an error and mend it, stop something and let it go on."""

import json
import urllib.request
import uuid

from selenium.webdriver.common.by import By


def send(page, name, data):
    """With the free editor, as for any event."""
    page.open("/events").title("Events")
    # until then parts of the screen still move, and a click may meet what is not there any more
    page.wait(lambda: page.all("#event-name option[value='test/echo']"), "the known events")
    page.choose("#event-name", "").fill("#event-custom", name)
    page.fill("#event-data", json.dumps(data)).click("#send")
    page.find("#sent-event")


def open_run(page, function):
    page.wait(lambda: page.driver.find_element(By.LINK_TEXT, function), f"a run of {function}").click()
    page.title(function)


def status(page):
    return page.script("return document.querySelector('#actions .status')?.dataset.status ?? ''")


def wait_status(page, wanted, deadline=60):
    page.wait(lambda: status(page) == wanted, f"the status {wanted}", deadline)


def identifier(video):
    return video["youtube_video_id"]


def fill_in(page, video):
    page.open("/events").title("Events")
    page.choose("#event-name", "video/transcript.extract")
    page.fill("#event-videoId", str(video["id"])).fill("#event-creatorId", str(video["creator_id"])).choose("#event-source", "youtube")
    page.click("#send")


def test_an_event_is_sent_and_its_run_watched_to_the_end(page, world):
    video = world.make_video("youtube")
    fill_in(page, video)
    page.wait(lambda: page.all("#sent [data-status=completed]"), "the run of the event to complete", 60)
    open_run(page, "extract-video-transcript")
    wait_status(page, "completed")
    steps = [e.text for e in page.all(".tl-row")]
    assert any("save-transcript" in s for s in steps) and any("in the queue" in s for s in steps)
    page.click_text("trigger-embedding", ".tl-row .clip")
    page.wait_text("Attempt", ".tl-detail")
    assert str(video["id"]) in page.text()


def test_a_form_says_what_is_wrong_with_a_field(page):
    page.open("/events").title("Events")
    page.choose("#event-name", "video/transcript.extract").fill("#event-videoId", "42").click("#send")
    page.wait_text("This is not an id")
    page.wait_text("Creator is needed.")
    assert page.focused() == "Video" and not page.all("#sent-event")
    page.choose("#event-name", "").fill("#event-custom", "test/echo").fill("#event-data", "[1]").click("#send")
    page.wait_text("the data of an event is an object")


def test_a_failure_is_read_and_retried_after_the_outside_is_mended(page, world):
    sample = world.sandbox.video("youtube")["youtube_video_id"]
    world.sandbox.set_state(sample, "private")
    try:
        video = world.make_video("youtube", youtube_video_id=sample)
        fill_in(page, video)
        page.wait(lambda: page.all("#sent [data-status=failed]"), "the run to fail", 60)
        open_run(page, "extract-video-transcript")
        wait_status(page, "failed")
        assert "the video is private" in page.text("#error-text")
        assert "Failed in step extract-transcript" in page.text("#failure")
        failed = page.path()
    finally:
        world.sandbox.set_state(sample, "ok")
    page.click("#retry")
    page.wait(lambda: page.path() not in ("", failed), "the new run to be shown", 60)
    wait_status(page, "completed")
    assert "carried" in page.text(), "steps that were done are not done again"
    assert world.value("select status from public.videos where id = %s", video["id"]) != "failed"


def test_a_paused_function_waits_and_goes_on(page, world):
    page.open("/functions").title("Functions")
    page.click("[id='pause-test-noop']")
    page.find("[id='resume-test-noop']")
    page.wait_text("Paused", "[data-function='test-noop']")
    send(page, "test/noop", {})
    page.wait(lambda: page.all("#sent [data-status=waiting]"), "the run to wait")
    open_run(page, "test-noop")
    page.wait(lambda: "paus" in page.text("#why").lower(), "the reason")
    run = page.path()
    page.open("/functions/test-noop").title("test-noop")
    page.click("[id='resume-test-noop']").find("[id='pause-test-noop']")
    page.open(run)
    wait_status(page, "completed")


def test_a_run_is_cancelled_with_a_reason(page, world):
    send(page, "test/sleeper", {"ms": 600000, "sleep_ms": 600000})
    page.wait(lambda: page.all("#sent tbody tr"), "the run")
    open_run(page, "test-sleeper")
    page.click("#cancel").fill("#reason", "not wanted any more").click_text("Cancel the run")
    wait_status(page, "cancelled")
    page.wait_text("not wanted any more", "#failure")


def test_a_run_is_replayed_from_the_start(page, world):
    send(page, "test/echo", {"n": uuid.uuid4().hex})
    page.wait(lambda: page.all("#sent [data-status=completed]"), "the run to complete")
    open_run(page, "test-echo")
    wait_status(page, "completed")
    first = page.path()
    page.click("#replay")
    page.wait(lambda: page.path() != first, "the new run")
    wait_status(page, "completed")
    page.wait_text("Goes on with")


def test_a_schedule_is_run_now(page, world):
    before = world.value("select count(*) from chronos.runs where function_id = 'aggregate-analytics'")
    page.open("/functions/aggregate-analytics").title("aggregate-analytics")
    page.click("#trigger").click_text("Start")
    world.wait_until(lambda: world.value("select count(*) from chronos.runs where function_id = 'aggregate-analytics'") > before, 30, "the run")


def test_a_limit_is_changed_for_one_creator_and_taken_back(page, world):
    owner = str(uuid.uuid4())
    page.open("/functions/test-echo").title("test-echo")
    page.click("[aria-label='For one… of the limit test-echo · each creator']").click_text("Set", "dialog button").wait_text("Enter whose.", "dialog")
    page.fill("#limit-owner", owner).fill("#limit-max", "7").click_text("Set", "dialog button")
    world.wait_until(lambda: world.value("select count(*) from chronos.controls where kind = 'limit' and value = '7' and name like %s", f"%{owner}%") == 1, 20, "the control")
    page.wait_text("set by an operator")
    page.click(f"[aria-label='Change limit test-echo · …{owner[-10:]}']").empty("#limit-max").click_text("Set", "dialog button")
    page.wait(lambda: "set by an operator" not in page.text(), "the limit as declared")


def test_what_was_rejected_is_mended_and_sent(page, world):
    token = uuid.uuid4().hex
    world.redis.xadd("chronos:events", {"name": "test/echo", "data": '{"token": "%s"' % token})
    world.wait_until(lambda: world.value("select count(*) from chronos.rejected_events where excerpt like %s", f"%{token}%"), 20, "the rejection")
    page.open("/rejected").title("Rejected")
    page.wait(lambda: page.all(".grid-row .grid-link"), "the entry")[0].click()
    page.wait_text(token)
    assert page.text("#reason") != ""
    page.fill("#rejected-event", json.dumps({"name": "test/echo", "data": {"token": token}})).click("#resend")
    world.wait_until(lambda: world.value("select count(*) from chronos.events where data->>'token' = %s", token) == 1, 20, "the event")


def test_the_table_of_runs_is_live_and_its_filters_are_in_the_address(page, world):
    page.open("/runs?function=test-echo&status=completed").title("Runs")
    page.find(".grid-foot [role=status]")
    owner = str(uuid.uuid4())
    world.run("test/echo", {"creatorId": owner})
    page.wait(lambda: any(owner in e.get_attribute("title") for e in page.all(".grid-row [title]")), "the new run in the table, without a reload")
    page.click_text("Failed", ".segments button")
    page.wait(lambda: "status=failed" in page.path() and "function=test-echo" in page.path(), "the filters in the address")
    page.wait_text("No run fits these filters")
    page.driver.refresh()
    page.wait_text("No run fits these filters")
    assert page.script("return document.querySelector('.segments [aria-pressed=true]').innerText") == "Failed"


def test_runs_are_retried_by_filter_after_a_look(page, world):
    owner = str(uuid.uuid4())
    for _ in range(3):
        world.run("test/permanent", {"creatorId": owner}, function="test-permanent", status="failed")  # its event has a run that handles the failure, too
    page.open(f"/runs?status=failed&creator={owner}").title("Runs")
    page.click("#wholesale").click_text("Look first")
    page.wait_text("Retry 3 runs?", "dialog")
    page.click_text("Retry", "dialog button")
    again = "select count(*) from chronos.runs where creator_id = %s and function_id = 'test-permanent'"
    world.wait_until(lambda: world.value(again, owner) == 6, 30, "three new runs")


def test_without_a_filter_all_runs_are_looked_at(page, world):
    world.run("test/permanent", {"creatorId": str(uuid.uuid4())}, function="test-permanent", status="failed")
    page.open("/runs").title("Runs")
    page.click("#wholesale").wait_text("this concerns all runs", "dialog")
    page.click_text("Look first").wait_text("Retry ", "dialog h2")


# ---- what the application's people come for ----

def test_videos_are_exported_with_progress_and_the_file_is_downloaded(page, world):
    creator = world.make_creator()
    videos = [world.make_video("youtube", creator=creator, title=f"Weaving {n}, \"quoted\"") for n in range(12)]
    page.open(f"/videos?creator={creator}").title("Videos")
    page.wait(lambda: len(page.all("tr[data-video]")) == 12, "the videos")
    page.click("#choose-all").click("#bulk-export").click_text("Export", "dialog button")
    page.title("Bulk operations")
    page.find("#download", 60)
    page.wait_text("12 of 12", "[data-operation]")
    page.wait_text("12 exported", "[data-operation]")
    href = page.find("#download").get_attribute("href")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(href, timeout=20) as answer:
        text = answer.read().decode()
    assert all(str(v["id"]) in text for v in videos)


def test_what_is_said_is_found_with_its_place(page, world):
    sample = world.sandbox.video("youtube")
    video = world.make_video("youtube", title="Dyeing with plants")
    fill_in(page, video)
    world.wait_until(lambda: world.value("select status from public.videos where id = %s", video["id"]) == "completed", 90, "the video to be searchable")
    page.open(f"/videos?tab=search&creator={video['creator_id']}").title("Videos")
    page.fill("#search-text", sample.get("question") or sample["title"]).click("#search-go")
    page.wait(lambda: page.all(".hit"), "something found")
    assert page.script("return document.querySelector('.hit .at').innerText").count(":") >= 1
    page.click(".hit a").title("Dyeing with plants")
    page.wait_text("Ready")
    page.open("/videos?tab=search").title("Videos")
    page.wait_text("Creator, or nothing for all", "form")
    page.empty("#creator").fill("#search-text", sample.get("question") or sample["title"]).click("#search-go")
    page.wait(lambda: any("Dyeing with plants" in e.text for e in page.all(".hit")), "the same among all that is said")
    page.fill("#search-text", "x").fill("#creator", "me").click("#search-go")
    page.wait_text("A creator id is a UUID", "form")
    assert page.all(".hit"), "what is no id asks for nothing"


def test_a_stuck_video_is_found_and_started_again(page, world):
    video = world.make_video("youtube", title="Left behind", status="processing")
    world.rows("alter table public.videos disable trigger user")
    try:
        world.rows("update public.videos set updated_at = now() - interval '3 hours', created_at = now() - interval '4 hours' where id = %s", video["id"])
    finally:
        world.rows("alter table public.videos enable trigger user")
    page.open("/videos?tab=stuck").title("Videos")
    page.wait_text("Left behind")
    page.click("[aria-label='Retry Left behind']")
    world.wait_until(lambda: world.value("select status from public.videos where id = %s", video["id"]) == "completed", 90, "the video to be done")


def test_a_dashboard(page, world):
    creator = world.make_creator()
    video = world.make_video("youtube", creator=creator, title="Watched a lot")
    world.rows("""insert into public.video_analytics_events (video_id, creator_id, event_type, created_at)
        select %s, %s, 'video_started', now() - n * interval '7 hours' from generate_series(1, 40) n""", video["id"], creator)
    page.open(f"/analytics?creator={creator}").title("Analytics")
    page.wait_text("Watched a lot")
    assert "40" in page.text(".tiles")
    page.click_text("7 days", ".segments button")
    page.wait(lambda: "23" in page.text(".tiles") or "24" in page.text(".tiles"), "the figures of a week")
    assert page.find(".chart").get_attribute("aria-label").startswith("Views by day")
