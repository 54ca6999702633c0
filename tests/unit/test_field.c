#include "unit.h"
#include "http/field.h"

static const struct { const char *name; enum field_id id; } names[] = {
    { "Accept-Encoding", FIELD_ACCEPT_ENCODING }, { "Allow", FIELD_ALLOW },
    { "Authorization", FIELD_AUTHORIZATION }, { "Cache-Control", FIELD_CACHE_CONTROL },
    { "Connection", FIELD_CONNECTION }, { "Content-Encoding", FIELD_CONTENT_ENCODING },
    { "Content-Length", FIELD_CONTENT_LENGTH }, { "Content-Type", FIELD_CONTENT_TYPE },
    { "Cookie", FIELD_COOKIE }, { "Date", FIELD_DATE }, { "ETag", FIELD_ETAG }, { "Expect", FIELD_EXPECT },
    { "Forwarded", FIELD_FORWARDED }, { "Host", FIELD_HOST }, { "If-Match", FIELD_IF_MATCH },
    { "If-Modified-Since", FIELD_IF_MODIFIED_SINCE }, { "If-None-Match", FIELD_IF_NONE_MATCH },
    { "If-Range", FIELD_IF_RANGE }, { "If-Unmodified-Since", FIELD_IF_UNMODIFIED_SINCE },
    { "Keep-Alive", FIELD_KEEP_ALIVE }, { "Last-Modified", FIELD_LAST_MODIFIED },
    { "Location", FIELD_LOCATION }, { "Proxy", FIELD_PROXY },
    { "Proxy-Authenticate", FIELD_PROXY_AUTHENTICATE }, { "Proxy-Authorization", FIELD_PROXY_AUTHORIZATION },
    { "Proxy-Connection", FIELD_PROXY_CONNECTION }, { "Range", FIELD_RANGE }, { "Referer", FIELD_REFERER },
    { "Server", FIELD_SERVER }, { "TE", FIELD_TE }, { "Trailer", FIELD_TRAILER },
    { "Transfer-Encoding", FIELD_TRANSFER_ENCODING }, { "Upgrade", FIELD_UPGRADE },
    { "User-Agent", FIELD_USER_AGENT }, { "Vary", FIELD_VARY },
    { "X-Accel-Buffering", FIELD_X_ACCEL_BUFFERING }, { "X-Forwarded-For", FIELD_X_FORWARDED_FOR },
    { "X-Forwarded-Host", FIELD_X_FORWARDED_HOST }, { "X-Forwarded-Port", FIELD_X_FORWARDED_PORT },
    { "X-Forwarded-Proto", FIELD_X_FORWARDED_PROTO }, { "X-Real-IP", FIELD_X_REAL_IP },
    { "X-Request-ID", FIELD_X_REQUEST_ID }, { "traceparent", FIELD_TRACEPARENT },
    { "X-Accel-Redirect", FIELD_X_ACCEL_REDIRECT }, { "X-Sendfile", FIELD_X_SENDFILE },
};

static enum field_id id_of(const char *name, size_t len)
{
    if (len > 64)                                      /* no name is: said for the compiler */
        abort();
    char *own = malloc(len);                           /* own block: overreads are caught */
    assert_non_null(own);
    memcpy(own, name, len);
    enum field_id id = field_id_of((struct span){ own, len });
    free(own);
    return id;
}

UNIT_TEST(every_name_is_found_in_any_case)
{
    assert_int_equal(ARRAY_LEN(names), FIELD_COUNT - 2);         /* OTHER and UNDERSCORED */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char text[32];
        size_t len = strlen(names[i].name);
        for (int upper = 0; upper < 3; upper++) {
            for (size_t k = 0; k <= len; k++) {
                char c = names[i].name[k];
                bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
                text[k] = is_letter && upper < 2 ? (char)(upper ? c & ~0x20 : c | 0x20) : c;
            }
            if (id_of(text, len) != names[i].id)
                fail_msg("%s", text);
        }
    }
}

UNIT_TEST(a_name_with_any_other_byte_is_another)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t len = strlen(names[i].name);
        for (size_t k = 0; k < len; k++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[32];
                memcpy(text, names[i].name, len);
                if (strncasecmp(&(char){ (char)byte }, text + k, 1) == 0)
                    continue;
                text[k] = (char)byte;
                enum field_id id = field_id_of((struct span){ text, len });
                if (id == names[i].id || (id == FIELD_UNDERSCORED) != (byte == '_'))
                    fail_msg("%s with byte %d at %zu", names[i].name, byte, k);
            }
        }
        assert_int_equal(id_of(names[i].name, len - 1), FIELD_OTHER);
    }
    assert_int_equal(field_id_of(SPAN("")), FIELD_OTHER);
    assert_int_equal(field_id_of(SPAN("If-Unmodified-Since-Then")), FIELD_OTHER);
    assert_int_equal(field_id_of(SPAN("If-Unmodified-Since_Then")), FIELD_UNDERSCORED);
    struct field a = { SPAN("x_a"), SPAN(""), FIELD_UNDERSCORED }, b = a;
    b.name = SPAN("X_A");
    assert_true(field_is_same(&a, &b));
    b.name = SPAN("X_B");
    assert_false(field_is_same(&a, &b));
}

UNIT_TEST(tokens_and_values_byte_by_byte)
{
    static const char token[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (int byte = 0; byte < 256; byte++) {
        char text[40];
        bool is_token = byte != 0 && strchr(token, byte) != NULL;
        bool is_text = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
        for (size_t at = 0; at < sizeof(text); at++) {
            memset(text, 'x', sizeof(text));
            text[at] = (char)byte;
            struct span s = { text, sizeof(text) };
            assert_int_equal(field_token_bytes(s), is_token ? sizeof(text) : at);
            assert_int_equal(field_text_bytes(s), is_text ? sizeof(text) : at);
            assert_int_equal(field_name_is_valid(s), is_token);
            assert_int_equal(field_value_is_valid(s), is_text);
        }
    }
    assert_false(field_name_is_valid(SPAN("")));
    assert_true(field_value_is_valid(SPAN("")));
    assert_false(field_value_is_valid(SPAN("a\t\x01 0123456789012345")));
}

UNIT_TEST(lines)
{
    struct field f;
    assert_int_equal(field_split(SPAN("Host: a:1 \t"), &f), 0);
    assert_span_equal(f.name, SPAN("Host"));
    assert_span_equal(f.value, SPAN("a:1"));
    assert_int_equal(f.id, FIELD_HOST);
    assert_int_equal(field_split(SPAN("a:"), &f), 0);
    assert_int_equal(f.value.len, 0);
    assert_int_equal(field_split(SPAN("a: \t "), &f), 0);
    assert_int_equal(f.value.len, 0);
    static const char *const bad[] = { "",     ":",     ": a",   "a",       "a :b",
                                       " a:b", "\ta:b", "a b:c", "a\xc3:b", "\"a\":b" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (field_split(span_of(bad[i]), &f) != -EBADMSG)
            fail_msg("\"%s\"", bad[i]);
}

UNIT_TEST(lists)
{
    struct span list = SPAN("a ,\tb c,, d"), one;
    static const char *const want[] = { "a", "b c", "", "d" };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(field_list_next(&list, &one));
        assert_span_equal(one, span_of(want[i]));
    }
    assert_false(field_list_next(&list, &one));
    assert_true(field_list_has(SPAN("x, CLOSE"), SPAN("close")));
    assert_true(field_list_has(SPAN("close"), SPAN("close")));
    assert_false(field_list_has(SPAN("closed, xclose, close d"), SPAN("close")));
    assert_false(field_list_has(SPAN(""), SPAN("close")));
}

UNIT_TEST(what_is_for_one_hop_only)
{
    static const enum field_id ids[] = {
        FIELD_CONNECTION, FIELD_KEEP_ALIVE, FIELD_PROXY_AUTHENTICATE, FIELD_PROXY_AUTHORIZATION,
        FIELD_PROXY_CONNECTION, FIELD_TE, FIELD_TRAILER, FIELD_TRANSFER_ENCODING, FIELD_UPGRADE,
    };
    size_t count = 0;
    for (enum field_id id = FIELD_OTHER; id < FIELD_COUNT; id++)
        count += field_is_hop_by_hop(id);
    assert_int_equal(count, ARRAY_LEN(ids));
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_true(field_is_hop_by_hop(ids[i]));
}

UNIT_TEST(an_array_grows_and_keeps_what_it_has)
{
    struct arena arena;
    struct field *fields = NULL;
    size_t count = 0;
    arena_init(&arena, 1 << 16);
    for (; count < 200; count++) {
        struct field *room = field_array_room(fields, count, &arena);
        assert_non_null(room);
        fields = room;
        fields[count] = (struct field){ { NULL, count }, { NULL, 0 }, FIELD_OTHER };
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fields[i].name.len, i);
    while (fields != NULL)
        fields = field_array_room(fields, count++, &arena);
    assert_true(count > 256);          /* the arena's limit was reached, and said so */
    arena_done(&arena);
}

UNIT_MAIN(every_name_is_found_in_any_case, a_name_with_any_other_byte_is_another,
          tokens_and_values_byte_by_byte, lines, lists, what_is_for_one_hop_only,
          an_array_grows_and_keeps_what_it_has)
