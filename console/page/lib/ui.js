/* The parts that screens are made of. */
import {ApiError} from "./api.js";
import {fill, h, icon, unique} from "./dom.js";
import {ago, fullTime, toMs} from "./format.js";

/* ---- status: a colour, a shape and a word ---- */
const STATUSES = {
    completed: ["good", "check", "Completed"], failed: ["bad", "cross", "Failed"], running: ["busy", "play", "Running"],
    accepted: ["wait", "clock", "Accepted"], ready: ["wait", "clock", "Ready"], waiting: ["wait", "clock", "Waiting"],
    collecting: ["wait", "clock", "Collecting"], retrying: ["wait", "retry", "Will retry"], sleeping: ["calm", "moon", "Sleeping"],
    waiting_for_event: ["calm", "moon", "Awaits an event"], waiting_for_function: ["calm", "moon", "Awaits a run"],
    waiting_for_branches: ["busy", "play", "In branches"], cancelled: ["dull", "stop", "Cancelled"], cancelling: ["dull", "stop", "Being cancelled"],
    skipped: ["dull", "skip", "Skipped"], lost: ["bad", "cross", "Worker lost"],
    taken: ["good", "check", "Accepted"], duplicate: ["dull", "copy", "Duplicate"], unmatched: ["wait", "dash", "Nobody listens"],
    active: ["good", "check", "Active"], pause: ["wait", "pause", "Paused"], drain: ["wait", "pause", "Draining"],
    partial: ["wait", "dash", "Partly done"], in_progress: ["busy", "play", "In progress"], pending: ["wait", "clock", "Pending"],
    uploading: ["busy", "play", "Uploading"], transcribing: ["busy", "play", "Transcribing"], processing: ["busy", "play", "Processing"],
    embedding: ["busy", "play", "Embedding"], busy: ["busy", "play", "Busy"], idle: ["good", "check", "Idle"],
};

export function statusClass(name) {
    return (STATUSES[String(name).toLowerCase()] ?? ["dull"])[0];
}

export function statusName(name) {
    const known = STATUSES[String(name).toLowerCase()];
    return known ? known[2] : String(name ?? "unknown");
}

export function status(name) {
    const [cls, shape, word] = STATUSES[String(name).toLowerCase()] ?? ["dull", "dash", String(name ?? "unknown")];
    return h("span", {class: `status ${cls}`, "data-status": name}, icon(shape), word);
}

/* ---- time that goes on by itself ---- */
const PATIENCE = 60; // looks at which an element was not on the page: it may not be there yet, and it may be gone
const watched = new Map(); // element -> such looks, one after the other
setInterval(() => {
    for (const [el, missed] of watched) {
        if (el.isConnected) {
            el.textContent = ago(Number(el.dataset.ms));
            watched.set(el, 0);
        } else if (missed < PATIENCE) {
            watched.set(el, missed + 1);
        } else {
            watched.delete(el);
        }
    }
}, 1000);

export function since(t, empty = "–") {
    const ms = toMs(t);
    if (ms === null)
        return h("span", null, empty);
    const el = h("time", {datetime: new Date(ms).toISOString(), title: fullTime(ms), class: "nowrap num", "data-ms": ms}, ago(ms));
    watched.set(el, 0);
    return el;
}

/* ---- panels and states ---- */
export function panel(title, body, {actions = null, flush = false, level = "h2", cls = ""} = {}) {
    return h("section", {class: `panel ${cls}`},
        title && h("header", null, h(level, null, title), actions && h("div", {class: "row tight push"}, actions)),
        h("div", {class: `body ${flush ? "flush" : ""}`}, body));
}

export function tile(label, value, {unit, note, href, alarm = false, extra = null} = {}) {
    return h(href ? "a" : "div", {class: `tile ${alarm ? "alarm" : ""}`, href},
        h("span", {class: "label"}, label), h("span", {class: "value"}, value, unit && h("small", null, unit)), extra, h("span", {class: "note"}, note));
}

export function loading(label = "Loading") {
    return h("div", {class: "skeleton", role: "status", "aria-label": label}, h("span"), h("span"), h("span"), h("span"));
}

export function empty(title, text, {action = null, picture = "runs", compact = false} = {}) {
    return h("div", {class: `state ${compact ? "compact" : ""}`}, h("div", {class: "art"}, icon(picture)), h("h2", null, title), h("p", null, text), action);
}

export function failed(error, again) {
    const away = error instanceof ApiError && error.status === 0;
    return h("div", {class: "state", role: "alert"}, h("div", {class: "art"}, icon("rejected")),
        h("h2", null, away ? "The console does not answer" : error.status === 404 ? "Not found" : "This could not be loaded"),
        h("p", null, away ? "It may be restarting, or the network is down. This page goes on by itself when it is back." : error.message),
        again && button("Try again", again, {shape: "retry"}));
}

export function head(title, {sub = null, actions = null, back = null} = {}) {
    return h("div", {class: "head"},
        h("div", null, back && h("a", {class: "back", href: back[0]}, "← ", back[1]), h("h1", {tabindex: "-1", id: "title"}, title)),
        actions && h("div", {class: "row push"}, actions), sub && h("p", {class: "sub"}, sub));
}

/* ---- controls ---- */
export function button(label, onclick, {cls = "", shape = null, disabled = false, id = null, title = null, type = "button", ...more} = {}) {
    return h("button", {type, class: `button ${cls}`, onclick, disabled, id, title, ...more}, shape && icon(shape), label);
}

/* Runs an action of a button: no second press meanwhile, and what went wrong is told. */
export async function busy(el, action) {
    el.disabled = true;
    el.setAttribute("aria-busy", "true");
    try {
        return await action();
    } catch (e) {
        if (e.name !== "AbortError")
            toast(e.message, "bad");
        return undefined;
    } finally {
        el.disabled = false;
        el.removeAttribute("aria-busy");
    }
}

export function toast(text, kind = "") {
    const el = h("div", {class: `toast ${kind}`}, icon(kind === "bad" ? "cross" : "check"), h("span", null, text));
    document.getElementById("toasts").append(el);
    setTimeout(() => el.remove(), kind === "bad" ? 9000 : 4500);
}

/* A labelled input; .input is the control, .setError(text) shows what is wrong with it. */
export function field(label, control, {hint = null, hidden = false, cls = ""} = {}) {
    const id = control.id || (control.id = unique("f"));
    const hintId = `${id}-hint`, errorId = `${id}-error`;
    const error = h("span", {class: "error", id: errorId, hidden: true});
    const el = h("div", {class: `field ${cls}`}, h("label", {for: id, class: hidden ? "sr" : ""}, label), control, hint && h("span", {class: "hint", id: hintId}, hint), error);
    if (hint)
        control.setAttribute("aria-describedby", hintId);
    el.input = control;
    el.setError = (text) => {
        error.textContent = text ?? "";
        error.hidden = !text;
        control.setAttribute("aria-invalid", text ? "true" : "false");
        control.setAttribute("aria-describedby", [hint && hintId, text && errorId].filter(Boolean).join(" "));
        if (!control.getAttribute("aria-describedby"))
            control.removeAttribute("aria-describedby");
    };
    return el;
}

export function select(options, value, onchange, more = {}) {
    const el = h("select", {onchange: onchange && (() => onchange(el.value)), ...more},
        options.map(([v, label]) => h("option", {value: v, selected: v === (value ?? "")}, label)));
    return el;
}

export function segments(label, options, value, onchange) {
    const el = h("div", {class: "segments", role: "group", "aria-label": label});
    fill(el, options.map(([v, name]) => h("button", {type: "button", "aria-pressed": String(v === value), onclick: (e) => {
        for (const b of el.children)
            b.setAttribute("aria-pressed", String(b === e.currentTarget));
        onchange(v);
    }}, name)));
    return el;
}

export function bar(part, whole, {cls = "", label} = {}) {
    const p = whole > 0 ? Math.min(100, (part / whole) * 100) : 0;
    return h("div", {class: `bar ${cls}`, role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": String(whole), "aria-valuenow": String(Math.min(part, whole))},
        h("i", {vars: {"--w": `${p}%`}}));
}

export function copyButton(text, what) {
    return h("button", {type: "button", class: "icon-button small", title: `Copy ${what}`, "aria-label": `Copy ${what}`, onclick: async () => {
        try {
            await navigator.clipboard.writeText(text);
            toast("Copied");
        } catch {
            toast("The browser does not let this page write to the clipboard.", "bad");
        }
    }}, icon("copy"));
}

/* Text of any length, pretty when it is JSON. Tokens are coloured as elements, never as markup. */
export function code(value, {label = "JSON"} = {}) {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 2) ?? "null";
    const pre = h("pre", {class: "code", tabindex: "0", role: "region", "aria-label": label});
    if (typeof value === "string" || text.length > 100000)
        return fill(pre, text);
    let last = 0;
    for (const m of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g)) {
        pre.append(text.slice(last, m.index));
        pre.append(h("span", {class: m[1] ? "key" : m[0].startsWith('"') ? "str" : "lit"}, m[0]));
        last = m.index + m[0].length;
    }
    pre.append(text.slice(last));
    return pre;
}

/* ---- dialogs ---- */

/* Opens a form; resolves with what `read` gives, or null. `act` (async) does the work: its failure is shown in the dialog. */
export function ask(title, body, {confirm = "OK", danger = false, read = () => true, act = null, cancel = "Cancel"} = {}) {
    return new Promise((resolve) => {
        const id = unique("dialog");
        const problem = h("p", {class: "bad-text", role: "alert", hidden: true});
        const go = button(confirm, null, {type: "submit", cls: danger ? "danger" : "main"});
        let answer = null;
        const d = h("dialog", {"aria-labelledby": id, onclose: () => {
            d.remove();
            resolve(answer);
        }},
        h("form", {method: "dialog", onsubmit: async (e) => {
            e.preventDefault();
            const value = read();
            if (value === undefined)
                return;
            go.disabled = true;
            try {
                answer = act ? ((await act(value)) ?? true) : value;
                d.close();
            } catch (error) {
                problem.textContent = error.message;
                problem.hidden = false;
                answer = null;
            } finally {
                go.disabled = false;
            }
        }}, h("h2", {id}, title), body, problem,
        h("div", {class: "dialog-actions"}, button(cancel, () => d.close()), go)));
        document.body.append(d);
        d.showModal();
    });
}
