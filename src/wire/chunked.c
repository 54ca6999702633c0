/* chunked.c - one step per byte of framing; body bytes are never looked at, only counted.
 *
 *   SIZE > (BLANK) > (EXT) > SIZE_LF > DATA > DATA_CR > DATA_LF > SIZE ...
 *                               `- size 0 > TRAILER > NAME > VALUE > TRAILER_LF > TRAILER ...
 *                                              `- END_LF > DONE
 *
 * Strict on purpose: a lone LF, a size without digits, an endless extension, a request line among
 * the trailers are known ways to make two servers disagree about where a request ends.
 */
#include "wire/chunked.h"
#include <errno.h>
#include <stdlib.h>
#include "http/field.h"

enum { DIGITS_MAX = 15, SKIPPED_BYTES_MAX = 8192 };

static int hex_value(unsigned char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* `state` when the byte may be here and there is room for it in the limit. */
static enum chunked_state skip(struct chunked *c, bool is_allowed, enum chunked_state state)
{
    return is_allowed && ++c->skipped_bytes <= SKIPPED_BYTES_MAX ? state : CHUNKED_BAD;
}

static enum chunked_state step_size(struct chunked *c, unsigned char byte)
{
    int digit = hex_value(byte);
    if (digit >= 0 && ++c->digits <= DIGITS_MAX) {
        c->left_bytes = c->left_bytes * 16 + (unsigned)digit;
        return CHUNKED_SIZE;
    }
    if (digit >= 0 || c->digits == 0)
        return CHUNKED_BAD;
    if (byte == ' ' || byte == '\t')
        return skip(c, true, CHUNKED_BLANK);
    return byte == ';' ? CHUNKED_EXT : byte == '\r' ? CHUNKED_SIZE_LF : CHUNKED_BAD;
}

static enum chunked_state step(struct chunked *c, unsigned char byte)
{
    const struct span one = { (const char *)&byte, 1 };
    switch (c->state) {
    case CHUNKED_SIZE:
        return step_size(c, byte);
    case CHUNKED_BLANK:
        return byte == ';' ? CHUNKED_EXT : skip(c, byte == ' ' || byte == '\t', CHUNKED_BLANK);
    case CHUNKED_EXT:
        return byte == '\r' ? CHUNKED_SIZE_LF : skip(c, field_text_bytes(one) == 1, CHUNKED_EXT);
    case CHUNKED_SIZE_LF:
        c->digits = 0;
        return byte != '\n' ? CHUNKED_BAD : c->left_bytes > 0 ? CHUNKED_DATA : CHUNKED_TRAILER;
    case CHUNKED_DATA_CR:
        return byte == '\r' ? CHUNKED_DATA_LF : CHUNKED_BAD;
    case CHUNKED_DATA_LF:
        return byte == '\n' ? CHUNKED_SIZE : CHUNKED_BAD;
    case CHUNKED_TRAILER:
        return byte == '\r' ? CHUNKED_END_LF : skip(c, field_token_bytes(one) == 1, CHUNKED_NAME);
    case CHUNKED_NAME:
        return byte == ':' ? CHUNKED_VALUE : skip(c, field_token_bytes(one) == 1, CHUNKED_NAME);
    case CHUNKED_VALUE:
        return byte == '\r' ? CHUNKED_TRAILER_LF : skip(c, field_text_bytes(one) == 1, CHUNKED_VALUE);
    case CHUNKED_TRAILER_LF:
        return byte == '\n' ? CHUNKED_TRAILER : CHUNKED_BAD;
    case CHUNKED_END_LF:
        return byte == '\n' ? CHUNKED_DONE : CHUNKED_BAD;
    case CHUNKED_DATA: case CHUNKED_DONE: case CHUNKED_BAD:
        break;               /* chunked_read() brings no byte here */
    }
    abort();
}

ssize_t chunked_read(struct chunked *c, struct span in, struct span *data)
{
    size_t pos = 0, run_bytes = 0;
    while (pos < in.len && c->state != CHUNKED_DATA && c->state < CHUNKED_DONE)
        c->state = step(c, (unsigned char)in.at[pos++]);
    if (c->state == CHUNKED_BAD)
        return -EBADMSG;
    if (c->state == CHUNKED_DATA) {
        run_bytes = in.len - pos < c->left_bytes ? in.len - pos : (size_t)c->left_bytes;
        c->left_bytes -= run_bytes;
        c->state = c->left_bytes > 0 ? CHUNKED_DATA : CHUNKED_DATA_CR;
    }
    *data = (struct span){ in.at + pos, run_bytes };
    return (ssize_t)(pos + run_bytes);
}
