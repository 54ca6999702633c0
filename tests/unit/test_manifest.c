/* test_manifest.c - names with a hash, read and read again while requests ask for them. */
#include "unit.h"
#include "base/hash.h"
#include "base/log.h"
#include "serve/manifest.h"
#include "temp_folder.h"

static struct loop *l;
static struct helpers *helpers;
static struct manifest *m;
static struct temp_folder t;

static void too_late(struct timer *timer)
{
    (void)timer;
    fail_msg("the manifest was not read");
}

static int64_t look(struct loop_hook *h)
{
    (void)h;
    if (manifest_stamp(m) > 1)
        loop_stop(l);
    return 1000;
}

/* Until a set was read. */
static void read_it(void)
{
    struct timer deadline;
    struct loop_hook hook = { .turn_end = look };
    list_init(&hook.node);
    timer_init(&deadline, too_late);
    assert_int_equal(timer_set(l, &deadline, 20000), 0);
    loop_hook_add(l, &hook);
    assert_int_equal(loop_run(l), 0);
    loop_hook_remove(&hook);
    timer_off(l, &deadline);
}

static void begin(const char *text)
{
    temp_make(&t);
    hash_seed();
    log_set(LOG_ERROR, "test");
    l = loop_new();
    helpers = helpers_new(l, 1, 8);
    m = manifest_new(l, helpers, temp_write(&t, "staticfiles.json", text), -1, 0);
    assert_non_null(m);
}

static void end(void)
{
    helpers_free(helpers);
    manifest_free(m);
    loop_free(l);
    temp_done(&t);
}

UNIT_TEST(values_that_are_no_keys)
{
    begin("{\"paths\": {\"a.css\": \"a.12.css\", \"b.css\": \"b.css\", \"c.css\": \"b.css\","
          " \"d.css\": 7, \"e.css\": \"a.12.css\", \"f/\\u00e9.css\": \"f/\\u00e9.12.css\"}}");
    assert_false(manifest_has(m, SPAN("a.12.css")));
    read_it();
    assert_true(manifest_has(m, SPAN("a.12.css")));
    assert_true(manifest_has(m, SPAN("f/\xc3\xa9.12.css")));
    assert_false(manifest_has(m, SPAN("b.css")));
    assert_false(manifest_has(m, SPAN("a.css")));
    assert_false(manifest_has(m, SPAN("a.12.cs")));
    assert_false(manifest_has(m, SPAN("a.12.css.")));
    assert_false(manifest_has(m, SPAN("a.12.css\0x")));
    assert_false(manifest_has(m, SPAN("")));
    end();
}

UNIT_TEST(many_names)
{
    static char text[400000], name[64];
    size_t at = (size_t)sprintf(text, "{\"paths\": {\"x\": \"y.1\"");
    for (int i = 0; i < 5000; i++)
        at += (size_t)sprintf(text + at, ", \"a%d.js\": \"a%d.5f.js\"", i, i);
    strcpy(text + at, "}}");
    begin(text);
    read_it();
    for (int i = 0; i < 5000; i++) {
        int len = sprintf(name, "a%d.5f.js", i);
        assert_true(manifest_has(m, (struct span){ name, (size_t)len }));
        assert_false(manifest_has(m, (struct span){ name, (size_t)len - 1 }));
    }
    end();
}

UNIT_TEST(foreign_shapes_do_no_harm)
{
    static const char *const texts[] = { "", "[]", "{", "{\"paths\": []}", "{\"paths\": 1}", "7" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        begin(texts[i]);
        end();                                    /* helpers_free() waits for the look */
        begin(texts[i]);
        helpers_free(helpers);
        assert_int_equal(manifest_stamp(m), 1);
        assert_false(manifest_has(m, SPAN("a")));
        manifest_free(m);
        loop_free(l);
        temp_done(&t);
    }
}

UNIT_TEST(freed_while_a_helper_looks)
{
    begin("{\"paths\": {\"a\": \"a.1\"}}");
    manifest_free(m);
    m = NULL;
    end();
}

UNIT_MAIN(values_that_are_no_keys, many_names, foreign_shapes_do_no_harm, freed_while_a_helper_looks)
