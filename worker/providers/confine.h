/* confine.h: what a subprocess on untrusted input may not do. Called between fork and exec: only async-signal-safe calls. */
#pragma once

/* No new privileges, no socket of any kind, no look at other processes, no change of mounts or namespaces; and where the
 * system lets us (as root, or where users may make namespaces) a network, IPC and user namespace of its own, so that it is
 * nobody. What the system refuses is left out: the limits of subprocess.c hold in any case. */
void confine(void);
