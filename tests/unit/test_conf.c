/* The table of options; values from arguments and environment, and which of them wins. */
#include "conf_stage.h"
#include "conf/conf.h"

/* ---- the table ---- */

UNIT_TEST(every_default_is_a_value_within_its_bounds)
{
    struct conf *c = conf_new();
    assert_non_null(c);
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++) {
        const struct conf_row *row = conf_row(i);
        struct buf least = { 0 }, most = { 0 };
        bool is_list = strcmp(row->kind, "LIST") == 0;
        assert_true(row->least <= row->most);
        assert_int_equal(conf_bounds_text(i, &least, &most), 0);
        if ((!is_list || row->fallback[0] != '\0') &&
            set(c, row->name, row->fallback, CONF_INI) < 0)
            fail_msg("%s", why);
        assert_true(row->help[0] != '\0' && row->argument[0] != '\0');
        buf_done(&least);
        buf_done(&most);
    }
    conf_free(c);
}

UNIT_TEST(a_new_conf_has_the_defaults)
{
    struct conf *c = conf_new();
    assert_int_equal(c->listen.count, 1);
    assert_string_equal(c->listen.items[0], "127.0.0.1:8000");
    assert_int_equal(c->static_map.count, 0);
    assert_int_equal(c->head_limit_bytes, 65536);
    assert_int_equal(c->body_limit_bytes, 100 * 1024 * 1024);
    assert_int_equal(c->idle_timeout_ms, 75000);
    assert_true(c->retry);
    assert_string_equal(c->app, "");
    assert_string_equal(conf_origin_text(c, CONF_workers), "default");
    conf_free(c);
    conf_free(NULL);
}

/* ---- values ---- */

static const struct {
    const char *name, *value, *want;
} values[] = {
    /* want NULL: refused */
    { "workers", "0", "0" },
    { "workers", "1024", "1024" },
    { "workers", " 8 ", "8" },
    { "workers", "1025", NULL },
    { "workers", "-1", NULL },
    { "workers", "", NULL },
    { "workers", "4k", NULL },
    { "workers", "99999999999999999999", NULL },
    { "harakiri", "30", "30s" },
    { "harakiri", "500ms", "500ms" },
    { "harakiri", "90s", "90s" },
    { "harakiri", "2m", "120s" },
    { "harakiri", "30m", "30m" },
    { "harakiri", "2h", "2h" },
    { "harakiri", "24h", "24h" },
    { "harakiri", "25h", NULL },
    { "harakiri", "5x", NULL },
    { "harakiri", "0", "0" },
    { "harakiri", "s", NULL },
    { "harakiri", "1 min", "60s" },
    { "harakiri", "9223372036854775807h", NULL },
    { "head-timeout", "5ms", NULL },
    { "head-timeout", "10ms", "10ms" },
    { "body-limit", "65536", "64K" },
    { "body-limit", "64K", "64K" },
    { "body-limit", "10MiB", "10M" },
    { "body-limit", "10mb", "10M" },
    { "body-limit", "1g", "1G" },
    { "body-limit", "1001", "1001" },
    { "body-limit", "0", "0" },
    { "body-limit", "1024T", "1P" },
    { "body-limit", "1025T", NULL },
    { "body-limit", "18014398509481985K", NULL },                  /* 2^64 + 1024 */
    { "body-limit", "b", NULL },
    { "body-limit", "1.5G", NULL },
    { "head-limit", "1023", NULL },
    { "head-limit", "1K", "1K" },
    { "head-limit", "2M", NULL },
    { "retry", "on", "yes" },
    { "retry", "FALSE", "no" },
    { "retry", "maybe", NULL },
    { "retry", "1", "yes" },
    { "retry", "", NULL },
    { "listen", "[::1]:80", "[::1]:80" },
    { "listen", "*:80", "*:80" },
    { "listen", "unix:/run/x mode=0660 group=www-data", "unix:/run/x mode=0660 group=www-data" },
    { "listen", "unix:/run/x  moed=0660", NULL },
    { "listen", "fd:3", "fd:3" },
    { "listen", "host:80", "host:80" },
    { "listen", ":8000", ":8000" },
    { "listen", "8000", "8000" },
    { "listen", "unix:/run/x", "unix:/run/x" },
    { "listen", "unix:", NULL },
    { "listen", "host", NULL },
    { "listen", "host:port", NULL },
    { "listen", "1.2.3.4:65536", NULL },
    { "listen", "::1:80", NULL },
    { "listen", "", NULL },
    { "listen", "[::g]:80", NULL },
    { "listen", "1.2.3.4:0000080", NULL },
    { "static", "/s/=d", "/s/=d" },
    { "static", "s/=d", NULL },
    { "static", "/s/=", NULL },
    { "static", "/s/", NULL },
    { "app", "m.w:app", "m.w:app" },
    { "app", "m.w", NULL },
    { "app", ":a", NULL },
    { "app", "m:", NULL },
    { "app", "m/w:a", NULL },
    { "app", "", "" },
    { "settings", "a.b", "a.b" },
    { "settings", "a.b.py/", NULL },
    { "settings", ".a", NULL },
    { "mount", "/app/", "/app" },
    { "mount", "/", "" },
    { "mount", "app", NULL },
    { "health-path", "/", NULL },
    { "health-path", "/h", "/h" },
    { "log-level", "debug", "debug" },
    { "log-level", "verbose", NULL },
    { "preload", "no", "no" },
    { "preload", "always", NULL },
    { "site", "a-b.c", "a-b.c" },
    { "site", "a/b", NULL },
    { "site", "..", NULL },
    { "control", "unix:/x", "unix:/x" },
    { "control", "/x", NULL },
    { "chdir", "a\nb", NULL },
    { "chdir", "a\x7f", NULL },
    { "chdir", "\xc3\xa9", "\xc3\xa9" },
};

UNIT_TEST(every_kind_of_value_is_read_and_shown)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct conf *c = conf_new(), *untouched = conf_new();
        char text[512];
        enum conf_option option = 0;
        while (strcmp(conf_row(option)->name, values[i].name) != 0)
            option++;
        int rc = set(c, values[i].name, values[i].value, CONF_ARGUMENT);
        if (rc != (values[i].want ? 0 : -EINVAL))
            fail_msg("%s=%s: %d %s", values[i].name, values[i].value, rc, why);
        if (values[i].want && strcmp(value_text(c, option, text), values[i].want) != 0)
            fail_msg("%s=%s: shown as %s", values[i].name, values[i].value, text);
        if (!values[i].want && !is_equal(c, untouched))
            fail_msg("%s=%s: refused, and yet something changed", values[i].name, values[i].value);
        conf_free(c);
        conf_free(untouched);
    }
}

UNIT_TEST(texts_have_their_length)
{
    struct conf *c = conf_new();
    char name[65];
    memset(name, 'n', sizeof name);
    name[63] = '\0';
    assert_int_equal(set(c, "site", name, CONF_ARGUMENT), 0);
    name[63] = 'n', name[64] = '\0';
    assert_int_equal(set(c, "site", name, CONF_ARGUMENT), -EINVAL);
    assert_non_null(strstr(why, "63 bytes"));
    char *huge = memset(malloc(100001), '1', 100000);
    huge[100000] = '\0';
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++)
        assert_int_equal(set(c, conf_row(i)->name, huge, CONF_ARGUMENT), -EINVAL);
    free(huge);
    conf_free(c);
}

/* ---- sentences ---- */

static const struct { const char *words[4], *want;
} mistakes[] = {
    { { "--wokers", "3" }, "unknown option '--wokers', did you mean '--workers'?" },
    { { "--worker=3" }, "unknown option '--worker=3', did you mean '--workers'?" },
    { { "--lisetn", "x" }, "unknown option '--lisetn', did you mean '--listen'?" },
    { { "--bind", "x" }, "unknown option '--bind', did you mean '--listen'?" },
    { { "--client_max_body_size", "1M" }, "unknown option '--client_max_body_size', did you mean '--body-limit'?" },
    { { "--static-c", "x" }, "unknown option '--static-c', did you mean '--static'?" },
    { { "--harak", "x" }, "unknown option '--harak', did you mean '--harakiri'?" },
    { { "--frobnicate" }, "unknown option '--frobnicate'" },
    { { "-w", "3" }, "unknown option '-w'" },
    { { "--" }, "unknown option '--'" },
    { { "--workers", "many" }, "--workers takes a number from 0 to 1024, not 'many'" },
    { { "--workers" }, "--workers needs a value: --workers N" },
    { { "--workers", "--site" }, "--workers needs a value: --workers N" },
    { { "--site", "a\x1b"
                  "b" },
      "--site takes a text without control characters, not 'a\\x1bb'" },
    { { "--log-level=loud" }, "--log-level takes error, warn, info or debug, not 'loud'" },
    { { "--listen=" }, "--listen takes ADDR:PORT|unix:PATH, not ''" },
    { { "--retry", "maybe" }, "--retry takes yes or no, not 'maybe'" },
    { { "--retry", "2", "m:a" }, "--retry takes yes or no, not '2'" },
    { { "m:a", "n:b" }, "one application is served, 'n:b' is one too many" },
    { { "module" },
      "the argument takes MODULE:CALLABLE, such as mysite.wsgi:application, not 'module'" },
};

UNIT_TEST(a_mistake_in_the_arguments_is_one_sentence)
{
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct conf *c = conf_new(), *untouched = conf_new();
        const char *words[6] = { "--threads", "7" };
        memcpy(words + 2, mistakes[i].words, sizeof mistakes[i].words);
        why[0] = '\0';
        assert_int_equal(read_arguments(c, words), -EINVAL);
        assert_string_equal(why, mistakes[i].want);
        if (!is_equal(c, untouched))
            fail_msg("%s: half of it was applied", why);
        conf_free(c);
        conf_free(untouched);
    }
}

UNIT_TEST(guesses_need_some_likeness)
{
    assert_null(conf_guess(SPAN("")));
    assert_null(conf_guess(SPAN("x")));
    assert_null(conf_guess(SPAN("xyz")));
    assert_null(conf_guess(SPAN("this-is-a-very-long-name-that-is-like-none")));
    assert_string_equal(conf_guess(SPAN("wrokers"))->name, "workers");
    assert_int_equal(conf_edits(SPAN("abcd"), SPAN("abdc")), 1);
    assert_int_equal(conf_edits(SPAN("kitten"), SPAN("sitting")), 3);
    assert_int_equal(conf_edits(SPAN(""), SPAN("abc")), 3);
    assert_int_equal(conf_edits(SPAN("123456789012345678901234567890123"), SPAN("")), UINT32_MAX);
}

/* ---- arguments ---- */

UNIT_TEST(arguments_have_every_form)
{
    struct conf *c = conf_new();
    assert_int_equal(ARGUMENTS(c, "--workers", "3", "mysite.wsgi:application", "--site=a",
                               "--no-retry", "--edge-batch", "no", "--static", "/a/=x",
                               "--static=/b/=y=z"),
                     0);
    assert_int_equal(c->workers, 3);
    assert_string_equal(c->app, "mysite.wsgi:application");
    assert_string_equal(c->site, "a");
    assert_false(c->retry);
    assert_false(c->edge_batch);
    assert_int_equal(c->static_map.count, 2);
    assert_string_equal(c->static_map.items[1], "/b/=y=z");
    assert_string_equal(conf_origin_text(c, CONF_workers), "--workers");
    assert_string_equal(conf_origin_text(c, CONF_retry), "--retry");
    assert_int_equal(ARGUMENTS(c, "--retry", "--no-edge-batch"), 0);
    assert_true(c->retry);
    conf_free(c);
}

/* ---- order ---- */

UNIT_TEST(a_stronger_source_wins_whatever_comes_first)
{
    struct conf *c = conf_new();
    assert_int_equal(set(c, "workers", "5", CONF_ARGUMENT), 0);
    assert_int_equal(set(c, "workers", "4", CONF_ENVIRONMENT), 0);
    assert_int_equal(set(c, "workers", "bad", CONF_ENVIRONMENT), -EINVAL);
    assert_int_equal(c->workers, 5);
    assert_int_equal(c->origin[CONF_workers].source, CONF_ARGUMENT);
    assert_int_equal(set(c, "workers", "6", CONF_ARGUMENT), 0);
    assert_int_equal(c->workers, 6);
    conf_free(c);
}

UNIT_TEST(a_list_grows_within_a_source_and_is_replaced_by_a_stronger_one)
{
    struct conf *c = conf_new();
    assert_int_equal(set(c, "listen", "1.1.1.1:1", CONF_INI), 0);
    assert_int_equal(set(c, "listen", "2.2.2.2:2", CONF_INI), 0);
    assert_int_equal(c->listen.count, 2);
    assert_int_equal(set(c, "listen", "3.3.3.3:3", CONF_ARGUMENT), 0);
    assert_int_equal(set(c, "listen", "4.4.4.4:4", CONF_INI), 0);
    assert_int_equal(c->listen.count, 1);
    assert_string_equal(c->listen.items[0], "3.3.3.3:3");
    for (int i = 1; i < CONF_LIST_MAX; i++)
        assert_int_equal(set(c, "listen", "5.5.5.5:5", CONF_ARGUMENT), 0);
    assert_int_equal(set(c, "listen", "5.5.5.5:5", CONF_ARGUMENT), -EINVAL);
    assert_int_equal(c->listen.count, CONF_LIST_MAX);
    conf_free(c);
}

UNIT_TEST(names_of_hosts_may_have_commas_between)
{
    static const char *const wrong[] = {
        "a.org, ", ",a.org", "a.org, b c.org", "a.org b.org", "..a.org", ".", "*a.org", "http://a.org", "a.*.org", "\xc3\xa4.org",
    };
    struct conf *c = conf_new();
    assert_int_equal(set(c, "hosts", "a.org,  *.b.org ,c.org", CONF_INI), 0);
    assert_int_equal(set(c, "hosts", "d.org", CONF_INI), 0);
    assert_int_equal(set(c, "hosts", ".e.org, .f.org", CONF_INI), 0);
    assert_int_equal(c->hosts.count, 8);
    assert_string_equal(c->hosts.items[0], "a.org");
    assert_string_equal(c->hosts.items[1], "*.b.org");
    assert_string_equal(c->hosts.items[3], "d.org");
    assert_string_equal(c->hosts.items[4], "e.org");
    assert_string_equal(c->hosts.items[7], "*.f.org");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (set(c, "hosts", wrong[i], CONF_ARGUMENT) != -EINVAL)
            fail_msg("%s is taken for a host", wrong[i]);
    conf_free(c);
}

/* ---- environment ---- */

UNIT_TEST(the_environment_sets_options)
{
    struct conf *c = conf_new();
    assert_int_equal(ENVIRONMENT(c, "PATH=/bin", "NO_EQUALS", "SLIPWAY_WORKERS=3",
                                 "SLIPWAY_HEAD_LIMIT=8K",
                                 "SLIPWAY_SITE=", "SLIPWAY_LISTEN=1.1.1.1:1, unix:/x",
                                 "WEB_CONCURRENCY=9", "PORT=77", "SLIPWAY=/x"),
                     0);
    assert_int_equal(c->workers, 3);
    assert_int_equal(c->head_limit_bytes, 8192);
    assert_int_equal(c->listen.count, 2);
    assert_string_equal(c->listen.items[1], "unix:/x");
    assert_string_equal(conf_origin_text(c, CONF_workers), "SLIPWAY_WORKERS");
    assert_string_equal(conf_origin_text(c, CONF_site), "default");
    conf_free(c);
}

UNIT_TEST(platforms_set_port_and_web_concurrency)
{
    struct conf *c = conf_new();
    assert_int_equal(ENVIRONMENT(c, "PORT=5000", "WEB_CONCURRENCY=2"), 0);
    assert_int_equal(c->workers, 2);
    assert_int_equal(c->listen.count, 1);
    assert_string_equal(c->listen.items[0], "0.0.0.0:5000");
    assert_string_equal(conf_origin_text(c, CONF_listen), "PORT");
    assert_int_equal(ARGUMENTS(c, "--listen", "1.1.1.1:1"), 0);
    assert_int_equal(c->listen.count, 1);
    assert_string_equal(c->listen.items[0], "1.1.1.1:1");
    conf_free(c);

    c = conf_new();
    assert_int_equal(set(c, "listen", "1.1.1.1:1", CONF_INI), 0);
    assert_int_equal(ENVIRONMENT(c, "PORT=5000", "WEB_CONCURRENCY="), 0);
    assert_string_equal(c->listen.items[0], "1.1.1.1:1");
    conf_free(c);
}

UNIT_TEST(a_mistake_in_the_environment_names_the_variable)
{
    static const struct { char *variable, *want;
    } rows[] = {
        { "SLIPWAY_WORKERS=x", "SLIPWAY_WORKERS takes a number from 0 to 1024, not 'x'" },
        { "WEB_CONCURRENCY=auto", "WEB_CONCURRENCY takes a number from 0 to 1024, not 'auto'" },
        { "PORT=http", "PORT takes a number from 0 to 65535, not 'http'" },
        { "PORT=65536", "PORT takes a number from 0 to 65535, not '65536'" },
        { "SLIPWAY_WORKER=1", "unknown variable SLIPWAY_WORKER, did you mean SLIPWAY_WORKERS?" },
        { "SLIPWAY_HEADLIMIT=1",
          "unknown variable SLIPWAY_HEADLIMIT, did you mean SLIPWAY_HEAD_LIMIT?" },
        { "SLIPWAY_workers=1", "unknown variable SLIPWAY_workers, did you mean SLIPWAY_WORKERS?" },
        { "SLIPWAY_=1", "unknown variable SLIPWAY_" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf *c = conf_new(), *untouched = conf_new();
        assert_int_equal(ENVIRONMENT(c, "SLIPWAY_THREADS=3", rows[i].variable), -EBADMSG);
        assert_string_equal(why, rows[i].want);
        assert_true(is_equal(c, untouched));
        conf_free(c);
        conf_free(untouched);
    }
}

UNIT_TEST(what_kubernetes_and_test_builds_set_is_not_ours)
{
    struct conf *c = conf_new(), *untouched = conf_new();
    assert_int_equal(ENVIRONMENT(c, "SLIPWAY_PORT=tcp://10.0.0.1:80", "SLIPWAY_PORT_80_TCP=x",
                                 "SLIPWAY_SERVICE_HOST=x", "SLIPWAY_FAULT=3",
                                 "SLIPWAY_FAULT_IN=edge"),
                     0);
    assert_true(is_equal(c, untouched));
    conf_free(c);
    conf_free(untouched);
}

/* ---- back and forth ---- */

UNIT_TEST(what_conf_write_says_conf_read_text_reads)
{
    struct conf *c = conf_new(), *copy = conf_new();
    struct buf text = { 0 };
    assert_int_equal(ARGUMENTS(c, "--static", "/a/= x ; y", "--static", "/b/=c#=d", "--no-retry",
                               "--harakiri", "90061ms", "--body-limit", "12345678901",
                               "--spool-dir", " /with blanks ", "--listen", "unix:/a mode=600"),
                     0);
    assert_int_equal(conf_write(c, &text), 0);
    assert_int_equal(conf_read_text(copy, buf_span(&text), why), 0);
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++)
        copy->origin[i] = c->origin[i];
    assert_true(is_equal(c, copy));
    assert_int_equal(copy->harakiri_ms, 90061);
    assert_int_equal(copy->body_limit_bytes, 12345678901);
    assert_int_equal(copy->listen.count, 1);
    assert_string_equal(copy->spool_dir, " /with blanks ");
    assert_int_equal(conf_read_text(copy, SPAN("rubbish"), why), -EBADMSG);
    assert_int_equal(conf_read_text(copy, SPAN("rub=bish"), why), -EINVAL);
    buf_done(&text);
    conf_free(c);
    conf_free(copy);
}

UNIT_MAIN(every_default_is_a_value_within_its_bounds, a_new_conf_has_the_defaults,
          every_kind_of_value_is_read_and_shown, texts_have_their_length,
          a_mistake_in_the_arguments_is_one_sentence, guesses_need_some_likeness,
          arguments_have_every_form, a_stronger_source_wins_whatever_comes_first,
          a_list_grows_within_a_source_and_is_replaced_by_a_stronger_one,
          names_of_hosts_may_have_commas_between, the_environment_sets_options,
          platforms_set_port_and_web_concurrency, a_mistake_in_the_environment_names_the_variable,
          what_kubernetes_and_test_builds_set_is_not_ours,
          what_conf_write_says_conf_read_text_reads)
