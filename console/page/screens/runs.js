/* All runs, live: what is being done and what has ended, by filters that are part of the address. */
import {address, toRun} from "../lib/address.js";
import {get, page, post} from "../lib/api.js";
import {fill, h} from "../lib/dom.js";
import {duration, shortId, toMs} from "../lib/format.js";
import {listen} from "../lib/stream.js";
import {bigTable} from "../lib/table.js";
import {ask, button, empty, field, head, segments, select, since, status, toast} from "../lib/ui.js";

const PAGE = 200;
const VIEWS = [["", "All"], ["live", "Live"], ["running", "Running"], ["failed", "Failed"], ["completed", "Completed"]];
const PERIODS = [["", "Any time"], ["15m", "Last 15 minutes"], ["1h", "Last hour"], ["24h", "Last day"], ["7d", "Last week"]];
const SIZES = {"15m": 900000, "1h": 3600000, "24h": 86400000, "7d": 604800000};

export function tookOf(r) {
    const from = toMs(r.run_started_at);
    const to = toMs(r.ended_at);
    return from === null ? "–" : duration((to ?? Date.now()) - from);
}

/* The filters as the API wants them. */
function filterOf(q) {
    const f = {};
    for (const k of ["function", "status", "creator", "q", "event_name", "after", "before"]) {
        if (q[k])
            f[k] = q[k];
    }
    if (q.period && SIZES[q.period])
        f.after = String(Date.now() - SIZES[q.period]);
    return f;
}

const ENDED = new Set(["completed", "failed", "cancelled", "skipped"]);

/* Whether a run that has just been heard of belongs to what is shown. A text within the error is left to the console. */
function fits(q, r) {
    const states = (q.status ?? "").split(",").filter(Boolean);
    const ended = ENDED.has(r.state);
    return (!q.function || q.function.split(",").includes(r.function_id)) && (!q.creator || q.creator === r.creator_id) && !q.q && !q.before && !q.event_name &&
        (states.length === 0 || states.some((s) => s === r.state || s === r.status?.toLowerCase() || (s === "live" && !ended) || (s === "ended" && ended)));
}

export function runs(ctx) {
    const q = {...ctx.query};
    const table = bigTable(ctx, {
        label: "Runs",
        columns: [
            {name: "Status", width: "136px", cell: (r) => status(r.cancelling ? "cancelling" : r.state)},
            {name: "Function", width: "minmax(160px, 1.4fr)", link: true, cell: (r) => r.function_id},
            {name: "Creator", width: "minmax(90px, .8fr)", cell: (r) => h("span", {class: "mono soft", title: r.creator_id}, shortId(r.creator_id))},
            {name: "Error", width: "minmax(120px, 2fr)", cell: (r) => h("span", {class: "bad-text", title: r.error?.message}, r.error?.message ?? "")},
            {name: "Tries", width: "44px", cls: "num", cell: (r) => r.attempts || ""},
            {name: "Took", width: "84px", cls: "num", cell: tookOf},
            {name: "Accepted", width: "96px", cls: "num", cell: (r) => since(r.queued_at)},
        ],
        key: (r) => r.run_id,
        card: (r) => [h("div", {class: "row"}, status(r.cancelling ? "cancelling" : r.state), h("span", {class: "push soft small"}, since(r.queued_at))),
            h("div", {class: "clip"}, r.function_id), r.error && h("div", {class: "clip bad-text small"}, r.error.message)],
        open: (r) => toRun(r.run_id),
        load: (cursor, signal) => page("/v1/runs", {...filterOf(q), limit: PAGE, cursor}, {signal}),
        mark: ctx.mayChange ? marks : null,
        match: (r) => fits(q, r),
        empty: () => empty(Object.keys(q).length > 0 ? "No run fits these filters" : "No runs yet",
            Object.keys(q).length > 0 ? "Take a filter away, or look at a longer time."
                : "An event that a function listens to starts one. Send a test event to see it here at once.",
            {action: Object.keys(q).length > 0
                ? h("a", {class: "button", href: "#/runs", onclick: () => setTimeout(() => location.reload(), 0)}, "Take all filters away")
                : h("a", {class: "button main", href: "#/events"}, "Send an event")}),
    });

    const actions = h("div", {class: "row"});
    const bulkBar = h("div", {class: "row tight"});
    function marks(list) {
        fill(bulkBar);
        if (list.length === 0)
            return;
        const all = (name) => list.every((r) => (name === "cancel" ? !ENDED.has(r.state) : ENDED.has(r.state)));
        fill(bulkBar, h("span", {class: "soft small"}, `${list.length} marked:`),
            all("cancel") && button("Cancel", () => each("cancel", list), {cls: "small", shape: "stop"}),
            all("end") && button("Retry", () => each("retry", list), {cls: "small", shape: "retry"}),
            all("end") && button("Replay", () => each("replay", list), {cls: "small"}));
    }

    async function each(action, list) {
        let done = 0, problem = null;
        for (const r of list) {
            try {
                await post(`/v1/runs/${encodeURIComponent(r.run_id)}/${action}`, {});
                done += 1;
            } catch (e) {
                problem = e;
            }
        }
        toast(problem ? `${done} of ${list.length} done; ${problem.message}` : `${done} ${done === 1 ? "run" : "runs"}: ${action} asked for`,
            problem ? "bad" : "");
        table.reload();
    }

    function apply(values) {
        Object.assign(q, values);
        for (const k of Object.keys(q)) {
            if (q[k] === "" || q[k] === null)
                delete q[k];
        }
        ctx.setQuery(q);
        table.reload();
    }

    let typing = null;
    const typed = (name) => (e) => {
        clearTimeout(typing);
        typing = setTimeout(() => apply({[name]: e.target.value.trim()}), 300);
    };
    const functionSelect = select([["", "All functions"], ...(q.function ? [[q.function, q.function]] : [])], q.function, (v) => apply({function: v}),
        {id: "filter-function"});
    get("/v1/functions", null, {signal: ctx.signal}).then((list) => {
        const known = list.map((f) => [f.id, f.id]);
        if (q.function && !known.some(([id]) => id === q.function))
            known.unshift([q.function, q.function]);
        fill(functionSelect, [["", "All functions"], ...known].map(([v, label]) => h("option", {value: v, selected: v === (q.function ?? "")}, label)));
    }).catch(() => {});

    fill(actions, bulkBar, ctx.mayChange && button("For all that fit…", () => wholesale(filterOf(q), table), {id: "wholesale"}));
    const view = VIEWS.some(([v]) => v === (q.status ?? "")) ? q.status ?? "" : null;
    fill(ctx.el, head("Runs", {actions}),
        h("form", {class: "filters", role: "search", "aria-label": "Filters", onsubmit: (e) => e.preventDefault()},
            segments("Status", VIEWS, view, (v) => apply({status: v})),
            field("Function", functionSelect, {hidden: true}),
            field("Time", select(PERIODS, q.period, (v) => apply({period: v}), {id: "filter-period"}), {hidden: true}),
            field("Creator",
                h("input", {type: "search", placeholder: "Creator id", value: q.creator ?? "", oninput: typed("creator"), id: "filter-creator"}),
                {hidden: true}),
            field("Text in the error",
                h("input", {type: "search", placeholder: "Text in the error", value: q.q ?? "", oninput: typed("q"), id: "filter-q"}),
                {hidden: true, cls: "grow"})),
        table.el);
    table.reload();

    const stop = listen("run", (m) => {
        const known = {state: m.state, status: m.status, error: m.error ?? null, worker: m.worker};
        if (ENDED.has(m.state))
            known.ended_at = m.at;
        const now = table.get(m.run_id);
        if (now) {
            if (m.state === "running" && !now.run_started_at)
                known.run_started_at = m.at;
            if (m.attempt)
                known.attempts = Math.max(now.attempts ?? 0, m.attempt);
            table.change(m.run_id, known);
        } else if (fits(q, m)) {
            table.insert({run_id: m.run_id, function_id: m.function_id, creator_id: m.creator_id, queued_at: m.at,
                run_started_at: m.state === "running" ? m.at : null,
                ended_at: ENDED.has(m.state) ? m.at : null, attempts: m.attempt ?? 0, ...known});
        }
    });
    const again = listen("connected", () => table.body.scrollTop < 4 && table.reload());
    ctx.signal.addEventListener("abort", () => {
        stop();
        again();
        clearTimeout(typing);
    });
}

/* The same for all runs that fit the filters: first without doing it. */
async function wholesale(filter, table) {
    const which = Object.keys(filter).length > 0 ? {filter} : {all: true};
    const action = select([["retry", "Retry from the step that failed"], ["replay", "Replay from the start"], ["cancel", "Cancel"]], "retry", null);
    const reason = h("input", {type: "text", maxlength: "500"});
    const chosen = await ask("For all runs that fit the filters", h("div", {class: "form"}, field("What", action),
        field("Reason", reason, {hint: "For the record of changes; of a cancellation it is shown in the runs."}),
        h("p", {class: "soft"}, Object.keys(filter).length === 0 ? "No filter is set: this concerns all runs."
            : `Filters: ${Object.entries(filter).map(([k, v]) => `${k} ${v}`).join(", ")}`)),
    {confirm: "Look first", read: () => ({action: action.value, reason: reason.value.trim() || undefined}),
        act: async (v) => ({...v, would: await post("/v1/runs/bulk", {...v, ...which, dry_run: true})})});
    if (!chosen)
        return;
    const {would, ...order} = chosen;
    if (would.matched === 0) {
        toast("No run fits.");
        return;
    }
    const done = await ask(`${words(order.action)} ${would.matched}${would.matched_all ? "" : " or more"} ${would.matched === 1 ? "run" : "runs"}?`,
        h("ul", {class: "stack"},
            would.sample.slice(0, 8).map((r) => h("li", {class: "row"}, status(r.state), h("span", {class: "clip"}, r.function_id),
                h("span", {class: "push small soft"}, since(r.queued_at)))),
            would.matched > 8 && h("li", {class: "soft"}, `and ${would.matched - 8} more`)),
        {confirm: words(order.action), danger: order.action === "cancel", act: () => post("/v1/runs/bulk", {...order, ...which, dry_run: false})});
    if (done) {
        const refused = done.refused.length > 0 ? `, ${done.refused.length} refused: ${done.refused[0].error}` : "";
        toast(`${done.done} done${refused}${done.matched_all ? "" : "; there are more, ask again"}`);
        table.reload();
    }
}

const words = (action) => ({retry: "Retry", replay: "Replay", cancel: "Cancel"})[action];

export const toRuns = (q) => address("/runs", q);
