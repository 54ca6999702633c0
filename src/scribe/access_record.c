/* access_record.c - text is read from the left: each field ends where the next mark stands, which is
 * safe because quotes inside of quotes are escaped. */
#include "scribe/access_record.h"
#include <errno.h>

static struct span cut(struct span *rest, char mark)
{
    size_t len = span_find(*rest, mark);
    struct span part = { rest->at, len };
    *rest = span_skip(*rest, len < rest->len ? len + 1 : len);
    return part;
}

static int64_t read_took(struct span text)                   /* "12.345" ms */
{
    uint64_t ms, us;
    struct span whole = cut(&text, '.');
    bool is_right = span_to_u64(whole, &ms) == 0 && text.len == 3 && span_to_u64(text, &us) == 0 &&
                    ms < INT64_MAX / 2000;
    return is_right ? (int64_t)(ms * 1000 + us) : -1;
}

static int read_text(struct span line, struct access_record *r)
{
    (void)cut(&line, '"');
    struct span request = cut(&line, '"');
    if (line.len == 0 || line.at[0] != ' ')
        return -EBADMSG;
    line = span_skip(line, 1);
    if (!span_eq(request, SPAN("-"))) {
        r->method = cut(&request, ' ');
        r->target = cut(&request, ' ');
    }
    if (span_to_u64(cut(&line, ' '), &r->status) < 0 || span_to_u64(cut(&line, ' '), &r->bytes) < 0 ||
        r->status > 999)
        return -EBADMSG;
    for (int i = 0; i < 4; i++)                      /* up to the referer, it, up to the agent, it */
        (void)cut(&line, '"');
    if (line.len > 0 && line.at[0] == ' ') {
        line = span_skip(line, 1);
        r->took_us = read_took(cut(&line, ' '));
    }
    return 0;
}

static struct span text_of(const json_t *object, const char *name)
{
    return span_of(json_text(object, name, ""));
}

static int read_json(struct span line, struct access_record *r)
{
    char why[160];
    json_t *object = json_read(line, why);
    if (!json_is_object(object)) {
        json_decref(object);
        return -EBADMSG;
    }
    const json_t *ms = json_object_get(object, "ms");
    double took_ms = json_is_number(ms) ? json_number_value(ms) : -1;
    int64_t status = json_int(object, "status", 0), bytes = json_int(object, "bytes", 0);
    *r = (struct access_record){
        .json = object, .method = text_of(object, "method"), .target = text_of(object, "target"),
        .site = text_of(object, "site"), .status = status > 0 && status <= 999 ? (uint64_t)status : 0,
        .bytes = bytes > 0 ? (uint64_t)bytes : 0,
        .took_us = took_ms >= 0 && took_ms < 1e12 ? (int64_t)(took_ms * 1000) : -1,
    };
    return 0;
}

int access_record_read(struct span line, struct access_record *r)
{
    *r = (struct access_record){ .took_us = -1 };
    return line.len > 0 && line.at[0] == '{' ? read_json(line, r) : read_text(line, r);
}

void access_record_done(struct access_record *r)
{
    json_decref(r->json);
    r->json = NULL;
}
