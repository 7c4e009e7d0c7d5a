/* A window as bytes: varints, so that zeros and small counts are one byte each; counts of a sketch as the gap
 * to the next that is not 0 and its count; errors, stages and versions by their names, so that another
 * program's numbers do not matter. */
#include "watch/monitors/window.h"

#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, VARINT_BYTES = 10, FIXED = 6 };

/* ---- writing ---- */

static void put(struct buf *out, uint64_t value) {
    if (!buf_reserve(out, VARINT_BYTES))
        return;
    for (; value >= 0x80; value >>= 7)
        out->p[out->n++] = (char)(value | 0x80);
    out->p[out->n++] = (char)value;
}

static void put_double(struct buf *out, double value) {
    buf_add(out, &value, sizeof value);
}

static void put_text(struct buf *out, const char *text) {
    put(out, strlen(text));
    buf_add(out, text, strlen(text));
}

/* How many follow; then gap and count by turns. */
static void put_counts(struct buf *out, const uint32_t *counts, size_t n) {
    size_t used = 0, last = 0;
    for (size_t i = 0; i < n; i++)
        used += counts[i] != 0;
    put(out, used);
    for (size_t i = 0; i < n; i++) {
        if (counts[i] == 0)
            continue;
        put(out, i - last);
        put(out, counts[i]);
        last = i;
    }
}

static void put_list(struct buf *out, const uint64_t *values, size_t n) {
    put(out, n);
    for (size_t i = 0; i < n; i++)
        put(out, values[i]);
}

static void put_errors(const struct window *w, struct buf *out) {
    size_t used = 0;
    for (enum error_code code = 1; code < ERR_COUNT; code++)
        used += w->errors[code] != 0;
    put(out, used);
    for (enum error_code code = 1; code < ERR_COUNT; code++)
        if (w->errors[code]) {
            put_text(out, error_name(code));
            put(out, w->errors[code]);
        }
}

static void put_version(const struct window_version *v, struct buf *out) {
    put_text(out, v->name);
    put(out, v->profile->counters);
    put(out, v->answers);
    put_double(out, v->confidence);
    put_double(out, v->variance);
    put_counts(out, v->counts, v->profile->counters);
    buf_add(out, v->distinct, sizeof v->distinct);
}

static bool used(const struct window_version *v) {
    for (uint32_t i = 0; i < v->profile->counters; i++)
        if (v->counts[i])
            return true;
    return false;
}

void window_pack(const struct window *w, struct buf *out) {
    const uint64_t numbers[FIXED] = {w->requests,  w->failed,  w->answered,
                                     w->fallbacks, w->reviews, w->priced};
    put(out, FORMAT);
    put(out, (uint64_t)w->from);
    put(out, (uint64_t)w->to);
    put_list(out, numbers, FIXED);
    put(out, w->nanodollars);
    put_list(out, w->decisions, DECISION_COUNT);
    put_list(out, w->cache, CACHE_STATES);
    put_errors(w, out);
    put_counts(out, w->total.bins, LATENCY_BINS);
    put(out, w->stage_count);
    for (unsigned i = 0; i < w->stage_count; i++) {
        put_text(out, w->stages[i].name);
        put_counts(out, w->stages[i].latency.bins, LATENCY_BINS);
    }
    unsigned versions = 0;
    for (unsigned i = 0; i < w->version_count; i++)
        versions += used(&w->versions[i]);
    put(out, versions);
    for (unsigned i = 0; i < w->version_count; i++)
        if (used(&w->versions[i]))
            put_version(&w->versions[i], out);
}

/* ---- reading ---- */

struct cursor {
    const unsigned char *p, *end;
    bool damaged;
};

static uint64_t take(struct cursor *c) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && c->p < c->end; shift += 7) {
        unsigned char byte = *c->p++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return value;
    }
    c->damaged = true;
    return 0;
}

static struct str take_bytes(struct cursor *c, uint64_t n) {
    if (c->damaged || n > (size_t)(c->end - c->p)) {
        c->damaged = true;
        return STR("");
    }
    struct str s = {(const char *)c->p, n};
    c->p += n;
    return s;
}

static struct str take_text(struct cursor *c) {
    return take_bytes(c, take(c));
}

static double take_double(struct cursor *c) {
    double value = 0;
    struct str s = take_bytes(c, sizeof value);
    if (s.n == sizeof value)
        memcpy(&value, s.p, sizeof value);
    if (value >= 0 && value < 1e18)
        return value;
    c->damaged = true;
    return 0;
}

/* counts NULL: they are read over. */
static void take_counts(struct cursor *c, uint32_t *counts, size_t n) {
    uint64_t used = take(c), at = 0;
    for (uint64_t i = 0; i < used && !c->damaged; i++) {
        uint64_t gap = take(c), count = take(c);
        if (gap >= n || at + gap >= n) {
            c->damaged = true;
            return;
        }
        at += gap;
        if (counts)
            count_up(&counts[at], count);
    }
}

/* Those that this program knows; another may have had more or fewer. */
static void take_list(struct cursor *c, uint64_t *values, size_t n) {
    uint64_t count = take(c);
    for (uint64_t i = 0; i < count && !c->damaged; i++) {
        uint64_t value = take(c);
        if (i < n)
            values[i] += value;
    }
}

static void take_errors(struct window *w, struct cursor *c) {
    uint64_t count = take(c);
    for (uint64_t i = 0; i < count && !c->damaged; i++) {
        struct str name = take_text(c);
        uint64_t n = take(c);
        for (enum error_code code = 1; code < ERR_COUNT; code++)
            if (str_eq(name, str_from(error_name(code))))
                w->errors[code] += n;
    }
}

static struct window_stage *stage_named(struct window *w, struct str name) {
    for (unsigned i = 0; i < w->stage_count; i++)
        if (str_eq(name, str_from(w->stages[i].name)))
            return &w->stages[i];
    if (w->stage_count == EVENT_STAGES_MAX || name.n == 0 || name.n >= WINDOW_STAGE_SIZE)
        return NULL;
    struct window_stage *s = &w->stages[w->stage_count++];
    *s = (struct window_stage){0};
    memcpy(s->name, name.p, name.n);
    return s;
}

static void take_stages(struct window *w, struct cursor *c) {
    uint64_t count = take(c);
    for (uint64_t i = 0; i < count && !c->damaged; i++) {
        struct window_stage *s = stage_named(w, take_text(c));
        take_counts(c, s ? s->latency.bins : NULL, LATENCY_BINS);
    }
}

static void take_version(struct window *w, struct cursor *c) {
    struct str name = take_text(c);
    struct window_version *v = (struct window_version *)window_version(w, name), unwatched = {0};
    uint64_t counters = take(c);
    bool same = v && v->profile->counters == counters;
    if (!v)
        v = &unwatched;
    v->answers += take(c);
    v->confidence += take_double(c);
    v->variance += take_double(c);
    take_counts(c, same ? v->counts : NULL, counters);
    struct str distinct = take_bytes(c, DISTINCT_REGISTERS);
    for (size_t i = 0; i < distinct.n; i++)
        if (v->distinct[i] < (unsigned char)distinct.p[i] && (unsigned char)distinct.p[i] < 64)
            v->distinct[i] = (unsigned char)distinct.p[i];
}

bool window_add_packed(struct window *w, struct str packed) {
    struct cursor c = {(const unsigned char *)packed.p, (const unsigned char *)packed.p + packed.n, false};
    uint64_t numbers[FIXED] = {0};
    if (take(&c) != FORMAT)
        return false;
    int64_t from = (int64_t)take(&c), to = (int64_t)take(&c);
    w->from = w->from && w->from < from ? w->from : from;
    w->to = w->to > to ? w->to : to;
    take_list(&c, numbers, FIXED);
    w->requests += numbers[0];
    w->failed += numbers[1];
    w->answered += numbers[2];
    w->fallbacks += numbers[3];
    w->reviews += numbers[4];
    w->priced += numbers[5];
    w->nanodollars += take(&c);
    take_list(&c, w->decisions, DECISION_COUNT);
    take_list(&c, w->cache, CACHE_STATES);
    take_errors(w, &c);
    take_counts(&c, w->total.bins, LATENCY_BINS);
    take_stages(w, &c);
    uint64_t versions = take(&c);
    for (uint64_t i = 0; i < versions && !c.damaged; i++)
        take_version(w, &c);
    return !c.damaged && c.p == c.end;
}
