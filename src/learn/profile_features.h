/* The part of a reference profile that tells how tabular features lay in training (learn/profile.h):
 *   "features":{NAME:{"missing":share,"histogram":{…}}, NAME:{"missing":share,"categories":{NAME:share,…}},…}
 */
#pragma once

#include "base/json.h"
#include "learn/schema.h"

/* Key and value. `rows`: of the dataset that the schema was learned from. */
void profile_write_features(struct json_writer *w, const struct learned_schema *s, size_t rows);
