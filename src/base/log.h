/* log.h - one line for an event: "warn edge 1: worker died: pid=12 signal=9", foreign text escaped.
 *
 * Lines go to standard error (the scribe's pipe, once a master runs).  A line that does not fit the
 * pipe is dropped and counted, never waited for; one longer than 4 KiB is cut ("...").
 * Not to be called by base, http, wire, tls, loop, link/frame.
 *
 *   log_error("edge died", "pid=%d signal=%d", pid, sig);   somebody must act
 *   log_warn(...)                                           we coped, and here is how
 *   log_info(...)                                           once per process or per reload
 *   log_debug(...)                                          per request; off unless log_set says so
 */
#pragma once
#include <stdint.h>
#include "base/span.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* process: "master", "edge 1", ... borrowed */
void log_set(enum log_level least, const char *process);
uint64_t log_dropped(void);
/* The level called `name` ("error", "warn", "info", "debug"); LOG_INFO for any other word. */
enum log_level log_level_of(const char *name);
void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_line(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_line(LOG_DEBUG, event, __VA_ARGS__)

/* Foreign bytes made safe for a log: printable ASCII as it is, everything else, '"' and '\' as
 * \xHH, NUL-ended, cut (with "...") to fit `cap_bytes`.  Returns `into`. */
const char *log_escape(char *into, size_t cap_bytes, struct span s);
