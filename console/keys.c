#include "keys.h"

#include <ctype.h>
#include <nettle/memops.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "digest.h"
#include "route.h"

enum { MOST_ALIVE = 2, NEW_KEY_BYTES = 32 };

static bool is_name(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)p[i]) && strchr("-_.@", p[i]) == NULL)
            return false;
    }
    return n > 0 && n < KEY_NAME_SIZE;
}

static bool add(struct keys *k, enum access access, const char *name, size_t len,
                const uint8_t hash[KEY_HASH_SIZE], const char *setting, struct err *e)
{
    int alive = 0;
    for (int i = 0; i < k->count; i++)
        alive += k->set[i].access == access && strlen(k->set[i].name) == len &&
                 memcmp(k->set[i].name, name, len) == 0;
    if (alive == MOST_ALIVE)
        return err_set(e, ERR_INPUT, "%s: more than %d keys are named %.*s", setting, MOST_ALIVE,
                       (int)len, name);
    if (k->count == MAX_KEYS_SET)
        return err_set(e, ERR_INPUT, "%s: more than %d keys are set in all", setting, MAX_KEYS_SET);
    struct key_set *s = &k->set[k->count++];
    s->access = access;
    memcpy(s->name, name, len);
    s->name[len] = '\0';
    memcpy(s->hash, hash, KEY_HASH_SIZE);
    return true;
}

/* "name=sha256:<hex>,…" */
static bool add_list(struct keys *k, enum access access, const char *setting, const char *text,
                     struct err *e)
{
    static const char mark[] = "=sha256:";
    while (*text != '\0') {
        uint8_t hash[KEY_HASH_SIZE];
        size_t name = strcspn(text, "=,"), whole = strcspn(text, ",");
        size_t expected = name + strlen(mark) + 2 * sizeof(hash);
        /* what stands there may be a key that was not hashed: it is not repeated */
        if (whole != expected || !is_name(text, name) ||
            strncmp(text + name, mark, strlen(mark)) != 0 ||
            !from_hex(text + name + strlen(mark), sizeof(hash), hash))
            return err_set(e, ERR_INPUT,
                           "%s: write name=sha256:<64 hexadecimal digits>,… with names of letters, "
                           "digits and -_.@; "
                           "chronos-console --new-key %s NAME makes one",
                           setting, access_name(access));
        if (!add(k, access, text, name, hash, setting, e))
            return false;
        text += whole + (text[whole] == ',');
    }
    return true;
}

/* "signkey-prod-": what the official SDK leaves out of account */
static size_t prefix_of(const char *p, size_t len)
{
    static const char word[] = "signkey-";
    if (len < strlen(word) || memcmp(p, word, strlen(word)) != 0)
        return 0;
    size_t n = strlen(word);
    while (n < len && (isalnum((unsigned char)p[n]) || p[n] == '_'))
        n++;
    return n < len && p[n] == '-' ? n + 1 : 0;
}

/* The SDK shows the hash of its key, and other programs the key itself. */
static bool add_signing_key(struct keys *k, const char *setting, const char *name, const char *text,
                            struct err *e)
{
    uint8_t bytes[128], hash[KEY_HASH_SIZE];
    char shown[2 * KEY_HASH_SIZE + 1];
    if (*text == '\0')
        return true;
    const char *rest = text + prefix_of(text, strlen(text));
    size_t n = strlen(rest) / 2;
    if (n < 16 || n > sizeof(bytes) || strlen(rest) % 2 != 0 || !from_hex(rest, n, bytes))
        return err_set(
            e, ERR_INPUT,
            "%s: must be 32 to 256 hexadecimal digits, an even number, after signkey-<name>-",
            setting);
    digest(rest, strlen(rest), hash);
    if (!add(k, ACCESS_ADMIN, name, strlen(name), hash, setting, e))
        return false;
    digest(bytes, n, hash);
    to_hex(hash, sizeof(hash), shown);
    digest(shown, strlen(shown), hash);
    return add(k, ACCESS_ADMIN, name, strlen(name), hash, setting, e);
}

bool keys_load(struct keys *k, const struct conf *c, struct err *e)
{
    memset(k, 0, sizeof(*k));
    return add_list(k, ACCESS_EVENT, "CHRONOS_EVENT_KEYS", c->event_keys, e) &&
           add_list(k, ACCESS_READ, "CHRONOS_READ_KEYS", c->read_keys, e) &&
           add_list(k, ACCESS_ADMIN, "CHRONOS_ADMIN_KEYS", c->admin_keys, e) &&
           add_signing_key(k, "INNGEST_SIGNING_KEY", "signing-key", c->signing_key, e) &&
           add_signing_key(k, "INNGEST_SIGNING_KEY_FALLBACK", "signing-key-fallback",
                           c->signing_key_fallback, e);
}

/* Looks at all of them, whichever it is. */
static const struct key_set *find(const struct keys *k, bool event, bool any,
                                  const uint8_t hash[KEY_HASH_SIZE])
{
    const struct key_set *found = NULL;
    for (int i = 0; i < k->count; i++) {
        const struct key_set *s = &k->set[i];
        bool same = memeql_sec(s->hash, hash, KEY_HASH_SIZE) != 0;
        if (same && (any || (s->access == ACCESS_EVENT) == event))
            found = s;
    }
    return found;
}

const struct key_set *keys_find(const struct keys *k, bool event, const char *shown, size_t len)
{
    uint8_t hash[KEY_HASH_SIZE];
    size_t skip = event ? 0 : prefix_of(shown, len);
    digest(shown + skip, len - skip, hash);
    return find(k, event, false, hash);
}

const struct key_set *keys_find_hash(const struct keys *k, const uint8_t hash[KEY_HASH_SIZE])
{
    return find(k, false, true, hash);
}

int keys_print_new(const char *class, const char *name)
{
    static const struct {
        const char *class, *setting;
    } classes[] = {{"event", "CHRONOS_EVENT_KEYS"},
                   {"read", "CHRONOS_READ_KEYS"},
                   {"admin", "CHRONOS_ADMIN_KEYS"}};
    uint8_t bytes[NEW_KEY_BYTES], hash[KEY_HASH_SIZE];
    char digits[2 * NEW_KEY_BYTES + 1], key[2 * NEW_KEY_BYTES + 32], hashed[2 * KEY_HASH_SIZE + 1];
    const char *setting = NULL;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        setting = strcmp(class, classes[i].class) == 0 ? classes[i].setting : setting;
    if (setting == NULL || !is_name(name, strlen(name))) {
        (void)fprintf(stderr, "chronos-console: --new-key event|read|admin NAME, a name of "
                              "letters, digits and -_.@\n");
        return 2;
    }
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        (void)fprintf(stderr, "chronos-console: the kernel gave no random bytes\n");
        return 1;
    }
    to_hex(bytes, sizeof(bytes), digits);
    (void)snprintf(key, sizeof(key), "chronos_%s_%s", class, digits);
    digest(key, strlen(key), hash);
    to_hex(hash, sizeof(hash), hashed);
    (void)printf("%s\n\nIt is shown this once. Admit it with (beside what is there, separated by a "
                 "comma)\n\n%s=%s=sha256:%s\n",
                 key, setting, name, hashed);
    return 0;
}
