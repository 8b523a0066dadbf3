/* One run: what happened, step by step; what a support person needs when it failed; what can be done. */
import {address, toEvent, toFunction, toRun} from "../lib/address.js";
import {get, post} from "../lib/api.js";
import {fill, h, icon} from "../lib/dom.js";
import {count, duration, fullTime, percent, shortId, toMs, usd} from "../lib/format.js";
import {legend} from "../lib/chart.js";
import {view} from "../lib/load.js";
import {ask, busy, button, code, copyButton, empty, head, panel, since, status, statusClass, toast} from "../lib/ui.js";

const ENDED = new Set(["completed", "failed", "cancelled", "skipped"]);

export function run(ctx) {
    const {id} = ctx.params;
    const body = h("div", {class: "stack"});
    const title = h("span", null, "Run");
    const actions = h("div", {class: "row", id: "actions"});
    const open = new Set();
    let data = null, first = true;
    fill(ctx.el, h("div", null, h("a", {class: "back", href: "#/runs"}, "← Runs"),
        h("div", {class: "head"}, h("h1", {tabindex: "-1", id: "title"}, title), actions,
            h("p", {class: "sub mono row tight"}, id, copyButton(id, "the id of the run")))), body);

    ctx.wants = (m) => m.run_id === id;
    const it = view(ctx, body, {
        on: ["run"], every: 4000,
        load: async (signal) => {
            const r = await get(`/v1/runs/${encodeURIComponent(id)}`, null, {signal});
            const why = ENDED.has(r.state) || r.state === "running" ? null : await get(`/v1/runs/${encodeURIComponent(id)}/why`, null, {signal}).catch(() => null);
            return {r, why, now: ENDED.has(r.state) ? 0 : Date.now()}; /* a live one grows */
        },
        draw: ({r, why}) => {
            data = r;
            title.textContent = r.function_id;
            ctx.title(`${r.function_id} ${r.state}`);
            drawActions();
            if (first) {
                first = false;
                const bad = r.steps.find((s) => s.status === "failed" || s.status === "retrying");
                if (bad)
                    open.add(bad.name);
            }
            return draw(r, why, open, () => fill(body, draw(it.data.r, it.data.why, open, () => it.reload())) && it.reload());
        },
    });

    function drawActions() {
        const can = ctx.mayChange ? data.can : [];
        fill(actions, status(data.cancelling ? "cancelling" : data.state),
            can.includes("retry") && button("Retry", (e) => again("retry", e.currentTarget), {cls: "main", shape: "retry", id: "retry", title: "Goes on from the step that failed; steps that were done are not done again"}),
            can.includes("replay") && button("Replay", (e) => again("replay", e.currentTarget), {id: "replay", title: "Runs all of it once more, from the start"}),
            can.includes("cancel") && button("Cancel", cancel, {cls: "danger", shape: "stop", id: "cancel"}));
    }

    async function again(action, el) {
        const done = await busy(el, () => post(`/v1/runs/${encodeURIComponent(id)}/${action}`));
        if (!done)
            return;
        toast(done.done);
        follow(action);
    }

    /* The new run is there as soon as a scheduler has taken the order. */
    async function follow(action) {
        for (let i = 0; i < 40 && !ctx.signal.aborted; i++) {
            const list = await get("/v1/runs", {function: data.function_id, after: String(toMs(data.queued_at)), limit: 50}, {signal: ctx.signal}).catch(() => []);
            const next = list.find((r) => r.original_run_id === id && (!followed.has(r.run_id)));
            if (next) {
                ctx.go(toRun(next.run_id));
                return;
            }
            await new Promise((resolve) => setTimeout(resolve, 400));
        }
        if (!ctx.signal.aborted)
            toast(`The ${action} is accepted; a scheduler has not started it yet.`, "bad");
    }
    const followed = new Set();
    get("/v1/runs", {limit: 50}, {signal: ctx.signal}).then((list) => list.filter((r) => r.original_run_id === id).forEach((r) => followed.add(r.run_id))).catch(() => {});

    async function cancel() {
        const reason = h("input", {type: "text", maxlength: "500", id: "reason"});
        const done = await ask("Cancel this run?", h("div", {class: "form"},
            h("p", null, data.state === "running" ? "A worker is at a step of it. It ends as soon as that step lets go." : "It will not start again."),
            h("div", {class: "field"}, h("label", {for: "reason"}, "Reason"), reason)),
        {confirm: "Cancel the run", danger: true, cancel: "Keep it", act: () => post(`/v1/runs/${encodeURIComponent(id)}/cancel`, reason.value.trim() ? {reason: reason.value.trim()} : {})});
        if (done)
            toast(done.done);
        it.reload();
    }
}

function draw(r, why, open, redraw) {
    return [
        r.error && failure(r),
        !r.error && why && waiting(why),
        facts(r),
        panel("Steps", timeline(r, open, redraw), {flush: true, actions: legend([["good", "worked"], ["bad", "failed"], ["waiting", "waited"], ["calm", "slept"]])}),
        h("div", {class: "cols"},
            panel("Input", r.event ? [h("p", {class: "row small soft"}, "Event", h("a", {href: toEvent(r.event_id)}, r.event.name), since(r.event.received_at),
                r.events > 1 && `and ${r.events - 1} more events`), code(r.event.data, {label: "Input"})] : empty("No event", "It was started without one, or the event is older than what is kept.", {compact: true})),
            panel("Output", r.state === "completed" ? code(r.output ?? null, {label: "Output"}) : empty(ENDED.has(r.state) ? "No output" : "Not yet", ENDED.has(r.state) ? "A run that did not complete has none." : "It is here when the run completes.", {compact: true})))];
}

/* What to tell the person who asks. */
function failure(r) {
    const step = r.steps.findLast((s) => s.status === "failed" || s.status === "retrying");
    const last = step?.attempts.at(-1);
    const text = [`Run ${r.run_id}`, `Function ${r.function_id}`, step && `Step ${step.name}, attempt ${last?.attempt ?? "?"}`, `Error (${r.error.code}) ${r.error.message}`,
        r.ended_at && `Ended ${r.ended_at}`, r.creator_id && `Creator ${r.creator_id}`, r.event_id && `Event ${r.event_id}`].filter(Boolean).join("\n");
    const title = {cancelled: "Cancelled", skipped: "Skipped", failed: "Failed"}[r.state] ?? "The last attempt failed";
    return h("section", {class: "failure", "aria-label": "What went wrong", id: "failure"},
        h("div", {class: "row"}, icon("cross"), h("h2", null, step && r.state === "failed" ? `${title} in step ${step.name}` : title), h("span", {class: "push"}, copyButton(text, "what support needs"))),
        h("p", {class: "what", id: "error-text"}, r.error.message),
        h("div", {class: "row small"}, h("span", {class: "tag"}, r.error.code), last && h("span", null, `attempt ${last.attempt}${step.attempts.length > 1 ? ` of ${step.attempts.length}` : ""}`),
            last?.worker && h("span", {class: "mono"}, last.worker), r.deaths > 0 && h("span", null, `${r.deaths} ${r.deaths === 1 ? "worker" : "workers"} died with it`),
            r.retried_by && h("a", {href: toRun(r.retried_by)}, "It was retried by a later run")));
}

function waiting(why) {
    return h("section", {class: "why", "aria-label": "Why it waits", id: "why"}, h("div", {class: "row"}, icon("clock"), h("h2", null, "Why it is not running")),
        h("p", null, why.reason),
        h("div", {class: "row small"},
            why.since && h("span", null, "since ", since(why.since)), why.due_at && h("span", null, "goes on ", since(why.due_at)),
            why.limit?.max > 0 && h("span", null, `limit ${why.limit.name}: `,
                why.limit.unit === "usd" ? `${usd(why.limit.used)} of ${usd(why.limit.max)}` : `${count(why.limit.used)} of ${count(why.limit.max)}`),
            why.position && h("span", null, `place ${why.position} of ${why.queue_length ?? "?"}${why.queues_ahead ? `, ${why.queues_ahead} other queues before it` : ""}`)),
        why.holders?.length > 0 && h("div", {class: "row small"}, "Held by ", why.holders.slice(0, 6).map((x) => h("a", {href: toRun(x.run_id), class: "mono"}, shortId(x.run_id))), why.holders.length > 6 && `and ${why.holders.length - 6} more`));
}

function facts(r) {
    const one = (name, value) => h("div", null, h("dt", {class: "soft"}, name), h("dd", null, value));
    return h("div", {class: "panel"}, h("div", {class: "body"}, h("dl", {class: "facts strip"},
        one("Function", h("a", {href: toFunction(r.function_id)}, r.function_id)),
        one("Creator", r.creator_id ? h("a", {href: address("/runs", {creator: r.creator_id}), class: "mono", title: r.creator_id}, shortId(r.creator_id)) : "none"),
        one("Accepted", h("span", {title: fullTime(r.queued_at)}, since(r.queued_at))),
        one("In all", duration(r.timing.total_ms)), one("In the queue", duration(r.timing.queued_ms)), one("Working", duration(r.timing.working_ms)), one("Waiting", duration(r.timing.waiting_ms)),
        r.cost_usd > 0 && one("Cost", usd(r.cost_usd)), r.worker && one("Worker", h("span", {class: "mono"}, r.worker)),
        r.original_run_id && one("Goes on with", h("a", {href: toRun(r.original_run_id), class: "mono"}, shortId(r.original_run_id))))));
}

/* ---- the timeline ---- */
function timeline(r, open, redraw) {
    const begin = toMs(r.queued_at), end = toMs(r.ended_at) ?? Math.max(Date.now(), begin + 1);
    const span = Math.max(1, end - begin);
    const place = (from, to) => ({"--x": `${percent(from - begin, span)}%`, "--w": `${percent(Math.max(0, to - from), span)}%`});
    const piece = (cls, from, to, text) => h("i", {class: cls, vars: place(from, to), title: text});
    const rows = [];
    const firstStep = r.steps.map((s) => toMs(s.attempts[0]?.started_at ?? s.started_at)).filter((t) => t !== null).sort((a, b) => a - b)[0];
    const queuedTo = toMs(r.run_started_at) ?? firstStep ?? end;
    rows.push(h("div", {class: "tl-axis"}, h("span", null, ""), h("span", {class: "ticks num"}, [0, 0.25, 0.5, 0.75, 1].map((p) => h("span", null, duration(span * p)))), h("span", null, "")));
    rows.push(h("div", {class: "tl-row"}, h("span", {class: "tl-name soft"}, "in the queue"), h("span", {class: "tl-track"}, piece("waiting", begin, queuedTo, `waited ${duration(queuedTo - begin)}`)), h("span", {class: "num soft"}, duration(r.timing.queued_ms))));
    if (r.steps.length === 0)
        rows.push(empty(ENDED.has(r.state) ? "No step was run" : "No step has begun yet", ENDED.has(r.state) ? "It ended before its first step." : "Steps appear here as they are done.", {compact: true}));
    for (const s of r.steps) {
        const pieces = [];
        let from = null;
        for (const a of s.attempts) {
            const start = toMs(a.started_at), stop = toMs(a.finished_at) ?? (a.status === "lost" ? start : end);
            if (start === null)
                continue;
            if (from !== null && start > from)
                pieces.push(piece("waiting", from, start, `waited ${duration(start - from)}`));
            pieces.push(piece(a.status === "sleeping" ? "calm" : statusClass(a.status), start, stop, `attempt ${a.attempt}: ${a.status}, ${duration(a.duration_ms ?? stop - start)}`));
            from = stop;
        }
        if (s.status === "retrying" && from !== null)
            pieces.push(piece("waiting", from, end, "waits for the next attempt"));
        const is = open.has(s.name), detail = `step-${s.name}`.replace(/[^\w-]/g, "_");
        rows.push(h("button", {type: "button", class: "tl-row", "aria-expanded": String(is), "aria-controls": is ? detail : null, id: `${detail}-row`, onclick: () => {
            if (is)
                open.delete(s.name);
            else
                open.add(s.name);
            redraw();
        }}, h("span", {class: "tl-name"}, status(s.status), h("span", {class: "clip"}, s.name)), h("span", {class: "tl-track"}, pieces),
        h("span", {class: "num"}, s.carried ? h("span", {class: "tag", title: "Done by the run that this one retries"}, "carried") : duration(s.working_ms))));
        if (is)
            rows.push(h("div", {class: "tl-detail", id: detail}, attempts(s), s.status === "completed" && code(s.result ?? null, {label: `Result of ${s.name}`})));
    }
    return h("div", {class: "timeline"}, rows);
}

function attempts(s) {
    if (s.attempts.length === 0)
        return h("p", {class: "soft"}, s.carried ? "Its result was taken from the run that this one retries." : "Nothing is known of its attempts.");
    return h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": `Attempts of ${s.name}`}, h("table", null,
        h("thead", null, h("tr", null, ["Attempt", "Began", "Took", "Outcome", "Worker"].map((n) => h("th", {scope: "col"}, n)))),
        h("tbody", null, s.attempts.map((a) => h("tr", null, h("td", null, a.attempt), h("td", {title: fullTime(a.started_at)}, since(a.started_at)), h("td", {class: "nowrap"}, duration(a.duration_ms)),
            h("td", null, status(a.status), a.error && h("div", {class: "bad-text"}, a.error.message)), h("td", {class: "mono"}, a.worker ?? "–"))))));
}
