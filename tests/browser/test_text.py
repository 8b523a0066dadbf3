"""Whatever a user can write is shown as text."""

import functools
import time
import uuid

import pytest

from harness.ids import ulid

EVIL = "<img src=x onerror='window.broken=1'><script>window.broken=1</script>\"'&amp;javascript:"


@pytest.fixture(scope="module")
def written(world):
    """Script in the name of an event, the creator's id, the data, the message of an error, the reason of a rejection, the title of a video."""
    token = uuid.uuid4().hex
    event = event_id(token)
    owner = f"{EVIL}{token}"
    world.rows("""insert into chronos.events (id, accepted_at, name, data, creator_id, outcome, run_ids, function_ids, idempotency_key)
        values (%s, now(), %s, %s, %s, 'accepted', array[%s], array['test-echo'], %s)""", event, EVIL, f'{{"text": "{EVIL.replace(chr(34), "")}"}}', owner, run_id(token), EVIL)
    world.rows("""insert into chronos.runs (id, accepted_at, function_id, event_id, event_name, creator_id, status, attempts, queued_at, started_at, finished_at, error_code, error_message)
        values (%s, now(), 'test-echo', %s, %s, %s, 'failed', 1, now(), now(), now(), 'permanent', %s)""", run_id(token), event, EVIL, owner, EVIL)
    world.rows("""insert into chronos.run_steps (run_id, accepted_at, step, attempt, status, started_at, finished_at, duration_us, error_code, error_message)
        select id, accepted_at, 'echo', 1, 'failed', now(), now(), 5, 'permanent', %s from chronos.runs where id = %s""", EVIL, run_id(token))
    world.redis.xadd("chronos:events", {"name": EVIL, "data": "{" + EVIL})
    world.wait_until(lambda: world.value("select count(*) from chronos.rejected_events where name = %s or excerpt like '%%onerror%%'", EVIL), 20, "the rejection")
    return {"run": run_id(token), "owner": owner}


def id_of_now(token, number):
    """Lists are in the order of ids, which begin with a time: what is looked for must be the newest, whatever else has run."""
    return ulid(int(time.time() * 1000), int(token[:19], 16) * 2 + number)


def event_id(token):
    return id_of_now(token, 0)


@functools.cache
def run_id(token):
    return id_of_now(token, 1)


def unharmed(page):
    assert page.script("return window.broken ?? null") is None
    assert page.script("return document.querySelectorAll('img, main script').length") == 0


def test_in_the_list_of_runs(page, written):
    page.open("/runs").find(".grid-row")
    page.wait_text(EVIL)
    unharmed(page)


def test_in_a_run(page, written):
    page.open(f"/runs/{written['run']}").find("#error-text")
    assert page.text("#error-text") == EVIL
    unharmed(page)


def test_in_the_list_of_events(page, written):
    page.open("/events").wait_text(EVIL)
    unharmed(page)


def test_in_the_overview(page, written):
    page.open("/").wait_text(EVIL)
    unharmed(page)


def test_in_what_was_rejected(page, written):
    page.open("/rejected").find(".grid-row")
    page.click(".grid-link").wait_text(EVIL)
    unharmed(page)


def test_in_the_address(page, written):
    page.open("/runs?q=%3Cimg%20src%3Dx%20onerror%3Dwindow.broken%3D1%3E&creator=%22%3E%3Cscript%3E").title("Runs")
    page.wait_text("No run fits these filters")
    unharmed(page)
    page.expect_error("404")
    page.expect_error("400")
    page.open("/runs/%3Cscript%3Ewindow.broken=1%3C%2Fscript%3E").find("[role=alert]")
    unharmed(page)


def test_an_inline_script_would_not_run(page, world):
    page.open("/").title("Overview")
    page.expect_error("Trusted")
    with pytest.raises(Exception, match="TrustedScript"):
        page.script("document.createElement('div').setAttribute('onclick', 'window.broken=1')")
    with pytest.raises(Exception, match="TrustedHTML"):
        page.script("document.querySelector('main').innerHTML = '<b>x</b>'")
    unharmed(page)


def test_in_the_title_of_a_video(page, world):
    video = world.make_video("youtube", title=EVIL)
    page.open(f"/videos?creator={video['creator_id']}").wait_text(EVIL)
    unharmed(page)
    page.open(f"/videos/{video['id']}").title(EVIL)
    unharmed(page)
