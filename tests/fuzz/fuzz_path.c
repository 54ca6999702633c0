/* fuzz_path.c - no decoded path climbs, holds a NUL or differs from what "plain" promised. */
#include "fuzz.h"
#include "http/path.h"

static void must_be_safe(struct span path)
{
    must(path.len > 0 && path.at[0] == '/' && span_find(path, '\0') == path.len);
    for (struct span rest = path; rest.len > 0;) {
        rest = span_skip(rest, 1);                       /* over the slash */
        struct span segment = { rest.at, span_find(rest, '/') };
        must(!span_eq(segment, SPAN(".")) && !span_eq(segment, SPAN("..")));
        must(!path_is_servable(path) || segment.len == 0 || segment.at[0] != '.');
        rest = span_skip(rest, segment.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span query, target = own_copy((struct span){ (const char *)data, size });
    struct span raw = path_split_query(target, &query);
    must(raw.len + query.len + (raw.len < target.len) == target.len);
    char *into = malloc(raw.len > 0 ? raw.len : 1);
    ssize_t len = path_decode(raw, into);
    must(len <= (ssize_t)raw.len && len != 0);
    if (len > 0) {
        struct span path = { into, (size_t)len };
        must_be_safe(path);
        must(!path_is_plain(raw) || span_eq(path, raw));
    }
    free(into);
    free((char *)target.at);
    return 0;
}
