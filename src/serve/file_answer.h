/* file_answer.h - what is answered about a file that is open: headers, conditions, ranges.
 *
 *     static (the stage) --file--> here --head, bytes of the file--> answer_out
 */
#pragma once
#include "serve/exchange.h"

/* answer_out is told all of it before this returns. */
void file_answer(struct exchange *x, struct file *file);
