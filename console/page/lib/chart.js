/* Small charts as inline SVG. Each has a text that says the same, for those who do not see it. */
import {h, svg} from "./dom.js";
import {short} from "./format.js";

/* A top for an axis: a round number. */
export function niceMax(v) {
    if (v <= 0)
        return 1;
    const p = 10 ** Math.floor(Math.log10(v));
    for (const m of [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) {
        if (v <= m * p)
            return m * p;
    }
    return 10 * p;
}

/* Draws for the width that there is, and again when that changes, so that texts keep their size. */
function responsive(height, label, paint) {
    const box = h("div", {class: "chart-box"});
    let width = 0;
    const draw = (w) => {
        if (w === width || w < 40)
            return;
        width = w;
        const root = svg("svg", {class: "chart", viewBox: `0 0 ${w} ${height}`, height, role: "img", "aria-label": label});
        paint(root, w);
        box.replaceChildren(root);
    };
    draw(600);
    const watch = new ResizeObserver(() => {
        if (box.isConnected)
            draw(Math.round(box.clientWidth));
        else
            watch.disconnect();
    });
    watch.observe(box);
    return box;
}

function yAxis(root, top, box, format, W) {
    for (const part of [0, 0.5, 1]) {
        const y = box.bottom - (box.bottom - box.top) * part;
        root.append(svg("line", {class: "axis", x1: box.left, x2: W, y1: y, y2: y}),
            svg("text", {x: box.left - 8, y: y + 4, "text-anchor": "end"}, format(top * part)));
    }
}

function xLabels(root, rows, box, step, W) {
    const n = rows.length;
    if (n === 0)
        return;
    const every = Math.max(1, Math.ceil(n / Math.max(2, Math.floor(W / 110))));
    for (let i = 0; i < n; i += every)
        root.append(svg("text", {x: Math.min(W - 24, Math.max(box.left + 12, box.left + step * (i + 0.5))), y: box.bottom + 16, "text-anchor": "middle"}, rows[i].label));
}

/* rows: [{label, title, values: [n, …]}], stacked from the bottom in classes[] */
export function stackedBars(rows, classes, {height = 190, label, format = short} = {}) {
    return responsive(height, label, (root, W) => {
        const box = {left: 40, top: 8, bottom: height - 24};
        const top = niceMax(Math.max(0, ...rows.map((r) => r.values.reduce((a, b) => a + b, 0))));
        yAxis(root, top, box, format, W);
        const step = (W - box.left) / Math.max(1, rows.length), gap = Math.min(3, step * 0.25);
        rows.forEach((r, i) => {
            const g = svg("g", null, svg("title", null, r.title));
            let y = box.bottom;
            r.values.forEach((v, k) => {
                const size = (v / top) * (box.bottom - box.top);
                if (v > 0) {
                    y -= size;
                    g.append(svg("rect", {class: classes[k], x: box.left + i * step + gap / 2, width: Math.max(0.5, step - gap), y, height: Math.max(1, size)}));
                }
            });
            g.append(svg("rect", {class: "hit", x: box.left + i * step, width: step, y: box.top, height: box.bottom - box.top}));
            root.append(g);
        });
        xLabels(root, rows, box, step, W);
    });
}

/* rows: [{label, title, value}] */
export function areaChart(rows, {height = 190, label, format = short} = {}) {
    return responsive(height, label, (root, W) => {
        const box = {left: 40, top: 8, bottom: height - 24};
        const top = niceMax(Math.max(0, ...rows.map((r) => r.value)));
        yAxis(root, top, box, format, W);
        const step = (W - box.left) / Math.max(1, rows.length);
        const at = (r, i) => `${(box.left + step * (i + 0.5)).toFixed(1)} ${(box.bottom - (r.value / top) * (box.bottom - box.top)).toFixed(1)}`;
        if (rows.length > 0) {
            const line = rows.map((r, i) => `${i === 0 ? "M" : "L"}${at(r, i)}`).join("");
            root.append(svg("path", {class: "area", d: `${line}L${box.left + step * (rows.length - 0.5)} ${box.bottom}L${box.left + step / 2} ${box.bottom}Z`}),
                svg("path", {class: "line", d: line}));
        }
        /* a year of days needs no year of targets */
        const each = Math.max(1, Math.ceil(rows.length / 120));
        for (let i = 0; i < rows.length; i += each)
            root.append(svg("rect", {class: "hit", x: box.left + i * step, width: step * each, y: box.top, height: box.bottom - box.top}, svg("title", null, rows[i].title)));
        xLabels(root, rows, box, step, W);
    });
}

export function sparkline(values, label) {
    const top = Math.max(1, ...values);
    const n = Math.max(2, values.length);
    const line = values.map((v, i) => `${i === 0 ? "M" : "L"}${((i / (n - 1)) * 100).toFixed(1)} ${(30 - (v / top) * 28).toFixed(1)}`).join("");
    return svg("svg", {class: "chart spark", viewBox: "0 0 100 32", preserveAspectRatio: "none", role: "img", "aria-label": label},
        line && svg("path", {class: "area", d: `${line}L100 31L0 31Z`}), line && svg("path", {class: "line", d: line}));
}

export function legend(entries) {
    return h("div", {class: "legend"}, entries.map(([cls, text]) => h("span", null, h("i", {class: cls}), text)));
}
