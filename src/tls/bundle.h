/* bundle.h - certificates, keys and client authorities as one run of bytes: what the master hands to
 * the edges, which can open no file.  Pure.
 */
#pragma once
#include "base/buf.h"

enum bundle_kind {
    BUNDLE_PAIR,                  /* a certificate with its chain, and its key */
    BUNDLE_CLIENT_CA,             /* of clients' certificates; a client may have none */
    BUNDLE_CLIENT_CA_REQUIRED,    /* ... must have one */
    BUNDLE_KINDS
};

struct bundle_item {
    enum bundle_kind kind;
    struct span file, key_file;   /* their names, for sentences; key_file is "" for an authority */
    struct span certificate, key; /* PEM text; key is "" for an authority */
};

int bundle_add(struct buf *b, const struct bundle_item *item);     /* 0, -ENOMEM, -EMSGSIZE */
/* Takes the next one off the front; its spans point into the bytes.  1, 0 at the end, -EBADMSG. */
int bundle_next(struct span *rest, struct bundle_item *item);
