/* list.h - a doubly linked ring of nodes that live inside other structs.
 *
 * A head and a node are the same struct.  list_init makes an empty head or a node that is in no
 * list; list_remove leaves the node so again, and may be called on a node that is in none.
 */
#pragma once
#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
/* head: as the last */
static inline void list_add_before(struct list *place, struct list *node)
{
    node->prev = place->prev;
    node->next = place;
    place->prev->next = node;
    place->prev = node;
}
/* head: as the first */
static inline void list_add_after(struct list *place, struct list *node)
{
    list_add_before(place->next, node);
}
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
