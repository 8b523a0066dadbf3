/* The routes that the application's front end knows (/api/…): videos, bulk operations, analytics, search. Their answers have shapes of
 * their own, which are read here and nowhere else. */
import {call, query} from "./api.js";

const enc = encodeURIComponent;

/* {videos, more}: the newest first; `most` of them, and whether there are others */
export async function listVideos({creator, status, search, most = 50}, signal) {
    const body = await call("GET", `/api/video/list${query({creatorId: creator, status, search, limit: most})}`, undefined, {signal});
    return {videos: body.data, more: Boolean(body.next)};
}

export const videoStatus = (id, signal) => call("GET", `/api/video/${enc(id)}/status`, undefined, {signal});
export const diagnostics = async (id, signal) => (await call("GET", `/api/admin/video-diagnostics/${enc(id)}`, undefined, {signal})).diagnostics;
export const retryVideo = (id) => call("POST", `/api/video/${enc(id)}/retry`, {});
export const stuckVideos = async (signal) => (await call("GET", "/api/admin/stuck-videos", undefined, {signal})).data;
export const retryAllStuck = () => call("POST", "/api/admin/retry-all-stuck", {});
export const reprocessEmbeddings = (videoIds, reason) => call("POST", "/api/admin/reprocess-embeddings", {videoIds, reason});

/* [{video_id, title, text, start, end, similarity}] */
export async function search({creator, text, limit = 10}, signal) {
    const body = await call("GET", `/api/video/search${query({q: text, creator_id: creator, limit})}`, undefined, {signal});
    return body.data.map((x) => ({video_id: x.video_id, title: x.title, text: x.chunk_text, start: x.start_time_seconds, end: x.end_time_seconds, similarity: x.similarity}));
}

export const BULK = {
    export: {name: "Export", most: 500, text: "Writes their data to a CSV file that can be downloaded."},
    reprocess: {name: "Reprocess", most: 100, text: "Computes chunks and embeddings anew."},
    delete: {name: "Delete", most: 100, text: "Deletes videos with their chunks and files. This cannot be undone."},
};

/* Returns the operation's id. */
export async function startBulk(kind, creator, ids) {
    return (await call("POST", `/api/bulk/${kind}`, {creator_id: creator, video_ids: ids})).data.operation_id;
}

/* {operations, more}: the newest first */
export async function bulkList({creator, most = 20}, signal) {
    const body = await call("GET", `/api/bulk${query({creator_id: creator, limit: most})}`, undefined, {signal});
    return {operations: body.data, more: Boolean(body.next)};
}

/* {data, cached, computed_at} */
export const dashboard = (creator, start, end, signal) =>
    call("GET", `/api/analytics/videos/dashboard${query({creator_id: creator, start: start.toISOString(), end: end.toISOString()})}`, undefined, {signal});

/* ---- the creator looked at last ---- */
export function lastCreator() {
    try {
        return localStorage.getItem("chronos-creator") ?? "";
    } catch {
        return "";
    }
}

export function rememberCreator(id) {
    try {
        localStorage.setItem("chronos-creator", id);
    } catch {
        /* forbidden, or full: it is asked for again */
    }
}
