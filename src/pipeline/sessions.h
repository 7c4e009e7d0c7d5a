/* Who is signed in by a page: a random name of 256 bits that the browser keeps in a cookie, of which only the
 * SHA-256 is held here, with that of the key that it stands for. In memory only: a restart signs everybody
 * out. Bounded: a key has at most SESSIONS_PER_KEY, beyond which its oldest ends; where all are taken, the
 * one that was not used for longest does. One lock, for some microseconds; calls with a key never take it.
 * `now` is monotonic. Any thread. */
#pragma once

#include "base/attributes.h"
#include "base/hash.h"
#include "base/str.h"

enum { SESSIONS_MAX = 1024, SESSIONS_PER_KEY = 16, SESSION_TEXT_SIZE = 44 };

struct session_table;

struct session_limits {
    int64_t idle_ns;     /* ends after so long without a call */
    int64_t lifetime_ns; /* and after so long in any case */
};

struct session_table *sessions_new(void) MUST_USE; /* NULL when memory is out */
void sessions_free(struct session_table *t);       /* NULL is fine */

/* text receives the session's name, which is nowhere else. */
void sessions_begin(struct session_table *t, const unsigned char key_hash[SHA256_SIZE],
                    const struct session_limits *limits, int64_t now, char text[SESSION_TEXT_SIZE]);
/* The hash of the key that it stands for. False: there is none, or it has ended. */
bool sessions_find(struct session_table *t, struct str text, const struct session_limits *limits, int64_t now,
                   unsigned char key_hash[SHA256_SIZE]) MUST_USE;
void sessions_end(struct session_table *t, struct str text);
unsigned sessions_count(struct session_table *t, const struct session_limits *limits, int64_t now);

/* What a call that changes something must show beside the cookie: made from the session's name, which a page
 * of another origin cannot read. */
void session_token(struct str text, char token[SESSION_TEXT_SIZE]);

/* Signing in with a wrong key: ten times a minute for one address, which all those share that hash alike.
 * sign_in_wait says how long it has to wait before it may try (0: now). */
enum { SIGN_IN_FAILURES_MAX = 10 };
int64_t sign_in_wait(struct session_table *t, struct str peer, int64_t now);
void sign_in_failed(struct session_table *t, struct str peer, int64_t now);
