/* access.h - the form of the access log's lines, made once from the options, and a line of one request.
 *
 *   combined   ADDRESS - USER [24/Nov/2026:07:08:19 +0000] "GET /path HTTP/1.1" 200 1024 "REFERER" "AGENT"
 *   text       the fields of access-fields, one blank between; as they are by default: combined, then
 *              MS REQUEST_ID WORKER
 *   json       one object a line, a key a field; what log-fields took off comes last
 *
 * Foreign bytes other than printable ASCII, quotes and backslashes are \xHH in every form (so in JSON
 * "\\xHH"), and the values of query parameters that mask-query names are "***", in the Referer, too.
 * Combined is what nginx writes, byte for byte.
 */
#pragma once
#include "serve/exchange.h"

/* A pipe takes that many bytes whole or not at all (PIPE_BUF): no line is longer. */
enum { ACCESS_LINE_BYTES = 4096 };

struct conf;
struct access_plan;
/* NULL: no memory.  It keeps nothing of conf. */
struct access_plan *access_plan_new(const struct conf *conf);
void access_plan_free(struct access_plan *p);            /* takes NULL */

/* The line with its '\n'; long texts are cut ("...") until it fits.  0: even so it does not. */
size_t access_line(struct access_plan *p, const struct exchange *x, char into[ACCESS_LINE_BYTES]);

/* Of whose parameters no log has the values (http/query_mask.h): option mask-query. */
struct span access_secrets(const struct exchange *x);

/* Takes the fields that log-fields names off the head that the application sent: x->log_fields, and
 * x->user where one is X-Log-User.  0, or -ENOMEM: the head is of no use. */
int access_take_fields(const struct access_plan *p, struct exchange *x);
