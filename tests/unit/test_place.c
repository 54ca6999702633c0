#include "unit.h"
#include "base/sys.h"
#include "conf/place.h"
#include "temp_folder.h"

static char why[CONF_WHY_BYTES];

static struct conf *conf_of(const char *chdir, const char *app)
{
    struct conf *c = conf_new();
    assert_non_null(c);
    c->chdir = chdir;
    c->app = app;
    return c;
}

/* Files, NULL-ended; where from; what is found, and by what. */
static const struct {
    const char *why, *files[6], *start, *folder, *from, *package;
} rows[] = {
    { "a package", { "s/wsgi.py" }, "", "", "s/wsgi.py", "s" },
    { "with settings and all",
      { "s/__init__.py", "s/wsgi.py", "s/asgi.py", "t/asgi.py" },
      "",
      "",
      "s/wsgi.py",
      "s" },
    { "only asgi.py", { "s/__init__.py", "s/asgi.py" }, "", "", "s/asgi.py", "s" },
    { "from inside it", { "s/__init__.py", "s/wsgi.py" }, "/s", "", "s/wsgi.py above", "s" },
    { "from deep inside",
      { "s/__init__.py", "s/wsgi.py", "s/a/__init__.py", "s/a/b/__init__.py" },
      "/s/a/b",
      "",
      "s/wsgi.py above",
      "s" },
    { "from beside its templates",
      { "s/__init__.py", "s/wsgi.py", "s/templates/x.html" },
      "/s/templates",
      "/s/templates",
      "the working folder",
      NULL },
    { "a package in a package",
      { "c/__init__.py", "c/s/__init__.py", "c/s/wsgi.py" },
      "/c/s",
      "",
      "c/s/wsgi.py above",
      "c.s" },
    { "one below", { "src/s/wsgi.py", "docs/x" }, "", "/src", "s/wsgi.py one folder below", "s" },
    { "one below, in a package",
      { "c/__init__.py", "c/s/__init__.py", "c/s/wsgi.py" },
      "",
      "",
      "c/s/wsgi.py",
      "c.s" },
    { "two below is too far", { "a/b/s/wsgi.py" }, "", "", "the working folder", NULL },
    { "in no package", { "wsgi.py", "settings.py" }, "", "", "wsgi.py", "" },
    { "no name for a package", { "my-site/wsgi.py", "1/wsgi.py" }, "", "", "the working folder", NULL },
    { "not ours",
      { "node_modules/wsgi.py", ".tox/wsgi.py", "env/wsgi.py", "env/pyvenv.cfg", "env/s/wsgi.py" },
      "",
      "",
      "the working folder",
      NULL },
    { "installed", { "site-packages/s/__init__.py", "site-packages/s/wsgi.py" }, "/site-packages/s",
      "/site-packages/s", "the working folder", NULL },
    { "manage.py is stronger", { "manage.py", "s/wsgi.py" }, "", "", "manage.py", "s" },
    { "above, too", { "manage.py", "a/s/wsgi.py" }, "/a", "", "manage.py above", NULL },
    { "and below", { "b/manage.py", "s/wsgi.py" }, "", "/b", "manage.py one folder below", NULL },
    { "nothing", { "x" }, "", "", "the working folder", NULL },
};

UNIT_TEST(a_project_is_known_by_its_files)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct temp_folder t;
        struct place p;
        temp_make(&t);
        for (const char *const *file = rows[i].files; *file; file++)
            temp_write(&t, *file, "");
        char start[512], folder[512];
        snprintf(start, sizeof start, "%s%s", t.path, rows[i].start);
        snprintf(folder, sizeof folder, "%s%s", t.path, rows[i].folder);
        struct conf *c = conf_of(start, "");
        int rc = place_find(&p, c, why);
        if (rc < 0 || strcmp(p.folder, folder) != 0 ||
            strncmp(p.from, rows[i].from, strlen(rows[i].from)) != 0 ||
            p.has_wsgi != (rows[i].package != NULL) ||
            (rows[i].package && strcmp(p.wsgi.package, rows[i].package) != 0))
            fail_msg("%s: %d, %s, %s, %s", rows[i].why, rc, p.folder, p.from, p.wsgi.package);
        conf_free(c);
        temp_done(&t);
    }
}

UNIT_TEST(a_named_application_stays_where_it_was_named)
{
    struct temp_folder t;
    struct place p;
    temp_make(&t);
    temp_write(&t, "manage.py", "");
    temp_write(&t, "a/s/wsgi.py", "");
    struct conf *c = conf_of(temp_path(&t, "a"), "s.wsgi:application");
    assert_int_equal(place_find(&p, c, why), 0);
    assert_string_equal(p.folder, temp_path(&t, "a"));
    assert_false(p.has_manage_py || p.has_wsgi);
    c->chdir = temp_path(&t, "none");
    assert_int_equal(place_find(&p, c, why), -ENOENT);
    assert_non_null(strstr(why, "there is no folder"));
    conf_free(c);
    temp_done(&t);
}

UNIT_TEST(what_is_as_good_as_another_is_named)
{
    struct temp_folder t;
    struct wsgi w;
    char name[WSGI_NAME_BYTES + 16];
    temp_make(&t);
    temp_write(&t, "s/wsgi.py", "");
    temp_write(&t, "t/wsgi.py", "");
    temp_write(&t, "u/asgi.py", "");
    assert_int_equal(wsgi_find(&w, t.path), 0);
    assert_int_equal(w.package[0] + w.other[0], 's' + 't');
    assert_false(w.is_asgi);
    wsgi_file_name(&w, name);
    assert_string_equal(name + 1, "/wsgi.py");
    temp_done(&t);
    temp_make(&t);
    temp_write(&t, "a/s/wsgi.py", "");
    temp_write(&t, "b/t/wsgi.py", "");
    assert_int_equal(wsgi_find(&w, t.path), 0);
    assert_int_equal(w.package[0] + w.other[0], 's' + 't');
    temp_done(&t);
}

/* A package that somebody left in /tmp is code that we would run. */
UNIT_TEST(where_everybody_may_write_only_ours_counts)
{
    struct temp_folder t;
    struct wsgi w;
    temp_make(&t);
    temp_write(&t, "s/__init__.py", "");
    temp_write(&t, "s/wsgi.py", "");
    temp_write(&t, "a/t/wsgi.py", "");
    assert_int_equal(chmod(t.path, 0777), 0);
    assert_int_equal(wsgi_find(&w, temp_path(&t, "s")), -ENOENT);
    assert_int_equal(wsgi_find(&w, t.path), 0);
    assert_string_equal(w.package, "t");
    if (geteuid() == 0) {
        assert_int_equal(chown(temp_path(&t, "a"), 1, 1), 0);
        assert_int_equal(wsgi_find(&w, t.path), -ENOENT);
    }
    temp_done(&t);
}

UNIT_MAIN(a_project_is_known_by_its_files, a_named_application_stays_where_it_was_named,
          what_is_as_good_as_another_is_named, where_everybody_may_write_only_ours_counts)
