/* What calls to language models took and cost, by the names of OpenTelemetry's semantic conventions for
 * generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/, version 1.37), dots and
 * units as Prometheus writes them. Private to the metrics; a shard's loop counts, a scrape sums and writes.
 */
#pragma once

#include "watch/metrics/metrics_shard.h"

/* One event of a call to a language model. */
void language_count(struct language_counts *c, const struct event *e);
void language_merge(struct language_counts *to, const struct language_counts *from);

/* All families; `each` is called once for each family and shows every slot by calling language_write. */
struct language_writing {
    struct buf *out;
    unsigned family;
};
enum { LANGUAGE_FAMILIES = 7 };
void language_write_head(struct language_writing *w);
void language_write(struct language_writing *w, const char *endpoint, const char *model,
                    const struct language_counts *c);
