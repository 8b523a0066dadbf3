/* Elements from calls: h("p", {class: "x", onclick: f}, "text", other). Whatever is not an element becomes a text node, so no text of
 * a user can ever be markup. */

const SVG = "http://www.w3.org/2000/svg";

function append(parent, children) {
    for (const c of children) {
        if (c === null || c === undefined || c === false || c === true)
            continue;
        if (Array.isArray(c))
            append(parent, c);
        else
            parent.append(c instanceof Node ? c : document.createTextNode(String(c)));
    }
}

function make(el, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (value === null || value === undefined || value === false)
            continue;
        if (name.startsWith("on"))
            el.addEventListener(name.slice(2), value);
        else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden")
            el[name] = value;
        else if (name === "vars")
            for (const [k, v] of Object.entries(value))
                el.style.setProperty(k, v);
        else
            el.setAttribute(name, value === true ? "" : value);
    }
    append(el, children);
    return el;
}

export function h(tag, attributes, ...children) {
    return make(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
    return make(document.createElementNS(SVG, tag), attributes, children);
}

/* Puts these in place of what an element holds, without losing the focus of what stays the same by its id. */
export function fill(el, ...children) {
    const focused = el.contains(document.activeElement) ? document.activeElement.id : "";
    el.replaceChildren();
    append(el, children);
    if (focused !== "")
        document.getElementById(focused)?.focus({preventScroll: true});
    return el;
}

let count = 0;
export function unique(prefix) {
    count += 1;
    return `${prefix}-${count}`;
}

const PATHS = {
    check: "M4 12.5l5 5L20 6.5", cross: "M6 6l12 12M18 6L6 18", play: "M8 5.5v13l10-6.5z", pause: "M8 5v14M16 5v14",
    clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5V12l3 2", moon: "M19 14.5A8 8 0 0 1 9.5 5a8 8 0 1 0 9.5 9.5z",
    dash: "M5 12h14", stop: "M6.5 6.5h11v11h-11z", retry: "M19 5v5h-5M19 10a7.5 7.5 0 1 0 .5 4", skip: "M5 6l8 6-8 6zM18 6v12",
    overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z", runs: "M4 6h16M4 12h16M4 18h10",
    events: "M13 3L5 14h6l-1 7 8-11h-6z", functions: "M9 4H7a2 2 0 0 0-2 2v4l-2 2 2 2v4a2 2 0 0 0 2 2h2M15 4h2a2 2 0 0 1 2 2v4l2 2-2 2v4a2 2 0 0 1-2 2h-2",
    videos: "M3 6h13v12H3zM16 10l5-3v10l-5-3", bulk: "M4 4h12v12H4zM8 20h12V8", analytics: "M4 20V10M10 20V4M16 20v-7M21 20H3",
    workers: "M5 5h14v6H5zM5 13h14v6H5zM8.5 8h.1M8.5 16h.1", rejected: "M12 4l9 16H3zM12 10v4M12 17h.1",
    limits: "M4 18a8 8 0 1 1 16 0M12 18l4-6", audit: "M6 3h9l4 4v14H6zM9 11h7M9 15h7M9 7h3",
    sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19",
    auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18", download: "M12 4v11M7 11l5 5 5-5M5 20h14", search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20",
    out: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h10", copy: "M8 8h11v12H8zM5 16V4h11", up: "M6 15l6-6 6 6",
};
const SOLID = new Set(["play", "stop", "skip", "moon", "events"]);

/* A picture beside words; it says nothing by itself. */
export function icon(name, cls = "") {
    return svg("svg", {class: `icon ${cls}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false"},
        svg("path", {d: PATHS[name], fill: SOLID.has(name) ? "currentColor" : "none", stroke: "currentColor",
            "stroke-width": "2", "stroke-linecap": "round", "stroke-linejoin": "round"}));
}
