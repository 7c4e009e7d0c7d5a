/* Logistic regression of a few terms over many weighted rows: Newton's method, a small ridge, and
 * weights that may be kept from being negative, so that more novelty can never mean more confidence.
 * Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { LOGISTIC_TERMS_MAX = 16 };

struct logistic_row {
    float terms[LOGISTIC_TERMS_MAX];
    float weight;
    bool yes;
};

/* `signed_terms`: bit i set lets weight i be negative. */
void logistic_fit(float *weights, const struct logistic_row *rows, size_t count, int terms,
                  unsigned signed_terms);

/* Any signs, and a ridge that draws the weights towards `centre` instead of towards 0: where there are few
 * rows, the result stays near what was believed before. The first term is the constant and is not held. */
void logistic_fit_near(float *weights, const struct logistic_row *rows, size_t count, int terms,
                       const float *centre, float ridge);
