#include "cli/policy_report.h"

#include "learn/binomial.h"

#include <stdio.h>

enum { OUTPUT_MAX = 1 << 20 };

static double percent(size_t part, size_t all) {
    return all ? 100 * (double)part / (double)all : 0;
}

static double error_share(const struct policy_measure *m) {
    return percent(m->errors - m->caught, policy_out(m));
}

static void print_table(FILE *out, const struct policy_report *r) {
    const struct calibrated_policy *p = r->policy;
    fputs("  least sure,   threshold   errors among   at most   errors    by the version's\n"
          "  reviewed                  the rest       (95 %)    caught    own confidence\n",
          out);
    for (size_t i = 0; i < POLICY_SHARES; i++) {
        const struct policy_measure *m = &p->risk[i].score, *own = &p->risk[i].own;
        fprintf(out, "  %6.0f %%      %8.4f    %7.2f %%    %7.2f %%  %6.1f %%  %10.1f %%\n",
                policy_shares[i] * 100, (double)p->risk[i].threshold, error_share(m),
                100 * binomial_upper(m->errors - m->caught, policy_out(m), 0.95),
                percent(m->caught, m->errors), percent(own->caught, own->errors));
    }
}

static void print_rows(const struct policy_report *r) {
    const struct policy_rows *rows = r->rows;
    const struct policy_certificate *c = &r->policy->certificate;
    printf("  rows          %zu for choosing, %zu for certifying", c->choosing, c->measured.rows);
    if (rows->trained)
        printf("; %zu left out, the version was trained on them", rows->trained);
    if (rows->rejected)
        printf("; %zu rejected", rows->rejected);
    putchar('\n');
    if (rows->unknown_labels)
        printf("  unknown       %zu rows have labels that the version does not know: any answer is wrong\n",
               rows->unknown_labels);
    printf("  score         %s\n", r->policy->policy.fitted
                                       ? "fitted to the rows for choosing"
                                       : "the version's own confidence: too few errors to fit another");
}

static void print_thresholds(const struct policy_report *r) {
    const struct policy_certificate *c = &r->policy->certificate;
    if (c->accept > c->review)
        printf(
            "  thresholds    %.6f and up straight out, below %.6f to a person; between, the rules decide\n",
            c->accept, c->review);
    else
        printf("  threshold     %.6f: from there on straight out, below to a person\n", c->accept);
    if (r->overrides)
        puts("                The endpoint's configuration has thresholds of its own, which count until they "
             "are removed.");
}

static void print_promise(const struct policy_report *r) {
    const struct policy_certificate *c = &r->policy->certificate;
    const struct policy_measure *m = &c->measured, *u = &c->unproven;
    size_t out = policy_out(m);
    printf("\n  Certified on %zu rows not used for choosing, each at %g %% confidence", m->rows,
           c->confidence * 100);
    if (c->searched > 1)
        printf(" after a search over %zu thresholds", c->searched);
    printf(":\n  errors among what goes out unseen   at most %.2f %%   (seen: %zu of %zu, %.2f %%)\n",
           c->error_most * 100, m->errors - m->caught, out, percent(m->errors - m->caught, out));
    printf("  errors caught by review             at least %.1f %%  (seen: %zu of %zu, %.1f %%)\n",
           c->caught_least * 100, m->caught, m->errors, percent(m->caught, m->errors));
    printf("  answers that go to review           at most %.1f %%   (seen: %zu of %zu, %.1f %%)\n",
           c->reviewed_most * 100, m->reviewed, m->rows, percent(m->reviewed, m->rows));
    printf("  Without review %.2f %% of the answers are wrong.\n\n", percent(m->errors, m->rows));
    printf(
        "  What the promise costs: thresholds that prove nothing would send %.1f %% to review, catch %.1f %% "
        "of\n  the errors and leave %.2f %% wrong.\n\n",
        percent(u->reviewed, u->rows), percent(u->caught, u->errors), error_share(u));
}

static void print_pairs(const struct policy_certificate *c) {
    printf("\n  For when people cannot keep up (review.overflow), each bound proven at %g %% for all rows "
           "together:\n  row    straight out   to a person    reviewed     errors among the rest\n"
           "            from on         below                    seen      at most\n",
           c->confidence * 100);
    for (size_t i = 0; i < c->table_count; i++) {
        const struct policy_measure *m = &c->table[i].measured;
        printf("  %3zu      %8.4f      %8.4f     %6.1f %%   %6.2f %%   %6.2f %%\n", i + 1, c->table[i].accept,
               c->table[i].review, percent(m->reviewed, m->rows), error_share(m),
               100 * c->table[i].error_most);
    }
}

void policy_report_print(const struct policy_report *r) {
    const struct policy_wanted *w = &r->policy->wanted;
    if (r->created)
        printf("%s@%u, calibrated from %s\n", r->version->name, r->created, r->version->reference);
    else
        printf("%s calibrated; nothing was stored (--dry-run)\n", r->version->reference);
    printf("  wanted        at most %g %% %s\n", w->share * 100,
           w->by_error ? "errors among what goes out unseen" : "of all answers to review");
    print_rows(r);
    print_thresholds(r);
    print_promise(r);
    puts("  Risk against coverage, on the rows for certifying:");
    print_table(stdout, r);
    print_pairs(&r->policy->certificate);
    if (r->created)
        printf("\n  It serves once the endpoint's rollout names \"%s@%u\".\n", r->version->name, r->created);
}

void policy_report_refused(const struct policy_report *r) {
    if (r->policy->risk[0].score.rows == 0)
        return;
    fputs("Refused. Risk against coverage, on the rows for certifying:\n", stderr);
    print_table(stderr, r);
}

static void write_measure(struct json_writer *w, const char *key, const struct policy_measure *m) {
    json_key(w, key);
    json_object(w);
    json_field_int(w, "rows", (int64_t)m->rows);
    json_field_int(w, "errors", (int64_t)m->errors);
    json_field_int(w, "reviewed", (int64_t)m->reviewed);
    json_field_int(w, "errors_caught", (int64_t)m->caught);
    json_object_end(w);
}

static void write_risk(struct json_writer *w, const struct calibrated_policy *p) {
    json_key(w, "risk");
    json_array(w);
    for (size_t i = 0; i < POLICY_SHARES; i++) {
        json_object(w);
        json_field_fixed(w, "share", policy_shares[i], 2);
        json_field_fixed(w, "threshold", (double)p->risk[i].threshold, 6);
        write_measure(w, "score", &p->risk[i].score);
        write_measure(w, "own_confidence", &p->risk[i].own);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_pairs(struct json_writer *w, const struct policy_certificate *c) {
    json_key(w, "table");
    json_array(w);
    for (size_t i = 0; i < c->table_count; i++) {
        const struct policy_pair *p = &c->table[i];
        json_object(w);
        json_key(w, "accept");
        json_double(w, p->accept);
        json_key(w, "review");
        json_double(w, p->review);
        json_field_fixed(w, "error_most", p->error_most, 6);
        write_measure(w, "measured", &p->measured);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_rows(struct json_writer *w, const struct policy_report *r) {
    json_key(w, "rows");
    json_object(w);
    json_field_int(w, "choosing", (int64_t)r->policy->certificate.choosing);
    json_field_int(w, "certifying", (int64_t)r->policy->certificate.measured.rows);
    json_field_int(w, "trained_on", (int64_t)r->rows->trained);
    json_field_int(w, "rejected", (int64_t)r->rows->rejected);
    json_field_int(w, "unknown_labels", (int64_t)r->rows->unknown_labels);
    json_object_end(w);
}

bool policy_report_json(const struct policy_report *r, struct error *err) {
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    const struct policy_certificate *c = &r->policy->certificate;
    json_object(&w);
    json_field_text(&w, "model", r->version->name);
    json_key(&w, "version");
    if (r->created)
        json_int(&w, r->created);
    else
        json_null(&w);
    json_field_text(&w, "parent", r->version->reference);
    write_rows(&w, r);
    json_field_bool(&w, "fitted", r->policy->policy.fitted);
    json_key(&w, "accept");
    json_double(&w, c->accept);
    json_key(&w, "review");
    json_double(&w, c->review);
    json_field_fixed(&w, "confidence", c->confidence, 6);
    json_field_int(&w, "thresholds_searched", (int64_t)c->searched);
    json_field_fixed(&w, "error_most", c->error_most, 6);
    json_field_fixed(&w, "caught_least", c->caught_least, 6);
    json_field_fixed(&w, "reviewed_most", c->reviewed_most, 6);
    write_measure(&w, "measured", &c->measured);
    write_measure(&w, "unproven", &c->unproven);
    write_risk(&w, r->policy);
    write_pairs(&w, c);
    json_object_end(&w);
    if (!buf_terminated(&out))
        return fail(err, ERR_NO_MEMORY, "out of memory");
    puts(out.p);
    return true;
}
