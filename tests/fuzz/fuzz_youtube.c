/* fuzz_youtube.c: any answers of YouTube. The first line is the language that is asked for; then answers (fuzz.h). */
#include "transcripts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, (const char *)data + size};
    struct transcript t = {0};
    struct err e = {0};
    auto_free char *language = input_line(&in);
    answers_begin(in);
    bool ok = youtube_transcript(answers_http(), answers_services(), "dQw4w9WgXcQ",
                                 language[0] != '\0' ? language : NULL, &t, &e);
    check_outcome(ok, &t, &e);
    return 0;
}
