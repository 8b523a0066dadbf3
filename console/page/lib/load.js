/* What a screen shows comes from here: it loads, draws, loads again when something has happened or some time has passed, and keeps the last
 * good picture when the console is away.
 *
 *   view(ctx, el, {load, draw, on: ["run"], every: 5000})
 *
 * load(signal) gives the data, draw(data) gives what to show; every: milliseconds, or a function that gives them. Returns {reload, data}. */
import {fill} from "./dom.js";
import {isLive, listen} from "./stream.js";
import {failed, loading} from "./ui.js";

const LEAST_MS = 700; /* between two loads that were asked for by what happened */

export function view(ctx, el, {load, draw, on = [], every = 10000}) {
    let shown = false, running = false, again = false, last = 0, timer = null, before = null;
    const it = {data: null, reload};
    fill(el, loading());

    function later(ms) {
        clearTimeout(timer);
        if (!ctx.signal.aborted)
            timer = setTimeout(reload, ms);
    }

    /* while nobody tells what happens, it is asked for more often */
    const pause = (ms) => (isLive() || document.hidden ? ms : Math.min(ms, 3000));

    function soon() {
        if (running)
            again = true;
        else
            later(Math.max(0, last + LEAST_MS - Date.now()));
    }

    async function reload() {
        if (running) {
            again = true;
            return;
        }
        running = true;
        again = false;
        last = Date.now();
        try {
            const data = await load(ctx.signal);
            if (ctx.signal.aborted)
                return;
            it.data = data;
            /* the same again is not drawn again: what is being read or selected stays as it is */
            const text = JSON.stringify(data);
            if (!shown || text !== before)
                fill(el, draw(data));
            before = text;
            shown = true;
        } catch (e) {
            if (e.name === "AbortError" || ctx.signal.aborted)
                return;
            if (!shown || e.status === 404) {
                shown = false;
                fill(el, failed(e, e.status === 404 ? null : reload));
            }
            if (e.status === undefined)
                console.error(e);
        } finally {
            running = false;
        }
        if (again)
            soon();
        else
            later(pause(typeof every === "function" ? every() : every));
    }

    for (const type of on) {
        const stop = listen(type, (d) => {
            if (!ctx.wants || ctx.wants(d, type))
                soon();
        });
        ctx.signal.addEventListener("abort", stop);
    }
    const stop = listen("connected", soon);
    ctx.signal.addEventListener("abort", () => {
        stop();
        clearTimeout(timer);
    });
    it.first = reload();
    return it;
}
