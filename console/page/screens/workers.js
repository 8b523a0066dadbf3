/* Workers: who lives, and what each of their threads is doing. */
import {toFunction, toRun} from "../lib/address.js";
import {get} from "../lib/api.js";
import {fill, h} from "../lib/dom.js";
import {count, shortId} from "../lib/format.js";
import {view} from "../lib/load.js";
import {listen} from "../lib/stream.js";
import {bar, empty, head, panel, since, status} from "../lib/ui.js";
import {scroll} from "./overview.js";

export function workers(ctx) {
    const body = h("div", {class: "stack"});
    fill(ctx.el, head("Workers", {sub: "A worker that is silent for a lease loses its runs to the others at once."}), body);
    view(ctx, body, {load: (signal) => get("/v1/workers", null, {signal}), draw, every: 4000});
    const stop = listen("workers", (list) => Array.isArray(list) && fill(body, draw(list)));
    ctx.signal.addEventListener("abort", stop);
}

function draw(list) {
    if (list.length === 0)
        return h("div", {class: "panel"}, empty("No worker lives", "Runs wait until one comes. Start chronos-worker with the settings of this stack.", {picture: "workers"}));
    return list.map((w) => panel(w.id, [
        h("div", {class: "body"}, h("div", {class: "meter"}, h("span", null, `${count(w.busy ?? w.doing.length)} of ${count(w.threads)} threads busy`), h("span", {class: "soft small"}, "started ", since(w.started_at)),
            bar(w.busy ?? w.doing.length, w.threads ?? 1, {label: `Busy threads of ${w.id}`, cls: (w.busy ?? 0) >= (w.threads ?? Infinity) ? "full" : ""})),
        h("p", {class: "small soft"}, w.functions.length > 0 && ["Executes ", w.functions.map((f, i) => [i > 0 && ", ", h("a", {href: toFunction(f)}, f)])])),
        w.doing.length > 0 && scroll(`What ${w.id} is doing`, h("table", null, h("thead", null, h("tr", null, ["Run", "Function", "Creator", "Since"].map((n) => h("th", {scope: "col"}, n)))),
            h("tbody", null, w.doing.map((d) => h("tr", null, h("td", null, h("a", {href: toRun(d.run_id), class: "mono"}, shortId(d.run_id)), d.deliveries > 1 && h("span", {class: "tag"}, `delivered ${d.deliveries} times`)),
                h("td", null, d.function_id), h("td", {class: "mono soft", title: d.creator_id}, shortId(d.creator_id)), h("td", null, since(d.since)))))))],
    {flush: true, cls: "worker", actions: [h("span", {class: "soft small"}, [w.host, w.pid && `pid ${w.pid}`].filter(Boolean).join(" · ")), status(w.doing.length > 0 ? "busy" : "idle")]}));
}
