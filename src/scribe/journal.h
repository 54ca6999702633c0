/* journal.h - lines as entries of systemd's journal, with fields (its native protocol: one datagram an
 * entry, "NAME=value\n" a field; systemd.io/JOURNAL_NATIVE_PROTOCOL).
 *
 * An entry is a line and a few fields, so it fits the socket's buffer: the protocol's memfd, for larger
 * ones, is not needed.  Nothing waits: what the journal does not take at once is dropped and counted.
 */
#pragma once
#include "base/buf.h"
#include "scribe/log_record.h"

struct journal {
    const char *path;             /* of its socket */
    int fd;                       /* -1: not connected */
    uint64_t dropped;
    struct buf entry;             /* under way */
};

/* "journald", or "journald:PATH" of its socket.  Is it that? */
bool journal_is_meant(const char *where);
void journal_init(struct journal *j, const char *where);
void journal_done(struct journal *j);
/* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, REQUEST_ID, SLIPWAY_PROCESS */
void journal_log(struct journal *j, const struct log_record *r);
/* A line of the access log.  Of a JSON line every key is SLIPWAY_KEY; of any REQUEST_ID (as far as it
 * says), SLIPWAY_STATUS, SLIPWAY_METHOD, SLIPWAY_TARGET.  5xx has priority 3 (err), all else 6 (info). */
void journal_access(struct journal *j, struct span line);
