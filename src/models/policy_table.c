#include "models/policy_table.h"

static bool share(yyjson_val *object, const char *key, double *out) {
    yyjson_val *value = yyjson_obj_get(object, key);
    double number = yyjson_is_num(value) ? yyjson_get_num(value) : -1;
    if (!(number >= 0 && number <= 1))
        return false;
    *out = number;
    return true;
}

/* "reviewed" of "rows" */
static bool reviewed(yyjson_val *object, const char *rows, double *out) {
    yyjson_val *part = yyjson_obj_get(object, "reviewed"), *all = yyjson_obj_get(object, rows);
    if (!yyjson_is_uint(part) || !yyjson_is_uint(all) || yyjson_get_uint(part) > yyjson_get_uint(all) ||
        yyjson_get_uint(all) == 0)
        return false;
    *out = (double)yyjson_get_uint(part) / (double)yyjson_get_uint(all);
    return true;
}

static bool read_row(struct policy_table_row *out, yyjson_val *object) {
    return share(object, "accept", &out->accept) && share(object, "review", &out->review) &&
           out->review <= out->accept && reviewed(object, "rows", &out->reviewed) &&
           share(object, "error_most", &out->error_most);
}

/* What the pair itself promises: the bound that was asked for, or the one that came of the wanted reviews. */
static bool read_promise(struct policy_table *out, yyjson_val *certificate) {
    struct policy_table_row *first = &out->rows[0];
    bool by_error = yyjson_equals_str(yyjson_obj_get(certificate, "wanted"), "error");
    return share(certificate, "error_most", &first->error_most) &&
           reviewed(certificate, "rows_certifying", &first->reviewed) &&
           share(certificate, by_error ? "wanted_share" : "error_most", &out->promised);
}

bool policy_table_read(struct policy_table *out, yyjson_val *certificate, const struct policy_table_row *pair,
                       struct error *err) {
    struct policy_table t = {.rows = {*pair}, .count = 1};
    yyjson_val *list = yyjson_obj_get(certificate, "table"), *row;
    size_t index, max;
    *out = (struct policy_table){0};
    if (!yyjson_is_obj(certificate))
        return true;
    bool good =
        (read_promise(&t, certificate) && yyjson_is_arr(list) && yyjson_arr_size(list) < POLICY_ROWS_MAX) ||
        !list;
    if (good && list)
        yyjson_arr_foreach(list, index, max, row) good = good && read_row(&t.rows[t.count++], row);
    if (!good)
        return fail(
            err, ERR_ARTEFACT,
            "The table of the policy's certificate is not one of at most %d pairs of thresholds, each "
            "with the shares that it was certified for: calibrate again.",
            POLICY_ROWS_MAX - 1);
    *out = t;
    return true;
}

const struct policy_table_row *policy_table_move(const struct policy_table *t, double bound,
                                                 const struct policy_table_row *own) {
    const struct policy_table_row *best = NULL;
    double most = bound < 0 ? t->promised : bound;
    for (unsigned i = 0; i < t->count; i++) {
        const struct policy_table_row *row = &t->rows[i];
        bool below = own ? row->accept <= own->accept && row->review <= own->review &&
                               (row->accept < own->accept || row->review < own->review)
                         : row->reviewed < t->rows[0].reviewed;
        if (below && row->error_most <= most && (!best || row->reviewed < best->reviewed))
            best = row;
    }
    return best;
}
