/* fuzz_ini.c - slipway.ini gives options with their sections, or a sentence that names file and line; and what
 * the master writes of them, an edge reads as the same. */
#include "fuzz.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/sys.h"
#include "conf/conf.h"

static int fd = -1;
static char path[64];

static void put(const uint8_t *data, size_t size)
{
    if (fd < 0) {
        fd = sys_memfd("slipway.ini", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
}

static void must_be_read_again(const struct conf *c)
{
    char why[CONF_WHY_BYTES] = "";
    struct buf text = { 0 }, again = { 0 };
    struct conf *other = conf_new();
    must(other && conf_write(c, &text) == 0);
    must(conf_read_text(other, buf_span(&text), why) == 0);
    must(other->routes_count == c->routes_count && conf_write(other, &again) == 0);
    must(span_eq(buf_span(&text), buf_span(&again)));
    conf_free(other);
    buf_done(&text);
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[CONF_WHY_BYTES] = "";
    struct conf *c = conf_new();
    must(c != NULL);
    put(data, size);
    int rc = conf_read_ini(c, path, why);
    if (rc == 0)
        rc = conf_make_routes(c, why);
    must(rc == 0 || rc == -EBADMSG);
    must(rc == 0 || (why[0] != '\0' && c->routes_count == 0));
    for (size_t i = 0; i < c->routes_count; i++)
        must(c->routes[i].pattern[0] == '/' || c->routes[i].pattern[0] == '*');
    if (rc == 0)
        must_be_read_again(c);
    conf_free(c);
    return 0;
}
