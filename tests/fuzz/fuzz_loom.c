/* fuzz_loom.c: any answers of Loom (fuzz.h). */
#include "transcripts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct transcript t = {0};
    struct err e = {0};
    answers_begin((struct input){(const char *)data, (const char *)data + size});
    bool ok = loom_transcript(answers_http(), answers_services(),
                              "0123456789abcdef0123456789abcdef", &t, &e);
    check_outcome(ok, &t, &e);
    return 0;
}
