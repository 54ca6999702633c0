/* logs.c - `slipway logs`: which files of the running server's access logs are meant, and what is to be
 * said of those that are none.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/sys.h"
#include "cli/log_source.h"
#include "cli/verbs.h"

enum { SOURCES_MOST = 256, PATH_BYTES = 4096, HINT_BYTES = 512 };

struct search {
    struct log_filter filter;
    const char *site;             /* of --site; NULL: all */
    bool follows;
    int64_t pid;                  /* of the master */
    struct log_source *sources;   /* SOURCES_MOST */
    size_t count;
    char lent[PATH_BYTES];        /* the file that is the master's standard output */
    char hint[HINT_BYTES];        /* of a log that is no file: what it is; "": all are */
};

/* ---- where a log is -------------------------------------------------------------------------- */

/* `slipway serve > FILE`. */
static bool find_lent(struct search *s)
{
    char link[64];
    struct stat st;
    (void)snprintf(link, sizeof link, "/proc/%" PRId64 "/fd/1", s->pid);
    return sys_stat(link, &st) == 0 && S_ISREG(st.st_mode) &&
           sys_readlink(link, s->lent, sizeof s->lent) > 0 && s->lent[0] == '/';
}

/* Of a log that cannot be read here: what it is, and where to look. */
static void explain(struct search *s, const char *where, const char *site, bool is_named)
{
    const char *whose = site[0] ? " of " : "";
    if (strcmp(where, "off") == 0)
        (void)snprintf(s->hint, sizeof s->hint, "the access log%s%s is off: give it a file with access-log = /PATH",
                       whose, site);
    else if (strcmp(where, "-") == 0)
        (void)snprintf(s->hint, sizeof s->hint,
                       "the access log%s%s goes to standard output: give it a file with access-log = /PATH, or look where "
                       "that goes (`journalctl%s -u UNIT` for a unit of systemd, `docker logs%s NAME`)",
                       whose, site, s->follows ? " -f" : "", s->follows ? " -f" : "");
    else
        (void)snprintf(s->hint, sizeof s->hint, "the access log%s%s goes to the journal: journalctl -t slipway%s%s%s %s",
                       whose, site, s->follows ? " -f" : "", is_named ? " SLIPWAY_SITE=" : "", is_named ? site : "",
                       s->filter.status ? "SLIPWAY_STATUS=404 (of each status one)" : "SLIPWAY_METHOD=GET");
}

static bool has_source(const struct search *s, const char *path)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->sources[i].path, path) == 0)
            return true;
    return false;
}

/* site: whose log it is, "" for that of all; only: lines that name this one, NULL: all. */
static void add(struct search *s, const char *where, const char *site, const char *only, bool is_named)
{
    bool is_lent = strcmp(where, "-") == 0 && find_lent(s);
    if (where[0] != '/' && !is_lent) {
        explain(s, where, site, is_named);
        return;
    }
    const char *path = is_lent ? s->lent : where;
    if (s->count < SOURCES_MOST && !has_source(s, path))
        s->sources[s->count++] = (struct log_source){ .path = path, .site = only, .is_bare = is_lent,
                                                      .filter = &s->filter, .fd = -1 };
}

/* ---- whose logs ------------------------------------------------------------------------------ */

static bool is_json_form(const json_t *row, const char *key)
{
    return strcmp(json_text(row, key, ""), "json") == 0;
}

static int no_such_site(const json_t *sites, const char *name)
{
    char names[HINT_BYTES] = "";
    size_t i, len = 0;
    const json_t *row;
    json_array_foreach(sites, i, row) {
        int more = snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? ", " : "", json_text(row, "site", ""));
        len = more < 0 || len + (size_t)more >= sizeof names ? len : len + (size_t)more;
    }
    names[len] = '\0';
    return verbs_fail(EXIT_WRONG, "no site is called %s; there are: %s", name, len > 0 ? names : "none");
}

/* Its own log, or its lines of the log of all. */
static int find_one(struct search *s, const json_t *answer, const json_t *sites)
{
    const char *shared = json_text(json_object_get(answer, "logs"), "access", "-");
    const json_t *row;
    size_t i;
    json_array_foreach(sites, i, row) {
        if (strcmp(json_text(row, "site", ""), s->site) != 0)
            continue;
        const char *where = json_text(row, "access_log", shared);
        bool is_own = strcmp(where, shared) != 0, is_json = is_json_form(row, "access_format");
        bool is_file = where[0] == '/' || (strcmp(where, "-") == 0 && find_lent(s));
        if (is_file && !is_own && !is_json)
            return verbs_fail(EXIT_WRONG, "lines of this access log do not name their site: set access-format = json, "
                                          "or give %s a log of its own with access-log = /PATH", s->site);
        add(s, where, s->site, is_own ? NULL : s->site, is_own || is_json);
        return EXIT_DONE;
    }
    return no_such_site(sites, s->site);
}

/* Own logs of several sites may be one file: then each of its lines is shown. */
static int find_logs(struct search *s, const json_t *answer)
{
    const json_t *row, *sites = json_object_get(answer, "sites");
    const char *only = json_text(answer, "site", "");
    size_t i;
    if (sites && s->site)
        return find_one(s, answer, sites);
    if (!sites && s->site && strcmp(s->site, only) != 0)
        return verbs_fail(EXIT_WRONG, "the site that runs here is %s, not %s", only, s->site);
    add(s, json_text(json_object_get(answer, "logs"), "access", "-"), "", NULL, false);
    json_array_foreach(sites, i, row)
        if (strcmp(json_text(row, "access_log", ""), json_text(json_object_get(answer, "logs"), "access", "-")) != 0)
            add(s, json_text(row, "access_log", "-"), json_text(row, "site", ""), NULL, true);
    return EXIT_DONE;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int show(struct search *s)
{
    size_t which = 0;
    int rc = 0;
    if (s->count == 0)
        return verbs_fail(EXIT_WRONG, "%s", s->hint);
    if (s->hint[0])
        (void)verbs_fail(EXIT_DONE, "not shown: %s", s->hint);
    if (s->follows)
        rc = log_sources_follow(s->sources, s->count, &which);
    for (size_t i = 0; !s->follows && i < s->count && rc == 0; i++)
        rc = log_source_show(&s->sources[which = i]);
    if (s->filter.is_over || rc == 0)
        return EXIT_DONE;
    return verbs_fail(EXIT_WRONG, "the access log %s cannot be read: %s", s->sources[which].path, strerror(-rc));
}

static int show_logs_of(const json_t *answer, struct search *s)
{
    s->pid = json_int(answer, "pid", 0);
    s->sources = sys_calloc(SOURCES_MOST, sizeof *s->sources);
    if (!s->sources)
        return verbs_fail(EXIT_WRONG, "no memory");
    int status = find_logs(s, answer);
    status = status == EXIT_DONE ? show(s) : status;
    sys_free(s->sources);
    return status;
}

static bool read_slow(const char *text, int64_t *us)
{
    char why[CONF_WHY_BYTES];
    struct conf *c = conf_new();
    bool is_right = c && conf_set(c, SPAN("access-slow"), span_of(text), CONF_ARGUMENT, NULL, why) == 0;
    *us = is_right ? c->access_slow_ms * 1000 : -1;
    conf_free(c);
    return is_right;
}

/* "--slow" alone, as the last word or before another option, is a second. */
static const char *take_slow(int *argc, char **argv)
{
    for (int i = 0; i < *argc; i++)
        if (strcmp(argv[i], "--slow") == 0 && (i + 1 == *argc || argv[i + 1][0] == '-'))
            return verbs_take_flag(argc, argv, "--slow") ? "1s" : NULL;
    return verbs_take_value(argc, argv, "--slow");
}

int verb_logs(int argc, char **argv)
{
    int status;
    const char *slow = take_slow(&argc, argv);
    struct search s = { .site = verbs_take_value(&argc, argv, "--site") };
    struct log_filter *f = &s.filter;
    f->status = verbs_take_value(&argc, argv, "--status");
    f->path = verbs_take_value(&argc, argv, "--path");
    f->is_json = verbs_take_flag(&argc, argv, "--json");
    f->slow_us = -1;
    bool is_short = verbs_take_flag(&argc, argv, "-f"), is_long = verbs_take_flag(&argc, argv, "--follow");
    s.follows = is_short || is_long;
    if (f->status && !log_filter_is_status(f->status))
        return verbs_fail(EXIT_USAGE, "--status takes statuses such as 404, 5xx or 4xx,502, not '%s'", f->status);
    if (slow && !read_slow(slow, &f->slow_us))
        return verbs_fail(EXIT_USAGE, "--slow takes a time such as 500ms or 2s, not '%s'", slow);
    json_t *answer = verbs_ask(argc, argv, "status", &status);
    if (!answer)
        return status;
    status = json_flag(answer, "ok", false) ? show_logs_of(answer, &s) : verbs_refused(answer, "no logs");
    json_decref(answer);
    return status;
}
