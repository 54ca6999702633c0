/* journal.h - lines as entries of systemd's journal, with fields (its native protocol: one datagram an
 * entry, "NAME=value\n" a field, or "NAME\n", a length of 64 bits little-endian, value, "\n";
 * systemd.io/JOURNAL_NATIVE_PROTOCOL).
 *
 * An entry of more than 64 KiB, and one that the kernel does not take as a datagram, goes as a sealed memfd
 * beside an empty one: else it would take the room of a hundred others in the socket's buffer.  Nothing
 * waits: what the journal does not take at once is dropped and counted.
 */
#pragma once
#include "base/buf.h"
#include "scribe/log_record.h"

struct journal {
    const char *path;             /* of its socket */
    int fd;                       /* -1: not connected */
    uint64_t dropped;             /* ever */
    uint64_t said;                /* of them, as journal_back() has it */
    bool is_taking;               /* it took the last entry */
    struct buf entry;             /* under way */
};

/* "journald", or "journald:PATH" of its socket.  Is it that? */
bool journal_is_meant(const char *where);
void journal_init(struct journal *j, const char *where);
void journal_done(struct journal *j);
/* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, REQUEST_ID, SLIPWAY_PROCESS */
void journal_log(struct journal *j, const struct log_record *r);
/* A line of the access log.  Of a JSON line every key is SLIPWAY_KEY; of any REQUEST_ID (as far as it
 * says), SLIPWAY_STATUS, SLIPWAY_METHOD, SLIPWAY_TARGET, and SLIPWAY_SITE if `site` is not "".  5xx has
 * priority 3 (err), all else 6 (info). */
void journal_access(struct journal *j, struct span line, struct span site);
/* It takes entries again: how many were dropped meanwhile, once; else 0. */
uint64_t journal_back(struct journal *j);
