/* For the thread that sets it: lets the allocation after the next `allocations_left` ones fail, and all that
 * follow; below 0 none fails. For programs linked with --wrap=malloc,calloc,realloc; include it once in a
 * program. */
#pragma once

#include <stddef.h>

static _Thread_local long allocations_left = -1;

static int allocation_fails(void) {
    if (allocations_left < 0)
        return 0;
    if (allocations_left == 0)
        return 1;
    allocations_left--;
    return 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_malloc(size_t size) {
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size) {
    return allocation_fails() ? NULL : __real_realloc(block, size);
}
