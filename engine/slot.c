#include "slot.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compiler.h"

/* XMODEM: polynomial 0x1021, begins with 0, nothing reflected. */
static uint16_t crc16(const char *p, size_t len)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc = (uint16_t)(crc ^ (unsigned char)p[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

int slot_of_key(const char *key, size_t len)
{
    const char *open = memchr(key, '{', len);
    if (open != NULL) {
        const char *tag = open + 1, *close = memchr(tag, '}', (size_t)(key + len - tag));
        if (close != NULL && close > tag)
            return crc16(tag, (size_t)(close - tag)) % SLOTS;
    }
    return crc16(key, len) % SLOTS;
}

/* ---- where a command's key stands ---- */

enum { NO_KEY = 0, USUALLY = 1, AFTER_STREAMS = -1 };

/* Those whose first argument is not a key. */
static const struct {
    const char *name;
    int key; /* number of the word, from 0; or how to find it */
} commands[] = {
    {"ASKING", NO_KEY},  {"AUTH", NO_KEY},         {"CLIENT", NO_KEY},
    {"CLUSTER", NO_KEY}, {"COMMAND", NO_KEY},      {"CONFIG", NO_KEY},
    {"DBSIZE", NO_KEY},  {"ECHO", NO_KEY},         {"EVAL", 3},
    {"EVALSHA", 3},      {"INFO", NO_KEY},         {"MEMORY", 2},
    {"OBJECT", 2},       {"PING", NO_KEY},         {"PUBLISH", NO_KEY},
    {"SCAN", NO_KEY},    {"SCRIPT", NO_KEY},       {"SELECT", NO_KEY},
    {"TIME", NO_KEY},    {"WAIT", NO_KEY},         {"XGROUP", 2},
    {"XINFO", 2},        {"XREAD", AFTER_STREAMS}, {"XREADGROUP", AFTER_STREAMS},
};

struct word {
    const char *p;
    size_t len;
};

/* The words of a formatted command, one after the other. We have formatted it, so its form is trusted. */
struct words {
    const char *at, *end;
};

static bool next_word(struct words *w, struct word *ret)
{
    const char *nl = w->at < w->end ? memchr(w->at, '\n', (size_t)(w->end - w->at)) : NULL;
    if (nl == NULL)
        return false;
    ret->len = strtoul(w->at + 1, NULL, 10);
    ret->p = nl + 1;
    w->at = ret->p + ret->len + 2;
    return w->at <= w->end;
}

static bool is(const struct word *w, const char *name)
{
    return strlen(name) == w->len && strncasecmp(w->p, name, w->len) == 0;
}

static int key_position(const struct word *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (is(name, commands[i].name))
            return commands[i].key;
    }
    return USUALLY;
}

static bool find_key(struct words *w, struct word *ret)
{
    struct word name;
    if (!next_word(w, &name))
        return false;
    int position = key_position(&name);
    if (position == AFTER_STREAMS) {
        do {
            if (!next_word(w, ret))
                return false;
        } while (!is(ret, "STREAMS"));
        return next_word(w, ret);
    }
    for (int i = 0; i < position; i++) {
        if (!next_word(w, ret) || (position == 3 && i == 1 && is(ret, "0")))
            return false; /* a script without keys */
    }
    return position != NO_KEY;
}

int slot_of_command(const char *bytes, size_t len)
{
    struct words w = {bytes, bytes + len};
    struct word key;
    const char *nl = memchr(bytes, '\n', len);
    if (nl == NULL)
        return SLOT_ANY;
    w.at = nl + 1;
    return find_key(&w, &key) ? slot_of_key(key.p, key.len) : SLOT_ANY;
}
