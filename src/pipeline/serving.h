/* Who serves an endpoint, and in which parts: what its configuration says, and what its newest rollout made
 * of that. A rollout counts as long as the configuration of `rollout` is the one that it began with: whoever
 * writes another one there has the last word. Same threads as the store. */
#pragma once

#include "config/config.h"
#include "store/rollouts.h"

struct serving {
    bool rolled; /* false: as the configuration says, and nothing of the rest is set */
    struct rollout_record rollout;
    const char *references[2]; /* within `rollout` */
    double weights[2];
    unsigned count;
};
bool serving_of(struct store *s, const struct config_endpoint *e, struct serving *out,
                struct error *err) MUST_USE;

/* Its running shadow, which serves nobody; *found false: none, or the configuration was changed since. */
bool serving_shadow(struct store *s, const struct config_endpoint *e, bool *found, struct rollout_record *out,
                    struct error *err) MUST_USE;

/* Names what the configuration says there. */
void serving_base(const struct config_endpoint *e, char hash[SHA256_HEX_SIZE]);

/* What serves all of the endpoint now: "support@3", "main/gpt-4o#support@2". ERR_CONFLICT: several share it.
 */
bool serving_alone(struct store *s, const struct config_endpoint *e, char reference[ROLLOUT_NAME_MAX + 1],
                   struct error *err) MUST_USE;

/* A reference as the configuration would have it. The views are of `text`, which outlives the target. */
struct serving_target {
    struct config_target target;
    char text[ROLLOUT_NAME_MAX + 1];
};
bool serving_parse(const char *reference, const struct config_place *place, struct serving_target *out,
                   struct error *err) MUST_USE;
