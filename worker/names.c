#include "names.h"

#include <stdio.h>
#include <string.h>

#include "js.h"

void name_of_list(char out[NAME_SIZE], const char *row)
{
    (void)snprintf(out, NAME_SIZE, "each:%s", row);
}

void name_of_item(char out[NAME_SIZE], const char *row, const json_t *item, size_t index)
{
    const char *key = js_str(item, "key");
    if (key != NULL)
        (void)snprintf(out, NAME_SIZE, "%s-%s", row, key);
    else
        (void)snprintf(out, NAME_SIZE, "%s-%zu", row, index);
}

void name_of_turn(char out[NAME_SIZE], const char *row, long n)
{
    (void)snprintf(out, NAME_SIZE, "%s-%ld", row, n);
}

void name_of_cursor(char out[NAME_SIZE], const char *row, long n)
{
    (void)snprintf(out, NAME_SIZE, "cursor:%s-%ld", row, n);
}

void name_of_error(char out[NAME_SIZE], const char *step)
{
    (void)snprintf(out, NAME_SIZE, "error:%s", step);
}

bool name_is_error(const char *name)
{
    return strncmp(name, "error:", 6) == 0;
}

void name_of_used(char out[NAME_SIZE], const char *item)
{
    (void)snprintf(out, NAME_SIZE, "used:%s", item);
}

bool name_is_used(const char *name)
{
    return strncmp(name, "used:", 5) == 0;
}

static bool is_plain(const char *key, size_t len)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    return len >= 1 && len <= ITEM_KEY_MAX && strspn(key, plain) == len;
}

/* The indexes count too: an item with the key "7" and the eighth item without one are the same step. */
static bool check_item(const json_t *item, size_t index, json_t *seen, struct err *e)
{
    const json_t *key = js_get(item, "key");
    if (key != NULL && !json_is_string(key))
        return err_set(e, ERR_BUG, ".each item %zu: its key is not a text", index);
    if (key != NULL && !is_plain(json_string_value(key), json_string_length(key)))
        return err_set(e, ERR_BUG, ".each item %zu: a key is 1 to %d of A-Z a-z 0-9 . _ : -", index,
                       ITEM_KEY_MAX);
    char name[NAME_SIZE];
    name_of_item(name, "", item, index);
    const json_t *first = json_object_get(seen, name);
    if (first != NULL)
        return err_set(e, ERR_BUG, ".each item %zu: it has the same key \"%s\" as item %lld", index,
                       name + 1, (long long)json_integer_value(first));
    (void)json_object_set_new(seen, name, json_integer((json_int_t)index));
    return true;
}

bool names_check_items(const json_t *items, size_t max_items, struct err *e)
{
    if (!json_is_array(items) || json_array_size(items) > max_items)
        return err_set(e, ERR_BUG, ".each must give an array of at most %zu items", max_items);
    auto_json *seen = json_object();
    const json_t *item;
    size_t i;
    json_array_foreach (items, i, item) {
        if (!check_item(item, i, seen, e))
            return false;
    }
    return true;
}
