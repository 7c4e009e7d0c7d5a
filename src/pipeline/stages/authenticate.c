#include "pipeline/stages/stages.h"

static struct str presented_key(const struct exchange *x) {
    struct str value = exchange_header(x, STR("authorization"));
    if (value.p && value.n > 7 && str_eq_nocase(str_slice(value, 0, 7), STR("bearer ")))
        return str_trim(str_slice(value, 7, value.n));
    struct str key = exchange_header(x, STR("x-api-key"));
    return key.p ? str_trim(key) : STR("");
}

bool authenticate(const struct snapshot *snapshot, const struct exchange *x, enum role needed,
                  const struct client **client, struct error *err) {
    if (!snapshot->config->auth.required) {
        *client = NULL;
        return true;
    }
    struct str key = presented_key(x);
    if (key.n == 0)
        return fail(
            err, ERR_NO_KEY,
            "No API key. Send the header \"Authorization: Bearer KEY\"; an administrator makes keys with "
            "\"penstock keys create\".");
    const struct client *found = client_find(&snapshot->clients, key);
    if (!found)
        return fail(err, ERR_WRONG_KEY, "The API key is not known, or was revoked.");
    if (found->role < needed)
        return fail(err, ERR_FORBIDDEN, "This needs a key with the role %s; yours has the role %s.",
                    role_name(needed), role_name(found->role));
    *client = found;
    return true;
}

static enum stage_answer run(struct request *r) {
    return authenticate(r->snapshot, r->exchange, ROLE_CLIENT, &r->client, &r->error) ? STAGE_NEXT
                                                                                      : STAGE_FAIL;
}

const struct stage stage_authenticate = {.name = "authenticate", .run = run, .brief = true};
