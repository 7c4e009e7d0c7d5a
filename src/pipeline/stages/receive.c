#include "pipeline/stages/stages.h"

/* The server reads the body within its own limits and deadlines; request_body goes on. */
static enum stage_answer run(struct request *r) {
    return STAGE_SUSPEND;
}

static void cancel(struct request *r) {}

const struct stage stage_receive = {.name = "receive", .run = run, .cancel = cancel};
