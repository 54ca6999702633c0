/* sys_private.h - what the files behind sys.h share. */
#pragma once
#include "base/sys.h"

/* Is this the call that is to fail?  Only in a build with -Dfaults=true. */
#ifdef SLIPWAY_FAULTS
bool sys_fails_now(void);
#else
static inline bool sys_fails_now(void) { return false; }
#endif
