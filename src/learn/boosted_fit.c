#include "learn/boosted_fit.h"

#include "models/trees.h"
#include "models/xgboost_model.h"

#include <stdlib.h>

enum { ROUNDS_LEAST = 20 };

struct boosted_options boosted_defaults(void) {
    return (struct boosted_options){.train = {.rounds = 1000,
                                              .patience = 20,
                                              .depth = 6,
                                              .step = 0.1f,
                                              .row_share = 0.8f,
                                              .column_share = 0.8f,
                                              .least_weight = 1,
                                              .ridge = 1,
                                              .seed = 1},
                                    .trees = 40000,
                                    .held_back = 10,
                                    .few = 30,
                                    .rounds_of_few = 100};
}

/* The rows as XGBoost takes them: those to learn from first, then those held back. */
struct table {
    float *values, *labels;
    bool *category;
    size_t columns, rows, held_back;
};

static bool is_held_back(const struct data_row *row, const struct boosted_options *o) {
    uint64_t mixed = (row->identity + o->train.seed) * 0x9e3779b97f4a7c15;
    return (mixed >> 32) % o->held_back == 0;
}

static void add_row(struct table *t, size_t at, const struct learned_schema *schema, const struct dataset *d,
                    uint32_t row) {
    trees_row(&schema->tabular, schema->values + row * t->columns, t->values + at * t->columns);
    t->labels[at] = (float)d->rows[row].label;
}

static bool make_table(struct table *t, const struct learned_schema *schema, const struct dataset *d,
                       const uint32_t *chosen, size_t count, const struct boosted_options *o,
                       struct error *err) {
    t->columns = schema->tabular.count;
    t->values = malloc(count * t->columns * sizeof *t->values + 1);
    t->labels = malloc(count * sizeof *t->labels + 1);
    t->category = calloc(t->columns, sizeof *t->category);
    if (!t->values || !t->labels || !t->category)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the features of %zu rows.", count);
    for (size_t i = 0; i < t->columns; i++)
        t->category[i] = !schema->tabular.columns[i].numeric;
    for (size_t i = 0; i < count; i++)
        t->held_back += is_held_back(&d->rows[chosen[i]], o);
    if (t->held_back < o->few || t->held_back == count)
        t->held_back = 0;
    t->rows = count - t->held_back;
    size_t learned = 0, held = 0;
    for (size_t i = 0; i < count; i++) {
        bool back = t->held_back && is_held_back(&d->rows[chosen[i]], o);
        add_row(t, back ? t->rows + held++ : learned++, schema, d, chosen[i]);
    }
    return true;
}

static struct xgboost_rows part_of(const struct table *t, size_t first, size_t rows) {
    return (struct xgboost_rows){.values = t->values + first * t->columns,
                                 .labels = t->labels + first,
                                 .rows = rows,
                                 .columns = t->columns,
                                 .category = t->category};
}

/* How many rounds are enough, by the loss on what is held back. */
static bool choose_rounds(unsigned *rounds, const struct table *t, size_t labels,
                          const struct xgboost_options *o, struct error *err) {
    struct xgboost_rows rows = part_of(t, 0, t->rows), held = part_of(t, t->rows, t->held_back);
    AUTO_BUF unused = BUF_INIT(XGBOOST_FILE_MAX);
    return xgboost_train(&unused, rounds, &rows, &held, labels, o, err);
}

static bool train(struct buf *model, const struct table *t, size_t labels, const struct boosted_options *o,
                  struct error *err) {
    struct xgboost_options options = o->train;
    struct xgboost_rows all = part_of(t, 0, t->rows + t->held_back);
    unsigned most = labels > 2 ? o->trees / (unsigned)labels : o->trees;
    if (!t->held_back && most > o->rounds_of_few)
        most = o->rounds_of_few;
    if (options.rounds > most)
        options.rounds = most > ROUNDS_LEAST ? most : ROUNDS_LEAST;
    return (!t->held_back || choose_rounds(&options.rounds, t, labels, &options, err)) &&
           xgboost_train(model, &options.rounds, &all, NULL, labels, &options, err);
}

static bool write_trees(struct artefact_writer *w, const struct learned_schema *schema,
                        const struct dataset *data, struct str model, struct error *err) {
    struct xgboost_model *m = NULL;
    artefact_section(w, ARTEFACT_SCHEMA);
    buf_add(w->out, schema->bytes, schema->size);
    artefact_section(w, ARTEFACT_TREES);
    bool ok = xgboost_model_open(&m, model, err) &&
              xgboost_model_trees(m, &schema->tabular, data->label_count, w->out, err);
    xgboost_model_free(m);
    return ok;
}

bool boosted_fit(struct artefact_writer *w, const struct learned_schema *schema, const struct dataset *data,
                 const uint32_t *chosen, size_t count, const struct boosted_options *o, struct error *err) {
    struct table t = {0};
    AUTO_BUF model = BUF_INIT(XGBOOST_FILE_MAX);
    bool ok =
        make_table(&t, schema, data, chosen, count, o, err) && train(&model, &t, data->label_count, o, err);
    free(t.values);
    free(t.labels);
    free(t.category);
    return ok && write_trees(w, schema, data, buf_str(&model), err);
}
