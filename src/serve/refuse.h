/* refuse.h - answers of our own that say no, in the form that helps most.
 *
 *     who prefers JSON (http/accept.h)        application/problem+json (RFC 9457)
 *     there is a page of the project's        that page, with its marks filled in (serve/pages.h)
 *     else                                    a sentence, text/plain
 *
 * None may be cached, 503 says when to come again, and of what somebody will ask about (500, 502,
 * 503, 504, 507) the request's id is said.
 * Marks   in a page {status}, {request_id} and {message} stand for those of the answer.
 */
#pragma once
#include "serve/exchange.h"

enum { REFUSAL_FIELDS_MAX = 12 };

struct refusal {
    unsigned status;                  /* 400 ... 599 */
    const struct field *extra;        /* of its own, such as Allow; REFUSAL_FIELDS_MAX at most */
    size_t extras;
    struct span words;                /* a sentence instead of the usual one; "" for that.  Any bytes: a
                                       * form that could not hold them escapes them */
    struct span page;                 /* HTML for who likes pages, where the project has none; "" */
    bool is_page_first;               /* ... also where it has one */
};

/* Answered, and the end was told. */
void refuse_with(struct exchange *x, const struct refusal *refusal);
