/* The two solvers behind a `linear` version. Both go over the rows again and again and work on all
 * labels (or hidden units) of a row at once, which vectorises; solving label by label as liblinear does
 * takes some eight times as long.
 *
 *  - linear: one-vs-rest support vector machines with squared hinge loss by dual coordinate descent
 *    (Hsieh et al., ICML 2008, algorithm 1; liblinear's solver 1). Exact: the result is the optimum,
 *    whatever the order of the rows.
 *  - hidden: one layer of rectified units under a softmax, by stochastic gradient descent with dropout
 *    of inputs and units (Srivastava et al., JMLR 2014) and a falling step.
 *
 * Deterministic for a seed. One thread each. */
#pragma once

#include "learn/design.h"

struct linear_options {
    float cost;      /* C of the support vector machine */
    unsigned passes; /* at most */
};

struct hidden_options {
    uint32_t units; /* a multiple of VECTOR_ALIGN; 0: no hidden part */
    unsigned passes;
    float step, input_dropout, unit_dropout, start; /* start: spread of the first random weights */
    uint64_t seed;
};

/* Weights are rows per feature, padded by vector_room. malloc'ed, freed by solution_free. */
struct linear_solution {
    float *weights, *bias;
};
struct hidden_solution {
    float *rows, *bias, *top, *top_bias;
};

bool solve_linear(struct linear_solution *out, const struct design *d, const struct linear_options *o,
                  struct error *err) MUST_USE;
bool solve_hidden(struct hidden_solution *out, const struct design *d, const struct hidden_options *o,
                  struct error *err) MUST_USE;
void linear_solution_free(struct linear_solution *s);
void hidden_solution_free(struct hidden_solution *s);
