#include "learn/crossval.h"

#include "models/linear.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ARTEFACT_BYTES_MAX = 1 << 30, CHANGED_EVERY = 4 };

/* Observing */

/* The letters of the text in another order; spaces stay, so that it looks like words. */
static void scramble(struct str text, uint32_t row, char *out) {
    struct random random = random_from(row);
    memcpy(out, text.p, text.n);
    for (size_t i = text.n; i > 1; i--) {
        size_t j = random_below(&random, (uint32_t)i);
        if (out[i - 1] == ' ' || out[j] == ' ' || (out[i - 1] | out[j]) & 0x80)
            continue;
        char kept = out[i - 1];
        out[i - 1] = out[j];
        out[j] = kept;
    }
}

/* Scores of all labels are kept behind each other in the run's own memory. */
static float *keep_scores(float **room, const float *scores, size_t labels) {
    float *kept = *room;
    memcpy(kept, scores, labels * sizeof *kept);
    *room += labels;
    return kept;
}

/* Which labels will be first is not known before the calibration: of all. */
static const struct nearness *keep_nearness(float **room, const struct label_scores *scores) {
    struct nearness *kept = (void *)*room;
    for (size_t i = 0; i < scores->labels; i++)
        kept[i] = neighbours_of(scores->neighbours, (uint32_t)i);
    *room += scores->labels * (sizeof *kept / sizeof **room);
    return kept;
}

/* One of the text's words, at random. Returns its length. */
static size_t fragment(struct str text, uint32_t row, char *out) {
    struct random random = random_from(row);
    size_t from = random_below(&random, (uint32_t)text.n), to = from;
    while (from > 0 && text.p[from - 1] != ' ')
        from--;
    while (to < text.n && text.p[to] != ' ')
        to++;
    memcpy(out, text.p + from, to - from);
    return to - from;
}

static bool observe_main(const struct backend *b, struct scratch *s, const struct fit_source *source,
                         struct observation *o, float **room, struct error *err) {
    const struct data_row *row = &source->data->rows[o->row];
    struct model_input input = {.text = row->text, .ocr_confidence = row->ocr_confidence};
    struct label_scores scores;
    char *changed = NULL;
    if (source->schema) {
        input.feature_count = source->schema->tabular.count;
        input.features = source->schema->values + o->row * input.feature_count;
    }
    if (o->kind == OBSERVED_SCRAMBLED || o->kind == OBSERVED_FRAGMENT) {
        changed = malloc(row->text.n + 1);
        if (!changed)
            return fail(err, ERR_NO_MEMORY, "out of memory");
        input.text.p = changed;
        if (o->kind == OBSERVED_SCRAMBLED)
            scramble(row->text, o->row, changed);
        else
            input.text.n = fragment(row->text, o->row, changed);
    }
    bool ok = backend_score(b, s, &input, &scores, err);
    free(changed);
    if (!ok)
        return false;
    o->linear = keep_scores(room, scores.linear, scores.labels);
    o->hidden = keep_scores(room, scores.hidden, scores.labels);
    o->nearness = scores.neighbours ? keep_nearness(room, &scores) : NULL;
    o->known_words = scores.known_words;
    o->known_grams = scores.known_grams;
    o->scarcity = scores.scarcity;
    o->words = scores.words;
    return true;
}

static void observe_visual(const struct backend *b, struct scratch *s, const struct dataset *d,
                           struct observation *o, float **room) {
    struct label_scores scores;
    const float *visual = d->rows[o->row].visual;
    bool whole = o->kind == OBSERVED_ROW || o->kind == OBSERVED_STRANGER;
    if (!visual || !whole || !linear_score_visual(b, s, visual, d->visual_count, &scores))
        return;
    o->visual = keep_scores(room, scores.linear, scores.labels);
    o->looks = keep_scores(room, scores.looks, scores.labels);
}

static bool observe(struct training_run *r, const struct fit_source *source, struct error *err) {
    enum { SCORES_PER_ROW = 6 };
    size_t labels = source->data->label_count;
    struct backend *b;
    if (!backend_open(&b, trained_backend_name(source->backend), buf_str(&r->artefact), err))
        return false;
    struct scratch *s = scratch_new();
    r->scores = malloc((r->seen_count + 1) * SCORES_PER_ROW * labels * sizeof *r->scores);
    bool ok = s && r->scores;
    if (!ok)
        fail(err, ERR_NO_MEMORY, "Out of memory for the scores of %zu rows and %zu labels.", r->seen_count,
             labels);
    float *room = r->scores;
    for (size_t i = 0; ok && i < r->seen_count; i++) {
        if (source->corpus || source->schema)
            ok = observe_main(b, s, source, &r->seen[i], &room, err);
        if (source->visual)
            observe_visual(b, s, source->data, &r->seen[i], &room);
    }
    scratch_free(s);
    backend_free(b);
    return ok;
}

/* Running */

struct runner {
    struct training_run *runs;
    size_t count;
    const struct fit_source *source;
    const struct fit_options *o;
    training_progress *progress;
    void *ctx;
    atomic_size_t next;
    pthread_mutex_t lock; /* of what follows */
    size_t done;
    bool failed;
    struct error error;
};

static bool run_one(struct runner *x, struct training_run *r, struct error *err) {
    r->artefact = BUF_INIT(ARTEFACT_BYTES_MAX);
    if (!fit_artefact(&r->artefact, x->source, r->train, r->train_count, x->o, err) ||
        !observe(r, x->source, err))
        return false;
    if (!r->keep)
        buf_free(&r->artefact);
    return true;
}

static void *run_some(void *ctx) {
    struct runner *x = ctx;
    for (;;) {
        size_t at = atomic_fetch_add(&x->next, 1);
        if (at >= x->count)
            return NULL;
        struct error error;
        bool ok = run_one(x, &x->runs[at], &error);
        pthread_mutex_lock(&x->lock);
        x->done++;
        if (!ok && !x->failed) {
            x->failed = true;
            x->error = error;
        }
        bool stop = x->failed;
        if (!stop && x->progress)
            x->progress(x->ctx, x->done, x->count);
        pthread_mutex_unlock(&x->lock);
        if (stop)
            return NULL;
    }
}

bool training_runs(struct training_run *runs, size_t count, const struct fit_source *source,
                   const struct fit_options *o, unsigned threads, training_progress *progress, void *ctx,
                   struct error *err) {
    struct runner x = {.runs = runs,
                       .count = count,
                       .source = source,
                       .o = o,
                       .progress = progress,
                       .ctx = ctx,
                       .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t others[16];
    unsigned started = 0;
    /* A thread that cannot be made is no failure: the others do its work. */
    while (started + 1 < threads && started < 16 && !pthread_create(&others[started], NULL, run_some, &x))
        started++;
    run_some(&x);
    for (unsigned i = 0; i < started; i++)
        pthread_join(others[i], NULL);
    if (x.failed && err)
        *err = x.error;
    return !x.failed;
}

void training_run_free(struct training_run *r) {
    free(r->train);
    free(r->seen);
    free(r->scores);
    buf_free(&r->artefact);
}

/* Choosing rows */

struct placed {
    uint32_t row, label;
    uint64_t order, identity;
};

static int by_place(const void *a, const void *b) {
    const struct placed *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

bool assign_folds(const struct dataset *d, unsigned folds, uint64_t seed, uint8_t *fold, struct error *err) {
    struct placed *rows = malloc((d->count + 1) * sizeof *rows);
    if (!rows)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < d->count; i++) {
        uint64_t identity = d->rows[i].identity;
        rows[i] =
            (struct placed){(uint32_t)i, d->rows[i].label, identity * 0x9e3779b97f4a7c15 + seed, identity};
        rows[i].order ^= rows[i].order >> 29;
    }
    qsort(rows, d->count, sizeof *rows, by_place);
    unsigned next = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (i > 0 && rows[i].identity != rows[i - 1].identity)
            next = (next + 1) % folds;
        fold[rows[i].row] = (uint8_t)next;
    }
    free(rows);
    return true;
}

static bool run_room(struct training_run *r, size_t train, size_t seen, struct error *err) {
    *r = (struct training_run){.train = malloc((train + 1) * sizeof *r->train),
                               .seen = calloc(seen + 1, sizeof *r->seen)};
    if (r->train && r->seen)
        return true;
    training_run_free(r);
    *r = (struct training_run){0}; /* the caller frees all its runs, this one too */
    return fail(err, ERR_NO_MEMORY, "out of memory");
}

static void add_seen(struct training_run *r, size_t row, enum observed kind) {
    r->seen[r->seen_count++] = (struct observation){.row = (uint32_t)row, .kind = kind};
}

bool fold_run(struct training_run *out, const struct dataset *d, const uint8_t *fold, unsigned number,
              struct error *err) {
    if (!run_room(out, d->count, 2 * d->count, err))
        return false;
    out->fold = number;
    for (size_t i = 0; i < d->count; i++) {
        if (fold[i] != number) {
            out->train[out->train_count++] = (uint32_t)i;
            continue;
        }
        add_seen(out, i, OBSERVED_ROW);
        if (d->has_text && d->rows[i].text.n && i % CHANGED_EVERY == 0)
            add_seen(out, i, i / CHANGED_EVERY % 2 ? OBSERVED_FRAGMENT : OBSERVED_SCRAMBLED);
    }
    return true;
}

bool novelty_run(struct training_run *out, const struct dataset *d, const uint8_t *fold, unsigned half,
                 struct error *err) {
    if (!run_room(out, d->count, d->count, err))
        return false;
    for (size_t i = 0; i < d->count; i++) {
        bool ours = d->rows[i].label % 2 == half;
        if (fold[i] == half)
            add_seen(out, i, ours ? OBSERVED_ROW : OBSERVED_STRANGER);
        else if (ours)
            out->train[out->train_count++] = (uint32_t)i;
    }
    return true;
}

bool final_run(struct training_run *out, const struct dataset *d, struct error *err) {
    if (!run_room(out, d->count, 0, err))
        return false;
    for (size_t i = 0; i < d->count; i++)
        out->train[out->train_count++] = (uint32_t)i;
    out->keep = true;
    return true;
}
