import {fill, h} from "../lib/dom.js";
import {empty, head} from "../lib/ui.js";

export function missing(ctx) {
    fill(ctx.el, head("Not found"), empty("There is nothing at this address", "It may be from another version of the console.",
        {action: h("a", {class: "button", href: "#/"}, "To the overview"), picture: "search"}));
}
