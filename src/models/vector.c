#include "models/vector.h"

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2,fma")))
#endif

static inline __attribute__((always_inline)) void add_bytes(float *restrict sums, const int8_t *restrict row,
                                                            float scale, size_t n) {
    n = n / VECTOR_ALIGN * VECTOR_ALIGN;
    for (size_t i = 0; i < n; i++)
        sums[i] += scale * (float)row[i];
}

static inline __attribute__((always_inline)) void add(float *restrict sums, const float *restrict row,
                                                      float scale, size_t n) {
    n = n / VECTOR_ALIGN * VECTOR_ALIGN;
    for (size_t i = 0; i < n; i++)
        sums[i] += scale * row[i];
}

/* Sixteen partial sums, so that the compiler may use vector registers without reordering a sum. */
static inline __attribute__((always_inline)) float dot(const float *restrict a, const float *restrict b,
                                                       size_t n) {
    float part[VECTOR_ALIGN] = {0};
    for (size_t i = 0; i + VECTOR_ALIGN <= n; i += VECTOR_ALIGN)
        for (size_t j = 0; j < VECTOR_ALIGN; j++)
            part[j] += a[i + j] * b[i + j];
    float sum = 0;
    for (size_t j = 0; j < VECTOR_ALIGN; j++)
        sum += part[j];
    return sum;
}

#ifdef WIDE
WIDE static void add_bytes_wide(float *sums, const int8_t *row, float scale, size_t n) {
    add_bytes(sums, row, scale, n);
}
WIDE static void add_wide(float *sums, const float *row, float scale, size_t n) {
    add(sums, row, scale, n);
}
WIDE static float dot_wide(const float *a, const float *b, size_t n) {
    return dot(a, b, n);
}
/* A test and a well-predicted branch: cheaper than a call through a pointer. */
#define HAS_WIDE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#endif

void vector_add_bytes(float *sums, const int8_t *row, float scale, size_t n) {
#ifdef WIDE
    if (HAS_WIDE) {
        add_bytes_wide(sums, row, scale, n);
        return;
    }
#endif
    add_bytes(sums, row, scale, n);
}

void vector_add(float *sums, const float *row, float scale, size_t n) {
#ifdef WIDE
    if (HAS_WIDE) {
        add_wide(sums, row, scale, n);
        return;
    }
#endif
    add(sums, row, scale, n);
}

float vector_dot(const float *a, const float *b, size_t n) {
#ifdef WIDE
    if (HAS_WIDE)
        return dot_wide(a, b, n);
#endif
    return dot(a, b, n);
}
