/* no_memory.h - a heap that runs out when told to; include it in one test program's only file.
 *
 * It replaces the allocator of base/sys.c at link time.  `heap_left` is how many allocations still
 * work.
 */
#pragma once
#include <stdlib.h>
#include "base/sys.h"

static unsigned heap_left = UINT32_MAX;

static bool heap_gives(void)
{
    if (heap_left == 0)
        return false;
    if (heap_left != UINT32_MAX)
        heap_left--;
    return true;
}

void *sys_malloc(size_t bytes) { return heap_gives() ? malloc(bytes) : NULL; }
void *sys_calloc(size_t count, size_t bytes) { return heap_gives() ? calloc(count, bytes) : NULL; }
void *sys_realloc(void *old, size_t bytes)
{
    /* No heap has so much; the address sanitizer ends the program when it is asked. */
    return bytes <= PTRDIFF_MAX && heap_gives() ? realloc(old, bytes) : NULL;
}
