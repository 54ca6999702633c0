/* chunked.c - one step per byte of framing; body bytes are never looked at, only counted.
 *
 *   SIZE > (EXT) > SIZE_LF > DATA > DATA_CR > DATA_LF > SIZE ...
 *                     `- size 0 > TRAILER > TRAILER_LF > TRAILER ... > DONE
 *
 * Strict on purpose: a lone LF, a size without digits, an endless extension are known ways to make
 * two servers disagree about where a request ends.
 */
#include "wire/chunked.h"
#include <errno.h>
#include <stdlib.h>

enum { DIGITS_MAX = 15, SKIPPED_BYTES_MAX = 8192 };

static int hex_value(unsigned char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static enum chunked_state skip(struct chunked *c, unsigned char byte)
{
    return byte == '\n' || ++c->skipped_bytes > SKIPPED_BYTES_MAX ? CHUNKED_BAD : c->state;
}

static enum chunked_state step(struct chunked *c, unsigned char byte)
{
    int digit = hex_value(byte);
    switch (c->state) {
    case CHUNKED_SIZE:
        if (digit >= 0 && ++c->digits <= DIGITS_MAX) {
            c->left_bytes = c->left_bytes * 16 + (unsigned)digit;
            return CHUNKED_SIZE;
        }
        if (digit >= 0 || c->digits == 0)
            return CHUNKED_BAD;
        return byte == ';' ? CHUNKED_EXT : byte == '\r' ? CHUNKED_SIZE_LF : CHUNKED_BAD;
    case CHUNKED_EXT:
        return byte == '\r' ? CHUNKED_SIZE_LF : skip(c, byte);
    case CHUNKED_SIZE_LF:
        c->digits = 0;
        return byte != '\n' ? CHUNKED_BAD : c->left_bytes > 0 ? CHUNKED_DATA : CHUNKED_TRAILER;
    case CHUNKED_DATA_CR:
        return byte == '\r' ? CHUNKED_DATA_LF : CHUNKED_BAD;
    case CHUNKED_DATA_LF:
        return byte == '\n' ? CHUNKED_SIZE : CHUNKED_BAD;
    case CHUNKED_TRAILER:
        if (byte == '\r')
            return CHUNKED_TRAILER_LF;
        c->in_line = true;
        return skip(c, byte);
    case CHUNKED_TRAILER_LF:
        if (byte != '\n' || !c->in_line)
            return byte == '\n' ? CHUNKED_DONE : CHUNKED_BAD;
        c->in_line = false;
        return CHUNKED_TRAILER;
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
