/* API keys: "psk_" and 43 characters of base64url (256 random bits), shown once; only the SHA-256 is
 * stored. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "store/store.h"

enum role { ROLE_CLIENT = 1, ROLE_REVIEWER = 2, ROLE_ADMIN = 3 }; /* each may do what the lower may */
const char *role_name(enum role role);
bool role_parse(struct str name, enum role *out) MUST_USE;

enum { KEY_TEXT_SIZE = 48, CLIENT_NAME_MAX = 64, KEY_ID_LENGTH = 12 };

struct key_record {
    char id[16]; /* first characters of the hash: names the key where the key itself must not appear */
    unsigned char hash[SHA256_SIZE]; /* key_hash of the key's text */
    char client[CLIENT_NAME_MAX + 1];
    enum role role;
    double rate;              /* requests per second; 0: the configured default */
    unsigned burst;           /* 0: the configured default */
    int64_t created, revoked; /* wall ns; revoked 0: in force */
};

/* SHA-256 of the whole text, "psk_" included: a key has 256 random bits, so a slow hash adds nothing. */
void key_hash(struct str text, unsigned char out[SHA256_SIZE]);

/* text receives the key itself, which is nowhere else. */
bool key_create(struct store *s, const char *client, enum role role, double rate, unsigned burst,
                char text[KEY_TEXT_SIZE], struct key_record *out, struct error *err) MUST_USE;
/* Revoking a revoked key is fine. ERR_NOT_FOUND. */
bool key_revoke(struct store *s, const char *id, struct error *err) MUST_USE;
/* All keys, revoked ones included, newest first. *out is malloc'ed. */
bool key_list(struct store *s, struct key_record **out, size_t *count, struct error *err) MUST_USE;
