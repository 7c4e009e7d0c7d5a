/* A snapshot on its way: what its parts need of each other (snapshot.c puts them together). What is wrong
 * goes into `problems`, with its place; false: there was something. Private to the files that build it. */
#pragma once

#include "pipeline/snapshot.h"

struct snapshot_build {
    const struct snapshot_sources *from;
    struct config_problems *problems;
    struct snapshot *s;
    size_t script_room;
};

bool build_no_memory(struct snapshot_build *b); /* false */

/* ---- snapshot_scripts.c: NO_SCRIPT where there is none ---- */

int build_script(struct snapshot_build *b, const char *path, const char *function,
                 const struct config_place *place);
/* A text that the store keeps. */
int build_kept_script(struct snapshot_build *b, const char *name, const char *text, const char *function);

/* ---- snapshot_targets.c: who is asked ---- */

bool build_upstreams(struct snapshot_build *b);
/* NULL: said. */
struct remote_model *build_remote(struct snapshot_build *b, const struct config_target *wanted);
/* By the configuration, or by the rollout that took over from it. */
bool build_shares(struct snapshot_build *b, struct endpoint *e);
bool build_steps(struct snapshot_build *b, struct endpoint *e);
/* After the shares. Nobody waits for a shadow: one that cannot be is left out, and said. */
bool build_shadow(struct snapshot_build *b, struct endpoint *e);
void snapshot_free_targets(struct endpoint *e);
void snapshot_free_remote(struct remote_model *m); /* NULL is fine */

/* ---- snapshot_cache.c ---- */

bool build_semantic_cache(struct snapshot_build *b, struct endpoint *e);
