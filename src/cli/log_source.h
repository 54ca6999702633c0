/* log_source.h - a file of the access log as `slipway logs` reads it: rotated ones first, then what is there,
 * then what comes.
 *
 *     rotated .gz > gzip > lines > filter > standard output
 *     the file itself    > lines > filter > standard output, and again when it has grown
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "scribe/lines.h"

struct log_filter {
    const char *status, *path;    /* NULL: any */
    int64_t slow_us;              /* -1: any */
    bool is_json;                 /* lines of text are printed as objects */
    bool is_over;                 /* nobody reads what we print */
};

struct log_source {
    const char *path;             /* absolute; outlives it */
    const char *site;             /* only lines that name it; NULL: any */
    bool is_bare;                 /* a file that was lent as standard output: never rotated by us */
    struct log_filter *filter;
    int fd;                       /* while it is followed; -1: there is no such file now */
    bool skips;                   /* the line under way: its beginning was not read */
    struct lines lines;
};

/* Its rotated files and what is there now.  0 or -errno. */
int log_source_show(struct log_source *s);
/* The end of each, and what comes: for ever, or until nobody reads.  0 or -errno, *which failed. */
int log_sources_follow(struct log_source *all, size_t count, size_t *which);
/* "404", "5xx", "4xx,502" */
bool log_filter_is_status(const char *spec);
