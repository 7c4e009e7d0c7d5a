#include "cache/semantic.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/ids.h"
#include "cache/pair_features.h"
#include "cache/semantic_rows.h"
#include "cache/tuning.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARDS = 16,
    TENANT_MAX = 200,
    KEY_SIZE = 32,
    BUCKETS = 4096,
    BLOCKS_MAX = SEMANTIC_ROWS_MAX / BLOCK_MOST
};

struct partition {
    struct partition *next; /* in its bucket */
    uint32_t bucket;
    unsigned char key[KEY_SIZE];
    uint32_t dimensions; /* 0: wording vectors */
    uint64_t tenant;
    size_t block_count;
    struct semantic_block
        *blocks[BLOCKS_MAX]; /* in the order of their making; the last one is being filled */
};

struct shard {
    pthread_mutex_t lock;
    struct partition **buckets; /* BUCKETS of them */
    struct semantic_block *newest, *oldest;
    size_t bytes, room;
    uint64_t partitions, rows, evictions;
    atomic_uint_fast64_t hits, near_misses, misses, refused;
} __attribute__((aligned(64)));

struct semantic_cache {
    uint64_t seed; /* secret, so that callers cannot choose keys that meet in one place */
    struct shard shards[SHARDS];
};

struct semantic_cache *semantic_cache_new(size_t bytes) {
    struct semantic_cache *c = aligned_alloc(64, sizeof *c);
    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    random_bytes(&c->seed, sizeof c->seed);
    bool ok = true;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&c->shards[i].lock, NULL);
        c->shards[i].room = bytes / SHARDS;
        c->shards[i].buckets = calloc(BUCKETS, sizeof(struct partition *));
        ok &= c->shards[i].buckets != NULL;
    }
    if (ok)
        return c;
    semantic_cache_free(c);
    return NULL;
}

/* ---- partitions ---- */

static uint64_t tenant_hash(const struct semantic_cache *c, struct str tenant) {
    return hash64(str_slice(tenant, 0, TENANT_MAX), c->seed ^ 1);
}

static uint64_t partition_hash(const struct semantic_cache *c, const struct semantic_query *q) {
    return hash64((struct str){(const char *)q->partition, KEY_SIZE}, c->seed ^ tenant_hash(c, q->tenant));
}

static struct shard *shard_of(struct semantic_cache *c, uint64_t hash) {
    return &c->shards[hash >> 60];
}

static struct partition *find(const struct semantic_cache *c, const struct shard *s, uint64_t hash,
                              const struct semantic_query *q) {
    uint32_t dimensions = q->vector ? (uint32_t)q->dimensions : 0;
    uint64_t tenant = tenant_hash(c, q->tenant);
    for (struct partition *p = s->buckets[hash % BUCKETS]; p; p = p->next)
        if (p->dimensions == dimensions && p->tenant == tenant && memcmp(p->key, q->partition, KEY_SIZE) == 0)
            return p;
    return NULL;
}

static struct partition *make(const struct semantic_cache *c, struct shard *s, uint64_t hash,
                              const struct semantic_query *q) {
    struct partition *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    memcpy(p->key, q->partition, KEY_SIZE);
    p->dimensions = q->vector ? (uint32_t)q->dimensions : 0;
    p->tenant = tenant_hash(c, q->tenant);
    p->bucket = hash % BUCKETS;
    p->next = s->buckets[p->bucket];
    s->buckets[p->bucket] = p;
    s->partitions++;
    s->bytes += sizeof *p;
    return p;
}

static void remove_partition(struct shard *s, struct partition *p) {
    struct partition **at = &s->buckets[p->bucket];
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    s->partitions--;
    s->bytes -= sizeof *p;
    free(p);
}

/* ---- blocks ---- */

static void unlink_use(struct shard *s, struct semantic_block *b) {
    *(b->newer ? &b->newer->older : &s->newest) = b->older;
    *(b->older ? &b->older->newer : &s->oldest) = b->newer;
}

static void link_newest(struct shard *s, struct semantic_block *b) {
    b->newer = NULL;
    b->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = b;
    s->newest = b;
}

static uint32_t living(const struct semantic_block *b) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->count; i++)
        n += !atomic_load_explicit(&b->rows[i].dead, memory_order_relaxed);
    return n;
}

/* Out of the cache; readers that hold it read on. Returns how many living rows it had. */
static uint32_t drop_block(struct shard *s, struct semantic_block *b) {
    struct partition *p = b->partition;
    uint32_t rows = living(b);
    size_t at = 0;
    while (p->blocks[at] != b)
        at++;
    memmove(p->blocks + at, p->blocks + at + 1, (--p->block_count - at) * sizeof p->blocks[0]);
    unlink_use(s, b);
    s->rows -= rows;
    s->bytes -= b->bytes;
    b->partition = NULL;
    semantic_block_unref(b);
    return rows;
}

/* Makes room; `keep` stays. */
static void shrink(struct shard *s, const struct partition *keep) {
    while (s->bytes > s->room && s->oldest) {
        struct partition *p = s->oldest->partition;
        s->evictions += drop_block(s, s->oldest);
        if (p->block_count == 0 && p != keep)
            remove_partition(s, p);
    }
}

void semantic_cache_free(struct semantic_cache *c) {
    if (!c)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shards[i];
        s->room = 0;
        shrink(s, NULL);
        for (size_t k = 0; s->buckets && k < BUCKETS; k++)
            CHECK(!s->buckets[k]);
        free(s->buckets);
        pthread_mutex_destroy(&s->lock);
    }
    free(c);
}

/* ---- vectors ---- */

struct direction {
    int8_t bytes[SEMANTIC_DIMENSIONS_MAX];
    uint32_t dimensions;
    float factor;
};

static bool fits(const struct semantic_query *q) {
    return q->text.n > 0 && q->text.n <= SEMANTIC_TEXT_MAX &&
           (!q->vector || (q->dimensions > 0 && q->dimensions <= SEMANTIC_DIMENSIONS_MAX));
}

static bool direct(struct direction *d, const struct semantic_query *q, const struct wording *w) {
    if (!w->whole || w->count == 0)
        return false;
    if (q->vector) {
        d->dimensions = (uint32_t)q->dimensions;
        return vector_quantise(q->vector, q->dimensions, d->bytes, &d->factor);
    }
    d->dimensions = WORDING_DIMENSIONS;
    wording_vector(w, d->bytes, &d->factor);
    return d->factor > 0;
}

/* ---- looking ---- */

struct held {
    struct semantic_block *blocks[BLOCKS_MAX];
    uint32_t counts[BLOCKS_MAX];
    size_t count;
};

static void hold(struct semantic_cache *c, const struct semantic_query *q, struct held *held) {
    uint64_t hash = partition_hash(c, q);
    struct shard *s = shard_of(c, hash);
    held->count = 0;
    pthread_mutex_lock(&s->lock);
    struct partition *p = find(c, s, hash, q);
    for (size_t i = 0; p && i < p->block_count; i++) {
        held->counts[i] = p->blocks[i]->count;
        held->blocks[held->count++] = semantic_block_ref(p->blocks[i]);
        unlink_use(s, p->blocks[i]);
        link_newest(s, p->blocks[i]);
    }
    pthread_mutex_unlock(&s->lock);
}

static void release(struct held *held) {
    for (size_t i = 0; i < held->count; i++)
        semantic_block_unref(held->blocks[i]);
}

/* The surest of the candidates that are sure enough; where none is, *look says why the nearest is not. */
static const struct semantic_row *second_look(const struct tuning *t, const struct semantic_query *q,
                                              const struct portrait *asked,
                                              const struct semantic_candidates *found, size_t size,
                                              struct semantic_look *look, unsigned *refused) {
    const struct semantic_row *best = NULL;
    struct portrait other;
    *refused = 0;
    for (size_t i = 0; i < found->count; i++) {
        const struct semantic_row *row = found->list[i].row;
        struct semantic_look here = {found->list[i].cosine, 1, NULL};
        if (row->value.n > size)
            continue;
        if (!str_eq(row->text, q->text)) {
            tuning_portrait(t, &other, row->text);
            here.score = tuning_judge(t, asked, &other, here.cosine, &here.reason);
        }
        if (here.reason && (*refused)++ == 0 && !best)
            *look = here;
        if (!here.reason && (!best || here.score > look->score)) {
            best = row;
            *look = here;
        }
    }
    return best;
}

static void count_result(struct shard *s, enum semantic_result result, unsigned refused) {
    atomic_fetch_add_explicit(result == SEMANTIC_HIT       ? &s->hits
                              : result == SEMANTIC_REFUSED ? &s->near_misses
                                                           : &s->misses,
                              1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->refused, refused, memory_order_relaxed);
}

enum semantic_result semantic_cache_get(struct semantic_cache *c, const struct tuning *t,
                                        const struct semantic_query *q, int64_t now, void *value, size_t size,
                                        size_t *used, struct semantic_look *look) {
    struct semantic_look ignored;
    struct held held;
    struct semantic_candidates found = {.count = 0};
    unsigned refused = 0;
    look = look ? look : &ignored;
    *look = (struct semantic_look){0};
    if (!t || !fits(q) || (q->vector ? q->dimensions : 0) != tuning_dimensions(t))
        return SEMANTIC_MISS;
    hold(c, q, &held);
    enum semantic_result result = SEMANTIC_MISS;
    if (held.count) {
        struct portrait asked;
        struct direction d;
        tuning_portrait(t, &asked, q->text);
        if (direct(&d, q, &asked.wording))
            for (size_t i = 0; i < held.count; i++)
                semantic_block_scan(held.blocks[i], held.counts[i], d.bytes, d.factor, tuning_least_cosine(t),
                                    now, &found);
        const struct semantic_row *best = second_look(t, q, &asked, &found, size, look, &refused);
        result = best ? SEMANTIC_HIT : found.count ? SEMANTIC_REFUSED : SEMANTIC_MISS;
        if (best) {
            memcpy(value, best->value.p, best->value.n);
            *used = best->value.n;
        }
    }
    release(&held);
    count_result(shard_of(c, partition_hash(c, q)), result, refused);
    return result;
}

/* ---- keeping ---- */

/* Marks what the same text had before. */
static void bury(struct shard *s, struct partition *p, uint64_t hash, struct str text) {
    for (size_t i = 0; i < p->block_count; i++) {
        struct semantic_block *b = p->blocks[i];
        for (uint32_t k = 0; k < b->count; k++)
            if (b->hashes[k] == hash && str_eq(b->rows[k].text, text) &&
                !atomic_exchange_explicit(&b->rows[k].dead, true, memory_order_relaxed))
                s->rows--;
    }
}

/* The block that takes the next row; NULL when memory is out. */
static struct semantic_block *open_block(struct shard *s, struct partition *p, uint32_t dimensions) {
    struct semantic_block *last = p->block_count ? p->blocks[p->block_count - 1] : NULL;
    if (last && last->count < last->room)
        return last;
    uint32_t room = last ? last->room * 4 : BLOCK_FIRST;
    struct semantic_block *b = semantic_block_new(room > BLOCK_MOST ? BLOCK_MOST : room, dimensions);
    if (!b)
        return NULL;
    if (p->block_count == BLOCKS_MAX)
        s->evictions += drop_block(s, p->blocks[0]);
    b->partition = p;
    p->blocks[p->block_count++] = b;
    s->bytes += b->bytes;
    link_newest(s, b);
    return b;
}

static bool keep_row(struct semantic_cache *c, struct shard *s, uint64_t hash, const struct semantic_query *q,
                     struct semantic_row row, const struct direction *d) {
    uint64_t text_hash = hash64(q->text, c->seed);
    struct partition *p = find(c, s, hash, q);
    if (!p && !(p = make(c, s, hash, q)))
        return false;
    bury(s, p, text_hash, row.text);
    struct semantic_block *b = open_block(s, p, d->dimensions);
    if (b) {
        s->bytes += row.text.n + row.value.n;
        semantic_block_add(b, row, text_hash, d->bytes);
        s->rows++;
        unlink_use(s, b);
        link_newest(s, b);
    }
    shrink(s, p);
    if (p->block_count == 0)
        remove_partition(s, p);
    return b != NULL;
}

void semantic_cache_put(struct semantic_cache *c, const struct semantic_query *q, struct str value,
                        int64_t expires) {
    struct wording w;
    struct direction d;
    if (!fits(q) || value.n > SEMANTIC_VALUE_MAX)
        return;
    wording_read(&w, q->text);
    if (!direct(&d, q, &w))
        return;
    char *bytes = malloc(q->text.n + value.n);
    if (!bytes)
        return;
    memcpy(bytes, q->text.p, q->text.n);
    if (value.n)
        memcpy(bytes + q->text.n, value.p, value.n);
    struct semantic_row row = {.factor = d.factor,
                               .expires = expires,
                               .text = {bytes, q->text.n},
                               .value = {bytes + q->text.n, value.n}};
    uint64_t hash = partition_hash(c, q);
    struct shard *s = shard_of(c, hash);
    pthread_mutex_lock(&s->lock);
    bool kept = keep_row(c, s, hash, q, row, &d);
    pthread_mutex_unlock(&s->lock);
    if (!kept)
        free(bytes);
}

/* wanted NULL: every tenant's. */
static uint64_t forget(struct semantic_cache *c, const uint64_t *wanted) {
    uint64_t forgotten = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        for (size_t k = 0; k < BUCKETS; k++)
            for (struct partition **at = &s->buckets[k], *p; (p = *at);) {
                if (wanted && p->tenant != *wanted) {
                    at = &p->next;
                    continue;
                }
                while (p->block_count)
                    forgotten += drop_block(s, p->blocks[0]);
                *at = p->next;
                s->partitions--;
                s->bytes -= sizeof *p;
                free(p);
            }
        pthread_mutex_unlock(&s->lock);
    }
    return forgotten;
}

uint64_t semantic_cache_forget(struct semantic_cache *c, struct str tenant) {
    uint64_t wanted = tenant_hash(c, tenant);
    return forget(c, &wanted);
}

uint64_t semantic_cache_clear(struct semantic_cache *c) {
    return forget(c, NULL);
}

void semantic_cache_state(struct semantic_cache *c, struct semantic_cache_state *out) {
    struct semantic_cache_state sum = {0};
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        sum.partitions += s->partitions;
        sum.rows += s->rows;
        sum.bytes += s->bytes;
        sum.evictions += s->evictions;
        pthread_mutex_unlock(&s->lock);
        sum.hits += atomic_load_explicit(&s->hits, memory_order_relaxed);
        sum.near_misses += atomic_load_explicit(&s->near_misses, memory_order_relaxed);
        sum.misses += atomic_load_explicit(&s->misses, memory_order_relaxed);
        sum.refused += atomic_load_explicit(&s->refused, memory_order_relaxed);
    }
    *out = sum;
}
