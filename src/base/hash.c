/* EVP_DigestInit_ex2 allocates each time, which would make every hash a thing that can fail; these functions
 * cannot. OpenSSL calls them deprecated and has them still. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/hash.h"

#include "base/check.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

void sha256(struct str bytes, unsigned char out[SHA256_SIZE]) {
    SHA256_CTX ctx;
    CHECK(SHA256_Init(&ctx));
    CHECK(SHA256_Update(&ctx, bytes.p, bytes.n));
    CHECK(SHA256_Final(out, &ctx));
}

void sha256_hex(const unsigned char digest[SHA256_SIZE], char out[SHA256_HEX_SIZE]) {
    /* Arithmetic, not a table, so that the compiler can do sixteen at once. */
    unsigned char halves[2 * SHA256_SIZE];
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        halves[2 * i] = digest[i] >> 4;
        halves[2 * i + 1] = digest[i] & 15;
    }
    for (size_t i = 0; i < 2 * SHA256_SIZE; i++)
        out[i] = (char)(halves[i] + (halves[i] > 9 ? 'a' - 10 : '0'));
    out[2 * SHA256_SIZE] = '\0';
}

static int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sha256_from_hex(struct str text, unsigned char out[SHA256_SIZE]) {
    unsigned char digest[SHA256_SIZE];
    if (text.n != 2 * SHA256_SIZE)
        return false;
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        int high = hex_value(text.p[2 * i]), low = hex_value(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest[i] = (unsigned char)(high << 4 | low);
    }
    memcpy(out, digest, sizeof digest);
    return true;
}

struct sha256 {
    SHA256_CTX ctx;
};

struct sha256 *sha256_begin(void) {
    struct sha256 *s = malloc(sizeof *s);
    if (s)
        CHECK(SHA256_Init(&s->ctx));
    return s;
}

void sha256_add(struct sha256 *s, struct str bytes) {
    CHECK(SHA256_Update(&s->ctx, bytes.p, bytes.n));
}

void sha256_end(struct sha256 *s, unsigned char out[SHA256_SIZE]) {
    if (out)
        CHECK(SHA256_Final(out, &s->ctx));
    free(s);
}

uint64_t hash64_u64(uint64_t x) {
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    return x;
}

/* Little-endian on every machine, since sticky assignments must agree between replicas. */
static uint64_t load64(const unsigned char *p, size_t n) {
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

uint64_t hash64(struct str bytes, uint64_t seed) {
    const unsigned char *p = (const unsigned char *)bytes.p;
    uint64_t h = hash64_u64(seed ^ (UINT64_C(0x9e3779b97f4a7c15) * (bytes.n + 1)));
    size_t left = bytes.n;
    for (; left >= 8; p += 8, left -= 8)
        h = hash64_u64(h ^ load64(p, 8)) * UINT64_C(0x9e3779b97f4a7c15);
    return hash64_u64(h ^ load64(p, left));
}
