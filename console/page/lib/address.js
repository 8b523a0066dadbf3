/* Addresses within the page: #/runs?status=failed */
export function address(path, query = {}) {
    const q = new URLSearchParams(Object.entries(query).filter(([, v]) => v !== "" && v !== null && v !== undefined)).toString();
    return `#${path}${q === "" ? "" : `?${q}`}`;
}

export const toRun = (id) => address(`/runs/${encodeURIComponent(id)}`);
export const toEvent = (id) => address(`/events/${encodeURIComponent(id)}`);
export const toFunction = (id) => address(`/functions/${encodeURIComponent(id)}`);
export const toVideo = (id) => address(`/videos/${encodeURIComponent(id)}`);
