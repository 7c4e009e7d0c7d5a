/* A configuration that was read, said again: every option with its value, defaults included, as a file would
 * write it. Of secrets it says only whether they are set. Any thread. */
#pragma once

#include "base/json.h"
#include "config/config.h"

/* An object. */
void config_describe_endpoint(const struct config_endpoint *e, struct json_writer *w);
