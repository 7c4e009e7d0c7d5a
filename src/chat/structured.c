#include "chat/structured.h"

#include "base/hash.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the verdict ---- */

static struct str trim(struct str s) {
    while (s.n && isspace((unsigned char)s.p[0]))
        s = str_slice(s, 1, s.n);
    while (s.n && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

/* What is within one fence, or the text itself where there is none around it. */
static struct str without_fence(struct str text) {
    struct str inner = trim(text);
    if (!str_starts(inner, STR("```")) || !str_ends(inner, STR("```")) || inner.n < 7)
        return inner;
    inner = str_slice(inner, 3, inner.n - 3);
    struct str word = str_trim(str_split(&inner, '\n'));
    if (word.n && word.p[word.n - 1] == '\r')
        word.n--;
    if (word.n && !str_eq_nocase(word, STR("json")))
        return trim(text);
    return trim(inner);
}

void structured_check(const struct schema *schema, struct str text, struct structured_verdict *out) {
    struct error err = {0};
    *out = (struct structured_verdict){.json = without_fence(text)};
    if (out->json.n == 0) {
        snprintf(out->problem, sizeof(out->problem), "The answer is empty.");
        return;
    }
    yyjson_doc *doc = json_parse(out->json, &err);
    if (!doc) {
        snprintf(out->problem, sizeof(out->problem), "%s", err.message);
        if (!str_is_utf8(str_from(out->problem), NULL))
            snprintf(out->problem, sizeof(out->problem), "The answer is not JSON.");
        return;
    }
    out->is_json = true;
    out->valid =
        schema_check(schema, yyjson_doc_get_root(doc), STRUCTURED_STEPS, &out->schema) == SCHEMA_VALID;
    yyjson_doc_free(doc);
}

void structured_explain(const struct structured_verdict *v, struct buf *out) {
    if (v->valid)
        buf_add_str(out, STR("The answer is as the schema says."));
    else if (!v->is_json)
        buf_printf(out, "The answer is not one JSON value: %s", v->problem);
    else {
        buf_add_str(out, STR("The answer is not as the schema says: "));
        schema_explain(&v->schema, out);
    }
}

static void write_turn(struct buf *out, const char *role, struct str content) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "role", role);
    json_field_str(&w, "content", content);
    json_object_end(&w);
}

void structured_repair_turns(const struct structured_verdict *v, struct str answer, size_t answer_max,
                             struct buf *out) {
    AUTO_BUF words = BUF_INIT(32 << 10);
    if (v->is_json)
        schema_explain_briefly(&v->schema, &words);
    else
        buf_printf(&words, "- the answer is not one JSON value: %s\n", v->problem);
    AUTO_BUF text = BUF_INIT(64 << 10);
    buf_printf(&text,
               "Your answer does not fit the JSON Schema that it has to fit:\n%.*s"
               "Answer again with the whole JSON value, corrected. Write nothing before or after it.",
               STR_ARG(buf_str(&words)));
    answer = str_slice(answer, 0, answer_max);
    write_turn(out, "assistant", answer.n ? answer : STR("(nothing)")); /* Anthropic takes no empty turn */
    buf_add_char(out, ',');
    write_turn(out, "user", buf_str(&text));
}

yyjson_val *structured_schema_of(yyjson_val *request, bool *object_only) {
    yyjson_val *format = yyjson_obj_get(request, "response_format");
    if (!format)
        format = yyjson_obj_get(yyjson_obj_get(request, "text"), "format");
    struct str type = json_str_of(yyjson_obj_get(format, "type"));
    *object_only = str_eq(type, STR("json_object"));
    if (!str_eq(type, STR("json_schema")))
        return NULL;
    yyjson_val *nested = yyjson_obj_get(format, "json_schema");
    return yyjson_obj_get(nested ? nested : format, "schema");
}

/* ---- log-probabilities ---- */

static bool logprob_of(yyjson_val *token, double *out) {
    yyjson_val *value = yyjson_obj_get(token, "logprob");
    if (!yyjson_is_num(value) || !isfinite(yyjson_get_num(value)))
        return false;
    *out = fmin(yyjson_get_num(value), 0);
    return true;
}

double structured_confidence(yyjson_val *logprobs) {
    double sum = 0, one;
    size_t index, max, count = 0;
    yyjson_val *token;
    yyjson_arr_foreach(logprobs, index, max, token) if (logprob_of(token, &one)) {
        sum += one;
        count++;
    }
    return count ? exp(sum / (double)count) : NAN;
}

/* Past the value or key that begins at `at`. */
static size_t skip_value(struct str text, size_t at) {
    int depth = 0;
    bool string = false;
    for (size_t i = at; i < text.n; i++) {
        char c = text.p[i];
        if (string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                string = false;
            if (!string && depth == 0)
                return i + 1;
            continue;
        }
        if (c == '"')
            string = true;
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth <= 0)
            return depth < 0 ? i : i + 1;
        else if (depth == 0 && (c == ',' || c == ':' || isspace((unsigned char)c)))
            return i;
    }
    return text.n;
}

static size_t skip_space(struct str text, size_t at) {
    while (at < text.n && isspace((unsigned char)text.p[at]))
        at++;
    return at;
}

/* Where the plain value of the top-level field stands in the text of a JSON object: without quotes. */
static bool find_field(struct str text, struct str field, size_t *from, size_t *to) {
    size_t at = str_find_char(text, '{');
    while (at != SIZE_MAX && at + 1 < text.n) {
        at = skip_space(text, at + 1);
        if (at >= text.n || text.p[at] != '"')
            return false;
        size_t end = skip_value(text, at);
        bool wanted = end >= at + 2 && str_eq(str_slice(text, at + 1, end - 1), field);
        at = skip_space(text, end);
        if (at >= text.n || text.p[at] != ':')
            return false;
        at = skip_space(text, at + 1);
        end = skip_value(text, at);
        if (wanted) {
            bool quoted = at < text.n && text.p[at] == '"';
            *from = at + quoted;
            *to = quoted && end > at + 1 ? end - 1 : end;
            return *from < *to && text.p[at] != '{' && text.p[at] != '[';
        }
        at = skip_space(text, end);
        if (at >= text.n || text.p[at] != ',')
            return false;
    }
    return false;
}

double structured_field_confidence(yyjson_val *logprobs, struct str field) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    size_t index, max, from, to, at = 0, count = 0;
    double sum = 0, one;
    yyjson_val *token;
    yyjson_arr_foreach(logprobs, index, max, token)
        buf_add_str(&text, json_str_of(yyjson_obj_get(token, "token")));
    if (text.failed || !find_field(buf_str(&text), field, &from, &to))
        return NAN;
    yyjson_arr_foreach(logprobs, index, max, token) {
        size_t end = at + yyjson_get_len(yyjson_obj_get(token, "token"));
        if (end > from && at < to) {
            if (!logprob_of(token, &one))
                return NAN;
            sum += one;
            count++;
        }
        at = end;
    }
    return count ? exp(sum) : NAN;
}

/* ---- agreement ---- */

static int by_key(const void *a, const void *b) {
    struct str x = json_str_of(*(yyjson_val *const *)a), y = json_str_of(*(yyjson_val *const *)b);
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return order ? order : x.n < y.n ? -1 : x.n > y.n;
}

static void write_canonical(yyjson_val *value, struct buf *out);

/* Keys in the order of their bytes; a value stands right behind its key. */
static void write_sorted(yyjson_val *object, struct buf *out) {
    size_t index, max, count = yyjson_obj_size(object);
    yyjson_val *key, *value;
    yyjson_val **keys = malloc((count + 1) * sizeof(*keys));
    if (!keys) {
        out->failed = true;
        return;
    }
    yyjson_obj_foreach(object, index, max, key, value) keys[index] = key;
    qsort(keys, count, sizeof(*keys), by_key);
    buf_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        write_canonical(keys[i], out);
        write_canonical(yyjson_obj_iter_get_val(keys[i]), out);
    }
    buf_add_char(out, '}');
    free(keys);
}

static void write_canonical(yyjson_val *value, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    size_t index, max;
    yyjson_val *item;
    if (yyjson_is_obj(value)) {
        write_sorted(value, out);
    } else if (yyjson_is_arr(value)) {
        buf_add_char(out, '[');
        yyjson_arr_foreach(value, index, max, item) write_canonical(item, out);
        buf_add_char(out, ']');
    } else if (yyjson_is_real(value)) {
        double number = yyjson_get_real(value);
        if (number == floor(number) && fabs(number) < 9e15)
            json_int(&w, (int64_t)number);
        else
            json_double(&w, number);
    } else {
        json_value(&w, value);
    }
    buf_add_char(out, ',');
}

static void write_normalised(struct str text, struct buf *out) {
    bool space = false;
    text = trim(text);
    while (text.n && memchr(".!?", text.p[text.n - 1], 3))
        text.n--;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (isspace(c)) {
            space = true;
            continue;
        }
        if (space)
            buf_add_char(out, ' ');
        space = false;
        buf_add_char(out, (char)(c < 128 ? tolower(c) : c));
    }
}

static uint64_t fingerprint(struct str sample) {
    AUTO_BUF out = BUF_INIT(16 << 20);
    struct error err;
    yyjson_doc *doc = json_parse(without_fence(sample), &err);
    buf_add_char(&out, doc ? 'j' : 't');
    if (doc)
        write_canonical(yyjson_doc_get_root(doc), &out);
    else
        write_normalised(sample, &out);
    yyjson_doc_free(doc);
    return hash64(out.failed ? sample : buf_str(&out), 0);
}

void structured_groups(const struct str *samples, size_t count, size_t first[STRUCTURED_SAMPLES_MAX]) {
    uint64_t prints[STRUCTURED_SAMPLES_MAX];
    for (size_t i = 0; i < count && i < STRUCTURED_SAMPLES_MAX; i++) {
        prints[i] = fingerprint(samples[i]);
        for (first[i] = 0; prints[first[i]] != prints[i];)
            first[i]++;
    }
}

double structured_agreement(const struct str *samples, size_t count, size_t *commonest) {
    size_t first[STRUCTURED_SAMPLES_MAX], alike[STRUCTURED_SAMPLES_MAX] = {0}, most = 0;
    *commonest = 0;
    if (count > STRUCTURED_SAMPLES_MAX)
        count = STRUCTURED_SAMPLES_MAX;
    structured_groups(samples, count, first);
    for (size_t i = 0; i < count; i++)
        alike[first[i]]++;
    for (size_t i = 0; i < count; i++)
        if (alike[i] > most) {
            most = alike[i];
            *commonest = i;
        }
    return count ? (double)most / (double)count : NAN;
}
