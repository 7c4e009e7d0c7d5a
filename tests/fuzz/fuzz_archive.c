/* Archives, their indexes and datasets' manifests of any bytes: refused with a reason, or what was read holds
 * together. The first byte says what the rest is; of archives the check sums and the index's hash are put
 * right, so that what stands behind them is reached. */
#include "base/check.h"
#include "store/archive.h"
#include "store/archive_tar.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend_sum(char *header) {
    unsigned sum = 0;
    char digits[8];
    memset(header + 148, ' ', 8);
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)header[i];
    snprintf(digits, sizeof digits, "%06o", sum);
    memcpy(header + 148, digits, 7);
}

/* Of the first entry, the index, where its name has room for one. */
static void mend_hash(char *header, size_t behind) {
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE], octal[12] = {0};
    memcpy(octal, header + 124, 11);
    size_t length = strtoul(octal, NULL, 8);
    if (length > behind || memcmp(header, "penstock-", 9) != 0)
        return;
    sha256((struct str){header + TAR_BLOCK, length}, digest);
    sha256_hex(digest, hex);
    memcpy(header + 9, hex, 64);
}

static void mend(char *bytes, size_t n) {
    for (size_t at = 0; at + TAR_BLOCK <= n;) {
        char octal[12] = {0};
        if (at == 0)
            mend_hash(bytes, n - TAR_BLOCK);
        if (bytes[at])
            mend_sum(bytes + at);
        memcpy(octal, bytes + at + 124, 11);
        size_t length = bytes[at] ? strtoul(octal, NULL, 8) : 0;
        if (length > n)
            return;
        at += TAR_BLOCK + (length + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    }
}

static void check_index(const struct archive_index *x) {
    AUTO_BUF text = BUF_INIT(ARCHIVE_INDEX_MAX);
    struct archive_index again;
    struct error err = {0};
    for (size_t i = 1; i < x->blob_count; i++)
        CHECK(memcmp(x->blobs[i - 1].hash, x->blobs[i].hash, SHA256_SIZE) < 0);
    for (size_t i = 0; i < x->version_count; i++)
        CHECK(x->versions[i].version > 0 && x->versions[i].created >= 0 && x->versions[i].manifest);
    archive_index_write(x, &text);
    CHECK(!text.failed);
    /* Two objects of one name and number have each other's tags when they are written. */
    if (!archive_index_parse(&again, buf_str(&text), &err))
        return;
    CHECK(again.version_count == x->version_count && again.suite_count == x->suite_count &&
          again.blob_count == x->blob_count && again.tag_count >= x->tag_count);
    archive_index_free(&again);
}

static void read_archive(char *bytes, size_t n) {
    struct archive_index x;
    struct error err = {0};
    mend(bytes, n);
    FILE *f = n ? fmemopen(bytes, n, "rb") : NULL;
    if (!f)
        return;
    if (archive_read(f, "fuzz.tar", NULL, &x, &err)) {
        for (size_t i = 0; i < x.blob_count; i++)
            CHECK(x.blobs[i].seen && x.blobs[i].needed);
        check_index(&x);
        archive_index_free(&x);
    } else {
        CHECK(err.code != ERR_NONE && err.message[0]);
    }
    fclose(f);
}

static void read_index(struct str text) {
    struct archive_index x;
    struct error err = {0};
    if (archive_index_parse(&x, text, &err)) {
        check_index(&x);
        archive_index_free(&x);
    } else {
        CHECK(err.code != ERR_NONE && err.message[0]);
    }
}

static void no_change(enum dataset_change change, const struct dataset_row *a, const struct dataset_row *b,
                      void *ctx) {
    CHECK(!"a manifest differs from itself");
}

static void read_manifest(struct str text) {
    struct dataset_manifest m;
    struct error err = {0};
    size_t same;
    if (!dataset_manifest_parse(&m, text, &err)) {
        CHECK(err.code != ERR_NONE && err.message[0]);
        return;
    }
    for (size_t i = 0; i < m.count; i++) {
        const struct dataset_row *row = &m.rows[i];
        CHECK(row->label < m.label_count && row->path.n <= DATASET_PATH_MAX);
        CHECK(!str_starts(row->path, STR("/")) && !str_starts(row->path, STR("../")) &&
              str_find(row->path, STR("/../")) == SIZE_MAX);
    }
    CHECK(dataset_manifest_diff(&m, &m, &same, no_change, NULL, &err) && same == m.count);
    dataset_manifest_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct str rest = {(const char *)data + 1, size - 1};
    if (data[0] % 3 == 1) {
        read_index(rest);
    } else if (data[0] % 3 == 2) {
        read_manifest(rest);
    } else {
        char *bytes = malloc(rest.n + 1);
        if (bytes) {
            memcpy(bytes, rest.p, rest.n);
            read_archive(bytes, rest.n);
        }
        free(bytes);
    }
    return 0;
}
