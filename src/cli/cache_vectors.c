#include "cli/cache_vectors.h"

#include "cache/tuning.h"
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

bool cache_vectors_fetch(struct text_vectors *out, const char *reference, const char *config,
                         const struct pair_set *pairs, struct error *err) {
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
