/* POST, GET and DELETE /console/session: signing in at the console with a key, who is signed in, signing out
 */
#include "api/routes.h"
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/page_call.h"
#include "pipeline/stages/stages.h"
#include "pipeline/upstream.h"
#include "watch/later_note.h"

#include <stdio.h>

enum { COOKIE_SIZE = 200 };

static const struct http_header no_store = {STR("cache-control"), STR("no-store")};

/* What stands before the "/" of a model's name when no model answers, so that the page says so everywhere. */
static void write_simulators(const struct snapshot *s, struct json_writer *w) {
    json_key(w, "simulators");
    json_array(w);
    for (size_t i = 0; i < s->upstream_count; i++)
        if (s->upstreams[i]->config->kind == UPSTREAM_SIMULATOR)
            json_text(w, s->upstreams[i]->config->name);
    json_array_end(w);
}

/* {"client","role","csrf",…}; csrf is empty where no session's cookie will come along. */
static struct str describe(struct call *c, const struct client *client, struct str session) {
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    struct json_writer w = JSON_WRITER(out);
    char token[SESSION_TEXT_SIZE] = "";
    if (session.n)
        session_token(session, token);
    json_object(&w);
    json_field_text(&w, "client", client ? client->name : "local");
    json_field_text(&w, "role", role_name(client ? client->role : ROLE_ADMIN));
    json_field_text(&w, "csrf", token);
    json_field_bool(&w, "authentication", c->snapshot->config->auth.required);
    write_simulators(c->snapshot, &w);
    json_object_end(&w);
    return buf_str(out);
}

/* Secure wherever the browser speaks TLS, or should. On a plain loopback it would keep no such cookie. */
static void reply_cookie(struct call *c, const char *value, int64_t seconds, struct str json) {
    struct str forwarded = exchange_header(c->x, STR("x-forwarded-proto"));
    bool secure = c->x->tls || !c->x->peer_is_loopback || (forwarded.p && str_eq(forwarded, STR("https")));
    char cookie[COOKIE_SIZE];
    snprintf(cookie, sizeof cookie, SESSION_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
             value, (long long)seconds, secure ? "; Secure" : "");
    struct http_header extra[] = {{STR("set-cookie"), str_from(cookie)}, no_store};
    call_reply_json_with(c, 200, json, extra, ARRAY_COUNT(extra));
}

static const struct client *client_of_body(struct call *c, struct error *err) {
    yyjson_doc *doc = json_parse(c->x->body, err);
    if (!doc)
        return NULL;
    struct str key = json_str_of(yyjson_obj_get(yyjson_doc_get_root(doc), "key"));
    const struct client *client = client_find(&c->snapshot->clients, key);
    if (key.n == 0) {
        fail_at(err, ERR_MISSING_FIELD, "key", "Send {\"key\": \"psk_…\"}: the API key to sign in with.");
    } else if (!client) {
        fail(err, ERR_WRONG_KEY, "The API key is not known, or was revoked.");
    }
    yyjson_doc_free(doc);
    return client;
}

/* Who came, or went, from where. */
static void note(struct call *c, const char *what, const char *who) {
    AUTO_BUF after = BUF_INIT(1024);
    struct json_writer w = JSON_WRITER(&after);
    json_object(&w);
    json_field_str(&w, "from", c->x->peer);
    json_object_end(&w);
    const char *text = buf_terminated(&after);
    history_note_later(c->loop->parts->recorder, what, who, text ? text : "");
}

static bool may_try(struct call *c, int64_t now, struct error *err) {
    struct str site = exchange_header(c->x, STR("sec-fetch-site"));
    if (site.p && !str_eq(site, STR("same-origin")))
        return fail(err, ERR_ORIGIN, "Sign in from the console's own page.");
    int64_t wait = sign_in_wait(c->loop->parts->sessions, c->x->peer, now);
    if (wait == 0)
        return true;
    fail(err, ERR_RATE_LIMIT, "Too many attempts with wrong keys from %.*s; try again in %lld s.",
         STR_ARG(c->x->peer), (long long)(wait / NS_PER_SECOND + 1));
    err->retry_after_ms = (uint32_t)(wait / NS_PER_MS) + 1;
    return false;
}

void session_create(struct call *c) {
    struct session_table *sessions = c->loop->parts->sessions;
    struct session_limits limits = session_limits_of(c->snapshot);
    int64_t now = clock_monotonic();
    struct error err;
    if (!c->snapshot->config->auth.required) {
        call_reply_json_with(c, 200, describe(c, NULL, STR("")), &no_store, 1);
        return;
    }
    const struct client *client = may_try(c, now, &err) ? client_of_body(c, &err) : NULL;
    if (!client) {
        if (err.code == ERR_WRONG_KEY) {
            sign_in_failed(sessions, c->x->peer, now);
            log_event(LOG_WARN, "session.refused", "a sign-in at the console from %.*s with a wrong key",
                      STR_ARG(c->x->peer));
        }
        call_fail(c, &err);
        return;
    }
    char text[SESSION_TEXT_SIZE];
    sessions_begin(sessions, client->hash, &limits, now, text);
    log_event(LOG_INFO, "session.began", "\"%s\" signed in at the console from %.*s", client->name,
              STR_ARG(c->x->peer));
    note(c, "session.began", client->name);
    reply_cookie(c, text, limits.lifetime_ns / NS_PER_SECOND, describe(c, client, str_from(text)));
}

void session_show(struct call *c) {
    struct str json = describe(c, c->client, authenticated_session(c->snapshot, c->x));
    call_reply_json_with(c, 200, json, &no_store, 1);
}

void session_delete(struct call *c) {
    struct str session = authenticated_session(c->snapshot, c->x);
    if (session.n) {
        sessions_end(c->loop->parts->sessions, session);
        note(c, "session.ended", c->client ? c->client->name : "local");
    }
    reply_cookie(c, "", 0, STR("{\"signed_out\":true}"));
}
