/* fuzz_log_lines.c - lines of logs: what is read points into the line, JSON that is made can be read. */
#include "fuzz.h"
#include "base/json.h"
#include "scribe/access_record.h"
#include "scribe/log_record.h"
#include "scribe/rotated.h"
#include "scribe/short.h"
#include "serve/gzip.h"

enum { UNPACKED_BYTES_MAX = 1 << 20 };

static bool is_inside(struct span part, struct span whole)
{
    return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

static void read_log(struct span line)
{
    struct log_record r = log_record_read(line);
    struct buf out = { 0 };
    char why[160];
    must(is_inside(r.id, line) && is_inside(r.text, line) && is_inside(r.shown, line));
    must(log_record_json(&r, SPAN("T"), &out) == 0);
    json_t *object = json_read(buf_span(&out), why);
    must(object || memchr(line.at, '\0', line.len));         /* jansson refuses \u0000 */
    json_decref(object);
    buf_done(&out);
}

static void read_access(struct span line)
{
    struct short_style style = { .clock = "12:04:31", .columns = 80 };
    char text[SHORT_BYTES];
    struct access_record r;
    must(short_line(line, &style, text) < SHORT_BYTES);
    if (access_record_read(line, &r) < 0)
        return;
    must(r.status <= 999 && r.took_us >= -1);
    must(r.json || (is_inside(r.method, line) && is_inside(r.target, line)));
    access_record_done(&r);
}

static void unpack(struct span bytes)
{
    struct buf out = { .limit_bytes = UNPACKED_BYTES_MAX };
    struct gzip *g = gzip_unpacker();
    if (g)
        (void)gzip_put(g, bytes, true, &out);
    must(buf_len(&out) <= UNPACKED_BYTES_MAX);
    gzip_free(g);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span line = own_copy((struct span){ (const char *)data, size });
    read_log(line);
    read_access(line);
    (void)rotated_is_name(line, SPAN("a.log"));
    unpack(line);
    free((char *)line.at);
    return 0;
}
