/* encoding.h - content codings: which one a client takes, and what is worth it (RFC 9110, sections 8.4.1
 * and 12.5.3; zstd: RFC 8878; br: RFC 7932).
 */
#pragma once
#include "http/request.h"

enum encoding { ENCODING_IDENTITY, ENCODING_GZIP, ENCODING_BROTLI, ENCODING_ZSTD, ENCODING_COUNT };

struct span encoding_name(enum encoding e);       /* as it stands in Content-Encoding; "" of identity */

/* The one of `order` (`count` of them, best first) that the client likes most; between those it likes
 * alike the first.  Identity when it takes none of them, likes identity better or sent no
 * Accept-Encoding; also when it forbids identity: an answer in a coding that was not asked for is
 * better than none.  An element that cannot be read is as if it were not there. */
enum encoding encoding_choose(const struct request *r, const enum encoding *order, size_t count);

/* Is a body of this media type (parameters may follow) smaller in a coding?  Text in all its forms,
 * fonts that are not packed already, bitmaps and programs; not event streams, which last too long to
 * keep an encoder for each. */
bool encoding_helps(struct span type);
