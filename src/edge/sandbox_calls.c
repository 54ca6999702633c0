/* sandbox_calls.c - the tables. */
#include "edge/sandbox_calls.h"
#include "base/span.h"
#include "fence/calls.h"

static const struct fence_call calls[] = {
#define CALL(name, check, why) { #name, FENCE_##check },
#include "edge/calls.def"
};

/* Where files of the spool must have a name for a moment. */
static const struct fence_call named_calls[] = {
    { "openat", FENCE_NAMED }, { "unlink", FENCE_ANY }, { "unlinkat", FENCE_ANY },
};

static const struct fence_table tables[] = { { calls, ARRAY_LEN(calls) }, { named_calls, ARRAY_LEN(named_calls) } };

size_t sandbox_calls_count(void)
{
    return fence_calls_count(&tables[0]);
}

int sandbox_calls_limit(bool makes_names, bool kills)
{
    return fence_calls_limit(tables, makes_names ? 2 : 1, "edge", kills);
}
