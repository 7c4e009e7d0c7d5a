#include "learn/quality.h"

#include <math.h>
#include <stdlib.h>

const double risk_reviewed[RISK_POINTS] = {0.05, 0.10, 0.12, 0.20};

enum { ECE_BINS = 15 };

static double calibration_error(const struct graded *rows, size_t count) {
    double sure[ECE_BINS] = {0}, right[ECE_BINS] = {0}, error = 0;
    for (size_t i = 0; i < count; i++) {
        int bin = (int)(rows[i].confidence * ECE_BINS);
        bin = bin < 0 ? 0 : bin >= ECE_BINS ? ECE_BINS - 1 : bin;
        sure[bin] += rows[i].confidence;
        right[bin] += rows[i].truth == rows[i].answer;
    }
    for (int i = 0; i < ECE_BINS; i++)
        error += fabs(sure[i] - right[i]);
    return error / (double)count;
}

static int by_confidence(const void *a, const void *b) {
    const struct graded *x = a, *y = b;
    return x->confidence < y->confidence ? -1 : x->confidence > y->confidence;
}

/* Rows of equal confidence keep no order that matters. */
static bool risk(struct quality *m, const struct graded *rows, size_t count) {
    struct graded *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted)
        return false;
    for (size_t i = 0; i < count; i++)
        sorted[i] = rows[i];
    qsort(sorted, count, sizeof *sorted, by_confidence);
    for (int point = 0; point < RISK_POINTS; point++) {
        size_t reviewed = (size_t)lround(risk_reviewed[point] * (double)count), caught = 0;
        for (size_t i = 0; i < reviewed; i++)
            caught += sorted[i].truth != sorted[i].answer;
        m->risk[point].error_rate =
            count > reviewed ? (double)(m->errors - caught) / (double)(count - reviewed) : 0;
        m->risk[point].errors_caught = m->errors ? (double)caught / (double)m->errors : 0;
    }
    free(sorted);
    return true;
}

static void per_label(struct quality *m, const struct graded *rows) {
    size_t present = 0;
    for (size_t i = 0; i < m->rows; i++) {
        m->labels[rows[i].truth].rows++;
        m->labels[rows[i].answer].answered++;
        m->labels[rows[i].truth].right += rows[i].truth == rows[i].answer;
    }
    for (size_t k = 0; k < m->label_count; k++) {
        struct label_metrics *l = &m->labels[k];
        present += l->rows > 0;
        l->precision = l->answered ? (double)l->right / (double)l->answered : 0;
        l->recall = l->rows ? (double)l->right / (double)l->rows : 0;
        l->f1 = l->rows + l->answered ? 2.0 * (double)l->right / (double)(l->rows + l->answered) : 0;
        if (l->rows)
            m->macro_f1 += l->f1;
    }
    m->macro_f1 /= present ? (double)present : 1;
}

bool quality_of(struct quality *out, const struct graded *rows, size_t count, size_t labels,
                struct error *err) {
    struct quality m = {.rows = count, .label_count = labels};
    m.labels = calloc(labels + 1, sizeof *m.labels);
    if (!m.labels)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        m.errors += rows[i].truth != rows[i].answer;
        m.mean_confidence += rows[i].confidence;
    }
    size_t divisor = count ? count : 1;
    m.accuracy = (double)(count - m.errors) / (double)divisor;
    m.mean_confidence /= (double)divisor;
    m.ece = count ? calibration_error(rows, count) : 0;
    per_label(&m, rows);
    if (!risk(&m, rows, count)) {
        quality_free(&m);
        return fail(err, ERR_NO_MEMORY, "out of memory");
    }
    *out = m;
    return true;
}

void quality_free(struct quality *m) {
    free(m->labels);
    m->labels = NULL;
}

void quality_write(const struct quality *m, const char *const *labels, struct json_writer *w) {
    json_object(w);
    json_field_int(w, "rows", (int64_t)m->rows);
    json_field_int(w, "errors", (int64_t)m->errors);
    json_field_fixed(w, "accuracy", m->accuracy, 6);
    json_field_fixed(w, "macro_f1", m->macro_f1, 6);
    json_field_fixed(w, "ece", m->ece, 6);
    json_field_fixed(w, "mean_confidence", m->mean_confidence, 6);
    json_key(w, "risk");
    json_array(w);
    for (int i = 0; i < RISK_POINTS; i++) {
        json_object(w);
        json_field_fixed(w, "reviewed", risk_reviewed[i], 2);
        json_field_fixed(w, "error_rate", m->risk[i].error_rate, 6);
        json_field_fixed(w, "errors_caught", m->risk[i].errors_caught, 6);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "labels");
    json_array(w);
    for (size_t k = 0; k < m->label_count; k++) {
        json_object(w);
        json_field_text(w, "label", labels[k]);
        json_field_int(w, "rows", (int64_t)m->labels[k].rows);
        json_field_int(w, "answered", (int64_t)m->labels[k].answered);
        json_field_fixed(w, "precision", m->labels[k].precision, 4);
        json_field_fixed(w, "recall", m->labels[k].recall, 4);
        json_field_fixed(w, "f1", m->labels[k].f1, 4);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}
