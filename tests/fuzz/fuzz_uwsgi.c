/* fuzz_uwsgi.c - a block of variables from a stranger is read to its end or refused, and what was
 * read makes the same bytes again.
 */
#include "fuzz.h"
#include "wire/uwsgi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span block = own_copy((struct span){ (const char *)data, size });
    struct span rest = block, name, value;
    char *again = malloc(size > 0 ? size : 1);
    size_t used = 0;
    int rc;
    while ((rc = uwsgi_next_var(&rest, &name, &value)) > 0)
        must(uwsgi_put_var(again, size, &used, name, value) == 0);
    must(used == block.len - rest.len && memcmp(again, block.at, used) == 0);
    must(rc == 0 ? rest.len == 0 : rc < 0 && rest.len > 0);
    free(again);
    free((char *)block.at);
    return 0;
}
