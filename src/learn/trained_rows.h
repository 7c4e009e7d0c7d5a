/* Which rows a version was trained on: a fingerprint of each row's content in its artefact, so that nobody
 * can judge or calibrate it on rows that it knows by heart. A row never seen is taken for one of n trained
 * ones with a chance of n / 2^32. Pure; any thread. */
#pragma once

#include "learn/dataset.h"
#include "models/artefact.h"

bool trained_rows_write(struct artefact_writer *w, const struct dataset *d, const uint32_t *chosen,
                        size_t count, struct error *err) MUST_USE;

struct trained_rows {
    const uint32_t *fingerprints;
    size_t count; /* 0: the artefact does not say (rules, ONNX files, older versions) */
};

/* Leads into `artefact`, which any backend's bytes may be. ERR_ARTEFACT. */
bool trained_rows_read(struct trained_rows *out, struct str artefact, struct error *err) MUST_USE;
bool trained_rows_has(const struct trained_rows *t, const struct data_row *row);
