/* What an endpoint was configured to be, each distinct configuration once: whenever a server takes one up it
 * gets the next number of the endpoint ("tickets@3"), or the one that it had before. Rows are only ever
 * added. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "store/reference.h"
#include "store/store.h"

struct endpoint_version {
    const char *endpoint;
    unsigned version; /* from 1 */
    char hash[SHA256_HEX_SIZE];
    int64_t created;  /* wall ns: when it was taken up for the first time */
    const char *body; /* JSON; "" in lists */
};

/* In the caller's transaction; a new one is a row of the history, too. */
bool endpoint_versions_keep(struct store *s, const char *endpoint, struct str body, unsigned *version,
                            struct error *err) MUST_USE;
/* version 0: the newest. The strings are good within `visit`. *found false: there is none. */
bool endpoint_versions_find(struct store *s, const char *endpoint, unsigned version, bool *found,
                            void (*visit)(const struct endpoint_version *v, void *ctx), void *ctx,
                            struct error *err) MUST_USE;
/* By endpoint, newest first; endpoint NULL: of all. */
bool endpoint_versions_list(struct store *s, const char *endpoint,
                            void (*visit)(const struct endpoint_version *v, void *ctx), void *ctx,
                            struct error *err) MUST_USE;
