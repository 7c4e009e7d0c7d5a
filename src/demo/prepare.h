/* `penstock demo prepare`: everything that `penstock serve --demo` needs, from nothing: documents and texts
 * (demo/folder.h), models trained on them, a store and a configuration. One thread; takes about a minute. */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct demo_options {
    const char *folder;
    unsigned count; /* documents of each kind to train on; DEMO_COUNT_MIN to DEMO_COUNT_MAX */
    uint64_t seed;
    const char *camera_program;
};

enum { DEMO_COUNT_MIN = 10, DEMO_COUNT_MAX = 900, DEMO_COUNT = 40 };

/* Says what it does on standard output. Does nothing when the folder was prepared with the same options by a
 * program of the same kind. ERR_IO when the folder holds other things than an earlier demo. */
bool demo_prepare(const struct demo_options *options, struct error *err) MUST_USE;
