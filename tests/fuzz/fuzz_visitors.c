/* Lists of networks: nothing outside the bytes is read, and what is denied alone does not come in. */
#include "fuzz.h"
#include "conf/visitors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct visitors v;
    struct span text = own_copy((struct span){ (const char *)data, size });
    struct address client = { { 0 } };
    v = (struct visitors){ .has_all = false };
    int rc = visitors_add(&v, text);
    must(rc == 0 || rc == -22 || rc == -7);
    must(rc < 0 || v.has_all || v.networks.has_unix || v.networks.count > 0);
    for (unsigned i = 0; i < v.networks.count; i++) {
        client = v.networks.all[i].base;
        must(networks_bits(&v.networks, &client) >= v.networks.all[i].bits || networks_bits(&v.networks, &client) == -1);
        must(!visitors_may_enter(&v, 1, &v, 1, &client));
        must(visitors_may_enter(&v, 1, &v, 0, &client) || visitors_may_enter(&v, 0, &v, 1, &client));
    }
    free((char *)(uintptr_t)text.at);
    return 0;
}
