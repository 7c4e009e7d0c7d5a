/* Who may call: the keys in force, found by the hash of what the caller presents, and the callers'
 * rates. Immutable but for the rates' own atomics, which survive a reload. Any thread. */
#pragma once

#include "config/config.h"
#include "pipeline/key_uses.h"
#include "store/keys.h"
#include "traffic/limiter.h"

/* One client's rate, shared by all of its keys and by successive snapshots. */
struct client_rate {
    atomic_uint refs;
    size_t count;
    struct limiter limiters[]; /* [0] the general one; [i] of the i-th endpoint with a rate of its own */
};

struct client {
    unsigned char hash[SHA256_SIZE];
    char name[CLIENT_NAME_MAX + 1];
    enum role role;
    double rate;
    unsigned burst;
    struct client_rate *limits;
    struct key_count *count; /* NULL: nobody counts */
};

struct client_table {
    uint64_t serial; /* no two tables of a process have the same */
    size_t slots;    /* a power of two; 0 when there is no key */
    struct client *clients;
    uint32_t *index; /* slot -> 1 + position in clients, 0: empty */
    size_t count;
};

/* Revoked keys are left out. `previous` (may be NULL) gives the rates that go on. */
bool client_table_build(struct client_table *out, const struct key_record *keys, size_t key_count,
                        const struct config *config, const struct client_table *previous,
                        struct error *err) MUST_USE;
void client_table_clear(struct client_table *table);

/* The client whose key this is, or NULL. Compares in constant time. */
const struct client *client_find(const struct client_table *table, struct str key);
/* The same for who knows only the key's hash. */
const struct client *client_of_hash(const struct client_table *table, const unsigned char hash[SHA256_SIZE]);
