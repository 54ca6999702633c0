/* h1_write.c - a response head is measured, then written in one go: room is asked for once. */
#include "wire/h1.h"

/* More than the status line's fixed part and all fields that are added here need. */
enum { ADDED_BYTES_MAX = 256 };

static char *put(char *at, struct span s)
{
    return s.len > 0 ? mempcpy(at, s.at, s.len) : at;
}

static char *put_number(char *at, uint64_t value)
{
    char digits[20], *from = digits + sizeof(digits);
    do {
        *--from = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return put(at, (struct span){ from, (size_t)(digits + sizeof(digits) - from) });
}

/* RFC 9112, section 6.3 for what we send: a length, chunks, or the end of the connection. */
static enum h1_body choose_body(const struct response *res, const struct h1_answer *a)
{
    if (a->is_head || status_has_no_body(res->status))
        return H1_BODY_NONE;
    if (res->body_bytes >= 0)
        return H1_BODY_LENGTH;
    return a->version >= 11 ? H1_BODY_CHUNKED : H1_BODY_CLOSE;
}

static char *put_status_line(char *at, const struct response *res, struct span reason)
{
    at = put(at, SPAN("HTTP/1.1 "));
    at = put_number(at, res->status);
    *at++ = ' ';
    at = put(at, reason);
    return put(at, SPAN("\r\n"));
}

static char *put_fields(char *at, const struct response *res)
{
    for (size_t i = 0; i < res->fields_count; i++) {
        at = put(at, res->fields[i].name);
        *at++ = ':';
        *at++ = ' ';
        at = put(at, res->fields[i].value);
        *at++ = '\r';
        *at++ = '\n';
    }
    return at;
}

static char *put_added(char *at, const struct response *res, const struct h1_answer *a,
                       struct span date)
{
    if (!res->has_date) {
        at = put(at, SPAN("Date: "));
        at = put(at, date);
        at = put(at, SPAN("\r\n"));
    }
    if (!res->has_server)
        at = put(at, SPAN("Server: slipway\r\n"));
    if (a->body == H1_BODY_CHUNKED) {
        at = put(at, SPAN("Transfer-Encoding: chunked\r\n"));
    } else if (res->body_bytes >= 0 && !status_has_no_body(res->status)) {
        at = put(at, SPAN("Content-Length: "));
        at = put_number(at, (uint64_t)res->body_bytes);
        at = put(at, SPAN("\r\n"));
    }
    if (!a->keeps_alive)
        return put(at, SPAN("Connection: close\r\n"));
    return a->version < 11 ? put(at, SPAN("Connection: keep-alive\r\n")) : at;
}

static size_t head_bytes_max(const struct response *res, struct span reason, struct span date)
{
    size_t bytes = ADDED_BYTES_MAX + reason.len + date.len;
    for (size_t i = 0; i < res->fields_count; i++)
        bytes += res->fields[i].name.len + res->fields[i].value.len + sizeof(": \r\n") - 1;
    return bytes;
}

int h1_write_head(struct buf *out, const struct response *res, struct h1_answer *a,
                  struct span date)
{
    struct span reason = res->reason.len > 0 ? res->reason : status_reason(res->status);
    int rc = buf_reserve(out, head_bytes_max(res, reason, date));
    if (rc < 0)
        return rc;
    a->body = choose_body(res, a);
    if (a->body == H1_BODY_CLOSE)
        a->keeps_alive = false;
    char *at = put_status_line(buf_tail(out), res, reason);
    at = put_fields(at, res);
    if (res->status >= 200)
        at = put_added(at, res, a, date);
    at = put(at, SPAN("\r\n"));
    buf_added(out, (size_t)(at - buf_tail(out)));
    return 0;
}

size_t h1_write_chunk_size(char *into, uint64_t bytes)
{
    int shift = bytes > 0 ? (63 - __builtin_clzll(bytes)) / 4 * 4 : 0;
    char *at = into;
    for (; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[bytes >> shift & 15];
    at = put(at, SPAN("\r\n"));
    return (size_t)(at - into);
}
