/* The dashboard of a creator, as the application shows it. */
import {toVideo} from "../lib/address.js";
import {areaChart} from "../lib/chart.js";
import {dashboard} from "../lib/chronos.js";
import {creatorField} from "../lib/creator.js";
import {fill, h} from "../lib/dom.js";
import {count, duration, position, short, usd} from "../lib/format.js";
import {view} from "../lib/load.js";
import {bar, empty, head, panel, segments, since, tile} from "../lib/ui.js";
import {scroll} from "./overview.js";

const RANGES = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"], ["all", "All time"]];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MOST_POINTS = 180;

export function analytics(ctx) {
    const q = {...ctx.query};
    const body = h("div", {class: "stack"}), note = h("span", {class: "soft small"});
    let stop = null;
    const creator = creatorField(ctx, (id) => change({creator: id}));
    function change(values) {
        Object.assign(q, values);
        ctx.setQuery(q);
        begin();
    }
    function begin() {
        stop?.abort();
        stop = new AbortController();
        ctx.signal.addEventListener("abort", () => stop.abort());
        fill(note);
        const id = creator.value();
        if (id === "") {
            fill(body, h("div", {class: "panel"}, empty("Whose dashboard?", "Enter the id of a creator to see views, completion, cost, storage and who watches when.", {picture: "analytics"})));
            return;
        }
        view({...ctx, signal: stop.signal}, body, {
            every: 300000,
            load: (signal) => {
                const end = new Date(), start = new Date(end);
                if (q.range === "all")
                    start.setUTCFullYear(2020);
                else
                    start.setTime(end.getTime() - Number(q.range ?? 30) * 86400000);
                return dashboard(id, start, end, signal);
            },
            draw: (a) => {
                fill(note, a.cached ? ["computed ", since(a.computed_at)] : "computed just now");
                return draw(a.data);
            },
        });
    }
    fill(ctx.el, head("Analytics", {actions: note}), h("div", {class: "filters"}, creator.el, segments("Range", RANGES, q.range ?? "30", (v) => change({range: v}))), body);
    begin();
}

function trend(n) {
    if (n === undefined || n === null)
        return null;
    return h("span", {class: `trend ${n > 0 ? "good-text" : n < 0 ? "bad-text" : ""}`}, n === 0 ? "unchanged" : `${n > 0 ? "▲" : "▼"} ${Math.abs(n)} %`, h("span", {class: "soft"}, " vs before"));
}

/* Many days become fewer points, each the sum (or the last) of its days. */
function points(rows, key, last = false) {
    const size = Math.ceil(rows.length / MOST_POINTS) || 1;
    const out = [];
    for (let i = 0; i < rows.length; i += size) {
        const part = rows.slice(i, i + size);
        const value = last ? part.at(-1)[key] : part.reduce((a, r) => a + r[key], 0);
        out.push({label: part[0].date.slice(size > 1 ? 0 : 5, size > 1 ? 7 : 10), from: part[0].date, to: part.at(-1).date, value});
    }
    return out.map((p) => ({...p, title: `${p.from}${p.to === p.from ? "" : ` to ${p.to}`}: ${short(p.value)}`}));
}

function draw(d) {
    const m = d.metrics;
    const views = points(d.views_over_time, "views"), stored = points(d.storage_usage, "cumulative_gb", true);
    const gb = (n) => `${Number(n).toFixed(n < 10 ? 1 : 0)}`;
    const costs = d.cost_breakdown.reduce((a, c) => a + c.total_cost, 0);
    return [
        h("div", {class: "tiles"},
            tile("Views", short(m.total_views), {note: trend(m.trends.views)}), tile("Watched", duration(m.total_watch_time_seconds * 1000), {note: trend(m.trends.watch_time)}),
            tile("Completion", `${m.avg_completion_rate.toFixed(1)}`, {unit: "%", note: trend(m.trends.completion)}), tile("Videos", count(m.total_videos), {note: trend(m.trends.videos)}),
            tile("Learners", count(d.student_engagement.active_learners), {note: `${d.student_engagement.avg_videos_per_student.toFixed(1)} videos each`})),
        panel("Views", m.total_views > 0 ? areaChart(views, {label: `Views by day, ${count(m.total_views)} in all`, height: 200}) : empty("No views", "Nobody has started a video in this time.", {compact: true})),
        h("div", {class: "cols"},
            panel("Top videos", topVideos(d.top_videos), {flush: true}),
            h("div", {class: "stack"}, panel("Completion", ranks(d.completion_rates, (r) => r.completion_rate, (r) => `${r.completion_rate.toFixed(0)} %`, 100)), panel("When they watch", hours(d.student_engagement.peak_hours)))),
        h("div", {class: "cols"},
            panel("Cost of transcripts", d.cost_breakdown.length === 0 ? empty("No cost", "No video was transcribed in this time.", {compact: true})
                : h("ul", {class: "stack"}, d.cost_breakdown.map((c) => h("li", {class: "rank"}, h("span", null, c.method, h("span", {class: "soft small"}, ` · ${count(c.video_count)} ${c.video_count === 1 ? "video" : "videos"}`)), h("span", {class: "num"}, usd(c.total_cost)), bar(c.total_cost, costs || 1, {label: `Cost of ${c.method}`}))))),
            panel("Storage of uploads, GiB", stored.length > 0 ? areaChart(stored, {label: `Storage, ${gb(stored.at(-1).value)} GiB at the end`, height: 160, format: gb}) : empty("No uploads", "Nothing was uploaded in this time.", {compact: true}))),
    ];
}

function topVideos(list) {
    if (list.length === 0)
        return empty("No videos watched", "They show here, the most watched first.", {compact: true});
    return scroll("Top videos", h("table", null, h("thead", null, h("tr", null, h("th", {scope: "col"}, "Video"), ["Views", "Watched", "Completion"].map((n) => h("th", {scope: "col", class: "num"}, n)))),
        h("tbody", null, list.slice(0, 12).map((v) => h("tr", null, h("td", null, h("a", {href: toVideo(v.id)}, v.title || "untitled"), h("div", {class: "small soft"}, v.source_type, v.duration_seconds ? ` · ${position(v.duration_seconds)}` : "")), h("td", {class: "num"}, count(v.views)),
            h("td", {class: "num nowrap"}, v.avg_watch_time_seconds > 0 ? position(v.avg_watch_time_seconds) : "–"), h("td", {class: "num nowrap"}, `${v.completion_rate.toFixed(0)} %`))))));
}

function ranks(list, value, text, whole) {
    if (list.length === 0)
        return empty("Nothing yet", "Videos that were started show here.", {compact: true});
    return h("ul", {class: "stack"}, list.slice(0, 6).map((r) => h("li", {class: "rank"}, h("a", {class: "clip", href: toVideo(r.video_id)}, r.title || "untitled"), h("span", {class: "num"}, text(r)), bar(Math.min(whole, value(r)), whole, {label: `Completion of ${r.title}`, cls: "good"}))));
}

function hours(peaks) {
    if (peaks.length === 0)
        return empty("Nothing yet", "Hours of the week in which videos are started show here.", {compact: true});
    const most = Math.max(...peaks.map((p) => p.activity_count));
    const at = new Map(peaks.map((p) => [p.day_of_week * 24 + p.hour, p.activity_count]));
    const best = peaks.reduce((a, b) => (b.activity_count > a.activity_count ? b : a));
    return [h("div", {class: "heat", role: "img", "aria-label": `Most is watched on ${DAYS[best.day_of_week]} at ${best.hour}:00 UTC`}, [1, 2, 3, 4, 5, 6, 0].map((day) => [h("span", null, DAYS[day]), Array.from({length: 24}, (_, hour) => {
        const n = at.get(day * 24 + hour) ?? 0;
        return h("i", {vars: {"--p": `${n === 0 ? 0 : 15 + (n / most) * 85}%`}, title: `${DAYS[day]} ${hour}:00: ${n}`});
    })])), h("p", {class: "small soft"}, `Hours of the day in UTC, from 0 to 23. Most on ${DAYS[best.day_of_week]} at ${best.hour}:00.`)];
}
