#include "models/rules_backend.h"

#include "models/rules.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A Lua state serves one caller at a time: those that are free wait in a list. */
struct lent_script {
    struct script *script;
    struct lent_script *next;
};

struct rules_backend {
    struct backend backend;
    yyjson_doc *doc;
    struct str source;
    const char **labels;
    size_t label_count;
    pthread_mutex_t lock;
    struct lent_script *free_scripts;
};

static const char chunk_name[] = "rules";

static struct lent_script *take_script(struct rules_backend *b, struct error *err) {
    pthread_mutex_lock(&b->lock);
    struct lent_script *lent = b->free_scripts;
    if (lent)
        b->free_scripts = lent->next;
    pthread_mutex_unlock(&b->lock);
    if (lent)
        return lent;
    lent = calloc(1, sizeof *lent);
    if (lent && (lent->script = script_new(b->source, chunk_name, "classify", NULL, err)))
        return lent;
    if (!lent)
        fail(err, ERR_NO_MEMORY, "Out of memory for a script.");
    free(lent);
    return NULL;
}

static void give_back(struct rules_backend *b, struct lent_script *lent) {
    pthread_mutex_lock(&b->lock);
    lent->next = b->free_scripts;
    b->free_scripts = lent;
    pthread_mutex_unlock(&b->lock);
}

static bool classify(struct rules_backend *b, struct script *script, const struct model_input *row,
                     struct model_answer *answer, struct error *err) {
    struct rules_facts facts = {
        .text = row->text, .ocr_confidence = row->ocr_confidence > 0 ? (double)row->ocr_confidence : NAN};
    struct rules_answer rules;
    if (!rules_classify(script, &facts, &rules, err))
        return false;
    for (size_t i = 0; i < b->label_count; i++) {
        if (strcmp(b->labels[i], rules.label) != 0)
            continue;
        *answer = (struct model_answer){
            .label = (unsigned)i, .confidence = (float)rules.confidence, .top_count = 1};
        answer->top[0] = (struct model_top){.label = (unsigned)i, .confidence = answer->confidence};
        return true;
    }
    return fail(err, ERR_MODEL, "The rules answered \"%s\", which is none of their %zu labels.", rules.label,
                b->label_count);
}

static bool predict(const struct backend *backend, struct scratch *s, const struct model_input *rows,
                    size_t count, struct model_answer *answers, struct error *row_errors) {
    /* Immutable to the caller: the list of free scripts is behind its lock. */
    struct rules_backend *b = (struct rules_backend *)(uintptr_t)backend;
    struct error err;
    struct lent_script *lent = take_script(b, &err);
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        row_errors[i].code = ERR_NONE;
        if (!lent)
            row_errors[i] = err;
        if (!lent || !classify(b, lent->script, &rows[i], &answers[i], &row_errors[i]))
            all = false;
    }
    if (lent)
        give_back(b, lent);
    return all;
}

static bool predict_visual(const struct backend *b, struct scratch *s, const float *visual, size_t count,
                           struct model_answer *answer) {
    return false;
}

static bool read_features(const struct backend *b, yyjson_val *object, struct feature_value *out, size_t room,
                          size_t *count, struct error *err) {
    return fail(err, ERR_INVALID_FEATURES, "This model is made of rules over texts and takes no features.");
}

static const char *const *labels(const struct backend *backend, size_t *count) {
    const struct rules_backend *b = (const struct rules_backend *)backend;
    *count = b->label_count;
    return b->labels;
}

static unsigned inputs(const struct backend *b) {
    return MODEL_TAKES_TEXT;
}

static void release(struct backend *backend) {
    struct rules_backend *b = (struct rules_backend *)backend;
    for (struct lent_script *lent = b->free_scripts, *next; lent; lent = next) {
        next = lent->next;
        script_free(lent->script);
        free(lent);
    }
    pthread_mutex_destroy(&b->lock);
    yyjson_doc_free(b->doc);
    free(b->labels);
    free(b);
}

static const struct backend_ops ops = {.name = "rules",
                                       .predict = predict,
                                       .predict_visual = predict_visual,
                                       .read_features = read_features,
                                       .labels = labels,
                                       .inputs = inputs,
                                       .free = release};

static bool read_labels(struct rules_backend *b, yyjson_val *list, struct error *err) {
    size_t count = yyjson_arr_size(list);
    if (count < 1 || count > MODEL_LABELS_MAX)
        return fail(err, ERR_ARTEFACT, "The rules name %zu labels; expected 1 to %d.", count,
                    MODEL_LABELS_MAX);
    b->labels = calloc(count, sizeof(*b->labels));
    if (!b->labels)
        return fail(err, ERR_NO_MEMORY, "Out of memory for %zu labels.", count);
    size_t index, max;
    yyjson_val *label;
    yyjson_arr_foreach(list, index, max, label) {
        size_t n = yyjson_get_len(label);
        if (!yyjson_is_str(label) || n < 1 || n >= RULES_LABEL_SIZE || strlen(yyjson_get_str(label)) != n)
            return fail(err, ERR_ARTEFACT, "Label %zu of the rules is no text of 1 to %d bytes.", index + 1,
                        RULES_LABEL_SIZE - 1);
        b->labels[b->label_count++] = yyjson_get_str(label);
    }
    return true;
}

bool rules_backend_open(struct backend **out, struct str bytes, struct error *err) {
    struct rules_backend *b = calloc(1, sizeof *b);
    if (!b)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the rules.");
    b->backend.ops = &ops;
    pthread_mutex_init(&b->lock, NULL);
    b->doc = json_parse(bytes, err);
    yyjson_val *root = yyjson_doc_get_root(b->doc);
    b->source = json_str_of(yyjson_obj_get(root, "source"));
    if (b->doc && read_labels(b, yyjson_obj_get(root, "labels"), err) &&
        script_check(b->source, chunk_name, "classify", err)) {
        *out = &b->backend;
        return true;
    }
    if (err)
        err->code = ERR_ARTEFACT;
    release(&b->backend);
    return false;
}

bool rules_backend_pack(struct str source, const char *name, const char *const *names, size_t label_count,
                        struct buf *artefact, struct error *err) {
    if (!script_check(source, name, "classify", err))
        return false;
    struct json_writer w = JSON_WRITER(artefact);
    json_object(&w);
    json_key(&w, "labels");
    json_array(&w);
    for (size_t i = 0; i < label_count; i++)
        json_text(&w, names[i]);
    json_array_end(&w);
    json_field_str(&w, "source", source);
    json_object_end(&w);
    struct backend *opened;
    if (artefact->failed)
        return fail(err, ERR_DATA, "%s is too large for a model made of rules.", name);
    if (!rules_backend_open(&opened, buf_str(artefact), err))
        return fail_within(err, "%s", name);
    backend_free(opened);
    return true;
}
