/* Values as people read them. Times come as epoch milliseconds or as ISO text. */

const number = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
const day = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short"});
const full = new Intl.DateTimeFormat("en-GB", {dateStyle: "medium", timeStyle: "medium"});

export function count(n) {
    return n === null || n === undefined ? "–" : number.format(n);
}

/* 12,345,678 → 12.3M, for places that are narrow */
export function short(n) {
    if (n === null || n === undefined)
        return "–";
    for (const [size, letter] of [[1e9, "B"], [1e6, "M"], [1e4, "k"]]) {
        if (Math.abs(n) >= size)
            return `${(n / (letter === "k" ? 1e3 : size)).toFixed(1).replace(/\.0$/, "")}${letter}`;
    }
    return number.format(Math.round(n * 10) / 10);
}

export function rate(perSecond) {
    if (perSecond === 0)
        return "0";
    return perSecond >= 100 ? count(Math.round(perSecond)) : perSecond.toFixed(perSecond < 1 ? 2 : 1);
}

export function toMs(t) {
    if (t === null || t === undefined || t === "")
        return null;
    const ms = typeof t === "number" ? t : Date.parse(t);
    return Number.isFinite(ms) ? ms : null;
}

/* 950 ms, 4.2 s, 3 min 10 s, 2 h 5 min, 3 d 4 h */
export function duration(ms) {
    if (ms === null || ms === undefined || !Number.isFinite(ms))
        return "–";
    if (ms < 0)
        ms = 0;
    if (ms < 1)
        return ms < 0.05 ? "0 ms" : `${ms.toFixed(1)} ms`;
    if (ms < 1000)
        return `${Math.round(ms)} ms`;
    if (ms < 59950)
        return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
    const s = Math.round(ms / 1000);
    const parts = (a, unitA, b, unitB) => (b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`);
    if (s < 3600)
        return parts(Math.floor(s / 60), "min", s % 60, "s");
    const min = Math.round(s / 60);
    if (min < 1440)
        return parts(Math.floor(min / 60), "h", min % 60, "min");
    const hours = Math.round(min / 60);
    return parts(Math.floor(hours / 24), "d", hours % 24, "h");
}

export function ago(t, now = Date.now()) {
    const ms = toMs(t);
    if (ms === null)
        return "–";
    const d = now - ms;
    if (d < -1500)
        return `in ${duration(-d < 60000 ? Math.round(-d / 1000) * 1000 : -d)}`;
    if (d < 1500)
        return "now";
    return `${d < 60000 ? `${Math.round(d / 1000)} s` : duration(Math.floor(d / 60000) * 60000)} ago`;
}

/* The time of day, with the day unless it is today. */
export function time(t) {
    const ms = toMs(t);
    if (ms === null)
        return "–";
    const d = new Date(ms);
    const today = d.toDateString() === new Date().toDateString();
    return today ? clock.format(d) : `${day.format(d)}, ${clock.format(d).slice(0, 5)}`;
}

export function fullTime(t) {
    const ms = toMs(t);
    return ms === null ? "–" : full.format(new Date(ms));
}

export function bytes(n) {
    if (n === null || n === undefined)
        return "–";
    const units = ["B", "kB", "MB", "GB", "TB"];
    let i = 0;
    while (n >= 1000 && i < units.length - 1) {
        n /= 1000;
        i += 1;
    }
    return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

export function usd(n) {
    if (n === null || n === undefined)
        return "–";
    const v = Number(n);
    return `$${v.toFixed(v !== 0 && Math.abs(v) < 0.01 ? 4 : 2)}`;
}

export function percent(part, whole) {
    return whole > 0 ? Math.min(100, Math.max(0, (part / whole) * 100)) : 0;
}

/* A place in a video: 3:07, 1:02:45 */
export function position(seconds) {
    const s = Math.max(0, Math.floor(seconds ?? 0));
    const two = (n) => String(n).padStart(2, "0");
    return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/* The end of an id is what differs. */
export function shortId(id) {
    return id && id.length > 14 ? `…${id.slice(-10)}` : id ?? "–";
}

/* video/transcript.extract, extract-video-transcript: their words, for a heading */
export function words(text) {
    const t = String(text).replace(/[-_.]/g, " ");
    return t.charAt(0).toUpperCase() + t.slice(1);
}
