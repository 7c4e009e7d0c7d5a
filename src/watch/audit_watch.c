#include "watch/audit_watch.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>

/* Rows of a piece: some 10 ms a second at most. */
enum { AT_ONCE = 2000, PIECE_MS = 1000, ROUND_S = 3600 };

struct audit_watch {
    pthread_mutex_t lock; /* of `state` */
    struct audit_watch_state state;
    /* the main thread's */
    struct audit_mark at;
    int64_t next;
};

struct audit_watch *audit_watch_new(void) {
    struct audit_watch *w = calloc(1, sizeof *w);
    if (w)
        pthread_mutex_init(&w->lock, NULL);
    return w;
}

void audit_watch_free(struct audit_watch *w) {
    if (!w)
        return;
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void end_round(struct audit_watch *w, const struct audit_flaw *flaw) {
    char mark[AUDIT_MARK_SIZE];
    pthread_mutex_lock(&w->lock);
    w->state = (struct audit_watch_state){
        .finished = true, .finished_at = clock_wall(), .head = w->at, .flaw = *flaw};
    pthread_mutex_unlock(&w->lock);
    audit_mark_text(&w->at, mark);
    if (flaw->found)
        log_event(LOG_ERROR, "audit.broken",
                  "Somebody wrote into the audit log: %s. Keep a copy of the database and see "
                  "\"penstock audit verify\".",
                  flaw->message);
    else
        log_event(LOG_INFO, "audit.head", "The audit log is unbroken up to %s", mark);
    w->at = (struct audit_mark){0};
}

void audit_watch_tick(struct audit_watch *w, struct store *s, int64_t now) {
    struct audit_flaw flaw;
    struct error err;
    bool more;
    if (now < w->next)
        return;
    w->next = now + PIECE_MS * NS_PER_MS;
    if (!audit_verify(s, &w->at, AT_ONCE, &more, &flaw, &err)) {
        log_event(LOG_WARN, "audit.unread", "The audit log could not be read. %s", err.message);
        w->next = now + 60 * NS_PER_SECOND;
        return;
    }
    if (more && !flaw.found)
        return;
    end_round(w, &flaw);
    w->next = now + ROUND_S * NS_PER_SECOND;
}

void audit_watch_state(struct audit_watch *w, struct audit_watch_state *out) {
    pthread_mutex_lock(&w->lock);
    *out = w->state;
    pthread_mutex_unlock(&w->lock);
}

void audit_watch_write(struct audit_watch *w, struct json_writer *out) {
    struct audit_watch_state state;
    char text[CLOCK_TEXT_SIZE], mark[AUDIT_MARK_SIZE];
    audit_watch_state(w, &state);
    clock_format(state.finished_at, text);
    audit_mark_text(&state.head, mark);
    json_object(out);
    json_key(out, "intact");
    if (state.finished)
        json_bool(out, !state.flaw.found);
    else
        json_null(out);
    json_field_int(out, "verified", state.head.number);
    json_field_text(out, "head", mark);
    json_field_text(out, "finished_at", state.finished ? text : NULL);
    json_key(out, "first_bad");
    if (state.flaw.found)
        json_int(out, state.flaw.number);
    else
        json_null(out);
    json_field_text(out, "message", state.flaw.found ? state.flaw.message : NULL);
    json_object_end(out);
}
