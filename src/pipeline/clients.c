#include "pipeline/clients.h"

#include <stdlib.h>
#include <string.h>

static struct client_rate *rate_new(size_t count) {
    struct client_rate *rate = calloc(1, sizeof *rate + count * sizeof(struct limiter));
    if (rate) {
        rate->refs = 1;
        rate->count = count;
    }
    return rate;
}

static void rate_unref(struct client_rate *rate) {
    if (rate && atomic_fetch_sub(&rate->refs, 1) == 1)
        free(rate);
}

static struct client_rate *rate_of(const struct client_table *table, const char *name, size_t count) {
    for (size_t i = 0; table && i < table->count; i++)
        if (strcmp(table->clients[i].name, name) == 0 && table->clients[i].limits->count == count) {
            atomic_fetch_add(&table->clients[i].limits->refs, 1);
            return table->clients[i].limits;
        }
    return NULL;
}

static uint64_t slot_of(const unsigned char hash[SHA256_SIZE]) {
    uint64_t bits;
    memcpy(&bits, hash, sizeof bits);
    return bits;
}

static bool add(struct client_table *t, const struct key_record *key, const struct config *config,
                const struct client_table *previous, size_t rates) {
    struct client_rate *limits = rate_of(t, key->client, rates);
    if (!limits)
        limits = rate_of(previous, key->client, rates);
    if (!limits)
        limits = rate_new(rates);
    if (!limits)
        return false;
    struct client *c = &t->clients[t->count];
    *c = (struct client){.role = key->role,
                         .rate = key->rate > 0 ? key->rate : (double)config->limits.rate,
                         .burst = key->burst      ? key->burst
                                  : key->rate > 0 ? (unsigned)(key->rate * 2 + 1)
                                                  : (unsigned)config->limits.burst,
                         .limits = limits};
    memcpy(c->hash, key->hash, sizeof c->hash);
    memcpy(c->name, key->client, sizeof c->name);
    t->count++;
    uint64_t slot = slot_of(c->hash) & (t->slots - 1);
    while (t->index[slot])
        slot = (slot + 1) & (t->slots - 1);
    t->index[slot] = (uint32_t)t->count;
    return true;
}

static uint64_t next_serial(void) {
    static atomic_uint_fast64_t last;
    return atomic_fetch_add(&last, 1) + 1;
}

bool client_table_build(struct client_table *out, const struct key_record *keys, size_t key_count,
                        const struct config *config, const struct client_table *previous, struct error *err) {
    size_t rates = 1;
    for (size_t i = 0; i < config->endpoint_count; i++)
        rates += config->endpoints[i].has_rate;
    struct client_table t = {.slots = 8, .serial = next_serial()};
    while (t.slots < key_count * 2)
        t.slots *= 2;
    t.clients = calloc(key_count + 1, sizeof *t.clients);
    t.index = calloc(t.slots, sizeof *t.index);
    bool good = t.clients && t.index;
    for (size_t i = 0; good && i < key_count; i++)
        if (keys[i].revoked == 0)
            good = add(&t, &keys[i], config, previous, rates);
    if (!good) {
        client_table_clear(&t);
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading %zu keys.", key_count);
    }
    *out = t;
    return true;
}

void client_table_clear(struct client_table *table) {
    for (size_t i = 0; i < table->count; i++)
        rate_unref(table->clients[i].limits);
    free(table->clients);
    free(table->index);
    *table = (struct client_table){0};
}

const struct client *client_of_hash(const struct client_table *table, const unsigned char hash[SHA256_SIZE]) {
    if (table->slots == 0)
        return NULL;
    struct str presented = {(const char *)hash, SHA256_SIZE};
    uint64_t slot = slot_of(hash) & (table->slots - 1);
    for (; table->index[slot]; slot = (slot + 1) & (table->slots - 1)) {
        const struct client *c = &table->clients[table->index[slot] - 1];
        if (str_eq_constant_time(presented, (struct str){(const char *)c->hash, sizeof c->hash}))
            return c;
    }
    return NULL;
}

static const struct client *look_up(const struct client_table *table, struct str key) {
    unsigned char hash[SHA256_SIZE];
    sha256(key, hash);
    return client_of_hash(table, hash);
}

/* Whose key this thread was shown of late. A key that was revoked, or any other change, makes a new table
 * with another serial, and what was remembered of the old one counts no more. */
enum { REMEMBERED = 32, REMEMBERED_KEY_MAX = 96 };

struct remembered {
    uint64_t serial;
    const struct client *client;
    unsigned char length;
    char key[REMEMBERED_KEY_MAX];
};

const struct client *client_find(const struct client_table *table, struct str key) {
    static _Thread_local struct remembered list[REMEMBERED];
    if (table->slots == 0)
        return NULL;
    if (key.n < 2 || key.n > REMEMBERED_KEY_MAX)
        return look_up(table, key);
    unsigned end = (unsigned char)key.p[key.n - 1] + 5u * (unsigned char)key.p[key.n - 2];
    struct remembered *r = &list[end % REMEMBERED];
    if (r->serial == table->serial && str_eq_constant_time(key, (struct str){r->key, r->length}))
        return r->client;
    const struct client *found = look_up(table, key);
    if (found) {
        *r = (struct remembered){.serial = table->serial, .client = found, .length = (unsigned char)key.n};
        memcpy(r->key, key.p, key.n);
    }
    return found;
}
