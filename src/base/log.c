/* log.c - a line is made on the stack and written by one write(), so lines of several processes on
 * one pipe never mix: 4096 bytes is PIPE_BUF, and a pipe that poll() calls writable takes that many
 * without waiting.  Files and terminals always look writable.
 */
#include "base/log.h"
#include "base/sys.h"
#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 4096, LOG_FD = 2 };

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

static struct {
    enum log_level least;
    const char *process;         /* NULL until named */
    uint64_t dropped;
} sink = { .least = LOG_INFO };

void log_set(enum log_level least, const char *process)
{
    sink.least = least;
    sink.process = process;
}

enum log_level log_level_of(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(level_names); i++)
        if (strcmp(level_names[i], name) == 0)
            return (enum log_level)i;
    return LOG_INFO;
}

uint64_t log_dropped(void)
{
    return __atomic_load_n(&sink.dropped, __ATOMIC_RELAXED);
}

static void write_line(const char *line, size_t len)
{
    struct pollfd out = { .fd = LOG_FD, .events = POLLOUT };
    bool is_writable = sys_poll(&out, 1, 0) == 1 && (out.revents & POLLOUT);
    if (!is_writable || sys_write(LOG_FD, line, len) != (ssize_t)len)
        __atomic_add_fetch(&sink.dropped, 1, __ATOMIC_RELAXED);
}

/* Where the next text goes: `printed` is what snprintf said. */
static size_t advance(size_t at, int printed, size_t cap_bytes)
{
    size_t left = cap_bytes - at;
    return printed < 0 ? at : (size_t)printed < left ? at + (size_t)printed : cap_bytes - 1;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_BYTES];
    size_t len = 0, cap = sizeof line;
    va_list arguments;
    if (level > sink.least)
        return;
    const char *process = sink.process ? sink.process : "slipway";
    len = advance(0, snprintf(line, cap, "%s %s: %s: ", level_names[level], process, event), cap);
    size_t head_bytes = len;
    va_start(arguments, format);
    len = advance(len, vsnprintf(line + len, cap - len, format, arguments), cap);
    va_end(arguments);
    if (len == cap - 1)
        memcpy(line + len - 3, "...", 3);
    else if (len == head_bytes)                  /* no values: no colon in front of nothing */
        len -= 2;
    for (size_t i = 0; i < len; i++)             /* whatever a caller forgot: one event, one line */
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    write_line(line, len);
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

const char *log_escape(char *into, size_t cap_bytes, struct span s)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0, cut_at = 0;                   /* cut_at: the last place where "..." still fits */
    if (cap_bytes == 0)
        return into;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char byte = (unsigned char)s.at[i];
        size_t need = is_plain(byte) ? 1 : 4;
        if (need > cap_bytes - 1 - at) {
            for (at = cut_at; at < cap_bytes - 1 && at < cut_at + 3; at++)
                into[at] = '.';
            break;
        }
        if (need == 1) {
            into[at] = (char)byte;
        } else {
            char hex[4] = { '\\', 'x', digits[byte >> 4], digits[byte & 15] };
            memcpy(into + at, hex, sizeof hex);
        }
        at += need;
        if (at + 3 <= cap_bytes - 1)
            cut_at = at;
    }
    into[at] = '\0';
    return into;
}
