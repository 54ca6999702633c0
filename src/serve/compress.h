/* compress.h - a response body that goes through a content coding on its way to the client.
 *
 *     app.c --compress_begin, compress_body, compress_file--> here --encoded--> answer_out
 *
 * Which bodies: docs/architecture.md, "Compression".  One that does not goes straight through.
 * Nothing is held back: what the application has sent so far, the client can read.
 */
#pragma once
#include "serve/exchange.h"

/* x->response is complete and answer_out has not been told: decides, and changes its fields and length
 * to fit.  Without memory the body stays as it is. */
void compress_begin(struct exchange *x);
/* As answer_out.body and answer_out.file, for a body that began here or not.  What compress_body took
 * last may leave later: answer_out is told the end then, and pool and worker are not waited for. */
ssize_t compress_body(struct exchange *x, const struct span runs[2], bool is_last);
void compress_file(struct exchange *x, int fd, uint64_t at, uint64_t bytes);
/* There is room again.  True: the producer may go on, too. */
bool compress_resume(struct exchange *x);
void compress_leave(struct exchange *x);      /* lets go of everything; nothing under way is fine */
