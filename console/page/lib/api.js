/* Calls of the console's HTTP interface. Every failure becomes an ApiError with the code, the sentence and the field that the
 * console gave; status 0 means that it did not answer at all. */

export class ApiError extends Error {
    constructor(status, code, message, field) {
        super(message);
        this.status = status;
        this.code = code;
        this.field = field ?? null;
    }
}

const listeners = new Set();

/* Called with true when the console answers and with false when it does not. */
export function onReach(f) {
    listeners.add(f);
}

function reached(is) {
    for (const f of listeners)
        f(is);
}

let loginNeeded = () => {};
export function onLoginNeeded(f) {
    loginNeeded = f;
}

export function query(parameters) {
    const q = new URLSearchParams();
    for (const [k, v] of Object.entries(parameters ?? {})) {
        for (const one of Array.isArray(v) ? v : [v]) {
            if (one !== null && one !== undefined && one !== "")
                q.append(k, String(one));
        }
    }
    const text = q.toString();
    return text === "" ? "" : `?${text}`;
}

async function errorOf(answer) {
    let body = {};
    try {
        body = await answer.json();
    } catch {
        /* not ours, for instance of a proxy in between */
    }
    return new ApiError(answer.status, body.code ?? "failed", body.error ?? `the console answered ${answer.status}`, body.field);
}

function wait(ms, signal) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms);
        signal?.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(new DOMException("left", "AbortError"));
        });
    });
}

/* The parsed body as it came. A GET that came too fast is asked again when the console says so. */
export async function call(method, path, body, {signal, quiet = false, patience = 3} = {}) {
    let answer;
    try {
        answer = await fetch(path, {
            method, signal, credentials: "same-origin", cache: "no-store",
            headers: body === undefined ? {} : {"Content-Type": "application/json"},
            body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
        });
    } catch (e) {
        if (e.name === "AbortError")
            throw e;
        reached(false);
        throw new ApiError(0, "unreachable", "The console does not answer.", null);
    }
    reached(true);
    if (answer.status === 429 && method === "GET" && patience > 0) {
        await wait(1000 * Math.min(10, Number(answer.headers.get("Retry-After")) || 1), signal);
        return call(method, path, body, {signal, quiet, patience: patience - 1});
    }
    if (!answer.ok) {
        const e = await errorOf(answer);
        if (answer.status === 401 && !quiet)
            loginNeeded();
        throw e;
    }
    const text = await answer.text();
    return text === "" ? null : JSON.parse(text);
}

const inData = (body) => (body !== null && typeof body === "object" && "data" in body ? body.data : body);

export const get = async (path, parameters, options) => inData(await call("GET", path + query(parameters), undefined, options));
export const post = async (path, body, options) => inData(await call("POST", path, body ?? {}, options));

/* A page of a list: {rows, next}; next is null at the end. */
export async function page(path, parameters, options) {
    const body = await call("GET", path + query(parameters), undefined, options);
    return {rows: body.data, next: body.next ?? null};
}
