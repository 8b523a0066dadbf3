/* Events: send one and watch what it starts; look at those that came. */
import {address, toEvent, toRun} from "../lib/address.js";
import {call, get, page} from "../lib/api.js";
import {fill, h} from "../lib/dom.js";
import {count, fullTime, shortId} from "../lib/format.js";
import {KNOWN, problemOf, valueOf} from "../lib/known_events.js";
import {view} from "../lib/load.js";
import {listen} from "../lib/stream.js";
import {bigTable} from "../lib/table.js";
import {busy, button, code, copyButton, empty, field, head, panel, segments, select, since, status} from "../lib/ui.js";
import {scroll} from "./overview.js";
import {tookOf} from "./runs.js";

const ENDED = new Set(["completed", "failed", "cancelled", "skipped"]);

export function events(ctx) {
    const sent = h("div", {class: "stack", id: "sent"});
    const table = list(ctx);
    fill(ctx.el, head("Events"), h("div", {class: "stack"},
        ctx.mayChange ? h("div", {class: "cols"}, panel("Send a test event", editor(ctx, sent)), sent) : null,
        h("section", {class: "stack", "aria-labelledby": "came"}, h("h2", {id: "came"}, "Events that came"), filters(ctx, table), table.el)));
    fill(sent, panel("Its runs", empty("Nothing sent yet", "Send an event, and the runs that it starts show here, live.", {picture: "events", compact: false})));
    table.reload();
}

/* ---- sending ---- */
function editor(ctx, sent) {
    const name = select([], null, null, {id: "event-name"});
    const custom = field("Name", h("input", {type: "text", id: "event-custom", placeholder: "area/thing.happened", maxlength: "256", spellcheck: "false"}));
    const text = h("p", {class: "soft small"});
    const fieldsAt = h("div", {class: "form-grid"});
    const data = field("Data (a JSON object)", h("textarea", {id: "event-data", spellcheck: "false", rows: "8"}));
    const key = field("Id", h("input", {type: "text", id: "event-id", maxlength: "512", spellcheck: "false"}), {hint: "Optional: an event with this id starts nothing twice within a day."});
    const go = button("Send", null, {type: "submit", cls: "main", id: "send", shape: "events"});
    let mode = "form", fields = [], triggers = [];
    data.input.value = "{}";

    const known = () => KNOWN.find((k) => k.name === name.value);
    const useForm = () => mode === "form" && known();

    function pickName(keep) {
        const k = known();
        custom.hidden = name.value !== "";
        text.textContent = k?.text ?? "";
        modes.hidden = !k;
        fields = (k?.fields ?? []).map((f) => ({f, el: control(f)}));
        fill(fieldsAt, fields.map((x) => x.el));
        const t = triggers.find((x) => x.name === name.value);
        if (!keep && !k)
            data.input.value = JSON.stringify(t?.template ?? {}, null, 2);
        showMode();
    }

    function showMode() {
        fieldsAt.hidden = !useForm();
        data.hidden = Boolean(useForm());
    }

    function control(f) {
        const id = `event-${f.name}`;
        if (f.kind === "switch") {
            const box = h("input", {type: "checkbox", id});
            const el = h("div", {class: "field"}, h("label", {class: "check", for: id}, box, f.label));
            el.input = box;
            el.setError = () => {};
            return el;
        }
        const input = f.kind === "choice" ? select(f.options.map((o) => [o, o]), f.options[0], null, {id})
            : f.kind === "uuids" ? h("textarea", {id, rows: "3", spellcheck: "false"}) : h("input", {type: "text", id, spellcheck: "false", autocomplete: "off"});
        return field(f.label, input, {hint: f.hint ?? (f.kind === "uuids" ? "Ids, one a line" : null)});
    }

    function read() {
        if (useForm()) {
            const out = {};
            let first = null;
            for (const {f, el} of fields) {
                const value = f.kind === "switch" ? el.input.checked : el.input.value;
                const problem = problemOf(f, value);
                el.setError(problem);
                if (problem)
                    first ??= el.input;
                const v = valueOf(f, value);
                if (v !== undefined)
                    out[f.name] = v;
            }
            first?.focus();
            return first ? undefined : out;
        }
        try {
            const out = JSON.parse(data.input.value.trim() === "" ? "{}" : data.input.value);
            if (out === null || typeof out !== "object" || Array.isArray(out))
                throw new Error("the data of an event is an object: {…}");
            data.setError(null);
            return out;
        } catch (e) {
            data.setError(e.message);
            data.input.focus();
            return undefined;
        }
    }

    const modes = segments("How to write it", [["form", "Form"], ["json", "JSON"]], "form", (m) => {
        if (m === "json") {
            const out = {};
            for (const {f, el} of fields) {
                const v = valueOf(f, f.kind === "switch" ? el.input.checked : el.input.value);
                if (v !== undefined)
                    out[f.name] = v;
            }
            data.input.value = JSON.stringify(out, null, 2);
        }
        mode = m;
        showMode();
    });

    async function send() {
        custom.setError(null);
        const eventName = name.value || custom.input.value.trim();
        if (eventName === "") {
            custom.setError("Name is needed.");
            custom.input.focus();
            return;
        }
        const value = read();
        if (value === undefined)
            return;
        const body = {name: eventName, data: value};
        if (key.input.value.trim() !== "")
            body.id = key.input.value.trim();
        await busy(go, async () => {
            const answer = await call("POST", "/v1/events", body);
            watch(ctx, sent, answer.ids[0], eventName);
        });
    }

    name.addEventListener("change", () => pickName(false));
    function names() {
        const others = triggers.filter((t) => !KNOWN.some((k) => k.name === t.name));
        fill(name, h("optgroup", {label: "Chronos"}, KNOWN.map((k) => h("option", {value: k.name}, k.name))),
            others.length > 0 && h("optgroup", {label: "Other events that a function listens to"}, others.map((t) => h("option", {value: t.name}, t.name))),
            h("option", {value: ""}, "Another event…"));
    }
    names();
    const wanted = ctx.query.name;
    if (wanted && !KNOWN.some((k) => k.name === wanted))
        custom.input.value = wanted;
    name.value = !wanted ? KNOWN[0].name : KNOWN.some((k) => k.name === wanted) ? wanted : "";
    pickName(true);
    get("/v1/functions", null, {signal: ctx.signal}).then((list) => {
        const map = new Map();
        for (const f of list) {
            for (const t of f.triggers) {
                if (!t.startsWith("inngest/"))
                    map.set(t, {name: t, template: template(f.config)});
            }
        }
        triggers = [...map.values()].sort((a, b) => a.name.localeCompare(b.name));
        const now = name.value;
        names();
        name.value = now === "" && triggers.some((t) => t.name === wanted) ? wanted : now;
        if (name.value !== now)
            pickName(false);
    }).catch(() => {});
    return h("form", {class: "form", novalidate: true, onsubmit: (e) => {
        e.preventDefault();
        send();
    }}, field("Event", name), text, custom, modes, fieldsAt, data, key, h("div", null, go));
}

/* The keys that a function's rules look at, to begin with. */
function template(config) {
    const out = {};
    for (const k of config?.keys ?? []) {
        const m = /^(?:event\.)?data\.([A-Za-z_]\w*)$/.exec(k ?? "");
        if (m)
            out[m[1]] = "";
    }
    return out;
}

/* What became of an event that was just sent. */
function watch(ctx, el, id, name) {
    const body = h("div", null);
    const runIds = new Set();
    fill(el, panel("Its runs", [h("div", {class: "body"}, h("p", {class: "row"}, "Sent ", h("strong", null, name), h("a", {href: toEvent(id), class: "mono", id: "sent-event"}, shortId(id)), copyButton(id, "the id of the event"))), body], {flush: true}));
    let quiet = false;
    const local = {...ctx, wants: (m, type) => !quiet && (type === "event" ? m.internal_id === id : runIds.has(m.run_id))};
    view(local, body, {
        on: ["run", "event"], every: () => (quiet ? 60000 : 1500),
        load: async (signal) => {
            /* looked for in the list: until a scheduler has recorded it, asking for it alone is an error */
            const e = (await get("/v1/events", {name, limit: 50}, {signal})).find((x) => x.internal_id === id) ?? null;
            const list = e === null ? [] : await get(`/v1/events/${id}/runs`, null, {signal});
            return {e, list};
        },
        draw: (d) => {
            d.list.forEach((r) => runIds.add(r.run_id));
            quiet = d.list.length > 0 && d.list.every((r) => ENDED.has(r.state));
            return runList(d.e, d.list);
        },
    });
}

function runList(e, list) {
    if (list.length > 0)
        return scroll("Runs of the event", h("table", null, h("thead", null, h("tr", null, h("th", {scope: "col"}, "Status"), h("th", {scope: "col"}, "Function"), h("th", {scope: "col", class: "num"}, "Took"))),
            h("tbody", null, list.map((r) => h("tr", null, h("td", null, status(r.state)), h("td", null, h("a", {href: toRun(r.run_id)}, r.function_id), r.error && h("div", {class: "bad-text small"}, r.error.message)), h("td", {class: "num"}, tookOf(r)))))));
    if (e?.outcome === "unmatched")
        return empty("Nobody listens", "No function has this event as its trigger, so it started nothing.", {compact: true});
    if (e?.outcome === "duplicate")
        return empty("Seen before", "An event with this id came within the last day, so this one started nothing.", {compact: true});
    return empty("Accepted", "It is on its way to the functions that listen.", {compact: true});
}

const outcome = (e) => status(e.outcome === "accepted" ? "taken" : e.outcome);

/* ---- those that came ---- */
function list(ctx) {
    const table = bigTable(ctx, {
        label: "Events",
        columns: [
            {name: "Event", width: "minmax(180px, 1.6fr)", link: true, cell: (e) => e.name}, {name: "Outcome", width: "140px", cell: (e) => outcome(e)},
            {name: "Runs", width: "48px", cls: "num", cell: (e) => count(e.runs?.length ?? 0)}, {name: "Creator", width: "minmax(90px, 1fr)", cell: (e) => h("span", {class: "mono soft", title: e.creator_id}, shortId(e.creator_id))},
            {name: "Id", width: "minmax(110px, 1fr)", cell: (e) => h("span", {class: "mono soft"}, shortId(e.internal_id))}, {name: "Received", width: "96px", cls: "num", cell: (e) => since(e.received_at)},
        ],
        key: (e) => e.internal_id, open: (e) => toEvent(e.internal_id),
        card: (e) => [h("div", {class: "clip"}, e.name), h("div", {class: "row"}, outcome(e), h("span", {class: "soft small push"}, since(e.received_at)))],
        load: (cursor, signal) => page("/v1/events", {name: ctx.query.name, limit: 100, cursor}, {signal}),
        match: (e) => !ctx.query.name || e.name === ctx.query.name,
        empty: () => empty("No events yet", "They show here as soon as a scheduler has taken them.", {picture: "events"}),
    });
    const stop = listen("event", (m) => (!ctx.query.name || ctx.query.name === m.name) && table.insert(m));
    ctx.signal.addEventListener("abort", stop);
    return table;
}

function filters(ctx, table) {
    const input = h("input", {type: "search", placeholder: "Exactly this name", value: ctx.query.name ?? "", id: "filter-name"});
    return h("form", {class: "filters", role: "search", "aria-label": "Filters", onsubmit: (e) => {
        e.preventDefault();
        ctx.query.name = input.value.trim();
        ctx.setQuery(ctx.query);
        table.reload();
    }}, field("Name of the event", input, {hidden: true, cls: "grow"}), button("Filter", null, {type: "submit"}));
}

export function event(ctx) {
    const {id} = ctx.params;
    const body = h("div", {class: "stack"});
    fill(ctx.el, head("Event", {back: ["#/events", "Events"], sub: h("span", {class: "mono row tight"}, id, copyButton(id, "the id of the event"))}), body);
    ctx.wants = (m, type) => type === "run";
    view(ctx, body, {
        on: ["run"], every: 5000,
        load: async (signal) => {
            const [e, list] = await Promise.all([get(`/v1/events/${encodeURIComponent(id)}`, null, {signal}), get(`/v1/events/${encodeURIComponent(id)}/runs`, null, {signal})]);
            return {e, list};
        },
        draw: ({e, list}) => {
            document.getElementById("title").textContent = e.name;
            ctx.title(e.name);
            const one = (n, v) => h("div", null, h("dt", {class: "soft"}, n), h("dd", null, v));
            return [
                h("div", {class: "panel"}, h("div", {class: "body"}, h("dl", {class: "facts strip"}, one("Outcome", outcome(e)), one("Received", h("span", {title: fullTime(e.received_at)}, since(e.received_at))),
                    e.creator_id && one("Creator", h("a", {href: address("/runs", {creator: e.creator_id}), class: "mono"}, shortId(e.creator_id))), e.id && one("Sender's id", h("span", {class: "mono"}, e.id)),
                    e.ts && one("Time it names", fullTime(e.ts)), (e.retry_of ?? e.replay_of) && one(e.retry_of ? "Retry of" : "Replay of", h("a", {href: toRun(e.retry_of ?? e.replay_of), class: "mono"}, shortId(e.retry_of ?? e.replay_of)))))),
                panel("Runs", runList(e, list), {flush: true}), panel("Data", code(e.data, {label: "Data of the event"})), e.user && panel("User", code(e.user, {label: "User of the event"}))];
        },
    });
}
