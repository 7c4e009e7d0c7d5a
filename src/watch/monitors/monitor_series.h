/* Readings as they were at a closing, packed: what a chart shows of a monitor. Only those that are held
 * against something are kept. Pure; any thread. */
#pragma once

#include "base/buf.h"
#include "watch/monitors/readings.h"

/* All monitors, by the names of docs/runbooks; their places are stored. NULL ends. */
struct monitor_kind {
    const char *name, *unit;
    bool above; /* values above the limit are the bad ones */
};
extern const struct monitor_kind monitor_kinds[];
/* NULL: there is none of that name. */
const struct monitor_kind *monitor_kind_named(struct str name);

void monitor_readings_pack(const struct readings *l, struct buf *out);
/* Calls visit for each; its endpoint and detail are "". False: damaged. */
bool monitor_readings_visit(struct str packed, void (*visit)(const struct reading *r, void *ctx),
                            void *ctx) MUST_USE;
