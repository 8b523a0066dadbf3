/* Bulk operations: begin one, see how far it is, download what it made. */
import {toVideo} from "../lib/address.js";
import {BULK, bulkList} from "../lib/chronos.js";
import {creatorField} from "../lib/creator.js";
import {fill, h, icon} from "../lib/dom.js";
import {count, shortId} from "../lib/format.js";
import {view} from "../lib/load.js";
import {bar, button, empty, field, head, panel, select, since, status} from "../lib/ui.js";
import {bulkOf} from "./videos.js";

const DONE = new Set(["completed", "partial", "failed"]);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const NAMES = {delete: "Delete", export: "Export", reprocess: "Reprocess"};

export function bulk(ctx) {
    const list = h("div", {class: "stack", id: "operations"});
    let most = 20, moving = true;
    const unfolded = new Set();
    const it = view(ctx, list, {
        on: ["run"], every: () => (moving ? 1000 : 10000),
        load: (signal) => bulkList({most}, signal),
        draw: (d) => {
            moving = d.operations.some((o) => !DONE.has(o.status));
            if (d.operations.length === 0)
                return h("div", {class: "panel"}, empty("No operations yet", "Choose videos in their list, or enter their ids here; what is begun shows here with its progress.", {picture: "bulk"}));
            return [d.operations.map((o) => one(o, unfolded)), d.more && h("div", null, button("More", () => {
                most = Math.min(100, most * 2);
                it.reload();
            }))];
        },
    });
    ctx.wants = (m) => moving || /^bulk-/.test(m.function_id ?? "");
    fill(ctx.el, head("Bulk operations"), h("div", {class: ctx.mayChange ? "cols" : "stack"}, ctx.mayChange && panel("Begin one", begin(ctx, () => it.reload())), list));
}

function begin(ctx, after) {
    const kind = select(Object.entries(BULK).map(([k, v]) => [k, v.name]), "export", () => {
        text.textContent = BULK[kind.value].text;
    }, {id: "bulk-kind"});
    const text = h("p", {class: "soft small"}, BULK.export.text);
    const creator = creatorField(ctx, () => {});
    const ids = field("Videos", h("textarea", {rows: "5", id: "bulk-ids", spellcheck: "false"}), {hint: "Their ids, one a line. Videos can also be chosen in the list of videos."});
    return h("form", {class: "form", novalidate: true, onsubmit: (e) => {
        e.preventDefault();
        const all = [...new Set(ids.input.value.split(/[\s,]+/).filter(Boolean))];
        const bad = all.find((id) => !UUID.test(id));
        ids.setError(all.length === 0 ? "Enter at least one id." : bad ? `"${bad.slice(0, 40)}" is not an id.` : null);
        if (creator.value() === "") {
            creator.need("Enter whose videos.");
            return;
        }
        if (all.length > 0 && !bad)
            bulkOf(ctx, kind.value, creator.value(), all).then(after);
    }}, field("What", kind), text, creator.el, ids, h("div", null, button("Begin…", null, {type: "submit", cls: "main", id: "bulk-begin"})));
}

function one(o, unfolded) {
    return h("section", {class: "panel", "data-operation": o.id}, h("header", null, h("h2", null, NAMES[o.operation_type] ?? o.operation_type), h("span", {class: "soft small"}, `${count(o.progress.total)} ${o.progress.total === 1 ? "video" : "videos"}`), h("span", {class: "push"}, status(o.status))),
        h("div", {class: "body op"}, draw(o, unfolded)));
}

function safe(url) {
    try {
        const u = new URL(url, location.href);
        return u.protocol === "https:" || u.protocol === "http:" ? u.href : null;
    } catch {
        return null;
    }
}

function draw(o, unfolded) {
    const p = o.progress, r = o.result ?? {};
    const link = r.download_url ? safe(r.download_url) : null;
    const cls = {completed: "good", failed: "bad", partial: "full"}[o.status] ?? "";
    return [
        h("div", {class: "row"}, h("span", {class: "soft small"}, "begun ", since(o.created_at)), o.completed_at && h("span", {class: "soft small"}, "ended ", since(o.completed_at)), h("span", {class: "soft small mono push", title: o.creator_id}, shortId(o.creator_id))),
        h("div", {class: "meter"}, h("span", null, `${count(p.current)} of ${count(p.total)}`), h("span", {class: "num"}, `${p.percentage} %`), bar(p.current, p.total, {label: "Progress", cls})),
        o.error_message && h("p", {class: "bad-text"}, o.error_message),
        DONE.has(o.status) && h("p", {class: "soft"}, ["deleted", "exported", "processed"].filter((k) => r[k] !== undefined).map((k) => `${count(r[k])} ${k}`).join(", "), r.failed > 0 && `, ${count(r.failed)} failed`),
        link && h("div", null, h("a", {class: "button main", href: link, rel: "noopener noreferrer", download: "", id: "download"}, icon("download"), "Download")),
        r.errors?.length > 0 && h("details", {open: unfolded.has(o.id), ontoggle: (e) => unfolded[e.currentTarget.open ? "add" : "delete"](o.id)}, h("summary", null, `What failed (${r.errors.length})`), h("ul", {class: "stack small"}, r.errors.slice(0, 100).map((e) => h("li", null, h("a", {href: toVideo(e.video_id), class: "mono"}, shortId(e.video_id)), " ", e.error)))),
    ];
}
