/* script.h: the Lua scripts of lua/, embedded at build time. The server names a script by the SHA-1 it answers to SCRIPT
 * LOAD; it is the same on every server, so it is kept once for the process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SHA_SIZE = 41 };

struct script {
    const char *name;
    const char *text;
    char sha[SHA_SIZE]; /* guarded by script.c's lock; "" until first loaded */
};

/* Aborts on an unknown name: that is our own mistake. */
struct script *script_find(const char *name);
bool script_sha(struct script *s, char out[SHA_SIZE]);
void script_set_sha(struct script *s, const char *sha);
