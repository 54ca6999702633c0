#include "unit.h"
#include "base/sys.h"
#include "conf/conf.h"
#include "no_memory.h"
#include "temp_folder.h"

static char why[CONF_WHY_BYTES];

static int set(struct conf *c, const char *name, const char *value, enum conf_source source)
{
    return conf_set(c, span_of(name), span_of(value), source, NULL, why);
}

static int read_arguments(struct conf *c, const char *const *words)
{
    int argc = 0;
    while (words[argc])
        argc++;
    return conf_read_arguments(c, argc, (char **)(uintptr_t)words, why);
}
#define ARGUMENTS(c, ...) read_arguments(c, (const char *const[]){ __VA_ARGS__, NULL })
#define ENVIRONMENT(c, ...) conf_read_environment(c, (char *const[]){ __VA_ARGS__, NULL }, why)

static char *value_text(const struct conf *c, enum conf_option option, char text[512])
{
    struct buf out = { 0 };
    assert_int_equal(conf_value_text(c, option, &out), 0);
    snprintf(text, 512, "%.*s", (int)buf_len(&out), buf_len(&out) > 0 ? buf_span(&out).at : "");
    buf_done(&out);
    return text;
}

/* Every value and origin of two confs. */
static bool is_equal(const struct conf *a, const struct conf *b)
{
    char one[512], other[512];
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++)
        if (strcmp(value_text(a, i, one), value_text(b, i, other)) != 0 ||
            a->origin[i].source != b->origin[i].source)
            return false;
    return true;
}

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
        "a.org, ", ",a.org", "a.org, b c.org", "a.org b.org", ".a.org", "*a.org", "http://a.org", "a.*.org", "\xc3\xa4.org",
    };
    struct conf *c = conf_new();
    assert_int_equal(set(c, "hosts", "a.org,  *.b.org ,c.org", CONF_INI), 0);
    assert_int_equal(set(c, "hosts", "d.org", CONF_INI), 0);
    assert_int_equal(c->hosts.count, 4);
    assert_string_equal(c->hosts.items[0], "a.org");
    assert_string_equal(c->hosts.items[1], "*.b.org");
    assert_string_equal(c->hosts.items[3], "d.org");
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

/* ---- slipway.ini ---- */

static int read_ini(struct conf *c, const char *text)
{
    struct temp_folder t;
    temp_make(&t);
    int rc = conf_read_ini(c, temp_write(&t, "slipway.ini", text), why);
    temp_done(&t);
    return rc;
}

UNIT_TEST(an_ini_file_sets_options)
{
    struct conf *c = conf_new();
    assert_int_equal(read_ini(c, "\xef\xbb\xbf# comment\r\n; another\r\n\r\nworkers = "
                                 "3\r\n[slipway]\nsite: a ; comment\n"
                                 "static = /a/=x\nstatic = /b/=y\n  /c/=z\nretry=no"),
                     0);
    assert_int_equal(c->workers, 3);
    assert_string_equal(c->site, "a");
    assert_int_equal(c->static_map.count, 3);
    assert_string_equal(c->static_map.items[2], "/c/=z");
    assert_false(c->retry);
    assert_string_equal(conf_origin_text(c, CONF_workers), "slipway.ini:4");
    assert_string_equal(conf_origin_text(c, CONF_retry), "slipway.ini:10");
    conf_free(c);
    c = conf_new();
    assert_int_equal(read_ini(c, ""), 0);
    conf_free(c);
}

UNIT_TEST(a_long_line_is_one_line)
{
    char folder[3000], text[4 * 3100];
    memset(folder, 'f', sizeof folder);
    folder[sizeof folder - 1] = '\0';
    snprintf(text, sizeof text, "# %s\nstatic = /a/=%s ; comment\n   /b/=%s  \nworkers = 4\n",
             folder, folder, folder);
    struct conf *c = conf_new();
    assert_int_equal(read_ini(c, text), 0);
    assert_int_equal(c->static_map.count, 2);
    assert_int_equal(strlen(c->static_map.items[0]), strlen("/a/=") + sizeof folder - 1);
    assert_int_equal(strncmp(c->static_map.items[1], "/b/=fff", 7), 0);
    assert_int_equal(strlen(c->static_map.items[1]), strlen("/b/=") + sizeof folder - 1);
    assert_int_equal(c->workers, 4);
    snprintf(text, sizeof text, "workers = 4\n%s = 3\n", folder);
    assert_int_equal(read_ini(c, text), -EBADMSG);
    assert_string_equal(why, "slipway.ini:2: neither 'name = value' nor '[slipway]'");
    conf_free(c);
}

UNIT_TEST(lines_around_the_bound_of_inih_are_read_whole)
{
    for (size_t len = 180; len < 220; len++) {
        char text[400], path[256];
        memset(path, 'p', len);
        path[len] = '\0';
        snprintf(text, sizeof text, "chdir=%s\nworkers=2\n", path);
        struct conf *c = conf_new();
        assert_int_equal(read_ini(c, text), 0);
        assert_string_equal(c->chdir, path);
        assert_int_equal(c->workers, 2);
        conf_free(c);
    }
}

UNIT_TEST(a_mistake_in_a_file_has_its_line_and_applies_nothing)
{
    static const struct { const char *text, *want;
    } rows[] = {
        { "threads=2\nworkers = many",
          "slipway.ini:2: workers takes a number from 0 to 1024, not 'many'" },
        { "threads=2\n\nwokers = 1\nx=",
          "slipway.ini:3: unknown option 'wokers', did you mean 'workers'?" },
        { "ssl_certificate = x\n", "slipway.ini:1: unknown option 'ssl_certificate', did you mean 'tls-certificate'?" },
        { "vacuum = true\n",
          "slipway.ini:1: unknown option 'vacuum'; what it asks for is so in any case: leave the line out" },
        { "max-requests = 5000\n",
          "slipway.ini:1: unknown option 'max-requests'; docs/nginx.md and docs/uwsgi.md say what stands for it here" },
        { "threads=2\nnothing\n", "slipway.ini:2: neither 'name = value' nor '[slipway]'" },
        { "threads=2\n[slipway\n", "slipway.ini:2: neither 'name = value' nor '[slipway]'" },
        { "nothing\nwokers=1\n", "slipway.ini:1: neither 'name = value' nor '[slipway]'" },
        { "threads=2\n[uwsgi]\nmaster = true\n",
          "slipway.ini:2: section [uwsgi] is unknown, options stand under [slipway], or for some paths under [route /PATH]" },
        { "workers=1\nthreads=3\nworkers=2\n",
          "slipway.ini:3: 'workers' was set in line 1 already" },
        { "threads=3\n  workers=2\n",
          "slipway.ini:2: the line begins with a blank, so it continues 'threads' of line 1" },
        { "threads=3\nconfig = x.ini\n",
          "slipway.ini:2: a configuration file cannot name another" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf *c = conf_new(), *untouched = conf_new();
        why[0] = '\0';
        int rc = read_ini(c, rows[i].text);
        assert_string_equal(why, rows[i].want);
        assert_int_equal(rc, -EBADMSG);
        if (!is_equal(c, untouched))
            fail_msg("%s: half of it was applied", why);
        conf_free(c);
        conf_free(untouched);
    }
}

UNIT_TEST(a_file_that_cannot_be_read_is_named)
{
    struct conf *c = conf_new();
    struct temp_folder t;
    temp_make(&t);
    assert_int_equal(conf_read_ini(c, temp_path(&t, "none.ini"), why), -ENOENT);
    assert_non_null(strstr(why, "none.ini: No such file"));
    assert_int_equal(conf_read_ini(c, t.path, why), -EISDIR);
    FILE *file = fopen(temp_path(&t, "nul.ini"), "w");
    fwrite("a=b\0c", 1, 5, file);
    fclose(file);
    assert_int_equal(conf_read_ini(c, temp_path(&t, "nul.ini"), why), -EBADMSG);
    assert_int_equal(truncate(temp_path(&t, "nul.ini"), CONF_FILE_BYTES_MAX + 1), 0);
    assert_int_equal(conf_read_ini(c, temp_path(&t, "nul.ini"), why), -EFBIG);
    temp_done(&t);
    conf_free(c);
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

/* ---- sections ---- */

UNIT_TEST(a_section_is_the_site_with_its_own_options)
{
    struct conf *c = conf_new();
    assert_int_equal(read_ini(c, "[slipway]\nbody-limit = 1M\nmask-query=a\n[route /api]\nbody-limit = 2M\n"
                                 "[route /api/upload]\n[route *.csv] ; comment\ncompress=no\nbody-limit=3M\n"),
                     0);
    assert_int_equal(ENVIRONMENT(c, "SLIPWAY_BODY_LIMIT=5M", "SLIPWAY_HARAKIRI=7"), 0);
    assert_int_equal(conf_make_routes(c, why), 0);
    assert_int_equal(c->routes_count, 3);
    assert_string_equal(c->routes[0].pattern, "/api");
    assert_int_equal(c->routes[0].conf->body_limit_bytes, 2 << 20);
    assert_int_equal(c->routes[0].conf->harakiri_ms, 7000);
    assert_string_equal(conf_origin_text(c->routes[0].conf, CONF_body_limit_bytes), "slipway.ini:5");
    assert_int_equal(c->routes[1].conf->body_limit_bytes, 5 << 20);
    assert_string_equal(c->routes[1].conf->mask_query, "a");
    assert_string_equal(c->routes[2].pattern, "*.csv");
    assert_false(c->routes[2].conf->compress);
    assert_true(c->compress);
    conf_free(c);
}

UNIT_TEST(sections_go_to_text_and_back)
{
    struct conf *c = conf_new(), *copy = conf_new();
    struct buf text = { 0 }, again = { 0 };
    assert_int_equal(read_ini(c, "[route /a]\nbody-limit=9\nwall=no\n[route /b c=d]\n[route /[x]]\nretry=no\n"), 0);
    assert_int_equal(conf_make_routes(c, why), 0);
    assert_int_equal(conf_write(c, &text), 0);
    assert_int_equal(conf_read_text(copy, buf_span(&text), why), 0);
    assert_int_equal(copy->routes_count, 3);
    assert_int_equal(copy->routes[0].conf->body_limit_bytes, 9);
    assert_string_equal(copy->routes[1].pattern, "/b c=d");
    assert_string_equal(copy->routes[2].pattern, "/[x]");
    assert_int_equal(conf_write(copy, &again), 0);
    assert_true(span_eq(buf_span(&text), buf_span(&again)));
    buf_done(&text);
    buf_done(&again);
    conf_free(c);
    conf_free(copy);
}

static const struct {
    const char *text, *sentence;
} bad_sections[] = {
    { "[route /a]\nworkers=2\n", "slipway.ini:2: 'workers' is an option of the whole site: it stands under [slipway]" },
    { "[route /a]\nlisten=:1\n", "slipway.ini:2: 'listen' is an option of the whole server: it stands under [slipway]" },
    { "[route /a]\nretry=yes\nretry=no\n", "slipway.ini:3: 'retry' was set in line 2 already" },
    { "[route a]\n", "slipway.ini:1: [route ...] takes a path such as /api, or a pattern such as *.pdf (no regular expressions), not 'a'" },
    { "[route /a]\n[route /a]\n", "slipway.ini:2: [route ...] takes a path that has no section yet, not '/a'" },
    { "[route /a]\n[slipway]\n", "slipway.ini:2: [slipway] stands above all [route] sections" },
    { "[route /a]\nretry=no\n= 5\n", "slipway.ini:3: an option without a name" },
    { "[rout /a]\n", "slipway.ini:1: section [rout /a] is unknown, options stand under [slipway], or for some paths "
                     "under [route /PATH]" },
    { "nonsense\n[rout /a]\n", "slipway.ini:1: neither 'name = value' nor '[slipway]'" },
    { "[rout /a]\nnonsense\n", "slipway.ini:1: section [rout /a] is unknown, options stand under [slipway], or for "
                               "some paths under [route /PATH]" },
    { "[route /a]\nbody-limit=much\n", NULL },
    { "[route /a]\nbody-limt=1\n", NULL },
};

UNIT_TEST(wrong_sections_are_refused_with_their_line)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_sections); i++) {
        struct conf *c = conf_new();
        int rc = read_ini(c, bad_sections[i].text);
        if (bad_sections[i].sentence) {
            assert_int_equal(rc, -EBADMSG);
            assert_string_equal(why, bad_sections[i].sentence);
        } else {
            assert_int_equal(rc, 0);
        }
        rc = conf_make_routes(c, why);
        assert_int_equal(rc, bad_sections[i].sentence ? 0 : -EBADMSG);
        assert_int_equal(c->routes_count, 0);
        conf_free(c);
    }
    assert_string_equal(why, "slipway.ini:2: unknown option 'body-limt', did you mean 'body-limit'?");
}

UNIT_TEST(a_thousand_sections_are_the_most)
{
    struct conf *c = conf_new();
    char pattern[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(pattern, sizeof pattern, "/%d", i);
        assert_int_equal(conf_begin_route(c, span_of(pattern), "here", why), 0);
        for (int line = 0; line < 50; line++)
            assert_int_equal(conf_set_in_route(c, SPAN("header"), SPAN("A: b"), "here", why), 0);
    }
    assert_int_equal(conf_begin_route(c, SPAN("/more"), "here:9", why), -EBADMSG);
    assert_string_equal(why, "here:9: [route ...] takes its place among at most 1000 sections, not '/more'");
    assert_int_equal(conf_begin_route(c, SPAN("/0"), "here:9", why), -EBADMSG);
    assert_int_equal(conf_make_routes(c, why), 0);
    assert_int_equal(c->routes_count, 1000);
    assert_string_equal(c->routes[999].pattern, "/999");
    assert_int_equal(c->routes[999].conf->header.count, 50);
    conf_free(c);
}

UNIT_TEST(without_memory_there_are_no_routes)
{
    struct conf *c = conf_new();
    assert_int_equal(read_ini(c, "[route /a]\nmask-query=x\n[route /b]\n"), 0);
    int rc = -ENOMEM;
    for (unsigned n = 0; rc < 0; n++) {
        heap_left = n;
        rc = conf_make_routes(c, why);
        heap_left = UINT32_MAX;
        assert_true(rc == 0 || (rc == -ENOMEM && c->routes_count == 0));
    }
    assert_int_equal(c->routes_count, 2);
    conf_free(c);
}

/* ---- everything in order ---- */

UNIT_TEST(all_sources_are_loaded_in_order)
{
    struct temp_folder t;
    temp_make(&t);
    char *const environment[] = { "SLIPWAY_EDGES=3", "SLIPWAY_HELPERS=3", "HOME=/x", NULL };
    temp_write(&t, "p/manage.py", "");
    temp_write(&t, "p/slipway.ini",
               "threads=2\nworkers=2\nedges=2\nhelpers=2\nvenv=env\nstatic=/s/=sub/../d\n");
    temp_write(&t, "p/.env",
               "SECRET=x\nSLIPWAY_WORKERS=4\nSLIPWAY_EDGES=4\nSLIPWAY_HELPERS=4\nPORT=99\n");
    char *arguments[] = { "--chdir", temp_path(&t, "p/"), "--helpers=5", "--log",
                          "x.log",   "--python",          "python3" };
    struct conf *c = conf_new();
    if (conf_load(c, ARRAY_LEN(arguments), arguments, environment, why) < 0)
        fail_msg("%s", why);
    assert_int_equal(c->threads, 2);
    assert_int_equal(c->workers, 4);
    assert_int_equal(c->edges, 3);
    assert_int_equal(c->helpers, 5);
    assert_string_equal(c->listen.items[0], "0.0.0.0:99");
    assert_string_equal(conf_origin_text(c, CONF_threads), "slipway.ini:1");
    assert_string_equal(conf_origin_text(c, CONF_workers), ".env: SLIPWAY_WORKERS");
    assert_string_equal(conf_origin_text(c, CONF_edges), "SLIPWAY_EDGES");
    assert_string_equal(conf_origin_text(c, CONF_helpers), "--helpers");
    assert_string_equal(c->chdir, temp_path(&t, "p"));
    assert_string_equal(c->config, temp_path(&t, "p/slipway.ini"));
    assert_string_equal(c->env_file, temp_path(&t, "p/.env"));
    assert_string_equal(c->venv, temp_path(&t, "p/env"));
    assert_string_equal(c->log, temp_path(&t, "p/x.log"));
    assert_string_equal(c->access_log, "-");
    assert_string_equal(c->python, "python3");
    assert_string_equal(c->static_map.items[0] + strlen("/s/="), temp_path(&t, "p/sub/../d"));
    conf_free(c);
    temp_done(&t);
}

UNIT_TEST(an_environment_port_is_stronger_than_that_of_the_env_file)
{
    struct temp_folder t;
    temp_make(&t);
    temp_write(&t, ".env", "PORT=99\nWEB_CONCURRENCY=3\n");
    char *const environment[] = { "PORT=98", NULL };
    char *arguments[] = { "--chdir", t.path, "a:b" };
    struct conf *c = conf_new();
    assert_int_equal(conf_load(c, 3, arguments, environment, why), 0);
    assert_int_equal(c->listen.count, 1);
    assert_string_equal(c->listen.items[0], "0.0.0.0:98");
    assert_int_equal(c->workers, 3);
    conf_free(c);
    temp_done(&t);
}

UNIT_TEST(a_file_elsewhere_may_say_chdir_and_env_file)
{
    struct temp_folder t;
    temp_make(&t);
    char *const environment[] = { NULL };
    temp_write(&t, "etc/site.ini", "chdir = ../srv\nenv-file = secrets\n");
    temp_write(&t, "srv/secrets", "SLIPWAY_SITE=s\n");
    char *arguments[] = { "--config", temp_path(&t, "etc/site.ini") };
    struct conf *c = conf_new();
    if (conf_load(c, 2, arguments, environment, why) < 0)
        fail_msg("%s", why);
    assert_string_equal(c->chdir, temp_path(&t, "srv"));
    assert_string_equal(c->env_file, temp_path(&t, "srv/secrets"));
    assert_string_equal(c->site, "s");
    conf_free(c);
    temp_done(&t);
}

UNIT_TEST(a_failed_load_says_why_and_changes_nothing)
{
    struct temp_folder t;
    temp_make(&t);
    temp_write(&t, "ini/slipway.ini", "threads=2\nbad\n");
    temp_write(&t, "env/.env", "A=1\nB='x\n");
    temp_write(&t, "word/.env", "SLIPWAY_WORKERS=x\n");
    temp_write(&t, "word/slipway.ini", "threads=2\nsite=s\n");
    temp_write(&t, "late/.env", "SLIPWAY_CHDIR=/\n");
    const struct { char *option, *value; int rc; const char *want; } rows[] = {
        { "--chdir", temp_path(&t, "none"), -ENOENT, "there is no folder" },
        { "--chdir", temp_path(&t, "ini"), -EBADMSG, "slipway.ini:2: neither" },
        { "--chdir", temp_path(&t, "env"), -EBADMSG, ".env:2: the quote (') is never closed" },
        { "--chdir", temp_path(&t, "word"), -EBADMSG, ".env: SLIPWAY_WORKERS takes a number" },
        { "--chdir", temp_path(&t, "late"), -EBADMSG, ".env: SLIPWAY_CHDIR is needed before" },
        { "--config", "/none/x.ini", -ENOENT, "/none/x.ini: No such file" },
        { "--env-file", "/none/env", -ENOENT, "/none/env: No such file" },
        { "--workers", "x", -EINVAL, "--workers takes" },
    };
    char *const environment[] = { NULL };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *arguments[] = { rows[i].option, rows[i].value };
        struct conf *c = conf_new(), *untouched = conf_new();
        int rc = conf_load(c, 2, arguments, environment, why);
        if (rc != rows[i].rc || !strstr(why, rows[i].want))
            fail_msg("%s %s: %d %s", rows[i].option, rows[i].value, rc, why);
        assert_true(is_equal(c, untouched));
        conf_free(c);
        conf_free(untouched);
    }
    temp_done(&t);
}

UNIT_TEST(without_memory_every_step_fails_cleanly)
{
    struct temp_folder t;
    temp_make(&t);
    temp_write(&t, "slipway.ini", "workers=2\nstatic=/a/=b\n");
    temp_write(&t, ".env", "SLIPWAY_SITE=s\nA=${B}c\n");
    char *const environment[] = { "SLIPWAY_LISTEN=1.1.1.1:1,2.2.2.2:2", NULL };
    char *arguments[] = { "--chdir", t.path, "--log", "x" };
    int rc = -1;
    for (unsigned n = 0; rc < 0; n++) {
        heap_left = n;
        struct conf *c = conf_new();
        rc = c ? conf_load(c, 4, arguments, environment, why) : -ENOMEM;
        heap_left = UINT32_MAX;
        if (rc < 0 && rc != -ENOMEM)
            fail_msg("allocation %u: %d %s", n, rc, why);
        if (rc == 0)
            assert_string_equal(c->site, "s");
        conf_free(c);
    }
    temp_done(&t);
}

UNIT_MAIN(every_default_is_a_value_within_its_bounds, a_new_conf_has_the_defaults,
          every_kind_of_value_is_read_and_shown, texts_have_their_length,
          a_mistake_in_the_arguments_is_one_sentence, guesses_need_some_likeness,
          arguments_have_every_form, a_stronger_source_wins_whatever_comes_first,
          a_list_grows_within_a_source_and_is_replaced_by_a_stronger_one,
          names_of_hosts_may_have_commas_between,
          the_environment_sets_options, platforms_set_port_and_web_concurrency,
          a_mistake_in_the_environment_names_the_variable,
          what_kubernetes_and_test_builds_set_is_not_ours, an_ini_file_sets_options,
          a_long_line_is_one_line, lines_around_the_bound_of_inih_are_read_whole,
          a_mistake_in_a_file_has_its_line_and_applies_nothing, a_file_that_cannot_be_read_is_named,
          what_conf_write_says_conf_read_text_reads, all_sources_are_loaded_in_order,
          an_environment_port_is_stronger_than_that_of_the_env_file,
          a_file_elsewhere_may_say_chdir_and_env_file, a_failed_load_says_why_and_changes_nothing,
          without_memory_every_step_fails_cleanly,
          a_section_is_the_site_with_its_own_options, sections_go_to_text_and_back,
          wrong_sections_are_refused_with_their_line, a_thousand_sections_are_the_most,
          without_memory_there_are_no_routes)
