/* annex.h - texts that edges need whole, but may not be able to open: the files of basic-auth and
 * redirects, and the pages for errors.  Read and looked at by the master; sent to the edges beside the
 * options.
 *
 * Form   items one behind the other: kind, length of path and text, path, text; each file once.
 */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"

enum annex_kind {
    ANNEX_PASSWORDS, ANNEX_REDIRECTS,
    ANNEX_PAGE,                      /* a file of error-page: its path is absolute */
    ANNEX_TEMPLATE,                  /* rendered: its path is "500" or "503" */
    ANNEX_KINDS
};

struct annex_item {
    enum annex_kind kind;
    struct span path, text;
};

/* Passwords and redirects that the site and its routes name, added to *out; none: nothing is.  0, or
 * -errno with a sentence (CONF_WHY_BYTES) that names file and line. */
int annex_read(const struct conf *site, struct buf *out, char *why);
/* Another number when one of them is another file, or was written; 0: none is named. */
uint64_t annex_stamp(const struct conf *site);
/* An item more.  0, -EMSGSIZE (of a limited buf), -ENOMEM. */
int annex_add(struct buf *out, const struct annex_item *item);
/* Takes the next item off; its spans point into the bytes.  1, 0 at the end, -EBADMSG. */
int annex_next(struct span *rest, struct annex_item *item);
