"""A hundred thousand runs in the table: only those in sight exist, wherever one scrolls."""

ROWS = 100000

MAKE = """
    insert into chronos.runs (id, accepted_at, function_id, event_id, event_name, creator_id, status, attempts, queued_at, started_at, finished_at)
    select '01JZ' || lpad(n::text, 22, '0'), t, 'test-many', null, 'test/many', %s, 'completed', 1, t, t, t + interval '5 milliseconds'
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
    world.rows(MAKE, "many", ROWS)
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
