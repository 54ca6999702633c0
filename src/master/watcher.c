/* watcher.c - folders by inotify, names by what generations said.
 *
 * Woken  by inotify, by the timer of the quiet time (an editor saves in several steps: a copy, a
 *        rename, a second write), by what generations say.
 * Owns   the inotify descriptor, folders and names.
 * Not    what a reload is: site.c; which files are the project's own: python/slipway/develop.py.
 * Start  with notice().
 */
#include "master/watcher.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include "base/log.h"
#include "base/sys.h"
#include "master/generation.h"
#include "master/site.h"
#include "master/supervise.h"

enum {
    FOLDERS_MAX = 16384, NAMES_MAX = 262144,     /* bounds what a generation can make us keep */
    EVENTS_BYTES = 16384,
    STRIKES_MAX = 4,                             /* imports given up one after the other */
    PATIENCE_MS = 500,                           /* a file that is written all the time */
    EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR,
};

enum kind { KIND_CODE, KIND_TEMPLATE, KIND_FILE, KINDS };
static const char *const kind_names[KINDS] = { "code", "template", "file" };
static const uint32_t ALWAYS = UINT32_MAX;

struct name {
    struct list node;
    uint32_t generation;                         /* the last that said it */
    char text[];
};

struct folder {
    struct list node;                            /* in watcher.folders */
    int number;                                  /* of inotify; -1: the folder is gone */
    uint32_t any[KINDS];                         /* the last generation that said so; 0: none */
    struct list names;                           /* each of KIND_CODE */
    char path[];
};

struct watcher {
    struct master *master;
    struct watch watch;
    int fd;
    struct list folders;
    size_t folders_count, names_count;
    uint32_t floor;                              /* what older generations said does not count */
    bool is_full;                                /* and it was said */
    struct timer timer;                          /* on while a change waits for its quiet time */
    int64_t first_ms;                            /* when the oldest change came that waits */
    bool changed[KINDS];
    bool is_importing;                           /* when the oldest change came that waits */
    unsigned strikes;                            /* imports in a row during which modules changed */
    char example[256];                           /* one of what changed, escaped */
};

/* ---- what is known ---- */

static struct folder *find_folder(const struct watcher *w, const char *path)
{
    for (struct list *n = w->folders.next; n != &w->folders; n = n->next) {
        struct folder *f = container_of(n, struct folder, node);
        if (strcmp(f->path, path) == 0)
            return f;
    }
    return NULL;
}

static struct name *find_name(const struct folder *f, const char *text)
{
    for (struct list *n = f->names.next; n != &f->names; n = n->next) {
        struct name *name = container_of(n, struct name, node);
        if (strcmp(name->text, text) == 0)
            return name;
    }
    return NULL;
}

static void complain(struct watcher *w, const char *path, int rc)
{
    char shown[300];
    if (w->is_full || rc == -ENOENT || rc == -ENOTDIR)   /* gone already: nothing to edit there */
        return;
    w->is_full = true;
    log_escape(shown, sizeof shown, span_of(path));
    if (rc == -ENOSPC)
        log_warn("edits are not noticed everywhere",
                 "folder=\"%s\" reason=\"the kernel watches no more folders for this user\" "
                 "try=\"sysctl fs.inotify.max_user_watches=524288\"", shown);
    else
        log_warn("edits are not noticed everywhere", "folder=\"%s\" reason=\"%s\"", shown,
                 strerror(-rc));
}

/* Again for one that is known: it may have been removed and made anew. */
static void look_at(struct watcher *w, struct folder *f)
{
    int number = sys_inotify_add(w->fd, f->path, EVENTS);
    f->number = number < 0 ? -1 : number;
    if (number < 0)
        complain(w, f->path, number);
}

static struct folder *get_folder(struct watcher *w, const char *path)
{
    struct folder *f = find_folder(w, path);
    if (!f) {
        size_t bytes = strlen(path) + 1;
        f = w->folders_count < FOLDERS_MAX ? sys_calloc(1, sizeof *f + bytes) : NULL;
        if (!f) {
            complain(w, path, -ENOMEM);
            return NULL;
        }
        memcpy(f->path, path, bytes);
        list_init(&f->names);
        list_add_before(&w->folders, &f->node);
        w->folders_count++;
    }
    look_at(w, f);
    return f;
}

static void add_name(struct watcher *w, struct folder *f, const char *text, uint32_t generation)
{
    struct name *name = find_name(f, text);
    if (!name) {
        size_t bytes = strlen(text) + 1;
        name = w->names_count < NAMES_MAX ? sys_malloc(sizeof *name + bytes) : NULL;
        if (!name) {
            complain(w, f->path, -ENOMEM);
            return;
        }
        name->generation = 0;
        memcpy(name->text, text, bytes);
        list_add_before(&f->names, &name->node);
        w->names_count++;
    }
    if (name->generation < generation)
        name->generation = generation;
}

static void remove_name(struct watcher *w, struct name *name)
{
    list_remove(&name->node);
    w->names_count--;
    sys_free(name);
}

/* One number may stand for two paths of the same folder. */
static bool is_shared(const struct watcher *w, const struct folder *f)
{
    for (struct list *n = w->folders.next; n != &w->folders; n = n->next) {
        const struct folder *other = container_of(n, struct folder, node);
        if (other != f && other->number == f->number)
            return true;
    }
    return false;
}

static void remove_folder(struct watcher *w, struct folder *f)
{
    while (!list_empty(&f->names))
        remove_name(w, container_of(f->names.next, struct name, node));
    if (f->number >= 0 && !is_shared(w, f))
        (void)sys_inotify_remove(w->fd, f->number);
    list_remove(&f->node);
    w->folders_count--;
    sys_free(f);
}

static void forget_old(struct watcher *w, struct folder *f)
{
    bool is_used = false;
    for (struct list *n = f->names.next, *next; n != &f->names; n = next) {
        struct name *name = container_of(n, struct name, node);
        next = n->next;
        if (name->generation < w->floor)
            remove_name(w, name);
    }
    for (unsigned kind = 0; kind < KINDS; kind++)
        is_used = is_used || f->any[kind] >= w->floor;
    if (!is_used && list_empty(&f->names))
        remove_folder(w, f);
}

/* ---- what happened ---- */

static bool is_importing(const struct watcher *w)
{
    const struct list *sites = &w->master->sites;
    for (struct list *n = sites->next; n != sites; n = n->next) {
        const struct site *site = container_of(n, struct site, node);
        if (site->next && site->next->state <= GENERATION_FORKING)
            return true;
    }
    return false;
}

/* A project that writes a module of its own while it is imported would never come up. */
static bool is_endless(struct watcher *w)
{
    w->strikes = w->is_importing ? w->strikes + 1 : 0;
    if (w->strikes <= STRIKES_MAX)
        return false;
    log_warn("a save was left out", "file=\"%s\" reason=\"modules were written during each of the "
             "last %u imports\" try=\"save it again\"", w->example, w->strikes);
    return true;
}

static void reload(struct watcher *w)
{
    struct master *m = w->master;
    if (is_endless(w))
        return;
    log_info("saved", "file=\"%s\"", w->example);
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next)
        site_reload_now(container_of(n, struct site, node));
}

static void read_templates(struct watcher *w)
{
    struct master *m = w->master;
    for (struct list *s = m->sites.next; s != &m->sites; s = s->next) {
        struct site *site = container_of(s, struct site, node);
        for (struct list *n = site->generations.next; n != &site->generations; n = n->next)
            generation_look_again(container_of(n, struct generation, node));
    }
}

static void be_quiet(struct timer *t)
{
    struct watcher *w = container_of(t, struct watcher, timer);
    bool is_code = w->changed[KIND_CODE];
    memset(w->changed, 0, sizeof w->changed);
    if (w->master->phase != MASTER_SERVING)
        return;
    if (is_code)
        reload(w);
    else
        read_templates(w);
}

static void note(struct watcher *w, enum kind kind, const char *folder, const char *name)
{
    char path[4096 + 256];
    int64_t now_ms = loop_now_ms(w->master->loop);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    log_escape(w->example, sizeof w->example, span_of(path));
    w->changed[kind] = true;
    if (w->timer.due_ms == 0) {
        w->first_ms = now_ms;
        w->is_importing = is_importing(w);
    } else if (now_ms - w->first_ms > PATIENCE_MS) {
        return;
    }
    if (timer_set(w->master->loop, &w->timer, WATCHER_QUIET_MS) < 0)
        be_quiet(&w->timer);
}

/* What editors, Python, databases and logs leave beside the files somebody edits. */
static bool is_by_product(const char *name)
{
    static const char *const ends[] = { "~", ".pyc", ".pyo", ".swp", ".swx", ".tmp", ".log",
                                        ".db", ".sqlite3", "-journal", "-wal", "-shm", ".lock" };
    size_t len = strlen(name);
    if (name[0] == '.' || name[0] == '#' || strcmp(name, "__pycache__") == 0 ||
        strcmp(name, "4913") == 0)               /* vim tries whether it may write */
        return true;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t end = strlen(ends[i]);
        if (len >= end && strcmp(name + len - end, ends[i]) == 0)
            return true;
    }
    return false;
}

static bool is_module(const char *name)
{
    size_t len = strlen(name);
    return (len > 3 && strcmp(name + len - 3, ".py") == 0) ||
           (len > 3 && strcmp(name + len - 3, ".so") == 0);
}

static void notice(struct watcher *w, const struct folder *f, uint32_t mask, const char *text)
{
    const struct name *name = find_name(f, text);
    bool is_folder = (mask & IN_ISDIR) != 0;
    if (mask == IN_CREATE && !name)
        return;                                  /* an empty file; what is in it comes later */
    if (name && name->generation >= w->floor)
        note(w, KIND_CODE, f->path, text);
    if (is_by_product(text))
        return;
    if (f->any[KIND_CODE] >= w->floor && (is_folder || is_module(text)))
        note(w, KIND_CODE, f->path, text);
    for (unsigned kind = KIND_TEMPLATE; kind < KINDS; kind++)
        if (f->any[kind] >= w->floor && !is_module(text))
            note(w, kind, f->path, text);
}

static void take(struct watcher *w, const struct inotify_event *e)
{
    if (e->mask & IN_Q_OVERFLOW) {               /* too much to say: anything may have changed */
        note(w, KIND_CODE, "", "");
        return;
    }
    for (struct list *n = w->folders.next; n != &w->folders; n = n->next) {
        struct folder *f = container_of(n, struct folder, node);
        if (f->number != e->wd)
            continue;
        if (e->mask & IN_IGNORED)
            f->number = -1;
        else if (e->len > 0)
            notice(w, f, e->mask, e->name);
    }
}

static void run(struct watch *watch)
{
    struct watcher *w = container_of(watch, struct watcher, watch);
    _Alignas(struct inotify_event) char events[EVENTS_BYTES];
    ssize_t got;
    while ((got = sys_read(w->fd, events, sizeof events)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *e = (const struct inotify_event *)(void *)(events + at);
            take(w, e);
            at += (ssize_t)(sizeof *e + e->len);
        }
    }
    watch->ready &= ~(unsigned)LOOP_READ;
}

/* ---- from the master and its generations ---- */

void watcher_hear(struct watcher *w, const struct generation *g, const json_t *message)
{
    size_t i;
    json_t *text;
    const char *path = json_text(message, "folder", ""), *any = json_text(message, "any", "");
    struct folder *f = w && path[0] == '/' ? get_folder(w, path) : NULL;
    if (!f)
        return;
    for (unsigned kind = 0; kind < KINDS; kind++)
        if (strcmp(any, kind_names[kind]) == 0 && f->any[kind] < g->number)
            f->any[kind] = g->number;
    json_array_foreach(json_object_get(message, "names"), i, text)
        if (json_is_string(text))
            add_name(w, f, json_string_value(text), g->number);
}

void watcher_serves(struct watcher *w, const struct generation *g)
{
    if (!w || json_text(g->report, "error", "")[0])
        return;                                  /* half an import knows too little */
    w->floor = g->number;
    for (struct list *n = w->folders.next, *next; n != &w->folders; n = next) {
        next = n->next;
        forget_old(w, container_of(n, struct folder, node));
    }
}

static void watch_option(struct watcher *w, const char *file, const char *fallback)
{
    char path[4096 + 32];                        /* folder and fallback */
    const char *folder = w->master->start->project->folder;
    if (file[0])
        (void)snprintf(path, sizeof path, "%s", file);
    else
        (void)snprintf(path, sizeof path, "%s/%s", folder, fallback);
    char *slash = strrchr(path, '/');
    if (!slash || !slash[1])
        return;
    *slash = '\0';
    struct folder *f = get_folder(w, path[0] ? path : "/");
    if (f)
        add_name(w, f, slash + 1, ALWAYS);
}

struct watcher *watcher_new(struct master *m)
{
    struct watcher *w = sys_calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->master = m;
    w->floor = 1;
    list_init(&w->folders);
    timer_init(&w->timer, be_quiet);
    w->fd = sys_inotify_init();
    int rc = w->fd < 0 ? w->fd : loop_watch(m->loop, &w->watch, w->fd, run);
    if (rc < 0) {
        log_warn("edits are not noticed", "reason=\"%s\" try=\"%s\"", strerror(-rc),
                 rc == -EMFILE ? "sysctl fs.inotify.max_user_instances=1024" : "slipway reload");
        watcher_free(w);
        return NULL;
    }
    watch_option(w, m->conf->env_file, ".env");
    watch_option(w, m->conf->config, "slipway.ini");
    return w;
}

void watcher_free(struct watcher *w)
{
    if (!w)
        return;
    timer_off(w->master->loop, &w->timer);
    loop_unwatch(&w->watch);
    while (!list_empty(&w->folders))
        remove_folder(w, container_of(w->folders.next, struct folder, node));
    (void)sys_close(w->fd);
    sys_free(w);
}
