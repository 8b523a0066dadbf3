/* Functions: what they are, how they stand, and what may be done with them. */
import {address, toFunction} from "../lib/address.js";
import {get, post} from "../lib/api.js";
import {fill, h} from "../lib/dom.js";
import {count, duration, usd} from "../lib/format.js";
import {view} from "../lib/load.js";
import {ask, bar, busy, button, code, empty, field, head, panel, since, status, tile, toast} from "../lib/ui.js";
import {limitName, scroll} from "./overview.js";

const stateOf = (f) => f.paused ?? (f.workers === 0 ? "unmatched" : "active");
const stateTag = (f) => (f.paused === null && f.workers === 0 ? h("span", {class: "status bad"}, "No worker") : status(stateOf(f)));

export function functions(ctx) {
    const body = h("div", {class: "stack"});
    fill(ctx.el, head("Functions"), body);
    const it = view(ctx, body, {
        load: (signal) => get("/v1/functions", null, {signal}), every: 5000, on: ["run"],
        draw: (list) => {
            if (list.length === 0)
                return h("div", {class: "panel"}, empty("No functions", "A worker publishes its functions when it starts. None has, yet.", {picture: "functions"}));
            return h("div", {class: "panel"}, scroll("Functions", h("table", null,
                h("thead", null, h("tr", null, ["Function", "Starts by", "State"].map((n) => h("th", {scope: "col"}, n)), ["Live", "Waiting", "Last hour", "Failed"].map((n) => h("th", {scope: "col", class: "num"}, n)), ctx.mayChange && h("th", {scope: "col"}, h("span", {class: "sr"}, "Actions")))),
                h("tbody", null, list.map((f) => h("tr", {"data-function": f.id},
                    h("td", null, h("a", {href: toFunction(f.id)}, f.id)), h("td", {class: "soft small"}, startsBy(f)), h("td", null, stateTag(f)),
                    h("td", {class: "num"}, h("a", {href: address("/runs", {function: f.id, status: "live"}), "aria-label": `${f.live.live} live runs of ${f.id}`}, count(f.live.live))), h("td", {class: "num"}, count(f.live.waiting)), h("td", {class: "num"}, count(f.last_hour.completed + f.last_hour.failed + f.last_hour.cancelled)),
                    h("td", {class: `num ${f.last_hour.failed > 0 ? "bad-text" : ""}`}, count(f.last_hour.failed)), ctx.mayChange && h("td", {class: "num"}, pauseButton(f, () => it.reload(), "small"))))))));
        },
    });
}

function startsBy(f) {
    const list = [...f.triggers, ...(f.schedule ? [f.schedule.cron] : []), ...(f.on_failure_of ? [`failures of ${f.on_failure_of}`] : [])];
    return list.length > 0 ? list.map((t, i) => [i > 0 && ", ", h("span", {class: "mono"}, t)]) : "other functions";
}

function pauseButton(f, after, cls = "") {
    const action = f.paused ? "resume" : "pause";
    return button(f.paused ? "Resume" : "Pause", async (e) => {
        const done = await busy(e.currentTarget, () => post(`/v1/functions/${encodeURIComponent(f.id)}/${action}`));
        if (done)
            toast(done.done);
        after();
    }, {cls, shape: f.paused ? "play" : "pause", "aria-label": `${f.paused ? "Resume" : "Pause"} ${f.id}`, id: `${action}-${f.id}`});
}

export function oneFunction(ctx) {
    const {id} = ctx.params;
    const path = `/v1/functions/${encodeURIComponent(id)}`;
    const body = h("div", {class: "stack"}), actions = h("div", {class: "row push"});
    fill(ctx.el, h("div", {class: "head"}, h("div", null, h("a", {class: "back", href: "#/functions"}, "← Functions"), h("h1", {id: "title", tabindex: "-1"}, id)), actions), body);
    ctx.title(id);
    ctx.wants = (m) => m.function_id === id;
    const it = view(ctx, body, {
        on: ["run"], every: 5000,
        load: async (signal) => {
            const [f, limits] = await Promise.all([get(path, null, {signal}), get("/v1/limits", null, {signal})]);
            return {f, limits: limits.filter((l) => l.functions.includes(id))};
        },
        draw: ({f, limits}) => {
            fill(actions, stateTag(f), ctx.mayChange && [
                button(f.schedule ? "Run now" : "Start…", () => trigger(f), {cls: "main", shape: "play", id: "trigger"}), pauseButton(f, () => it.reload()),
                !f.paused && button("Drain", async (e) => {
                    const done = await busy(e.currentTarget, () => post(`${path}/drain`));
                    if (done)
                        toast(done.done);
                    it.reload();
                }, {id: "drain", title: "No run begins; those that have begun end"}),
                f.workers === 0 && button("Retire…", retire, {cls: "danger", id: "retire"})]);
            return draw(f, limits);
        },
    });

    async function trigger(f) {
        const data = field("Data (a JSON object)", h("textarea", {rows: "6", spellcheck: "false", id: "trigger-data"}));
        data.input.value = "{}";
        const done = await ask(`Start ${id} now?`, f.schedule ? h("p", null, "One run beside its schedule. The schedule stays as it is.") : data, {
            confirm: "Start",
            read: () => {
                if (f.schedule)
                    return {};
                try {
                    return {data: JSON.parse(data.input.value)};
                } catch (e) {
                    data.setError(e.message);
                    return undefined;
                }
            },
            act: (v) => post(`${path}/trigger`, v)});
        if (done)
            toast(done.done);
    }

    async function retire() {
        const done = await ask(`Retire ${id}?`, h("p", null, "No worker executes it any more. It is forgotten with its schedule, and its live runs are cancelled. A worker whose build has it makes it known again."),
            {confirm: "Retire", danger: true, act: () => post(`${path}/retire`)});
        if (done) {
            toast(done.done);
            ctx.go("/functions");
        }
    }

    async function setLimit(l) {
        const each = l.per && !l.owner;
        const owner = each ? field(l.per === "owner" ? "Creator" : "Key", h("input", {type: "text", spellcheck: "false", id: "limit-owner"}), {hint: "It is counted for each; another maximum is for one of them."}) : null;
        const max = field("At most", h("input", {type: "number", min: "0", step: "1", inputmode: "numeric", value: String(l.max), id: "limit-max"}), {hint: "0 admits nobody. Empty: as the function declares it."});
        const done = await ask(`Limit ${limitName(l)}`, h("div", {class: "form"}, owner, max), {
            confirm: "Set",
            read: () => {
                const text = max.input.value.trim(), whose = owner?.input.value.trim();
                owner?.setError(whose === "" ? "Enter whose." : null);
                if (whose === "") {
                    owner.input.focus();
                    return undefined;
                }
                if (text !== "" && !/^\d{1,9}$/.test(text)) {
                    max.setError("A whole number, 0 or more.");
                    return undefined;
                }
                return {name: l.name, owner: l.owner ?? whose ?? null, max: text === "" ? null : Number(text)};
            },
            act: (v) => post("/v1/limits", v)});
        if (done)
            toast(done.done);
        it.reload();
    }

    function draw(f, limits) {
        const c = f.config;
        const value = (n, unit) => (unit === "usd" ? usd(n) : count(n));
        return [
            h("div", {class: "tiles"},
                tile("Running", count(f.live.running), {href: address("/runs", {function: id, status: "running"}), note: `${f.workers} ${f.workers === 1 ? "worker executes" : "workers execute"} it`, alarm: f.workers === 0}),
                tile("Waiting", count(f.live.waiting + f.live.ready), {href: address("/runs", {function: id, status: "waiting,ready"}), note: f.oldest_queued_at ? ["the oldest since ", since(f.oldest_queued_at)] : "nothing waits"}),
                tile("Completed", count(f.last_hour.completed), {href: address("/runs", {function: id, status: "completed", period: "1h"}), note: "in the last hour"}),
                tile("Failed", count(f.last_hour.failed), {href: address("/runs", {function: id, status: "failed", period: "1h"}), note: "in the last hour", alarm: f.last_hour.failed > 0.05 * (f.last_hour.completed + f.last_hour.failed)})),
            h("div", {class: "cols"},
                panel("Limits", limits.length === 0 ? empty("No limits", "As many run as workers have threads.", {compact: true}) : h("ul", {class: "stack"}, limits.slice(0, 30).map((l) => h("li", {class: "row"},
                    h("div", {class: "meter grow"}, h("span", {title: l.owner ?? l.name}, limitName(l), l.set !== null && h("span", {class: "tag"}, "set by an operator")), h("span", {class: "num"}, l.per && !l.owner ? `${value(l.max, l.unit)} each` : `${value(l.used, l.unit)} of ${value(l.max, l.unit)}`),
                        (!l.per || l.owner) && bar(l.used, l.max, {label: `Limit ${limitName(l)}`, cls: l.used >= l.max ? "full" : ""})),
                    ctx.mayChange && l.unit === "runs" && button(l.per && !l.owner ? "For one…" : "Change", () => setLimit(l), {cls: "small", "aria-label": l.per && !l.owner ? `For one… of the limit ${limitName(l)}` : `Change limit ${limitName(l)}`}))))),
                panel("When it runs", h("dl", {class: "facts"},
                    f.triggers.length > 0 && [h("dt", null, "Events"), h("dd", null, f.triggers.map((t, i) => [i > 0 && ", ", h("a", {href: address("/events", {name: t}), class: "mono"}, t)]))],
                    f.schedule && [h("dt", null, "Schedule"), h("dd", {class: "mono"}, f.schedule.cron), h("dt", null, "Last"), h("dd", null, since(f.schedule.last_tick, "never")), h("dt", null, "Next"), h("dd", null, since(f.schedule.next_tick))],
                    f.on_failure_of && [h("dt", null, "Failures of"), h("dd", null, h("a", {href: toFunction(f.on_failure_of)}, f.on_failure_of))],
                    c.condition && [h("dt", null, "Only if"), h("dd", {class: "mono"}, c.condition)], c.priority && [h("dt", null, "Priority"), h("dd", {class: "mono"}, c.priority)],
                    h("dt", null, "Retries"), h("dd", null, c.retries ?? 0),
                    c.rateLimit && [h("dt", null, "Rate limit"), h("dd", null, `${c.rateLimit.max} in ${duration(c.rateLimit.period_ms)}`)], c.throttle && [h("dt", null, "Throttle"), h("dd", null, `${c.throttle.max} in ${duration(c.throttle.period_ms)}`)],
                    c.debounce && [h("dt", null, "Debounce"), h("dd", null, duration(c.debounce.period_ms))], c.batch && [h("dt", null, "Batch"), h("dd", null, `up to ${c.batch.max_size} events or ${duration(c.batch.timeout_ms)}`)],
                    c.singleton && [h("dt", null, "Singleton"), h("dd", null, c.singleton.mode === "skip" ? "the new run is skipped" : "the old run is cancelled")], c.timeouts?.finish_ms > 0 && [h("dt", null, "Must end within"), h("dd", null, duration(c.timeouts.finish_ms))],
                    c.usd && [h("dt", null, "Budget"), h("dd", null, `${usd(c.usd.cap / 1e6)} per creator and hour`)])) ),
            panel("Steps", h("ol", {class: "stack"}, (c.steps ?? []).map((s, i) => h("li", {class: "row"}, h("span", {class: "soft num"}, `${i + 1}.`), h("span", {class: "mono"}, s.name), s.tx && h("span", {class: "tag", title: "Runs inside the transaction that records it"}, "exactly once"), s.each && h("span", {class: "tag"}, s.parallel ? `each, ${s.parallel} at a time` : "each"), s.paid && h("span", {class: "tag"}, "paid"))))),
            panel("Config", code(c, {label: "Config"})),
        ];
    }
}
