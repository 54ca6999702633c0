/* journal.c - see journal.h. */
#include "scribe/journal.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/un.h>
#include "base/sys.h"
#include "scribe/access_record.h"

enum { BUFFER_BYTES = 1024 * 1024, NAME_BYTES = 64, ENTRY_BYTES_MAX = 256 * 1024 };

static const char prefix[] = "journald", standard_path[] = "/run/systemd/journal/socket";

bool journal_is_meant(const char *where)
{
    size_t len = sizeof prefix - 1;
    return strncmp(where, prefix, len) == 0 && (where[len] == '\0' || where[len] == ':');
}

void journal_init(struct journal *j, const char *where)
{
    const char *colon = strchr(where, ':');
    *j = (struct journal){ .path = colon ? colon + 1 : standard_path, .fd = -1,
                           .entry = { .limit_bytes = ENTRY_BYTES_MAX } };
}

void journal_done(struct journal *j)
{
    (void)sys_close(j->fd);
    j->fd = -1;
    buf_done(&j->entry);
}

/* ---- an entry -------------------------------------------------------------------------------- */

/* No line has a '\n', and no field of one: the protocol's other form is not needed. */
static void add(struct journal *j, const char *name, struct span value)
{
    if (value.len == 0 || buf_reserve(&j->entry, strlen(name) + value.len + 2) < 0)
        return;
    (void)buf_add(&j->entry, span_of(name));         /* reserved above */
    (void)buf_add(&j->entry, SPAN("="));
    (void)buf_add(&j->entry, value);
    (void)buf_add(&j->entry, SPAN("\n"));
}

static void begin(struct journal *j, struct span message, char priority)
{
    buf_take(&j->entry, buf_len(&j->entry));
    add(j, "MESSAGE", message.len > 0 ? message : SPAN(" "));
    add(j, "PRIORITY", (struct span){ &priority, 1 });
    add(j, "SYSLOG_IDENTIFIER", SPAN("slipway"));
}

static int connect_to(struct journal *j)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int bytes = BUFFER_BYTES, fd = -EINVAL;
    if (strlen(j->path) < sizeof address.sun_path)
        fd = sys_socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0)
        return fd;
    (void)strcpy(address.sun_path, j->path);
    (void)sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);     /* the usual one does, too */
    int rc = sys_connect(fd, (const struct sockaddr *)&address, sizeof address);
    if (rc < 0)
        (void)sys_close(fd);
    return rc < 0 ? rc : fd;
}

/* A journal that was started anew has another socket under the same name. */
static void send_entry(struct journal *j)
{
    struct span entry = buf_span(&j->entry);
    ssize_t sent = -ENOTCONN;
    for (int tries = 0; tries < 2 && sent < 0 && sent != -EAGAIN && sent != -EMSGSIZE; tries++) {
        if (sent != -ENOTCONN || j->fd < 0) {
            (void)sys_close(j->fd);
            j->fd = connect_to(j);
        }
        sent = j->fd < 0 ? j->fd : sys_send(j->fd, entry.at, entry.len, MSG_DONTWAIT);
        if (j->fd < 0)
            break;
    }
    if (j->fd < 0)
        j->fd = -1;
    if (sent < 0)
        j->dropped++;
}

void journal_log(struct journal *j, const struct log_record *r)
{
    char priority = span_eq(r->level, SPAN("error"))   ? '3'
                    : span_eq(r->level, SPAN("warn"))  ? '4'
                    : span_eq(r->level, SPAN("debug")) ? '7'
                                                       : '6';
    begin(j, r->text, priority);
    add(j, "REQUEST_ID", r->id);
    add(j, "SLIPWAY_PROCESS", r->process);
    send_entry(j);
}

/* "queue_ms" is SLIPWAY_QUEUE_MS.  The journal takes names of capitals, digits and '_'. */
static void add_key(struct journal *j, const char *key, const json_t *value)
{
    char name[NAME_BYTES], text[32];
    size_t len = (size_t)snprintf(name, sizeof name, "SLIPWAY_%s", key);
    for (size_t i = 0; i < len && i < sizeof name - 1; i++)
        name[i] = isalnum((unsigned char)name[i]) ? (char)toupper((unsigned char)name[i]) : '_';
    if (json_is_integer(value))
        (void)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(text, sizeof text, "%.3f", json_real_value(value));
    bool is_number = json_is_integer(value) || json_is_real(value);
    if (is_number || json_is_string(value))
        add(j, name, span_of(is_number ? text : json_string_value(value)));
}

void journal_access(struct journal *j, struct span line)
{
    struct access_record r;
    char status[8];
    bool is_known = access_record_read(line, &r) == 0;
    begin(j, line, is_known && r.status >= 500 ? '3' : '6');
    if (is_known && r.json) {
        const char *key;
        json_t *value;
        json_object_foreach(r.json, key, value)
            add_key(j, key, value);
        add(j, "REQUEST_ID", span_of(json_text(r.json, "id", "")));
    } else if (is_known) {
        (void)snprintf(status, sizeof status, "%u", (unsigned)r.status);
        add(j, "SLIPWAY_STATUS", span_of(status));
        add(j, "SLIPWAY_METHOD", r.method);
        add(j, "SLIPWAY_TARGET", r.target);
    }
    if (is_known)
        access_record_done(&r);
    send_entry(j);
}
