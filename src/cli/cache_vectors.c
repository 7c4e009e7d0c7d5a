#include "cli/cache_vectors.h"

#include "cache/wording.h"
#include "models/text_encoder.h"
#include "pipeline/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALLS = 4, BATCH = 64 };

static const struct config *read_config(const char *file, struct error *err) {
    struct config_problems problems = {0};
    const struct config *config = config_load(file, NULL, &problems);
    if (config)
        return config;
    config_problems_print(&problems, stderr);
    fail(err, ERR_CONFIG, "%s does not validate", file);
    return NULL;
}

/* *model views `reference`. */
static const struct config_upstream *find_upstream(const struct config *config, const char *reference,
                                                   struct str *model, struct error *err) {
    *model = str_from(reference);
    struct str name = str_split(model, '/');
    const struct config_upstream *u = config_upstream_named(config, name);
    if (name.n == 0 || model->n == 0 || strlen(reference) >= TUNING_VECTORS_SIZE ||
        str_has_control(str_from(reference)))
        fail(err, ERR_USAGE,
             "--vectors is \"%.60s\"; expected UPSTREAM/MODEL, such as main/text-embedding-3-small",
             reference);
    else if (!u)
        fail(err, ERR_USAGE, "%s has no upstream \"%.*s\"", config->source, STR_ARG(name));
    else if (u->kind != UPSTREAM_OPENAI)
        fail(err, ERR_USAGE, "upstream \"%s\" makes no embeddings; expected one of kind openai", u->name);
    else
        return u;
    return NULL;
}

static void show_progress(void *ctx, size_t done, size_t all) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\rvectors: %zu of %zu texts%s", done, all, done == all ? "\n" : "");
}

static bool fetch(struct text_vectors *out, const char *reference, const struct upstream *u, struct str model,
                  const struct pair_set *pairs, struct error *err) {
    AUTO_BUF path = BUF_INIT(4096);
    struct str *texts = calloc(pairs->text_count, sizeof *texts);
    buf_printf(&path, "%s/embeddings", u->base);
    if (!texts || path.failed) {
        free(texts);
        return fail(err, ERR_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < pairs->text_count; i++)
        texts[i] = pairs->texts[i].text;
    const struct text_vectors_source from = {.name = reference,
                                             .origin = u->origin,
                                             .path = buf_terminated(&path),
                                             .authorization = u->authorization,
                                             .model = model,
                                             .connect_ns = u->config->connect_timeout,
                                             .first_byte_ns = u->config->first_byte_timeout,
                                             .idle_ns = u->config->idle_timeout,
                                             .timeout_ns = u->config->timeout,
                                             .retry = u->retry_options,
                                             .calls = CALLS,
                                             .batch = BATCH,
                                             .progress = show_progress};
    bool good = text_vectors_fetch(out, &from, texts, pairs->text_count, err);
    free(texts);
    return good;
}

static bool from_upstream(struct text_vectors *out, const char *reference, const char *config,
                          const struct pair_set *pairs, struct error *err) {
    if (!config)
        return fail(err, ERR_USAGE, "--vectors %.60s needs --config FILE beside it: which upstream is that?",
                    reference);
    const struct config *read = read_config(config, err);
    struct str model;
    if (!read)
        return false;
    const struct config_upstream *named = find_upstream(read, reference, &model, err);
    struct upstream *u = named ? upstream_make(read, named, NULL, err) : NULL;
    bool good = u && fetch(out, reference, u, model, pairs, err);
    upstream_unref(u);
    config_unref(read);
    return good;
}

/* ---- by an encoder ---- */

static bool make_room(struct text_vectors *v, size_t count, size_t dimensions, struct error *err) {
    *v = (struct text_vectors){.count = count,
                               .dimensions = dimensions,
                               .values = malloc(count * dimensions),
                               .factors = malloc(count * sizeof(float))};
    return (v->values && v->factors) || fail(err, ERR_NO_MEMORY, "out of memory for vectors");
}

static bool encode(struct text_vectors *out, const struct text_encoder *e, const struct pair_set *pairs,
                   struct error *err) {
    float vector[TEXT_ENCODER_DIMENSIONS_MAX];
    size_t dimensions = text_encoder_dimensions(e);
    bool good = make_room(out, pairs->text_count, dimensions, err);
    for (size_t i = 0; good && i < pairs->text_count; i++) {
        struct str text = pairs->texts[i].text;
        good = text_encoder_run(e, text, vector, err);
        if (!good)
            fail_within(err, "the text \"%.*s\"", (int)(text.n < 80 ? text.n : 80), text.p);
        else if (!vector_quantise(vector, dimensions, out->values + i * dimensions, &out->factors[i]))
            good = fail(err, ERR_DATA, "the vector of the text \"%.*s\" has no direction",
                        (int)(text.n < 80 ? text.n : 80), text.p);
        show_progress(NULL, i + 1, pairs->text_count);
    }
    if (!good)
        text_vectors_free(out);
    return good;
}

static bool load_encoder(struct store *store, const char *wanted, struct text_encoder **out, char *reference,
                         struct error *err) {
    struct version_record record;
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    if (!registry_parse_reference(str_from(wanted), name, &version, err) ||
        !registry_find(store, name, version, &record, err))
        return false;
    snprintf(reference, TUNING_VECTORS_SIZE, "%s@%u", record.name, record.version);
    bool good = text_encoder_load(store, &record, out, err);
    version_record_clear(&record);
    return good;
}

static bool from_encoder(struct text_vectors *out, const char *wanted, const struct store_option *o,
                         const struct pair_set *pairs, char *reference, struct error *err) {
    struct store *store;
    struct text_encoder *e = NULL;
    if (!store_option_open(o, false, &store, err))
        return false;
    bool good = load_encoder(store, wanted, &e, reference, err);
    store_close(store);
    good = good && encode(out, e, pairs, err);
    text_encoder_unref(e);
    return good;
}

bool cache_vectors_fetch(struct text_vectors *out, const char *wanted, const struct store_option *o,
                         const struct pair_set *pairs, char reference[TUNING_VECTORS_SIZE],
                         struct error *err) {
    if (!strchr(wanted, '/'))
        return from_encoder(out, wanted, o, pairs, reference, err);
    snprintf(reference, TUNING_VECTORS_SIZE, "%s", wanted);
    return from_upstream(out, wanted, o->config, pairs, err);
}
