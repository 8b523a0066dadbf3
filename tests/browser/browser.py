"""A real Chromium, as a person at the page has it: open, look, click, type. What the page must never do is looked at after each test: write
an error to the console, or ask another host for anything."""

import json
import time
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

DESK, PHONE = (1360, 900), (390, 844)


class Browser:
    def __init__(self, profile):
        options = webdriver.ChromeOptions()
        for a in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
                  "--disable-component-update", "--disable-extensions", "--no-first-run", "--lang=en-GB", f"--user-data-dir={profile}"):
            options.add_argument(a)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(120)
        self.base = None
        self.expected = []

    # ---- beginning and ending of a test ----
    def begin(self, base):
        """Nothing of the test before is left: no cookie, no memory, no log."""
        self.driver.get("about:blank")
        self.command("Network.clearBrowserCookies")
        self.command("Storage.clearDataForOrigin", origin=base, storageTypes="all")
        self.logs()
        self.base = base
        self.expected = []
        self.resize(DESK)
        self.scheme("light")

    def expect_error(self, text):
        """The test makes the page hear of something bad: errors with this text are right."""
        self.expected.append(text)

    def logs(self):
        errors = [f"{e['level']}: {e['message']}" for e in self.driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return errors, urls

    def check(self):
        """What the page must not have done in this test."""
        errors, urls = self.logs()
        host = urllib.parse.urlsplit(self.base).netloc
        others = [u for u in urls if urllib.parse.urlsplit(u).scheme in ("http", "https", "ws", "wss") and urllib.parse.urlsplit(u).netloc != host]
        assert others == [], "requests to other hosts"
        bad = [e for e in errors if not any(x in e for x in self.expected)]
        assert bad == [], f"errors in the console of the browser: {bad}"

    def close(self):
        self.driver.quit()

    # ---- the window ----
    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def resize(self, size):
        self.command("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=size[0] < 600)

    def scheme(self, name):
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}, {"name": "prefers-reduced-motion", "value": "reduce"}])

    def open(self, path="/", base=None):
        """A screen, by what stands after # in its address."""
        if base:
            self.base = base
        self.driver.get("about:blank")
        self.driver.get(f"{self.base}/#{path}")
        return self

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def wait(self, condition, what, deadline=30.0):
        """What the condition gives, as soon as it is something; elements that were redrawn meanwhile are looked for again."""
        end = time.monotonic() + deadline
        while True:
            try:
                value = condition()
            except (StaleElementReferenceException, NoSuchElementException, ElementClickInterceptedException):
                value = None
            if value:
                return value
            assert time.monotonic() < end, f"waited {deadline:g} s for {what}; the page shows: {self.text('body')[:3000]}"
            time.sleep(0.05)

    # ---- looking ----
    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def find(self, css, deadline=30.0):
        return self.wait(lambda: next((e for e in self.all(css) if e.is_displayed()), None), css, deadline)

    def text(self, css="main"):
        return self.script("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def wait_text(self, text, css="main", deadline=30.0):
        self.wait(lambda: text in self.text(css), f"{text!r} in {css}", deadline)
        return self

    def title(self, text, deadline=30.0):
        return self.wait(lambda: self.text("#title").strip() == text, f"the screen {text!r}", deadline)

    def path(self):
        return urllib.parse.urlsplit(self.driver.current_url).fragment

    # ---- acting ----
    def click(self, css):
        def done():
            self.find(css).click()
            return True
        self.wait(done, f"a click on {css}")
        return self

    def click_text(self, text, css="button, a"):
        def done():
            e = next((e for e in self.all(css) if e.is_displayed() and e.text.strip() == text), None)
            if e is None:
                return False
            e.click()
            return True
        self.wait(done, f"a click on {text!r}")
        return self

    def fill(self, css, text):
        e = self.find(css)
        e.send_keys(Keys.CONTROL, "a")
        e.send_keys(text)
        return self

    def empty(self, css):
        self.find(css).send_keys(Keys.CONTROL, "a")
        self.find(css).send_keys(Keys.DELETE)
        return self

    def choose(self, css, value):
        """An option of a select, as soon as it is there."""
        self.wait(lambda: self.script("""const s = document.querySelector(arguments[0]);
            if (!s || ![...s.options].some((o) => o.value === arguments[1])) return false;
            s.value = arguments[1]; s.dispatchEvent(new Event("change", {bubbles: true})); return true""", css, value), f"the option {value!r} of {css}")
        return self

    def press(self, *keys):
        """Keys go to what has the focus, as from a keyboard; Keys.CONTROL + "a" is a chord."""
        for key in keys:
            keyboard = ActionChains(self.driver)
            if len(key) == 2 and key[0] in (Keys.CONTROL, Keys.SHIFT):
                keyboard.key_down(key[0]).send_keys(key[1]).key_up(key[0]).perform()
            else:
                keyboard.send_keys(key).perform()
        return self

    def focused(self):
        """What has the focus, in words: its accessible name or text."""
        return self.script("""const e = document.activeElement;
            return (e.getAttribute("aria-label") || (e.labels && e.labels[0] && e.labels[0].innerText) || e.innerText || e.id || e.tagName).trim()""")

    def tab_to(self, name, most=120, back=False, exact=False):
        """Presses Tab until what begins with (or is) that has the focus."""
        for _ in range(most):
            if self.focused() == name or (not exact and self.focused().startswith(name)):
                return self
            if back:
                self.press(Keys.SHIFT + Keys.TAB)
            else:
                self.press(Keys.TAB)
        raise AssertionError(f"{most} times Tab and {name!r} has not got the focus")
