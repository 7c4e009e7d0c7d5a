#include "learn/logistic.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 40 };

/* Solves the symmetric positive definite system over the terms in `used`; others get 0. */
static void solve(double matrix[][LOGISTIC_TERMS_MAX], const double *right, int terms, const bool *used,
                  double *out) {
    double a[LOGISTIC_TERMS_MAX][LOGISTIC_TERMS_MAX + 1];
    int index[LOGISTIC_TERMS_MAX], n = 0;
    for (int i = 0; i < terms; i++) {
        out[i] = 0;
        if (used[i])
            index[n++] = i;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            a[i][j] = matrix[index[i]][index[j]];
        a[i][n] = right[index[i]];
    }
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            double factor = a[j][i] / a[i][i];
            for (int k = i; k <= n; k++)
                a[j][k] -= factor * a[i][k];
        }
    for (int i = n - 1; i >= 0; i--) {
        for (int j = i + 1; j < n; j++)
            a[i][n] -= a[i][j] * out[index[j]];
        out[index[i]] = a[i][n] / a[i][i];
    }
}

/* What draws the weights, and where to. */
struct pull {
    const float *centre; /* NULL: 0 */
    double ridge;
};

/* One Newton step; returns its largest change. */
static double newton(double *w, const struct logistic_row *rows, size_t count, int terms, const bool *used,
                     const struct pull *pull) {
    double hessian[LOGISTIC_TERMS_MAX][LOGISTIC_TERMS_MAX] = {{0}}, gradient[LOGISTIC_TERMS_MAX] = {0};
    for (size_t r = 0; r < count; r++) {
        double z = 0;
        for (int i = 0; i < terms; i++)
            z += w[i] * rows[r].terms[i];
        double p = 1 / (1 + exp(-z));
        double residual = rows[r].weight * (rows[r].yes - p),
               curve = rows[r].weight * fmax(p * (1 - p), 1e-6);
        for (int i = 0; i < terms; i++) {
            gradient[i] += residual * rows[r].terms[i];
            for (int j = 0; j < terms; j++)
                hessian[i][j] += curve * rows[r].terms[i] * rows[r].terms[j];
        }
    }
    for (int i = 0; i < terms; i++) {
        double ridge = i == 0 ? 1e-6 : pull->ridge;
        gradient[i] -= ridge * (w[i] - (pull->centre ? (double)pull->centre[i] : 0));
        hessian[i][i] += ridge + 1e-9;
    }
    double step[LOGISTIC_TERMS_MAX], largest = 0;
    solve(hessian, gradient, terms, used, step);
    for (int i = 0; i < terms; i++)
        largest = fmax(largest, fabs(step[i]));
    double factor = largest > 2 ? 2 / largest : 1; /* never far at once: the curve is only local */
    for (int i = 0; i < terms; i++)
        w[i] += factor * step[i];
    return largest * factor;
}

void logistic_fit(float *weights, const struct logistic_row *rows, size_t count, int terms,
                  unsigned signed_terms) {
    bool used[LOGISTIC_TERMS_MAX];
    double w[LOGISTIC_TERMS_MAX] = {0};
    const struct pull pull = {.ridge = 0.1};
    for (int i = 0; i < terms; i++)
        used[i] = true;
    for (;;) {
        for (int round = 0; round < ROUNDS && newton(w, rows, count, terms, used, &pull) > 1e-6; round++)
            ;
        /* The most negative of those that may not be is dropped, and the rest fitted again. */
        int worst = -1;
        for (int i = 0; i < terms; i++)
            if (!(signed_terms >> i & 1) && w[i] < -1e-9 && (worst < 0 || w[i] < w[worst]))
                worst = i;
        if (worst < 0)
            break;
        used[worst] = false;
        w[worst] = 0;
    }
    for (int i = 0; i < terms; i++)
        weights[i] = (float)w[i];
}

void logistic_fit_near(float *weights, const struct logistic_row *rows, size_t count, int terms,
                       const float *centre, float ridge) {
    bool used[LOGISTIC_TERMS_MAX];
    double w[LOGISTIC_TERMS_MAX];
    const struct pull pull = {centre, (double)ridge};
    for (int i = 0; i < terms; i++) {
        used[i] = true;
        w[i] = (double)centre[i];
    }
    for (int round = 0; round < ROUNDS && newton(w, rows, count, terms, used, &pull) > 1e-6; round++)
        ;
    for (int i = 0; i < terms; i++)
        weights[i] = (float)w[i];
}
