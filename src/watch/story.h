/* The whole story of a request, as the API and the command line tell it: its record, what was kept of its
 * input, its review items, what was said of it later, and where the model that answered comes from. Same
 * threads as the store that is passed. */
#pragma once

#include "base/json.h"
#include "store/store.h"
#include "watch/records.h"

/* An object: "time" and the fields of event_json.h, then "input" {type, size, keep_until} or null, "reviews",
 * "feedback" [{who, at, label, correct, score}] and "lineage" (store/lineage.h) or null. Of several requests
 * with that ID the first. ERR_NOT_FOUND */
bool story_write(struct store *s, struct str request_id, struct buf *out, struct error *err) MUST_USE;
/* The same of a record that is being visited. */
bool story_write_record(struct store *s, const struct record *r, struct json_writer *w,
                        struct error *err) MUST_USE;
