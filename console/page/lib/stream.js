/* What happens, as it happens: one EventSource for the whole page, and who wants to hear of what. The browser connects again by itself;
 * while it cannot, screens ask for what they show from time to time.
 *
 * A browser has six connections to a host for all its tabs, and keeps those of pages that one can go back to. So a page that nobody sees gives
 * its own back, or the next ones would wait for it; when it is seen again it connects, and what it shows is loaded again.
 *
 * A stream begins with "hello", or with "reset" when messages are lost. "connected" is heard after a time in which nothing could be heard,
 * which the beginning is too: what happens between a screen's first load and the stream's begin is told by nobody. */

const TYPES = ["run", "event", "workers", "overview"];
const listeners = new Map(); /* type → set of functions */
const UNSEEN_MS = 5000; /* changing quickly between two tabs is not worth a new connection */
let source = null, opened = false, wanted = false, missed = true, timer = null, unseen = null, pause = 1000;
let tell = () => {};

export function onLink(f) {
    tell = f;
}

export function isLive() {
    return opened;
}

export function listen(type, f) {
    if (!listeners.has(type))
        listeners.set(type, new Set());
    listeners.get(type).add(f);
    return () => listeners.get(type).delete(f);
}

function deliver(type, data) {
    for (const t of [type, "*"]) {
        for (const f of listeners.get(t) ?? [])
            f(data, type);
    }
}

export function connect() {
    wanted = true;
    close();
    if (document.hidden) {
        missed = true;
        return;
    }
    source = new EventSource("/v1/stream");
    source.onopen = () => {
        opened = true;
        pause = 1000;
        tell("live");
    };
    source.onerror = () => {
        opened = false;
        missed = true;
        tell("away");
        if (source.readyState === EventSource.CLOSED) { /* it was refused; the browser does not try again then */
            timer = setTimeout(connect, pause);
            pause = Math.min(pause * 2, 15000);
        }
    };
    const begun = (e) => {
        if (missed || e.type === "reset")
            deliver("connected", null);
        missed = false;
    };
    const take = (e) => {
        let data = null;
        try {
            data = e.data === "" ? null : JSON.parse(e.data);
        } catch {
            return;
        }
        deliver(e.type, data);
    };
    source.onmessage = take;
    for (const t of TYPES)
        source.addEventListener(t, take);
    for (const t of ["hello", "reset"])
        source.addEventListener(t, begun);
}

function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
    opened = false;
}

export function disconnect() {
    wanted = false;
    missed = true;
    close();
}

function leave() {
    missed = true;
    close();
}

function seen() {
    clearTimeout(unseen);
    if (wanted && source === null)
        connect();
}

document.addEventListener("visibilitychange", () => {
    if (document.hidden)
        unseen = setTimeout(leave, UNSEEN_MS);
    else
        seen();
});
window.addEventListener("pagehide", leave);
window.addEventListener("pageshow", seen);
