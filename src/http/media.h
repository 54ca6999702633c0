/* media.h - media types by file name, one table; text types carry "; charset=utf-8". */
#pragma once
#include "base/span.h"

/* By what follows the last '.', without case; static memory.  "application/octet-stream" when
 * unknown. */
struct span media_type_of(struct span file_name);

/* May a browser that is shown this type run scripts in it?  (HTML, SVG and other XML,
 * JavaScript) */
bool media_type_runs(struct span type);
