/* bundle.c - an item is five numbers and four texts behind each other. */
#include "tls/bundle.h"
#include <errno.h>

struct head {                     /* of one machine and one program: numbers as they are in memory */
    uint32_t kind, file_bytes, key_file_bytes, certificate_bytes, key_bytes;
};

int bundle_add(struct buf *b, const struct bundle_item *item)
{
    const struct span texts[] = { item->file, item->key_file, item->certificate, item->key };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].len > UINT32_MAX)
            return -EMSGSIZE;
    const struct head head = { (uint32_t)item->kind, (uint32_t)item->file.len,
                               (uint32_t)item->key_file.len, (uint32_t)item->certificate.len,
                               (uint32_t)item->key.len };
    int rc = buf_add(b, (struct span){ (const char *)&head, sizeof head });
    for (size_t i = 0; i < ARRAY_LEN(texts) && rc == 0; i++)
        rc = buf_add(b, texts[i]);
    return rc;
}

int bundle_next(struct span *rest, struct bundle_item *item)
{
    struct head head;
    struct span left = *rest, bytes;
    if (left.len == 0)
        return 0;
    if (!span_take(&left, sizeof head, &bytes))
        return -EBADMSG;
    memcpy(&head, bytes.at, sizeof head);
    bool is_whole = span_take(&left, head.file_bytes, &item->file) &&
                    span_take(&left, head.key_file_bytes, &item->key_file) &&
                    span_take(&left, head.certificate_bytes, &item->certificate) &&
                    span_take(&left, head.key_bytes, &item->key);
    if (!is_whole || head.kind >= BUNDLE_KINDS)
        return -EBADMSG;
    item->kind = (enum bundle_kind)head.kind;
    *rest = left;
    return 1;
}
