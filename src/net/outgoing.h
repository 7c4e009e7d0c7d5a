/* Rare calls to elsewhere, by libcurl: alerts to webhooks and by mail, traces to a collector. Not for the
 * request path, which has a client of its own (net/client.h). Several calls run side by side on one thread;
 * each has a deadline, no redirect is followed, of an answer only the beginning is kept. Plain http and
 * https, and smtp for mail; the system's proxies are not used. One thread, but for outgoing_wake. */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct outgoing;

struct outgoing_mail {
    const char *from, *to;       /* addresses; `to`: several, by commas */
    const char *user, *password; /* NULL: without signing in */
    bool plain;                  /* without TLS; else STARTTLS is demanded and its certificate checked */
};

/* Texts must stay until the call's end. */
struct outgoing_call {
    const char *url;
    const char *const *headers;       /* "name: value", then NULL; NULL: none */
    struct str body;                  /* sent by POST, or as the mail */
    const struct outgoing_mail *mail; /* NULL: http or https */
    const char *ca;   /* PEM file of authorities instead of the system's; NULL: the system's */
    bool unverified;  /* the certificate is not checked */
    bool public_only; /* addresses of private, local and reserved networks are refused */
    uint32_t connect_ms, total_ms;
};

enum { OUTGOING_ANSWER_MAX = 200 };

/* `status`: of HTTP or SMTP, 0 where none came. `said`: the answer's first bytes on one line, for people. */
struct outgoing_answer {
    bool good;    /* 2xx, or the mail was taken */
    bool dropped; /* by outgoing_free: nothing is known */
    int status;
    uint32_t retry_after_ms; /* 0: not said */
    char said[OUTGOING_ANSWER_MAX];
    char problem[OUTGOING_ANSWER_MAX]; /* "" when good; never has the URL in it, which may be a secret */
};

struct outgoing *outgoing_new(void) MUST_USE; /* NULL when memory is out */
/* Calls that run are dropped, and their `done` is called. NULL is fine. */
void outgoing_free(struct outgoing *o);

/* `done` is called within outgoing_run, once. */
bool outgoing_start(struct outgoing *o, const struct outgoing_call *call,
                    void (*done)(void *ctx, const struct outgoing_answer *answer), void *ctx,
                    struct error *err) MUST_USE;
unsigned outgoing_running(const struct outgoing *o);
/* Works on what runs for at most that long, less when something ends or somebody wakes it. */
void outgoing_run(struct outgoing *o, uint32_t ms);
/* Ends a wait of outgoing_run. Any thread. */
void outgoing_wake(struct outgoing *o);
