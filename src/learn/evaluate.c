#include "learn/evaluate.h"

#include <stdlib.h>
#include <string.h>

struct answered {
    struct graded *known;
    float *unknown; /* confidences */
    size_t known_count, unknown_count, known_room, unknown_room;
};

static bool add_known(struct answered *a, struct graded row) {
    if (a->known_count == a->known_room) {
        size_t room = a->known_room ? 2 * a->known_room : 1024;
        struct graded *known = realloc(a->known, room * sizeof *known);
        if (!known)
            return false;
        a->known = known;
        a->known_room = room;
    }
    a->known[a->known_count++] = row;
    return true;
}

static bool add_unknown(struct answered *a, float confidence) {
    if (a->unknown_count == a->unknown_room) {
        size_t room = a->unknown_room ? 2 * a->unknown_room : 1024;
        float *unknown = realloc(a->unknown, room * sizeof *unknown);
        if (!unknown)
            return false;
        a->unknown = unknown;
        a->unknown_room = room;
    }
    a->unknown[a->unknown_count++] = confidence;
    return true;
}

static bool label_index(const char *const *labels, size_t count, struct str name, uint32_t *out) {
    for (size_t i = 0; i < count; i++)
        if (str_eq(str_from(labels[i]), name)) {
            *out = (uint32_t)i;
            return true;
        }
    return false;
}

static bool answer_row(struct answered *a, const struct backend *b, struct scratch *s,
                       const struct training_row *row, size_t *rejected) {
    size_t label_count;
    const char *const *labels = backend_labels(b, &label_count);
    struct model_input input = {.text = row->text,
                                .visual = row->visual,
                                .visual_count = row->visual_count,
                                .ocr_confidence = row->ocr_confidence};
    struct model_answer answer;
    struct error problem;
    uint32_t truth;
    if (!backend_predict(b, s, &input, 1, &answer, &problem)) {
        ++*rejected;
        return true;
    }
    if (label_index(labels, label_count, row->label, &truth))
        return add_known(a, (struct graded){truth, answer.label, answer.confidence});
    return add_unknown(a, answer.confidence);
}

static bool answer_all(struct answered *a, const struct backend *b, struct row_reader *reader,
                       size_t *rejected, struct error *err) {
    struct scratch *s = scratch_new();
    bool ok = s || fail(err, ERR_NO_MEMORY, "out of memory");
    while (ok) {
        struct training_row row = {0};
        enum row_status status = reader->next(reader, &row, err);
        if (status == ROW_END)
            break;
        if (status == ROW_REJECTED)
            ++*rejected;
        else if (status == ROW_FAILED)
            ok = false;
        else if (!answer_row(a, b, s, &row, rejected))
            ok = fail(err, ERR_NO_MEMORY, "out of memory");
    }
    scratch_free(s);
    return ok;
}

struct ranked {
    float confidence;
    bool known;
};

static int by_confidence(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    return x->confidence < y->confidence ? -1 : x->confidence > y->confidence;
}

/* The chance that a known row is surer than an unknown one, ties half (Mann and Whitney's U). */
static bool rank(const struct answered *a, double *auroc) {
    size_t count = a->known_count + a->unknown_count, below = 0;
    struct ranked *rows = malloc((count + 1) * sizeof *rows);
    if (!rows)
        return false;
    for (size_t i = 0; i < a->known_count; i++)
        rows[i] = (struct ranked){a->known[i].confidence, true};
    for (size_t i = 0; i < a->unknown_count; i++)
        rows[a->known_count + i] = (struct ranked){a->unknown[i], false};
    qsort(rows, count, sizeof *rows, by_confidence);
    double wins = 0;
    for (size_t i = 0; i < count;) {
        size_t end = i, known = 0;
        for (; end < count && rows[end].confidence == rows[i].confidence; end++)
            known += rows[end].known;
        size_t unknown = end - i - known;
        wins += (double)known * ((double)below + (double)unknown / 2);
        below += unknown;
        i = end;
    }
    double pairs = (double)a->known_count * (double)a->unknown_count;
    *auroc = pairs > 0 ? wins / pairs : 0.5;
    free(rows);
    return true;
}

bool learn_evaluate(struct evaluation *out, const struct backend *b, struct row_reader *reader, double accept,
                    double review, struct error *err) {
    struct answered a = {0};
    struct evaluation e = {0};
    size_t labels, accepted = 0, reviewed = 0;
    backend_labels(b, &labels);
    bool ok = answer_all(&a, b, reader, &e.rejected, err) &&
              quality_of(&e.quality, a.known, a.known_count, labels, err);
    if (ok && !rank(&a, &e.auroc))
        ok = fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < a.unknown_count; i++) {
        accepted += (double)a.unknown[i] >= accept;
        reviewed += (double)a.unknown[i] < review;
    }
    e.unknown_labels = a.unknown_count;
    e.unknown_accepted = a.unknown_count ? (double)accepted / (double)a.unknown_count : 0;
    e.unknown_reviewed = a.unknown_count ? (double)reviewed / (double)a.unknown_count : 0;
    free(a.known);
    free(a.unknown);
    if (ok)
        *out = e;
    else
        evaluation_free(&e);
    return ok;
}

void evaluation_free(struct evaluation *e) {
    quality_free(&e->quality);
}
