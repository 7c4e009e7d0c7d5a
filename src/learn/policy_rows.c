#include "learn/policy_rows.h"

#include "base/json.h"
#include "learn/trained_rows.h"
#include "models/tabular.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_BYTES_MAX = 1 << 20 };

struct answering {
    const struct model_version *v;
    const struct dataset *data;
    const struct policy_rules *rules;
    unsigned inputs;
    bool *takes, *number; /* of each column: does the version know it, and as a number? */
    uint32_t *label;      /* the version's for each of the data's; UINT32_MAX: it has none */
    struct scratch *scratch;
    struct buf json;
    struct feature_value values[MODEL_FEATURES_MAX];
};

static bool match_labels(struct answering *a) {
    a->label = malloc((a->data->label_count + 1) * sizeof *a->label);
    if (!a->label)
        return false;
    for (size_t i = 0; i < a->data->label_count; i++) {
        a->label[i] = UINT32_MAX;
        for (size_t k = 0; k < a->v->label_count; k++)
            if (strcmp(a->data->labels[i], a->v->labels[k]) == 0)
                a->label[i] = (uint32_t)k;
    }
    return true;
}

/* Which columns the version takes; others, such as a row's number, are none of its business. */
static bool match_columns(struct answering *a, struct error *err) {
    size_t n = a->data->column_count, index, max;
    yyjson_val *column;
    a->takes = calloc(n + 1, sizeof *a->takes);
    a->number = calloc(n + 1, sizeof *a->number);
    if (!a->takes || !a->number)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    if (!n)
        return true;
    AUTO_BUF schema = BUF_INIT(16 * JSON_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&schema);
    backend_write_schema(a->v->backend, &w);
    yyjson_doc *doc = json_parse(buf_str(&schema), err);
    if (!doc)
        return false;
    yyjson_arr_foreach(yyjson_doc_get_root(doc), index, max, column) for (size_t i = 0; i < n; i++) {
        if (!str_eq(json_str_of(yyjson_obj_get(column, "name")), str_from(a->data->columns[i])))
            continue;
        a->takes[i] = true;
        a->number[i] = yyjson_equals_str(yyjson_obj_get(column, "type"), "number");
    }
    yyjson_doc_free(doc);
    return true;
}

static void write_cells(struct answering *a, const struct data_row *row) {
    struct json_writer w = JSON_WRITER(&a->json);
    a->json.n = 0;
    json_object(&w);
    for (size_t i = 0; i < a->data->column_count; i++) {
        double number;
        if (!a->takes[i] || tabular_cell_missing(row->cells[i]))
            continue;
        json_str(&w, str_from(a->data->columns[i]));
        buf_add_char(w.out, ':');
        w.comma = false;
        if (a->number[i] && str_to_double(row->cells[i], &number))
            json_double(&w, number);
        else
            json_str(&w, row->cells[i]);
    }
    json_object_end(&w);
}

static bool read_cells(struct answering *a, const struct data_row *row, struct model_input *in,
                       struct error *problem) {
    write_cells(a, row);
    yyjson_doc *doc = json_parse(buf_str(&a->json), problem);
    bool ok = doc && backend_read_features(a->v->backend, yyjson_doc_get_root(doc), a->values,
                                           MODEL_FEATURES_MAX, &in->feature_count, problem);
    in->features = a->values;
    yyjson_doc_free(doc);
    return ok;
}

static bool answer(struct answering *a, const struct data_row *row, struct policy_row *out,
                   struct error *problem) {
    size_t visual = row->visual ? a->data->visual_count : 0;
    struct model_input in = {.text = row->text,
                             .visual = row->visual,
                             .visual_count = visual,
                             .ocr_confidence = row->ocr_confidence};
    *out = (struct policy_row){.facts = {row->text.n, row->ocr_confidence}};
    if (visual && (a->inputs & MODEL_TAKES_VISUAL) &&
        backend_predict_visual(a->v->backend, a->scratch, row->visual, visual, &out->answer))
        return true;
    if ((a->inputs & MODEL_TAKES_FEATURES) && row->cells && !read_cells(a, row, &in, problem))
        return false;
    return backend_predict(a->v->backend, a->scratch, &in, 1, &out->answer, problem);
}

/* As the decision asks them: with the answer that would go out. Rules that fail have not passed. */
static bool passes(const struct answering *a, const struct data_row *row, const struct policy_row *p) {
    struct rules_label labels[MODEL_TOP_MAX];
    char reason[RULES_REASON_SIZE];
    struct error problem;
    bool passed = false;
    for (size_t i = 0; i < p->answer.top_count; i++)
        labels[i] = (struct rules_label){str_from(a->v->labels[p->answer.top[i].label]),
                                         (double)p->answer.top[i].confidence};
    struct rules_facts facts = {
        .endpoint = str_from(a->rules->endpoint),
        .model = str_from(a->v->reference),
        .prediction = str_from(a->v->labels[p->answer.label]),
        .confidence = (double)p->answer.confidence,
        .labels = labels,
        .label_count = p->answer.top_count,
        .text = row->text,
        .ocr_confidence = row->ocr_confidence > 0 ? (double)row->ocr_confidence : (double)NAN,
    };
    return rules_verify(a->rules->script, &facts, &passed, reason, &problem) && passed;
}

static void answer_all(struct answering *a, const struct trained_rows *trained, struct policy_rows *out,
                       struct error *problem) {
    for (size_t i = 0; i < a->data->count; i++) {
        const struct data_row *row = &a->data->rows[i];
        struct policy_row *p = &out->rows[out->count];
        if (trained_rows_has(trained, row)) {
            out->trained++;
            continue;
        }
        if (!answer(a, row, p, problem)) {
            out->rejected++;
            continue;
        }
        uint32_t truth = a->label[row->label];
        out->unknown_labels += truth == UINT32_MAX;
        p->wrong = truth != p->answer.label;
        p->certify = hash64_u64(row->identity) >> 63;
        p->passed = a->rules && a->rules->script && passes(a, row, p);
        out->count++;
    }
}

static bool judge(const struct policy_rows *r, const struct dataset *d, const struct model_version *v,
                  const struct error *problem, struct error *err) {
    if (r->count)
        return true;
    if (r->trained == d->count)
        return fail(err, ERR_DATA,
                    "%s was trained on all %zu rows of this data; what it makes of rows that it knows says "
                    "nothing about others. Give rows that were kept out of training.",
                    v->reference, d->count);
    return fail(err, ERR_DATA, "%s could answer none of the %zu rows: %s", v->reference, d->count,
                problem->message);
}

static bool read_all(struct policy_rows *out, struct answering *a, struct error *err) {
    struct trained_rows trained;
    struct error problem = {0};
    a->scratch = scratch_new();
    a->json = BUF_INIT(JSON_BYTES_MAX);
    out->rows = malloc((a->data->count + 1) * sizeof *out->rows);
    bool ok = (a->scratch && out->rows && match_labels(a)) || fail(err, ERR_NO_MEMORY, "out of memory");
    ok = ok && match_columns(a, err) && trained_rows_read(&trained, a->v->blob.bytes, err) &&
         dataset_hash(a->data, out->dataset, err);
    if (ok) {
        answer_all(a, &trained, out, &problem);
        ok = judge(out, a->data, a->v, &problem, err);
    }
    scratch_free(a->scratch);
    buf_free(&a->json);
    free(a->takes);
    free(a->number);
    free(a->label);
    return ok;
}

bool policy_rows_read(struct policy_rows *out, const struct model_version *v, struct row_reader *reader,
                      const struct policy_rules *rules, struct error *err) {
    struct dataset_limits limits = {.rejected_share = 0.05, .least_per_label = 1};
    struct policy_rows r = {0};
    struct dataset d;
    if (!v->backend) {
        *err = v->load_error;
        return false;
    }
    if (!dataset_load(&d, reader, &limits, err))
        return false;
    struct answering *a = calloc(1, sizeof *a);
    bool ok = a || fail(err, ERR_NO_MEMORY, "out of memory");
    if (ok) {
        a->v = v;
        a->data = &d;
        a->rules = rules;
        a->inputs = backend_inputs(v->backend);
        r.rejected = d.rejected;
        ok = read_all(&r, a, err);
    }
    free(a);
    dataset_free(&d);
    if (ok)
        *out = r;
    else
        policy_rows_free(&r);
    return ok;
}

void policy_rows_free(struct policy_rows *r) {
    free(r->rows);
    r->rows = NULL;
}
