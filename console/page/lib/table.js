/* A table of any length of which only the rows in sight exist. Rows come in pages of a cursor; the next page is asked for before the last
 * row is in sight, End asks for all of them.
 *
 * Keys: up and down, Page Up and Page Down, Home and End move; Enter opens; Space marks. */
import {h, unique} from "./dom.js";
import {count} from "./format.js";
import {button, failed, loading} from "./ui.js";

const SPARE = 8; /* rows drawn beyond each edge */
const MAX_PX = 8000000; /* browsers do not lay out taller things */

/* columns: [{name, width, cell(row), cls}]; key(row) identifies a row; card(row) is what a narrow screen shows.
 * load(cursor, signal) → {rows, next}; open(row); mark(marked) is told when other rows are marked. */
export function bigTable(ctx, {label, columns, key, card, load, open, mark = null, empty, match = () => true}) {
    const id = unique("grid");
    let rows = [], places = new Map(), next = null, ended = false, fetching = null, active = 0, fresh = [], generation = 0;
    const marked = new Map();
    const drawn = new Map(); /* key → element */
    const narrow = matchMedia("(max-width: 860px)");

    const space = h("div", {class: "grid-space", role: "rowgroup"});
    const header = h("div", {class: "grid-head", role: "row", "aria-rowindex": "1"}, columns.map((c) => h("div", {role: "columnheader", class: c.cls}, c.name)));
    const body = h("div", {class: "grid-body", role: "grid", tabindex: "0", "aria-label": label, id, "aria-multiselectable": mark ? "true" : null}, h("div", {role: "rowgroup", class: "grid-top"}, header), space);
    const state = h("div", {class: "grid-state", hidden: true});
    const told = h("span", {role: "status"});
    const more = h("span", {class: "push"});
    const newer = h("div", {class: "fresh"});
    const el = h("div", {class: "panel grid", vars: {"--columns": columns.map((c) => c.width).join(" ")}},
        h("div", {class: "grid-wrap"}, newer, state, body), h("div", {class: "grid-foot"}, told, more));

    /* In place of the rows: nothing there, still loading, or an error. */
    function instead(what) {
        state.replaceChildren(...(what ? [what] : []));
        state.hidden = !what;
        body.hidden = Boolean(what);
    }

    const rowHeight = () => (narrow.matches ? 76 : 41);
    const seen = () => Math.max(1, body.clientHeight - header.offsetHeight);
    const inSight = () => Math.max(1, Math.floor(seen() / rowHeight()));
    const total = () => rows.length * rowHeight();
    /* above MAX_PX the scroll bar stands for more than it is long */
    const stretch = () => (total() <= MAX_PX ? 1 : (total() - seen()) / (MAX_PX - seen()));

    function makeRow(row) {
        const a = h("div", {class: "grid-row", role: "row", id: `${id}-${key(row)}`});
        if (narrow.matches)
            a.append(h("div", {role: "gridcell"}, h("a", {class: "grid-link", href: open(row), tabindex: "-1"}, card(row))));
        else
            a.append(...columns.map((c) => h("div", {role: "gridcell", class: c.cls ?? "clip"}, c.link ? h("a", {class: "grid-link", href: open(row), tabindex: "-1"}, c.cell(row)) : c.cell(row))));
        a.addEventListener("click", (e) => {
            active = places.get(key(row)) ?? 0;
            if (mark && (e.shiftKey || e.ctrlKey || e.metaKey)) {
                e.preventDefault();
                toggle(row);
            } else if (!e.target.closest("a")) {
                visit(row);
            }
        });
        return a;
    }

    function visit(row) {
        location.hash = open(row).replace(/^#/, "");
    }

    function draw() {
        const height = rowHeight(), scale = stretch();
        space.style.height = `${Math.min(total(), MAX_PX)}px`;
        const top = body.scrollTop * scale;
        const from = Math.max(0, Math.floor(top / height) - SPARE), to = Math.min(rows.length, from + inSight() + 2 * SPARE + 1);
        const keep = new Set();
        for (let i = from; i < to; i++) {
            const k = key(rows[i]);
            keep.add(k);
            let a = drawn.get(k);
            if (!a) {
                a = makeRow(rows[i]);
                drawn.set(k, a);
                space.append(a);
            }
            a.style.setProperty("--row", `${height}px`);
            a.style.transform = `translateY(${i * height - top + body.scrollTop}px)`;
            a.setAttribute("aria-rowindex", String(i + 2));
            a.toggleAttribute("data-active", i === active);
            if (mark)
                a.setAttribute("aria-selected", String(marked.has(k)));
        }
        for (const [k, a] of drawn) {
            if (!keep.has(k)) {
                a.remove();
                drawn.delete(k);
            }
        }
        if (rows[active])
            body.setAttribute("aria-activedescendant", `${id}-${key(rows[active])}`);
        else
            body.removeAttribute("aria-activedescendant");
        if (next !== null && to + 60 > rows.length)
            fetchMore();
    }

    let waiting = false;
    function drawSoon() {
        if (waiting)
            return;
        waiting = true;
        requestAnimationFrame(() => {
            waiting = false;
            if (!ctx.signal.aborted && space.isConnected)
                draw();
        });
    }

    function tell() {
        body.setAttribute("aria-rowcount", String(next === null && ended ? rows.length + 1 : -1));
        told.textContent = `${count(rows.length)}${next === null ? "" : " loaded, more follow"}${marked.size > 0 ? ` · ${count(marked.size)} marked` : ""}`;
        more.replaceChildren();
        if (fetching?.all)
            more.append(button("Stop", () => {
                fetching.all = false;
            }, {cls: "small"}));
        else if (next !== null && rows.length > 0)
            more.append(button("Load all", () => fetchMore(true), {cls: "small", id: "load-all"}));
        newer.replaceChildren();
        if (fresh.length > 0)
            newer.append(button(`${count(fresh.length)} new`, () => {
                takeFresh();
                body.scrollTop = 0;
                active = 0;
                draw();
            }, {cls: "small main", shape: "up"}));
    }

    function index(from = 0) {
        for (let i = from; i < rows.length; i++)
            places.set(key(rows[i]), i);
    }

    function add(list) {
        const start = rows.length;
        for (const r of list) {
            if (!places.has(key(r))) {
                places.set(key(r), rows.length);
                rows.push(r);
            }
        }
        return rows.length - start;
    }

    /* The next page, or all that follow. Who asks for all while a page is under way lets that one go on, as there is one `next`. */
    async function fetchMore(all = false) {
        if (fetching) {
            if (all) {
                fetching.all = true;
                tell();
            }
            return;
        }
        if (next === null)
            return;
        const mine = generation, control = {all};
        let problem = null;
        fetching = control;
        if (all)
            tell();
        try {
            do {
                const p = await load(next, ctx.signal);
                if (mine !== generation)
                    return;
                add(p.rows);
                next = p.next;
                told.textContent = `${count(rows.length)} loaded`;
                drawSoon();
            } while (control.all && next !== null);
        } catch (e) {
            problem = e;
        }
        if (mine !== generation || problem?.name === "AbortError")
            return;
        fetching = null;
        tell();
        if (problem)
            more.replaceChildren(h("span", {class: "bad-text"}, problem.message), " ", button("Try again", () => fetchMore(control.all), {cls: "small"}));
    }

    function go(to) {
        active = Math.max(0, Math.min(rows.length - 1, to));
        const height = rowHeight(), scale = stretch(), y = active * height, top = body.scrollTop * scale;
        if (y < top)
            body.scrollTop = y / scale;
        else if (y + height > top + seen())
            body.scrollTop = (y + height - seen()) / scale;
        draw();
    }

    function toggle(row) {
        if (marked.has(key(row)))
            marked.delete(key(row));
        else
            marked.set(key(row), row);
        mark([...marked.values()]);
        tell();
        draw();
    }

    body.addEventListener("scroll", drawSoon, {passive: true});
    body.addEventListener("keydown", (e) => {
        const moves = {ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + inSight(), PageUp: active - inSight(), Home: 0, End: rows.length - 1};
        if (e.key in moves && !e.altKey && !e.ctrlKey && !e.metaKey) {
            e.preventDefault();
            go(moves[e.key]);
        } else if (e.key === "Enter" && rows[active]) {
            e.preventDefault();
            visit(rows[active]);
        } else if (e.key === " " && mark && rows[active]) {
            e.preventDefault();
            toggle(rows[active]);
        }
    });
    const resized = new ResizeObserver(drawSoon);
    resized.observe(body);
    const widthChanged = () => {
        for (const a of drawn.values())
            a.remove();
        drawn.clear();
        drawSoon();
    };
    narrow.addEventListener("change", widthChanged);
    ctx.signal.addEventListener("abort", () => {
        resized.disconnect();
        narrow.removeEventListener("change", widthChanged);
    });

    function redraw(k) {
        drawn.get(k)?.remove();
        drawn.delete(k);
        drawSoon();
    }

    function takeFresh() {
        const list = fresh.filter((r) => !places.has(key(r)) && match(r));
        fresh = [];
        if (list.length > 0) {
            rows = [...list.reverse(), ...rows];
            index();
            if (active > 0)
                active += list.length;
        }
        tell();
    }

    async function reload() {
        generation += 1;
        const mine = generation;
        fetching = {all: false};
        for (const a of drawn.values())
            a.remove();
        drawn.clear();
        rows = [];
        places = new Map();
        next = null;
        ended = false;
        fresh = [];
        active = 0;
        marked.clear();
        mark?.([]);
        space.style.height = "";
        instead(loading(label));
        told.textContent = "Loading";
        more.replaceChildren();
        try {
            const p = await load(null, ctx.signal);
            if (mine !== generation)
                return;
            instead(null);
            add(p.rows);
            next = p.next;
            ended = true;
            fetching = null;
            body.scrollTop = 0;
            if (rows.length === 0)
                instead(empty());
            else
                draw();
            tell();
        } catch (e) {
            if (e.name === "AbortError" || mine !== generation)
                return;
            fetching = null;
            told.textContent = "";
            instead(failed(e, reload));
        }
    }

    return {
        el, reload, body,
        has: (k) => places.has(k),
        get: (k) => rows[places.get(k)],
        marked: () => [...marked.values()],
        /* another state of a row that is there */
        change(k, values) {
            const i = places.get(k);
            if (i === undefined)
                return false;
            rows[i] = {...rows[i], ...values};
            redraw(k);
            return true;
        },
        /* a new row: on top at once for who looks at the top, and else offered */
        insert(row) {
            if (places.has(key(row)) || fresh.some((r) => key(r) === key(row)))
                return;
            fresh.push(row);
            if (body.scrollTop < 4 && active === 0) {
                instead(null);
                takeFresh();
                drawSoon();
            } else {
                tell();
            }
        },
    };
}
