#include "pipeline/thresholds.h"

#include "store/registry.h"

static bool has_own(const struct config_endpoint *c) {
    return c->has_accept_threshold || c->has_review_threshold;
}

static struct thresholds standing(const struct config_endpoint *c, const struct model_version *v) {
    return (struct thresholds){.accept = c->has_accept_threshold ? c->accept_threshold : v->accept,
                               .review = c->has_review_threshold ? c->review_threshold : v->review};
}

struct thresholds thresholds_moved(const struct config_endpoint *c, const struct model_version *v) {
    struct thresholds t = standing(c, v);
    const struct policy_table_row own = {.accept = t.accept, .review = t.review};
    double bound = c->review.has_overflow_error ? c->review.overflow_error : -1;
    const struct policy_table_row *row = policy_table_move(&v->policy.table, bound, has_own(c) ? &own : NULL);
    return row ? (struct thresholds){row->accept, row->review, row} : t;
}

struct thresholds thresholds_of(const struct endpoint *e, const struct model_version *v) {
    return e->overflow == OVERFLOW_THRESHOLDS ? thresholds_moved(e->config, v) : standing(e->config, v);
}

/* ---- in words ---- */

static void describe(const struct config_endpoint *c, const struct model_version *v, struct buf *out) {
    struct thresholds t = thresholds_moved(c, v);
    const struct policy_table *table = &v->policy.table;
    buf_add_str(out, str_from(v->reference));
    if (t.row)
        buf_printf(
            out,
            " by row %d of %u: from %.4g on out, below %.4g to people; proven: at most %.3g %% of what "
            "goes out wrong",
            (int)(t.row - table->rows), table->count - 1, t.accept, t.review, 100 * t.row->error_most);
    else if (table->count == 0)
        buf_add_str(out, STR(" has no certificate, nothing gives"));
    else if (table->count == 1)
        buf_add_str(out, STR(" has no table of certified thresholds, nothing gives"));
    else
        buf_add_str(out, STR(" stays, no row keeps the bound and sends fewer to people"));
}

void thresholds_describe(const struct endpoint *e, struct buf *out) {
    for (unsigned i = 0; i < e->share_count; i++)
        if (e->shares[i].version) {
            if (out->n)
                buf_add_str(out, STR("; "));
            describe(e->config, e->shares[i].version, out);
        }
}

/* ---- before it serves ---- */

bool thresholds_check(struct store *store, const struct config_endpoint *c, const char *model,
                      unsigned version, struct error *err) {
    struct version_record record;
    struct policy_table table = {.count = 0};
    struct error damaged; /* said when it loads */
    if (c->review.overflow != OVERFLOW_THRESHOLDS || !c->review.has_overflow_error)
        return true;
    if (!registry_find(store, model, version, &record, err))
        return false;
    yyjson_doc *doc = json_parse(str_from(record.manifest), NULL);
    yyjson_val *policy = yyjson_obj_get(doc ? yyjson_doc_get_root(doc) : NULL, "policy");
    const struct policy_table_row pair = {.accept = 1, .review = 1};
    bool has =
        policy_table_read(&table, yyjson_obj_get(policy, "certificate"), &pair, &damaged) && table.count > 1;
    if (!has)
        fail(err, ERR_CONFLICT,
             "%s@%u has no table of certified thresholds, which review.overflow_error of endpoint \"%s\" "
             "moves along: make a version that has one with \"penstock calibrate\", or take the option out",
             record.name, record.version, c->name);
    yyjson_doc_free(doc);
    version_record_clear(&record);
    return has;
}
