/* port_owner.h - who listens on a TCP port of this machine, for one sentence. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* "pid 4711 (runserver)" into `text`, or "" when it cannot be seen (another user's, another
 * container's). */
void port_owner(uint16_t port, char *text, size_t cap_bytes);
