#include "cache/exact.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/ids.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 64, BUCKETS_FIRST = 64 };

struct entry {
    struct entry *chain;         /* of its bucket */
    struct entry *newer, *older; /* by last use */
    uint64_t hash;
    int64_t expires;
    uint32_t key_length, value_length;
    char bytes[]; /* key, value */
};

struct shard {
    pthread_mutex_t lock;
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t entries, bytes, room;
    uint64_t evictions;
    struct entry *newest, *oldest;
} __attribute__((aligned(64)));

struct exact_cache {
    uint64_t seed; /* secret, so that callers cannot choose keys that meet in one bucket */
    struct shard shards[SHARDS];
};

struct exact_cache *exact_cache_new(size_t bytes) {
    struct exact_cache *c = aligned_alloc(64, sizeof *c);
    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    random_bytes(&c->seed, sizeof c->seed);
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&c->shards[i].lock, NULL);
        c->shards[i].room = bytes / SHARDS;
    }
    return c;
}

void exact_cache_free(struct exact_cache *c) {
    if (!c)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shards[i];
        for (struct entry *e = s->newest, *older; e; e = older) {
            older = e->older;
            free(e);
        }
        free(s->buckets);
        pthread_mutex_destroy(&s->lock);
    }
    free(c);
}

static size_t cost_of(const struct entry *e) {
    return sizeof *e + e->key_length + e->value_length + 2 * sizeof(struct entry *);
}

static void unlink_use(struct shard *s, struct entry *e) {
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void link_newest(struct shard *s, struct entry *e) {
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
}

static struct entry **find(struct shard *s, uint64_t hash, struct str key) {
    if (!s->buckets)
        return NULL;
    struct entry **at = &s->buckets[hash & (s->bucket_count - 1)];
    for (; *at; at = &(*at)->chain)
        if ((*at)->hash == hash && str_eq((struct str){(*at)->bytes, (*at)->key_length}, key))
            return at;
    return NULL;
}

static void drop(struct shard *s, struct entry **at) {
    struct entry *e = *at;
    *at = e->chain;
    unlink_use(s, e);
    s->entries--;
    s->bytes -= cost_of(e);
    free(e);
}

static void drop_oldest(struct shard *s) {
    struct entry *e = s->oldest;
    struct entry **at = find(s, e->hash, (struct str){e->bytes, e->key_length});
    CHECK(at && *at == e);
    drop(s, at);
    s->evictions++;
}

/* Keeps chains short; when memory is out they get longer, which is no error. */
static bool widen(struct shard *s) {
    if (s->buckets && s->entries < s->bucket_count)
        return true;
    size_t count = s->buckets ? s->bucket_count * 2 : BUCKETS_FIRST;
    struct entry **wider = calloc(count, sizeof(*wider));
    if (!wider)
        return s->buckets != NULL;
    for (struct entry *e = s->newest; e; e = e->older) {
        struct entry **at = &wider[e->hash & (count - 1)];
        e->chain = *at;
        *at = e;
    }
    free(s->buckets);
    s->buckets = wider;
    s->bucket_count = count;
    return true;
}

enum exact_result exact_cache_get(struct exact_cache *c, struct str key, int64_t now, void *value,
                                  size_t size, size_t *used) {
    uint64_t hash = hash64(key, c->seed);
    struct shard *s = &c->shards[hash >> 58];
    enum exact_result result = EXACT_MISS;
    pthread_mutex_lock(&s->lock);
    struct entry **at = find(s, hash, key);
    if (at && (*at)->value_length <= size) {
        struct entry *e = *at;
        memcpy(value, e->bytes + e->key_length, e->value_length);
        *used = e->value_length;
        result = now < e->expires ? EXACT_HIT : EXACT_STALE;
        if (s->newest != e) {
            unlink_use(s, e);
            link_newest(s, e);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

void exact_cache_put(struct exact_cache *c, struct str key, struct str value, int64_t expires) {
    if (value.n > EXACT_CACHE_VALUE_MAX || key.n > UINT32_MAX)
        return;
    struct entry *e = malloc(sizeof *e + key.n + value.n);
    if (!e)
        return;
    e->hash = hash64(key, c->seed);
    e->expires = expires;
    e->key_length = (uint32_t)key.n;
    e->value_length = (uint32_t)value.n;
    memcpy(e->bytes, key.p, key.n);
    memcpy(e->bytes + key.n, value.p, value.n);
    struct shard *s = &c->shards[e->hash >> 58];
    pthread_mutex_lock(&s->lock);
    struct entry **old = find(s, e->hash, key);
    if (old)
        drop(s, old);
    if (cost_of(e) <= s->room && widen(s)) {
        while (s->bytes + cost_of(e) > s->room)
            drop_oldest(s);
        struct entry **at = &s->buckets[e->hash & (s->bucket_count - 1)];
        e->chain = *at;
        *at = e;
        link_newest(s, e);
        s->entries++;
        s->bytes += cost_of(e);
        e = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    free(e);
}

void exact_cache_state(struct exact_cache *c, struct exact_cache_state *out) {
    struct exact_cache_state sum = {0};
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        sum.entries += s->entries;
        sum.bytes += s->bytes;
        sum.evictions += s->evictions;
        pthread_mutex_unlock(&s->lock);
    }
    *out = sum;
}
