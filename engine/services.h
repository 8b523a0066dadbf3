/* services.h: where the outside services are and how we identify ourselves to them.
 *
 * Filled once from the configuration at the worker's start and constant from then on. Strings are never NULL;
 * empty means "not set". Secrets are here and nowhere else: they are never logged, stored or put in a message. */
#pragma once

struct services {
    const char *youtube_url; /* https://www.youtube.com */
    const char *youtube_key;
    const char *youtube_proxy;
    const char *loom_url;       /* https://www.loom.com */
    const char *mux_url;        /* https://api.mux.com */
    const char *mux_stream_url; /* https://stream.mux.com */
    const char *mux_token_id;
    const char *mux_token_secret;
    const char *storage_url; /* {SUPABASE_URL}/storage/v1, or file:/directory */
    const char *storage_key;
    const char *storage_secret;     /* signs links to local files; "" = the directory's own */
    const char *storage_public_url; /* in front of such links; "" = they are relative */
    const char *transcribe_url;     /* OpenAI-compatible, with /v1 */
    const char *transcribe_key;
    const char *transcribe_model;     /* whisper-1 */
    double transcribe_usd_per_minute; /* 0.006 */
    const char *embed_url;
    const char *embed_key;
    const char *embed_model;             /* text-embedding-3-small */
    long embed_batch;                    /* 20 */
    double embed_usd_per_million_tokens; /* 0.02 */
    const char *embedder; /* "openai", or "embedded": the deterministic one for development */
    const char *ffmpeg;   /* program names or paths */
    const char *ffprobe;
    const char *work_dir; /* where downloads are put while a step runs */
};
