/* What one option's type and range cannot say: shares that must sum to 100 %, a fallback step that must
 * be of one kind, authentication that may be off only on loopback. Private to this floor. */
#pragma once

#include "config/options.h"

void check_tls(struct loader *l, void *item, const struct option_node *at);
void check_telemetry(struct loader *l, void *item, const struct option_node *at);
void check_limits(struct loader *l, void *item, const struct option_node *at);
void check_step(struct loader *l, void *item, const struct option_node *at);
void check_budget(struct loader *l, void *item, const struct option_node *at);
void check_upstream(struct loader *l, void *item, const struct option_node *at);
void check_review(struct loader *l, void *item, const struct option_node *at);
void check_output(struct loader *l, void *item, const struct option_node *at);
void check_context(struct loader *l, void *item, const struct option_node *at);
void check_vectors(struct loader *l, void *item, const struct option_node *at);
void check_receiver(struct loader *l, void *item, const struct option_node *at);
void check_alert_rule(struct loader *l, void *item, const struct option_node *at);
void check_maintenance(struct loader *l, void *item, const struct option_node *at);
void check_endpoint(struct loader *l, void *item, const struct option_node *at);
void check_action(struct loader *l, void *item, const struct option_node *at);

/* What spans sections, and what endpoints take from them. Runs on every configuration, complete or not. */
void check_whole(struct loader *l, const struct option_node *root);
/* Do the endpoints that alerts name exist? */
void check_alert_endpoints(struct loader *l, const struct option_node *root);
