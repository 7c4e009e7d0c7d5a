#include "store/archive.h"

#include "base/clock.h"
#include "base/ids.h"
#include "store/archive_tar.h"
#include "store/blobs.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };
static const size_t memory_max = (size_t)1 << 30;

struct gathering {
    struct store *store;
    struct archive_index x;
    size_t blob_room, tag_room, suite_room;
    struct error *err;
    bool failed; /* in a visit; *err says why */
};

static bool no_memory(struct error *err) {
    return fail(err, ERR_NO_MEMORY, "Out of memory for an archive.");
}

/* ---- what goes in ---- */

static bool add_blob(struct gathering *g, const char *hex, uint64_t size) {
    struct archive_blob blob = {.size = size};
    if (g->x.blob_count == g->blob_room) {
        size_t room = g->blob_room ? 2 * g->blob_room : 64;
        struct archive_blob *blobs = realloc(g->x.blobs, room * sizeof *blobs);
        if (!blobs)
            return no_memory(g->err);
        g->x.blobs = blobs;
        g->blob_room = room;
    }
    if (!sha256_from_hex(str_from(hex), blob.hash))
        return fail(g->err, ERR_ARTEFACT, "\"%.80s\" names no blob.", hex);
    g->x.blobs[g->x.blob_count++] = blob;
    return true;
}

/* Of a blob whose size nobody knows yet. */
static bool add_stored_blob(struct gathering *g, const char *hex) {
    struct blob blob;
    if (!blob_map(store_folder(g->store), hex, false, &blob, g->err))
        return false;
    uint64_t size = blob.bytes.n;
    blob_unmap(&blob);
    return add_blob(g, hex, size);
}

static void add_tag(const struct tag *tag, void *ctx) {
    struct gathering *g = ctx;
    if (g->x.tag_count == g->tag_room) {
        size_t room = g->tag_room ? 2 * g->tag_room : 16;
        struct tag *tags = realloc(g->x.tags, room * sizeof *tags);
        if (!tags) {
            g->failed = !no_memory(g->err);
            return;
        }
        g->x.tags = tags;
        g->tag_room = room;
    }
    g->x.tags[g->x.tag_count++] = *tag;
}

static bool add_tags(struct gathering *g, enum tag_subject subject, const char *name, unsigned version) {
    return tags_visit(g->store, subject, name, version, false, add_tag, g, g->err) && !g->failed;
}

static char *keep(struct gathering *g, char *text) {
    struct str copy = arena_copy(g->x.arena, str_from(text));
    free(text);
    if (!copy.p)
        no_memory(g->err);
    return (char *)(uintptr_t)copy.p;
}

static void add_file(const char hex[SHA256_HEX_SIZE], uint64_t size, void *ctx) {
    struct gathering *g = ctx;
    g->failed = g->failed || !add_blob(g, hex, size);
}

static bool add_files(struct gathering *g, const struct dataset_record *r) {
    struct dataset_manifest m;
    if (!datasets_load(g->store, r->manifest, &m, g->err))
        return false;
    struct datasets_kept kept = datasets_kept(g->store, &m);
    if (kept.kept < kept.files)
        g->failed =
            !fail(g->err, ERR_NOT_FOUND,
                  "Of the dataset %s@%u %zu of %zu files are in the store; keep them by \"penstock datasets "
                  "add %s --data … --keep\", or export without --files.",
                  r->name, r->version, kept.kept, kept.files, r->name);
    else
        dataset_files_visit(&m, add_file, g);
    dataset_manifest_free(&m);
    return !g->failed;
}

/* The dataset that a version's manifest names, once. */
static bool add_dataset(struct gathering *g, const struct version_record *v, bool files) {
    struct dataset_record *r = &g->x.datasets[g->x.dataset_count];
    char manifest[SHA256_HEX_SIZE];
    bool found;
    if (!registry_dataset_of(v, manifest, &found, g->err))
        return false;
    if (!found)
        return true;
    for (size_t i = 0; i < g->x.dataset_count; i++)
        if (strcmp(g->x.datasets[i].manifest, manifest) == 0)
            return true;
    if (!datasets_named(g->store, manifest, v->name, &found, r, g->err))
        return false;
    if (!found)
        return true;
    g->x.dataset_count++;
    return add_stored_blob(g, r->manifest) && add_tags(g, TAG_DATASET, r->name, r->version) &&
           (!files || add_files(g, r));
}

static bool has_suite(const struct gathering *g, const struct suite_record *r) {
    for (size_t i = 0; i < g->x.suite_count; i++)
        if (g->x.suites[i].version == r->version && strcmp(g->x.suites[i].name, r->name) == 0)
            return true;
    return false;
}

static void add_suite(const struct suite_record *r, void *ctx) {
    struct gathering *g = ctx;
    if (g->failed || has_suite(g, r))
        return;
    if (g->x.suite_count == g->suite_room) {
        size_t room = g->suite_room ? 2 * g->suite_room : 4;
        struct suite_record *suites = realloc(g->x.suites, room * sizeof *suites);
        if (!suites) {
            g->failed = !no_memory(g->err);
            return;
        }
        g->x.suites = suites;
        g->suite_room = room;
    }
    g->x.suites[g->x.suite_count++] = *r;
    for (size_t i = 0; i < r->file_count; i++)
        g->failed = g->failed || !add_blob(g, r->files[i].hash, r->files[i].size);
}

static bool add_suites(struct gathering *g, const struct version_record *v) {
    return suites_of_version(g->store, v->name, v->version, add_suite, g, g->err) && !g->failed;
}

static bool add_version(struct gathering *g, const struct archive_reference *wanted, bool files) {
    struct version_record r, *kept = &g->x.versions[g->x.version_count];
    if (!registry_find(g->store, wanted->name, wanted->version, &r, g->err))
        return false;
    r.manifest = keep(g, r.manifest);
    if (!r.manifest)
        return false;
    for (size_t i = 0; i < g->x.version_count; i++)
        if (g->x.versions[i].version == r.version && strcmp(g->x.versions[i].name, r.name) == 0)
            return true;
    *kept = r;
    g->x.version_count++;
    return add_stored_blob(g, r.artefact) && add_tags(g, TAG_MODEL, r.name, r.version) &&
           add_dataset(g, kept, files) && add_suites(g, kept);
}

static bool add_prompt(struct gathering *g, const struct archive_reference *wanted) {
    struct prompt_record r;
    if (!prompts_find(g->store, wanted->name, wanted->version, &r, g->err))
        return false;
    r.text = keep(g, r.text);
    if (!r.text)
        return false;
    for (size_t i = 0; i < g->x.prompt_count; i++)
        if (g->x.prompts[i].version == r.version && strcmp(g->x.prompts[i].name, r.name) == 0)
            return true;
    g->x.prompts[g->x.prompt_count++] = r;
    return add_tags(g, TAG_PROMPT, r.name, r.version);
}

static int by_hash(const void *a, const void *b) {
    return memcmp(((const struct archive_blob *)a)->hash, ((const struct archive_blob *)b)->hash,
                  SHA256_SIZE);
}

/* In order, each once. */
static void sort_blobs(struct archive_index *x) {
    size_t kept = 0;
    if (x->blob_count)
        qsort(x->blobs, x->blob_count, sizeof *x->blobs, by_hash);
    for (size_t i = 0; i < x->blob_count; i++)
        if (kept == 0 || by_hash(&x->blobs[kept - 1], &x->blobs[i]) != 0)
            x->blobs[kept++] = x->blobs[i];
    x->blob_count = kept;
}

static bool gather(struct gathering *g, const struct archive_wish *wish) {
    g->x.arena = arena_new(memory_max);
    g->x.versions =
        g->x.arena ? arena_zalloc(g->x.arena, (wish->version_count + 1) * sizeof *g->x.versions) : NULL;
    g->x.datasets =
        g->x.arena ? arena_zalloc(g->x.arena, (wish->version_count + 1) * sizeof *g->x.datasets) : NULL;
    g->x.prompts =
        g->x.arena ? arena_zalloc(g->x.arena, (wish->prompt_count + 1) * sizeof *g->x.prompts) : NULL;
    if (!g->x.versions || !g->x.datasets || !g->x.prompts)
        return no_memory(g->err);
    for (size_t i = 0; i < wish->version_count; i++)
        if (!add_version(g, &wish->versions[i], wish->files))
            return false;
    for (size_t i = 0; i < wish->prompt_count; i++)
        if (!add_prompt(g, &wish->prompts[i]))
            return false;
    sort_blobs(&g->x);
    if (g->x.suite_count > ARCHIVE_SUITES_MAX)
        return fail(g->err, ERR_DATA, "%zu suites are more than an archive may have (%d).", g->x.suite_count,
                    ARCHIVE_SUITES_MAX);
    return g->x.blob_count <= ARCHIVE_BLOBS_MAX ||
           fail(g->err, ERR_DATA, "%zu files are more than an archive may have (%d).", g->x.blob_count,
                ARCHIVE_BLOBS_MAX);
}

/* ---- writing ---- */

static bool write_index(struct tar_writer *w, const struct archive_index *x, struct error *err) {
    AUTO_BUF text = BUF_INIT(ARCHIVE_INDEX_MAX);
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE], name[TAR_NAME_MAX];
    archive_index_write(x, &text);
    if (text.failed)
        return fail(err, ERR_NO_MEMORY,
                    "The index of %s does not fit into memory, or is over its limit of %d bytes.", w->path,
                    ARCHIVE_INDEX_MAX);
    sha256(buf_str(&text), digest);
    sha256_hex(digest, hex);
    snprintf(name, sizeof name, "penstock-%s.json", hex);
    return tar_begin(w, name, text.n, err) && tar_add(w, buf_str(&text), err);
}

static bool write_blob(struct tar_writer *w, const char *folder, const struct archive_blob *b,
                       struct error *err) {
    char hex[SHA256_HEX_SIZE], name[TAR_NAME_MAX];
    struct blob blob;
    sha256_hex(b->hash, hex);
    snprintf(name, sizeof name, "blobs/%s", hex);
    if (!blob_map(folder, hex, true, &blob, err))
        return false;
    bool good = blob.bytes.n == b->size ||
                fail(err, ERR_ARTEFACT, "The blob %s has another size than its dataset says.", hex);
    good = good && tar_begin(w, name, b->size, err) && tar_add(w, blob.bytes, err);
    blob_unmap(&blob);
    return good;
}

static bool write_all(struct tar_writer *w, const char *folder, const struct archive_index *x,
                      struct error *err) {
    if (!write_index(w, x, err))
        return false;
    for (size_t i = 0; i < x->blob_count; i++)
        if (!write_blob(w, folder, &x->blobs[i], err))
            return false;
    return tar_finish(w, err) && (fsync(fileno(w->out)) == 0 ||
                                  fail(err, ERR_IO, "Writing %s failed: %s.", w->path, strerror(errno)));
}

/* link, which unlike rename refuses what is there already. */
static bool publish(const char *temporary, const char *path, struct error *err) {
    if (link(temporary, path) == 0)
        return true;
    if (errno == EEXIST)
        return fail(err, ERR_CONFLICT, "%s is there already; name another file.", path);
    /* A file system without hard links. */
    if (access(path, F_OK) != 0 && rename(temporary, path) == 0)
        return true;
    return fail(err, ERR_IO, "%s cannot be made: %s.", path, strerror(errno));
}

static bool write_file(struct gathering *g, const char *path, uint64_t *bytes) {
    char temporary[PATH_SIZE], id[ID_SIZE];
    id_make(clock_wall(), id);
    if (snprintf(temporary, sizeof temporary, "%s.new-%s", path, id) >= (int)sizeof temporary)
        return fail(g->err, ERR_IO, "%.100s…: the path is too long.", path);
    if (access(path, F_OK) == 0)
        return fail(g->err, ERR_CONFLICT, "%s is there already; name another file.", path);
    FILE *out = fopen(temporary, "wxe");
    if (!out)
        return fail(g->err, ERR_IO, "%s cannot be made: %s.", path, strerror(errno));
    struct tar_writer w = {.out = out, .path = path};
    bool good = write_all(&w, store_folder(g->store), &g->x, g->err);
    long size = good ? ftell(out) : 0;
    if (fclose(out) != 0 && good)
        good = fail(g->err, ERR_IO, "Writing %s failed: %s.", path, strerror(errno));
    good = good && publish(temporary, path, g->err);
    unlink(temporary);
    if (good)
        *bytes = (uint64_t)size;
    return good;
}

bool archive_export(struct store *s, const struct archive_wish *wish, const char *path, uint64_t *bytes,
                    struct error *err) {
    struct gathering g = {.store = s, .err = err};
    bool good = gather(&g, wish) && write_file(&g, path, bytes);
    free(g.x.blobs);
    free(g.x.suites);
    free(g.x.tags);
    arena_free(g.x.arena);
    return good;
}
