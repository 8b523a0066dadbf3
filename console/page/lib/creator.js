/* Whose videos? The field that screens about one creator begin with. */
import {get} from "./api.js";
import {lastCreator, rememberCreator} from "./chronos.js";
import {fill, h, unique} from "./dom.js";
import {field} from "./ui.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/* need(text) says that it is missing; onchange(id) is called with an id that can be one, or with "". .value() is what is chosen,
 * .wrong() whether what stands there is none. */
export function creatorField(ctx, onchange, {label = "Creator"} = {}) {
    const listId = unique("creators");
    const list = h("datalist", {id: listId});
    const input = h("input", {
        type: "text", id: "creator", list: listId, spellcheck: "false", autocomplete: "off", placeholder: "Creator id",
        value: ctx.query.creator ?? lastCreator(), class: "mono"});
    const el = field(label, input, {cls: "grow"});
    let known = input.value.trim();
    const wrong = () => input.value.trim() !== "" && !UUID.test(input.value.trim());
    const take = () => {
        const v = input.value.trim();
        el.setError(wrong() ? "A creator id is a UUID." : null);
        if (v === known || wrong())
            return;
        known = v;
        rememberCreator(v);
        onchange(v);
    };
    input.addEventListener("change", take);
    input.addEventListener("input", () => UUID.test(input.value.trim()) && take());
    get("/v1/overview", null, {signal: ctx.signal})
        .then((o) => fill(list, o.creators.filter((c) => c.creator_id).map((c) => h("option", {value: c.creator_id})))).catch(() => {});
    return {el: h("div", {class: "row grow"}, el, list), value: () => (UUID.test(known) ? known : ""), wrong, need: (text) => {
        el.setError(text);
        input.focus();
    }};
}
