/* fuzz_env_file.c - an env file gives a list whose merge is an environment, or a sentence with a line. */
#include "fuzz.h"
#include <errno.h>
#include "base/sys.h"
#include "conf/conf.h"
#include "conf/env_file.h"

static char *const environment[] = { "HOME=/h", "A=", NULL };

static size_t count_of(char *const *envp)
{
    size_t count = 0;
    while (envp[count])
        must(strchr(envp[count++], '=') != NULL);
    return count;
}

static void must_merge(const struct env_entry *entries)
{
    size_t entries_count = 0;
    char **merged = env_merge(environment, entries);
    must(merged != NULL && merged[0] == environment[0] && merged[1] == environment[1]);
    for (const struct env_entry *e = entries; e; e = e->next) {
        must(e->name[0] != '\0');
        entries_count++;
        for (const struct env_entry *other = e->next; other; other = other->next)
            must(strcmp(e->name, other->name) != 0);
    }
    must(entries_count <= ENV_ENTRIES_MAX && count_of(merged) <= entries_count + 2);
    sys_free(merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[CONF_WHY_BYTES] = "";
    struct env_entry *entries = NULL;
    struct span text = own_copy((struct span){ (const char *)data, size });
    int rc = env_parse(text, "/x/.env", environment, &entries, why);
    must(rc == 0 || rc == -EBADMSG || rc == -EMSGSIZE);
    must(rc == 0 || (entries == NULL && strncmp(why, ".env:", 5) == 0));
    if (rc == 0)
        must_merge(entries);
    env_free(entries);
    free((char *)text.at);
    return 0;
}
