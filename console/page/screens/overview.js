/* How it goes: what is done, what fails, what waits, and against which limits. */
import {address, toFunction, toRun} from "../lib/address.js";
import {get} from "../lib/api.js";
import {legend, sparkline, stackedBars} from "../lib/chart.js";
import {fill, h} from "../lib/dom.js";
import {count, duration, rate, short, shortId, usd} from "../lib/format.js";
import {view} from "../lib/load.js";
import {listen} from "../lib/stream.js";
import {bar, empty, head, panel, since, status, tile} from "../lib/ui.js";

const OLD_MS = 5 * 60000; /* a backlog older than this is worth a colour */

export function overview(ctx) {
    const body = h("div", {class: "stack"});
    const now = h("span", {class: "soft small push"});
    fill(ctx.el, head("Overview", {actions: now}), body);
    const show = (o) => {
        fill(now, "as of ", since(o.looked_at), o.complete ? "" : " · more than a million live runs, counts are of those looked at");
        return draw(o);
    };
    view(ctx, body, {load: (signal) => get("/v1/overview", null, {signal}), draw: show, every: 5000});
    const stop = listen("overview", (o) => o && fill(body, show(o)));
    ctx.signal.addEventListener("abort", stop);
}

function draw(o) {
    const minutes = o.throughput;
    const done = minutes.map((m) => m.completed + m.failed);
    const lately = minutes.slice(-6, -1).reduce((a, m) => a + m.completed + m.failed + m.cancelled, 0) / 300;
    const failures = o.last_hour.failed, share = o.last_hour.failure_rate;
    const age = o.backlog.oldest_age_ms;
    return [
        h("div", {class: "tiles"},
            tile("Throughput", rate(lately), {unit: "runs/s", note: "over the last five minutes", extra: sparkline(done, "Runs that ended, by minute, over the last hour")}),
            tile("Failed", count(failures), {unit: share === null ? "" : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`, note: "in the last hour", alarm: share !== null && share > 0.05,
                href: address("/runs", {status: "failed", period: "1h"}), extra: sparkline(minutes.map((m) => m.failed), "Failures, by minute, over the last hour")}),
            tile("Backlog", short(o.backlog.runs), {unit: o.backlog.runs === 1 ? "run waits" : "runs wait", note: age === null ? "nothing waits" : `the oldest for ${duration(age)}`, alarm: age !== null && age > OLD_MS, href: address("/runs", {status: "waiting,ready"})}),
            tile("Running", count(o.live.running), {unit: `of ${count(o.threads.all)} threads`, note: `${o.threads.workers} ${o.threads.workers === 1 ? "worker" : "workers"}`, alarm: o.threads.workers === 0, href: address("/runs", {status: "running"}),
                extra: bar(o.threads.busy, o.threads.all, {label: "Busy threads", cls: o.threads.busy >= o.threads.all && o.threads.all > 0 ? "full" : ""})}),
            tile("Rejected", count(o.rejected_last_day), {note: "entries in the last day that could not be read", alarm: false, href: "#/rejected"})),
        panel("Runs that ended, by minute", minutes.some((m) => m.completed + m.failed + m.cancelled + m.skipped > 0)
            ? stackedBars(minutes.map((m) => ({label: clock(m.minute), title: `${clock(m.minute)}: ${m.completed} completed, ${m.failed} failed, ${m.cancelled} cancelled, ${m.skipped} skipped`, values: [m.completed, m.failed, m.cancelled + m.skipped]})),
                ["good", "bad", "calm"], {label: `Runs that ended in the last hour: ${o.last_hour.completed} completed, ${o.last_hour.failed} failed, ${o.last_hour.cancelled} cancelled`, height: 170})
            : empty("Nothing ended in the last hour", "Send an event that a function listens to, and its run shows here.", {compact: true, action: h("a", {class: "button", href: "#/events"}, "Send an event")}),
        {actions: legend([["good", "completed"], ["bad", "failed"], ["calm", "cancelled, skipped"]])}),
        h("div", {class: "cols"}, panel("Failures of the last hour", failureList(o), {flush: true}), panel("Where live runs are", states(o))),
        h("div", {class: "cols"}, panel("Running against limits", limits(o)), panel("Creators with most live runs", creators(o), {flush: true})),
        panel("Schedules", schedules(o), {flush: true}),
    ];
}

const clock = (t) => new Date(t).toLocaleTimeString("en-GB", {hour: "2-digit", minute: "2-digit"});

export function scroll(label, table) {
    return h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": label}, table);
}

function failureList(o) {
    if (o.failures.length === 0)
        return empty("No failures", "Nothing failed in the last hour.", {compact: true});
    return scroll("Failures", h("table", null, h("thead", null, h("tr", null, h("th", {scope: "col"}, "Error"), h("th", {scope: "col", class: "num"}, "Times"), h("th", {scope: "col", class: "num"}, "Last"))),
        h("tbody", null, o.failures.slice(0, 8).map((f) => h("tr", null,
            h("td", null, h("a", {href: toRun(f.run_id)}, f.message ?? f.code ?? "no message"), h("div", {class: "small soft"}, f.function_id)),
            h("td", {class: "num"}, h("a", {href: address("/runs", {status: "failed", function: f.function_id, period: "1h"}), "aria-label": `${f.count} failures of ${f.function_id}`}, count(f.count))),
            h("td", {class: "num"}, since(f.last_at)))))));
}

function states(o) {
    const rows = ["running", "ready", "waiting", "retrying", "sleeping", "waiting_for_event", "waiting_for_function", "waiting_for_branches", "collecting"].filter((s) => o.live[s] > 0);
    if (rows.length === 0)
        return empty("All is quiet", "No run is live.", {compact: true});
    return h("ul", {class: "stack"}, rows.map((s) => h("li", {class: "meter"}, h("a", {href: address("/runs", {status: s})}, status(s)), h("span", {class: "num"}, count(o.live[s])), bar(o.live[s], o.live.live, {label: `${s}: share of live runs`}))));
}

export const limitName = (l) => `${l.name}${l.owner ? ` · ${shortId(l.owner)}` : l.per ? ` · each ${l.per === "owner" ? "creator" : "key"}` : ""}`;

function limits(o) {
    const list = o.limits.filter((l) => l.used > 0 || !l.per).sort((a, b) => b.used / b.max - a.used / a.max).slice(0, 10);
    if (list.length === 0)
        return empty("No limit is used", "Limits show here while runs hold slots of them.", {compact: true});
    const value = (n, unit) => (unit === "usd" ? usd(n) : count(n));
    return h("ul", {class: "stack"}, list.map((l) => h("li", {class: "meter"}, h("span", {class: "clip", title: l.owner ?? l.name}, limitName(l)), h("span", {class: "num"}, `${value(l.used, l.unit)} of ${value(l.max, l.unit)}`),
        bar(l.used, l.max, {label: `Limit ${limitName(l)}`, cls: l.used >= l.max ? "full" : ""}))));
}

function creators(o) {
    if (o.creators.length === 0)
        return empty("No live runs", "Creators show here while they have work.", {compact: true});
    return scroll("Creators", h("table", null, h("thead", null, h("tr", null, h("th", {scope: "col"}, "Creator"), h("th", {scope: "col", class: "num"}, "Running"), h("th", {scope: "col", class: "num"}, "Waiting"), h("th", {scope: "col", class: "num"}, "Oldest"))),
        h("tbody", null, o.creators.slice(0, 10).map((c) => h("tr", null, h("td", null, c.creator_id ? h("a", {href: address("/runs", {creator: c.creator_id, status: "live"}), class: "mono", title: c.creator_id}, shortId(c.creator_id)) : h("span", {class: "soft"}, "nobody's")),
            h("td", {class: "num"}, count(c.running)), h("td", {class: "num"}, count(c.waiting)), h("td", {class: "num"}, since(c.oldest_queued_at)))))));
}

function schedules(o) {
    if (o.schedules.length === 0)
        return empty("No schedules", "A function with a cron line shows here with its last and next tick.", {compact: true});
    return scroll("Schedules", h("table", null, h("thead", null, h("tr", null, ["Function", "Schedule", "Last", "Next", "State"].map((n) => h("th", {scope: "col"}, n)))),
        h("tbody", null, o.schedules.map((s) => h("tr", null, h("td", null, h("a", {href: toFunction(s.function_id)}, s.function_id)), h("td", {class: "mono"}, s.cron), h("td", null, since(s.last_tick, "never")), h("td", null, since(s.next_tick)),
            h("td", null, status(s.paused ?? "active")))))));
}
