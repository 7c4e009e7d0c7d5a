#include "evals/report.h"

#include "models/rules_view.h"

enum { ANSWER_SHOWN = 4000 };

/* ---- JSON ---- */

static void field_double(struct json_writer *w, const char *key, double value) {
    json_key(w, key);
    json_double(w, value); /* NaN becomes null */
}

static void write_comparison(struct json_writer *w, const struct comparison *c) {
    json_field_text(w, "test", significance_test_name(c->test));
    json_field_int(w, "pairs", (int64_t)c->pairs);
    json_field_int(w, "better", (int64_t)c->better);
    json_field_int(w, "worse", (int64_t)c->worse);
    field_double(w, "difference", c->difference);
    field_double(w, "low", c->low);
    field_double(w, "high", c->high);
    field_double(w, "p", c->p);
}

static void write_side(struct json_writer *w, const struct graded_side *g) {
    json_field_text(w, "name", g->name);
    json_field_text(w, "source", evaluation_source_name(g->kind));
    json_field_str(w, "model", str_from(g->model));
    json_field_int(w, "cases", (int64_t)g->given);
    json_field_int(w, "passed", (int64_t)g->passed);
    field_double(w, "mean_score", g->mean_score);
    json_key(w, "latency_ms");
    json_object(w);
    field_double(w, "mean", g->latency_ms.mean);
    field_double(w, "p50", g->latency_ms.p50);
    field_double(w, "p95", g->latency_ms.p95);
    json_object_end(w);
    field_double(w, "cost_usd", g->cost_usd);
    field_double(w, "seconds", g->seconds);
}

static void write_slices(struct json_writer *w, const struct verdict *v) {
    json_key(w, "slices");
    json_array(w);
    for (size_t i = 0; i < v->slice_count; i++) {
        const struct slice_result *s = &v->slices[i];
        json_object(w);
        json_field_str(w, "name", s->name);
        json_field_int(w, "cases", (int64_t)s->cases);
        json_field_int(w, "passed", (int64_t)s->passed);
        if (v->compared) {
            write_comparison(w, &s->comparison);
            field_double(w, "p_adjusted", s->p_adjusted);
        }
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_reason(struct json_writer *w, const struct graded_case *c) {
    if (!c->reason[0])
        return;
    json_field_text(w, "reason", c->reason);
    if (!c->failed)
        return;
    AUTO_BUF assertion = BUF_INIT(1024);
    assertion_describe(c->failed, &assertion);
    json_field_str(w, "assertion", buf_str(&assertion));
    if (c->failed->line)
        json_field_int(w, "line", c->failed->line);
}

static void write_case(struct json_writer *w, const struct report *r, size_t i) {
    const struct graded_case *c = &r->candidate->cases[i];
    const struct suite_case *in = &r->suite->cases[i];
    const struct answer *answer = &r->candidate->answers.list[i * r->candidate->answers.runs];
    json_object(w);
    json_field_str(w, "id", in->id);
    if (in->slice.n)
        json_field_str(w, "slice", in->slice);
    json_key(w, "passed");
    if (c->given)
        json_bool(w, c->passed);
    else
        json_null(w);
    field_double(w, "score", c->given ? (double)c->score : NAN);
    if (c->runs > 1) {
        json_field_int(w, "runs", c->runs);
        json_field_int(w, "runs_passed", c->runs_passed);
    }
    if (r->baseline && r->baseline->cases[i].given) {
        json_field_bool(w, "baseline_passed", r->baseline->cases[i].passed);
        field_double(w, "baseline_score", (double)r->baseline->cases[i].score);
    }
    if (answer->given && !answer->refused)
        json_field_str(w, "answer", rules_cut(answer->text, ANSWER_SHOWN));
    field_double(w, "latency_ms", c->latency_ms);
    field_double(w, "cost_usd", c->cost_usd);
    write_reason(w, c);
    json_object_end(w);
}

static void write_suite(struct json_writer *w, const struct suite *s) {
    json_field_str(w, "suite", s->name);
    json_field_text(w, "suite_hash", s->hash);
    json_field_str(w, "endpoint", s->endpoint);
    field_double(w, "minimum", s->minimum);
    field_double(w, "margin", s->margin);
    json_field_int(w, "cases_minimum", (int64_t)s->cases_minimum);
    json_field_int(w, "cases", (int64_t)s->case_count);
    json_field_int(w, "runs", s->runs);
}

static void write_result(struct json_writer *w, const struct report *r) {
    const struct verdict *v = r->verdict;
    json_field_text(w, "verdict", evaluation_verdict_name(v->outcome));
    json_field_text(w, "reason", v->reason);
    field_double(w, "share", v->share);
    field_double(w, "low", v->low);
    field_double(w, "high", v->high);
    json_field_int(w, "unanswered", (int64_t)(r->candidate->count - r->candidate->given));
    json_key(w, "candidate");
    json_object(w);
    write_side(w, r->candidate);
    json_object_end(w);
    if (!v->compared)
        return;
    json_key(w, "baseline");
    json_object(w);
    write_side(w, r->baseline);
    json_object_end(w);
    json_key(w, "comparison");
    json_object(w);
    write_comparison(w, &v->comparison);
    json_object_end(w);
}

void report_json(const struct report *r, bool all, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    size_t written = 0, most = all ? SIZE_MAX : REPORT_FAILURES_KEPT;
    json_object(&w);
    write_suite(&w, r->suite);
    write_result(&w, r);
    write_slices(&w, r->verdict);
    json_key(&w, all ? "results" : "failures");
    json_array(&w);
    for (size_t i = 0; i < r->candidate->count && written < most; i++) {
        const struct graded_case *c = &r->candidate->cases[i];
        if (!all && c->given && c->passed)
            continue;
        write_case(&w, r, i);
        written++;
    }
    json_array_end(&w);
    json_object_end(&w);
}

/* ---- JUnit ---- */

/* XML 1.0 has no place for most control characters, not even escaped. */
static void xml_text(struct buf *out, struct str s) {
    bool valid = str_is_utf8(s, NULL);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool noncharacter = c == 0xEF && i + 2 < s.n && (unsigned char)s.p[i + 1] == 0xBF &&
                            (unsigned char)s.p[i + 2] >= 0xBE;
        switch (c) {
        case '&': buf_add_str(out, STR("&amp;")); break;
        case '<': buf_add_str(out, STR("&lt;")); break;
        case '>': buf_add_str(out, STR("&gt;")); break;
        case '"': buf_add_str(out, STR("&quot;")); break;
        case '\n': buf_add_str(out, STR("&#10;")); break;
        case '\t': buf_add_str(out, STR("&#9;")); break;
        default: buf_add_char(out, c < 0x20 || (c >= 0x80 && !valid) || noncharacter ? '?' : (char)c);
        }
        i += noncharacter ? 2 : 0;
    }
}

static void xml_attribute(struct buf *out, const char *name, struct str value) {
    buf_printf(out, " %s=\"", name);
    xml_text(out, value);
    buf_add_char(out, '"');
}

/* A suite may pass with some cases wrong, and a build server takes each failure for a broken build: they are
 * skipped then, with their reasons. */
static void write_test(struct buf *out, const struct report *r, size_t i) {
    const struct graded_case *c = &r->candidate->cases[i];
    const struct suite_case *in = &r->suite->cases[i];
    const struct answer *answer = &r->candidate->answers.list[i * r->candidate->answers.runs];
    buf_add_str(out, STR("    <testcase"));
    xml_attribute(out, "classname", in->slice.n ? in->slice : r->suite->name);
    xml_attribute(out, "name", in->id);
    buf_printf(out, " time=\"%.6f\"", isnan(c->latency_ms) ? 0.0 : c->latency_ms / 1e3);
    if (c->given && c->passed) {
        buf_add_str(out, STR("/>\n"));
        return;
    }
    const char *kind = r->verdict->outcome == EVALUATION_PASS ? "skipped" : c->given ? "failure" : "error";
    buf_printf(out, ">\n      <%s", kind);
    xml_attribute(out, "message", str_from(c->reason));
    buf_add_char(out, '>');
    if (answer->given && !answer->refused)
        xml_text(out, rules_cut(answer->text, ANSWER_SHOWN));
    buf_printf(out, "</%s>\n    </testcase>\n", kind);
}

/* The verdict is a test of its own, so that a build fails when the version is worse though each case may
 * pass. */
static void write_verdict(struct buf *out, const struct report *r) {
    buf_add_str(out, STR("    <testcase"));
    xml_attribute(out, "classname", r->suite->name);
    xml_attribute(out, "name", STR("verdict"));
    if (r->verdict->outcome == EVALUATION_PASS) {
        buf_add_str(out, STR("/>\n"));
        return;
    }
    const char *kind = r->verdict->outcome == EVALUATION_WORSE ? "failure" : "error";
    buf_printf(out, ">\n      <%s", kind);
    xml_attribute(out, "type", str_from(evaluation_verdict_name(r->verdict->outcome)));
    xml_attribute(out, "message", str_from(r->verdict->reason));
    buf_add_str(out, STR("/>\n    </testcase>\n"));
}

void report_junit(const struct report *r, struct buf *out) {
    const struct graded_side *g = r->candidate;
    bool pass = r->verdict->outcome == EVALUATION_PASS;
    size_t wrong = g->given - g->passed, missing = g->count - g->given,
           failures = pass ? 0 : wrong + (r->verdict->outcome == EVALUATION_WORSE),
           errors = pass ? 0 : missing + (r->verdict->outcome == EVALUATION_NOT_ENOUGH_DATA);
    buf_add_str(out, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite"));
    xml_attribute(out, "name", r->suite->name);
    buf_printf(
        out,
        " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.6f\">\n    <properties>\n",
        g->count + 1, failures, errors, pass ? wrong + missing : 0, g->seconds);
    buf_add_str(out, STR("      <property name=\"candidate\""));
    xml_attribute(out, "value", str_from(g->name));
    buf_add_str(out, STR("/>\n      <property name=\"suite_hash\""));
    xml_attribute(out, "value", str_from(r->suite->hash));
    buf_add_str(out, STR("/>\n    </properties>\n"));
    write_verdict(out, r);
    for (size_t i = 0; i < g->count; i++)
        write_test(out, r, i);
    buf_add_str(out, STR("  </testsuite>\n</testsuites>\n"));
}
