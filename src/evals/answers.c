#include "evals/source.h"

#include <stdlib.h>

enum { ANSWERS_MAX = 1000000 };
#define ANSWERS_BYTES_MAX ((size_t)2 << 30)

bool answers_new(struct answers *out, const struct suite *s, unsigned runs, struct error *err) {
    struct answers a = {.runs = runs, .count = s->case_count * runs};
    if (a.count > ANSWERS_MAX)
        return fail(err, ERR_DATA, "%zu cases in %u runs each are more than %d answers; ask for fewer runs.",
                    s->case_count, runs, ANSWERS_MAX);
    a.list = malloc(a.count * sizeof *a.list);
    a.arena = arena_new(ANSWERS_BYTES_MAX);
    if (!a.list || !a.arena) {
        answers_free(&a);
        return fail(err, ERR_NO_MEMORY, "Out of memory for the answers to %zu cases.", a.count);
    }
    for (size_t i = 0; i < a.count; i++) {
        a.list[i] = ANSWER_NONE;
        a.list[i].problem = STR("it was not asked");
        a.list[i].text = a.list[i].model = STR("");
    }
    *out = a;
    return true;
}

void answers_free(struct answers *a) {
    arena_free(a->arena);
    free(a->list);
    *a = (struct answers){0};
}

bool answers_set(struct answers *a, size_t at, const struct answer *answer, struct error *err) {
    struct answer copy = *answer;
    struct str *const texts[] = {&copy.text, &copy.tools, &copy.model, &copy.problem};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        if (!texts[i]->p)
            continue;
        *texts[i] = arena_copy(a->arena, *texts[i]);
        if (!texts[i]->p)
            return fail(err, ERR_NO_MEMORY, "Out of memory for the answers, or more than %zu bytes of them.",
                        ANSWERS_BYTES_MAX);
    }
    a->list[at] = copy;
    return true;
}

static void field_number(struct json_writer *w, const char *key, double value) {
    if (isnan(value))
        return;
    json_key(w, key);
    json_double(w, value);
}

void answers_write(const struct answers *a, const struct suite *s, struct buf *out) {
    for (size_t i = 0; i < a->count; i++) {
        const struct answer *one = &a->list[i];
        struct json_writer w = JSON_WRITER(out);
        if (!one->given)
            continue;
        json_object(&w);
        json_field_str(&w, "id", s->cases[i / a->runs].id);
        if (one->refused)
            json_field_str(&w, "error", one->problem);
        else
            json_field_str(&w, "answer", one->text);
        field_number(&w, "confidence", one->confidence);
        field_number(&w, "latency_ms", one->latency_ms);
        field_number(&w, "cost_usd", one->cost_usd);
        if (one->model.n)
            json_field_str(&w, "model", one->model);
        if (one->tools.p) {
            json_key(&w, "tool_calls");
            json_raw(&w, one->tools);
        }
        json_object_end(&w);
        buf_add_char(out, '\n');
    }
}
