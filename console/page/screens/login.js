/* A person shows a key once; the browser has a cookie from then on. */
import {call} from "../lib/api.js";
import {fill, h, svg} from "../lib/dom.js";
import {button, field} from "../lib/ui.js";

export function login(el, done) {
    const key = h("input", {type: "password", autocomplete: "current-password", required: true, spellcheck: "false", id: "key"});
    const keyField = field("Key", key, {hint: "A read or admin key. chronos-console --new-key makes one."});
    const go = button("Log in", null, {type: "submit", cls: "main"});
    const form = h("form", {class: "form", novalidate: true, onsubmit: async (e) => {
        e.preventDefault();
        keyField.setError(null);
        if (key.value.trim() === "") {
            keyField.setError("Enter a key.");
            key.focus();
            return;
        }
        go.disabled = true;
        try {
            const answer = await call("POST", "/login", {key: key.value.trim()}, {quiet: true});
            key.value = "";
            done(answer.data);
        } catch (error) {
            keyField.setError(error.status === 401 ? "This key is not admitted here." : error.message);
            key.focus();
            key.select();
        } finally {
            go.disabled = false;
        }
    }}, keyField, go);
    fill(el, h("div", {class: "login"}, h("div", {class: "panel"},
        h("h1", {class: "brand-name", id: "title", tabindex: "-1"}, mark(), "Chronos"), h("p", {class: "soft"}, "Log in to see what runs, what failed, and why."), form)));
    key.focus();
}

function mark() {
    return svg("svg", {class: "mark", viewBox: "0 0 24 24", "aria-hidden": "true"},
        svg("path", {d: "M12 2a10 10 0 1 0 10 10M12 6.6V12l3.8 2.6", fill: "none", stroke: "currentColor", "stroke-width": "2.4", "stroke-linecap": "round", "stroke-linejoin": "round"}));
}
