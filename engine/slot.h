/* slot.h: which of the 16,384 slots of a Redis Cluster a key or a command belongs to. */
#pragma once

#include <stddef.h>

enum { SLOTS = 16384, SLOT_ANY = -1 };

/* The slot of a key: of the text between its first '{' and the next '}' where there is any, else of the whole. */
int slot_of_key(const char *key, size_t len);

/* The slot of a command in the form in which it is sent (*2\r\n$4\r\nPING…); SLOT_ANY when it names no key. */
int slot_of_command(const char *bytes, size_t len);
