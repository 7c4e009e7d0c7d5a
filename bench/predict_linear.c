/* What a prediction costs: opens an artefact of the `linear` backend, predicts the texts of a CSV again
 * and again on one core, prints time to open, ns per prediction (mean, p50, p99), and how right it was.
 * Usage: predict_linear ARTEFACT FILE.csv [label column] */
#include "base/clock.h"
#include "learn/evaluate.h"
#include "learn/file_text.h"
#include "learn/rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXTS_MAX = 20000, ROUNDS = 20 };

struct texts {
    char *p[TEXTS_MAX];
    size_t n[TEXTS_MAX], count, bytes;
};

static bool read_texts(struct texts *t, const char *path, const struct csv_rows_options *o,
                       struct error *err) {
    struct row_reader *reader = csv_rows_open(path, o, err);
    if (!reader)
        return false;
    enum row_status status = ROW_GOOD;
    while (t->count < TEXTS_MAX) {
        struct training_row row = {0};
        status = reader->next(reader, &row, err);
        if (status == ROW_END || status == ROW_FAILED)
            break;
        if (status != ROW_GOOD || !row.text.p)
            continue;
        t->p[t->count] = str_dup(row.text);
        t->n[t->count++] = row.text.n;
        t->bytes += row.text.n;
    }
    row_reader_free(reader);
    return status != ROW_FAILED && (t->count > 0 || fail(err, ERR_DATA, "%s has no texts.", path));
}

static int by_value(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static bool time_predictions(const struct backend *b, const struct texts *t, struct error *err) {
    struct scratch *s = scratch_new();
    int64_t *ns = malloc(t->count * ROUNDS * sizeof *ns), all = 0;
    size_t count = 0;
    double sum = 0;
    bool ok = s && ns;
    for (int round = 0; ok && round < ROUNDS; round++)
        for (size_t i = 0; ok && i < t->count; i++) {
            struct model_input input = {.text = {t->p[i], t->n[i]}};
            struct model_answer answer;
            int64_t start = clock_monotonic();
            ok = backend_predict(b, s, &input, 1, &answer, err);
            ns[count] = clock_monotonic() - start;
            all += ns[count++];
            sum += ok ? answer.confidence : 0;
        }
    if (ok) {
        qsort(ns, count, sizeof *ns, by_value);
        printf("predictions            %zu texts of %.0f bytes, %d rounds\n", t->count,
               (double)t->bytes / (double)t->count, ROUNDS);
        printf("ns per prediction      mean %.0f  p50 %lld  p99 %lld  (mean confidence %.4f)\n",
               (double)all / (double)count, (long long)ns[count / 2], (long long)ns[count * 99 / 100],
               sum / (double)count);
    }
    free(ns);
    scratch_free(s);
    return ok;
}

static bool judge(const struct backend *b, const char *path, const struct csv_rows_options *o,
                  struct error *err) {
    struct row_reader *reader = csv_rows_open(path, o, err);
    struct evaluation e;
    if (!reader)
        return false;
    bool ok = learn_evaluate(&e, b, reader, 0.85, 0.60, err);
    row_reader_free(reader);
    if (!ok)
        return false;
    const struct quality *m = &e.quality;
    printf("rows                   %zu known, %zu of unknown labels, %zu rejected\n", m->rows,
           e.unknown_labels, e.rejected);
    printf("error rate             %.4f\nECE                    %.4f\nmean confidence        %.4f\n",
           1 - m->accuracy, m->ece, m->mean_confidence);
    for (int i = 0; i < RISK_POINTS; i++)
        printf("review %2.0f %%            errors left %.4f, caught %.3f\n", risk_reviewed[i] * 100,
               m->risk[i].error_rate, m->risk[i].errors_caught);
    if (e.unknown_labels)
        printf("unknown labels         AUROC %.4f, >= 0.85: %.4f, < 0.60: %.4f\n", e.auroc,
               e.unknown_accepted, e.unknown_reviewed);
    evaluation_free(&e);
    return true;
}

static bool run(int argc, char **argv, struct error *err) {
    static struct texts texts;
    struct csv_rows_options o = {.label = argc > 3 ? argv[3] : NULL};
    size_t n;
    char *bytes = file_text(argv[1], (size_t)1 << 30, &n, err);
    struct backend *b;
    if (!bytes)
        return false;
    int64_t start = clock_monotonic();
    bool ok = backend_open(&b, "linear", (struct str){bytes, n}, err);
    if (ok) {
        printf("artefact               %.1f MB, opened in %.2f ms\n", (double)n / 1e6,
               (double)(clock_monotonic() - start) / NS_PER_MS);
        ok = read_texts(&texts, argv[2], &o, err) && time_predictions(b, &texts, err) &&
             judge(b, argv[2], &o, err);
        backend_free(b);
    }
    for (size_t i = 0; i < texts.count; i++)
        free(texts.p[i]);
    free(bytes);
    return ok;
}

int main(int argc, char **argv) {
    struct error err = {0};
    if (argc < 3) {
        fprintf(stderr, "Usage: %s ARTEFACT FILE.csv [label column]\n", argv[0]);
        return 2;
    }
    if (run(argc, argv, &err))
        return 0;
    fprintf(stderr, "%s\n", err.message);
    return 1;
}
