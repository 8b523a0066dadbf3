/* names.h: the names that results are stored under. They are a contract with runs in flight: a name that is built another
 * way is a step that runs again. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum { NAME_SIZE = 192, ITEM_KEY_MAX = 64 };

/* The list of an .each row: each:<row>. */
void name_of_list(char out[NAME_SIZE], const char *row);
/* One item of it: <row>-<key>, key = the item's "key", or its index where it has none. */
void name_of_item(char out[NAME_SIZE], const char *row, const json_t *item, size_t index);
/* The n-th turn of a row that asked to be run again, and what it goes on from. */
void name_of_turn(char out[NAME_SIZE], const char *row, long n);
void name_of_cursor(char out[NAME_SIZE], const char *row, long n);

/* What stands in place of a result when an item of a .parallel row, or an invoked function, has failed: error:<step>. */
void name_of_error(char out[NAME_SIZE], const char *step);
bool name_is_error(const char *name);
/* What a branch used beside its result (attempts, deaths, money): used:<item>. */
void name_of_used(char out[NAME_SIZE], const char *item);
bool name_is_used(const char *name);

/* A list of items is an array of at most max_items; each has a key of its own, which is plain: 1 to 64 of A-Z a-z 0-9 . _ : -.
 * ERR_BUG names the item: its results could not be told apart, or not be stored at all. */
bool names_check_items(const json_t *items, size_t max_items, struct err *e) MUST_CHECK;
