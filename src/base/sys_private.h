/* sys_private.h - what the files behind sys.h share. */
#pragma once
#include <errno.h>
#include "base/sys.h"

/* For a build with -Dfaults=true: is this the call that is to fail?  What a process is called, and that
 * it ends (the count of its calls is written).  In any other build these are nothing. */
#ifdef SLIPWAY_FAULTS
bool sys_fails_now(void);
void sys_faults_of(const char *name);
void sys_faults_end(void);
#else
static inline bool sys_fails_now(void) { return false; }
static inline void sys_faults_of(const char *name) { (void)name; }
static inline void sys_faults_end(void) { }
#endif

enum { SYS_US_PER_S = 1000000 };

/* What a call returned, as sys.h says it. */
static inline int result(long rc)
{
    return rc < 0 ? -errno : (int)rc;
}

static inline ssize_t result_bytes(ssize_t rc)
{
    return rc < 0 ? -errno : rc;
}
