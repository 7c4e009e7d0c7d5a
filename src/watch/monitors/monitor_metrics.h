/* The monitors' readings among the metrics: penstock_monitor_value, _limit and _breached. Any thread. */
#pragma once

#include "base/buf.h"

/* For metrics_add_writer; ctx: struct monitors. */
void monitor_metrics_write(struct buf *out, void *ctx);
