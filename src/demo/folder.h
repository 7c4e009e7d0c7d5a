/* The demo's folder: labelled documents and texts to train on, a part of each held out, business rules and a
 * configuration. Everything in it is made from the seed; nothing is read.
 *
 *     documents/LABEL/NNN.pdf|jpg   to train on
 *     holdout/LABEL-NNN.pdf|jpg     never trained on
 *     support-early.csv             the first half of:
 *     support.csv, holdout/support.csv
 *     rules/NAME.lua
 *     penstock.yaml, penstock-data/ (the store)
 *
 * One thread per folder. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <limits.h>
#include <stdint.h>

struct demo_folder {
    const char *path;
    unsigned documents, documents_held_out; /* of each kind */
    unsigned texts, texts_held_out;         /* of each intent */
    uint64_t seed;
    const char *camera_program; /* penstock-demo-camera */
};

/* `name` in the folder; false (ERR_IO) when that is too long for a path. */
bool demo_path(const struct demo_folder *folder, char out[PATH_MAX], struct error *err, const char *name, ...)
    PRINTF_LIKE(4, 5) MUST_USE;
bool demo_write_file(const char *path, struct str content, struct error *err) MUST_USE;

/* Documents: drawn, and most of them photographed, on every core. The first receipt that is held out is
 * always a photograph and the first invoice always a PDF. */
bool demo_write_documents(const struct demo_folder *folder, struct error *err) MUST_USE;
bool demo_write_texts(const struct demo_folder *folder, struct error *err) MUST_USE;

/* The versions that the configuration serves, as "documents@1". `second` may be NULL; it gets 10 %. */
struct demo_versions {
    const char *documents, *support, *support_second;
};
bool demo_write_configuration(const struct demo_folder *folder, const struct demo_versions *versions,
                              struct error *err) MUST_USE;
