/* `penstock models lineage`, and the same lines in the story of a request. */
#pragma once

#include "store/lineage.h"

#include <stdio.h>

/* To standard output. */
bool models_lineage(struct store *s, const char *reference, bool json, struct error *err) MUST_USE;

/* `lineage`: what lineage_write wrote. Each line begins with `indent`, then its name in `width` columns. */
void lineage_print(yyjson_val *lineage, const char *indent, int width, FILE *out);
