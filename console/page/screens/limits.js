/* Limits: how much may run at a time, what an hour may cost, whose turns count more; and how an operator changes that. */
import {get, post} from "../lib/api.js";
import {fill, h} from "../lib/dom.js";
import {count, usd} from "../lib/format.js";
import {view} from "../lib/load.js";
import {ask, bar, button, empty, field, head, panel, toast} from "../lib/ui.js";
import {scroll} from "./overview.js";

const SHOWN = 2; /* functions of a limit */

const inUnit = (n, unit) => (unit === "usd" ? usd(n) : count(n));
const idOf = (...words) => words.filter(Boolean).join("-").replace(/[^\w-]/g, "_");
const counted = (l) => (l.per === "owner" ? "each creator" : l.per === "key" ? "each key" : "all together");

export function limits(ctx) {
    const body = h("div", {class: "stack"});
    fill(ctx.el, head("Limits", {sub: "What functions declare, and what was set here in its place. A change holds at once; runs that have begun go on."}),
        body);
    const it = view(ctx, body, {
        every: 5000, on: ["run"],
        load: async (signal) => {
            const [list, weights] = await Promise.all([get("/v1/limits", null, {signal}), get("/v1/weights", null, {signal})]);
            return {list, weights};
        },
        draw: ({list, weights}) => [limitPanel(ctx, list, () => it.reload()), weightPanel(ctx, weights, () => it.reload())],
    });
}

/* ---- limits and budgets ---- */
function limitPanel(ctx, list, after) {
    if (list.length === 0)
        return h("div", {class: "panel"}, empty("No limits", "A function declares its limits; none of those that are known has one.", {picture: "limits"}));
    /* a rule, then whoever has a row of its own */
    const rules = list.filter((l) => l.owner === null);
    const rows = rules.flatMap((rule) => [rule, ...list.filter((l) => l.owner !== null && l.name === rule.name).sort((a, b) => b.used - a.used)]);
    return panel("Limits and budgets", scroll("Limits and budgets", h("table", null,
        h("thead", null, h("tr", null, ["Limit", "Counted for"].map((n) => h("th", {scope: "col"}, n)),
            ["Used", "Most"].map((n) => h("th", {scope: "col", class: "num"}, n)), h("th", {scope: "col"}, "Functions"),
            ctx.mayChange && h("th", {scope: "col"}, h("span", {class: "sr"}, "Actions")))),
        h("tbody", null, rows.map((l) => limitRow(ctx, l, after))))), {flush: true});
}

function limitRow(ctx, l, after) {
    const used = l.owner !== null || l.per === null;
    const most = l.unit === "usd" && l.owner === null && l.max === 0 ? "no budget" : inUnit(l.max, l.unit);
    return h("tr", {"data-limit": l.name, "data-owner": l.owner ?? ""},
        h("td", null, l.owner === null ? l.name : h("span", {class: "soft"}, l.name)),
        h("td", null, l.owner === null ? h("span", {class: "soft"}, counted(l)) : h("span", {class: "mono small nowrap"}, l.owner)),
        h("td", {class: "num"}, used
            ? [inUnit(l.used, l.unit), bar(l.used, l.max, {label: `Used of ${l.name} ${l.owner ?? ""}`, cls: l.used >= l.max ? "full" : ""})] : "–"),
        h("td", {class: "num"}, most,
            l.set !== null && h("div", {class: "small soft"}, l.declared === null ? "set here" : `set here, declared ${inUnit(l.declared, l.unit)}`)),
        h("td", {class: "small soft", title: l.functions.join(", ")}, l.functions.slice(0, SHOWN).join(", "),
            l.functions.length > SHOWN && ` and ${count(l.functions.length - SHOWN)} more`),
        ctx.mayChange && h("td", {class: "num"}, h("div", {class: "nowrap"},
            (l.per === null || l.owner !== null) && button("Change…", () => change(l, after),
                {cls: "small", id: idOf("change", l.name, l.owner), "aria-label": `Change ${l.name} ${l.owner ?? ""}`.trim()}), " ",
            l.owner === null && l.per !== null && button("For one…", () => forOne(l, after),
                {cls: "small", id: idOf("for-one", l.name), "aria-label": `Set ${l.name} for one ${l.per === "owner" ? "creator" : "key"}`}))));
}

/* "" is null: as it was before anybody set it. undefined, and said, when it is no number within the bounds. */
function numberOf(f, least, most, whole) {
    const text = f.input.value.trim();
    const n = Number(text);
    const good = text === "" || (Number.isFinite(n) && n >= least && n <= most && (!whole || Number.isInteger(n)));
    f.setError(good ? null : `A ${whole ? "whole " : ""}number from ${least} to ${count(most)}, or nothing.`);
    if (!good)
        f.input.focus();
    return !good ? undefined : text === "" ? null : n;
}

function numberField(label, id, value, hint) {
    return field(label, h("input", {type: "text", inputmode: "decimal", id, autocomplete: "off", value: value ?? ""}), {hint});
}

function ownerField(what) {
    return field(what, h("input", {type: "text", id: "limit-owner", autocomplete: "off", spellcheck: "false", class: "mono"}));
}

function ownerOf(f) {
    const text = f.input.value.trim();
    f.setError(text === "" ? "Whose?" : null);
    if (text === "")
        f.input.focus();
    return text === "" ? undefined : text;
}

const mostField = (l) => (l.unit === "usd" ? numberField("US dollars in an hour", "limit-most", l.set, "Nothing: as it is set for all.")
    : numberField("Most runs at a time", "limit-most", l.set, l.declared === null ? "Nothing: no limit." : `Nothing: as declared, ${count(l.declared)}.`));

const mostOf = (l, f) => numberOf(f, 0, 1000000, l.unit !== "usd");

const send = (l, owner, most) => (l.unit === "usd" ? post("/v1/budgets", {owner, usd: most}) : post("/v1/limits", {name: l.name, owner, max: most}));

async function told(answer, after) {
    if (answer)
        toast(answer.done);
    after();
}

async function change(l, after) {
    const most = mostField(l);
    await told(await ask(`${l.name}${l.owner ? ` of ${l.owner}` : ""}`, most, {
        confirm: "Set", read: () => {
            const n = mostOf(l, most);
            return n === undefined ? undefined : {n};
        }, act: ({n}) => send(l, l.owner, n),
    }), after);
}

async function forOne(l, after) {
    const owner = ownerField(l.per === "owner" ? "Creator" : "Key"), most = mostField({...l, set: null});
    await told(await ask(`${l.name} for one ${l.per === "owner" ? "creator" : "key"}`, [owner, most], {
        confirm: "Set", read: () => {
            const who = ownerOf(owner);
            const n = who === undefined ? undefined : mostOf(l, most);
            return n === undefined ? undefined : {who, n};
        }, act: ({who, n}) => send(l, who, n),
    }), after);
}

/* ---- weights ---- */
function weightPanel(ctx, weights, after) {
    const actions = ctx.mayChange && button("Set a weight…", () => weigh(null, after), {cls: "small", id: "weigh"});
    return panel("Weights", weights.length === 0
        ? empty("All creators take turns alike", "One with the weight 2 gets two turns for one of the others.", {picture: "limits", compact: true})
        : scroll("Weights", h("table", null,
            h("thead", null, h("tr", null, h("th", {scope: "col"}, "Creator"), h("th", {scope: "col", class: "num"}, "Weight"),
                ctx.mayChange && h("th", {scope: "col"}, h("span", {class: "sr"}, "Actions")))),
            h("tbody", null, weights.map((w) => h("tr", {"data-weight": w.owner}, h("td", {class: "mono"}, w.owner), h("td", {class: "num"}, String(w.weight)),
                ctx.mayChange && h("td", {class: "num"}, button("Change…", () => weigh(w, after),
                    {cls: "small", id: idOf("weigh", w.owner), "aria-label": `Change the weight of ${w.owner}`}))))))),
    {actions, flush: weights.length > 0});
}

async function weigh(w, after) {
    const owner = w ? null : ownerField("Creator"), weight = numberField("Weight", "limit-weight", w?.weight, "Nothing: 1, as everybody.");
    await told(await ask(w ? `Weight of ${w.owner}` : "A creator's weight", [owner, weight], {
        confirm: "Set", read: () => {
            const who = w ? w.owner : ownerOf(owner);
            const n = who === undefined ? undefined : numberOf(weight, 0.01, 1000, false);
            return n === undefined ? undefined : {who, n};
        }, act: ({who, n}) => post("/v1/weights", {owner: who, weight: n}),
    }), after);
}
