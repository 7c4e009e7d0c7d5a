/* What the answer of a chat must look like: by the request's own schema, or by the endpoint's; and how it is
 * found out how sure it is. Before any cost, since a schema that is none is the client's fault. */
#include "chat/structured.h"
#include "pipeline/stages/stages.h"
#include "pipeline/verifying.h"

#include <stdlib.h>

enum { BROUGHT_MAX = 128 << 10 };

/* A person may have to see the answer before the client does. */
static bool is_held(const struct request *r) {
    bool embeds = r->endpoint->config->kind == ENDPOINT_EMBED;
    return !embeds && (r->endpoint->switched == SWITCH_PEOPLE || r->endpoint->config->action_count > 0);
}

static bool applies(const struct request *r) {
    const struct config_output *output = &r->endpoint->config->output;
    return output->check || output->confidence != OUTPUT_UNKNOWN || is_held(r);
}

static bool refuse(struct request *r, const char *field, const char *why) {
    return fail_at(&r->error, ERR_INVALID_FIELD, field, "\"%s\": %s", field, why);
}

static const char *format_field(enum chat_surface surface) {
    return surface == CHAT_RESPONSES  ? "text.format"
           : surface == CHAT_MESSAGES ? "output_config.format"
                                      : "response_format";
}

/* Compiling takes 1 us for a usual one, 5 ms for 128 KB of patterns: not worth keeping, worth a limit. */
static bool is_too_large(const struct chat_request *in) {
    size_t n = 0;
    if (in->body.n > BROUGHT_MAX)
        free(yyjson_val_write(in->output_schema, YYJSON_WRITE_NOFLAG, &n));
    return n > BROUGHT_MAX;
}

static bool compile_brought(struct request *r, struct verifying_terms *terms) {
    struct error why;
    const struct chat_request *in = &r->chat->in;
    if (is_too_large(in))
        return refuse(r, format_field(in->surface),
                      "this endpoint checks its answers, and takes schemas of at most 128 KB.");
    terms->brought = schema_compile(in->output_schema, NULL, &why);
    terms->schema = terms->brought;
    return terms->brought ||
           fail_at(&r->error, why.code, format_field(in->surface),
                   "This endpoint checks its answers, and cannot by this schema: %s", why.message);
}

/* The request's own schema goes before the endpoint's. */
static bool choose_schema(struct request *r, struct verifying_terms *terms) {
    const struct output_schema *output = &r->endpoint->output;
    const struct chat_request *in = &r->chat->in;
    bool object_only = false;
    if (!r->endpoint->config->output.check)
        return true;
    if (in->output_schema)
        return compile_brought(r, terms);
    structured_schema_of(in->root, &object_only);
    terms->schema = output->own ? output->own : object_only ? output->object : NULL;
    terms->asked = output->own && !object_only ? output : NULL;
    return true;
}

/* One answer is looked at, the first. */
static bool check_possible(struct request *r) {
    const struct chat_request *in = &r->chat->in;
    yyjson_val *prompt = in->surface == CHAT_LEGACY ? yyjson_obj_get(in->root, "prompt") : NULL;
    if (in->choices > 1)
        return refuse(r, "n", "this endpoint checks its answers and gives one at a time; leave it out.");
    if (yyjson_arr_size(prompt) > 1 && yyjson_is_str(yyjson_arr_get_first(prompt)))
        return refuse(r, "prompt", "this endpoint checks its answers and takes one prompt at a time.");
    if (in->surface == CHAT_RESPONSES && yyjson_is_true(yyjson_obj_get(in->root, "background")))
        return refuse(r, "background",
                      "this endpoint checks its answers and has to wait for them; leave it out.");
    return true;
}

static enum stage_answer run(struct request *r) {
    const struct config_output *config = &r->endpoint->config->output;
    struct verifying_terms terms = {
        .logprobs = config->confidence == OUTPUT_LOGPROBS,
        .samples = config->confidence == OUTPUT_AGREEMENT ? (unsigned)config->samples : 1,
    };
    if (!choose_schema(r, &terms))
        return STAGE_FAIL;
    if (!terms.schema && config->confidence == OUTPUT_UNKNOWN && !is_held(r))
        return STAGE_NEXT; /* this request has nothing to be held to */
    terms.repair = terms.schema && config->repair && r->chat->in.surface != CHAT_LEGACY; /* has no turns */
    return verifying_start(r->chat, &terms) && check_possible(r) ? STAGE_NEXT : STAGE_FAIL;
}

static void on_end(struct request *r) {
    verifying_clear(r->chat);
}

const struct stage stage_shape = {
    .name = "shape", .applies = applies, .run = run, .on_end = on_end, .brief = true};
