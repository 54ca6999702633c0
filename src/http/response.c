/* response.c - what a worker or an upstream wrote is foreign too: nothing passes that could end a
 * line early, and only one length comes out.
 */
#include "http/response.h"
#include <errno.h>

/* Every status that has a name (IANA's registry), in order; the page is for those the server
 * answers. */
static const struct status_row {
    unsigned status;
    struct span reason, page;
} statuses[] = {
    { 100, SPAN("Continue"), SPAN("") },
    { 101, SPAN("Switching Protocols"), SPAN("") },
    { 102, SPAN("Processing"), SPAN("") },
    { 103, SPAN("Early Hints"), SPAN("") },
    { 200, SPAN("OK"), SPAN("OK\n") },
    { 201, SPAN("Created"), SPAN("") },
    { 202, SPAN("Accepted"), SPAN("") },
    { 203, SPAN("Non-Authoritative Information"), SPAN("") },
    { 204, SPAN("No Content"), SPAN("") },
    { 205, SPAN("Reset Content"), SPAN("") },
    { 206, SPAN("Partial Content"), SPAN("") },
    { 207, SPAN("Multi-Status"), SPAN("") },
    { 208, SPAN("Already Reported"), SPAN("") },
    { 226, SPAN("IM Used"), SPAN("") },
    { 300, SPAN("Multiple Choices"), SPAN("") },
    { 301, SPAN("Moved Permanently"), SPAN("This page has moved for good.\n") },
    { 302, SPAN("Found"), SPAN("This page is elsewhere for the moment.\n") },
    { 303, SPAN("See Other"), SPAN("The answer is on another page.\n") },
    { 304, SPAN("Not Modified"), SPAN("") },
    { 305, SPAN("Use Proxy"), SPAN("") },
    { 307, SPAN("Temporary Redirect"), SPAN("This page is elsewhere for the moment.\n") },
    { 308, SPAN("Permanent Redirect"), SPAN("This page has moved for good.\n") },
    { 400, SPAN("Bad Request"), SPAN("The server cannot read this request.\n") },
    { 401, SPAN("Unauthorized"), SPAN("This page needs a login.\n") },
    { 402, SPAN("Payment Required"), SPAN("This page must be paid for.\n") },
    { 403, SPAN("Forbidden"), SPAN("This page may not be shown.\n") },
    { 404, SPAN("Not Found"), SPAN("There is no such page.\n") },
    { 405, SPAN("Method Not Allowed"), SPAN("This page does not take that method.\n") },
    { 406, SPAN("Not Acceptable"), SPAN("") },
    { 407, SPAN("Proxy Authentication Required"), SPAN("") },
    { 408, SPAN("Request Timeout"), SPAN("The request did not arrive in time.\n") },
    { 409, SPAN("Conflict"), SPAN("") },
    { 410, SPAN("Gone"), SPAN("This page is gone for good.\n") },
    { 411, SPAN("Length Required"), SPAN("The request must say how long its body is.\n") },
    { 412, SPAN("Precondition Failed"), SPAN("The page is not in the state that the request asked for.\n") },
    { 413, SPAN("Content Too Large"), SPAN("The body of this request is too large.\n") },
    { 414, SPAN("URI Too Long"), SPAN("The address of this request is too long.\n") },
    { 415, SPAN("Unsupported Media Type"), SPAN("") },
    { 416, SPAN("Range Not Satisfiable"), SPAN("The file does not have that range.\n") },
    { 417, SPAN("Expectation Failed"), SPAN("The server cannot meet what this request expects.\n") },
    { 421, SPAN("Misdirected Request"), SPAN("No site of that name is served here.\n") },
    { 422, SPAN("Unprocessable Content"), SPAN("") },
    { 423, SPAN("Locked"), SPAN("") },
    { 424, SPAN("Failed Dependency"), SPAN("") },
    { 425, SPAN("Too Early"), SPAN("This request came too early; please send it again.\n") },
    { 426, SPAN("Upgrade Required"), SPAN("") },
    { 428, SPAN("Precondition Required"), SPAN("") },
    { 429, SPAN("Too Many Requests"), SPAN("Too many requests; please try again later.\n") },
    { 431, SPAN("Request Header Fields Too Large"), SPAN("The head of this request is too large.\n") },
    { 451, SPAN("Unavailable For Legal Reasons"), SPAN("") },
    { 500, SPAN("Internal Server Error"), SPAN("The application failed on this request.\n") },
    { 501, SPAN("Not Implemented"), SPAN("The server does not support what this request asks for.\n") },
    { 502, SPAN("Bad Gateway"), SPAN("The application ended before it gave an answer.\n") },
    { 503, SPAN("Service Unavailable"), SPAN("The site cannot answer just now; please try again.\n") },
    { 504, SPAN("Gateway Timeout"), SPAN("The application took too long to answer.\n") },
    { 505, SPAN("HTTP Version Not Supported"), SPAN("The server speaks HTTP/1.0 and HTTP/1.1 here.\n") },
    { 506, SPAN("Variant Also Negotiates"), SPAN("") },
    { 507, SPAN("Insufficient Storage"), SPAN("The server has no room for this request just now.\n") },
    { 508, SPAN("Loop Detected"), SPAN("") },
    { 511, SPAN("Network Authentication Required"), SPAN("") },
};

static const struct status_row *find_status(unsigned status)
{
    size_t low = 0, high = ARRAY_LEN(statuses);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (statuses[middle].status == status)
            return &statuses[middle];
        if (statuses[middle].status > status)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool status_has_no_body(unsigned status)
{
    return status < 200 || status == 204 || status == 304;
}

struct span status_reason(unsigned status)
{
    const struct status_row *row = find_status(status);
    return row ? row->reason : SPAN("");
}

struct span status_page(unsigned status)
{
    const struct status_row *row = find_status(status);
    if (row && row->page.len > 0)
        return row->page;
    return status < 400 ? SPAN("") : SPAN("The request could not be answered.\n");
}

static int take_length(struct response *r, struct span value)
{
    uint64_t length = 0;
    if (span_to_u64(value, &length) < 0 || length > INT64_MAX)
        return -EBADMSG;
    if (r->body_bytes >= 0 && r->body_bytes != (int64_t)length)
        return -EBADMSG;
    r->body_bytes = (int64_t)length;
    return 0;
}

static bool is_event_stream(struct span type)
{
    struct span events = SPAN("text/event-stream");
    return type.len >= events.len && span_eq_nocase((struct span){ type.at, events.len }, events) &&
        (type.len == events.len || strchr("; \t", type.at[events.len]) != NULL);
}

static bool is_for_the_edge(const struct field *f)
{
    struct span prefix = SPAN("x-accel-");
    return f->id == FIELD_X_SENDFILE || (f->name.len > prefix.len && (f->name.at[0] | 0x20) == 'x' &&
        span_eq_nocase((struct span){ f->name.at, prefix.len }, prefix));
}

/* What the field says to us.  1: the client gets it too; 0: it does not; -EBADMSG. */
static int heed(struct response *r, const struct field *f)
{
    if (f->id == FIELD_CONTENT_LENGTH)
        return take_length(r, f->value);
    if (f->id == FIELD_X_ACCEL_REDIRECT && !r->is_for_front)
        r->redirect = f->value;
    if (f->id == FIELD_X_SENDFILE && !r->is_for_front)
        r->sendfile = f->value;
    if (f->id == FIELD_X_ACCEL_BUFFERING)
        r->is_streamed |= span_eq_nocase(f->value, SPAN("no"));
    if (f->id == FIELD_CONTENT_TYPE)
        r->is_streamed |= is_event_stream(f->value);
    r->has_date |= f->id == FIELD_DATE;
    r->has_server |= f->id == FIELD_SERVER;
    return !field_is_hop_by_hop(f->id) && (r->is_for_front || !is_for_the_edge(f));
}

int response_read_fields(struct response *r, struct span block, size_t fields_max,
                         struct arena *arena)
{
    *r = (struct response){ .status = r->status, .reason = r->reason, .is_for_front = r->is_for_front,
                            .body_bytes = -1 };
    while (block.len > 0) {
        struct field f;
        size_t line_bytes = field_text_bytes(block);
        if (block.len - line_bytes < 2 || memcmp(block.at + line_bytes, "\r\n", 2) != 0)
            return -EBADMSG;
        int rc = field_split((struct span){ block.at, line_bytes }, &f);
        if (rc == 0)
            rc = heed(r, &f);
        if (rc < 0)
            return rc;
        block = span_skip(block, line_bytes + 2);
        if (rc == 0)
            continue;
        if (r->fields_count == fields_max)
            return -EMSGSIZE;
        struct field *fields = field_array_room(r->fields, r->fields_count, arena);
        if (fields == NULL)
            return -ENOMEM;
        r->fields = fields;
        fields[r->fields_count++] = f;
    }
    return 0;
}
