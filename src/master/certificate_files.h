/* certificate_files.h - what `tls-certificate`, `tls-key` and `tls-client-ca` name, read and checked.
 *
 * A certificate is a file, and its key is the file of the same place in tls-key, or in the certificate's own file, or
 * beside it: X.key or privkey.pem for X.pem, X.crt and fullchain.pem.  A folder stands for all in it that have a
 * key: files X.pem and X.crt, folders with fullchain.pem and privkey.pem (certbot's live/), and a
 * fullchain.pem of its own.
 * Errors  one sentence in `why` (CONF_WHY_BYTES).
 */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"

struct certificate_row {          /* what people are shown; its texts are the list's */
    const char *file, *key_file;
    const char *names;            /* "example.org, *.example.org" */
    char kind[24];                /* "ECDSA 256" */
    int64_t from_s, until_s;
    unsigned strangers;           /* certificates in the file that are no part of its chain */
};

struct certificate_files {
    struct buf bundle;            /* tls/bundle.h: keys are in it */
    struct certificate_row *rows;
    size_t count, cap;
    struct certificate_text *texts;
};

/* Into an all-zero one; nothing is named: nothing is read.  0, or -errno: a file that cannot be read, one
 * that is not what it should be. */
int certificate_files_read(struct certificate_files *f, const struct conf *conf, char *why);
/* Is there a certificate?  0, or -ENOENT with a sentence. */
int certificate_files_some(size_t count, char *why);
void certificate_files_done(struct certificate_files *f);        /* wipes the keys; all-zero is fine */
/* Another number when one of the files is another one, or was written. */
uint64_t certificate_files_stamp(const struct conf *conf);
