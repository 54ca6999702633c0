/* machine.h - what this process may use of the machine: the least of what the hardware has, what
 * the scheduler allows and what the control groups (v1 and v2, at every level that can be seen)
 * grant.
 *
 * `root` stands before /proc and /sys, so that a test brings its own; "" for the real ones.
 */
#pragma once
#include <stdint.h>

unsigned machine_cpus(const char *root);               /* quotas rounded up; at least 1 */
int64_t machine_memory_bytes(const char *root);        /* INT64_MAX: nothing says so */
/* Processes for `workers = 0`: one a CPU and at least 2, so that one slow request does not stop a
 * site; fewer where the memory would not hold them; at least 1. */
unsigned machine_workers(const char *root);
