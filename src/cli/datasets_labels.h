/* `penstock datasets from-labels`: what people said of an endpoint's inputs, written where training reads it:
 * a CSV file (texts, features) or a folder with a sub-folder of files for each label (documents). Where
 * people corrected fields, these are in the column `fields` as JSON, or in the folder's fields.jsonl. */
#pragma once

#include "base/error.h"
#include "store/store.h"

/* Writes to `path`, which must not be there yet; says on standard error what was left out and why. *folder:
 * it is one; *fields: there are some. ERR_DATA where there is nothing to write. */
bool datasets_labels_write(struct store *s, const char *endpoint, const char *path, bool *folder,
                           bool *fields, struct error *err) MUST_USE;
