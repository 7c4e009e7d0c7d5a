/* What the answer of a chat must look like: by the request's own schema, or by the endpoint's. Before any
 * cost, since a schema that is none is the client's fault. */
#include "pipeline/stages/stages.h"
#include "pipeline/verifying.h"

static bool applies(const struct request *r) {
    const struct config_output *output = &r->endpoint->config->output;
    return output->check || output->confidence != OUTPUT_UNKNOWN;
}

static enum stage_answer run(struct request *r) {
    return verifying_prepare(r) ? STAGE_NEXT : STAGE_FAIL;
}

static void on_end(struct request *r) {
    verifying_clear(r->chat);
}

const struct stage stage_shape = {
    .name = "shape", .applies = applies, .run = run, .on_end = on_end, .brief = true};
