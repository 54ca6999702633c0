/* multipart.c - the boundary is drawn anew for each answer: nobody can write a file that has it.
 */
#include "serve/multipart.h"
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"

enum { BOUNDARY_BYTES = 32, PART_WORDS_BYTES = 160 };     /* beside boundary and media type */

static int draw(char boundary[BOUNDARY_BYTES + 1])
{
    uint64_t words[2];
    int rc = sys_random(words, sizeof words);
    if (rc == 0)
        (void)snprintf(boundary, BOUNDARY_BYTES + 1, "%016llx%016llx", (unsigned long long)words[0],
                       (unsigned long long)words[1]);
    return rc;
}

static size_t write_part(char *into, size_t room_bytes, bool is_first, const char *boundary,
                         const struct range *range, int64_t size, struct span type)
{
    int len = snprintf(into, room_bytes, "%s--%s\r\nContent-Type: %.*s\r\nContent-Range: bytes %lld-%lld/%lld\r\n\r\n",
                       is_first ? "" : "\r\n", boundary, (int)type.len, type.at, (long long)range->first,
                       (long long)range->last, (long long)size);
    return len > 0 && (size_t)len < room_bytes ? (size_t)len : 0;
}

static void add(struct multipart *m, struct span before, int64_t at, int64_t bytes)
{
    m->pieces[m->count++] = (struct file_piece){ before, (uint64_t)at, (uint64_t)bytes };
    m->bytes += (int64_t)before.len + bytes;
}

int multipart_make(struct multipart *m, struct arena *arena, const struct range *ranges, size_t count,
                   int64_t size, struct span type)
{
    char boundary[BOUNDARY_BYTES + 1];
    size_t room_bytes = PART_WORDS_BYTES + BOUNDARY_BYTES + type.len;
    int rc = draw(boundary);
    *m = (struct multipart){ .pieces = arena_alloc(arena, (count + 1) * sizeof *m->pieces) };
    char *at = arena_alloc(arena, (count + 2) * room_bytes);
    if (rc < 0 || !m->pieces || !at)
        return rc < 0 ? rc : -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t len = write_part(at, room_bytes, i == 0, boundary, &ranges[i], size, type);
        add(m, (struct span){ at, len }, ranges[i].first, ranges[i].last - ranges[i].first + 1);
        at += len;
    }
    int len = snprintf(at, room_bytes, "\r\n--%s--\r\n", boundary);
    add(m, (struct span){ at, (size_t)len }, 0, 0);
    at += len;
    len = snprintf(at, room_bytes, "multipart/byteranges; boundary=%s", boundary);
    m->type = (struct span){ at, (size_t)len };
    return 0;
}
