/* control_path.c - naming, making and finding the control socket. */
#include "conf/control_path.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/sys.h"
#include "conf/place.h"
#include "conf/project.h"

enum { BASE_BYTES = 64, BASES = 3, HASH_DIGITS = 16, FOLDERS_ABOVE_MAX = 32 };

static const char ending[] = ".sock";

/* ---- name of the site ---- */

static char name_byte(char byte)
{
    bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || byte == '_' || byte == '.';
    return is_plain ? byte : '-';
}

void control_site_name(char name[CONTROL_NAME_BYTES], const struct conf *c, const char *folder)
{
    const char *from = c->site[0] != '\0' ? c->site : folder_name(folder);
    size_t len = 0;
    while (from[len] != '\0' && len < CONTROL_NAME_BYTES - 1) {
        name[len] = name_byte(from[len]);
        len++;
    }
    name[len] = '\0';
    if (len == 0)
        (void)snprintf(name, CONTROL_NAME_BYTES, "site");
}

/* ---- the path ---- */

/* FNV-1a: it must be the same in every process, so base/hash.h, which is keyed, will not do. */
static uint64_t stable_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
    return hash;
}

static uint64_t folder_hash(const char *folder)
{
    char real[FOLDER_BYTES];
    return stable_hash(sys_realpath(folder, real) == 0 ? real : folder);
}

static bool is_ours(const char *folder)
{
    struct stat st;
    return sys_lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

/* The folders in which the socket may be, best first; the first is where it is made.  Returns how
 * many. */
static size_t list_bases(char bases[BASES][BASE_BYTES])
{
    size_t count = 0;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/' && strlen(runtime) + sizeof("/slipway") <= BASE_BYTES &&
        is_ours(runtime))
        (void)snprintf(bases[count++], BASE_BYTES, "%s/slipway", runtime);
    if (geteuid() == 0)
        (void)snprintf(bases[count++], BASE_BYTES, "/run/slipway");
    else
        (void)snprintf(bases[count++], BASE_BYTES, "/tmp/slipway-%u", (unsigned)geteuid());
    return count;
}

static void compose(char path[CONTROL_PATH_BYTES], const char *base, const char *name,
                    uint64_t hash)
{
    size_t fixed = strlen(base) + 1 + 1 + HASH_DIGITS + sizeof(ending);
    int room = CONTROL_PATH_BYTES - (int)fixed;            /* at least 20, by BASE_BYTES */
    (void)snprintf(path, CONTROL_PATH_BYTES, "%s/%.*s-%016llx%s", base, room, name,
                   (unsigned long long)hash, ending);
}

static int path_of_option(char path[CONTROL_PATH_BYTES], const struct conf *c, char *why)
{
    const char *text = c->control + strlen("unix:");
    if (strlen(text) >= CONTROL_PATH_BYTES) {
        (void)snprintf(why, CONF_WHY_BYTES,
                       "%s: the path of a socket has at most %d bytes, %.200s is longer",
                       conf_origin_text(c, CONF_control), CONTROL_PATH_BYTES - 1, text);
        return -ENAMETOOLONG;
    }
    (void)snprintf(path, CONTROL_PATH_BYTES, "%s", text);
    return 0;
}

int control_path(char path[CONTROL_PATH_BYTES], const struct conf *c, const char *folder, char *why)
{
    char bases[BASES][BASE_BYTES], name[CONTROL_NAME_BYTES];
    if (c->control[0] != '\0')
        return path_of_option(path, c, why);
    (void)list_bases(bases);
    control_site_name(name, c, folder);
    compose(path, bases[0], name, folder_hash(folder));
    return 0;
}

/* ---- making its folder ---- */

/* Root's project may run as another user, whose metrics lie beneath it: he may pass, and look at nothing. */
static int make_base(const char *base, char *why)
{
    struct stat st;
    const mode_t mode = geteuid() == 0 ? 0711 : 0700;
    int rc = sys_mkdir(base, 0700);
    if (rc < 0 && rc != -EEXIST) {
        (void)snprintf(why, CONF_WHY_BYTES,
                       "cannot make the folder of the control socket, %s: %s; name another with "
                       "--control unix:PATH",
                       base, strerror(-rc));
        return rc;
    }
    rc = sys_lstat(base, &st);
    if (rc == 0 && (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()))
        rc = -EPERM;                                   /* somebody waits for us in /tmp */
    if (rc == 0 && (st.st_mode & 0777) != mode)
        rc = sys_chmod(base, mode);
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES,
                       "%s is not a folder of this user (%s), so no control socket is made there; "
                       "name another with --control unix:PATH",
                       base, strerror(-rc));
    return rc;
}

/* ---- finding who runs ---- */

struct search {
    const char *base;
    const char *name;             /* NULL: any */
    char tail[HASH_DIGITS + sizeof("-.sock")];
    char *path, *why;
    unsigned count;
};

static int compare_name(void *ctx, const char *file)
{
    struct search *s = ctx;
    struct stat st;
    char path[FOLDER_BYTES];
    size_t len = strlen(file), tail = strlen(s->tail);
    if (len <= tail || len >= CONTROL_PATH_BYTES || strcmp(file + len - tail, s->tail) != 0)
        return 0;
    if (folder_join(path, s->base, file) < 0 || strlen(path) >= CONTROL_PATH_BYTES ||
        sys_lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return 0;
    if (s->count++ > 0) {
        (void)snprintf(
            s->why, CONF_WHY_BYTES,
            "more than one site of this folder runs (%.*s and %.*s): choose by --site NAME",
            (int)(strlen(folder_name(s->path)) - tail), folder_name(s->path), (int)(len - tail),
            file);
        return -EEXIST;
    }
    memcpy(s->path, path, strlen(path) + 1);
    return 0;
}

/* 1: found, 0: nothing of this folder runs, -EEXIST with a sentence: several do. */
static int search_folder(char path[CONTROL_PATH_BYTES], const struct conf *c, const char *base,
                         const char *folder, char *why)
{
    struct search s = { .base = base, .path = path, .why = why };
    struct stat st;
    uint64_t hash = folder_hash(folder);
    if (c->site[0] != '\0') {
        char name[CONTROL_NAME_BYTES];
        control_site_name(name, c, folder);
        compose(path, base, name, hash);
        return sys_lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
    }
    (void)snprintf(s.tail, sizeof(s.tail), "-%016llx%s", (unsigned long long)hash, ending);
    int rc = folder_each(base, compare_name, &s);
    return rc == -EEXIST ? rc : s.count > 0;
}

static int search_upwards(char path[CONTROL_PATH_BYTES], const struct conf *c, const char *base,
                          const char *from, char *why)
{
    char folder[FOLDER_BYTES];
    int rc = folder_join(folder, "/", from);
    for (int i = 0; i < FOLDERS_ABOVE_MAX && rc == 0; i++) {
        int found = search_folder(path, c, base, folder, why);
        if (found != 0)
            return found;
        rc = folder_parent(folder, folder);
    }
    return 0;
}

static int search_all(char path[CONTROL_PATH_BYTES], const struct conf *c, const char *project,
                      char *why)
{
    char bases[BASES][BASE_BYTES];
    int found = 0;
    size_t count = list_bases(bases);
    for (size_t i = 0; i < count && found == 0; i++) {
        if (!is_ours(bases[i]))
            continue;
        found = search_folder(path, c, bases[i], project, why);
        if (found == 0)
            found = search_upwards(path, c, bases[i], c->chdir, why);
    }
    return found;
}

int project_control(char path[CONTROL_PATH_BYTES], const struct conf *c, bool make, char *why)
{
    char folder[FOLDER_BYTES], bases[BASES][BASE_BYTES];
    struct place place;
    if (c->control[0] != '\0')
        return path_of_option(path, c, why);
    int rc = place_find(&place, c, why);
    bool is_above = rc == -EEXIST && !make;      /* nothing to ask here, perhaps of a site above */
    if (rc == 0 || is_above)
        rc = folder_join(folder, "/", is_above ? c->chdir : place.folder);
    if (rc < 0)
        return rc;
    if (make) {
        (void)list_bases(bases);
        rc = make_base(bases[0], why);
    } else {
        rc = search_all(path, c, folder, why);
        if (rc > 0)
            return 0;
    }
    return rc < 0 ? rc : control_path(path, c, folder, why);
}
