/* rotated.c - see rotated.h. */
#include "scribe/rotated.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/buf.h"
#include "base/sys.h"

enum { SAME_SECOND_MAX = 99, STAMP_BYTES = 32, FOLDER_READ_BYTES = 32 * 1024,
       NAMES_BYTES_MAX = 16 * 1024 * 1024 };

/* "-20261124T071819Z" */
static const char form[] = "-ddddddddTddddddZ";
enum { FORM_BYTES = sizeof form - 1 };

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool has_form(struct span s)
{
    if (s.len < FORM_BYTES)
        return false;
    for (size_t i = 0; i < FORM_BYTES; i++)
        if (form[i] == 'd' ? !is_digit(s.at[i]) : s.at[i] != form[i])
            return false;
    return true;
}

bool rotated_is_packed(struct span name)
{
    static const struct span end = SPAN(".gz");
    return name.len > end.len && span_eq(span_skip(name, name.len - end.len), end);
}

static struct span unpacked(struct span name)
{
    return rotated_is_packed(name) ? (struct span){ name.at, name.len - 3 } : name;
}

bool rotated_is_name(struct span name, struct span base)
{
    if (base.len == 0 || !span_starts(name, base) || !has_form(span_skip(name, base.len)))
        return false;
    struct span rest = span_skip(unpacked(name), base.len + FORM_BYTES);
    return rest.len == 0 || (rest.len == 3 && rest.at[0] == '.' && is_digit(rest.at[1]) && is_digit(rest.at[2]));
}

int rotated_compare(struct span a, struct span b)
{
    a = unpacked(a);
    b = unpacked(b);
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

/* ---- listing --------------------------------------------------------------------------------- */

static int add_names(struct buf *out, const char *bytes, size_t got, struct span base)
{
    int count = 0;
    for (size_t at = 0; at < got;) {
        const struct dirent64 *entry = (const void *)(bytes + at);
        at += entry->d_reclen;
        struct span name = span_of(entry->d_name);
        if (!rotated_is_name(name, base))
            continue;
        int rc = buf_add(out, (struct span){ name.at, name.len + 1 });
        if (rc < 0)
            return rc;
        count++;
    }
    return count;
}

static int read_folder(int folder_fd, const char *base, struct buf *out)
{
    _Alignas(struct dirent64) char bytes[FOLDER_READ_BYTES];
    int count = 0, rc = 0;
    int fd = sys_openat(folder_fd, ".", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    ssize_t got = 1;
    while (rc >= 0 && (got = sys_getdents(fd, bytes, sizeof bytes)) > 0) {
        rc = add_names(out, bytes, (size_t)got, span_of(base));
        count += rc > 0 ? rc : 0;
    }
    (void)sys_close(fd);
    return rc < 0 ? rc : got < 0 ? (int)got : count;
}

static int compare(const void *a, const void *b)
{
    return rotated_compare(*(const struct span *)a, *(const struct span *)b);
}

int rotated_list(int folder_fd, const char *base, struct span **names)
{
    struct buf text = { .limit_bytes = NAMES_BYTES_MAX };
    int count = read_folder(folder_fd, base, &text);
    struct span all = buf_span(&text);
    size_t spans_bytes = (size_t)(count > 0 ? count : 0) * sizeof(struct span);
    struct span *found = count < 0 ? NULL : sys_malloc(spans_bytes + all.len + 1);
    if (found) {
        char *at = (char *)found + spans_bytes;
        if (all.len > 0)
            memcpy(at, all.at, all.len);
        for (int i = 0; i < count; i++) {
            found[i] = span_of(at);
            at += found[i].len + 1;
        }
        qsort(found, (size_t)count, sizeof *found, compare);
        *names = found;
    }
    buf_done(&text);
    return count >= 0 && !found ? -ENOMEM : count;
}

/* ---- renaming -------------------------------------------------------------------------------- */

/* One above the highest of that second; below it, one that was deleted may have left a gap, but a file
 * there would look older than it is. */
static int next_number(int folder_fd, const char *base, struct span stem)
{
    struct span *names = NULL;
    int count = rotated_list(folder_fd, base, &names), number = 0;
    for (int i = 0; i < count; i++) {
        struct span name = unpacked(names[i]);
        if (!span_starts(name, stem))
            continue;
        struct span rest = span_skip(name, stem.len);
        int its = rest.len == 3 ? (rest.at[1] - '0') * 10 + (rest.at[2] - '0') : 0;
        number = its >= number ? its + 1 : number;
    }
    sys_free(names);
    return count < 0 ? count : number;
}

int rotated_rename(int folder_fd, const char *base, int64_t last_s)
{
    char name[ROTATED_NAME_BYTES], stamp[STAMP_BYTES];
    time_t second = (time_t)last_s;
    struct tm utc;
    if (!gmtime_r(&second, &utc) || strftime(stamp, sizeof stamp, "-%Y%m%dT%H%M%SZ", &utc) != FORM_BYTES)
        return -ERANGE;
    int len = snprintf(name, sizeof name - 3, "%s%s", base, stamp);
    if (len < 0 || (size_t)len >= sizeof name - 3)
        return -ENAMETOOLONG;
    int number = next_number(folder_fd, base, span_of(name));
    if (number < 0 || number > SAME_SECOND_MAX)
        return number < 0 ? number : -EEXIST;
    if (number > 0)
        (void)snprintf(name + len, 4, ".%02d", number);
    return sys_rename_at(folder_fd, base, name);
}
