/* fuzz_proxy.c - a PROXY header is taken whole or not at all, and more bytes never change the outcome.
 */
#include "fuzz.h"
#include <errno.h>
#include "wire/proxy.h"

static ssize_t read_first(struct span all, size_t bytes, struct proxy_header *h)
{
    struct span in = own_copy((struct span){ all.at, bytes });
    ssize_t rc = proxy_read(in, h);
    free((char *)in.at);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = { (const char *)data, size };
    struct proxy_header h = { 0 };
    ssize_t whole = read_first(all, size, &h);
    must(whole == -EBADMSG || whole == -EMSGSIZE || (whole >= 0 && (size_t)whole <= size));
    must(whole <= PROXY_BYTES_MAX);
    must(!h.is_tls || h.kind == PROXY_CLIENT || h.kind == PROXY_CLIENT_UNIX);
    for (size_t cut = 0; cut < size && cut < 256; cut++) {
        struct proxy_header part = { 0 };
        ssize_t rc = read_first(all, cut, &part);
        must(rc == 0 || rc == whole);
        must(rc <= 0 || (part.kind == h.kind && part.source_port == h.source_port));
    }
    return 0;
}
