#include "store/keys.h"

#include "base/base64url.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/ids.h"
#include "store/history.h"
#include "store/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_SIZE = 32, RATE_MAX = 1000000, BURST_MAX = 10000000 };

static const struct {
    const char *name;
    enum role role;
} roles[] = {{"client", ROLE_CLIENT}, {"reviewer", ROLE_REVIEWER}, {"admin", ROLE_ADMIN}};

const char *role_name(enum role role) {
    for (size_t i = 0; i < ARRAY_COUNT(roles); i++)
        if (roles[i].role == role)
            return roles[i].name;
    return "unknown";
}

bool role_parse(struct str name, enum role *out) {
    for (size_t i = 0; i < ARRAY_COUNT(roles); i++)
        if (str_eq(name, str_from(roles[i].name))) {
            *out = roles[i].role;
            return true;
        }
    return false;
}

void key_hash(struct str text, unsigned char out[SHA256_SIZE]) {
    sha256(text, out);
}

static bool check_client(struct str client, struct error *err) {
    bool ok = client.n > 0 && client.n <= CLIENT_NAME_MAX && str_is_utf8(client, NULL);
    for (size_t i = 0; ok && i < client.n; i++)
        ok = (unsigned char)client.p[i] >= 0x20 && client.p[i] != 0x7f;
    return ok ||
           fail_at(err, ERR_INVALID_FIELD, "client",
                   "A client's name has 1 to %d bytes of UTF-8 without control characters.", CLIENT_NAME_MAX);
}

static bool insert_key(struct store *s, const struct key_record *key, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO keys (id, hash, client, role, rate, burst, created, revoked)"
                                    " VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(key->id));
    sql_bind_blob(q, 2, key->hash, sizeof key->hash);
    sql_bind_str(q, 3, str_from(key->client));
    sql_bind_int(q, 4, key->role);
    sql_bind_double(q, 5, key->rate);
    sql_bind_int(q, 6, key->burst);
    sql_bind_int(q, 7, key->created);
    char object[sizeof key->id + sizeof key->client + 32];
    snprintf(object, sizeof object, "%s (%s \"%s\")", key->id, role_name(key->role), key->client);
    return sql_run(s, q, err) && history_note(s, "key.created", object, err) && store_note_change(s, err);
}

bool key_create(struct store *s, const char *client, enum role role, double rate, unsigned burst,
                char text[KEY_TEXT_SIZE], struct key_record *out, struct error *err) {
    if (!check_client(str_from(client), err))
        return false;
    if (!isfinite(rate) || rate < 0 || rate > RATE_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "rate", "A rate is 0 (the default) to %d requests per second.",
                       RATE_MAX);
    if (burst > BURST_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "burst", "A burst is 0 (the default) to %d requests.",
                       BURST_MAX);
    unsigned char secret[SECRET_SIZE];
    char made[KEY_TEXT_SIZE] = "psk_", hex[SHA256_HEX_SIZE];
    struct key_record key = {.role = role, .rate = rate, .burst = burst, .created = clock_wall()};
    random_bytes(secret, sizeof secret);
    base64url(secret, sizeof secret, made + 4);
    key_hash(str_from(made), key.hash);
    sha256_hex(key.hash, hex);
    memcpy(key.id, hex, KEY_ID_LENGTH);
    snprintf(key.client, sizeof key.client, "%s", client);
    if (!store_begin(s, true, err))
        return false;
    if (!insert_key(s, &key, err)) {
        store_rollback(s);
        return false;
    }
    if (!store_commit(s, err))
        return false;
    memcpy(text, made, sizeof made);
    *out = key;
    return true;
}

static bool update_revoked(struct store *s, const char *id, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "UPDATE keys SET revoked = CASE WHEN revoked = 0 THEN ? ELSE revoked END WHERE id = ?", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, clock_wall());
    sql_bind_str(q, 2, str_from(id));
    if (!sql_run(s, q, err))
        return false;
    if (sql_changed_rows(s) == 0)
        return fail(err, ERR_NOT_FOUND, "There is no key \"%.40s\"; `penstock keys list` shows their IDs.",
                    id);
    return history_note(s, "key.revoked", id, err) && store_note_change(s, err);
}

bool key_revoke(struct store *s, const char *id, struct error *err) {
    if (!store_begin(s, true, err))
        return false;
    if (!update_revoked(s, id, err)) {
        store_rollback(s);
        return false;
    }
    return store_commit(s, err);
}

static void read_key(sqlite3_stmt *q, struct key_record *key) {
    struct str id = sql_str_at(q, 0), hash = sql_blob_at(q, 1), client = sql_str_at(q, 2);
    *key = (struct key_record){.role = (enum role)sql_int_at(q, 3),
                               .rate = sqlite3_column_double(q, 4),
                               .burst = (unsigned)sql_int_at(q, 5),
                               .created = sql_int_at(q, 6),
                               .revoked = sql_int_at(q, 7)};
    snprintf(key->id, sizeof key->id, "%.*s", (int)(id.n < sizeof key->id ? id.n : 0), id.p);
    snprintf(key->client, sizeof key->client, "%.*s", (int)(client.n <= CLIENT_NAME_MAX ? client.n : 0),
             client.p);
    if (hash.n == sizeof key->hash)
        memcpy(key->hash, hash.p, hash.n);
}

bool key_list(struct store *s, struct key_record **out, size_t *count, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT id, hash, client, role, rate, burst, created, revoked FROM keys"
                                    " ORDER BY created DESC, id",
                                    err);
    if (!q)
        return false;
    struct key_record *keys = NULL;
    size_t n = 0, room = 0;
    for (;;) {
        bool row;
        if (!sql_step(s, q, &row, err)) {
            free(keys);
            return false;
        }
        if (!row)
            break;
        if (n == room) {
            room = room ? room * 2 : 16;
            struct key_record *more = reallocarray(keys, room, sizeof *keys);
            if (!more) {
                sql_end(q);
                free(keys);
                return fail(err, ERR_NO_MEMORY, "Out of memory while listing keys.");
            }
            keys = more;
        }
        read_key(q, &keys[n++]);
    }
    *out = keys;
    *count = n;
    return true;
}
