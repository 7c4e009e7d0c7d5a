/* What the commands about an endpoint share: its configuration. */
#pragma once

#include "cli/store_option.h"
#include "config/config.h"

/* The configuration that -c or --demo names, and its endpoint. *config is the caller's. ERR_USAGE without
 * either; ERR_NOT_FOUND names the nearest endpoint. */
bool endpoint_argument(const struct store_option *o, const char *name, const struct config **config,
                       const struct config_endpoint **out, struct error *err) MUST_USE;
