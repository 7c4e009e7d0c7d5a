/* From solved weights to the sections of an artefact. One thread. */
#pragma once

#include "learn/solver.h"
#include "models/artefact.h"

/* One part of a model, solved. `hidden` is all NULL where `units` is 0. */
struct solved {
    const struct design *design;
    struct linear_solution linear;
    struct hidden_solution hidden;
    uint32_t units;
};

/* Vocabulary and network. A word becomes two rows: its own, and the sum of its n-grams' rows. */
bool export_text(struct artefact_writer *w, const struct corpus *c, const struct solved *s) MUST_USE;
/* A network whose rows are the design's features, as the section `kind`; weights times `factor`. */
bool export_rows(struct artefact_writer *w, enum artefact_kind kind, const struct solved *s,
                 float factor) MUST_USE;
