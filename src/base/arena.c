#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define PIECEWISE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PIECEWISE 1
#endif
#endif
#ifndef PIECEWISE
#define PIECEWISE 0
#endif

/* What a request of a usual size needs; a size that allocators have. */
enum { BLOCK_SIZE = 6144 - 16 };

struct block {
    struct block *next;
    size_t size;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *blocks; /* newest first */
    size_t at;            /* used bytes of the newest block */
    size_t used;
    size_t cap;
};

struct arena *arena_new(size_t cap) {
    struct arena *a = calloc(1, sizeof *a);
    if (a)
        a->cap = cap;
    return a;
}

static void free_blocks(struct block *b) {
    while (b) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_free(struct arena *a) {
    if (!a)
        return;
    free_blocks(a->blocks);
    free(a);
}

void arena_reset(struct arena *a) {
    struct block *keep = NULL;
    if (!PIECEWISE && a->blocks && a->blocks->size == BLOCK_SIZE) {
        keep = a->blocks;
        a->blocks = keep->next;
        keep->next = NULL;
    }
    free_blocks(a->blocks);
    a->blocks = keep;
    a->at = 0;
    a->used = 0;
}

static bool add_block(struct arena *a, size_t size) {
    struct block *b = malloc(sizeof *b + size);
    if (!b)
        return false;
    b->size = size;
    b->next = a->blocks;
    a->blocks = b;
    a->at = 0;
    return true;
}

void *arena_alloc(struct arena *a, size_t n) {
    size_t align = alignof(max_align_t);
    if (n > a->cap - a->used || n > SIZE_MAX - align)
        return NULL;
    size_t rounded = (n + align - 1) & ~(align - 1);
    if (PIECEWISE) {
        if (!add_block(a, n))
            return NULL;
        a->used += n;
        return a->blocks->bytes;
    }
    if (!a->blocks || a->blocks->size - a->at < rounded)
        if (!add_block(a, rounded > BLOCK_SIZE ? rounded : BLOCK_SIZE))
            return NULL;
    void *p = a->blocks->bytes + a->at;
    a->at += rounded;
    a->used += n;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n) {
    void *p = arena_alloc(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

struct str arena_copy(struct arena *a, struct str s) {
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
    if (!p)
        return (struct str){NULL, 0};
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct str){p, s.n};
}

size_t arena_used(const struct arena *a) {
    return a->used;
}
