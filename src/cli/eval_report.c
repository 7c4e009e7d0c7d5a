#include "cli/eval_report.h"

#include "cli/table.h"

#include <stdio.h>

enum { FAILURES_SHOWN = 10, SLICES_SHOWN = 40 };
#define ANSWERS_MAX ((size_t)1 << 30)

/* ---- files ---- */

static bool write_file(const char *path, struct buf *text, struct error *err) {
    if (text->failed)
        return fail(err, ERR_NO_MEMORY, "%s: out of memory, or more than %zu bytes.", path, text->cap);
    FILE *file = fopen(path, "we");
    if (!file)
        return fail(err, ERR_IO, "Cannot write %s: %m.", path);
    bool good = fwrite(text->p, 1, text->n, file) == text->n;
    good = fclose(file) == 0 && good;
    return good || fail(err, ERR_IO, "Cannot write %s: %m.", path);
}

bool eval_write_files(const struct report *r, const char *json, const char *junit, const char *answers,
                      struct error *err) {
    AUTO_BUF text = BUF_INIT(REPORT_MAX), xml = BUF_INIT(REPORT_MAX), said = BUF_INIT(ANSWERS_MAX);
    if (json)
        report_json(r, true, &text);
    if (junit)
        report_junit(r, &xml);
    if (answers)
        answers_write(&r->candidate->answers, r->suite, &said);
    return (!json || write_file(json, &text, err)) && (!junit || write_file(junit, &xml, err)) &&
           (!answers || write_file(answers, &said, err));
}

/* ---- the terminal ---- */

static void print_comparison(const struct report *r) {
    const struct verdict *v = r->verdict;
    const struct comparison *c = &v->comparison;
    if (!v->compared)
        return;
    printf("  baseline    %zu of %zu, %.2f %%   (%s)\n", r->baseline->passed, r->baseline->given,
           r->baseline->given ? 100 * (double)r->baseline->passed / (double)r->baseline->given : 0,
           r->baseline->name);
    printf("  difference  %+.2f points, 95 %% interval %+.2f to %+.2f   (%zu better, %zu worse of %zu pairs; "
           "p = %.2g, %s)\n",
           100 * c->difference, 100 * c->low, 100 * c->high, c->better, c->worse, c->pairs, c->p,
           significance_test_name(c->test));
}

static void print_measures(const struct graded_side *g) {
    if (!isnan(g->latency_ms.p50))
        printf("  latency     p50 %.3g ms, p95 %.3g ms\n", g->latency_ms.p50, g->latency_ms.p95);
    if (!isnan(g->cost_usd))
        printf("  cost        %.9f USD\n", g->cost_usd);
    else if (g->kind == EVALUATION_OF_ENDPOINT && g->given)
        printf("  cost        unknown of %zu cases\n", g->cost_unknown);
}

static void print_slices(const struct verdict *v) {
    static const char *const heads[] = {"SLICE", "CASES", "PASSED", "SHARE", "DIFFERENCE", "P (HOLM)"};
    if (v->slice_count == 0)
        return;
    struct table t = table_new(heads, v->compared ? 6 : 4);
    for (size_t i = 0; i < v->slice_count && i < SLICES_SHOWN; i++) {
        const struct slice_result *s = &v->slices[i];
        table_cell(&t, s->name);
        table_cell_format(&t, "%zu", s->cases);
        table_cell_format(&t, "%zu", s->passed);
        table_cell_format(&t, "%.2f %%", s->cases ? 100 * (double)s->passed / (double)s->cases : 0);
        if (!v->compared)
            continue;
        table_cell_format(&t, "%+.2f", 100 * s->comparison.difference);
        table_cell_format(&t, "%.2g", s->p_adjusted);
    }
    putchar('\n');
    table_print(&t, stdout);
    if (v->slice_count > SLICES_SHOWN)
        printf("and %zu more (--json FILE has all)\n", v->slice_count - SLICES_SHOWN);
}

static void print_failures(const struct report *r) {
    static const char *const heads[] = {"CASE", "SLICE", "WHY"};
    size_t shown = 0, all = 0;
    struct table t = table_new(heads, 3);
    for (size_t i = 0; i < r->candidate->count; i++) {
        const struct graded_case *c = &r->candidate->cases[i];
        if (c->given && c->passed)
            continue;
        if (all++ >= FAILURES_SHOWN)
            continue;
        shown++;
        table_cell(&t, r->suite->cases[i].id);
        table_cell(&t, r->suite->cases[i].slice);
        table_cell(&t, str_from(c->reason));
    }
    if (shown) {
        putchar('\n');
        table_print(&t, stdout);
    } else {
        buf_free(&t.text);
    }
    if (all > shown)
        printf("and %zu more (--json FILE has all)\n", all - shown);
}

void eval_print(const struct report *r, const char *stored) {
    const struct graded_side *g = r->candidate;
    const struct verdict *v = r->verdict;
    print_plain(stdout, r->suite->name);
    printf(": %zu cases", r->suite->case_count);
    if (r->suite->runs > 1)
        printf(", %u runs each", r->suite->runs);
    if (r->suite->left_out)
        printf(" (%zu without an assertion left out)", r->suite->left_out);
    printf("\n\n  passed      %zu of %zu, %.2f %%, 95 %% interval %.2f to %.2f   (", g->passed, g->given,
           100 * v->share, 100 * v->low, 100 * v->high);
    print_plain(stdout, str_from(g->name));
    puts(")");
    print_comparison(r);
    print_measures(g);
    print_slices(v);
    print_failures(r);
    printf("\n%s: ", evaluation_verdict_name(v->outcome));
    print_plain(stdout, str_from(v->reason));
    if (stored)
        printf("\nstored as %s", stored);
    putchar('\n');
}
