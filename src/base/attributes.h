/* Compiler attributes that carry meaning for the reader: which results must be looked at, which
 * functions take a format, what an allocation frees. No state; any thread. */
#pragma once

#define MUST_USE               __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
#define LIKELY(x)              __builtin_expect(!!(x), 1)
#define UNLIKELY(x)            __builtin_expect(!!(x), 0)
#define ARRAY_COUNT(a)         (sizeof(a) / sizeof((a)[0]))

/* The struct of type T whose member M is at pointer P. */
#define CONTAINER_OF(P, T, M) ((T *)(void *)((char *)(P)-offsetof(T, M)))
