/* fuzz_run.c: any bytes as what Redis holds of a run: its name, its input (a function's input is an event, or an array of
 * them), its hash and its results. Three lines, the name in Redis, the entry and the input; then fields separated by 0x1F,
 * of which those with a name in capitals are results and the others belong to the hash. */
#include <ctype.h>
#include <string.h>

#include "fuzz.h"
#include "js.h"
#include "run.h"

static const struct function fn = {.id = "f", .version = 1};

static void split(struct fields *f, redisReply *hash, redisReply *steps,
                  redisReply *hash_elements[], redisReply *step_elements[])
{
    *hash = (redisReply){.type = REDIS_REPLY_ARRAY, .element = hash_elements};
    *steps = (redisReply){.type = REDIS_REPLY_ARRAY, .element = step_elements};
    for (size_t i = 0; i < f->list.elements; i += 2) {
        redisReply *to = isupper((unsigned char)f->values[i].str[0]) ? steps : hash;
        to->element[to->elements++] = &f->values[i];
        to->element[to->elements++] = &f->values[i + 1];
    }
}

static void check_run(struct run *r)
{
    struct err e = {0};
    require(json_is_object(r->results));
    if (run_open(r, &e)) {
        require(json_is_object(r->event));
        size_t n = json_array_size(r->events); /* the last of several is what counts */
        require(r->events == NULL || (n > 0 && json_array_get(r->events, n - 1) == r->event));
    } else {
        require_text(e.msg);
        require(e.msg[0] != '\0' && json_is_object(r->event) && json_object_size(r->event) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, (const char *)data + size};
    auto_free char *ref = input_line(&in);
    auto_free char *entry = input_line(&in);
    auto_free char *text = input_line(&in);
    char id[ID_SIZE];
    int branch;
    if (!run_read_ref(ref, id, &branch)) /* the claimer has read it before */
        return 0;
    require(strlen(id) == ID_SIZE - 1 && branch >= -1);
    struct fields f;
    input_fields(&in, &f);
    redisReply hash, steps, *hash_elements[MAX_FIELDS_READ], *step_elements[MAX_FIELDS_READ];
    split(&f, &hash, &steps, hash_elements, step_elements);
    redisReply input = {.type = REDIS_REPLY_STRING, .str = text, .len = strlen(text)};
    struct run *r = run_from_replies(&fn, 0, entry, ref, &hash, &input, &steps);
    require((r == NULL) == (hash.elements == 0));
    if (r != NULL)
        check_run(r);
    run_free(r);
    fields_release(&f);
    return 0;
}
