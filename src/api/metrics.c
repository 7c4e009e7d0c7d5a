/* GET /metrics, in Prometheus' text format */
#include "watch/metrics/metrics.h"

#include "api/routes.h"

#include <pthread.h>

/* Two loops may be scraped at once; the writer is for one thread at a time. */
static pthread_mutex_t one_scrape = PTHREAD_MUTEX_INITIALIZER;

void metrics_show(struct call *c) {
    struct error err;
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    pthread_mutex_lock(&one_scrape);
    bool written = metrics_write(c->loop->parts->metrics, out, &err);
    pthread_mutex_unlock(&one_scrape);
    if (!written) {
        call_fail(c, &err);
        return;
    }
    call_reply_text(c, 200, STR(METRICS_CONTENT_TYPE), buf_str(out));
}
