/* Videos: how far each is, those that are stuck, and a search through what is said in them. */
import {toRun, toVideo} from "../lib/address.js";
import {BULK, diagnostics, listVideos, reprocessEmbeddings, retryAllStuck, retryVideo, search, startBulk, stuckVideos, videoStatus} from "../lib/chronos.js";
import {creatorField} from "../lib/creator.js";
import {fill, h, icon} from "../lib/dom.js";
import {bytes, count, duration, fullTime, position, shortId} from "../lib/format.js";
import {view} from "../lib/load.js";
import {ask, bar, busy, button, code, copyButton, empty, failed, field, head, loading, panel, segments, select, since, status, toast} from "../lib/ui.js";
import {scroll} from "./overview.js";

const TABS = [["all", "All"], ["stuck", "Stuck"], ["search", "Search in what is said"]];
const STATUSES = [["", "Any status"],
    ...["pending", "uploading", "transcribing", "processing", "embedding", "completed", "failed"].map((s) => [s, s.charAt(0).toUpperCase() + s.slice(1)])];

export function videos(ctx) {
    const q = {...ctx.query};
    const body = h("div", {class: "stack"});
    let inner = null;
    function show(tab) {
        q.tab = tab;
        ctx.setQuery(q);
        inner?.abort();
        inner = new AbortController();
        ctx.signal.addEventListener("abort", () => inner.abort());
        const sub = {...ctx, query: q, signal: inner.signal};
        fill(body);
        ({all, stuck, search: searching}[tab] ?? all)(sub, body);
    }
    fill(ctx.el, head("Videos", {actions: segments("Which", TABS, q.tab ?? "all", show)}), body);
    show(q.tab ?? "all");
}

/* ---- all, or those of a creator ---- */
const PAGE = 50, MOST = 500;

function all(ctx, el) {
    const q = ctx.query;
    const chosen = new Map();
    const body = h("div", {class: "panel"}), orders = h("div", {class: "row", hidden: true});
    let most = PAGE, stop = null, it = null, typing = null;
    const creator = creatorField(ctx, (id) => change({creator: id}));
    function change(values) {
        Object.assign(q, values);
        ctx.setQuery(q);
        chosen.clear();
        most = PAGE;
        begin();
    }
    function begin() {
        stop?.abort();
        stop = new AbortController();
        ctx.signal.addEventListener("abort", () => stop.abort());
        const id = creator.value();
        it = view({...ctx, signal: stop.signal, wants: (m) => id === "" || !m.creator_id || m.creator_id === id}, body, {
            on: ["run"], every: 5000,
            load: (signal) => listVideos({creator: id, status: q.status, search: q.search, most}, signal),
            draw: table,
        });
    }
    function marks() {
        const list = [...chosen.values()];
        const owners = new Set(list.map((v) => v.creator_id));
        orders.hidden = list.length === 0;
        fill(orders, h("span", {class: "soft small"}, `${list.length} chosen:`), owners.size > 1
            ? h("span", {class: "soft small"}, "they are of several creators; an operation is about one")
            : Object.entries(BULK).map(([kind, k]) => button(k.name, () => bulkOf(ctx, kind, list[0].creator_id, list.map((v) => v.id)),
                {cls: `small ${kind === "delete" ? "danger" : ""}`, id: `bulk-${kind}`})));
    }
    function choose(v, is) {
        if (is)
            chosen.set(v.id, v);
        else
            chosen.delete(v.id);
    }
    function table(d) {
        if (d.videos.length === 0)
            return empty("No videos", q.status || q.search || creator.value() ? "None fits these filters." : "The application has none yet.",
                {picture: "videos"});
        const boxes = [];
        const every = h("input", {
            type: "checkbox", id: "choose-all", "aria-label": "Choose all of these", checked: d.videos.every((v) => chosen.has(v.id)), onchange: (e) => {
                boxes.forEach((b, i) => {
                    b.checked = e.target.checked;
                    choose(d.videos[i], e.target.checked);
                });
                marks();
            }});
        return [scroll("Videos", h("table", null,
            h("thead", null, h("tr", null, ctx.mayChange && h("th", {scope: "col"}, every),
                ["Video", "Status", "Progress", "Source"].map((n) => h("th", {scope: "col"}, n)),
                ["Length", "Added"].map((n) => h("th", {scope: "col", class: "num"}, n)))),
            h("tbody", null, d.videos.map((v) => {
                const box = h("input", {type: "checkbox", id: `choose-${v.id}`, "aria-label": `Choose ${v.title}`, checked: chosen.has(v.id), onchange: (e) => {
                    choose(v, e.target.checked);
                    marks();
                }});
                boxes.push(box);
                return h("tr", {"data-video": v.id}, ctx.mayChange && h("td", null, box),
                    h("td", null, h("a", {href: toVideo(v.id)}, v.title || "untitled"),
                        v.error_message && h("div", {class: "bad-text small"}, v.error_message)),
                    h("td", null, status(v.status)),
                    h("td", null, bar(v.progress ?? 0, 100,
                        {label: `Progress of ${v.title}`, cls: v.status === "failed" ? "bad" : v.status === "completed" ? "good" : ""})),
                    h("td", {class: "soft"}, v.source_type),
                    h("td", {class: "num"}, v.duration_seconds ? position(v.duration_seconds) : "–"), h("td", {class: "num"}, since(v.created_at)));
            })))),
        h("div", {class: "pager"}, h("span", null, `${count(d.videos.length)}${d.more ? ", the newest" : ""}`),
            d.more && most < MOST && h("span", {class: "push"}, button("More", () => {
                most = Math.min(MOST, most * 2);
                it.reload();
            }, {cls: "small", id: "more"})), d.more && most >= MOST && h("span", {class: "push"}, "Older ones: use the filters"))];
    }
    fill(el, h("form", {class: "filters", role: "search", "aria-label": "Filters", onsubmit: (e) => e.preventDefault()}, creator.el,
        field("Status", select(STATUSES, q.status, (v) => change({status: v}), {id: "video-status"})),
        field("Title", h("input", {type: "search", id: "video-search", value: q.search ?? "", oninput: (e) => {
            clearTimeout(typing);
            typing = setTimeout(() => change({search: e.target.value.trim()}), 300);
        }}))), orders, body);
    begin();
}

/* Starts a bulk operation and goes to where its progress is shown. */
export async function bulkOf(ctx, kind, creator, ids) {
    const k = BULK[kind];
    if (ids.length > k.most) {
        toast(`${k.name}: at most ${k.most} videos at a time, and ${ids.length} are chosen.`, "bad");
        return;
    }
    const begun = await ask(`${k.name} ${ids.length} ${ids.length === 1 ? "video" : "videos"}?`, h("p", null, k.text),
        {confirm: k.name, danger: kind === "delete", act: () => startBulk(kind, creator, ids)});
    if (!begun)
        return;
    if (location.hash === "#/bulk")
        return;
    ctx.go("/bulk");
}

/* ---- those that are stuck ---- */
function stuck(ctx, el) {
    const body = h("div", {class: "panel"});
    const it = view(ctx, body, {
        load: stuckVideos, every: 10000,
        draw: (list) => (list.length === 0 ? empty("Nothing is stuck", "Every video whose status says so is really being worked on.", {picture: "check"})
            : [h("header", null, h("h2", null, `${count(list.length)} stuck ${list.length === 1 ? "video" : "videos"}, the oldest first`),
                ctx.mayChange && h("span", {class: "push"}, button("Retry all", retryAll, {cls: "main", shape: "retry", id: "retry-all"}))),
                scroll("Stuck videos", h("table", null,
                    h("thead", null, h("tr", null, ["Video", "Status", "Since", "Creator", "Transcript", "Chunks"].map((n) => h("th", {scope: "col"}, n)),
                        ctx.mayChange && h("th", {scope: "col"}, h("span", {class: "sr"}, "Actions")))),
                    h("tbody", null, list.map((v) => h("tr", null,
                        h("td", null, h("a", {href: toVideo(v.id)}, v.title || "untitled"),
                            v.error_message && h("div", {class: "bad-text small"}, v.error_message)), h("td", null, status(v.status)),
                        h("td", {class: "nowrap"}, duration(v.stuck_duration_minutes * 60000)),
                        h("td", {class: "mono soft", title: v.creator_id}, shortId(v.creator_id)),
                        h("td", null, v.has_transcript ? "yes" : "no"), h("td", {class: "num"}, count(v.chunk_count)),
                        ctx.mayChange && h("td", {class: "num"}, button("Retry", (e) => retryOne(e.currentTarget, v.id, () => it.reload()),
                            {cls: "small", shape: "retry", "aria-label": `Retry ${v.title}`})))))))]),
    });
    fill(el, body);
    async function retryAll(e) {
        const done = await busy(e.currentTarget, retryAllStuck);
        if (done)
            toast(`${done.successCount} of ${done.totalProcessed} started again${done.failureCount > 0 ? `, ${done.failureCount} failed` : ""}.`,
                done.failureCount > 0 ? "bad" : "");
        it.reload();
    }
}

async function retryOne(el, id, after) {
    const done = await busy(el, () => retryVideo(id));
    if (done)
        toast(done.message ?? "Started again.");
    after();
}

/* ---- search ---- */
function searching(ctx, el) {
    const results = h("div", {class: "panel", id: "results", role: "region", "aria-label": "Results", "aria-live": "polite"});
    const creator = creatorField(ctx, (id) => {
        ctx.query.creator = id;
        ctx.setQuery(ctx.query);
    }, {label: "Creator, or nothing for all"});
    const text = field("What is looked for",
        h("input", {type: "search", id: "search-text", value: ctx.query.text ?? "", placeholder: "how do I keep wool from felting?"}), {cls: "grow"});
    const go = button("Search", null, {type: "submit", cls: "main", shape: "search", id: "search-go"});
    fill(results, empty("Ask in your own words", "The answer is a place in a video: what is said there, and at which minute.", {picture: "search"}));
    async function find() {
        const value = text.input.value.trim(), id = creator.value();
        text.setError(value === "" ? "Enter what is looked for." : null);
        if (value === "" || creator.wrong())
            return;
        ctx.query.text = value;
        ctx.setQuery(ctx.query);
        fill(results, loading("Searching"));
        try {
            const hits = await search({creator: id || undefined, text: value}, ctx.signal);
            fill(results, hits.length === 0
                ? empty("Nothing found", id ? "No video of this creator has a passage that comes near." : "No video has a passage that comes near.",
                    {picture: "search"})
                : h("ol", {class: "hits"}, hits.map((x) => h("li", {class: "hit"}, h("span", {class: "at", title: "Where in the video"}, position(x.start)),
                    h("div", null, h("div", {class: "row"}, h("a", {href: toVideo(x.video_id)}, x.title || "untitled"),
                        x.similarity !== undefined && h("span", {class: "soft small push num"}, `${Math.round(x.similarity * 100)} % near`)),
                        h("q", {class: "soft"}, x.text.length > 420 ? `${x.text.slice(0, 420)}…` : x.text))))));
        } catch (e) {
            if (e.name !== "AbortError")
                fill(results, failed(e, find));
        }
    }
    fill(el, h("form", {class: "filters", role: "search", "aria-label": "Search in what is said", onsubmit: (e) => {
        e.preventDefault();
        busy(go, find);
    }}, creator.el, text, go), results);
    if (ctx.query.text)
        find();
}

/* ---- one video ---- */
export function video(ctx) {
    const {id} = ctx.params;
    const body = h("div", {class: "stack"}), actions = h("div", {class: "row push"});
    fill(ctx.el, h("div", {class: "head"},
        h("div", null, h("a", {class: "back", href: "#/videos"}, "← Videos"), h("h1", {id: "title", tabindex: "-1"}, "Video")), actions,
        h("p", {class: "sub mono row tight"}, id, copyButton(id, "the id of the video"))), body);
    const it = view(ctx, body, {
        on: ["run"], every: 4000,
        load: async (signal) => {
            const s = await videoStatus(id, signal);
            const d = await diagnostics(id, signal).catch(() => null);
            return {s, d};
        },
        draw: ({s, d}) => {
            const title = d?.video?.title ?? s.title ?? "Video";
            document.getElementById("title").textContent = title;
            ctx.title(title);
            fill(actions, status(s.status),
                ctx.mayChange && s.currentStage?.retryable && button("Retry", (e) => retryOne(e.currentTarget, id, () => it.reload()),
                    {cls: "main", shape: "retry", id: "retry-video"}),
                ctx.mayChange && d?.hasTranscript && button("Compute embeddings anew", reprocess, {id: "reprocess"}));
            return draw(s, d);
        },
    });
    async function reprocess(e) {
        const done = await busy(e.currentTarget, () => reprocessEmbeddings([id], "asked for on the page"));
        if (done)
            toast(done.message ?? "Asked for.");
        it.reload();
    }
}

function draw(s, d) {
    const one = (n, v) => h("div", null, h("dt", {class: "soft"}, n), h("dd", null, v));
    const steps = {retry: "It can be started again.", wait: "Nothing has to be done: it goes on by itself."};
    return [
        s.error && h("section", {class: "failure"},
            h("div", {class: "row"}, icon("cross"), h("h2", null, s.status === "failed" ? "Failed" : "The last attempt failed")),
            h("p", {class: "what", id: "error-text"}, s.error.message), h("p", {class: "row small"}, since(s.error.timestamp))),
        d?.isStuck && h("section", {class: "why"}, h("h2", null, "It is stuck"),
            h("p", null, `Its status says that it is worked on, and for ${duration((d.stuckDurationMinutes ?? 0) * 60000)} nobody has. `,
                d.recommendedAction === "retry-embeddings" ? "A retry computes its embeddings from the transcript that is there."
                    : "A retry gets its transcript anew.")),
        h("div", {class: "panel"}, h("div", {class: "body stack"},
            h("div", {class: "meter"}, h("span", null, s.currentStage?.description ?? s.currentStage?.name ?? s.status),
                h("span", {class: "num"}, `${Math.round(s.progress ?? 0)} %`),
                bar(s.progress ?? 0, 100, {label: "Progress", cls: s.status === "failed" ? "bad" : s.status === "completed" ? "good" : ""})),
            h("dl", {class: "facts strip"}, s.metadata?.durationSeconds > 0 && one("Length", position(s.metadata.durationSeconds)),
                s.metadata?.fileSize > 0 && one("Size", bytes(s.metadata.fileSize)),
                s.metadata?.transcriptLanguage && one("Language", s.metadata.transcriptLanguage),
                one("Chunks", count(d?.chunkCount ?? s.metadata?.chunkCount ?? 0)), d && one("With embeddings", count(d.embeddingCount)),
                d && one("Transcript", d.hasTranscript ? "yes" : "no"), d?.recoveryAttempts > 0 && one("Recovered", `${d.recoveryAttempts} times`),
                s.runId && one("Run", h("a", {href: toRun(s.runId), class: "mono"}, shortId(s.runId)))),
            s.nextSteps?.length > 0 && h("p", {class: "soft"}, s.nextSteps.map((t) => steps[t] ?? t).join(" ")))),
        panel("Times", h("dl", {class: "facts"},
            Object.entries(s.timestamps ?? {}).filter(([, t]) => t).map(([n, t]) => [
                h("dt", null, n.replace(/([A-Z])/g, " $1").replace(/[-_]/g, " ").toLowerCase()), h("dd", null, fullTime(t))]))),
        d?.video && panel("Row", code(d.video, {label: "Row of the video"})),
    ];
}
