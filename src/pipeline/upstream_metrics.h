/* What GET /metrics says of upstreams: how their calls ended, whether they are left alone, how well their
 * tokens are estimated. Reads atomics of the snapshot that is in force. */
#pragma once

#include "base/buf.h"

/* `engine`: the struct engine. For metrics_add_writer. */
void upstream_metrics_write(struct buf *out, void *engine);
