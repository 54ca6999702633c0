#include "unit.h"
#include "base/list.h"

struct item { int number; struct list node; };

static void expect(const struct list *head, const char *numbers)
{
    char got[16] = "";
    size_t len = 0;
    for (const struct list *n = head->next; n != head; n = n->next) {
        assert_ptr_equal(n->next->prev, n);
        struct list *node = (struct list *)(uintptr_t)n;
        got[len++] = (char)('0' + container_of(node, struct item, node)->number);
    }
    assert_string_equal(got, numbers);
}

UNIT_TEST(first_last_and_between)
{
    struct list head;
    struct item one = { .number = 1 }, two = { .number = 2 }, three = { .number = 3 };
    list_init(&head);
    assert_true(list_empty(&head));
    list_add_before(&head, &two.node);
    assert_false(list_empty(&head));
    list_add_after(&head, &one.node);
    list_add_before(&head, &three.node);
    expect(&head, "123");
    list_remove(&two.node);
    expect(&head, "13");
    list_add_after(&three.node, &two.node);
    expect(&head, "132");
}

UNIT_TEST(removing_twice_does_nothing)
{
    struct list head;
    struct item one = { .number = 1 }, two = { .number = 2 };
    list_init(&head);
    list_init(&two.node);
    list_remove(&two.node);
    list_add_before(&head, &one.node);
    list_add_before(&head, &two.node);
    list_remove(&one.node);
    list_remove(&one.node);
    assert_true(list_empty(&one.node));
    expect(&head, "2");
    list_remove(&two.node);
    assert_true(list_empty(&head));
}

UNIT_MAIN(first_last_and_between, removing_twice_does_nothing)
