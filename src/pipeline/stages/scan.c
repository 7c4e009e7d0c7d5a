#include "base/clock.h"
#include "base/log.h"
#include "pipeline/stages/stages.h"

static bool applies(const struct request *r) {
    return r->input.kind == INPUT_FILE;
}

/* What was not scanned is said to be "not scanned", never clean. */
static enum stage_answer not_scanned(struct request *r, const char *reason) {
    r->scan = SCAN_NOT_SCANNED;
    if (r->snapshot->config->scan.on_unavailable == SCAN_ALLOW)
        return STAGE_NEXT;
    stage_fail(r, ERR_SCAN_UNAVAILABLE, "The file could not be scanned for malware (%s); try again later.",
               reason);
    r->error.retry_after_ms = 5000;
    return STAGE_FAIL;
}

static void done(void *ctx, enum scan_verdict verdict, const char *detail) {
    struct request *r = ctx;
    r->pending = NULL;
    switch (verdict) {
    case SCAN_VERDICT_CLEAN:
        r->scan = SCAN_CLEAN;
        request_resume(r, STAGE_NEXT);
        return;
    case SCAN_VERDICT_FOUND:
        r->scan = SCAN_FOUND;
        request_resume(r, stage_fail(r, ERR_FILE_MALWARE, "The malware scan found %s in the file.", detail));
        return;
    case SCAN_VERDICT_UNAVAILABLE: request_resume(r, not_scanned(r, detail)); return;
    }
}

static enum stage_answer run(struct request *r) {
    struct scanner *scanner = r->loop->parts->scanner;
    if (!scanner) {
        r->scan = SCAN_NOT_SCANNED;
        return STAGE_NEXT;
    }
    int64_t deadline = clock_monotonic() + r->snapshot->config->scan.timeout;
    if (deadline > r->deadline_ns)
        deadline = r->deadline_ns;
    struct scan *scan = NULL;
    if (!scan_start(scanner, loop_uv(r->loop->loop), r->input.bytes, deadline, done, r, &scan, &r->error))
        return not_scanned(r, r->error.message);
    r->pending = scan;
    return STAGE_SUSPEND;
}

static void cancel(struct request *r) {
    scan_cancel(r->pending);
    r->pending = NULL;
}

const struct stage stage_scan = {.name = "scan", .applies = applies, .run = run, .cancel = cancel};
