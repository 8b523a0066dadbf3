"""Labels, roles, contrast and focus of every screen, in light and in dark, with things to show and with dialogs open."""

import uuid

import pytest

from axe import violations
from screens import SCREENS


@pytest.fixture(scope="module")
def lively(world):
    """Something of every kind to look at."""
    owner = str(uuid.uuid4())
    done = world.run("test/three", {"creatorId": owner})
    failed = world.run("test/permanent", {"creatorId": owner}, function="test-permanent", status="failed")
    world.redis.xadd("chronos:events", {"name": "test/echo", "data": "{"})
    return {"completed": done["id"], "failed": failed["id"], "event": done["event_id"]}


@pytest.mark.parametrize("scheme", ("light", "dark"))
@pytest.mark.parametrize("path", [s[1] for s in SCREENS], ids=[s[0] for s in SCREENS])
def test_a_screen(page, lively, path, scheme):
    page.scheme(scheme)
    page.open(path).find("#title")
    page.wait(lambda: not page.all(".skeleton"), "the screen to be loaded")
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ("light", "dark"))
@pytest.mark.parametrize("which", ("completed", "failed"))
def test_a_run(page, lively, which, scheme):
    page.scheme(scheme)
    page.open(f"/runs/{lively[which]}").find(".tl-row")
    assert violations(page) == []


def test_what_is_wrong_is_found(page, lively):
    page.open("/rejected").find("#title")
    page.script("document.querySelector('main').append(document.createElement('input'))")
    assert any("label" in v for v in violations(page))


def test_an_event(page, lively):
    page.open(f"/events/{lively['event']}").find(".code")
    assert violations(page) == []


def test_a_dialog(page, lively):
    page.open("/functions/test-echo").click("#trigger").find("dialog")
    assert violations(page) == []


def test_the_focus_is_always_seen(page, lively):
    """Whatever Tab reaches on the list of runs is outlined."""
    page.open("/runs").find(".grid-row")
    seen = set()
    for _ in range(40):
        page.press("\ue004")
        number, name, style, width = page.script("""
            const e = document.activeElement, s = getComputedStyle(e);
            e.seenAs ??= window.lastSeen = (window.lastSeen ?? 0) + 1;
            return [e.seenAs, e.outerHTML.slice(0, 80), s.outlineStyle, s.outlineWidth]""")
        if "<body" in name or number in seen:
            break
        seen.add(number)
        assert style != "none" and width != "0px", name
    assert len(seen) > 8, "it begins in the content: filters, then the table"
