#include "store/archive_tar.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

/* Where the fields of a header are. */
enum {
    MODE_AT = 100,
    UID_AT = 108,
    GID_AT = 116,
    SIZE_AT = 124,
    TIME_AT = 136,
    SUM_AT = 148,
    TYPE_AT = 156,
    LINK_AT = 157,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_SIZE = 155,
    SUM_SIZE = 8,
    SIZE_SIZE = 12,
    SIZE_DIGITS = 11
};
static const uint64_t size_max = (UINT64_C(1) << 33) - 1; /* eleven octal digits */
static const char magic[] = "ustar\0"
                            "00";

static unsigned padding_of(uint64_t size) {
    return (unsigned)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

/* The field of the sum itself counts as blanks. */
static unsigned sum_of(const unsigned char header[TAR_BLOCK]) {
    unsigned sum = 0;
    for (unsigned i = 0; i < TAR_BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_SIZE ? ' ' : header[i];
    return sum;
}

/* ---- writing ---- */

static bool put(struct tar_writer *w, const void *bytes, size_t n, struct error *err) {
    return fwrite(bytes, 1, n, w->out) == n ||
           fail(err, ERR_IO, "Writing %s failed: %s.", w->path, strerror(errno));
}

/* `digits` octal ones and a NUL. */
static void put_octal(unsigned char *at, int digits, uint64_t value) {
    for (int i = digits - 1; i >= 0; i--, value >>= 3)
        at[i] = (unsigned char)('0' + (value & 7));
}

bool tar_begin(struct tar_writer *w, const char *name, uint64_t size, struct error *err) {
    unsigned char header[TAR_BLOCK] = {0};
    CHECK(w->left == 0 && w->padding == 0);
    if (strlen(name) > TAR_NAME_MAX || size > size_max)
        return fail(err, ERR_DATA,
                    "%s: \"%.100s\" with %llu bytes does not fit into an archive (8 GB at most).", w->path,
                    name, (unsigned long long)size);
    memcpy(header, name, strlen(name));
    put_octal(header + MODE_AT, 7, 0600);
    put_octal(header + UID_AT, 7, 0);
    put_octal(header + GID_AT, 7, 0);
    put_octal(header + SIZE_AT, SIZE_DIGITS, size);
    put_octal(header + TIME_AT, 11, 0); /* so that the same content is the same archive */
    header[TYPE_AT] = '0';
    memcpy(header + MAGIC_AT, magic, sizeof magic - 1);
    put_octal(header + SUM_AT, 6, sum_of(header));
    header[SUM_AT + 7] = ' ';
    if (!put(w, header, sizeof header, err))
        return false;
    w->left = size;
    w->padding = padding_of(size);
    return true;
}

bool tar_add(struct tar_writer *w, struct str bytes, struct error *err) {
    static const char zeros[TAR_BLOCK];
    CHECK(bytes.n <= w->left);
    if (!put(w, bytes.p, bytes.n, err))
        return false;
    w->left -= bytes.n;
    if (w->left)
        return true;
    unsigned padding = w->padding;
    w->padding = 0;
    return put(w, zeros, padding, err);
}

bool tar_finish(struct tar_writer *w, struct error *err) {
    static const char zeros[2 * TAR_BLOCK];
    CHECK(w->left == 0 && w->padding == 0);
    return put(w, zeros, sizeof zeros, err) &&
           (fflush(w->out) == 0 || fail(err, ERR_IO, "Writing %s failed: %s.", w->path, strerror(errno)));
}

/* ---- reading ---- */

static bool cut_short(const struct tar_reader *r, struct error *err) {
    if (ferror(r->in))
        return fail(err, ERR_IO, "Reading %s failed: %s.", r->path, strerror(errno));
    return fail(err, ERR_DATA, "%s ends in the middle: the archive was cut short; get it anew.", r->path);
}

static bool refuse(const struct tar_reader *r, const char *why, struct error *err) {
    return fail(err, ERR_DATA, "%s is no archive that `penstock models export` wrote: %s.", r->path, why);
}

static bool is_zero(const unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Exactly `digits` octal digits. */
static bool get_octal(const unsigned char *at, int digits, uint64_t *out) {
    uint64_t value = 0;
    for (int i = 0; i < digits; i++) {
        if (at[i] < '0' || at[i] > '7')
            return false;
        value = value << 3 | (uint64_t)(at[i] - '0');
    }
    *out = value;
    return true;
}

static bool read_header(const struct tar_reader *r, const unsigned char header[TAR_BLOCK],
                        struct tar_entry *out, struct error *err) {
    uint64_t sum;
    if (memcmp(header + MAGIC_AT, magic, sizeof magic - 1) != 0)
        return refuse(r, "an entry has no ustar header", err);
    if (!get_octal(header + SUM_AT, 6, &sum) || sum != sum_of(header) || header[SUM_AT + 6] != '\0' ||
        header[SUM_AT + 7] != ' ')
        return refuse(r, "the check sum of a header is wrong", err);
    if (header[TYPE_AT] != '0')
        return refuse(r, "an entry is no plain file (a link, a folder or an extension)", err);
    if (!is_zero(header + LINK_AT, MAGIC_AT - LINK_AT) || !is_zero(header + PREFIX_AT, PREFIX_SIZE))
        return refuse(r, "an entry has a link's target or a prefix", err);
    if (!get_octal(header + SIZE_AT, SIZE_DIGITS, &out->size) || header[SIZE_AT + SIZE_SIZE - 1])
        return refuse(r, "the size of an entry is no octal number", err);
    str_put((struct str){(const char *)header, strnlen((const char *)header, TAR_NAME_MAX)}, out->name,
            sizeof out->name);
    return true;
}

/* Whole blocks of zeros up to the end, of which there are fewer than tar's record has (10 KB) where it was
 * ours. */
static bool read_end(struct tar_reader *r, struct error *err) {
    unsigned char block[TAR_BLOCK];
    unsigned blocks = 1;
    for (size_t n; (n = fread(block, 1, sizeof block, r->in)) > 0; blocks++)
        if (n < sizeof block || !is_zero(block, sizeof block))
            return refuse(r, "there is something behind its end", err);
    return (blocks >= 2 && !ferror(r->in)) || cut_short(r, err);
}

static bool pass_over(struct tar_reader *r, struct error *err) {
    char rest[4096];
    size_t got = 1;
    while (r->left && got)
        if (!tar_read(r, rest, sizeof rest, &got, err))
            return false;
    unsigned padding = r->padding;
    r->padding = 0;
    if (fread(rest, 1, padding, r->in) != padding)
        return cut_short(r, err);
    return is_zero((const unsigned char *)rest, padding) ||
           refuse(r, "the padding of an entry is not zero", err);
}

bool tar_next(struct tar_reader *r, struct tar_entry *out, bool *end, struct error *err) {
    unsigned char header[TAR_BLOCK];
    struct tar_entry entry;
    if (!pass_over(r, err))
        return false;
    if (fread(header, 1, sizeof header, r->in) != sizeof header)
        return cut_short(r, err);
    *end = is_zero(header, sizeof header);
    if (*end)
        return read_end(r, err);
    if (!read_header(r, header, &entry, err))
        return false;
    r->left = entry.size;
    r->padding = padding_of(entry.size);
    *out = entry;
    return true;
}

bool tar_read(struct tar_reader *r, char *to, size_t n, size_t *got, struct error *err) {
    if (n > r->left)
        n = (size_t)r->left;
    *got = n ? fread(to, 1, n, r->in) : 0;
    if (*got < n)
        return cut_short(r, err);
    r->left -= *got;
    return true;
}
