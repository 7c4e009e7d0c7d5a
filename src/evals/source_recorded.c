/* Answers from a file, one JSON object a line. */
#include "evals/source.h"

#include "learn/file_text.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORDED_MAX = 1 << 30, ANSWER_MAX = 16 << 20 };

struct recorded {
    struct answer_source source;
    const char *path;
    char *text;
    size_t n;
};

static void free_source(struct answer_source *s) {
    struct recorded *r = CONTAINER_OF(s, struct recorded, source);
    free(r->text);
    free(r);
}

/* ---- which case ---- */

struct indexed {
    struct str id;
    size_t at;
    unsigned seen; /* lines of it */
};

static int by_id(const void *a, const void *b) {
    const struct indexed *x = a, *y = b;
    int order = memcmp(x->id.p, y->id.p, x->id.n < y->id.n ? x->id.n : y->id.n);
    return order ? order : x->id.n < y->id.n ? -1 : x->id.n > y->id.n;
}

struct filling {
    const struct recorded *from;
    struct indexed *index;
    size_t cases;
    struct answers *out;
    unsigned long line;
    struct error *err;
};

#define wrong(f, format, ...)                                                                                \
    fail((f)->err, ERR_DATA, "%s:%lu: " format, (f)->from->path, (f)->line, ##__VA_ARGS__)

/* ---- one line ---- */

static bool take_number(struct filling *f, yyjson_val *root, const char *key, double *out) {
    yyjson_val *value = yyjson_obj_get(root, key);
    if (yyjson_is_num(value))
        *out = yyjson_get_num(value);
    return !value || yyjson_is_num(value) || yyjson_is_null(value) || wrong(f, "\"%s\" is no number.", key);
}

static void add_json(yyjson_val *value, struct buf *out, struct str *text) {
    struct json_writer w = JSON_WRITER(out);
    buf_clear(out);
    json_value(&w, value);
    *text = buf_str(out);
}

static bool take_answer(struct filling *f, yyjson_val *root, size_t at) {
    AUTO_BUF text = BUF_INIT(ANSWER_MAX), tools = BUF_INIT(ANSWER_MAX);
    yyjson_val *said = yyjson_obj_get(root, "answer"), *error = yyjson_obj_get(root, "error"),
               *calls = yyjson_obj_get(root, "tool_calls");
    struct answer answer = ANSWER_NONE;
    answer.given = true;
    answer.refused = yyjson_is_str(error);
    answer.text = answer.problem = answer.model = STR("");
    if (yyjson_is_str(error))
        answer.problem = json_str_of(error);
    else if (yyjson_is_str(said))
        answer.text = json_str_of(said);
    else if (said)
        add_json(said, &text, &answer.text);
    else if (!calls)
        return wrong(f, "expected \"answer\", \"tool_calls\" or \"error\".");
    if (yyjson_is_arr(calls))
        add_json(calls, &tools, &answer.tools);
    if (yyjson_is_str(yyjson_obj_get(root, "model")))
        answer.model = json_str_of(yyjson_obj_get(root, "model"));
    if (text.failed || tools.failed)
        return wrong(f, "an answer of more than %d bytes.", ANSWER_MAX);
    return take_number(f, root, "confidence", &answer.confidence) &&
           take_number(f, root, "latency_ms", &answer.latency_ms) &&
           take_number(f, root, "cost_usd", &answer.cost_usd) && answers_set(f->out, at, &answer, f->err);
}

static bool take_object(struct filling *f, yyjson_val *root) {
    char number[32];
    yyjson_val *id = yyjson_obj_get(root, "id");
    struct indexed wanted = {.id = json_str_of(id)};
    if (yyjson_is_uint(id)) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)yyjson_get_uint(id));
        wanted.id = str_from(number);
    }
    if (!wanted.id.p)
        return wrong(f, "expected an \"id\", a text.");
    struct indexed *found = bsearch(&wanted, f->index, f->cases, sizeof *f->index, by_id);
    /* Answers to other suites may stand beside ours. */
    if (!found || found->seen == f->out->runs)
        return true;
    return take_answer(f, root, found->at * f->out->runs + found->seen++);
}

static bool take_line(struct filling *f, struct str line) {
    struct error reason;
    yyjson_doc *doc = json_parse(line, &reason);
    if (!doc)
        return wrong(f, "%s", reason.message);
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool good = yyjson_is_obj(root) ? take_object(f, root) : wrong(f, "expected an object.");
    yyjson_doc_free(doc);
    return good;
}

static bool ask(struct answer_source *source, const struct suite *s, const struct progress *progress,
                struct answers *out, struct error *err) {
    struct recorded *r = CONTAINER_OF(source, struct recorded, source);
    struct str rest = {r->text, r->n};
    struct filling f = {.from = r, .cases = s->case_count, .out = out, .err = err};
    f.index = calloc(s->case_count, sizeof *f.index);
    if (!f.index)
        return fail(err, ERR_NO_MEMORY, "Out of memory.");
    for (size_t i = 0; i < s->case_count; i++)
        f.index[i] = (struct indexed){s->cases[i].id, i, 0};
    qsort(f.index, s->case_count, sizeof *f.index, by_id);
    for (size_t i = 0; i < out->count; i++)
        out->list[i].problem = STR("no recorded answer");
    bool good = true;
    while (good && rest.n) {
        struct str line = str_trim(str_split(&rest, '\n'));
        f.line++;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        good = line.n == 0 || take_line(&f, line);
    }
    free(f.index);
    if (good && progress)
        progress->tell(progress->ctx, out->count, out->count);
    return good;
}

struct answer_source *source_recorded(const char *path, const char *name, struct error *err) {
    struct recorded *r = calloc(1, sizeof *r);
    if (!r) {
        (void)fail(err, ERR_NO_MEMORY, "Out of memory.");
        return NULL;
    }
    r->text = file_text(path, RECORDED_MAX, &r->n, err);
    if (!r->text) {
        free(r);
        return NULL;
    }
    r->path = path;
    r->source = (struct answer_source){.kind = EVALUATION_RECORDED, .ask = ask, .free = free_source};
    snprintf(r->source.name, sizeof r->source.name, "%s", name);
    return &r->source;
}
