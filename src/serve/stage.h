/* stage.h - what serve's own files share: the form of a stage and ways to answer. */
#pragma once
#include "serve/serve.h"

enum stage_says { STAGE_PASS, STAGE_ANSWERED, STAGE_WAITS, STAGE_WANTS_BODY };

enum stage_says stage_health(struct exchange *x);
enum stage_says stage_host(struct exchange *x);
enum stage_says stage_gate(struct exchange *x);
enum stage_says stage_maintenance(struct exchange *x);
enum stage_says stage_rate(struct exchange *x);
/* `run --live`: behind health_path */
enum stage_says stage_changes(struct exchange *x, struct span name);
void changes_leave(struct exchange *x);          /* nobody waits for a change any more */
enum stage_says stage_opening(struct exchange *x);
void opening_init(struct serve *s);
void opening_leave(struct exchange *x);             /* it does not wait for the site any more */
void serve_opened(struct serve *s);       /* those who waited go on */
enum stage_says stage_redirect(struct exchange *x);
enum stage_says stage_wall(struct exchange *x);
enum stage_says stage_login(struct exchange *x);
enum stage_says stage_files(struct exchange *x);
/* A file of the roots from x->file_root on, for its path or for the one the application named:
 * answered, waits for a helper, or passes: none of them has it. */
enum stage_says files_look(struct exchange *x);
void stage_files_leave(struct exchange *x);      /* nobody waits for the file any more */
enum stage_says stage_app(struct exchange *x);

bool serve_is_file_answer(const struct exchange *x);      /* a static file was looked for last */

/* 429: the client may come again in so many seconds. */
enum stage_says answer_later(struct exchange *x, int64_t wait_s);
/* A whole small answer: status, one content type, extra fields (may be NULL), body copied out at
 * once. */
void answer_small(struct exchange *x, unsigned status, struct span type, const struct field *extra,
                  size_t extras, struct span body);
