/* Entries that could not be read as events: why, what came, and a way to send them mended. */
import {address} from "../lib/address.js";
import {get, page, post} from "../lib/api.js";
import {fill, h} from "../lib/dom.js";
import {bytes, fullTime} from "../lib/format.js";
import {view} from "../lib/load.js";
import {bigTable} from "../lib/table.js";
import {busy, button, code, empty, field, head, panel, since, toast} from "../lib/ui.js";

export function rejected(ctx) {
    const table = bigTable(ctx, {
        label: "Rejected entries",
        columns: [
            {name: "Reason", width: "minmax(200px, 2fr)", link: true, cell: (r) => r.reason}, {name: "Name", width: "minmax(120px, 1fr)", cell: (r) => h("span", {class: "mono soft"}, r.name ?? "–")},
            {name: "Begins with", width: "minmax(120px, 1.4fr)", cell: (r) => h("span", {class: "mono soft"}, r.excerpt ?? "")}, {name: "Size", width: "72px", cls: "num", cell: (r) => bytes(r.size_bytes)},
            {name: "State", width: "96px", cell: (r) => (r.resent ? h("span", {class: "status good"}, "Sent again") : h("span", {class: "status wait"}, "Open"))}, {name: "Came", width: "96px", cls: "num", cell: (r) => since(r.rejected_at)},
        ],
        key: (r) => r.id, open: (r) => address(`/rejected/${encodeURIComponent(r.id)}`),
        card: (r) => [h("div", {class: "clip"}, r.reason), h("div", {class: "row small soft"}, h("span", {class: "mono clip"}, r.name ?? ""), h("span", {class: "push"}, since(r.rejected_at)))],
        load: (cursor, signal) => page("/v1/rejected", {limit: 100, cursor}, {signal}),
        empty: () => empty("Nothing was rejected", "An entry of the stream that cannot be read as an event comes here byte for byte, with the reason.", {picture: "rejected"}),
    });
    fill(ctx.el, head("Rejected", {sub: "Entries that could not be read as events. Nothing of them is lost: mend one and send it again."}), table.el);
    table.reload();
}

export function oneRejected(ctx) {
    const {id} = ctx.params;
    const path = `/v1/rejected/${encodeURIComponent(id)}`;
    const body = h("div", {class: "stack"});
    fill(ctx.el, head("Rejected entry", {back: ["#/rejected", "Rejected"], sub: h("span", {class: "mono"}, id)}), body);
    const text = h("textarea", {id: "rejected-event", rows: "12", spellcheck: "false"});
    const editor = field("The event to send in its place", text, {hint: "{\"name\": …, \"data\": {…}}; id, ts, user and v may be there, too."});
    let touched = false;
    text.addEventListener("input", () => {
        touched = true;
    });
    const it = view(ctx, body, {
        every: 60000, load: (signal) => get(path, null, {signal}),
        draw: (r) => {
            if (!touched)
                text.value = JSON.stringify(r.suggestion ?? {name: r.name ?? "", data: {}}, null, 2);
            return [
                h("section", {class: "failure"}, h("h2", null, "Why it was rejected"), h("p", {class: "what", id: "reason"}, r.reason), h("p", {class: "row small"}, h("span", {title: fullTime(r.rejected_at)}, since(r.rejected_at)), bytes(r.size_bytes))),
                r.resent && h("p", {class: "row", id: "resent"}, h("span", {class: "status good"}, "Sent again"), since(r.resent.at), `by ${r.resent.who}`),
                h("div", {class: "cols"},
                    panel("What came", [!r.complete && h("p", {class: "soft"}, "It is no longer in Redis in full; this is what was kept."), h("dl", {class: "stack"}, r.fields.map((f) => h("div", {class: "field"}, h("dt", {class: "label mono"}, f.name, !f.text && h("span", {class: "tag"}, "not UTF-8, in base64")), h("dd", null, code(f.value, {label: `Field ${f.name}`}))))),
                        r.fields.length === 0 && code(r.excerpt ?? "", {label: "Excerpt"})]),
                    ctx.mayChange && panel("Mend and send", h("form", {class: "form", novalidate: true, onsubmit: send}, editor, h("div", null, button("Send", null, {type: "submit", cls: "main", shape: "events", id: "resend"})))))];
        },
    });

    async function send(e) {
        e.preventDefault();
        let event;
        try {
            event = JSON.parse(text.value);
            editor.setError(null);
        } catch (problem) {
            editor.setError(problem.message);
            text.focus();
            return;
        }
        const done = await busy(e.target.querySelector("button[type=submit]"), async () => {
            try {
                return await post(`${path}/resend`, {event});
            } catch (problem) {
                if (problem.status !== 400)
                    throw problem;
                editor.setError(problem.message);
                return null;
            }
        });
        if (done) {
            toast(done.done);
            touched = false;
            it.reload(); // the event itself is on its way yet
        }
    }
}
