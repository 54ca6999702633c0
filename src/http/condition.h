/* condition.h - conditional requests (RFC 9110, section 13.2.2, in its order of precedence). */
#pragma once
#include "http/request.h"

struct validators {
    struct span etag;          /* with quotes, perhaps W/; empty: there is none */
    int64_t modified_s;        /* Last-Modified; -1: not known */
};

enum condition { CONDITION_SERVE, CONDITION_NOT_MODIFIED, CONDITION_FAILED /* 412 */ };

/* For an answer that would be 2xx without conditions.  A date that cannot be read is no condition.
 * now_s only for two-digit years. */
enum condition condition_check(const struct request *r, const struct validators *v, int64_t now_s);

/* May a Range be honoured (If-Range absent, or its strong etag or date matches exactly)?  A date
 * that is the current second proves nothing: the file may change once more within it (section
 * 8.8.2.2). */
bool condition_allows_range(const struct request *r, const struct validators *v, int64_t now_s);
