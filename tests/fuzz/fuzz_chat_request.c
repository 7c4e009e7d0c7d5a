/* Bodies of language model clients: whatever is accepted becomes JSON again in every API that an upstream may
 * speak, or a refusal that names its reason. The first byte chooses the client's API. */
#include "chat/history.h"
#include "chat/prompt_text.h"
#include "chat/prompted.h"
#include "chat/render.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition)
        abort();
}

static bool look(void *ctx, const struct chat_part *part) {
    size_t *bytes = ctx;
    *bytes += part->text.n + part->role.n;
    return *bytes < 1 << 16;
}

/* `more`: asking for more than the client did. */
static void render(const struct chat_request *r, enum chat_surface to, bool more) {
    struct buf out = BUF_INIT(16 << 20);
    struct error err = {0};
    struct chat_rendering how = {.to = to, .model = STR("up\"stream")};
    if (more)
        how.wishes = (struct chat_wishes){.schema = STR("{\"type\":\"object\"}"), .logprobs = true};
    if (chat_request_render(r, &how, &out, &err)) {
        yyjson_doc *doc = yyjson_read(out.p, out.n, 0);
        must(doc && str_eq(json_str_of(yyjson_obj_get(yyjson_doc_get_root(doc), "model")), how.model));
        yyjson_doc_free(doc);
    } else {
        must(err.code != ERR_NONE && err.message[0] && str_is_utf8(str_from(err.message), NULL) &&
             out.n == 0);
    }
    buf_free(&out);
}

/* A repair is a request of the same API. */
static void add_turns(const struct chat_request *r) {
    struct buf out = BUF_INIT(16 << 20);
    struct error err = {0};
    struct chat_request longer;
    struct str turns =
        STR("{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}");
    if (chat_amend_turns(r, turns, &out, &err)) {
        if (chat_request_parse(r->surface, buf_str(&out), &longer, &err))
            chat_request_clear(&longer);
        else /* there was one turn too many already */
            must(r->message_count + 2 > CHAT_MESSAGES_MAX);
    } else {
        must(err.code != ERR_NONE);
    }
    buf_free(&out);
}

/* With a prompt before it: again a request of the same API, or a refusal with its reason. */
static void put_prompt(const struct chat_request *r, const struct prompt *prompt) {
    struct buf body = BUF_INIT(16 << 20);
    struct error err = {0};
    struct chat_request prompted;
    if (!chat_request_with_prompt(r, prompt, &body, &err)) {
        must(err.code != ERR_NONE && err.message[0] && str_is_utf8(str_from(err.message), NULL) &&
             body.n == 0);
    } else if (chat_request_parse(r->surface, buf_str(&body), &prompted, &err)) {
        must(!chat_request_has_variables(&prompted) && str_eq(prompted.model, r->model));
        must(!prompt || prompted.message_count > 0);
        chat_request_clear(&prompted);
    } else { /* too many turns together, or none at all */
        must(r->message_count >= CHAT_MESSAGES_MAX - 1 || r->message_count == 0);
    }
    buf_free(&body);
}

/* What is kept of a request can be put before the next one. */
static void go_on(const struct chat_request *r) {
    struct buf items = BUF_INIT(16 << 20), body = BUF_INIT(32 << 20);
    struct error err = {0};
    struct chat_request longer;
    if (r->surface != CHAT_RESPONSES)
        return;
    history_input(r, &items);
    must(!items.failed && history_prepend(r, buf_str(&items), &body, &err));
    if (chat_request_parse(CHAT_RESPONSES, buf_str(&body), &longer, &err)) {
        must(longer.previous_response_id.n == 0 && longer.message_count <= 2 * r->message_count + 2);
        chat_request_clear(&longer);
    }
    buf_free(&items);
    buf_free(&body);
}

static struct prompt *make_prompt(void) {
    struct error err;
    struct prompt *p =
        prompt_parse(STR("---\nname: p\nvariables:\n  - {name: a, type: json, required: false}\n"
                         "---\nsystem:\nBe {{a}}.\nuser:\nAnd {{#if a}}{{a}}{{else}}no{{/if}}?\n"),
                     &err);
    must(p != NULL);
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct prompt *prompt;
    struct chat_request r;
    struct error err = {0};
    size_t bytes = 0;
    if (size == 0)
        return 0;
    struct str body = {(const char *)data + 1, size - 1};
    if (!chat_request_parse(data[0] % CHAT_SURFACE_COUNT, body, &r, &err)) {
        must(err.code != ERR_NONE && err.message[0] && str_is_utf8(str_from(err.message), NULL));
        return 0;
    }
    for (int to = 0; to < CHAT_SURFACE_COUNT; to++) {
        render(&r, to, false);
        render(&r, to, true);
    }
    add_turns(&r);
    if (!prompt)
        prompt = make_prompt();
    put_prompt(&r, prompt);
    put_prompt(&r, NULL);
    go_on(&r);
    chat_prompt_visit(&r, look, &bytes);
    chat_prompt_attachments(&r);
    chat_request_clear(&r);
    return 0;
}
