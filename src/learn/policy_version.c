#include "learn/policy_version.h"

#include <stdlib.h>
#include <string.h>

enum { MANIFEST_BYTES_MAX = 64 << 20 };

const double policy_shares[POLICY_SHARES] = {0.02, 0.05, 0.08, 0.10, 0.12, 0.15, 0.20, 0.30};

static struct policy_case *cases_of(const struct policy *p, const struct policy_rows *rows) {
    struct policy_case *cases = malloc((rows->count + 1) * sizeof *cases);
    for (size_t i = 0; cases && i < rows->count; i++) {
        const struct policy_row *row = &rows->rows[i];
        cases[i] = (struct policy_case){.score = policy_score(p, &row->answer, &row->facts),
                                        .own = row->answer.confidence,
                                        .wrong = row->wrong,
                                        .certify = row->certify,
                                        .passed = row->passed};
    }
    return cases;
}

static bool fill_risk(struct calibrated_policy *p, const struct policy_case *cases, size_t count) {
    float unused;
    for (size_t i = 0; i < POLICY_SHARES; i++)
        if (!policy_risk(&p->risk[i].score, &p->risk[i].threshold, cases, count, policy_shares[i], false) ||
            !policy_risk(&p->risk[i].own, &unused, cases, count, policy_shares[i], true))
            return false;
    return true;
}

/* On rows that the score was not fitted to: these are what traffic is compared with. */
static void note_scores(struct calibrated_policy *p, const struct policy_case *cases, size_t count) {
    double sum = 0;
    p->scores = histogram_linear("confidence", 0.05, 0.05, 19);
    for (size_t i = 0; i < count; i++) {
        if (!cases[i].certify)
            continue;
        histogram_add(&p->scores, (double)cases[i].score);
        sum += (double)cases[i].score;
    }
    p->mean_score = p->scores.rows ? sum / (double)p->scores.rows : 0;
}

/* Manifest */

static void write_share(struct json_writer *w, const char *key, double share) {
    json_key(w, key);
    json_fixed(w, share, 6);
}

static void write_table(struct json_writer *w, const struct policy_certificate *c) {
    json_key(w, "table");
    json_array(w);
    for (size_t i = 0; i < c->table_count; i++) {
        const struct policy_pair *p = &c->table[i];
        json_object(w);
        json_key(w, "accept");
        json_double(w, p->accept);
        json_key(w, "review");
        json_double(w, p->review);
        json_field_int(w, "rows", (int64_t)p->measured.rows);
        json_field_int(w, "reviewed", (int64_t)p->measured.reviewed);
        json_field_int(w, "errors", (int64_t)(p->measured.errors - p->measured.caught));
        write_share(w, "error_most", p->error_most);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_certificate(struct json_writer *w, const struct calibrated_policy *p,
                              const struct policy_rows *rows) {
    const struct policy_certificate *c = &p->certificate;
    json_key(w, "certificate");
    json_object(w);
    json_field_text(w, "wanted", p->wanted.by_error ? "error" : "review");
    write_share(w, "wanted_share", p->wanted.share);
    write_share(w, "confidence", c->confidence);
    json_field_text(w, "data_sha256", rows->dataset);
    json_field_int(w, "rows_choosing", (int64_t)c->choosing);
    json_field_int(w, "rows_certifying", (int64_t)c->measured.rows);
    json_field_int(w, "searched", (int64_t)c->searched);
    json_field_int(w, "errors", (int64_t)c->measured.errors);
    json_field_int(w, "reviewed", (int64_t)c->measured.reviewed);
    json_field_int(w, "errors_reviewed", (int64_t)c->measured.caught);
    write_share(w, "error_most", c->error_most);
    write_share(w, "caught_least", c->caught_least);
    write_share(w, "reviewed_most", c->reviewed_most);
    write_table(w, c);
    json_object_end(w);
}

static void write_scores(struct json_writer *w, const struct calibrated_policy *p) {
    json_key(w, "confidence");
    json_object(w);
    histogram_write_fields(&p->scores, w);
    write_share(w, "mean", p->mean_score);
    json_field_int(w, "rows", (int64_t)p->scores.rows);
    json_object_end(w);
}

static void write_policy(struct json_writer *w, const struct calibrated_policy *p,
                         const struct model_version *v, const struct policy_rows *rows) {
    json_key(w, "policy");
    json_object(w);
    policy_write(&p->policy, w);
    json_field_text(w, "parent", v->reference);
    write_scores(w, p);
    write_certificate(w, p, rows);
    json_object_end(w);
}

/* Everything of the parent's but its policy. */
static bool write_manifest(struct calibrated_policy *p, const struct model_version *v, yyjson_val *parent,
                           const struct policy_rows *rows, struct error *err) {
    struct json_writer w = JSON_WRITER(&p->manifest);
    size_t index, max;
    yyjson_val *key, *value;
    json_object(&w);
    yyjson_obj_foreach(parent, index, max, key, value) {
        if (yyjson_equals_str(key, "policy"))
            continue;
        json_str(&w, json_str_of(key));
        buf_add_char(w.out, ':');
        w.comma = false;
        json_value(&w, value);
    }
    write_policy(&w, p, v, rows);
    json_object_end(&w);
    return !p->manifest.failed ||
           fail(err, ERR_NO_MEMORY, "The manifest is over its limit of %d bytes.", MANIFEST_BYTES_MAX);
}

static bool calibrate(struct calibrated_policy *p, const struct model_version *v, yyjson_val *manifest,
                      const struct policy_rows *rows, struct error *err) {
    if (!policy_learn_reliability(&p->policy, manifest, v->labels, v->label_count, err) ||
        !policy_fit(&p->policy, rows, err))
        return false;
    struct policy_case *cases = cases_of(&p->policy, rows);
    bool ok = (cases && fill_risk(p, cases, rows->count)) || fail(err, ERR_NO_MEMORY, "out of memory");
    if (ok)
        note_scores(p, cases, rows->count);
    ok = ok && policy_choose(&p->certificate, cases, rows->count, &p->wanted, err);
    free(cases);
    if (!ok)
        return false;
    p->policy.accept = p->certificate.accept;
    p->policy.review = p->certificate.review;
    return write_manifest(p, v, manifest, rows, err);
}

bool policy_calibrate(struct calibrated_policy *out, const struct model_version *v, const char *parent,
                      const struct policy_rows *rows, const struct policy_wanted *wanted, struct error *err) {
    *out = (struct calibrated_policy){.wanted = *wanted, .manifest = BUF_INIT(MANIFEST_BYTES_MAX)};
    yyjson_doc *doc = json_parse(str_from(parent), err);
    if (!doc)
        return fail_within(err, "The manifest of %s", v->reference);
    bool ok = calibrate(out, v, yyjson_doc_get_root(doc), rows, err);
    yyjson_doc_free(doc);
    return ok;
}

void calibrated_policy_free(struct calibrated_policy *p) {
    policy_free(&p->policy);
    buf_free(&p->manifest);
}
