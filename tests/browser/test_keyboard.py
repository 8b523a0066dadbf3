"""Everything without a mouse, and on a narrow screen."""

import pytest
from selenium.webdriver.common.keys import Keys

from browser import PHONE
from screens import SCREENS


def test_an_event_is_sent_and_its_run_opened_with_the_keyboard_alone(page, world):
    page.open("/").title("Overview")
    page.script("document.activeElement.blur(); window.getSelection().removeAllRanges()")
    page.tab_to("Skip to the content").tab_to("Events").press(Keys.ENTER).title("Events")
    assert page.focused() == "Events", "a new screen begins at its heading"
    page.wait(lambda: page.script("return document.querySelectorAll('#event-name option').length") > 8, "the events of functions")
    page.tab_to("Event", 10, exact=True)
    page.press(Keys.END)
    page.wait(lambda: page.script("return document.getElementById('event-name').value") == "", "another event to be chosen")
    page.tab_to("Name", exact=True).press("test/echo").tab_to("Data").press(Keys.CONTROL + "a", '{"n": 1}')
    page.tab_to("Send", exact=True).press(Keys.ENTER)
    page.find("#sent-event")
    page.wait(lambda: page.all("#sent [data-status=completed]"), "the run to complete")
    page.tab_to("test-echo").press(Keys.ENTER).title("test-echo")


def test_the_table_of_runs_is_walked_with_the_arrows(page, world):
    for n in range(4):
        world.run("test/echo", {"n": n})
    page.open("/runs?function=test-echo").title("Runs")
    page.wait(lambda: len(page.all(".grid-row")) >= 4, "rows")
    page.script("document.querySelector('.grid-body').focus()")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    active = page.script("const g = document.querySelector('.grid-body'); return document.getElementById(g.getAttribute('aria-activedescendant')).getAttribute('aria-rowindex')")
    assert active == "3"
    page.press(" ")
    page.wait_text("1 marked")
    page.press(Keys.END, Keys.HOME, Keys.ENTER)
    page.title("test-echo")


def test_a_dialog_keeps_the_focus_and_gives_it_back(page, world):
    page.open("/functions/test-echo").title("test-echo")
    page.find("#trigger").send_keys(Keys.ENTER)
    page.find("dialog")
    for _ in range(8):
        page.press(Keys.TAB)
        assert page.script("const e = document.activeElement; return e === document.body || e.closest('dialog') !== null")
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.all("dialog"), "the dialog to be gone")
    assert page.focused().startswith("Start")


@pytest.mark.parametrize("path", [s[1] for s in SCREENS], ids=[s[0] for s in SCREENS])
def test_a_phone_shows_every_screen_without_scrolling_sideways(page, world, path):
    page.resize(PHONE)
    page.open(path).find("#title")
    page.wait(lambda: not page.all(".skeleton"), "the screen to be loaded")
    wide, there = page.script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= there
    page.click("#menu").click_text("Runs", "nav a")
    page.title("Runs")
    assert page.script("return getComputedStyle(document.getElementById('nav')).display") == "none", "the menu closes"
