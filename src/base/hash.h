/* Hashes: SHA-256 (FIPS 180-4, by OpenSSL) names contents and keys; hash64 spreads entries over tables
 * and callers over versions. hash64 is stable across runs and machines, and not for adversaries
 * unless seeded with a secret. Any thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum { SHA256_SIZE = 32, SHA256_HEX_SIZE = 65 };

void sha256(struct str bytes, unsigned char out[SHA256_SIZE]);
void sha256_hex(const unsigned char digest[SHA256_SIZE], char out[SHA256_HEX_SIZE]);
/* The inverse: exactly 64 hexadecimal digits. */
bool sha256_from_hex(struct str text, unsigned char out[SHA256_SIZE]) MUST_USE;

/* Piece by piece. sha256_end frees; sha256_begin may be ended at any time. */
struct sha256;
struct sha256 *sha256_begin(void) MUST_USE; /* NULL when memory is out */
void sha256_add(struct sha256 *s, struct str bytes);
void sha256_end(struct sha256 *s, unsigned char out[SHA256_SIZE]); /* out may be NULL */

uint64_t hash64(struct str bytes, uint64_t seed);
/* Mixes a number thoroughly: every bit of the input moves every bit of the output. */
uint64_t hash64_u64(uint64_t value);
