"""Until a person sees the console's page: a real Chromium, by its own PerformancePaintTiming."""

import os
import shutil
import statistics

from ..browser.browser import Browser

LOADS = 10
ROUND_TRIP_MS = 50  # of a network between them, as the browser plays it

# the screen is there when the figures of the overview are
PAINTS = """const done = arguments[0];
    const look = () => {
        const at = Object.fromEntries(performance.getEntriesByType("paint").map((e) => [e.name, e.startTime]));
        if (at["first-contentful-paint"] && document.querySelector(".tiles"))
            done({first: at["first-paint"], contentful: at["first-contentful-paint"], screen: performance.now()});
        else
            setTimeout(look, 2);
    };
    look();"""


def paints(browser, url):
    browser.driver.get("about:blank")
    browser.driver.get(url)
    return browser.driver.execute_async_script(PAINTS)


def loads(browser, url, cold):
    found = []
    for _ in range(LOADS):
        if cold:
            browser.command("Network.clearBrowserCache")
        found.append(paints(browser, url))
    return {name: round(statistics.median(f[name] for f in found)) for name in found[0]}


def measure(bench):
    """Medians in ms; None where there is no Chromium."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        return None
    figures = {}
    browser = Browser(os.path.join(bench.stack.folder, "chromium"))
    try:
        browser.command("Network.enable")
        for network, latency in (("near", 0), ("far", ROUND_TRIP_MS)):
            browser.command("Network.emulateNetworkConditions", offline=False, latency=latency, downloadThroughput=-1, uploadThroughput=-1)
            for cache in ("empty", "filled"):
                for name, ms in loads(browser, bench.console.url, cache == "empty").items():
                    figures[f"{network}_{cache}_{name}"] = ms
    finally:
        browser.close()
    return figures
