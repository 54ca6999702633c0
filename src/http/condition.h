/* condition.h - conditional requests (RFC 9110, section 13.2.2, in its order of precedence). */
#pragma once
#include "http/request.h"

struct validators {
    struct span etag;          /* with quotes, perhaps W/ */
    int64_t modified_s;
};
enum condition { CONDITION_SERVE, CONDITION_NOT_MODIFIED, CONDITION_FAILED /* 412 */ };
enum condition condition_check(const struct request *r, const struct validators *v, int64_t now_s);
/* May a Range be honoured (If-Range absent, or its strong etag or date matches exactly)? */
bool condition_allows_range(const struct request *r, const struct validators *v, int64_t now_s);
