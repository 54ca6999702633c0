/* explorer.h - goes from a first state along every step to every state there is.
 *
 * The caller's struct state has no padding and its size is a multiple of 8; its function `steps`
 * calls reach() for every state that one atomic step leads to, and wrong() when a promise is
 * broken.  Steps that are no faults must end at some time: where none is left, `check_end` is
 * called.  Every step uses something up, so there are no circles (a circle is wrong), and the
 * number of interleavings is the number of paths from the first state to states without a step.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { EXPLORER_DEPTH_MAX = 4096, EXPLORER_STEPS_MAX = 1 << 20 };

struct state;                               /* the caller's */
struct explorer {
    size_t state_bytes;
    void (*steps)(struct explorer *x, const struct state *s);
    void (*check_end)(struct explorer *x, const struct state *s);
    const void *rules;                      /* the caller's */
    char *states;
    double *paths;                          /* from here to an end; 0: new, -1: on the stack */
    uint64_t *index;                        /* open addressing: half of the hash, state + 1 */
    size_t states_count, states_max, index_mask;
    uint64_t transitions;
    struct { uint32_t state, first, next; const char *step; } *stack;
    size_t depth;
    uint32_t *following;                    /* successors of all states on the stack */
    const char **names;                     /* of those steps */
    size_t following_count;
    unsigned moves;                         /* steps of the state at hand that are no faults */
    const char *wrong;                      /* NULL: all is well */
};

/* Huge pages, if the kernel has some: the walk jumps about, and half its time would be the TLB. */
static void *big_block(size_t bytes)
{
    enum { HUGE_BYTES = 2 << 20 };
    size_t whole = (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
    void *at = aligned_alloc(HUGE_BYTES, whole);
    if (at)
        (void)madvise(at, whole, MADV_HUGEPAGE);
    return at;
}

static void explorer_init(struct explorer *x, size_t state_bytes, size_t states_max)
{
    size_t places = 1;
    while (places < states_max + states_max / 2)
        places *= 2;
    *x = (struct explorer){ .state_bytes = state_bytes, .states_max = states_max,
                            .index_mask = places - 1 };
    x->states = big_block(states_max * state_bytes);
    x->paths = big_block(states_max * sizeof *x->paths);
    x->index = big_block(places * sizeof *x->index);
    x->stack = malloc(EXPLORER_DEPTH_MAX * sizeof *x->stack);
    x->following = malloc(EXPLORER_STEPS_MAX * sizeof *x->following);
    x->names = malloc(EXPLORER_STEPS_MAX * sizeof *x->names);
    if (!x->states || !x->paths || !x->index || !x->stack || !x->following || !x->names)
        abort();
}

static void explorer_done(struct explorer *x)
{
    free(x->states);
    free(x->paths);
    free(x->index);
    free(x->stack);
    free(x->following);
    free(x->names);
}

/* ---- the set of states ---- */

static uint64_t hash_of(const struct explorer *x, const void *state)
{
    uint64_t hash = 14695981039346656037U, word;
    for (size_t i = 0; i < x->state_bytes; i += sizeof word) {
        memcpy(&word, (const char *)state + i, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    return hash;
}

static void *state_at(const struct explorer *x, uint32_t number)
{
    return x->states + number * x->state_bytes;
}

/* found: an entry of the index without the half of the hash that is looked for. */
static bool is_state(const struct explorer *x, uint64_t found, const void *state)
{
    return found <= UINT32_MAX &&
           memcmp(state_at(x, (uint32_t)found - 1), state, x->state_bytes) == 0;
}

static uint32_t state_number(struct explorer *x, const void *state)
{
    uint64_t hash = hash_of(x, state), half = hash & 0xffffffff00000000U;
    size_t i = hash & x->index_mask;
    while (x->index[i] != 0 && !is_state(x, x->index[i] ^ half, state))
        i = (i + 1) & x->index_mask;
    if (x->index[i] == 0) {
        if (x->states_count == x->states_max)
            abort();                        /* the caller's bound is too small */
        memcpy(state_at(x, (uint32_t)x->states_count), state, x->state_bytes);
        x->paths[x->states_count] = 0;
        x->index[i] = half | ++x->states_count;
    }
    return (uint32_t)x->index[i] - 1;
}

/* ---- for the caller's steps ---- */

static void reach(struct explorer *x, const char *step, const struct state *to, bool is_fault)
{
    if (x->following_count == EXPLORER_STEPS_MAX)
        abort();
    x->names[x->following_count] = step;
    x->following[x->following_count++] = state_number(x, to);
    x->transitions++;
    x->moves += !is_fault;
}

static void wrong(struct explorer *x, const char *why)
{
    if (!x->wrong)
        x->wrong = why;
}

/* ---- the walk: depth first, without recursion ---- */

static void enter(struct explorer *x, uint32_t number, const char *step)
{
    uint32_t first = (uint32_t)x->following_count;
    if (x->depth == EXPLORER_DEPTH_MAX)
        abort();
    x->moves = 0;
    x->steps(x, state_at(x, number));
    if (x->moves == 0)
        x->check_end(x, state_at(x, number));
    x->paths[number] = -1;
    x->stack[x->depth].state = number;
    x->stack[x->depth].first = x->stack[x->depth].next = first;
    x->stack[x->depth++].step = step;
}

static void leave(struct explorer *x)       /* all steps from the top of the stack are explored */
{
    uint32_t first = x->stack[x->depth - 1].first;
    double paths = x->following_count == first ? 1 : 0;
    for (size_t i = first; i < x->following_count; i++)
        paths += x->paths[x->following[i]];
    x->paths[x->stack[--x->depth].state] = paths;
    x->following_count = first;
}

/* To the end, or to the first thing that is wrong; then the stack is the way there. */
static void explore_from(struct explorer *x, const struct state *first)
{
    memset(x->index, 0, (x->index_mask + 1) * sizeof *x->index);
    x->states_count = x->following_count = x->depth = 0;
    x->transitions = 0;
    x->wrong = NULL;
    enter(x, state_number(x, first), "start");
    while (x->depth > 0 && !x->wrong) {
        if (x->stack[x->depth - 1].next == x->following_count) {
            leave(x);
            continue;
        }
        uint32_t i = x->stack[x->depth - 1].next++, next = x->following[i];
        if (x->paths[next] < 0)
            wrong(x, "steps go round in a circle");
        else if (x->paths[next] == 0)
            enter(x, next, x->names[i]);
    }
}

static void print_path(const struct explorer *x)
{
    for (size_t i = 0; i < x->depth; i++)
        printf("    %s\n", x->stack[i].step);
}
