#include "models/reference_profile.h"

#include "base/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct named_source {
    const char *name;
    enum profile_source source;
} of_texts[] = {{"novelty", SOURCE_NOVELTY},
                {"text_words", SOURCE_WORDS},
                {"unseen_words", SOURCE_UNSEEN_WORDS},
                {"unseen_grams", SOURCE_UNSEEN_GRAMS},
                {"scarcity", SOURCE_SCARCITY}},
  of_sizes[] = {{"text_bytes", SOURCE_SIZE}, {"input_tokens", SOURCE_SIZE}};

static bool no_memory(struct error *err) {
    return fail(err, ERR_NO_MEMORY, "Out of memory for a reference profile.");
}

static bool contradicts(const struct profile_dimension *d, const char *what, struct error *err) {
    return fail(err, ERR_ARTEFACT, "The reference profile's \"%.80s\" %s.", d->name ? d->name : "", what);
}

static uint64_t rows_of(yyjson_val *object) {
    yyjson_val *rows = yyjson_obj_get(object, "rows");
    return yyjson_is_uint(rows) ? yyjson_get_uint(rows) : 0;
}

/* ---- one dimension ---- */

static bool read_edges(struct profile_dimension *d, yyjson_val *edges, struct error *err) {
    size_t index, max, n = yyjson_arr_size(edges);
    yyjson_val *value;
    if (!yyjson_is_arr(edges) || n >= PROFILE_BINS_MAX)
        return contradicts(d, "has no list of edges", err);
    d->bins = (uint32_t)n + 1;
    d->edges = calloc(n + 1, sizeof *d->edges);
    if (!d->edges)
        return no_memory(err);
    yyjson_arr_foreach(edges, index, max, value) {
        double edge = yyjson_get_num(value);
        if (!yyjson_is_num(value) || !isfinite(edge) || (index > 0 && edge < d->edges[index - 1]))
            return contradicts(d, "has edges that do not rise", err);
        d->edges[index] = edge;
    }
    return true;
}

static bool take_share(struct profile_dimension *d, size_t at, yyjson_val *value, struct error *err) {
    double share = yyjson_get_num(value);
    if (!yyjson_is_num(value) || !(share >= 0 && share <= 1))
        return contradicts(d, "has a share that is none", err);
    d->shares[at] = share;
    return true;
}

/* Of the values that were there; shares are written with six digits. */
static bool scale(struct profile_dimension *d, double missing, struct error *err) {
    double sum = 0;
    if (!(missing >= 0 && missing <= 1))
        return contradicts(d, "has a share of missing values that is none", err);
    for (uint32_t i = 0; i < d->bins; i++)
        sum += d->shares[i];
    for (uint32_t i = 0; i < d->bins && sum > 0; i++)
        d->shares[i] *= (1 - missing) / sum;
    d->shares[d->bins] = missing;
    d->known = sum > 0 || missing > 0;
    return true;
}

static bool read_number(struct profile_dimension *d, yyjson_val *histogram, double missing,
                        struct error *err) {
    yyjson_val *shares = yyjson_obj_get(histogram, "shares"), *value;
    size_t index, max;
    if (!read_edges(d, yyjson_obj_get(histogram, "edges"), err))
        return false;
    d->rows = rows_of(histogram);
    if (!yyjson_is_arr(shares) || yyjson_arr_size(shares) != d->bins)
        return contradicts(d, "has not one share for each interval", err);
    d->shares = calloc(d->bins + 2, sizeof *d->shares);
    if (!d->shares)
        return no_memory(err);
    yyjson_arr_foreach(shares, index, max, value) if (!take_share(d, index, value, err)) return false;
    return scale(d, missing, err);
}

/* `names`: {NAME: share, …}. */
static bool read_categories(struct profile_dimension *d, yyjson_val *names, double missing,
                            struct error *err) {
    size_t index, max, n = yyjson_obj_size(names);
    yyjson_val *key, *value;
    d->category = true;
    d->bins = n > PROFILE_BINS_MAX ? PROFILE_BINS_MAX : (uint32_t)n;
    d->shares = calloc(d->bins + 2, sizeof *d->shares);
    d->names = calloc(d->bins + 1, sizeof *d->names);
    if (!d->shares || !d->names)
        return no_memory(err);
    yyjson_obj_foreach(names, index, max, key, value) {
        if (index >= d->bins)
            break;
        d->names[index] = str_dup(str_slice(json_str_of(key), 0, PROFILE_NAME_MAX));
        if (!d->names[index])
            return no_memory(err);
        if (!take_share(d, index, value, err))
            return false;
    }
    return scale(d, missing, err);
}

/* A feature has either; one of another kind has neither, and nothing is known of it. */
static bool read_feature(struct profile_dimension *d, yyjson_val *feature, struct error *err) {
    yyjson_val *missing = yyjson_obj_get(feature, "missing");
    yyjson_val *histogram = yyjson_obj_get(feature, "histogram");
    double share = missing ? yyjson_get_num(missing) : 0;
    if (histogram)
        return read_number(d, histogram, share, err);
    return read_categories(d, yyjson_obj_get(feature, "categories"), share, err);
}

/* ---- all of them ---- */

static struct profile_dimension *add(struct reference_profile *p, struct str name,
                                     enum profile_source source) {
    struct profile_dimension *d = &p->dimensions[p->count];
    *d = (struct profile_dimension){.name = str_dup(str_slice(name, 0, PROFILE_NAME_MAX)), .source = source};
    if (!d->name)
        return NULL;
    p->count++;
    return d;
}

static bool even_confidence(struct profile_dimension *d, struct error *err) {
    d->bins = PROFILE_CONFIDENCE_BINS;
    d->edges = calloc(d->bins, sizeof *d->edges);
    d->shares = calloc(d->bins + 2, sizeof *d->shares);
    if (!d->edges || !d->shares)
        return no_memory(err);
    for (uint32_t i = 0; i + 1 < d->bins; i++)
        d->edges[i] = (i + 1.0) / d->bins;
    return true;
}

static bool add_confidence(struct reference_profile *p, yyjson_val *histogram, struct error *err) {
    struct profile_dimension *d = add(p, STR("confidence"), SOURCE_FEATURE);
    if (!d)
        return no_memory(err);
    return histogram ? read_number(d, histogram, 0, err) : even_confidence(d, err);
}

static bool add_labels(struct reference_profile *p, yyjson_val *labels, struct error *err) {
    struct profile_dimension *d = add(p, STR("label"), SOURCE_FEATURE);
    return d ? read_categories(d, labels, 0, err) : no_memory(err);
}

static bool add_features(struct reference_profile *p, yyjson_val *features, struct error *err) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(features, index, max, key, value) {
        if (index >= PROFILE_INPUTS_MAX)
            break;
        struct profile_dimension *d = add(p, json_str_of(key), SOURCE_FEATURE);
        if (!d)
            return no_memory(err);
        if (!read_feature(d, value, err))
            return false;
    }
    return true;
}

static bool add_histograms(struct reference_profile *p, yyjson_val *histograms,
                           const struct named_source *list, size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        yyjson_val *histogram = yyjson_obj_get(histograms, list[i].name);
        if (!histogram)
            continue;
        struct profile_dimension *d = add(p, str_from(list[i].name), list[i].source);
        if (!d)
            return no_memory(err);
        if (!read_number(d, histogram, 0, err))
            return false;
    }
    return true;
}

static bool add_text(struct reference_profile *p, yyjson_val *histograms, struct error *err) {
    if (yyjson_obj_get(histograms, "text_words"))
        return add_histograms(p, histograms, of_texts, ARRAY_COUNT(of_texts), err);
    return add_histograms(p, histograms, of_sizes, ARRAY_COUNT(of_sizes), err);
}

static uint32_t *slot_of(const struct reference_profile *p, struct str label) {
    const struct profile_dimension *d = &p->dimensions[DIMENSION_LABEL];
    uint32_t mask = p->label_slot_count - 1, at = (uint32_t)hash64(label, 0) & mask;
    while (p->label_slots[at] && !str_eq(label, str_from(d->names[p->label_slots[at] - 1])))
        at = (at + 1) & mask;
    return &p->label_slots[at];
}

static bool index_labels(struct reference_profile *p, struct error *err) {
    const struct profile_dimension *d = &p->dimensions[DIMENSION_LABEL];
    for (p->label_slot_count = 16; p->label_slot_count < 2 * d->bins; p->label_slot_count *= 2)
        continue;
    p->label_slots = calloc(p->label_slot_count, sizeof *p->label_slots);
    if (!p->label_slots)
        return no_memory(err);
    for (uint32_t i = 0; i < d->bins; i++)
        *slot_of(p, str_from(d->names[i])) = i + 1;
    return true;
}

static double number_or_nan(yyjson_val *object, const char *key) {
    yyjson_val *value = yyjson_obj_get(object, key);
    double number = yyjson_get_num(value);
    return yyjson_is_num(value) && isfinite(number) ? number : NAN;
}

static double middle_of(const struct profile_dimension *d) {
    double sum = 0;
    for (uint32_t i = 0; i < d->bins; i++)
        sum += d->shares[i] * ((i ? d->edges[i - 1] : 0) + (i + 1 < d->bins ? d->edges[i] : 1)) / 2;
    return sum;
}

/* A policy puts a score in the confidence's place, so the parent's confidences say nothing about it. */
static bool read_confidence(struct reference_profile *p, yyjson_val *manifest, struct error *err) {
    yyjson_val *profile = yyjson_obj_get(manifest, "profile"), *policy = yyjson_obj_get(manifest, "policy");
    yyjson_val *own = yyjson_obj_get(yyjson_obj_get(profile, "histograms"), "confidence");
    yyjson_val *scored = yyjson_obj_get(policy, "confidence");
    bool fitted = yyjson_obj_get(policy, "score") != NULL;
    yyjson_val *histogram = scored ? scored : fitted ? NULL : own;
    if (!add_confidence(p, histogram, err))
        return false;
    const struct profile_dimension *d = &p->dimensions[DIMENSION_CONFIDENCE];
    p->mean_confidence = scored   ? number_or_nan(scored, "mean")
                         : fitted ? NAN
                                  : number_or_nan(yyjson_obj_get(manifest, "metrics"), "mean_confidence");
    if (d->known && isnan(p->mean_confidence))
        p->mean_confidence = middle_of(d);
    return true;
}

static bool read_all(struct reference_profile *p, yyjson_val *manifest, struct error *err) {
    yyjson_val *profile = yyjson_obj_get(manifest, "profile");
    yyjson_val *features = yyjson_obj_get(profile, "features");
    p->rows = rows_of(profile);
    p->since = yyjson_get_sint(yyjson_obj_get(profile, "since"));
    p->accuracy = number_or_nan(yyjson_obj_get(manifest, "metrics"), "accuracy");
    if (!read_confidence(p, manifest, err) || !add_labels(p, yyjson_obj_get(profile, "labels"), err) ||
        !(features ? add_features(p, features, err)
                   : add_text(p, yyjson_obj_get(profile, "histograms"), err)))
        return false;
    for (size_t i = 0; i < p->count; i++) {
        if (p->dimensions[i].rows == 0)
            p->dimensions[i].rows = p->rows;
        p->size = p->dimensions[i].source == SOURCE_SIZE ? &p->dimensions[i] : p->size;
        p->dimensions[i].first = p->counters;
        p->counters += p->dimensions[i].bins + 2;
    }
    return index_labels(p, err);
}

bool reference_profile_read(struct reference_profile **out, yyjson_val *manifest, struct error *err) {
    struct reference_profile *p = calloc(1, sizeof *p);
    if (!p)
        return no_memory(err);
    p->refs = 1;
    p->dimensions = calloc(DIMENSION_INPUTS + PROFILE_INPUTS_MAX, sizeof *p->dimensions);
    if (p->dimensions ? read_all(p, manifest, err) : no_memory(err)) {
        *out = p;
        return true;
    }
    reference_profile_unref(p);
    return false;
}

struct reference_profile *reference_profile_ref(struct reference_profile *p) {
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

static void clear(struct profile_dimension *d) {
    for (uint32_t i = 0; d->names && i < d->bins; i++)
        free(d->names[i]);
    free(d->names);
    free(d->name);
    free(d->edges);
    free(d->shares);
}

void reference_profile_unref(struct reference_profile *p) {
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
        return;
    /* One more than were added: the last may have failed half way. */
    for (size_t i = 0; p->dimensions && i < p->count; i++)
        clear(&p->dimensions[i]);
    free(p->dimensions);
    free(p->label_slots);
    free(p);
}

/* ---- what a request is ---- */

uint32_t profile_number_bin(const struct profile_dimension *d, double value) {
    uint32_t at = 0;
    for (uint32_t i = 0; i + 1 < d->bins; i++) /* no branch: it becomes a few vector instructions */
        at += value >= d->edges[i];
    return at;
}

static uint32_t feature_bin(const struct profile_dimension *d, const struct feature_value *value) {
    switch (value->kind) {
    case FEATURE_NUMBER: return d->category ? d->bins + 1 : profile_number_bin(d, value->number);
    case FEATURE_CATEGORY: return d->category && value->category < d->bins ? value->category : d->bins + 1;
    case FEATURE_MISSING: break;
    }
    return d->bins;
}

static double seen_in_text(enum profile_source source, const struct model_answer *a) {
    switch (source) {
    case SOURCE_NOVELTY: return (double)a->novelty;
    case SOURCE_WORDS: return a->words;
    case SOURCE_UNSEEN_WORDS: return 1 - (double)a->known_words;
    case SOURCE_UNSEEN_GRAMS: return 1 - (double)a->known_grams;
    case SOURCE_SCARCITY: return (double)a->scarcity;
    case SOURCE_SIZE:
    case SOURCE_FEATURE: break;
    }
    return 0;
}

/* A row that was refused for one feature tells only that. */
static bool refused_bins(const struct reference_profile *p, const char *refused, uint16_t *bins) {
    bool any = false;
    for (size_t i = 0; i < reference_profile_inputs(p); i++) {
        const struct profile_dimension *d = &p->dimensions[DIMENSION_INPUTS + i];
        bool this = d->source == SOURCE_FEATURE && strcmp(d->name, refused) == 0;
        bins[i] = this ? (uint16_t)(d->bins + 1) : PROFILE_NOT_SEEN;
        any |= this;
    }
    return any;
}

bool reference_profile_bins(const struct reference_profile *p, const struct profile_sight *sight,
                            uint16_t *bins) {
    bool any = false;
    if (sight->refused)
        return refused_bins(p, sight->refused, bins);
    for (size_t i = 0; i < reference_profile_inputs(p); i++) {
        const struct profile_dimension *d = &p->dimensions[DIMENSION_INPUTS + i];
        bins[i] = PROFILE_NOT_SEEN;
        if (d->source == SOURCE_FEATURE && i < sight->feature_count)
            bins[i] = (uint16_t)feature_bin(d, &sight->features[i]);
        else if (d->source != SOURCE_FEATURE && d->source != SOURCE_SIZE && sight->answer)
            bins[i] = (uint16_t)profile_number_bin(d, seen_in_text(d->source, sight->answer));
        any |= bins[i] != PROFILE_NOT_SEEN;
    }
    return any;
}

uint32_t reference_profile_label(const struct reference_profile *p, struct str label) {
    uint32_t found = *slot_of(p, label);
    return found ? found - 1 : p->dimensions[DIMENSION_LABEL].bins + 1;
}
