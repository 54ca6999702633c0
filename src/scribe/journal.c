/* journal.c - see journal.h. */
#include "scribe/journal.h"
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/un.h>
#include "base/sys.h"
#include "scribe/access_record.h"

enum { BUFFER_BYTES = 1024 * 1024, NAME_BYTES = 64, ENTRY_BYTES_MAX = 1024 * 1024,
       DATAGRAM_BYTES_MAX = 64 * 1024 };

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

/* No line has a '\n', but a key of a JSON line may stand for a text that does: with the length in front of
 * it, it ends no field and begins none. */
static void add(struct journal *j, const char *name, struct span value)
{
    uint64_t length = htole64(value.len);
    bool is_one_line = span_find(value, '\n') == value.len;
    if (value.len == 0 || buf_reserve(&j->entry, strlen(name) + 1 + sizeof length + value.len + 1) < 0)
        return;
    (void)buf_add(&j->entry, span_of(name));         /* reserved above */
    (void)buf_add(&j->entry, is_one_line ? SPAN("=") : SPAN("\n"));
    if (!is_one_line)
        (void)buf_add(&j->entry, (struct span){ (const char *)&length, sizeof length });
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

/* What is sealed cannot change while the journal reads it, so it takes no copy; one that is not, it refuses. */
static ssize_t send_sealed(const struct journal *j, struct span entry)
{
    int fd = sys_memfd("slipway-entry", MFD_ALLOW_SEALING);
    if (fd < 0)
        return fd;
    ssize_t rc = sys_pwrite(fd, entry.at, entry.len, 0);
    if (rc >= 0)
        rc = (size_t)rc == entry.len ? sys_fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
                                     : -ENOSPC;
    if (rc >= 0)
        rc = sys_send_fds(j->fd, NULL, 0, &fd, 1, MSG_DONTWAIT);
    (void)sys_close(fd);
    return rc;
}

/* The kernel bounds a datagram, too (net.core.wmem_max, memory in one piece). */
static ssize_t send_once(const struct journal *j, struct span entry)
{
    ssize_t sent = -EMSGSIZE;
    if (entry.len <= DATAGRAM_BYTES_MAX)
        sent = sys_send(j->fd, entry.at, entry.len, MSG_DONTWAIT);
    return sent == -EMSGSIZE || sent == -ENOBUFS ? send_sealed(j, entry) : sent;
}

/* A journal that was started anew has another socket under the same name: one more try. */
static void send_entry(struct journal *j)
{
    struct span entry = buf_span(&j->entry);
    ssize_t sent = j->fd >= 0 ? send_once(j, entry) : -ENOTCONN;
    if (sent == -ENOTCONN || sent == -ECONNREFUSED || sent == -ECONNRESET || sent == -EPIPE) {
        (void)sys_close(j->fd);
        int fd = connect_to(j);
        j->fd = fd < 0 ? -1 : fd;
        sent = fd < 0 ? fd : send_once(j, entry);
    }
    j->is_taking = sent >= 0;
    if (sent < 0)
        j->dropped++;
    if (j->entry.cap_bytes > DATAGRAM_BYTES_MAX)     /* a rare one does not stay in memory */
        buf_done(&j->entry);
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

uint64_t journal_back(struct journal *j)
{
    uint64_t dropped = j->is_taking ? j->dropped - j->said : 0;
    j->said += dropped;
    return dropped;
}

void journal_access(struct journal *j, struct span line, struct span site)
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
        site = r.site.len > 0 ? SPAN("") : site;
    } else if (is_known) {
        (void)snprintf(status, sizeof status, "%u", (unsigned)r.status);
        add(j, "SLIPWAY_STATUS", span_of(status));
        add(j, "SLIPWAY_METHOD", r.method);
        add(j, "SLIPWAY_TARGET", r.target);
    }
    add(j, "SLIPWAY_SITE", site);
    if (is_known)
        access_record_done(&r);
    send_entry(j);
}
