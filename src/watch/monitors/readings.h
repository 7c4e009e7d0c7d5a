/* A list of readings that owns its strings. One thread at a time. */
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "watch/monitors/reading.h"

#include <stdbool.h>

enum { READING_PART_SIZE = 96, READING_DETAIL_SIZE = 256, READINGS_MAX = 512 };

struct kept_reading {
    struct reading reading; /* its strings lead here, but for monitor and unit, which are constants */
    char part[READING_PART_SIZE];
    char detail[READING_DETAIL_SIZE];
};

struct readings {
    struct kept_reading *list;
    size_t count, room;
};

/* Adds a copy; one beyond READINGS_MAX, or without memory, is left out. `r->monitor`, `r->unit` and
 * `r->endpoint` are not copied. The reading that was added, until the next; NULL: it was not. */
struct reading *readings_add(struct readings *l, const struct reading *r);
void readings_clear(struct readings *l); /* keeps the memory */
void readings_free(struct readings *l);

const char *reading_state_name(enum reading_state state); /* "good", "breached", "no_data", "void" */
/* monitor, part, state, value, expected, limit, unit, samples, into an open object; no number: null. */
void reading_fields(const struct reading *r, struct json_writer *w);
