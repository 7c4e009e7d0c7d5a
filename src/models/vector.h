/* The few loops where the time goes: rows of weights added to sums. Written plainly, compiled twice on
 * x86-64 (baseline and AVX2 with FMA, chosen when first used). Lengths are multiples of VECTOR_ALIGN;
 * rows need no alignment. Pure; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { VECTOR_ALIGN = 16 };

static inline size_t vector_room(size_t n) {
    return (n + VECTOR_ALIGN - 1) / VECTOR_ALIGN * VECTOR_ALIGN;
}

/* sums += scale * row */
void vector_add_bytes(float *sums, const int8_t *row, float scale, size_t n);
void vector_add(float *sums, const float *row, float scale, size_t n);
float vector_dot(const float *a, const float *b, size_t n);
