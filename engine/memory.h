/* memory.h: what happens when there is no memory: the process ends at once, by abort(), with one line on stderr.
 *
 * A step that went on without something it asked for could record a wrong result, and the code that handles such a failure
 * is never run otherwise. Ending is what this engine is made for: nothing is recorded half, the lease runs out, another
 * worker goes on from the last recorded step, and whoever restarts us gets a clean process.
 *
 * It holds for all code of ours, whose calls of malloc and its like are sent here by the linker (--wrap), for jansson, which
 * would otherwise leave things out silently, and for libcurl, which would call a good address a bad one. libpq and hiredis
 * tell their callers: as a query or a connection that failed. */
#pragma once

/* Once, before the first use of jansson. */
void memory_init(void);
