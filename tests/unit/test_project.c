#include "unit.h"
#include <sys/socket.h>
#include <sys/un.h>
#include "base/sys.h"
#include "conf/machine.h"
#include "conf/manage.h"
#include "conf/project.h"
#include "no_memory.h"
#include "temp_folder.h"

static char why[CONF_WHY_BYTES];
static const char manage[] =
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n";

static struct conf *load(const char *const *words)
{
    static char *const none[] = { NULL };
    int argc = 0;
    while (words[argc])
        argc++;
    struct conf *c = conf_new();
    if (conf_load(c, argc, (char **)(uintptr_t)words, none, why) < 0)
        fail_msg("%s", why);
    return c;
}
#define LOAD(...) load((const char *const[]){ __VA_ARGS__, NULL })

static void write_program(struct temp_folder *t, const char *name)
{
    temp_write_mode(t, name, "", 0755);
}

/* A project in p, a Python on the PATH in bin. */
static char *path_variable(struct temp_folder *t)
{
    static char text[128];
    temp_make(t);
    setenv("XDG_RUNTIME_DIR", t->path, 1);
    write_program(t, "bin/python3");
    snprintf(text, sizeof text, "PATH=:relative:/none:%s/bin", t->path);
    return text;
}

/* ---- manage.py ---- */

UNIT_TEST(manage_py_is_found_here_above_and_one_below)
{
    char folder[FOLDER_BYTES], other[FOLDER_BYTES];
    struct temp_folder t;
    temp_make(&t);
    temp_write(&t, "repo/backend/manage.py", "");
    temp_write(&t, "repo/backend/app/deep/x.py", "");
    temp_write(&t, "repo/docs/x", "");
    assert_int_equal(manage_find(folder, temp_path(&t, "repo/backend"), other), 0);
    assert_string_equal(folder, temp_path(&t, "repo/backend"));
    assert_int_equal(manage_find(folder, temp_path(&t, "repo/backend/app/deep"), other), 0);
    assert_string_equal(folder, temp_path(&t, "repo/backend"));
    assert_int_equal(manage_find(folder, temp_path(&t, "repo"), other), 0);
    assert_string_equal(folder, temp_path(&t, "repo/backend"));
    assert_int_equal(manage_find(folder, temp_path(&t, "repo/docs"), other), -ENOENT);
    assert_int_equal(manage_find(folder, t.path, other), -ENOENT); /* two below is too far */
    temp_write(&t, "repo/frontend/manage.py", "");
    assert_int_equal(manage_find(folder, temp_path(&t, "repo"), other), -EEXIST);
    assert_int_not_equal(strcmp(folder, other), 0);
    temp_done(&t);
}

UNIT_TEST(manage_py_of_others_is_passed_by)
{
    char folder[FOLDER_BYTES], other[FOLDER_BYTES];
    struct temp_folder t;
    temp_make(&t);
    static const char *const names[] = { ".hidden/manage.py", "node_modules/manage.py",
                                         "site-packages/manage.py", "env/manage.py" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        temp_write(&t, names[i], "");
    temp_write(&t, "env/pyvenv.cfg", "");
    temp_write(&t, "folder/manage.py/x", "");
    temp_write(&t, "node_modules/sub/x", "");
    temp_write(&t, "node_modules/pkg/lib/x", "");
    temp_write(&t, "node_modules/pkg/manage.py", "");
    assert_int_equal(manage_find(folder, t.path, other), -ENOENT);
    assert_int_equal(manage_find(folder, temp_path(&t, "env"), other), -ENOENT);
    assert_int_equal(manage_find(folder, temp_path(&t, "node_modules/sub"), other), -ENOENT);
    assert_int_equal(manage_find(folder, temp_path(&t, "node_modules/pkg/lib"), other), -ENOENT);
    temp_write(&t, "public/manage.py", "");
    temp_write(&t, "public/mine/x", "");
    assert_int_equal(manage_find(folder, temp_path(&t, "public/mine"), other), 0);
    assert_int_equal(chmod(temp_path(&t, "public"), 0777), 0); /* like /tmp: anybody put it there */
    assert_int_equal(manage_find(folder, temp_path(&t, "public/mine"), other), -ENOENT);
    temp_write(&t, "shared/site/manage.py", "");
    assert_int_equal(chmod(temp_path(&t, "shared"), 0777), 0);
    assert_int_equal(manage_find(folder, temp_path(&t, "shared"), other), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(temp_path(&t, "shared/site"), 1, 1), 0);
        assert_int_equal(manage_find(folder, temp_path(&t, "shared"), other), -ENOENT);
    }
    temp_done(&t);
}

/* ---- the project ---- */

UNIT_TEST(a_project_is_found_whole)
{
    struct temp_folder t;
    struct project p;
    char *const environment[] = { path_variable(&t), NULL };
    temp_write(&t, "my project/manage.py", manage);
    struct conf *c = LOAD("--chdir", temp_path(&t, "my project"));
    assert_int_equal(project_find(&p, c, environment, true, why), 0);
    assert_string_equal(p.folder, temp_path(&t, "my project"));
    assert_string_equal(p.settings, "mysite.settings");
    assert_string_equal(p.settings_from, "manage.py");
    assert_string_equal(p.folder_from, "manage.py");
    assert_string_equal(p.app, "");
    assert_string_equal(p.python, temp_path(&t, "bin/python3"));
    assert_string_equal(p.venv, "");
    assert_string_equal(p.name, "my-project");
    assert_true(p.has_manage_py);
    assert_int_equal(strncmp(p.control, temp_path(&t, "slipway/my-project-"), strlen(t.path) + 20),
                     0);
    conf_free(c);
    temp_done(&t);
}

UNIT_TEST(settings_have_their_order)
{
    struct temp_folder t;
    struct project p;
    char *path = path_variable(&t);
    char *const plain[] = { path, NULL }, *const set[] = { path,
                                                           "DJANGO_SETTINGS_MODULE=e.settings",
                                                           NULL };
    temp_write(&t, "p/manage.py", manage);
    temp_write(&t, "p/.env", "DJANGO_SETTINGS_MODULE=f.settings\n");
    struct conf *c = LOAD("--chdir", temp_path(&t, "p"));
    assert_int_equal(project_find(&p, c, plain, true, why), 0);
    assert_string_equal(p.settings, "f.settings");
    assert_string_equal(p.settings_from, ".env: DJANGO_SETTINGS_MODULE");
    assert_int_equal(project_find(&p, c, set, true, why), 0);
    assert_string_equal(p.settings, "e.settings");
    conf_free(c);
    c = LOAD("--chdir", temp_path(&t, "p"), "--settings", "a.settings");
    assert_int_equal(project_find(&p, c, set, true, why), 0);
    assert_string_equal(p.settings, "a.settings");
    assert_string_equal(p.settings_from, "--settings");
    conf_free(c);
    temp_done(&t);
}

/* The settings that no manage.py names, and the application that follows. */
UNIT_TEST(wsgi_py_is_the_last_to_be_asked)
{
    static const char computes[] = "os.environ['DJANGO_SETTINGS_MODULE'] = name\n";
    static const char names[] = "environ.setdefault('DJANGO_SETTINGS_MODULE', 'w.settings')\n";
    static const struct {
        const char *manage, *wsgi, *asgi;        /* texts; NULL: there is none */
        const char *settings, *from, *app;
    } rows[] = {
        { manage, names, NULL, "mysite.settings", "manage.py", "" },
        { computes, names, names, "w.settings", "w/wsgi.py", "" },
        { computes, computes, NULL, "", "", "w.wsgi:application" },
        { computes, NULL, names, "w.settings", "w/asgi.py", "" },
        { NULL, names, NULL, "w.settings", "w/wsgi.py", "w.wsgi:application" },
        { NULL, computes, names, "", "", "w.wsgi:application" },
        { NULL, NULL, names, "w.settings", "w/asgi.py", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct temp_folder t;
        struct project p;
        char *const environment[] = { path_variable(&t), NULL };
        if (rows[i].manage)
            temp_write(&t, "p/manage.py", rows[i].manage);
        if (rows[i].wsgi)
            temp_write(&t, "p/w/wsgi.py", rows[i].wsgi);
        if (rows[i].asgi)
            temp_write(&t, "p/w/asgi.py", rows[i].asgi);
        struct conf *c = LOAD("--chdir", temp_path(&t, "p"));
        int rc = project_find(&p, c, environment, true, why);
        if (rc < 0 || strcmp(p.settings, rows[i].settings) != 0 ||
            strcmp(p.settings_from, rows[i].from) != 0 || strcmp(p.app, rows[i].app) != 0)
            fail_msg("row %zu: %d %s, %s of %s, %s", i, rc, why, p.settings, p.settings_from, p.app);
        assert_string_equal(p.app_from, rows[i].app[0] != '\0' ? "w/wsgi.py" : "");
        conf_free(c);
        temp_done(&t);
    }
}

UNIT_TEST(an_application_runs_in_chdir)
{
    struct temp_folder t;
    struct project p;
    char *const environment[] = { path_variable(&t), NULL };
    temp_write(&t, "repo/manage.py", manage);
    temp_write(&t, "repo/bench/app.py", "");
    struct conf *c = LOAD("--chdir", temp_path(&t, "repo/bench"), "app:app");
    assert_int_equal(project_find(&p, c, environment, true, why), 0);
    assert_string_equal(p.folder, temp_path(&t, "repo/bench"));
    assert_false(p.has_manage_py);
    assert_string_equal(p.settings, "");
    assert_string_equal(p.folder_from, "--chdir");
    assert_string_equal(p.app, "app:app");
    conf_free(c);
    temp_done(&t);
}

UNIT_TEST(the_interpreter_has_its_order)
{
    struct temp_folder t;
    struct project p;
    char active[128];
    char *path = path_variable(&t);
    char *const plain[] = { path, NULL }, *const activated[] = { path, active, NULL };
    temp_write(&t, "r/p/manage.py", manage);
    snprintf(active, sizeof active, "VIRTUAL_ENV=%s/active", t.path);
    struct conf *c = LOAD("--chdir", temp_path(&t, "r/p"));
    static const char *const found[] = { "bin/python3", "r/venv/bin/python", "r/.venv/bin/python",
                                         "r/p/venv/bin/python3", "r/p/.venv/bin/python" };
    for (size_t i = 0; i < ARRAY_LEN(found); i++) { /* each is stronger than the one before */
        write_program(&t, found[i]);
        assert_int_equal(project_find(&p, c, activated, true, why), 0);
        assert_string_equal(p.python, temp_path(&t, found[i]));
    }
    assert_string_equal(p.venv, temp_path(&t, "r/p/.venv"));
    write_program(&t, "active/bin/python");
    assert_int_equal(project_find(&p, c, activated, true, why), 0);
    assert_string_equal(p.venv, temp_path(&t, "active"));
    conf_free(c);

    write_program(&t, "other/bin/python");
    temp_write(&t, "other/pyvenv.cfg", "");
    c = LOAD("--chdir", temp_path(&t, "r/p"), "--venv", "../../other");
    assert_int_equal(project_find(&p, c, activated, true, why), 0);
    assert_string_equal(p.python, temp_path(&t, "r/p/../../other/bin/python"));
    conf_free(c);
    c = LOAD("--chdir", temp_path(&t, "r/p"), "--venv", "/none", "--python",
             temp_path(&t, "other/bin/python"));
    assert_int_equal(project_find(&p, c, plain, true, why), 0);
    assert_string_equal(p.venv, temp_path(&t, "other"));
    conf_free(c);
    c = LOAD("--chdir", temp_path(&t, "r/p"), "--python", "python3");
    assert_int_equal(project_find(&p, c, activated, true, why), 0);
    assert_string_equal(p.python, temp_path(&t, "bin/python3"));
    assert_string_equal(p.venv, "");
    conf_free(c);
    temp_done(&t);
}

UNIT_TEST(what_is_missing_is_one_sentence)
{
    struct temp_folder t;
    struct project p;
    char *const plain[] = { path_variable(&t), NULL }, *const no_path[] = { "PATH=/none", NULL };
    temp_write(&t, "p/manage.py", manage);
    temp_write(&t, "q/manage.py", "");
    temp_write(&t, "two/a/manage.py", "");
    temp_write(&t, "two/b/manage.py", "");
    temp_write(&t, "empty/x", "");
    temp_write(&t, "sites/a/wsgi.py", "");
    temp_write(&t, "sites/b/wsgi.py", "");
    temp_write(&t, "async/site/asgi.py", "");
    const struct { const char *words[5]; char *const *envp; const char *want;
    } rows[] = {
        { { "--chdir", temp_path(&t, "empty") }, plain, "no Django project here" },
        { { "--chdir", temp_path(&t, "two") }, plain, "more than one project is below" },
        { { "--chdir", temp_path(&t, "sites") }, plain, "more than one package in" },
        { { "--chdir", temp_path(&t, "async") },
          plain,
          "async/site/asgi.py does not say its settings module; name it: --settings" },
        { { "--chdir", temp_path(&t, "q") },
          plain,
          "q/manage.py does not say its settings module; name it: --settings" },
        { { "--chdir", temp_path(&t, "p") }, no_path, "no Python" },
        { { "--chdir", temp_path(&t, "p"), "--venv", "none" },
          plain,
          "--venv: there is no bin/python in" },
        { { "--chdir", temp_path(&t, "p"), "--python", "none" },
          plain,
          "--python: there is no program 'none' on PATH" },
        { { "--chdir", temp_path(&t, "p"), "--python", "/no/ne" },
          plain,
          "--python: there is no program /no/ne" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf *c = load(rows[i].words);
        why[0] = '\0';
        int rc = project_find(&p, c, rows[i].envp, true, why);
        if (rc >= 0 || !strstr(why, rows[i].want))
            fail_msg("%s: %d %s", rows[i].want, rc, why);
        conf_free(c);
    }
    struct conf *c = LOAD("--chdir", temp_path(&t, "empty"));
    assert_int_equal(project_find(&p, c, plain, false, why), 0); /* who needs no application */
    conf_free(c);
    temp_done(&t);
}

/* ---- the control socket ---- */

static int listen_at(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(strlen(path) < sizeof at.sun_path);
    strcpy(at.sun_path, path);
    assert_int_equal(bind(fd, (const void *)&at, sizeof at), 0);
    return fd;
}

UNIT_TEST(who_asks_finds_who_serves)
{
    struct temp_folder t;
    char served[108], asked[108];
    struct stat st;
    (void)path_variable(&t);
    temp_write(&t, "repo/backend/manage.py", manage);
    temp_write(&t, "repo/backend/app/x.py", "");
    struct conf *c = LOAD("--chdir", temp_path(&t, "repo"), "--site", "shop");
    assert_int_equal(project_control(served, c, true, why), 0);
    assert_int_equal(stat(temp_path(&t, "slipway"), &st), 0);
    assert_int_equal(st.st_mode & 0777, geteuid() == 0 ? 0711 : 0700);
    conf_free(c);
    int fd = listen_at(served);
    static const char *const folders[] = { "repo", "repo/backend", "repo/backend/app" };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        c = LOAD("--chdir", temp_path(&t, folders[i]));
        assert_int_equal(project_control(asked, c, false, why), 0);
        assert_string_equal(asked, served);
        conf_free(c);
    }
    c = LOAD("--chdir", temp_path(&t, "repo"), "--site", "other");
    assert_int_equal(project_control(asked, c, false, why), 0);
    assert_int_not_equal(strcmp(asked, served), 0);
    assert_int_equal(project_control(served, c, true, why), 0);
    conf_free(c);
    int other_fd = listen_at(served);
    c = LOAD("--chdir", temp_path(&t, "repo"));
    assert_int_equal(project_control(asked, c, false, why), -EEXIST);
    assert_non_null(strstr(why, "choose by --site"));
    conf_free(c);
    close(fd);
    close(other_fd);
    temp_done(&t);
}

UNIT_TEST(an_application_below_a_project_is_found_from_its_folder)
{
    struct temp_folder t;
    char served[108], asked[108];
    (void)path_variable(&t);
    temp_write(&t, "repo/manage.py", manage);
    temp_write(&t, "repo/bench/sub/x", "");
    struct conf *c = LOAD("--chdir", temp_path(&t, "repo/bench"), "app:app");
    assert_int_equal(project_control(served, c, true, why), 0);
    conf_free(c);
    int fd = listen_at(served);
    c = LOAD("--chdir", temp_path(&t, "repo/bench/sub"));
    assert_int_equal(project_control(asked, c, false, why), 0);
    assert_string_equal(asked, served);
    conf_free(c);
    close(fd);
    temp_done(&t);
}

UNIT_TEST(a_control_folder_of_others_is_refused)
{
    struct temp_folder t;
    char path[108];
    (void)path_variable(&t);
    struct conf *c = LOAD("--chdir", t.path, "a:b");
    temp_write(&t, "elsewhere/x", "");
    assert_int_equal(symlink(temp_path(&t, "elsewhere"), temp_path(&t, "slipway")), 0);
    assert_int_equal(project_control(path, c, true, why), -EPERM);
    assert_non_null(strstr(why, "--control unix:PATH"));
    assert_int_equal(unlink(temp_path(&t, "slipway")), 0);
    assert_int_equal(mkdir(temp_path(&t, "slipway"), 0755), 0);
    assert_int_equal(project_control(path, c, true, why), 0); /* ours, and now closed to others */
    struct stat st;
    assert_int_equal(stat(temp_path(&t, "slipway"), &st), 0);
    assert_int_equal(st.st_mode & 0777, geteuid() == 0 ? 0711 : 0700);
    if (geteuid() == 0) {
        assert_int_equal(chown(temp_path(&t, "slipway"), 1, 1), 0);
        assert_int_equal(project_control(path, c, true, why), -EPERM);
    }
    conf_free(c);
    temp_done(&t);
}

UNIT_TEST(control_paths_fit_a_socket_address)
{
    struct temp_folder t;
    char path[108], deep[200];
    (void)path_variable(&t);
    memset(deep, 'd', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(mkdir(temp_path(&t, deep), 0755), 0);
    struct conf *c = LOAD("--chdir", temp_path(&t, deep), "a:b");
    assert_int_equal(project_control(path, c, true, why), 0);
    assert_true(strlen(path) < sizeof path);
    assert_string_equal(path + strlen(path) - 5, ".sock");
    conf_free(c);
    c = LOAD("--chdir", t.path, "--control", "unix:run/x.sock");
    assert_int_equal(project_control(path, c, true, why), 0);
    assert_string_equal(path, temp_path(&t, "run/x.sock"));
    conf_free(c);
    snprintf(deep, sizeof deep, "unix:/%0106d", 0);
    c = LOAD("--chdir", t.path, "--control", deep);
    assert_int_equal(project_control(path, c, true, why), 0);
    assert_int_equal(strlen(path), 107);
    conf_free(c);
    snprintf(deep, sizeof deep, "unix:%0107d", 0); /* relative, so that it becomes longer */
    c = LOAD("--chdir", t.path, "--control", deep);
    assert_int_equal(project_control(path, c, true, why), -ENAMETOOLONG);
    assert_non_null(strstr(why, "at most 107 bytes"));
    conf_free(c);
    temp_done(&t);
}

/* ---- the machine ---- */

static void forget_groups(struct temp_folder *t)
{
    temp_done(t);
    temp_make(t);
    temp_write(t, "proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n");
}

UNIT_TEST(version_2_groups_bound_cpus_and_memory)
{
    struct temp_folder t;
    temp_make(&t);
    int allowed = sys_cpus_allowed();
    assert_true(allowed > 0);
    assert_int_equal(machine_cpus(t.path), allowed);
    assert_true(machine_memory_bytes(t.path) == INT64_MAX);
    forget_groups(&t);
    assert_int_equal(machine_memory_bytes(t.path), 8LL << 30);
    temp_write(&t, "proc/self/cgroup", "0::/a/b\n");
    temp_write(&t, "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    temp_write(&t, "sys/fs/cgroup/a/b/memory.max", "max\n");
    assert_int_equal(machine_cpus(t.path), allowed);
    temp_write(&t, "sys/fs/cgroup/a/cpu.max", "50000 100000\n"); /* half a CPU is one */
    temp_write(&t, "sys/fs/cgroup/a/memory.max", "1073741824\n");
    assert_int_equal(machine_cpus(t.path), 1);
    assert_int_equal(machine_memory_bytes(t.path), 1 << 30);
    temp_write(&t, "sys/fs/cgroup/a/b/memory.max", "400000000\n");
    assert_int_equal(machine_memory_bytes(t.path), 400000000);
    assert_int_equal(machine_workers(t.path), 2);
    temp_write(&t, "sys/fs/cgroup/memory.max", "200000000\n");
    assert_int_equal(machine_workers(t.path), 1);
    temp_write(&t, "sys/fs/cgroup/memory.max", "1\n");
    assert_int_equal(machine_workers(t.path), 1);
    temp_done(&t);
}

UNIT_TEST(quotas_are_rounded_up)
{
    struct temp_folder t;
    temp_make(&t);
    forget_groups(&t);
    unsigned allowed = (unsigned)sys_cpus_allowed();
    temp_write(&t, "proc/self/cgroup", "0::/\n");
    temp_write(&t, "sys/fs/cgroup/cpu.max", "110000 100000\n");
    assert_int_equal(machine_cpus(t.path), allowed < 2 ? allowed : 2);
    assert_true(machine_workers(t.path) >= 2);
    temp_write(&t, "sys/fs/cgroup/cpu.max", "100000 100000\n");
    assert_int_equal(machine_cpus(t.path), 1);
    assert_int_equal(machine_workers(t.path), 2);
    temp_done(&t);
}

UNIT_TEST(version_1_groups_bound_cpus_and_memory)
{
    struct temp_folder t;
    temp_make(&t);
    forget_groups(&t);
    temp_write(&t, "proc/self/cgroup",
               "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/y\n");
    temp_write(&t, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    temp_write(&t, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    temp_write(&t, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(machine_cpus(t.path), sys_cpus_allowed());
    assert_int_equal(machine_memory_bytes(t.path), 8LL << 30);
    temp_write(&t, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "20000\n");
    temp_write(&t, "sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n");
    assert_int_equal(machine_cpus(t.path), 1);
    temp_write(&t, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
    assert_int_equal(machine_cpus(t.path), sys_cpus_allowed() < 2 ? 1 : 2);
    temp_write(&t, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "20000\n");
    assert_int_equal(machine_cpus(t.path), 1);
    assert_int_equal(machine_memory_bytes(t.path), 1000000);
    temp_done(&t);
}

UNIT_TEST(rubbish_in_group_files_is_no_limit)
{
    static const char *const texts[] = { "",
                                         "\n",
                                         "0",
                                         "0 0",
                                         "5 0",
                                         "-5 100000",
                                         "99999999999999999999 1",
                                         "x y",
                                         "9223372036854775807 1" };
    struct temp_folder t;
    temp_make(&t);
    forget_groups(&t);
    temp_write(&t, "proc/self/cgroup", "no colon\n0::/\n7:\n");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        temp_write(&t, "sys/fs/cgroup/cpu.max", texts[i]);
        if (machine_cpus(t.path) != (unsigned)sys_cpus_allowed())
            fail_msg("%s", texts[i]);
    }
    temp_done(&t);
}

UNIT_TEST(the_option_is_stronger_than_the_machine)
{
    struct conf *c = conf_new();
    assert_true(project_cpus() >= 1);
    assert_true(project_memory_bytes() > 0);
    assert_true(project_workers(c) >= 1);
    c->workers = 77;
    assert_int_equal(project_workers(c), 77);
    conf_free(c);
}

UNIT_MAIN(manage_py_is_found_here_above_and_one_below, manage_py_of_others_is_passed_by,
          a_project_is_found_whole, settings_have_their_order,
          wsgi_py_is_the_last_to_be_asked, an_application_runs_in_chdir, the_interpreter_has_its_order,
          what_is_missing_is_one_sentence, who_asks_finds_who_serves,
          an_application_below_a_project_is_found_from_its_folder,
          a_control_folder_of_others_is_refused, control_paths_fit_a_socket_address,
          version_2_groups_bound_cpus_and_memory, quotas_are_rounded_up,
          version_1_groups_bound_cpus_and_memory, rubbish_in_group_files_is_no_limit,
          the_option_is_stronger_than_the_machine)
