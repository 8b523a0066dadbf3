/* fuzz_mux.c: any answers of Mux, to the search for captions or ('a' at the beginning of the first line) for audio. The
 * rest of that line is the asset, which is looked for when it is not given; then answers (fuzz.h). */
#include "transcripts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, (const char *)data + size};
    struct transcript t = {0};
    struct err e = {0};
    auto_free char *line = input_line(&in);
    const char *asset = line[0] != '\0' && line[1] != '\0' ? line + 1 : NULL;
    answers_begin(in);
    if (line[0] != 'a') {
        check_outcome(
            mux_transcript(answers_http(), answers_services(), "playback00", asset, "en", &t, &e),
            &t, &e);
        return 0;
    }
    char url[512];
    if (mux_audio_url(answers_http(), answers_services(), "playback00", asset, url, sizeof(url),
                      &e))
        require(strncmp(url, "https://stream.mux.com/", 23) == 0);
    else
        require_error(&e, FAILS_AS_ANSWER);
    return 0;
}
