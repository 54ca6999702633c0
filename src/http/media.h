/* media.h - media types by file name, one table; text types carry "; charset=utf-8". */
#pragma once
#include "base/span.h"
struct span media_type_of(struct span file_name);        /* "application/octet-stream" when unknown */
