/* Infers the schema of tabular features from a dataset: a column whose cells are all finite numbers is a
 * number, any other is a category; a column with missing cells may be missing in serving, too. Means,
 * deviations and quantiles come from all rows, never from labels. */
#pragma once

#include "learn/dataset.h"
#include "models/tabular.h"

struct learned_schema {
    char *bytes; /* the section as the artefact stores it, which `tabular` leads into */
    size_t size;
    struct tabular tabular;
    struct feature_value *values; /* of every row: tabular.count each */
};

/* ERR_DATA: a column without any value, or with too many categories. */
bool schema_learn(struct learned_schema *out, const struct dataset *d, struct error *err) MUST_USE;
void schema_free(struct learned_schema *s);
