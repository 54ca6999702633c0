/* control.c - one request, one line back; then, for `stop`, the end of the other process.
 */
#include "master/control.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include "base/buf.h"
#include "base/sys.h"
#include "conf/conf.h"

enum { ANSWER_BYTES_MAX = 16 * 1024 * 1024, READ_BYTES = 65536, END_LIMIT_MS = 5000 };

static int explain(int rc, const char *path, char *why)
{
    switch (-rc) {
    case ENOENT: case ECONNREFUSED:
        (void)snprintf(why, CONF_WHY_BYTES,
                       "no slipway serves this project (nobody answers at %.200s); "
                       "start it with `slipway run` or `slipway serve`",
                       path);
        break;
    case EACCES: case EPERM:
        (void)snprintf(why, CONF_WHY_BYTES,
                       "no permission to talk to the slipway at %.200s: it runs as another user",
                       path);
        break;
    default:
        (void)snprintf(why, CONF_WHY_BYTES, "cannot talk to the slipway at %.200s: %s", path,
                       strerror(-rc));
    }
    return rc;
}

static int dial(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    if (len >= sizeof at.sun_path)
        return -ENAMETOOLONG;
    memcpy(at.sun_path, path, len + 1);
    int fd = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return fd;
    int rc = sys_connect(fd, (const struct sockaddr *)&at, sizeof at);
    if (rc < 0)
        (void)sys_close(fd);
    return rc < 0 ? rc : fd;
}

static int send_all(int fd, struct span text)
{
    while (text.len > 0) {
        ssize_t sent = sys_send(fd, text.at, text.len, 0);
        if (sent < 0)
            return (int)sent;
        text = span_skip(text, (size_t)sent);
    }
    return 0;
}

static int send_request(int fd, const json_t *request)
{
    char *line = json_line(request);
    int rc = line ? send_all(fd, span_of(line)) : -ENOMEM;
    sys_free(line);
    return rc;
}

/* Up to the first line's end: its length, or -errno (-EPIPE: the other side ended before). */
static ssize_t read_line(int fd, struct buf *in)
{
    for (;;) {
        size_t len = span_find(buf_span(in), '\n');
        if (len < buf_len(in))
            return (ssize_t)len;
        int rc = buf_reserve(in, READ_BYTES);
        if (rc < 0)
            return rc;
        ssize_t got = sys_recv(fd, buf_tail(in), READ_BYTES, 0);
        if (got <= 0)
            return got < 0 ? got : -EPIPE;
        buf_added(in, (size_t)got);
    }
}

static json_t *read_answer(int fd, const char *path, char *why)
{
    struct buf in = { .limit_bytes = ANSWER_BYTES_MAX };
    json_t *answer = NULL;
    ssize_t len = read_line(fd, &in);
    if (len >= 0)
        answer = json_read((struct span){ buf_span(&in).at, (size_t)len }, why);
    else if (len == -EPIPE || len == -ECONNRESET)
        (void)snprintf(why, CONF_WHY_BYTES, "the slipway at %.200s ended before it answered", path);
    else
        (void)explain((int)len, path, why);
    buf_done(&in);
    return answer;
}

/* The answer to `stop` comes just before the process is gone; its end of the connection goes with
 * it. */
static void wait_end(int fd)
{
    struct pollfd in = { .fd = fd, .events = POLLIN };
    (void)sys_poll(&in, 1, END_LIMIT_MS);
}

json_t *control_call(const char *path, const json_t *request, char *why)
{
    int fd = dial(path);
    if (fd < 0) {
        (void)explain(fd, path, why);
        return NULL;
    }
    json_t *answer = NULL;
    int rc = send_request(fd, request);
    if (rc < 0)
        (void)explain(rc, path, why);
    else
        answer = read_answer(fd, path, why);
    if (answer && strcmp(json_text(request, "verb", ""), "stop") == 0)
        wait_end(fd);
    (void)sys_close(fd);
    return answer;
}
