/* slipway.ini, line by line. */
#include "conf_stage.h"
#include "conf/conf.h"

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

UNIT_MAIN(an_ini_file_sets_options, a_long_line_is_one_line,
          lines_around_the_bound_of_inih_are_read_whole,
          a_mistake_in_a_file_has_its_line_and_applies_nothing,
          a_file_that_cannot_be_read_is_named)
