#include "pipeline/sessions.h"

#include "base/base64url.h"
#include "base/clock.h"
#include "base/ids.h"

#include <pthread.h>
#include <stdlib.h>

enum { SECRET_SIZE = 32, PEERS = 256 };
static const int64_t FAILURES_WITHIN = 60 * NS_PER_SECOND;

struct session {
    unsigned char hash[SHA256_SIZE]; /* of its name */
    unsigned char key[SHA256_SIZE];
    int64_t begun, used; /* used 0: a free place */
};

struct session_table {
    pthread_mutex_t lock;
    struct session list[SESSIONS_MAX];
    struct {
        int64_t since;
        unsigned failures;
    } peers[PEERS];
    uint64_t seed; /* of the addresses' hash: nobody can choose whom to share a place with */
};

struct session_table *sessions_new(void) {
    struct session_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    pthread_mutex_init(&t->lock, NULL);
    random_bytes(&t->seed, sizeof t->seed);
    return t;
}

void sessions_free(struct session_table *t) {
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static bool ended(const struct session *s, const struct session_limits *limits, int64_t now) {
    return s->used == 0 || now - s->used >= limits->idle_ns || now - s->begun >= limits->lifetime_ns;
}

static bool same(const unsigned char a[SHA256_SIZE], const unsigned char b[SHA256_SIZE]) {
    return memcmp(a, b, SHA256_SIZE) == 0;
}

/* Its key's oldest where it has too many, else a free one, else the one that was used least lately. */
static struct session *place_for(struct session_table *t, const unsigned char key[SHA256_SIZE],
                                 const struct session_limits *limits, int64_t now) {
    struct session *unused = NULL, *stale = &t->list[0], *oldest = NULL;
    unsigned own = 0;
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &t->list[i];
        if (ended(s, limits, now)) {
            unused = s;
            continue;
        }
        if (s->used < stale->used)
            stale = s;
        if (!same(s->key, key))
            continue;
        own++;
        if (!oldest || s->begun < oldest->begun)
            oldest = s;
    }
    if (own >= SESSIONS_PER_KEY)
        return oldest;
    return unused ? unused : stale;
}

void sessions_begin(struct session_table *t, const unsigned char key_hash[SHA256_SIZE],
                    const struct session_limits *limits, int64_t now, char text[SESSION_TEXT_SIZE]) {
    unsigned char secret[SECRET_SIZE];
    struct session made = {.begun = now, .used = now};
    random_bytes(secret, sizeof secret);
    base64url(secret, sizeof secret, text);
    sha256(str_from(text), made.hash);
    memcpy(made.key, key_hash, sizeof made.key);
    pthread_mutex_lock(&t->lock);
    *place_for(t, key_hash, limits, now) = made;
    pthread_mutex_unlock(&t->lock);
}

static struct session *find(struct session_table *t, struct str text) {
    unsigned char hash[SHA256_SIZE];
    sha256(text, hash);
    for (unsigned i = 0; i < SESSIONS_MAX; i++)
        if (t->list[i].used && same(t->list[i].hash, hash))
            return &t->list[i];
    return NULL;
}

bool sessions_find(struct session_table *t, struct str text, const struct session_limits *limits, int64_t now,
                   unsigned char key_hash[SHA256_SIZE]) {
    if (text.n != SESSION_TEXT_SIZE - 1)
        return false;
    pthread_mutex_lock(&t->lock);
    struct session *s = find(t, text);
    bool found = s && !ended(s, limits, now);
    if (found) {
        s->used = now;
        memcpy(key_hash, s->key, sizeof s->key);
    } else if (s) {
        *s = (struct session){0};
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

void sessions_end(struct session_table *t, struct str text) {
    pthread_mutex_lock(&t->lock);
    struct session *s = find(t, text);
    if (s)
        *s = (struct session){0};
    pthread_mutex_unlock(&t->lock);
}

unsigned sessions_count(struct session_table *t, const struct session_limits *limits, int64_t now) {
    unsigned count = 0;
    pthread_mutex_lock(&t->lock);
    for (unsigned i = 0; i < SESSIONS_MAX; i++)
        count += !ended(&t->list[i], limits, now);
    pthread_mutex_unlock(&t->lock);
    return count;
}

void session_token(struct str text, char token[SESSION_TEXT_SIZE]) {
    static const char purpose[] = "penstock csrf ";
    char both[sizeof purpose + SESSION_TEXT_SIZE];
    unsigned char hash[SHA256_SIZE];
    size_t n = text.n < SESSION_TEXT_SIZE ? text.n : SESSION_TEXT_SIZE;
    memcpy(both, purpose, sizeof purpose - 1);
    memcpy(both + sizeof purpose - 1, text.p, n);
    sha256((struct str){both, sizeof purpose - 1 + n}, hash);
    base64url(hash, sizeof hash, token);
}

int64_t sign_in_wait(struct session_table *t, struct str peer, int64_t now) {
    unsigned i = hash64(peer, t->seed) % PEERS;
    pthread_mutex_lock(&t->lock);
    int64_t left = t->peers[i].since + FAILURES_WITHIN - now;
    bool wait = t->peers[i].failures >= SIGN_IN_FAILURES_MAX && left > 0;
    pthread_mutex_unlock(&t->lock);
    return wait ? left : 0;
}

void sign_in_failed(struct session_table *t, struct str peer, int64_t now) {
    unsigned i = hash64(peer, t->seed) % PEERS;
    pthread_mutex_lock(&t->lock);
    if (t->peers[i].failures == 0 || now - t->peers[i].since >= FAILURES_WITHIN) {
        t->peers[i].since = now;
        t->peers[i].failures = 0;
    }
    t->peers[i].failures++;
    pthread_mutex_unlock(&t->lock);
}
