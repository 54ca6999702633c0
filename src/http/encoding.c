/* encoding.c - Accept-Encoding is read element by element; weights are thousandths.
 */
#include "http/encoding.h"

enum { WEIGHT_NONE = -1, WEIGHT_MOST = 1000 };

static const struct span names[ENCODING_COUNT] = {
    [ENCODING_IDENTITY] = SPAN(""),
    [ENCODING_GZIP] = SPAN("gzip"),
    [ENCODING_BROTLI] = SPAN("br"),
    [ENCODING_ZSTD] = SPAN("zstd"),
};

struct span encoding_name(enum encoding e)
{
    return names[e];
}

/* ---- what the client takes -------------------------------------------------------------------- */

/* qvalue: 0, 1, 0.5, 0.123, 1.000 (section 12.4.2); -1 for anything else. */
static int read_weight(struct span s)
{
    int weight, scale = 100;
    if (s.len == 0 || s.len > 5 || (s.at[0] != '0' && s.at[0] != '1') || (s.len > 1 && s.at[1] != '.'))
        return WEIGHT_NONE;
    weight = (s.at[0] - '0') * WEIGHT_MOST;
    for (size_t i = 2; i < s.len; i++, scale /= 10) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return WEIGHT_NONE;
        weight += (s.at[i] - '0') * scale;
    }
    return weight <= WEIGHT_MOST ? weight : WEIGHT_NONE;
}

/* "gzip;q=0.5": the coding's name and its weight, or WEIGHT_NONE. */
static int read_element(struct span element, struct span *name)
{
    size_t end = span_find(element, ';');
    *name = span_trim((struct span){ element.at, end });
    if (end == element.len)
        return WEIGHT_MOST;
    struct span rest = span_trim(span_skip(element, end + 1));
    if (rest.len < 2 || (rest.at[0] | 0x20) != 'q' || rest.at[1] != '=')
        return WEIGHT_NONE;
    return read_weight(span_skip(rest, 2));
}

struct wishes {
    int weight[ENCODING_COUNT];         /* WEIGHT_NONE: not named */
    int others;                         /* of "*" */
};

static void note(struct wishes *w, struct span name, int weight)
{
    if (span_eq(name, SPAN("*")))
        w->others = weight;
    else if (span_eq_nocase(name, SPAN("identity")))
        w->weight[ENCODING_IDENTITY] = weight;
    else if (span_eq_nocase(name, SPAN("x-gzip")))        /* section 8.4.1.3 */
        w->weight[ENCODING_GZIP] = weight;
    else
        for (int e = ENCODING_GZIP; e < ENCODING_COUNT; e++)
            if (span_eq_nocase(name, names[e]))
                w->weight[e] = weight;
}

enum encoding encoding_choose(const struct request *r, const enum encoding *order, size_t count)
{
    struct wishes w = { { WEIGHT_NONE, WEIGHT_NONE, WEIGHT_NONE, WEIGHT_NONE }, WEIGHT_NONE };
    for (size_t i = 0; i < r->fields_count; i++) {
        struct span list = r->fields[i].value, element, name;
        if (r->fields[i].id != FIELD_ACCEPT_ENCODING)
            continue;
        while (field_list_next(&list, &element)) {
            int weight = read_element(element, &name);
            if (weight != WEIGHT_NONE)
                note(&w, name, weight);
        }
    }
    enum encoding best = ENCODING_IDENTITY;
    int most = 0;
    for (size_t i = 0; i < count; i++) {
        int named = w.weight[order[i]], weight = named == WEIGHT_NONE ? w.others : named;
        if (weight > most) {
            best = order[i];
            most = weight;
        }
    }
    /* Unnamed, identity is always good enough and never preferred. */
    return w.weight[ENCODING_IDENTITY] > most ? ENCODING_IDENTITY : best;
}

/* ---- what is worth it -------------------------------------------------------------------------- */

static bool ends_with(struct span s, struct span end)
{
    return s.len >= end.len && span_eq_nocase(span_skip(s, s.len - end.len), end);
}

bool encoding_helps(struct span type)
{
    static const struct span whole[] = {
        SPAN("application/javascript"), SPAN("application/json"), SPAN("application/manifest+json"),
        SPAN("application/rtf"), SPAN("application/toml"), SPAN("application/vnd.apple.mpegurl"),
        SPAN("application/vnd.ms-fontobject"), SPAN("application/wasm"),
        SPAN("application/x-javascript"), SPAN("application/x-ndjson"), SPAN("application/xml"),
        SPAN("application/yaml"), SPAN("font/otf"), SPAN("font/ttf"), SPAN("image/bmp"),
        SPAN("image/vnd.microsoft.icon"), SPAN("image/x-icon"), SPAN("model/gltf-binary"),
    };
    struct span name = span_trim((struct span){ type.at, span_find(type, ';') }), text = SPAN("text/");
    if (span_eq_nocase(name, SPAN("text/event-stream")))
        return false;
    if (name.len > text.len && span_eq_nocase((struct span){ name.at, text.len }, text))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (span_eq_nocase(name, whole[i]))
            return true;
    return ends_with(name, SPAN("+json")) || ends_with(name, SPAN("+xml"));
}
