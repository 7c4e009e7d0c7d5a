/* How two datasets differ, printed. */
#pragma once

#include "store/dataset_manifest.h"

struct datasets_diff {
    const struct dataset_manifest *a, *b;
    uint64_t limit; /* of the changes shown of each kind */
    bool json;
};

/* To standard output: how many rows of each kind of change, then the rows. */
bool datasets_diff_print(const struct datasets_diff *d, struct error *err) MUST_USE;
