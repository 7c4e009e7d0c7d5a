#include "evals/assertion.h"

#include "cache/wording.h"
#include "evals/expression.h"
#include "guard/regex.h"
#include "guard/schema.h"
#include "models/rules_view.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN = 80, REASON_BUF = 2000 };

const char *assertion_kind_name(enum assertion_kind kind) {
    static const char *const names[] = {
        [ASSERT_EQUALS] = "equals",       [ASSERT_CONTAINS] = "contains",
        [ASSERT_ICONTAINS] = "icontains", [ASSERT_STARTS_WITH] = "starts-with",
        [ASSERT_REGEX] = "regex",         [ASSERT_JSON] = "is-json",
        [ASSERT_NUMBER] = "number",       [ASSERT_LUA] = "lua",
        [ASSERT_SIMILAR] = "similar",     [ASSERT_RUBRIC] = "rubric",
        [ASSERT_TOOL] = "tool",           [ASSERT_LATENCY] = "latency",
        [ASSERT_COST] = "cost",
    };
    return names[kind];
}

bool assertion_prepare(struct assertion *a, struct error *err) {
    if (a->kind == ASSERT_REGEX) {
        a->regex = regex_compile(a->value, err);
        return a->regex != NULL;
    }
    return a->kind != ASSERT_LUA || expression_check(a->value, err);
}

void assertion_free(struct assertion *a) {
    if (!a)
        return;
    regex_free(a->regex);
    schema_unref(a->schema);
    yyjson_doc_free(a->arguments);
    free(a);
}

/* ---- texts ---- */

static struct str trimmed(struct str s) {
    while (s.n && isspace((unsigned char)s.p[0]))
        s = str_slice(s, 1, s.n);
    while (s.n && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool contains_nocase(struct str text, struct str needle) {
    for (size_t i = 0; i + needle.n <= text.n; i++)
        if (str_eq_nocase(str_slice(text, i, i + needle.n), needle))
            return true;
    return false;
}

static void PRINTF_LIKE(2, 3) say(struct assertion_outcome *out, const char *format, ...) {
    char text[REASON_BUF];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct str s = rules_cut((struct str){text, n < 0                     ? 0
                                                : (size_t)n < sizeof text ? (size_t)n
                                                                          : sizeof text - 1},
                             ASSERTION_REASON_MAX - 1);
    for (size_t i = 0; i < s.n; i++)
        out->reason[i] = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F ? ' ' : s.p[i];
    out->reason[s.n] = '\0';
}

static void say_answer(const struct assertion *a, const struct answer *answer,
                       struct assertion_outcome *out) {
    struct str text = trimmed(answer->text), shown = rules_cut(text, SHOWN),
               value = rules_cut(a->value, SHOWN);
    say(out, "the answer \"%.*s\"%s: expected %s%s \"%.*s\"%s", STR_ARG(shown), shown.n < text.n ? " …" : "",
        a->negated ? "not " : "", assertion_kind_name(a->kind), STR_ARG(value),
        value.n < a->value.n ? " …" : "");
}

static bool equals_json(const struct assertion *a, struct str text) {
    yyjson_doc *doc = json_parse(text, NULL);
    bool same = doc && yyjson_equals(yyjson_doc_get_root(doc), yyjson_doc_get_root(a->arguments));
    yyjson_doc_free(doc);
    return same;
}

static void check_text(const struct assertion *a, const struct answer *answer,
                       struct assertion_outcome *out) {
    struct str text = trimmed(answer->text), value = a->kind == ASSERT_REGEX ? a->value : trimmed(a->value);
    switch (a->kind) {
    case ASSERT_EQUALS: out->passed = a->arguments ? equals_json(a, text) : str_eq(text, value); break;
    case ASSERT_CONTAINS: out->passed = str_find(text, value) != SIZE_MAX; break;
    case ASSERT_ICONTAINS: out->passed = contains_nocase(text, value); break;
    default: out->passed = str_starts(text, value); break;
    }
    if (out->passed == a->negated)
        say_answer(a, answer, out);
}

/* Undecided never passes, negated or not. */
static bool check_regex(const struct assertion *a, const struct answer *answer,
                        struct assertion_outcome *out) {
    enum regex_outcome found = regex_find(a->regex, answer->text);
    out->passed = found == REGEX_MATCH;
    if (found == REGEX_UNDECIDED)
        say(out, "the pattern took too many steps on this answer: undecided");
    else if (out->passed == a->negated)
        say_answer(a, answer, out);
    return found != REGEX_UNDECIDED;
}

/* ---- JSON ---- */

static bool check_json(const struct assertion *a, const struct answer *answer,
                       struct assertion_outcome *out) {
    struct error err;
    struct schema_verdict verdict;
    AUTO_BUF text = BUF_INIT(REASON_BUF);
    yyjson_doc *doc = json_parse(trimmed(answer->text), &err);
    enum schema_outcome found = SCHEMA_VALID;
    if (doc && a->schema)
        found = schema_check(a->schema, yyjson_doc_get_root(doc), 0, &verdict);
    out->passed = doc && found == SCHEMA_VALID;
    if (!doc)
        say(out, "the answer is not JSON: %s", err.message);
    else if (found != SCHEMA_VALID) {
        schema_explain(&verdict, &text);
        say(out, "%s", buf_terminated(&text) ? text.p : "the answer does not fit the schema");
    } else if (a->negated)
        say(out, "the answer is JSON%s: expected not", a->schema ? " that fits the schema" : "");
    yyjson_doc_free(doc);
    return found != SCHEMA_UNDECIDED && (doc || err.code != ERR_NO_MEMORY);
}

/* What `wanted` has is in `found`: members of objects by name, all else equal. */
static bool json_holds(yyjson_val *found, yyjson_val *wanted, unsigned depth) {
    size_t i, max;
    yyjson_val *key, *value;
    if (yyjson_is_num(wanted) && yyjson_is_num(found))
        return yyjson_get_num(wanted) == yyjson_get_num(found);
    if (!yyjson_is_obj(wanted))
        return yyjson_equals(found, wanted);
    if (!yyjson_is_obj(found) || depth > JSON_DEPTH_MAX)
        return false;
    yyjson_obj_foreach(wanted, i, max, key, value) {
        struct str name = json_str_of(key);
        if (!json_holds(yyjson_obj_getn(found, name.p, name.n), value, depth + 1))
            return false;
    }
    return true;
}

static void check_tool(const struct assertion *a, const struct answer *answer,
                       struct assertion_outcome *out) {
    yyjson_doc *doc = answer->tools.p ? json_parse(answer->tools, NULL) : NULL;
    yyjson_val *calls = doc ? yyjson_doc_get_root(doc) : NULL, *call;
    size_t i, max, named = 0;
    yyjson_arr_foreach(calls, i, max, call) {
        if (!str_eq(json_str_of(yyjson_obj_get(call, "name")), a->value))
            continue;
        named++;
        if (!a->arguments ||
            json_holds(yyjson_obj_get(call, "arguments"), yyjson_doc_get_root(a->arguments), 0))
            out->passed = true;
    }
    if (out->passed == a->negated)
        say(out, "the tool \"%.*s\" was %s", (int)(a->value.n > SHOWN ? SHOWN : a->value.n), a->value.p,
            out->passed ? "called"
            : named     ? "called with other arguments"
                        : "not called");
    yyjson_doc_free(doc);
}

/* ---- numbers ---- */

enum { NUMBER_DIGITS_MAX = 60 };

/* Of the digits from i on, "1,234.5e3"; its end, or i where there is none. */
static size_t number_at(struct str s, size_t i, char digits[NUMBER_DIGITS_MAX + 1]) {
    size_t n = 0, start = i;
    bool point = false;
    if (i > 0 && s.p[i - 1] == '-' && (i < 2 || !isalnum((unsigned char)s.p[i - 2])))
        digits[n++] = '-';
    for (; i < s.n && n < NUMBER_DIGITS_MAX; i++) {
        bool more = i + 1 < s.n && isdigit((unsigned char)s.p[i + 1]);
        if (isdigit((unsigned char)s.p[i]))
            digits[n++] = s.p[i];
        else if (s.p[i] == '.' && more && !point) {
            digits[n++] = '.';
            point = true;
        } else if (s.p[i] != ',' || !more || point)
            break;
    }
    digits[n] = '\0';
    return n == NUMBER_DIGITS_MAX ? start : i;
}

static bool last_number(struct str s, double *out) {
    char digits[NUMBER_DIGITS_MAX + 1];
    bool found = false;
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.p[i]))
            continue;
        size_t end = number_at(s, i, digits);
        found = end > i && str_to_double(str_from(digits), out);
        for (i = end > i ? end : i; i + 1 < s.n && isdigit((unsigned char)s.p[i]);)
            i++;
    }
    return found;
}

static bool whole_number(struct str s, double *out) {
    return str_to_double(trimmed(s), out) || last_number(s, out);
}

static void check_number(const struct assertion *a, const struct answer *answer,
                         struct assertion_outcome *out) {
    double found, within = a->relative ? fabs(a->number) * a->within : a->within;
    if (!whole_number(answer->text, &found)) {
        say(out, "there is no number in the answer");
        return;
    }
    /* 0.1 + 0.2 is 0.3 to whoever writes a suite. */
    out->passed = fabs(found - a->number) <= within + 1e-12 * fmax(fabs(found), fabs(a->number));
    if (out->passed == a->negated)
        say(out, "the number %.15g: expected %s%.15g within %g", found, a->negated ? "not " : "", a->number,
            within);
}

static bool check_limit(const struct assertion *a, double found, const char *unit,
                        struct assertion_outcome *out) {
    if (isnan(found)) {
        say(out, "the %s of this answer is not known", assertion_kind_name(a->kind));
        return false;
    }
    out->passed = found <= a->number;
    if (out->passed == a->negated)
        say(out, "the %s was %.9g%s: expected %s %.9g%s", assertion_kind_name(a->kind), found, unit,
            a->negated ? "more than" : "at most", a->number, unit);
    return true;
}

/* ---- similarity ---- */

static double cosine(const struct wording *a, const struct wording *b) {
    int8_t x[WORDING_DIMENSIONS], y[WORDING_DIMENSIONS];
    float fx, fy;
    wording_vector(a, x, &fx);
    wording_vector(b, y, &fy);
    double found = (double)vector_product(x, y, WORDING_DIMENSIONS) * (double)fx * (double)fy;
    return found < 0 ? 0 : found > 1 ? 1 : found;
}

static bool check_similar(const struct assertion *a, const struct answer *answer,
                          struct assertion_outcome *out) {
    struct wording *both = malloc(2 * sizeof *both);
    bool decided = false;
    if (!both) {
        say(out, "out of memory");
        return false;
    }
    wording_read(&both[0], trimmed(answer->text));
    wording_read(&both[1], trimmed(a->value));
    if (!both[0].whole || !both[1].whole) {
        say(out, "similarity is for texts of at most %d bytes and %d words", WORDING_BYTES_MAX,
            WORDING_WORDS_MAX);
    } else {
        decided = true;
        out->graded = true;
        out->score = str_eq(trimmed(answer->text), trimmed(a->value)) ? 1 : cosine(&both[0], &both[1]);
        out->passed = out->score >= a->threshold;
        if (out->passed == a->negated)
            say(out, "similarity %.3f: expected %s %.3f", out->score, a->negated ? "below" : "at least",
                a->threshold);
    }
    free(both);
    return decided;
}

/* ---- all ---- */

/* False: undecided, which has not passed in any case. */
static bool decide(const struct assertion *a, const struct suite_case *c, const struct answer *answer,
                   struct assertion_outcome *out) {
    switch (a->kind) {
    case ASSERT_REGEX: return check_regex(a, answer, out);
    case ASSERT_JSON: return check_json(a, answer, out);
    case ASSERT_NUMBER: check_number(a, answer, out); return true;
    case ASSERT_LUA: return expression_decide(a, c, answer, out);
    case ASSERT_SIMILAR: return check_similar(a, answer, out);
    case ASSERT_TOOL: check_tool(a, answer, out); return true;
    case ASSERT_LATENCY: return check_limit(a, answer->latency_ms, " ms", out);
    case ASSERT_COST: return check_limit(a, answer->cost_usd, " USD", out);
    default: check_text(a, answer, out); return true;
    }
}

void assertion_check(const struct assertion *a, const struct suite_case *c, const struct answer *answer,
                     struct assertion_outcome *out) {
    *out = (struct assertion_outcome){0};
    bool decided = decide(a, c, answer, out);
    if (a->negated)
        out->score = 1 - out->score;
    out->passed = decided && out->passed != a->negated;
    if (!out->graded || !decided)
        out->score = out->passed;
    if (out->passed)
        out->reason[0] = '\0';
}

void assertion_describe(const struct assertion *a, struct buf *out) {
    struct str value = rules_cut(a->value, SHOWN);
    buf_printf(out, "%s%s", a->negated ? "not-" : "", assertion_kind_name(a->kind));
    if (a->kind == ASSERT_NUMBER || a->kind == ASSERT_LATENCY || a->kind == ASSERT_COST)
        buf_printf(out, " %.9g", a->number);
    else if (value.n)
        buf_printf(out, " \"%.*s\"", STR_ARG(value));
}
