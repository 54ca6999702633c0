/* maintenance.c - a look costs a stat.  What the file holds is read with the rights of the site's user.
 */
#include "master/maintenance.h"
#include <errno.h>
#include <sys/stat.h>
#include "base/address.h"
#include "base/log.h"
#include "base/sys.h"
#include "conf/folder.h"
#include "master/site.h"
#include "master/supervise.h"

enum { LOOK_MS = 1000, ALLOW_BYTES = 255 };

static const struct conf *conf_of(const struct maintenance *m)
{
    const struct generation *g = m->site->current;
    return g ? generation_start(g)->conf : m->site->conf;
}

static bool is_on(const struct maintenance *m)
{
    return m->is_ordered || m->has_file;
}

static void changed(struct maintenance *m)
{
    bool was_on = m->since_s != 0;
    m->since_s = !is_on(m) ? 0 : was_on ? m->since_s : sys_wall_us() / 1000000;
    if (was_on != is_on(m))
        log_info(is_on(m) ? "maintenance begins" : "maintenance ends", "site=%s", m->site->project->name);
    edges_tell_maintenance(&m->site->master->edges, m->site);
}

/* ---- the file ---- */

static char *read_file(const struct maintenance *m, const char *path)
{
    char why[CONF_WHY_BYTES], *text = NULL;
    struct worker_user user;
    struct worker_user_turn turn;
    struct buf bytes = { 0 };
    int rc = worker_user_find(&user, conf_of(m), m->site->project->folder, why);
    rc = rc < 0 ? rc : worker_user_begin(&user, &turn);
    if (rc == 0) {
        rc = folder_read_file(path, MAINTENANCE_PAGE_BYTES, &bytes);
        worker_user_end(&user, &turn);
    }
    if (rc == 0 && buf_add(&bytes, (struct span){ "", 1 }) == 0)
        text = sys_strdup(buf_span(&bytes).at);
    else
        log_warn("what maintenance-file holds is not shown", "site=%s file=%s error=\"%s\"", m->site->project->name,
                 path, rc == -EFBIG ? "it has more than 24 KiB" : strerror(rc < 0 ? -rc : ENOMEM));
    buf_done(&bytes);
    return text;
}

static uint64_t stamp_of(const char *path)
{
    struct stat st;
    if (!path[0] || sys_stat(path, &st) < 0)
        return 0;
    return ((uint64_t)st.st_ino * 31 + (uint64_t)st.st_mtim.tv_sec) * 1000000007U + (uint64_t)st.st_mtim.tv_nsec +
           (uint64_t)st.st_size + 1;
}

static void look(struct maintenance *m)
{
    const char *path = conf_of(m)->maintenance_file;
    uint64_t stamp = stamp_of(path);
    if (stamp == m->stamp)
        return;
    sys_free(m->text);
    m->text = stamp ? read_file(m, path) : NULL;
    m->stamp = stamp;
    m->has_file = stamp != 0;
    changed(m);
}

void maintenance_watch(struct maintenance *m)
{
    struct loop *loop = m->site->master->loop;
    look(m);
    if (!conf_of(m)->maintenance_file[0])
        timer_off(loop, &m->look);
    else if (timer_set(loop, &m->look, LOOK_MS) < 0)
        log_error("no memory for a timer", "maintenance-file is looked at again at a reload");
}

static void look_again(struct timer *t)
{
    maintenance_watch(container_of(t, struct maintenance, look));
}

/* ---- the verb ---- */

static const char *wrong_allow(const json_t *allow)
{
    size_t i;
    json_t *network;
    struct networks all = { 0 };
    if (allow && (!json_is_array(allow) || json_array_size(allow) > MAINTENANCE_ALLOWS))
        return "\"allow\" is a list of networks, 64 at most";
    json_array_foreach(allow, i, network)
        if (!json_is_string(network) || json_string_length(network) > ALLOW_BYTES ||
            networks_add(&all, span_of(json_string_value(network))) < 0)
            return "--allow takes an address or a network such as 10.0.0.0/8 or 2001:db8::/32";
    return NULL;
}

const char *maintenance_order(struct maintenance *m, const json_t *request)
{
    json_t *allow = json_object_get(request, "allow");
    const char *message = json_text(request, "message", ""), *wrong = wrong_allow(allow);
    if (wrong || !json_is_boolean(json_object_get(request, "on")))
        return wrong ? wrong : "\"on\" is true or false";
    if (strlen(message) > MAINTENANCE_MESSAGE_BYTES)
        return "--message is too long, 1000 bytes fit";
    char *copy = message[0] ? sys_strdup(message) : NULL;
    if (message[0] && !copy)
        return "no memory";
    sys_free(m->message);
    m->message = copy;
    json_decref(m->allow);
    m->allow = json_incref(allow);
    m->is_ordered = json_is_true(json_object_get(request, "on"));
    maintenance_watch(m);         /* the answer is to be right, also about the file */
    changed(m);
    return NULL;
}

/* ---- what is said ---- */

json_t *maintenance_row(const struct maintenance *m)
{
    return json_pack("{s:b, s:s, s:I, s:s, s:O*}", "on", is_on(m), "by",
                     m->is_ordered ? "verb" : m->has_file ? "file" : "", "since", (json_int_t)m->since_s, "message",
                     m->message ? m->message : "", "allow", m->allow);
}

/* The verb's words count more than the file's.  What begins with '<' is a page. */
char *maintenance_say(const struct maintenance *m)
{
    const char *text = m->text ? m->text : "", *words = m->message ? m->message : "";
    bool is_page = text[0] == '<';
    if (!words[0] && !is_page)
        words = text;
    json_t *order = json_pack("{s:b, s:s, s:s, s:O*}", "on", is_on(m), "message", words, "page",
                              is_page ? text : "", "allow", m->allow);
    if (!order)                                  /* what is not UTF-8 cannot be said */
        order = json_pack("{s:b, s:O*}", "on", is_on(m), "allow", m->allow);
    char *line = order ? json_line(order) : NULL;
    if (line && strlen(line) > CHANNEL_TEXT_MAX && json_object_set_new(order, "page", json_string("")) == 0 &&
        json_object_set_new(order, "message", json_string("")) == 0) {
        sys_free(line);
        line = json_line(order);
    }
    json_decref(order);
    return line;
}

void maintenance_init(struct maintenance *m, struct site *s)
{
    *m = (struct maintenance){ .site = s };
    timer_init(&m->look, look_again);
}

void maintenance_done(struct maintenance *m)
{
    if (m->site->master->loop)
        timer_off(m->site->master->loop, &m->look);
    sys_free(m->message);
    sys_free(m->text);
    json_decref(m->allow);
}
