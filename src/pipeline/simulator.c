#include "pipeline/simulator.h"

#include "chat/prompt_text.h"
#include "pipeline/chat_output.h"
#include "pipeline/verifying.h"

enum { SHOWN_MAX = 400, BYTES_PER_TOKEN = 4 };

struct heard {
    struct str last; /* what the user said last */
    size_t bytes;
};

static bool hear(void *ctx, const struct chat_part *part) {
    struct heard *h = ctx;
    h->bytes += part->text.n;
    if (str_eq(part->role, STR("user")))
        h->last = part->text;
    return true;
}

/* Cut at a whole character. */
static struct str beginning(struct str text, size_t most) {
    size_t bad;
    struct str cut = str_slice(text, 0, most);
    return str_is_utf8(cut, &bad) ? cut : str_slice(cut, 0, bad);
}

bool simulator_answer(struct request *r, const struct chat_request *in) {
    struct heard h = {.last = STR("")};
    if (in->surface == CHAT_EMBEDDINGS)
        return fail(&r->error, ERR_BAD_REQUEST, "The simulator makes no embeddings.");
    if (in->previous_response_id.n || (in->conversation && !yyjson_is_null(in->conversation)))
        return fail_at(&r->error, ERR_BAD_REQUEST,
                       in->previous_response_id.n ? "previous_response_id" : "conversation",
                       "This endpoint keeps no conversations; send the conversation so far as \"input\".");
    chat_prompt_visit(in, hear, &h);
    struct str shown = beginning(h.last, SHOWN_MAX);
    AUTO_BUF text = BUF_INIT(8192);
    buf_printf(&text,
               "[simulator] No model wrote this: it is Penstock's local simulator, which repeats what it was "
               "asked. You "
               "said: \"%.*s\"%s",
               STR_ARG(shown), shown.n < h.last.n ? " (and more)" : "");
    if (r->chat->verifying && !verifying_allows(r->chat, buf_str(&text)))
        return false;
    /* Estimates, so that what counts tokens can be tried out too. */
    struct chat_usage usage = CHAT_USAGE_UNKNOWN;
    usage.input = (int64_t)(h.bytes / BYTES_PER_TOKEN) + 1;
    usage.output = (int64_t)(text.n / BYTES_PER_TOKEN) + 1;
    return chat_say_text(r, buf_str(&text), &usage);
}
