/* GET /metrics, in Prometheus' text format */
#include "watch/metrics.h"

#include "api/routes.h"

void metrics_show(struct call *c) {
    struct error err;
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    if (!metrics_write(c->loop->parts->metrics, out, &err)) {
        call_fail(c, &err);
        return;
    }
    call_reply_text(c, 200, STR(METRICS_CONTENT_TYPE), buf_str(out));
}
