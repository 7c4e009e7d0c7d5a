#include "cache/exact.h"

#include "base/check.h"
#include "base/ids.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 64, SLOTS_FIRST = 64 };

struct entry {
    struct entry *newer, *older; /* by last use */
    uint64_t hash;
    int64_t expires;
    uint32_t key_length, value_length;
    char bytes[]; /* key, value */
};

/* With the hash, so that looking for what is not there touches no entry. */
struct slot {
    uint64_t hash;
    struct entry *entry; /* NULL: empty, and the end of a search */
};

struct shard {
    pthread_mutex_t lock;
    struct slot *slots; /* open addressing by linear probing, at most half full */
    size_t slot_count;  /* a power of two */
    size_t entries, bytes, room;
    uint64_t evictions;
    struct entry *newest, *oldest;
} __attribute__((aligned(64)));

struct exact_cache {
    uint64_t seed, second_seed; /* secret, so that callers cannot choose keys that meet in one place */
    struct shard shards[SHARDS];
};

struct exact_cache *exact_cache_new(size_t bytes) {
    struct exact_cache *c = aligned_alloc(64, sizeof *c);
    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    random_bytes(&c->seed, sizeof c->seed);
    random_bytes(&c->second_seed, sizeof c->second_seed);
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
        free(s->slots);
        pthread_mutex_destroy(&s->lock);
    }
    free(c);
}

static size_t cost_of(const struct entry *e) {
    return sizeof *e + e->key_length + e->value_length + 3 * sizeof(struct slot);
}

/* The two halves of the product, so that every bit moves every other. */
static uint64_t fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Sixteen bytes a multiplication. Means nothing outside this process. */
static uint64_t hash_of(const struct exact_cache *c, struct str key) {
    const char *p = key.p;
    uint64_t hash = c->seed ^ key.n, words[2];
    size_t left = key.n;
    for (; left >= sizeof words; p += sizeof words, left -= sizeof words) {
        memcpy(words, p, sizeof words);
        hash = fold(words[0] ^ c->second_seed, words[1] ^ hash);
    }
    words[0] = words[1] = 0;
    if (left)
        memcpy(words, p, left);
    hash = fold(words[0] ^ c->second_seed, words[1] ^ hash);
    return fold(hash ^ c->seed, c->second_seed);
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

static struct slot *find(struct shard *s, uint64_t hash, struct str key) {
    if (!s->slots)
        return NULL;
    size_t mask = s->slot_count - 1;
    for (size_t i = hash & mask; s->slots[i].entry; i = (i + 1) & mask) {
        const struct entry *e = s->slots[i].entry;
        if (s->slots[i].hash == hash && str_eq((struct str){e->bytes, e->key_length}, key))
            return &s->slots[i];
    }
    return NULL;
}

/* Closes the gap: whatever a search would no longer reach across it moves into it (Knuth, The Art of Computer
 * Programming, 6.4, algorithm R). */
static void empty_slot(struct shard *s, size_t gap) {
    size_t mask = s->slot_count - 1;
    for (size_t i = (gap + 1) & mask; s->slots[i].entry; i = (i + 1) & mask) {
        size_t home = s->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        s->slots[gap] = s->slots[i];
        gap = i;
    }
    s->slots[gap].entry = NULL;
}

static void drop(struct shard *s, struct slot *at) {
    struct entry *e = at->entry;
    empty_slot(s, (size_t)(at - s->slots));
    unlink_use(s, e);
    s->entries--;
    s->bytes -= cost_of(e);
    free(e);
}

static void drop_oldest(struct shard *s) {
    struct entry *e = s->oldest;
    struct slot *at = find(s, e->hash, (struct str){e->bytes, e->key_length});
    CHECK(at && at->entry == e);
    drop(s, at);
    s->evictions++;
}

void exact_cache_clear(struct exact_cache *c) {
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        while (s->oldest) {
            struct entry *e = s->oldest;
            drop(s, find(s, e->hash, (struct str){e->bytes, e->key_length}));
        }
        pthread_mutex_unlock(&s->lock);
    }
}

static void fill_slot(struct slot *slots, size_t count, struct slot filling) {
    size_t i = filling.hash & (count - 1);
    while (slots[i].entry)
        i = (i + 1) & (count - 1);
    slots[i] = filling;
}

/* Makes room for one more. When memory is out it stays as it is, and may get quite full. */
static bool widen(struct shard *s) {
    if (s->slots && s->entries < s->slot_count / 2)
        return true;
    size_t count = s->slots ? s->slot_count * 2 : SLOTS_FIRST;
    struct slot *wider = calloc(count, sizeof *wider);
    if (!wider)
        return s->slots && s->entries < s->slot_count / 4 * 3;
    for (size_t i = 0; i < s->slot_count; i++)
        if (s->slots[i].entry)
            fill_slot(wider, count, s->slots[i]);
    free(s->slots);
    s->slots = wider;
    s->slot_count = count;
    return true;
}

enum exact_result exact_cache_get(struct exact_cache *c, struct str key, int64_t now, struct buf *value) {
    uint64_t hash = hash_of(c, key);
    struct shard *s = &c->shards[hash >> 58];
    enum exact_result result = EXACT_MISS;
    buf_clear(value);
    pthread_mutex_lock(&s->lock);
    struct slot *at = find(s, hash, key);
    if (at && buf_reserve(value, at->entry->value_length)) {
        struct entry *e = at->entry;
        buf_add(value, e->bytes + e->key_length, e->value_length);
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
    e->hash = hash_of(c, key);
    e->expires = expires;
    e->key_length = (uint32_t)key.n;
    e->value_length = (uint32_t)value.n;
    memcpy(e->bytes, key.p, key.n);
    memcpy(e->bytes + key.n, value.p, value.n);
    struct shard *s = &c->shards[e->hash >> 58];
    pthread_mutex_lock(&s->lock);
    struct slot *old = find(s, e->hash, key);
    if (old)
        drop(s, old);
    if (cost_of(e) <= s->room && widen(s)) {
        while (s->bytes + cost_of(e) > s->room)
            drop_oldest(s);
        fill_slot(s->slots, s->slot_count, (struct slot){e->hash, e});
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
