/* The audit log: who changed what, when, and from where. */
import {toFunction, toRun, toVideo} from "../lib/address.js";
import {page} from "../lib/api.js";
import {fill, h} from "../lib/dom.js";
import {view} from "../lib/load.js";
import {button, code, empty, field, head, since} from "../lib/ui.js";
import {scroll} from "./overview.js";

const PAGE = 100;
const FILTERS = [["action", "Action", "as run.cancel"], ["target", "Target", "id of a run, a function, …"], ["who", "Who", "as admin:alice"]];

/* Where the thing is that was changed; null: it has no screen. */
function toTarget({action, target}) {
    const kind = action.split(".")[0];
    const known = {run: toRun, function: toFunction, video: toVideo, bulk: () => "#/bulk", limit: () => "#/limits", budget: () => "#/limits", weight: () => "#/limits",
        rejected: (id) => `#/rejected/${encodeURIComponent(id)}`};
    return target !== null && known[kind] ? known[kind](target) : null;
}

export function audit(ctx) {
    const q = Object.fromEntries(FILTERS.map(([name]) => [name, ctx.query[name]]).filter(([, v]) => v));
    const body = h("div", {class: "stack"}), unfolded = new Set();
    let most = PAGE;
    fill(ctx.el, head("Audit", {sub: "Every change that was made through the console or chronosctl. What was refused is not here."}), filters(ctx, q, () => {
        most = PAGE;
        it.reload();
    }), body);
    const it = view(ctx, body, {
        every: 10000, load: (signal) => load(q, most, signal),
        draw: ({rows, more}) => {
            if (rows.length === 0)
                return h("div", {class: "panel"}, Object.keys(q).length > 0 ? empty("Nothing fits these filters", "Take one away.", {picture: "audit"}) : empty("Nothing was changed", "What people do here and in a shell is noted here.", {picture: "audit"}));
            return [h("div", {class: "panel"}, table(rows, unfolded)), more && h("div", null, button("More", () => {
                most += PAGE;
                it.reload();
            }, {id: "audit-more"}))];
        },
    });
}

async function load(q, most, signal) {
    const rows = [];
    let cursor = null;
    do {
        const part = await page("/v1/audit", {...q, limit: PAGE, cursor}, {signal});
        rows.push(...part.rows);
        cursor = part.next;
    } while (cursor !== null && rows.length < most);
    return {rows, more: cursor !== null};
}

function filters(ctx, q, after) {
    let typing = null;
    const apply = (name, value) => {
        if (value === "")
            delete q[name];
        else
            q[name] = value;
        ctx.setQuery(q);
        after();
    };
    return h("form", {class: "filters", role: "search", "aria-label": "Filters", onsubmit: (e) => e.preventDefault()},
        FILTERS.map(([name, label, placeholder]) => field(label, h("input", {type: "search", id: `audit-${name}`, value: q[name] ?? "", placeholder, spellcheck: "false", oninput: (e) => {
            clearTimeout(typing);
            typing = setTimeout(() => apply(name, e.target.value.trim()), 300);
        }}))));
}

function table(rows, unfolded) {
    return scroll("Changes", h("table", null,
        h("thead", null, h("tr", null, ["When", "Who", "Action", "Target", "Details"].map((n) => h("th", {scope: "col"}, n)))),
        h("tbody", null, rows.map((r) => h("tr", {"data-audit": r.id},
            h("td", null, since(r.at)), h("td", null, r.who, h("div", {class: "small soft"}, r.from)), h("td", {class: "mono"}, r.action), h("td", {class: "mono"}, target(r)),
            h("td", null, Object.keys(r.details).length > 0 && details(r, unfolded)))))));
}

function target(r) {
    const to = toTarget(r);
    return r.target === null ? h("span", {class: "soft"}, "–") : to ? h("a", {href: to}, r.target) : r.target;
}

function details(r, unfolded) {
    return h("details", {open: unfolded.has(r.id), ontoggle: (e) => unfolded[e.currentTarget.open ? "add" : "delete"](r.id)},
        h("summary", {id: `audit-details-${r.id}`}, "Details", h("span", {class: "sr"}, ` of ${r.action} ${r.target ?? ""}`)), code(r.details, {label: `Details of change ${r.id}`}));
}
