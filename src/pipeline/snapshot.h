/* All that a request needs to know and that may change while the program runs: configuration, clients,
 * endpoints with their loaded versions and scripts. Immutable, reference counted; a reload, a new key
 * or a new version builds the next one, whole or not at all, and the loops swap pointers. Any thread,
 * but for scripts, of which each loop has its own. */
#pragma once

#include "config/config.h"
#include "models/script.h"
#include "models/version.h"
#include "pipeline/clients.h"

struct metrics;

/* A Lua file as it was when the snapshot was made. */
struct script_source {
    const char *path;
    const char *function;
    char *text;
};

enum { NO_SCRIPT = -1 };

struct share {
    struct model_version *version;
};

/* A step of a fallback chain. */
struct step {
    enum step_kind kind;
    struct model_version *version; /* STEP_MODEL */
    int64_t timeout;
    int script;       /* STEP_RULES */
    const char *name; /* "support@1", "rules", "cache", "review", "error" */
};

struct endpoint {
    const struct config_endpoint *config;
    struct str name;
    struct share *shares;
    double *weights;
    unsigned share_count;
    struct step *steps;
    unsigned step_count;
    int verify_script;
    unsigned rate_index; /* in client_rate.limiters; 0: the general one */
    unsigned metrics;    /* its handle */
    uint64_t policy;     /* names thresholds and rules as they are: part of the cache's key */
};

struct snapshot {
    atomic_uint refs;
    const struct config *config;
    struct client_table clients;
    struct endpoint *endpoints;
    size_t endpoint_count;
    struct script_source *scripts;
    size_t script_count;
    unsigned loops;
    struct script **states; /* [loop * script_count + script], made by the loop on first use */
};

struct snapshot_sources {
    const struct config *config;
    struct store *store;
    struct work_pool *pool;
    struct metrics *metrics;
    unsigned loops;
    struct snapshot *previous; /* NULL at the start */
};

/* A name that the registry does not have, or a script that does not compile, is a problem with its place
 * in the file. Returns NULL when there is one. */
struct snapshot *snapshot_build(const struct snapshot_sources *from,
                                struct config_problems *problems) MUST_USE;
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s); /* NULL is fine */

const struct endpoint *snapshot_endpoint(const struct snapshot *s, struct str name);
/* This loop's instance of a script. */
struct script *snapshot_script(struct snapshot *s, unsigned loop, int script, struct error *err) MUST_USE;
