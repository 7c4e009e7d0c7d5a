#include "watch/monitors/window.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- versions ---- */

static void version_clear(struct window_version *v) {
    reference_profile_unref(v->profile);
    free(v->counts);
    *v = (struct window_version){0};
}

static bool same_name(const struct window_version *v, struct str name) {
    return strncmp(v->name, name.p, name.n) == 0 && v->name[name.n] == '\0';
}

static struct window_version *find(struct window *w, struct str name) {
    if (name.n == 0 || name.n >= WINDOW_NAME_SIZE)
        return NULL;
    for (unsigned i = 0; i < w->version_count; i++)
        if (same_name(&w->versions[i], name))
            return &w->versions[i];
    return NULL;
}

const struct window_version *window_version(const struct window *w, struct str name) {
    for (unsigned i = 0; i < w->version_count; i++)
        if (name.n < WINDOW_NAME_SIZE && same_name(&w->versions[i], name))
            return &w->versions[i];
    return NULL;
}

bool window_watch(struct window *w, const char *version, struct reference_profile *profile) {
    if (find(w, str_from(version))) {
        reference_profile_unref(profile);
        return true;
    }
    uint32_t *counts = calloc(profile->counters, sizeof *counts);
    if (!counts) {
        reference_profile_unref(profile);
        return false;
    }
    if (w->version_count == WINDOW_VERSIONS_MAX) {
        version_clear(&w->versions[0]);
        memmove(w->versions, w->versions + 1, (WINDOW_VERSIONS_MAX - 1) * sizeof *w->versions);
        w->version_count--;
    }
    struct window_version *v = &w->versions[w->version_count++];
    *v = (struct window_version){.profile = profile, .counts = counts};
    snprintf(v->name, sizeof v->name, "%s", version);
    return true;
}

bool window_compare_with(struct window *w, const char *version, struct reference_profile *profile) {
    struct window_version *v = find(w, str_from(version));
    uint32_t *counts = v ? calloc(profile->counters, sizeof *counts) : NULL;
    if (!counts) {
        reference_profile_unref(profile);
        return false;
    }
    reference_profile_unref(v->profile);
    free(v->counts);
    v->profile = profile;
    v->counts = counts;
    return true;
}

bool window_like(struct window *w, const struct window *like) {
    bool good = true;
    for (unsigned i = 0; i < w->version_count; i++)
        version_clear(&w->versions[i]);
    w->version_count = 0;
    window_clear(w);
    for (unsigned i = 0; i < like->version_count; i++)
        good &= window_watch(w, like->versions[i].name, reference_profile_ref(like->versions[i].profile));
    return good;
}

void window_clear(struct window *w) {
    memset(w, 0, offsetof(struct window, total));
    memset(&w->total, 0, sizeof w->total);
    for (unsigned i = 0; i < w->stage_count; i++)
        memset(&w->stages[i].latency, 0, sizeof w->stages[i].latency);
    for (unsigned i = 0; i < w->version_count; i++) {
        struct window_version *v = &w->versions[i];
        v->answers = 0;
        v->confidence = v->variance = 0;
        memset(v->distinct, 0, sizeof v->distinct);
        memset(v->counts, 0, v->profile->counters * sizeof *v->counts);
    }
}

void window_free(struct window *w) {
    for (unsigned i = 0; i < w->version_count; i++)
        version_clear(&w->versions[i]);
    w->version_count = 0;
}

/* ---- distinct values ---- */

static void distinct_add(unsigned char registers[DISTINCT_REGISTERS], struct str value) {
    uint64_t hash = hash64_u64(hash64(value, 0));
    unsigned char rank = (unsigned char)(__builtin_clzll(hash >> 6 | 1) - 5);
    unsigned char *at = &registers[hash & (DISTINCT_REGISTERS - 1)];
    if (*at < rank)
        *at = rank;
}

double distinct_estimate(const unsigned char registers[DISTINCT_REGISTERS]) {
    const double m = DISTINCT_REGISTERS;
    double sum = 0, empty = 0;
    for (int i = 0; i < DISTINCT_REGISTERS; i++) {
        sum += ldexp(1, -registers[i]);
        empty += registers[i] == 0;
    }
    double estimate = 0.709 * m * m / sum; /* alpha for 64 registers */
    return estimate <= 2.5 * m && empty > 0 ? m * log(m / empty) : estimate;
}

/* ---- events ---- */

static enum error_code category_of(struct str name) {
    for (enum error_code code = ERR_NONE + 1; code < ERR_COUNT; code++)
        if (str_eq(name, str_from(error_name(code))))
            return code;
    return ERR_INTERNAL;
}

static struct window_stage *new_stage(struct window *w, const char *name) {
    if (w->stage_count == EVENT_STAGES_MAX)
        return NULL;
    struct window_stage *s = &w->stages[w->stage_count++];
    *s = (struct window_stage){.constant = name};
    snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

/* Requests of an endpoint mostly take the same way, so the stage after the last is looked at first. */
static void add_stages(struct window *w, const struct event *e) {
    unsigned at = 0;
    for (unsigned i = 0; i < e->stage_count; i++) {
        const char *name = e->stages[i].name;
        struct window_stage *s = NULL;
        for (unsigned tried = 0; tried < w->stage_count && !s; tried++, at++) {
            at = at >= w->stage_count ? 0 : at;
            if (w->stages[at].constant == name)
                s = &w->stages[at];
        }
        if (!s && (s = new_stage(w, name)))
            at = w->stage_count;
        if (s)
            latency_sketch_add(&s->latency, e->stages[i].us);
    }
}

static void add_answer(struct window_version *v, const struct event *e) {
    const struct reference_profile *p = v->profile;
    if (e->confidence >= 0) {
        double c = (double)e->confidence;
        const struct profile_dimension *d = &p->dimensions[DIMENSION_CONFIDENCE];
        v->answers++;
        v->confidence += c;
        v->variance += c * (1 - c);
        v->counts[d->first + profile_number_bin(d, c)]++;
    }
    if (p->size && e->input_size)
        v->counts[p->size->first + profile_number_bin(p->size, e->input_size)]++;
    if (e->prediction.n == 0)
        return;
    v->counts[p->dimensions[DIMENSION_LABEL].first + reference_profile_label(p, e->prediction)]++;
    distinct_add(v->distinct, e->prediction);
}

static void add_input(struct window_version *v, const struct event *e) {
    const struct reference_profile *p = v->profile;
    if (e->bin_count != reference_profile_inputs(p) || p->size)
        return;
    for (size_t i = 0; i < e->bin_count; i++) {
        const struct profile_dimension *d = &p->dimensions[DIMENSION_INPUTS + i];
        if (e->bins[i] < d->bins + 2)
            v->counts[d->first + e->bins[i]]++;
    }
}

void window_add(struct window *w, const struct event *e) {
    w->requests++;
    w->failed += e->status >= 500;
    w->answered += e->status < 400;
    w->fallbacks += e->fallback.n > 0;
    w->reviews += e->review != NULL && e->review->kind != REVIEW_AUDIT; /* an audit keeps nobody waiting */
    w->decisions[e->decision]++;
    w->cache[e->cache]++;
    if (e->error_code.n)
        w->errors[category_of(e->error_code)]++;
    if (e->cost_nanodollars >= 0) {
        w->priced++;
        w->nanodollars += (uint64_t)e->cost_nanodollars;
    }
    latency_sketch_add(&w->total, e->total_us);
    add_stages(w, e);
    struct window_version *v = find(w, e->model);
    if (v && e->status < 400)
        add_answer(v, e);
    if (e->bin_count == 0)
        return;
    v = str_eq(e->model, e->binned_by) ? v : find(w, e->binned_by);
    if (v)
        add_input(v, e);
}
