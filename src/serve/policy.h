/* policy.h - what the owner wants to be said of all responses of a route: the options cache-control,
 * header and header-remove.
 *
 * Owner  a route: policy_new(), policy_free(); the conf must outlive it.
 */
#pragma once
#include "conf/conf.h"

struct exchange;
struct policy;

/* NULL: nothing (then *why is 0), or no memory. */
struct policy *policy_new(const struct conf *conf, int *why);
void policy_free(struct policy *p);      /* takes NULL */
enum { POLICY_FILES_BYTES = 64 };
/* Cache-Control of a file whose name may get another content; NUL-ended. */
void policy_of_files(const struct conf *conf, char into[POLICY_FILES_BYTES]);
/* Cache-Control, before anybody makes it private: of files and redirects of ours as the option says; the
 * application's own word stands, and what sets a cookie does not become public.  Errors have none. */
void policy_cache(const struct policy *p, struct exchange *x);
/* The fields, when all others are there: one of the same name is replaced. */
void policy_fields(const struct policy *p, struct exchange *x);
