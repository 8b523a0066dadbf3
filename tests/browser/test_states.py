"""Logging in, the console being away, light and dark, and when a screen loads what it shows."""

import uuid

from console.keys import new_key


def test_logging_in_and_out(page, console):
    key, setting = new_key("admin", "alice")
    d = console(CHRONOS_ADMIN_KEYS=setting)
    page.expect_error("401")
    page.open("/functions", base=d.url).find("#key")
    page.click_text("Log in")
    page.wait_text("Enter a key.")
    page.fill("#key", "wrong").click_text("Log in").wait_text("not admitted")
    page.fill("#key", key).click_text("Log in").title("Functions")
    assert "admin:alice" in page.text("#foot")
    assert key not in page.driver.page_source
    page.driver.refresh()
    page.title("Functions")
    page.click("#logout").find("#key")
    page.driver.refresh()
    page.find("#key")


def test_who_may_only_look_is_offered_nothing_else(page, console):
    key, setting = new_key("read", "bob")
    d = console(CHRONOS_READ_KEYS=setting, CHRONOS_ADMIN_KEYS=new_key("admin", "alice")[1])
    page.expect_error("401")
    page.open("/events", base=d.url).fill("#key", key).click_text("Log in").title("Events")
    page.wait_text("Events that came")
    assert not page.all("#send")
    page.open("/functions/test-echo").title("test-echo")
    page.wait_text("When it runs")
    assert not page.all("#trigger, #drain, [id^=pause]")


def test_the_console_goes_away_and_comes_back(page, world, console):
    d = console()
    port = d.url.rpartition(":")[2]
    page.open("/runs", base=d.url).title("Runs")
    page.wait_text("Live", "#link")
    shown = page.wait(lambda: "Loading" not in page.text(".grid") and page.text(".grid"), "the runs, or that there are none")
    for text in ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"):
        page.expect_error(text)
    d.stop()
    page.wait_text("The console does not answer", "#notices")
    assert page.text(".grid")[:20] == shown[:20], "what was known stays"
    console(CHRONOS_CONSOLE_PORT=port)
    page.wait(lambda: page.text("#notices").strip() == "", "the notice to go")
    page.wait_text("Live", "#link")


def test_light_and_dark(page, world):
    def background():
        return page.script("return getComputedStyle(document.body).backgroundColor")
    page.open("/").title("Overview")
    light = background()
    page.scheme("dark")
    dark = background()
    assert light != dark
    page.click("#theme")
    assert background() == light
    page.driver.refresh()
    page.title("Overview")
    assert background() == light, "the choice is remembered"
    page.click("#theme")
    assert background() == dark


def test_nothing_is_there_yet(page, world):
    page.open("/runs?creator=nobody-has-this").wait_text("No run fits these filters")
    page.expect_error("404")
    page.open("/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV").wait_text("Not found")
    page.open("/nowhere").wait_text("There is nothing at this address")


# ---- more pages than a browser has connections to one host, which is six ----

def test_many_pages_one_after_the_other(page):
    """Those that one can go back to do not keep their connection."""
    page.driver.set_page_load_timeout(20)  # a page that waits for a connection waits for nearly a minute
    try:
        for _ in range(8):
            page.open("/workers").title("Workers")
            page.wait_text("Live", css="#link")
    finally:
        page.driver.set_page_load_timeout(300)


def test_many_tabs(page):
    """Those that nobody sees give theirs back, and hear again when they are seen."""
    driver = page.driver
    first = driver.current_window_handle
    page.open("/runs").title("Runs")
    tabs = []
    try:
        for _ in range(8):
            driver.switch_to.new_window("tab")
            tabs.append(driver.current_window_handle)
            page.open("/workers").title("Workers")
        driver.switch_to.window(tabs[0])
        page.wait_text("Live", css="#link")
    finally:
        for tab in tabs:
            driver.switch_to.window(tab)
            driver.close()
        driver.switch_to.window(first)
    page.wait_text("Live", css="#link")


# ---- when a screen is loaded ----

def run_echo(world):
    owner = str(uuid.uuid4())
    world.run("test/echo", {"creatorId": owner})
    return owner


def wait_shown(page, owner):
    page.wait(lambda: any(owner in e.get_attribute("title") for e in page.all(".grid-row [title]")), "the run in the table")


def test_what_came_while_nobody_looked_is_shown(page, world):
    """The page gives its connection back; what it shows is loaded again with the next one."""
    page.open("/runs?function=test-echo").title("Runs")
    page.wait_text("Live", css="#link")
    wait_shown(page, run_echo(world))
    page.script("dispatchEvent(new Event('pagehide'))")
    owner = run_echo(world)
    page.script("dispatchEvent(new Event('pageshow'))")
    wait_shown(page, owner)
