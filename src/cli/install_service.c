/* install_service.c - `slipway install-service`: the unit for systemd, printed or put in place.
 *
 * A file begins with a line that has a hash of the rest, so that one which somebody else wrote, or changed
 * since, is not written over.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/sys.h"
#include "cli/unit_text.h"
#include "cli/verbs.h"
#include "conf/control_path.h"
#include "conf/folder.h"
#include "conf/listen.h"
#include "master/master.h"
#include "master/worker_user.h"

enum { UNIT_BYTES_MAX = 1024 * 1024, UNITS_MAX = 2, PATH_BYTES = FOLDER_BYTES + 128, UNIT_MODE = 0644 };

static const char made_by[] = "# made by slipway install-service ";

struct unit_file {
    char path[PATH_BYTES];
    struct buf text;
};

struct install {
    const char *name, *folder;
    bool has_socket, writes, is_forced;
    struct unit_file files[UNITS_MAX];
    size_t count;
};

/* ---- what is in a file already ---- */

/* FNV-1a: the same in every process and release. */
static uint64_t hash_of(struct span text)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.at[i]) * 0x100000001b3U;
    return hash;
}

static int head_of(char line[80], struct span text)
{
    return snprintf(line, 80, "%s%016llx\n", made_by, (unsigned long long)hash_of(text));
}

static bool is_as_made(struct span text)
{
    char line[80];
    size_t end = span_find(text, '\n');
    if (end >= text.len)
        return false;
    int len = head_of(line, span_skip(text, end + 1));
    return span_eq((struct span){ text.at, end + 1 }, (struct span){ line, (size_t)len });
}

/* 0: nothing is there, or something of ours. */
static int check_place(const char *path)
{
    struct buf text = { 0 };
    int rc = folder_read_file(path, UNIT_BYTES_MAX, &text);
    bool is_ours = rc == 0 && is_as_made(buf_span(&text));
    buf_done(&text);
    if (rc == -ENOENT || is_ours)
        return 0;
    if (rc < 0)
        return verbs_fail(EXIT_WRONG, "cannot read %s: %s", path, strerror(-rc));
    return verbs_fail(EXIT_WRONG,
                      "%s was written or changed by somebody else: keep changes in a drop-in (systemctl edit), "
                      "or write over it by --force", path);
}

/* ---- writing ---- */

static int write_all(int fd, struct span text)
{
    while (text.len > 0) {
        ssize_t put = sys_write(fd, text.at, text.len);
        if (put <= 0)
            return put < 0 ? (int)put : -EIO;
        text = span_skip(text, (size_t)put);
    }
    return 0;
}

static int write_beside(const char *path, struct span text)
{
    char beside[PATH_BYTES + 16], head[80];
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    int fd = sys_open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, UNIT_MODE);
    if (fd < 0)
        return fd;
    int len = head_of(head, text);
    int rc = write_all(fd, (struct span){ head, (size_t)len });
    rc = rc == 0 ? write_all(fd, text) : rc;
    rc = rc == 0 ? sys_fchmod(fd, UNIT_MODE) : rc;
    (void)sys_close(fd);
    rc = rc == 0 ? sys_rename(beside, path) : rc;
    if (rc < 0)
        (void)sys_unlink(beside);
    return rc;
}

static int write_files(const struct install *in)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < in->count && !in->is_forced && status == EXIT_DONE; i++)
        status = check_place(in->files[i].path);
    for (size_t i = 0; i < in->count && status == EXIT_DONE; i++) {
        int rc = write_beside(in->files[i].path, buf_span(&in->files[i].text));
        if (rc < 0)
            status = verbs_fail(EXIT_WRONG, "cannot write %s: %s", in->files[i].path, strerror(-rc));
        else
            (void)printf("wrote %s\n", in->files[i].path);
    }
    if (status == EXIT_DONE)
        (void)printf("Now: systemctl daemon-reload && systemctl enable --now %s%s%s.service\n",
                     in->has_socket ? in->name : "", in->has_socket ? ".socket " : "", in->name);
    return status;
}

static int print_files(const struct install *in)
{
    for (size_t i = 0; i < in->count; i++) {
        struct span text = buf_span(&in->files[i].text);
        (void)printf("%s# %s\n%.*s", i > 0 ? "\n" : "", in->files[i].path, (int)text.len, text.at);
    }
    (void)fprintf(stderr, "slipway: nothing was written; --write puts %s there\n",
                  in->count > 1 ? "them" : "it");
    return EXIT_DONE;
}

/* ---- finding out ---- */

static int check_listeners(const struct conf *c)
{
    for (size_t i = 0; i < c->listen.count; i++) {
        struct listen_spec s;
        unsigned char room[16];
        if (listen_parse(span_of(c->listen.items[i]), &s))
            continue;
        bool is_address = s.kind == LISTEN_INET && inet_pton(s.is_ipv6 ? AF_INET6 : AF_INET, s.host, room) == 1;
        if (!is_address && s.kind != LISTEN_UNIX && s.kind != LISTEN_ABSTRACT)
            return verbs_fail(EXIT_WRONG, "--socket: systemd opens numeric addresses and Unix sockets, not '%s' (%s)",
                              c->listen.items[i], conf_origin_text(c, CONF_listen));
    }
    return EXIT_DONE;
}

static int compose(struct install *in, const struct unit_facts *f)
{
    int rc = unit_service(f, &in->files[0].text);
    (void)snprintf(in->files[0].path, PATH_BYTES, "%s/%s.service", in->folder, in->name);
    in->count = 1;
    if (in->has_socket && rc == 0) {
        rc = unit_socket(f, &in->files[1].text);
        (void)snprintf(in->files[1].path, PATH_BYTES, "%s/%s.socket", in->folder, in->name);
        in->count = 2;
    }
    return rc == 0 ? EXIT_DONE : verbs_fail(EXIT_WRONG, "out of memory");
}

/* ---- the sites ---- */

struct found_site {
    struct conf *own;             /* of a site's file; NULL: that of the command */
    struct project project;
    json_t *report;
};

struct found_sites {
    const struct conf *c;
    struct found_site *all;
    struct unit_site *shown;
    size_t count;
};

static void found_done(struct found_sites *found)
{
    for (size_t i = 0; i < found->count; i++) {
        json_decref(found->all[i].report);
        conf_free(found->all[i].own);
    }
    sys_free(found->all);
    sys_free(found->shown);
}

/* It is imported once, to see where it writes. */
static int look_at(struct found_site *s, const struct conf *c)
{
    char why[CONF_WHY_BYTES];
    struct worker_user user;
    if (project_find(&s->project, c, environ, true, why) < 0 ||
        worker_user_find(&user, c, s->project.folder, why) < 0)
        return verbs_fail(EXIT_WRONG, "%s", why);
    const struct master_start start = { .conf = c, .project = &s->project, .envp = environ };
    char *line = master_probe(&start, why);
    s->report = line ? json_read(span_of(line), why) : NULL;
    sys_free(line);
    if (!s->report)
        return verbs_fail(EXIT_WRONG, "%s: %s", s->project.name, why);
    if (user.account.uid == 0)
        (void)fprintf(stderr, "slipway: %s will run as root: a user of its own is safer (user = NAME)\n",
                      s->project.name);
    return EXIT_DONE;
}

static int add_found(struct found_sites *found, struct conf *own)
{
    struct found_site *all = sys_realloc(found->all, (found->count + 1) * sizeof *all);
    found->all = all ? all : found->all;
    if (!all) {
        conf_free(own);
        return verbs_fail(EXIT_WRONG, "out of memory");
    }
    struct found_site *s = &all[found->count++];
    *s = (struct found_site){ .own = own };
    return look_at(s, own ? own : found->c);
}

/* The status of the first that is wrong ends it. */
static int add_file(void *ctx, const char *name)
{
    struct found_sites *found = ctx;
    char path[FOLDER_BYTES], why[CONF_WHY_BYTES] = "out of memory";
    if (name[0] == '.' || !span_ends(span_of(name), SPAN(".ini")) ||
        folder_join(path, found->c->sites, name) < 0)
        return EXIT_DONE;
    struct conf *own = conf_new();
    if (own && conf_load_site(own, found->c, path, environ, why) == 0)
        return add_found(found, own);
    conf_free(own);
    return verbs_fail(EXIT_WRONG, "%s", why);
}

static int find_sites(struct found_sites *found)
{
    int rc = found->c->sites[0] ? folder_each(found->c->sites, add_file, found) : add_found(found, NULL);
    if (rc < 0)
        return verbs_fail(EXIT_WRONG, "cannot read the folder %s: %s", found->c->sites, strerror(-rc));
    if (rc == EXIT_DONE && found->count == 0)
        return verbs_fail(EXIT_WRONG, "%s has no file NAME.ini", found->c->sites);
    found->shown = sys_calloc(found->count, sizeof *found->shown);
    if (!found->shown)
        return verbs_fail(EXIT_WRONG, "out of memory");
    for (size_t i = 0; i < found->count; i++) {
        const struct found_site *s = &found->all[i];
        found->shown[i] = (struct unit_site){ s->own ? s->own : found->c, &s->project, s->report };
    }
    return rc;
}

static int install_with(struct install *in, const struct conf *c)
{
    char program[FOLDER_BYTES];
    struct found_sites found = { .c = c };
    ssize_t len = sys_readlink("/proc/self/exe", program, sizeof program);
    int status = len < 0 ? verbs_fail(EXIT_WRONG, "cannot read /proc/self/exe: %s", strerror((int)-len))
                         : find_sites(&found);
    if (status == EXIT_DONE) {
        if (!in->name)
            in->name = c->sites[0] ? "slipway" : found.all[0].project.name;
        const struct unit_facts facts = { .c = c, .sites = found.shown, .sites_count = found.count,
                                          .name = in->name, .program = program, .has_socket = in->has_socket };
        status = compose(in, &facts);
    }
    if (status == EXIT_DONE)
        status = in->writes ? write_files(in) : print_files(in);
    found_done(&found);
    return status;
}

static bool is_unit_name(const char *name)
{
    bool is_right = name[0] != '\0' && name[0] != '.' && name[0] != '-' && strlen(name) < CONTROL_NAME_BYTES;
    for (; is_right && *name; name++)
        is_right = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                   (*name >= '0' && *name <= '9') || strchr("-_.", *name);
    return is_right;
}

int verb_install_service(int argc, char **argv)
{
    int status;
    struct install in = { .folder = "/etc/systemd/system" };
    in.has_socket = verbs_take_flag(&argc, argv, "--socket");
    in.writes = verbs_take_flag(&argc, argv, "--write");
    in.is_forced = verbs_take_flag(&argc, argv, "--force");
    in.name = verbs_take_value(&argc, argv, "--name");
    const char *folder = verbs_take_value(&argc, argv, "--to");
    in.folder = folder ? folder : in.folder;
    if (in.name && !is_unit_name(in.name))
        return verbs_fail(EXIT_USAGE, "--name takes letters, digits, '-', '_' and '.', such as shop");
    struct conf *c = verbs_load(argc, argv, true, &status);
    if (!c)
        return status;
    status = in.has_socket ? check_listeners(c) : EXIT_DONE;
    if (status == EXIT_DONE)
        status = install_with(&in, c);
    for (size_t i = 0; i < UNITS_MAX; i++)
        buf_done(&in.files[i].text);
    conf_free(c);
    return status;
}
