/* The events of Chronos, for the form that sends one. Kinds: uuid, uuids, text, choice, switch. What a field is called in the data is its
 * name; fields without a value are left out. */
export const KNOWN = [
    {name: "video/transcript.extract", text: "Gets the transcript of a video; chunks and embeddings follow.", fields: [
        {name: "videoId", label: "Video", kind: "uuid", required: true}, {name: "creatorId", label: "Creator", kind: "uuid", required: true},
        {name: "source", label: "Source", kind: "choice", options: ["youtube", "loom", "mux", "upload"], required: true}]},
    {name: "video/transcription.completed", text: "Cuts the stored transcript into chunks and computes their embeddings.", fields: [
        {name: "videoId", label: "Video", kind: "uuid", required: true}, {name: "creatorId", label: "Creator", kind: "uuid", required: true},
        {name: "skipIfExists", label: "Skip a video that has embeddings", kind: "switch"}]},
    {name: "video/transcribe.requested", text: "Transcribes an uploaded video by speech recognition.", fields: [
        {name: "videoId", label: "Video", kind: "uuid", required: true}, {name: "creatorId", label: "Creator", kind: "uuid", required: true},
        {name: "language", label: "Language", kind: "text", hint: "Two letters; left out, it is recognised."}]},
    {name: "video/embeddings.batch-reprocess", text: "Computes the embeddings of many videos anew.", fields: [
        {name: "videoIds", label: "Videos", kind: "uuids", required: true}, {name: "reason", label: "Reason", kind: "text"}]},
    {name: "analytics/aggregate.requested", text: "Computes what the dashboards show.", fields: [
        {name: "creatorId", label: "Creator", kind: "uuid", hint: "Left out: all creators."}]},
];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/* What is wrong with the text of a field; null when nothing is. */
export function problemOf(f, value) {
    if (f.kind === "switch")
        return null;
    const text = value.trim();
    if (text === "")
        return f.required ? `${f.label} is needed.` : null;
    if (f.kind === "uuid" && !UUID.test(text))
        return "This is not an id: 8-4-4-4-12 hexadecimal digits.";
    if (f.kind === "uuids") {
        const bad = text.split(/[\s,]+/).find((id) => !UUID.test(id));
        return bad ? `"${bad.slice(0, 40)}" is not an id.` : null;
    }
    return null;
}

export function valueOf(f, value) {
    if (f.kind === "switch")
        return value;
    const text = value.trim();
    if (text === "")
        return undefined;
    return f.kind === "uuids" ? text.split(/[\s,]+/) : text;
}
