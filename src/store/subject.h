/* The people behind requests, as far as the store knows them: for an end user's ID that a caller sends
 * (`user`) only 16 bytes of SHA-256 over a secret of this store and the ID are kept. Whoever has the store
 * and an ID can find that person's records, to forget them; whoever has only records, exports or logs learns
 * no ID from them. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "store/store.h"

enum { SUBJECT_SIZE = 16, SUBJECT_HEX_SIZE = 33, SUBJECT_TEXT_MAX = 512, SUBJECT_SECRET_SIZE = 32 };

/* The store's secret, made when it is first asked for. */
bool subject_secret(struct store *s, unsigned char out[SUBJECT_SECRET_SIZE], struct error *err) MUST_USE;

/* id: 1 to SUBJECT_TEXT_MAX bytes; more do not count. */
void subject_hash(const unsigned char secret[SUBJECT_SECRET_SIZE], struct str id,
                  unsigned char out[SUBJECT_SIZE]);
void subject_hex(const unsigned char hash[SUBJECT_SIZE], char out[SUBJECT_HEX_SIZE]);
