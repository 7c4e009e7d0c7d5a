#include "pipeline/snapshot_build.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/tuning_version.h"
#include "store/registry.h"

#include <stdlib.h>
#include <string.h>

static bool add_tuning(struct snapshot_build *b, struct endpoint *e) {
    const struct config_name *wanted = &e->config->semantic_cache;
    struct error err;
    if (!wanted->text)
        return true;
    e->tuning_name = str_from(wanted->text);
    bool good = tuning_version_open(b->from->store, e->config->name, wanted->text, &e->tuning, &err);
    if (!good)
        config_problem(b->problems, b->from->config, &wanted->place, "%s", err.message);
    return good;
}

static void leave_off(struct endpoint *e, const struct error *why) {
    log_event(LOG_ERROR, "semantic_cache.off", "The semantic cache of endpoint \"%s\" stays off: %s.",
              e->config->name, why->message);
    tuning_unref(e->tuning);
    e->tuning = NULL;
}

static struct text_encoder *loaded_encoder(const struct snapshot *s, const char *reference) {
    for (size_t i = 0; s && i < s->endpoint_count; i++) {
        const struct vector_source *v = s->endpoints[i].vectors;
        if (v && v->encoder && strcmp(v->reference, reference) == 0)
            return text_encoder_ref(v->encoder);
    }
    return NULL;
}

/* One that does not open leaves the cache off, as a model that does not load leaves its endpoint to others.
 */
static bool get_encoder(struct snapshot_build *b, struct endpoint *e, struct vector_source *v) {
    static const struct breaker_options standard = {.errors = 0.5,
                                                    .minimum = 20,
                                                    .window_ns = 10 * NS_PER_SECOND,
                                                    .open_ns = 2 * NS_PER_SECOND,
                                                    .open_max_ns = 60 * NS_PER_SECOND,
                                                    .probes = 3};
    const struct config_model *wanted = &e->config->semantic_vectors.target.model;
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    struct version_record record;
    struct error err;
    v->breaker_options = standard;
    v->pool = b->from->pool;
    v->encoder = loaded_encoder(b->s, v->reference);
    if (!v->encoder)
        v->encoder = loaded_encoder(b->from->previous, v->reference);
    if (v->encoder)
        return true;
    if (registry_parse_reference(str_from(v->reference), name, &version, &err) &&
        registry_find(b->from->store, name, version, &record, &err)) {
        bool good = text_encoder_load(b->from->store, &record, &v->encoder, &err);
        version_record_clear(&record);
        if (good)
            return true;
        if (err.code != ERR_CONFIG) {
            leave_off(e, &err);
            return true;
        }
    }
    config_problem(b->problems, b->from->config, &wanted->place, "%s", err.message);
    return false;
}

/* The registry can change under a good configuration, so a tuning that does not fit is no problem of the
 * file: the cache stays off, and says so. */
static bool add_vectors(struct snapshot_build *b, struct endpoint *e) {
    const struct config_vectors *config = &e->config->semantic_vectors;
    char reference[TUNING_VECTORS_SIZE];
    struct error err;
    if (!tuning_version_vectors(b->from->store, e->config->name, config, reference, &err)) {
        config_problem(b->problems, b->from->config, &config->target.model.place, "%s", err.message);
        return false;
    }
    if (e->tuning && !tuning_version_fits(e->tuning, e->config->semantic_cache.text, reference, &err))
        leave_off(e, &err);
    if (!config->target.model.text)
        return true;
    struct vector_source *v = e->vectors = calloc(1, sizeof *v);
    if (!v)
        return build_no_memory(b);
    memcpy(v->reference, reference, sizeof reference);
    if (!config->target.upstream.text)
        return get_encoder(b, e, v);
    v->remote = build_remote(b, &config->target);
    if (v->remote)
        v->breaker_options = v->remote->upstream->breaker_options;
    return v->remote != NULL;
}

bool build_semantic_cache(struct snapshot_build *b, struct endpoint *e) {
    return add_tuning(b, e) && add_vectors(b, e);
}
