#include "unit.h"

#include "folder.h"

#include "store/archive.h"
#include "store/archive_tar.h"
#include "store/blobs.h"
#include "store/evaluations.h"
#include "store/sql.h"

static struct test_folder here, there;
static struct store *store, *other;
static struct error err;

static int setup(void **state) {
    folder_make(&here);
    folder_make(&there);
    err = (struct error){0};
    return store_open(&store, here.path, &err) && store_open(&other, there.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    store_close(other);
    folder_remove(&here);
    folder_remove(&there);
    return 0;
}

/* ---- a store with something in it ---- */

static void set_tag(struct store *s, enum tag_subject subject, const char *name, unsigned version,
                    const char *text) {
    struct tag tag = {.subject = subject, .version = version};
    bool changed;
    str_put(str_from(name), tag.name, sizeof tag.name);
    assert_true(tag_parse(str_from(text), false, &tag, &err));
    assert_true(tags_set(s, &tag, &changed, &err));
}

/* The dataset "papers@1" of one kept file; its hash. */
static struct dataset_record add_papers(void) {
    struct dataset_manifest m;
    struct dataset_record r;
    struct buf text;
    bool added;
    char hex[SHA256_HEX_SIZE];
    struct dataset_row row = {.path = STR("letter/1.txt"), .size = 10};
    sha256(STR("the letter"), row.hash);
    assert_true(dataset_manifest_begin(&m, DATASET_FILES, &err));
    assert_true(dataset_manifest_add(&m, STR("letter"), &row, &err));
    assert_true(dataset_manifest_finish(&m, &text, &err));
    assert_true(datasets_add(store, "papers", "/data/papers", &m, buf_str(&text), &r, &added, &err));
    assert_true(blob_put(here.path, STR("the letter"), hex, &err));
    buf_free(&text);
    dataset_manifest_free(&m);
    return r;
}

static unsigned add_version(struct store *s, const char *name, const char *artefact, const char *dataset) {
    char manifest[256];
    unsigned version;
    snprintf(manifest, sizeof manifest, "{\"labels\":[\"letter\"],\"dataset\":{\"manifest\":\"%s\"}}",
             dataset);
    assert_true(
        registry_add_version(s, name, "linear", str_from(artefact), str_from(manifest), &version, &err));
    return version;
}

/* One that documents@2 was judged by, of two files, and one that nobody was. */
static void add_suites(void) {
    struct suite_record r = {
        .name = "routing",
        .file_count = 2,
        .files = {{.name = "routing.yaml", .size = 4}, {.name = "more/rows.csv", .size = 4}}};
    struct evaluation_record e = {
        .suite = "routing", .model = "documents", .version = 2, .report = (char[]){"{}"}};
    bool added;
    assert_true(blob_put(here.path, STR("yaml"), r.files[0].hash, &err) &&
                blob_put(here.path, STR("rows"), r.files[1].hash, &err));
    memset(r.hash, 'a', 64);
    memcpy(e.suite_hash, r.hash, sizeof e.suite_hash);
    assert_true(suites_add(store, &r, &added, &err));
    assert_true(added);
    assert_true(suites_add(store, &r, &added, &err));
    assert_false(added);
    assert_true(evaluations_add(store, &e, &err));
    memset(r.hash, 'b', 64);
    assert_true(suites_add(store, &r, &added, &err));
    assert_int_equal(r.version, 2);
}

static void fill(void) {
    struct dataset_record papers = add_papers();
    unsigned version;
    bool added;
    add_suites();
    add_version(store, "documents", "first artefact", papers.manifest);
    add_version(store, "documents", "second artefact", papers.manifest);
    set_tag(store, TAG_MODEL, "documents", 2, "stage=production");
    set_tag(store, TAG_MODEL, "documents", 1, "stage=old");
    set_tag(store, TAG_DATASET, "papers", 1, "licence=CC0");
    assert_true(prompts_add(store, "reply", STR("user:\nHello\n"), &version, &added, &err));
}

static const char *in_here(const char *name) {
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", here.path, name);
    return path;
}

static const char *export_documents(const char *name, bool files) {
    static const struct archive_reference versions[] = {{"documents", 2}}, prompts[] = {{"reply", 0}};
    const struct archive_wish wish = {versions, prompts, 1, 1, files};
    const char *path = in_here(name);
    uint64_t bytes;
    if (!archive_export(store, &wish, path, &bytes, &err))
        fail_msg("%s", err.message);
    assert_int_equal(bytes % TAR_BLOCK, 0);
    return path;
}

/* ---- from one store to the other ---- */

static void note_object(const char *kind, const char *name, unsigned version, unsigned number, bool added,
                        void *ctx) {
    char *text = ctx;
    sprintf(text + strlen(text), "%.1s %s@%u>%u%s; ", kind, name, version, number, added ? "" : " was there");
}

static void import(const char *path, const char *expected) {
    char text[512] = "";
    const struct archive_import how = {.visit = note_object, .ctx = text};
    if (!archive_import(other, path, &how, &err))
        fail_msg("%s", err.message);
    assert_string_equal(text, expected);
}

static void note_tag(const struct tag *tag, void *ctx) {
    sprintf((char *)ctx + strlen(ctx), "%s=%s ", tag->key, tag->value);
}

static void assert_tags(enum tag_subject subject, const char *name, unsigned version, const char *expected) {
    char text[256] = "";
    assert_true(tags_visit(other, subject, name, version, false, note_tag, text, &err));
    assert_string_equal(text, expected);
}

static void what_goes_out_comes_in(void **state) {
    fill();
    const char *path = export_documents("a.tar", true);
    import(path, "d papers@1>1; m documents@2>2; p reply@1>1; s routing@1>1; ");
    struct version_record v;
    assert_true(registry_find(other, "documents", 0, &v, &err));
    assert_int_equal(v.version, 2);
    assert_string_equal(v.backend, "linear");
    struct blob blob;
    assert_true(blob_map(there.path, v.artefact, true, &blob, &err));
    assert_str(blob.bytes, "second artefact");
    blob_unmap(&blob);
    version_record_clear(&v);
    struct dataset_record d;
    assert_true(datasets_find(other, "papers", 1, &d, &err));
    assert_int_equal(d.rows, 1);
    assert_int_equal(d.bytes, 10);
    assert_string_equal(d.source, "/data/papers");
    struct dataset_manifest m;
    assert_true(datasets_load(other, d.manifest, &m, &err));
    assert_int_equal(datasets_kept(other, &m).kept, 1);
    dataset_manifest_free(&m);
    struct suite_record suite;
    assert_true(suites_find(other, "routing", 0, &suite, &err));
    assert_string_equal(suite.files[1].name, "more/rows.csv");
    assert_true(blob_map(there.path, suite.files[1].hash, true, &blob, &err));
    assert_str(blob.bytes, "rows");
    blob_unmap(&blob);
    assert_false(suites_find(other, "rooting", 0, &suite, &err));
    assert_non_null(strstr(err.message, "did you mean \"routing\""));
    assert_tags(TAG_MODEL, "documents", 2, "stage=production ");
    assert_tags(TAG_DATASET, "papers", 1, "licence=CC0 ");
    import(path, "d papers@1>1 was there; m documents@2>2 was there; p reply@1>1 was there; s routing@1>1 "
                 "was there; ");
    int64_t rows;
    assert_true(sql_number(other, "SELECT count(*) FROM version_datasets", &rows, &err));
    assert_int_equal(rows, 1);
}

static void numbers_that_are_taken_become_others(void **state) {
    fill();
    const char *path = export_documents("a.tar", false);
    add_version(other, "documents", "of another origin", "");
    add_version(other, "documents", "of another origin, too", "");
    set_tag(other, TAG_MODEL, "documents", 2, "mine=yes");
    import(path, "d papers@1>1; m documents@2>3; p reply@1>1; s routing@1>1; ");
    assert_tags(TAG_MODEL, "documents", 2, "mine=yes ");
    assert_tags(TAG_MODEL, "documents", 3, "stage=production ");
    import(path, "d papers@1>1 was there; m documents@2>3 was there; p reply@1>1 was there; s routing@1>1 "
                 "was there; ");
}

static void the_same_objects_are_the_same_bytes(void **state) {
    fill();
    char command[600];
    snprintf(command, sizeof command, "cmp %s %s", export_documents("a.tar", true),
             export_documents("b.tar", true));
    assert_int_equal(system(command), 0);
    struct archive_wish wish = {.versions = &(struct archive_reference){"documents", 1}, .version_count = 1};
    uint64_t bytes;
    assert_false(archive_export(store, &wish, in_here("a.tar"), &bytes, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    wish.versions = &(struct archive_reference){"document", 1};
    assert_false(archive_export(store, &wish, in_here("c.tar"), &bytes, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_not_equal(access(in_here("c.tar"), F_OK), 0);
}

static void files_that_were_not_kept_cannot_go_out(void **state) {
    fill();
    char hex[SHA256_HEX_SIZE];
    unsigned char digest[SHA256_SIZE];
    sha256(STR("the letter"), digest);
    sha256_hex(digest, hex);
    assert_true(blob_remove(here.path, hex, &err));
    const struct archive_wish wish = {
        .versions = &(struct archive_reference){"documents", 1}, .version_count = 1, .files = true};
    uint64_t bytes;
    assert_false(archive_export(store, &wish, in_here("a.tar"), &bytes, &err));
    assert_non_null(strstr(err.message, "--keep"));
}

/* ---- hostile archives ---- */

static char *read_file(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    char *bytes = malloc(*n + 1);
    assert_int_equal(fread(bytes, 1, *n, f), *n);
    fclose(f);
    return bytes;
}

/* Reads without writing; true: taken. */
static bool taken(const char *bytes, size_t n) {
    struct archive_index x;
    FILE *f = fmemopen((char *)(uintptr_t)bytes, n, "rb");
    assert_non_null(f);
    err = (struct error){0};
    bool good = archive_read(f, "a.tar", NULL, &x, &err);
    fclose(f);
    if (good)
        archive_index_free(&x);
    else
        assert_true(err.code != ERR_NONE && err.message[0]);
    return good;
}

static void not_a_byte_changes_unseen(void **state) {
    size_t n;
    fill();
    char *bytes = read_file(export_documents("a.tar", true), &n);
    assert_true(taken(bytes, n));
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (char)(bytes[i] ^ (1 << i % 8));
        if (taken(bytes, n))
            fail_msg("byte %zu changed unseen", i);
        bytes[i] = (char)(bytes[i] ^ (1 << i % 8));
    }
    for (size_t cut = 1; cut < n; cut += 97)
        assert_false(taken(bytes, n - cut));
    free(bytes);
}

struct entry {
    const char *name; /* NULL: blobs/ and its hash */
    const char *bytes;
};

/* An archive with this index, and whatever follows. */
static size_t make(char *out, size_t room, const char *index, const struct entry *entries, size_t count) {
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE], name[128];
    FILE *f = fmemopen(out, room, "wb");
    struct tar_writer w = {.out = f, .path = "made"};
    sha256(str_from(index), digest);
    sha256_hex(digest, hex);
    snprintf(name, sizeof name, "penstock-%s.json", hex);
    assert_true(tar_begin(&w, name, strlen(index), &err) && tar_add(&w, str_from(index), &err));
    for (size_t i = 0; i < count; i++) {
        sha256(str_from(entries[i].bytes), digest);
        sha256_hex(digest, hex);
        snprintf(name, sizeof name, "blobs/%s", hex);
        assert_true(tar_begin(&w, entries[i].name ? entries[i].name : name, strlen(entries[i].bytes), &err) &&
                    tar_add(&w, str_from(entries[i].bytes), &err));
    }
    assert_true(tar_finish(&w, &err));
    size_t n = (size_t)ftell(f);
    fclose(f);
    return n;
}

static char made[64 << 10];

static void assert_refused(const char *index, const struct entry *entries, size_t count, const char *says) {
    size_t n = make(made, sizeof made, index, entries, count);
    if (taken(made, n))
        fail_msg("taken: %s", index);
    if (!strstr(err.message, says))
        fail_msg("expected \"%s\", got \"%s\"", says, err.message);
}

/* SHA-256 of "x" and of "y". */
#define X "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
#define Y "a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa"
#define INDEX(versions, blobs)                                                                               \
    "{\"format\":1,\"versions\":[" versions                                                                  \
    "],\"datasets\":[],\"prompts\":[],\"suites\":[],\"blobs\":[" blobs "]}"
#define VERSION                                                                                              \
    "{\"name\":\"m\",\"version\":1,\"backend\":\"linear\",\"artefact\":\"" X                                 \
    "\",\"created\":1,\"manifest\":\"{}\",\"tags\":[]}"
#define BLOB(hex, size) "{\"sha256\":\"" hex "\",\"size\":" #size "}"

static void entries_that_do_not_belong_are_refused(void **state) {
    static const struct entry x = {NULL, "x"};
    size_t n = make(made, sizeof made, INDEX(VERSION, BLOB(X, 1)), &x, 1);
    assert_true(taken(made, n));
    assert_refused(INDEX(VERSION, BLOB(X, 1)), NULL, 0, "lacks blobs/" X);
    assert_refused(INDEX(VERSION, ""), NULL, 0, "lacks blobs/" X);
    assert_refused(INDEX("", ""), &x, 1, "does not know the entry");
    assert_refused(INDEX(VERSION, BLOB(X, 2)), &x, 1, "another size");
    assert_refused(INDEX("", BLOB(X, 1)), &x, 1, "nothing refers to");
    assert_refused(INDEX(VERSION, BLOB(X, 1)), (struct entry[]){x, x}, 2, "twice");
    assert_refused(INDEX(VERSION, BLOB(X, 1)), (struct entry[]){x, {NULL, "y"}}, 2, "does not know");
    assert_refused(INDEX(VERSION, BLOB(X, 1)), (struct entry[]){{"blobs/" X, "y"}}, 1, "other bytes");
    static const char *const names[] = {
        "../../etc/cron.d/x",
        "/etc/passwd",
        "blobs/../blobs/" X,
        "blobs/" X "/",
        "./blobs/" X,
        "blobs/2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881",
        "",
        "blobs"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        assert_refused(INDEX(VERSION, BLOB(X, 1)), (struct entry[]){{names[i], "x"}}, 1, "does not know");
}

/* Writes the header's sum anew. */
static void mend(char *header) {
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)header[i];
    sprintf(header + 148, "%06o", sum);
}

static void headers_that_are_not_plain_files_are_refused(void **state) {
    static const struct entry x = {NULL, "x"};
    static const struct {
        int at;
        const char *bytes;
        const char *says;
    } cases[] = {{156, "1", "no plain file"},
                 {156, "2", "no plain file"},
                 {156, "5", "no plain file"},
                 {156, "x", "no plain file"},
                 {156, "g", "no plain file"},
                 {156, "L", "no plain file"},
                 {157, "/etc/passwd", "link's target"},
                 {345, "../..", "prefix"},
                 {257, "ustar ", "no ustar header"},
                 {124, "\x80\x01", "no octal number"},
                 {124, "77777777777", "ends in the middle"},
                 {124, "00000000009", "no octal number"},
                 {124, "-0000000001", "no octal number"},
                 {135, "1", "no octal number"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t n = make(made, sizeof made, INDEX(VERSION, BLOB(X, 1)), &x, 1);
        char *header = made + 1024; /* of the blob: the index has one block */
        assert_memory_equal(header, "blobs/", 6);
        memcpy(header + cases[i].at, cases[i].bytes, strlen(cases[i].bytes));
        mend(header);
        assert_false(taken(made, n));
        if (!strstr(err.message, cases[i].says) && !strstr(err.message, "another size"))
            fail_msg("%d: %s", cases[i].at, err.message);
    }
    size_t n = make(made, sizeof made, INDEX(VERSION, BLOB(X, 1)), &x, 1);
    memset(made + n, 0, 8192);
    assert_true(taken(made, n + 8192)); /* as tar pads */
    made[n + 5000] = 1;
    assert_false(taken(made, n + 8192));
    assert_false(taken(made, n - TAR_BLOCK));
}

static void an_index_that_lies_is_refused(void **state) {
    static const struct entry x = {NULL, "x"};
    static const char *const indices[] = {
        "",
        "[]",
        "{}",
        "{\"format\":2,\"versions\":[],\"datasets\":[],\"prompts\":[],\"suites\":[],\"blobs\":[]}",
        "{\"format\":1,\"versions\":[],\"datasets\":[],\"blobs\":[]}",
        INDEX("7", ""),
        INDEX("{}", ""),
        INDEX("{\"name\":\"../m\",\"version\":1,\"created\":1}", ""),
        INDEX("{\"name\":\"m\",\"version\":0,\"created\":1}", ""),
        INDEX("{\"name\":\"m\",\"version\":4294967296,\"created\":1}", ""),
        INDEX("{\"name\":\"m\",\"version\":1,\"created\":-1}", ""),
        INDEX("{\"name\":\"m\",\"version\":1,\"created\":18446744073709551615}", ""),
        INDEX("{\"name\":\"m\",\"version\":1,\"created\":1,\"backend\":\"\",\"artefact\":\"" X "\"}", ""),
        INDEX("{\"name\":\"m\",\"version\":1,\"created\":1,\"backend\":\"linear\",\"artefact\":\"../x\"}",
              ""),
        INDEX("{\"name\":\"m\",\"version\":1,\"created\":1,\"backend\":\"linear\",\"artefact\":\"" X
              "\",\"manifest\":\"[\"}",
              BLOB(X, 1)),
        INDEX("{\"name\":\"m\",\"version\":1,\"created\":1,\"backend\":\"linear\",\"artefact\":\"" X
              "\",\"manifest\":\"{}\\u0000\"}",
              BLOB(X, 1)),
        INDEX("{\"name\":\"m\",\"version\":1,\"created\":1,\"backend\":\"linear\",\"artefact\":\"" X
              "\",\"manifest\":\"{}\",\"tags\":[{\"key\":\"a b\",\"value\":\"\",\"created\":1}]}",
              BLOB(X, 1)),
        INDEX("{\"name\":\"m\",\"version\":1,\"created\":1,\"backend\":\"linear\",\"artefact\":\"" X
              "\",\"manifest\":\"{}\",\"tags\":[{\"key\":\"a=b\",\"value\":\"\",\"created\":1}]}",
              BLOB(X, 1)),
        INDEX(VERSION, BLOB(X, -1)),
        INDEX(VERSION, BLOB("00", 1)),
        INDEX(VERSION, BLOB(Y, 1) "," BLOB(X, 1)),
        INDEX(VERSION, BLOB(X, 1) "," BLOB(X, 1)),
#define SUITE(file)                                                                                          \
    "{\"format\":1,\"versions\":[],\"datasets\":[],\"prompts\":[],\"suites\":[{\"name\":\"s\",\"version\":"  \
    "1,"                                                                                                     \
    "\"created\":1,\"hash\":\"" X "\",\"files\":[" file "]}],\"blobs\":[" BLOB(X, 1) "]}"
        SUITE(""),
        SUITE("{\"name\":\"../x\",\"sha256\":\"" X "\",\"size\":1}"),
        SUITE("{\"name\":\"/x\",\"sha256\":\"" X "\",\"size\":1}"),
        SUITE("{\"name\":\"a/./x\",\"sha256\":\"" X "\",\"size\":1}"),
        SUITE("{\"name\":\"x\",\"sha256\":\"" Y "\",\"size\":1}"),
        SUITE("{\"name\":\"x\",\"sha256\":\"" X "\",\"size\":-1}"),
        SUITE("{\"name\":\"x\",\"sha256\":\"" X "\",\"size\":2}"),
        "{\"format\":1,\"versions\":[],\"datasets\":[{\"name\":\"d\",\"version\":1,\"created\":1,"
        "\"manifest\":\"" X
        "\",\"source\":\"s\",\"tags\":[]}],\"prompts\":[],\"suites\":[],\"blobs\":[" BLOB(X, 1) "]}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(indices); i++) {
        size_t n = make(made, sizeof made, indices[i], &x, 1);
        if (taken(made, n))
            fail_msg("taken: %s", indices[i]);
    }
    assert_true(taken(
        made, make(made, sizeof made, SUITE("{\"name\":\"x\",\"sha256\":\"" X "\",\"size\":1}"), &x, 1)));
}

static int files_seen;

static int count_file(const char *path, const struct stat *st, int flag, struct FTW *at) {
    files_seen += flag == FTW_F;
    return 0;
}

static int blobs_there(void) {
    char path[256];
    snprintf(path, sizeof path, "%s/blobs", there.path);
    files_seen = 0;
    nftw(path, count_file, 16, FTW_PHYS);
    return files_seen;
}

static void a_refused_archive_leaves_nothing(void **state) {
    size_t n;
    fill();
    const char *path = export_documents("a.tar", true);
    char *bytes = read_file(path, &n);
    bytes[n - 3 * TAR_BLOCK] ^= 1; /* in the last entry */
    FILE *f = fopen(path, "wb");
    fwrite(bytes, 1, n, f);
    fclose(f);
    free(bytes);
    const struct archive_import how = {0};
    assert_false(archive_import(other, path, &how, &err));
    assert_int_equal(err.code, ERR_DATA);
    int64_t rows;
    assert_true(sql_number(other, "SELECT (SELECT count(*) FROM versions) + (SELECT count(*) FROM datasets)",
                           &rows, &err));
    assert_int_equal(rows, 0);
    assert_int_equal(blobs_there(), 0);
    assert_false(archive_import(other, here.path, &how, &err));
    assert_false(archive_import(other, in_here("nowhere.tar"), &how, &err));
}

static bool no_prompt(const struct prompt_record *r, struct error *e) {
    return fail(e, ERR_DATA, "I do not like %s.", r->text);
}

static void prompts_are_judged_before_anything_is_written(void **state) {
    fill();
    const struct archive_import how = {.check_prompt = no_prompt};
    assert_false(archive_import(other, export_documents("a.tar", true), &how, &err));
    assert_non_null(strstr(err.message, "I do not like user:"));
    assert_int_equal(blobs_there(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_goes_out_comes_in, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_that_are_taken_become_others, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_objects_are_the_same_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_were_not_kept_cannot_go_out, setup, teardown),
        cmocka_unit_test_setup_teardown(not_a_byte_changes_unseen, setup, teardown),
        cmocka_unit_test(entries_that_do_not_belong_are_refused),
        cmocka_unit_test(headers_that_are_not_plain_files_are_refused),
        cmocka_unit_test(an_index_that_lies_is_refused),
        cmocka_unit_test_setup_teardown(a_refused_archive_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(prompts_are_judged_before_anything_is_written, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
