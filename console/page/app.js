/* The frame around the screens: navigation, who is logged in, whether the console answers, and which screen is shown.
 *
 * Addresses are /#/runs?status=failed. A screen is a function of {el, params, query, setQuery, signal, me, go}; it draws into el and
 * stops what it does when the signal is aborted. */
import {address} from "./lib/address.js";
import {get, onLoginNeeded, onReach, post} from "./lib/api.js";
import {fill, h, icon} from "./lib/dom.js";
import {connect, disconnect, isLive, onLink} from "./lib/stream.js";
import {button, failed} from "./lib/ui.js";
import {analytics} from "./screens/analytics.js";
import {audit} from "./screens/audit.js";
import {bulk} from "./screens/bulk.js";
import {event, events} from "./screens/events.js";
import {functions, oneFunction} from "./screens/functions.js";
import {limits} from "./screens/limits.js";
import {login} from "./screens/login.js";
import {missing} from "./screens/missing.js";
import {overview} from "./screens/overview.js";
import {rejected, oneRejected} from "./screens/rejected.js";
import {run} from "./screens/run.js";
import {runs} from "./screens/runs.js";
import {video, videos} from "./screens/videos.js";
import {workers} from "./screens/workers.js";

const SCREENS = [
    ["overview", "/", "Overview", overview], ["runs", "/runs", "Runs", runs], ["events", "/events", "Events", events],
    ["functions", "/functions", "Functions", functions], ["videos", "/videos", "Videos", videos], ["bulk", "/bulk", "Bulk operations", bulk],
    ["analytics", "/analytics", "Analytics", analytics], ["workers", "/workers", "Workers", workers], ["rejected", "/rejected", "Rejected", rejected],
    ["limits", "/limits", "Limits", limits], ["audit", "/audit", "Audit", audit],
];
const ROUTES = [
    ...SCREENS.map(([key, path, title, show]) => ({key, path, title, show})),
    {key: "runs", path: "/runs/:id", title: "Run", show: run}, {key: "events", path: "/events/:id", title: "Event", show: event},
    {key: "functions", path: "/functions/:id", title: "Function", show: oneFunction},
    {key: "videos", path: "/videos/:id", title: "Video", show: video}, {key: "rejected", path: "/rejected/:id", title: "Rejected", show: oneRejected},
];

const main = document.getElementById("main");
const side = document.getElementById("side");
const state = {me: null, leave: null, reachable: true, since: null, shown: null};

/* ---- navigation ---- */
const links = new Map(SCREENS.map(([key, path, title]) => [key, h("a", {href: `#${path}`, onclick: () => setMenu(false)}, icon(key), title)]));
document.getElementById("nav").append(h("ul", null, [...links.values()].map((a) => h("li", null, a))));
const menu = document.getElementById("menu");
function setMenu(open) {
    side.classList.toggle("open", open);
    menu.setAttribute("aria-expanded", String(open));
}
menu.addEventListener("click", () => setMenu(!side.classList.contains("open")));
document.getElementById("skip").addEventListener("click", () => (document.getElementById("title") ?? main).focus());

function parse() {
    const [path, search = ""] = (location.hash.replace(/^#/, "") || "/").split("?");
    return {path: path || "/", query: Object.fromEntries(new URLSearchParams(search))};
}

function match(path) {
    const parts = path.split("/");
    for (const r of ROUTES) {
        const want = r.path.split("/");
        if (want.length !== parts.length)
            continue;
        const params = {};
        const fits = want.every((w, i) => {
            if (!w.startsWith(":"))
                return w === parts[i];
            try {
                params[w.slice(1)] = decodeURIComponent(parts[i]);
            } catch {
                return false;
            }
            return parts[i] !== "";
        });
        if (fits)
            return {...r, params};
    }
    return {key: null, path, title: "Not found", show: missing, params: {}};
}

function show({focus = true} = {}) {
    const {path, query} = parse();
    const route = match(path);
    state.leave?.abort();
    state.leave = new AbortController();
    for (const [key, a] of links) {
        if (key === route.key)
            a.setAttribute("aria-current", "page");
        else
            a.removeAttribute("aria-current");
    }
    document.title = `${route.title} · Chronos`;
    setMenu(false);
    const same = state.shown === path;
    state.shown = path;
    fill(main);
    const ctx = {
        el: main, params: route.params, query, signal: state.leave.signal, me: state.me,
        mayChange: state.me.open || state.me.access === "admin",
        title: (t) => {
            document.title = `${t} · Chronos`;
        },
        /* changes the filters in the address, and nothing on the screen */
        setQuery: (q) => history.replaceState(null, "", address(path, q)),
        go: (to) => {
            location.hash = to.replace(/^#/, "");
        },
    };
    try {
        route.show(ctx);
    } catch (e) {
        console.error(e);
        fill(main, failed(e, () => show()));
    }
    if (focus && !same) {
        window.scrollTo(0, 0);
        document.getElementById("title")?.focus({preventScroll: true});
    }
}

/* ---- who ---- */
function foot() {
    const themes = {auto: ["auto", "Theme: as the system"], light: ["sun", "Theme: light"], dark: ["moon", "Theme: dark"]};
    const now = document.documentElement.dataset.theme ?? "auto";
    const theme = h("button", {type: "button", class: "icon-button small", id: "theme", title: themes[now][1], "aria-label": themes[now][1], onclick: () => {
        const next = {auto: "light", light: "dark", dark: "auto"}[now];
        if (next === "auto")
            delete document.documentElement.dataset.theme;
        else
            document.documentElement.dataset.theme = next;
        try {
            localStorage.setItem("chronos-theme", next);
        } catch {
            /* forbidden: it holds until the page is left */
        }
        foot();
    }}, icon(themes[now][0]));
    const {me} = state;
    fill(document.getElementById("foot"),
        h("span", {class: "link-state", id: "link", "data-state": isLive() ? "live" : state.reachable ? "" : "away"}, isLive() ? "Live" : "Connecting"),
        h("div", {class: "foot-row"}, h("span", {class: "clip soft", title: me.who}, me.open ? "No keys set" : me.who), h("span", {class: "push"}, theme),
            !me.open && h("button", {type: "button", class: "icon-button small", id: "logout", title: "Log out", "aria-label": "Log out", onclick: logOut}, icon("out"))));
}

async function logOut() {
    try {
        await post("/logout");
    } finally {
        askForKey();
    }
}

function askForKey() {
    disconnect();
    state.leave?.abort();
    state.leave = new AbortController();
    state.me = null;
    state.shown = null;
    document.body.classList.add("bare");
    document.title = "Log in · Chronos";
    login(main, (me) => {
        state.me = me;
        begin();
    });
}

/* ---- whether the console answers ---- */
const notices = document.getElementById("notices");
function tellReach() {
    const known = state.me !== null;
    fill(notices, known && !state.reachable && h("div", {class: "notice"}, icon("rejected"), h("span", null,
        `The console does not answer since ${new Date(state.since).toLocaleTimeString("en-GB")}. What is shown may be old; it is tried again all the time.`),
    button("Try now", ping, {cls: "small push"})));
}

onReach((is) => {
    if (is === state.reachable)
        return;
    state.reachable = is;
    state.since = Date.now();
    tellReach();
    if (is && state.me !== null && !isLive())
        connect();
});

async function ping() {
    try {
        await get("/v1/me", null, {quiet: true});
    } catch {
        /* onReach has been told */
    }
}
setInterval(() => {
    if (state.me !== null && !isLive() && !document.hidden)
        ping();
}, 3000);

onLink((is) => {
    const el = document.getElementById("link");
    if (el) {
        el.dataset.state = is;
        el.textContent = is === "live" ? "Live" : "Connecting again";
    }
    if (is === "away" && state.me !== null)
        ping();
});
onLoginNeeded(() => {
    if (state.me !== null)
        askForKey();
});

/* ---- beginning ---- */
function begin() {
    document.body.classList.remove("bare");
    foot();
    connect();
    show();
}

async function start() {
    try {
        state.me = await get("/v1/me", null, {quiet: true});
        begin();
    } catch (e) {
        if (e.status === 401)
            askForKey();
        else
            fill(main, failed(e, start));
        if (e.status === 0)
            setTimeout(start, 3000);
    }
}

window.addEventListener("hashchange", () => {
    if (state.me !== null)
        show();
});
document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && side.classList.contains("open")) {
        setMenu(false);
        menu.focus();
    }
});
start();
