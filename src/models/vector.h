/* The few loops where the time goes: rows of weights added to sums. Written plainly, compiled twice on
 * x86-64 (baseline and AVX2 with FMA, chosen at each call; the most frequent one for AVX-512, too). Rows need
 * no alignment. Pure; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { VECTOR_ALIGN = 16 };

static inline size_t vector_room(size_t n) {
    return (n + VECTOR_ALIGN - 1) / VECTOR_ALIGN * VECTOR_ALIGN;
}

/* sums += scale * row; n is a multiple of VECTOR_ALIGN, as for vector_dot */
void vector_add_bytes(float *sums, const int8_t *row, float scale, size_t n);
/* The same for several rows: their sums need not go to memory in between. */
struct vector_row {
    const int8_t *bytes;
    float scale;
};
void vector_add_rows(float *sums, const struct vector_row *rows, size_t count, size_t n);
void vector_add(float *sums, const float *row, float scale, size_t n);
float vector_dot(const float *a, const float *b, size_t n);

/* Any n from 1 on. */
float vector_max(const float *values, size_t n);
/* Each value becomes exp(value - top), for values not above top; returns their sum. Within 3e-7 of expf,
 * and 0 below exp(-80). */
float vector_exp(float *values, float top, size_t n);
