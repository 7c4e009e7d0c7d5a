#include "watch/monitors/readings.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

static void point(struct kept_reading *k) {
    k->reading.part = k->part;
    k->reading.detail = k->detail;
}

static bool grow(struct readings *l) {
    size_t room = l->room ? l->room * 2 : 32;
    struct kept_reading *more = l->count < READINGS_MAX ? realloc(l->list, room * sizeof *more) : NULL;
    if (!more)
        return false;
    l->list = more;
    l->room = room;
    for (size_t i = 0; i < l->count; i++)
        point(&l->list[i]);
    return true;
}

struct reading *readings_add(struct readings *l, const struct reading *r) {
    if (l->count == l->room && !grow(l))
        return NULL;
    struct kept_reading *k = &l->list[l->count++];
    k->reading = *r;
    snprintf(k->part, sizeof k->part, "%s", r->part ? r->part : "");
    snprintf(k->detail, sizeof k->detail, "%s", r->detail ? r->detail : "");
    point(k);
    return &k->reading;
}

void readings_clear(struct readings *l) {
    l->count = 0;
}

void readings_free(struct readings *l) {
    free(l->list);
    *l = (struct readings){0};
}

const char *reading_state_name(enum reading_state state) {
    static const char *const names[] = {"good", "breached", "no_data", "void"};
    CHECK((size_t)state < ARRAY_COUNT(names));
    return names[state];
}

static void number_field(struct json_writer *w, const char *key, double value) {
    json_key(w, key);
    json_double(w, value); /* writes null for what is none */
}

void reading_fields(const struct reading *r, struct json_writer *w) {
    json_field_text(w, "monitor", r->monitor);
    json_field_text(w, "part", r->part);
    json_field_text(w, "state", reading_state_name(r->state));
    number_field(w, "value", r->value);
    number_field(w, "expected", r->expected);
    number_field(w, "limit", r->limit);
    json_field_text(w, "unit", r->unit);
    json_field_int(w, "samples", (int64_t)r->samples);
}
