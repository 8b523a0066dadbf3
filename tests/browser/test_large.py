"""A hundred thousand runs in the table: only those in sight exist, wherever one scrolls."""

ROWS = 100000

MAKE = """
    insert into chronos.runs (id, accepted_at, function_id, event_id, event_name, creator_id, status, attempts, queued_at, started_at, finished_at)
    select %s || lpad(n::text, 22, '0'), t, 'test-many', null, 'test/many', %s, 'completed', 1, t, t, t + interval '5 milliseconds'
    from generate_series(1, %s) n, lateral (select date_trunc('second', now()) - interval '1 hour' - n * interval '1 millisecond' as t) x
"""


def state(page):
    """How many rows exist, whether the sight is filled, and the last row's place."""
    return page.script("""
        const body = document.querySelector(".grid-body"), box = body.getBoundingClientRect(), rows = [...document.querySelectorAll(".grid-row")];
        const shown = rows.map((r) => r.getBoundingClientRect()).filter((r) => r.bottom > box.top + 37 && r.top < box.bottom);
        return {exist: rows.length, top: Math.min(...shown.map((r) => r.top)) - box.top, bottom: Math.max(...shown.map((r) => r.bottom)) - box.bottom,
            last: Math.max(...rows.map((r) => Number(r.getAttribute("aria-rowindex")))), first: Math.min(...rows.map((r) => Number(r.getAttribute("aria-rowindex"))))}""")


def settled(page):
    page.driver.execute_async_script("const d = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => d()))")
    return state(page)


def test_a_hundred_thousand_runs(page, world):
    world.rows(MAKE, "01JZ", "many", ROWS)
    page.open("/runs?function=test-many").title("Runs")
    page.find(".grid-row")
    page.click("#load-all")
    page.wait(lambda: page.text(".grid-foot").startswith("100,000"), "all rows", 400)
    assert page.script("return document.querySelectorAll('.grid-row').length") < 80
    worst = page.driver.execute_async_script("""
        const done = arguments[0], body = document.querySelector(".grid-body");
        let frames = 0, last = performance.now(), worst = 0;
        const step = () => {
            const now = performance.now();
            worst = Math.max(worst, now - last);
            last = now;
            body.scrollTop += 9000;
            if (++frames < 240) requestAnimationFrame(step); else done(Math.round(worst));
        };
        requestAnimationFrame(step);""")
    print(f"the slowest of 240 frames while scrolling through 100,000 rows: {worst} ms")
    for part in (0, 0.1, 0.333, 0.5, 0.9, 1):
        page.script("const b = document.querySelector('.grid-body'); b.scrollTop = (b.scrollHeight - b.clientHeight) * arguments[0]", part)
        s = settled(page)
        assert s["exist"] < 80 and s["top"] <= 37 and s["bottom"] >= -1, (part, s)
    assert s["last"] == ROWS + 1
    page.script("document.querySelector('.grid-body').focus()")
    page.press("\ue011")
    assert settled(page)["first"] == 2
    page.press("\ue010")
    assert settled(page)["last"] == ROWS + 1
    page.press("\ue015", "\ue007")
    assert "/runs/01JZ" in page.path()


def test_all_is_asked_for_while_a_page_is_under_way(page, world):
    """Each page is loaded once, and there is a way to stop for as long as there is something to stop."""
    world.rows(MAKE, "01JY", "several", 700)
    page.open("/runs?creator=several").title("Runs")
    page.find(".grid-row")
    page.script("""
        const real = window.fetch;
        window.pages = [];
        window.held = new Promise((r) => { window.release = r; });
        window.fetch = async (url, ...rest) => {
            if (String(url).includes("cursor=")) {
                window.pages.push(new URL(url, location.href).searchParams.get("cursor"));
                if (window.pages.length === 1)
                    await window.held;
            }
            return real(url, ...rest);
        };
        const b = document.querySelector(".grid-body");
        b.scrollTop = b.scrollHeight;""")
    page.wait(lambda: page.script("return window.pages.length") == 1, "the next page to be asked for")
    page.click("#load-all")
    page.wait(lambda: "Stop" in page.text(".grid-foot") or "700" in page.text(".grid-foot"), "the button to stop")
    page.script("window.release()")
    page.wait(lambda: page.text(".grid-foot").strip() == "700", "all rows")
    pages = page.script("return window.pages")
    assert len(pages) == len(set(pages)) >= 3
