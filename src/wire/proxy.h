/* proxy.h - the PROXY protocol: what a proxy that does not speak HTTP says before the client's first
 * byte (haproxy.org, proxy-protocol.txt).  Version 1 is a line, version 2 is binary.
 *
 * It is read only where it must stand: nothing tells a client's own header from a proxy's.
 */
#pragma once
#include <sys/types.h>
#include "base/address.h"

enum { PROXY_BYTES_MAX = 4096 };        /* of a header; version 2 allows 65,551 */

enum proxy_kind {
    PROXY_LOCAL,             /* the proxy itself, as for health checks */
    PROXY_CLIENT,            /* somebody with an address */
    PROXY_CLIENT_UNIX,       /* somebody on a Unix socket of the proxy's */
    PROXY_CLIENT_UNKNOWN,    /* somebody, and nothing is said of him */
};

struct proxy_header {
    enum proxy_kind kind;
    struct address source;   /* of PROXY_CLIENT */
    uint16_t source_port;
    bool is_tls;             /* he spoke TLS with the proxy, and what follows is without (PP2_TYPE_SSL) */
};

/* Takes the header at the start of `in`: its bytes, 0 when more must come, -EBADMSG, -EMSGSIZE (over
 * PROXY_BYTES_MAX).  Addresses and TLVs are checked though most are not used. */
ssize_t proxy_read(struct span in, struct proxy_header *header);
