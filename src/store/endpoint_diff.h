/* What differs between two configurations of an endpoint (store/endpoint_versions.h), option by option. Any
 * thread. */
#pragma once

#include "base/error.h"
#include "base/json.h"

/* `before` and `after` are JSON objects. Calls visit for every option that differs, such as
 * "options.accept_threshold"; NULL: it is not there. The values are good within `visit`. */
bool endpoint_diff(struct str before, struct str after,
                   void (*visit)(const char *option, yyjson_val *before, yyjson_val *after, void *ctx),
                   void *ctx, struct error *err) MUST_USE;
