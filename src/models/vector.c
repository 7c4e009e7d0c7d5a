#include "models/vector.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define WIDE   __attribute__((target("avx2,fma")))
#define WIDEST __attribute__((target("avx512f")))
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

/* The last lanes are looked at twice where n is no multiple, which changes no maximum. */
static inline __attribute__((always_inline)) float max_of(const float *restrict values, size_t n) {
    float lane[VECTOR_ALIGN], top = values[0];
    if (n < VECTOR_ALIGN) {
        for (size_t i = 1; i < n; i++)
            top = values[i] > top ? values[i] : top;
        return top;
    }
    for (size_t j = 0; j < VECTOR_ALIGN; j++)
        lane[j] = values[n - VECTOR_ALIGN + j];
    for (size_t i = 0; i + VECTOR_ALIGN <= n; i += VECTOR_ALIGN)
        for (size_t j = 0; j < VECTOR_ALIGN; j++)
            lane[j] = values[i + j] > lane[j] ? values[i + j] : lane[j];
    for (size_t half = VECTOR_ALIGN / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            lane[j] = lane[j + half] > lane[j] ? lane[j + half] : lane[j];
    return lane[0];
}

/* exp(x) for x <= 0: 2^n * e^r with |r| <= log(2) / 2, e^r by its series to the sixth power. */
static inline __attribute__((always_inline)) float exp_of(float x) {
    float kept = x > -80 ? x : -80;
    /* Adding and subtracting 1.5 * 2^23 rounds to the nearest whole number. */
    float whole = (kept * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = (kept - whole * 0.693359375f) + whole * 2.12194440e-4f;
    float series =
        1 + r * (1 + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720))))));
    int32_t bits = ((int32_t)whole + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return x > -80 ? series * power : 0;
}

static inline __attribute__((always_inline)) float exp_sum(float *restrict values, float top, size_t n) {
    float lane[VECTOR_ALIGN] = {0}, rest[VECTOR_ALIGN], sum = 0;
    size_t i = 0;
    for (; i + VECTOR_ALIGN <= n; i += VECTOR_ALIGN)
        for (size_t j = 0; j < VECTOR_ALIGN; j++) {
            values[i + j] = exp_of(values[i + j] - top);
            lane[j] += values[i + j];
        }
    if (i < n) { /* as many again, of which those beyond n are 0 */
        for (size_t j = 0; j < VECTOR_ALIGN; j++)
            rest[j] = -100;
        for (size_t j = 0; i + j < n; j++)
            rest[j] = values[i + j] - top;
        for (size_t j = 0; j < VECTOR_ALIGN; j++) {
            rest[j] = exp_of(rest[j]);
            lane[j] += rest[j];
        }
        memcpy(values + i, rest, (n - i) * sizeof *rest);
    }
    for (size_t j = 0; j < VECTOR_ALIGN; j++)
        sum += lane[j];
    return sum;
}

static inline __attribute__((always_inline)) void
add_rows(float *restrict sums, const struct vector_row *rows, size_t count, size_t n) {
    for (size_t i = 0; i < count; i++)
        add_bytes(sums, rows[i].bytes, rows[i].scale, n);
}

#ifdef WIDE
/* By hand, since compilers widen bytes in more steps than needed: a sixth less time, and with 16 lanes half.
 */
WIDE static void add_bytes_wide(float *sums, const int8_t *row, float scale, size_t n) {
    __m256 factor = _mm256_set1_ps(scale);
    for (size_t i = 0; i + 8 <= n; i += 8) {
        __m256i whole = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(row + i)));
        __m256 sum = _mm256_fmadd_ps(factor, _mm256_cvtepi32_ps(whole), _mm256_loadu_ps(sums + i));
        _mm256_storeu_ps(sums + i, sum);
    }
}
WIDEST static void add_bytes_widest(float *sums, const int8_t *row, float scale, size_t n) {
    __m512 factor = _mm512_set1_ps(scale);
    for (size_t i = 0; i + 16 <= n; i += 16) {
        __m512i whole = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(row + i)));
        __m512 sum = _mm512_fmadd_ps(factor, _mm512_cvtepi32_ps(whole), _mm512_loadu_ps(sums + i));
        _mm512_storeu_ps(sums + i, sum);
    }
}
/* `wide` registers of sums, from column `at` on. The number is a constant wherever this is inlined. */
WIDEST static inline __attribute__((always_inline)) void
add_columns_widest(float *sums, const struct vector_row *rows, size_t count, size_t at, size_t wide) {
    __m512 sum[8];
#pragma GCC unroll 8
    for (size_t k = 0; k < wide; k++)
        sum[k] = _mm512_loadu_ps(sums + at + 16 * k);
    for (size_t i = 0; i < count; i++) {
        __m512 factor = _mm512_set1_ps(rows[i].scale);
        const int8_t *bytes = rows[i].bytes + at;
#pragma GCC unroll 8
        for (size_t k = 0; k < wide; k++) {
            __m512i whole = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(bytes + 16 * k)));
            sum[k] = _mm512_fmadd_ps(factor, _mm512_cvtepi32_ps(whole), sum[k]);
        }
    }
#pragma GCC unroll 8
    for (size_t k = 0; k < wide; k++)
        _mm512_storeu_ps(sums + at + 16 * k, sum[k]);
}
WIDEST static void add_rows_widest(float *sums, const struct vector_row *rows, size_t count, size_t n) {
    size_t at = 0;
    for (; at + 128 <= n; at += 128)
        add_columns_widest(sums, rows, count, at, 8);
    for (; at + 80 <= n; at += 80)
        add_columns_widest(sums, rows, count, at, 5);
    for (; at + 32 <= n; at += 32)
        add_columns_widest(sums, rows, count, at, 2);
    for (; at + 16 <= n; at += 16)
        add_columns_widest(sums, rows, count, at, 1);
}
WIDE static void add_rows_wide(float *sums, const struct vector_row *rows, size_t count, size_t n) {
    for (size_t i = 0; i < count; i++)
        add_bytes_wide(sums, rows[i].bytes, rows[i].scale, n);
}
WIDE static void add_wide(float *sums, const float *row, float scale, size_t n) {
    add(sums, row, scale, n);
}
WIDE static float dot_wide(const float *a, const float *b, size_t n) {
    return dot(a, b, n);
}
WIDE static float max_wide(const float *values, size_t n) {
    return max_of(values, n);
}
WIDE static float exp_wide(float *values, float top, size_t n) {
    return exp_sum(values, top, n);
}
/* A test and a well-predicted branch: cheaper than a call through a pointer. */
#define HAS_WIDEST __builtin_cpu_supports("avx512vbmi2") /* older ones with AVX-512 slow down for it */
#define HAS_WIDE   (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#endif

void vector_add_bytes(float *sums, const int8_t *row, float scale, size_t n) {
#ifdef WIDE
    if (HAS_WIDEST) {
        add_bytes_widest(sums, row, scale, n);
        return;
    }
    if (HAS_WIDE) {
        add_bytes_wide(sums, row, scale, n);
        return;
    }
#endif
    add_bytes(sums, row, scale, n);
}

void vector_add_rows(float *sums, const struct vector_row *rows, size_t count, size_t n) {
#ifdef WIDE
    if (HAS_WIDEST) {
        add_rows_widest(sums, rows, count, n);
        return;
    }
    if (HAS_WIDE) {
        add_rows_wide(sums, rows, count, n);
        return;
    }
#endif
    add_rows(sums, rows, count, n);
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

float vector_max(const float *values, size_t n) {
#ifdef WIDE
    if (HAS_WIDE)
        return max_wide(values, n);
#endif
    return max_of(values, n);
}

float vector_exp(float *values, float top, size_t n) {
#ifdef WIDE
    if (HAS_WIDE)
        return exp_wide(values, top, n);
#endif
    return exp_sum(values, top, n);
}
