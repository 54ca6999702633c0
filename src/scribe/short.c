/* short.c - reads the combined line from the left: each field ends where the next mark stands,
 * which is safe because quotes inside of quotes are escaped.
 */
#include "scribe/short.h"
#include <inttypes.h>
#include <stdio.h>

enum { FIXED_COLUMNS = 37, NUMBER_BYTES = 32, TARGET_BYTES = 2100, GAP = 3 /* "..." */ };

struct fields {
    struct span method, target;
    uint64_t status, bytes, took_us;
    bool is_own;                  /* no worker had a part in it */
};

/* What stands before `mark`; the rest begins behind it. */
static struct span cut(struct span *rest, char mark)
{
    size_t len = span_find(*rest, mark);
    struct span part = { rest->at, len };
    *rest = span_skip(*rest, len < rest->len ? len + 1 : len);
    return part;
}

static struct span cut_quoted(struct span *rest)
{
    (void)cut(rest, '"');
    return cut(rest, '"');
}

static int read_took(struct span text, uint64_t *us)          /* "12.345" ms */
{
    uint64_t ms, rest_us;
    struct span whole = cut(&text, '.');
    if (span_to_u64(whole, &ms) < 0 || span_to_u64(text, &rest_us) < 0)
        return -1;
    *us = ms > UINT64_MAX / 2000 ? UINT64_MAX / 2 : ms * 1000 + rest_us;
    return 0;
}

static int read_line(struct span line, struct fields *f)
{
    struct span request = cut_quoted(&line);
    f->method = cut(&request, ' ');
    f->target = request.len > 0 ? cut(&request, ' ') : SPAN("-");
    (void)cut(&line, ' ');
    if (f->method.len == 0 || f->target.len >= TARGET_BYTES ||
        span_to_u64(cut(&line, ' '), &f->status) < 0 || span_to_u64(cut(&line, ' '), &f->bytes) < 0)
        return -1;
    (void)cut_quoted(&line);
    (void)cut_quoted(&line);
    (void)cut(&line, ' ');
    if (read_took(cut(&line, ' '), &f->took_us) < 0)
        return -1;
    (void)cut(&line, ' ');
    f->is_own = span_eq(line, SPAN("-"));
    return 0;
}

/* ---- numbers ---- */

static void say_took(uint64_t us, char into[NUMBER_BYTES])
{
    uint64_t ms = us / 1000;
    if (us < 10000)
        (void)snprintf(into, NUMBER_BYTES, "%" PRIu64 ".%" PRIu64 " ms", ms, us / 100 % 10);
    else if (ms < 1000)
        (void)snprintf(into, NUMBER_BYTES, "%" PRIu64 " ms", ms);
    else if (ms < 100000)
        (void)snprintf(into, NUMBER_BYTES, "%" PRIu64 ".%02" PRIu64 " s ", ms / 1000,
                       ms / 10 % 100);
    else
        (void)snprintf(into, NUMBER_BYTES, "%" PRIu64 " s ", ms / 1000);
}

static void say_size(uint64_t bytes, char into[NUMBER_BYTES])
{
    static const char units[] = "KMGTPE";
    unsigned unit = 0;
    if (bytes < 1000) {
        (void)snprintf(into, NUMBER_BYTES, "%" PRIu64 "B", bytes);
        return;
    }
    for (; bytes >= 1000000 && unit + 2 < sizeof units; bytes /= 1024)
        unit++;
    uint64_t whole = bytes / 1024, tenths = bytes % 1024 * 10 / 1024;
    if (whole < 10)
        (void)snprintf(into, NUMBER_BYTES, "%" PRIu64 ".%" PRIu64 "%c", whole, tenths, units[unit]);
    else
        (void)snprintf(into, NUMBER_BYTES, "%" PRIu64 "%c", whole, units[unit]);
}

/* ---- the target ---- */

/* One that is too long loses the end of its query; where even the path has no room, the middle of
 * that: both its ends say more. */
static struct span fit(struct span target, unsigned columns, char into[TARGET_BYTES])
{
    size_t room = columns > FIXED_COLUMNS + SHORT_TARGET_LEAST ? columns - FIXED_COLUMNS
                                                               : SHORT_TARGET_LEAST;
    if (columns == 0 || target.len <= room)
        return target;
    size_t path_bytes = span_find(target, '?');
    bool has_path = path_bytes + GAP <= room;
    size_t head = has_path ? room - GAP : (room - GAP) / 3;
    size_t tail = has_path ? 0 : room - GAP - head;
    memcpy(into, target.at, head);
    memcpy(into + head, "...", GAP);
    memcpy(into + head + GAP, target.at + path_bytes - tail, tail);
    return (struct span){ into, head + GAP + tail };
}

/* ---- the line ---- */

#define COLOUR(codes) "\x1b[" codes "m"

static const char *status_colour(uint64_t status)
{
    return status < 300 ? COLOUR("32") : status < 400 ? COLOUR("36")
                                       : status < 500 ? COLOUR("33") : COLOUR("1;31");
}

struct paint { const char *end, *dim, *status, *took, *method, *path; };

static struct paint paint_for(const struct fields *f, bool is_slow)
{
    static const char dim[] = COLOUR("2");
    if (f->is_own && f->status < 400)            /* a static file: all of it is dim */
        return (struct paint){ COLOUR("0"), dim, dim, dim, dim, dim };
    return (struct paint){ COLOUR("0"), dim, status_colour(f->status),
                           is_slow ? COLOUR("1;33") : "", COLOUR("1"), "" };
}

size_t short_line(struct span line, const struct short_style *style, char into[SHORT_BYTES])
{
    struct fields f = { 0 };
    char took[NUMBER_BYTES], size[NUMBER_BYTES], target[TARGET_BYTES];
    if (read_line(line, &f) < 0)
        return 0;
    bool is_slow = f.took_us >= SHORT_SLOW_MS * 1000ULL;
    struct paint p = { "", "", "", "", "", "" };
    if (style->has_colour)
        p = paint_for(&f, is_slow);
    say_took(f.took_us, took);
    say_size(f.bytes, size);
    struct span shown = fit(f.target, style->columns, target);
    size_t path_bytes = span_find(shown, '?');
    int len = snprintf(into, SHORT_BYTES,
                       "%s%s%s %s%3" PRIu64 "%s %s%7s %c%s%s%6s%s %s%-7.*s%s %s%.*s%s%.*s%s", p.dim,
                       style->clock, p.end, p.status, f.status, p.end, p.took, took,
                       is_slow ? '!' : ' ', p.end, p.dim, size, p.end, p.method, (int)f.method.len,
                       f.method.at, p.end, p.path, (int)path_bytes, shown.at, p.dim,
                       (int)(shown.len - path_bytes), shown.at + path_bytes, p.end);
    return len < 0 ? 0 : len < SHORT_BYTES ? (size_t)len : SHORT_BYTES - 1;
}
