/* All sources in their order, as the program reads them. */
#include "conf_stage.h"
#include "conf/conf.h"
#include "no_memory.h"

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

UNIT_MAIN(all_sources_are_loaded_in_order,
          an_environment_port_is_stronger_than_that_of_the_env_file,
          a_file_elsewhere_may_say_chdir_and_env_file, a_failed_load_says_why_and_changes_nothing,
          without_memory_every_step_fails_cleanly)
