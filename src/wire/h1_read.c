/* h1_read.c - a head is read twice over: first as bytes, then as words.
 *
 *   find_end     looks at each byte once, however the head arrives: no control byte but CRLF and
 *                tab, and where the empty line is.  Needs no memory but one offset.
 *   read_fields  takes the complete head apart.  It never meets a CR that does not end a line.
 *
 * The second only runs on a complete head, so what a request means cannot depend on where its
 * bytes were cut.  The request line is judged as soon as it is there, so that who speaks another
 * protocol is told so.
 */
#include "wire/h1.h"
#include <assert.h>

enum { BAD_REQUEST = 400, URI_TOO_LONG = 414, HEAD_TOO_LARGE = 431, NOT_IMPLEMENTED = 501,
       NO_MEMORY = 503, VERSION_NOT_SUPPORTED = 505 };
enum { EMPTY_LINES_MAX = 2, CRLF_BYTES = 2 };

/* "HTTP/1.1" (RFC 9112, section 2.3): without case is not allowed, and both numbers are one digit.
 */
static int read_version(struct span word, unsigned *version)
{
    static const struct span name = { "HTTP/", 5 };
    if (word.len != 8 || !span_starts(word, name) || word.at[6] != '.')
        return -BAD_REQUEST;
    char major = word.at[5], minor = word.at[7];
    if (major < '0' || major > '9' || minor < '0' || minor > '9')
        return -BAD_REQUEST;
    if (major != '1')
        return -VERSION_NOT_SUPPORTED;
    *version = minor == '0' ? 10 : 11;
    return 0;
}

/* Method, target, version with one space between them (section 3); 0 or minus the status. */
static int read_request_line(struct request *r, struct span line)
{
    size_t method_bytes = field_token_bytes(line);
    if (method_bytes == 0 || method_bytes == line.len || line.at[method_bytes] != ' ')
        return -BAD_REQUEST;
    if (method_bytes > REQUEST_METHOD_BYTES_MAX)
        return -NOT_IMPLEMENTED;
    struct span rest = span_skip(line, method_bytes + 1);
    size_t target_bytes = span_find(rest, ' ');
    struct span target = { rest.at, target_bytes };
    if (target_bytes == 0 || target_bytes == rest.len || span_find(target, '\t') < target_bytes)
        return -BAD_REQUEST;
    r->method_name = (struct span){ line.at, method_bytes };
    r->target = target;
    return read_version(span_skip(rest, target_bytes + 1), &r->version);
}

/* Where the request line begins; more empty lines than are allowed are left in place. */
static size_t find_start(struct span in)
{
    size_t pos = 0;
    while (pos < EMPTY_LINES_MAX * CRLF_BYTES && in.len - pos >= CRLF_BYTES &&
           memcmp(in.at + pos, "\r\n", CRLF_BYTES) == 0)
        pos += CRLF_BYTES;
    return pos;
}

static bool has_line_end(struct span in, size_t from, size_t to)
{
    return to > from && memrchr(in.at + from, '\n', to - from) != NULL;
}

/* Goes on from *scanned to the end of the head: its bytes, 0 for more, or minus the status.
 * *scanned stays on a CR whose LF has not come yet. */
static ssize_t find_end(struct request *r, struct span in, size_t start, size_t *scanned)
{
    size_t pos = *scanned > start ? *scanned : start;
    bool is_first_line_over = false;
    for (;;) {
        pos += field_text_bytes(span_skip(in, pos));
        *scanned = pos;
        if (pos == in.len || (pos + 1 == in.len && in.at[pos] == '\r'))
            return 0;
        if (in.at[pos] != '\r' || in.at[pos + 1] != '\n' || pos == start)
            return -BAD_REQUEST;
        if (in.at[pos - 1] == '\n')
            return (ssize_t)(pos + CRLF_BYTES);
        if (!is_first_line_over && !has_line_end(in, start, pos)) {
            int rc = read_request_line(r, (struct span){ in.at + start, pos - start });
            if (rc < 0)
                return rc;
        }
        is_first_line_over = true;
        pos += CRLF_BYTES;
    }
}

/* `lines` are whole lines, each with its CRLF and no other CR in it. */
static int read_fields(struct request *r, struct span lines, size_t fields_max, struct arena *arena)
{
    r->fields = NULL;
    r->fields_count = 0;
    while (lines.len > 0) {
        if (r->fields_count == fields_max)
            return -HEAD_TOO_LARGE;
        struct field *fields = field_array_room(r->fields, r->fields_count, arena);
        if (fields == NULL)
            return -NO_MEMORY;
        r->fields = fields;
        size_t line_bytes = span_find(lines, '\r');
        if (field_split((struct span){ lines.at, line_bytes }, &fields[r->fields_count]) < 0)
            return -BAD_REQUEST;
        r->fields_count++;
        lines = span_skip(lines, line_bytes + CRLF_BYTES);
    }
    return 0;
}

ssize_t h1_read_head(struct request *r, struct span in, size_t *scanned_bytes,
                     const struct h1_limits *limits, struct arena *arena)
{
    bool is_over = in.len >= limits->head_bytes;
    bool is_resumed = *scanned_bytes > 0;
    assert(*scanned_bytes <= in.len);
    if (is_over)
        in.len = limits->head_bytes;
    size_t start = find_start(in);
    ssize_t head_bytes = find_end(r, in, start, scanned_bytes);
    if (head_bytes == 0 && is_over)
        return has_line_end(in, start, in.len) ? -HEAD_TOO_LARGE : -URI_TOO_LONG;
    if (head_bytes <= 0)
        return head_bytes;

    struct span head = { in.at + start, (size_t)head_bytes - start - CRLF_BYTES };
    size_t line_bytes = span_find(head, '\r');
    int rc = is_resumed ? read_request_line(r, (struct span){ head.at, line_bytes }) : 0;
    if (rc == 0)
        rc = read_fields(r, span_skip(head, line_bytes + CRLF_BYTES), limits->fields, arena);
    return rc < 0 ? rc : head_bytes;
}
