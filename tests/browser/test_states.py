"""Logging in, the console being away, light and dark."""

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
    page.find(".grid-foot [role=status]")
    shown = page.text(".grid")
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
