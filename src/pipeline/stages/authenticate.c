#include "pipeline/stages/stages.h"

#include "base/clock.h"
#include "pipeline/page_call.h"
#include "pipeline/sessions.h"

static struct str presented_key(const struct exchange *x) {
    struct str value = exchange_header(x, STR("authorization"));
    if (value.p && value.n > 7 && str_eq_nocase(str_slice(value, 0, 7), STR("bearer ")))
        return str_trim(str_slice(value, 7, value.n));
    struct str key = exchange_header(x, STR("x-api-key"));
    return key.p ? str_trim(key) : STR("");
}

struct str authenticated_session(const struct snapshot *snapshot, const struct exchange *x) {
    return !snapshot->config->auth.required || presented_key(x).n ? STR("") : page_session(x);
}

struct session_limits session_limits_of(const struct snapshot *snapshot) {
    const struct config_auth *auth = &snapshot->config->auth;
    return (struct session_limits){.idle_ns = auth->session_idle, .lifetime_ns = auth->session_lifetime};
}

/* Of the key that the session stands for, as long as that key is in force. */
static const struct client *client_of_session(const struct authentication *a, struct str session,
                                              struct error *err) {
    unsigned char hash[SHA256_SIZE];
    struct session_limits limits = session_limits_of(a->snapshot);
    const struct client *client = NULL;
    if (sessions_find(a->sessions, session, &limits, clock_monotonic(), hash) &&
        !(client = client_of_hash(&a->snapshot->clients, hash)))
        sessions_end(a->sessions, session);
    if (!client)
        fail(err, ERR_SESSION, "This session has ended. Sign in again.");
    return client && page_may_change(a->exchange, session, err) ? client : NULL;
}

static const struct client *client_of(const struct authentication *a, struct error *err) {
    struct str key = presented_key(a->exchange), session;
    if (key.n == 0 && a->sessions && (session = page_session(a->exchange)).n)
        return client_of_session(a, session, err);
    if (key.n == 0) {
        fail(err, ERR_NO_KEY,
             "No API key. Send the header \"Authorization: Bearer KEY\"; an administrator makes keys with "
             "\"penstock keys create\".");
        return NULL;
    }
    const struct client *found = client_find(&a->snapshot->clients, key);
    if (!found)
        fail(err, ERR_WRONG_KEY, "The API key is not known, or was revoked.");
    return found;
}

bool authenticate(const struct authentication *a, enum role needed, const struct client **client,
                  struct error *err) {
    if (!a->snapshot->config->auth.required) {
        *client = NULL;
        return needed < ROLE_REVIEWER || page_is_local(a->exchange, err);
    }
    const struct client *found = client_of(a, err);
    if (!found)
        return false;
    if (found->role < needed)
        return fail(err, ERR_FORBIDDEN, "This needs a key with the role %s; yours has the role %s.",
                    role_name(needed), role_name(found->role));
    key_used(found->count, a->use);
    *client = found;
    return true;
}

static enum stage_answer run(struct request *r) {
    enum key_use use = r->chat ? USE_LANGUAGE : USE_PREDICT;
    struct authentication a = {r->snapshot, r->loop->parts->sessions, r->exchange, use};
    return authenticate(&a, ROLE_CLIENT, &r->client, &r->error) ? STAGE_NEXT : STAGE_FAIL;
}

const struct stage stage_authenticate = {.name = "authenticate", .run = run, .brief = true};
