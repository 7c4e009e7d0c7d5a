#include "unit.h"

#include "folder.h"

#include "store/blobs.h"
#include "store/datasets.h"
#include "store/lineage.h"
#include "store/registry.h"
#include "store/sql.h"
#include "store/tags.h"

static struct test_folder folder;
static struct store *store;
static struct error err;

static int setup(void **state) {
    folder_make(&folder);
    err = (struct error){0};
    return store_open(&store, folder.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    folder_remove(&folder);
    return 0;
}

/* ---- manifests ---- */

struct made_row {
    const char *label, *path, *content; /* path NULL: a table's, its line is its place + 2 */
};

static struct dataset_row row_of(const struct made_row *from, size_t at) {
    struct dataset_row row = {
        .path = str_from(from->path), .line = from->path ? 0 : at + 2, .size = strlen(from->content)};
    sha256(str_from(from->content), row.hash);
    return row;
}

static void make(struct dataset_manifest *m, struct buf *text, const struct made_row *rows, size_t count) {
    assert_true(dataset_manifest_begin(m, rows[0].path ? DATASET_FILES : DATASET_TABLE, &err));
    if (!rows[0].path) {
        m->file_size = 1000;
        sha256(STR("the table's file"), m->file_hash);
    }
    for (size_t i = 0; i < count; i++) {
        struct dataset_row row = row_of(&rows[i], i);
        if (!dataset_manifest_add(m, str_from(rows[i].label), &row, &err))
            fail_msg("%s", err.message);
    }
    if (!dataset_manifest_finish(m, text, &err))
        fail_msg("%s", err.message);
}

static const struct made_row files[] = {{"receipt", "receipt/b.jpg", "bbb"},
                                        {"letter", "letter/1.txt", "one"},
                                        {"receipt", "receipt/a.jpg", "aaaa"}};
static const struct made_row table[] = {
    {"ham", NULL, "hello"}, {"spam", NULL, "win money"}, {"ham", NULL, "hello"}};

static void a_manifest_comes_back(void **state) {
    const struct made_row *const kinds[] = {files, table};
    for (size_t k = 0; k < 2; k++) {
        struct dataset_manifest made, read;
        struct buf text, again;
        make(&made, &text, kinds[k], 3);
        if (!dataset_manifest_parse(&read, buf_str(&text), &err))
            fail_msg("%s", err.message);
        assert_int_equal(read.kind, k ? DATASET_TABLE : DATASET_FILES);
        assert_int_equal(read.count, 3);
        assert_int_equal(read.label_count, 2);
        assert_int_equal(dataset_manifest_bytes(&read), k ? 1000 : 10);
        assert_str(read.labels[0], k ? "ham" : "letter");
        for (size_t i = 0; i < 3; i++) {
            assert_memory_equal(read.rows[i].hash, made.rows[i].hash, SHA256_SIZE);
            assert_int_equal(read.rows[i].label, made.rows[i].label);
        }
        /* Whatever order the files came in. */
        struct made_row turned[] = {kinds[k][0], kinds[k][1], kinds[k][2]};
        if (k == 0) {
            turned[0] = kinds[k][2];
            turned[2] = kinds[k][0];
        }
        dataset_manifest_free(&made);
        make(&made, &again, turned, 3);
        assert_str(buf_str(&again), buf_terminated(&text));
        buf_free(&text);
        buf_free(&again);
        dataset_manifest_free(&made);
        dataset_manifest_free(&read);
    }
}

static void what_cannot_stand_in_one_is_refused(void **state) {
    struct dataset_manifest m;
    struct buf text;
    assert_true(dataset_manifest_begin(&m, DATASET_FILES, &err));
    const char *paths[] = {"", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "./a", "\xff", "a/."};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        struct dataset_row row = {.path = str_from(paths[i])};
        assert_false(dataset_manifest_add(&m, STR("label"), &row, &err));
        assert_int_equal(err.code, ERR_DATA);
    }
    struct dataset_row row = {.path = STR("a")};
    assert_false(dataset_manifest_add(&m, STR(""), &row, &err));
    assert_false(dataset_manifest_add(&m, STR("\xff"), &row, &err));
    assert_false(dataset_manifest_add(&m, STR("a\0b"), &row, &err));
    assert_false(dataset_manifest_finish(&m, &text, &err));
    assert_non_null(strstr(err.message, "no rows"));
    dataset_manifest_free(&m);
}

static void a_hostile_manifest_is_refused(void **state) {
#define HASH64 "\"1111111111111111111111111111111111111111111111111111111111111111\""
#define HASH32 "\"11111111111111111111111111111111\""
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"format\":2,\"kind\":\"files\",\"labels\":[],\"rows\":[]}",
        "{\"format\":1,\"kind\":\"heap\",\"labels\":[],\"rows\":[]}",
        "{\"format\":1,\"kind\":\"table\",\"labels\":[],\"rows\":[]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":{},\"rows\":[]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"b\",\"a\"],\"rows\":[]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"a\",\"a\"],\"rows\":[]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[7],\"rows\":[]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"a\"],\"rows\":{}}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"a\"],\"rows\":[7]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"a\"],\"rows\":[[\"x\",1,1," HASH64 "]]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"a\"],\"rows\":[[\"x\",0,-1," HASH64 "]]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"a\"],\"rows\":[[\"x\",0,1," HASH32 "]]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"a\"],\"rows\":[[\"../x\",0,1," HASH64 "]]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"a\"],\"rows\":[[7,0,1," HASH64 "]]}",
        "{\"format\":1,\"kind\":\"files\",\"labels\":[\"a\"],\"rows\":[[\"x\",0,1," HASH64
        "],[\"x\",0,1," HASH64 "]]}",
        "{\"format\":1,\"kind\":\"table\",\"file\":{\"size\":1,\"sha256\":" HASH64 "},\"labels\":[\"a\"],"
        "\"rows\":[[\"x\",0,1," HASH32 "]]}",
        "{\"format\":1,\"kind\":\"table\",\"file\":{\"size\":1,\"sha256\":" HASH64 "},\"labels\":[\"a\"],"
        "\"rows\":[[2,0,1," HASH64 "]]}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct dataset_manifest m;
        err = (struct error){0};
        if (dataset_manifest_parse(&m, str_from(texts[i]), &err))
            fail_msg("taken: %s", texts[i]);
        assert_true(err.code == ERR_DATA || err.code == ERR_INVALID_JSON);
    }
}

struct changes {
    char text[1024];
    const struct dataset_manifest *a, *b;
};

static void note_change(enum dataset_change change, const struct dataset_row *a, const struct dataset_row *b,
                        void *ctx) {
    struct changes *c = ctx;
    size_t n = strlen(c->text);
    const struct dataset_row *row = b ? b : a;
    snprintf(c->text + n, sizeof c->text - n, "%s %.*s%u %.*s>%.*s; ", dataset_change_name(change),
             STR_ARG(row->path), (unsigned)row->line, STR_ARG(a ? c->a->labels[a->label] : STR("-")),
             STR_ARG(b ? c->b->labels[b->label] : STR("-")));
}

static void assert_changes(const struct made_row *a, size_t a_count, const struct made_row *b, size_t b_count,
                           size_t same, const char *expected) {
    struct dataset_manifest x, y;
    struct buf x_text, y_text;
    struct changes c = {.a = &x, .b = &y};
    size_t found;
    make(&x, &x_text, a, a_count);
    make(&y, &y_text, b, b_count);
    assert_true(dataset_manifest_diff(&x, &y, &found, note_change, &c, &err));
    assert_string_equal(c.text, expected);
    assert_int_equal(found, same);
    buf_free(&x_text);
    buf_free(&y_text);
    dataset_manifest_free(&x);
    dataset_manifest_free(&y);
}

static void changes_are_found_by_content(void **state) {
    static const struct made_row after[] = {{"letter", "letter/b.jpg", "bbb"}, /* moved to another label */
                                            {"letter", "letter/2.txt", "one"}, /* renamed */
                                            {"receipt", "receipt/a.jpg", "other"},
                                            {"receipt", "receipt/new.jpg", "new"}};
    assert_changes(files, 3, after, 4, 1,
                   "relabelled letter/b.jpg0 receipt>letter; changed receipt/a.jpg0 receipt>receipt; "
                   "added receipt/new.jpg0 ->receipt; ");
    assert_changes(files, 3, files, 3, 3, "");
    /* Records: two alike, of which one changed its label; a third is new; the order says nothing. */
    static const struct made_row later[] = {
        {"spam", NULL, "win money"}, {"ham", NULL, "hello"}, {"spam", NULL, "hello"}, {"ham", NULL, "hello"}};
    assert_changes(table, 3, later, 4, 3, "added 4 ->spam; ");
    static const struct made_row relabelled[] = {{"spam", NULL, "hello"}, {"ham", NULL, "hello"}};
    assert_changes(table, 3, relabelled, 2, 1, "relabelled 2 ham>spam; removed 3 spam>-; ");
}

/* ---- the registry ---- */

static struct dataset_record add(const char *name, const struct made_row *rows, size_t count, bool *added) {
    struct dataset_manifest m;
    struct dataset_record r;
    struct buf text;
    make(&m, &text, rows, count);
    if (!datasets_add(store, name, "folder\twhere it was", &m, buf_str(&text), &r, added, &err))
        fail_msg("%s", err.message);
    buf_free(&text);
    dataset_manifest_free(&m);
    return r;
}

static void the_same_rows_are_the_same_dataset(void **state) {
    bool added;
    struct dataset_record first = add("papers", files, 3, &added), r;
    assert_true(added);
    assert_int_equal(first.version, 1);
    assert_string_equal(first.source, "folder?where it was");
    r = add("papers", files, 3, &added);
    assert_false(added);
    assert_int_equal(r.version, 1);
    r = add("papers", files, 2, &added);
    assert_true(added);
    assert_int_equal(r.version, 2);
    r = add("copies", files, 3, &added);
    assert_true(added);
    assert_string_equal(r.manifest, first.manifest);
    bool found;
    assert_true(datasets_named(store, first.manifest, "copies", &found, &r, &err));
    assert_true(found);
    assert_string_equal(r.name, "copies");
    assert_true(datasets_named(store, first.manifest, "whatever", &found, &r, &err));
    assert_string_equal(r.name, "papers");
    assert_true(datasets_find(store, "papers", 0, &r, &err));
    assert_int_equal(r.version, 2);
    assert_false(datasets_find(store, "paper", 0, &r, &err));
    assert_non_null(strstr(err.message, "did you mean \"papers\""));
    struct dataset_manifest m;
    assert_true(datasets_load(store, first.manifest, &m, &err));
    assert_int_equal(m.count, 3);
    assert_int_equal(datasets_kept(store, &m).kept, 0);
    char hex[SHA256_HEX_SIZE];
    assert_true(blob_put(folder.path, STR("aaaa"), hex, &err));
    assert_int_equal(datasets_kept(store, &m).kept, 1);
    assert_int_equal(datasets_kept(store, &m).files, 3);
    dataset_manifest_free(&m);
}

static void note_reference(const char *reference, void *ctx) {
    strcat(strcat(ctx, reference), " ");
}

static void versions_are_found_by_what_they_learned_from(void **state) {
    bool added;
    struct dataset_record r = add("papers", files, 3, &added);
    char manifest[256], users[128] = "";
    unsigned version;
    snprintf(manifest, sizeof manifest, "{\"dataset\":{\"manifest\":\"%s\"}}", r.manifest);
    assert_true(
        registry_add_version(store, "documents", "linear", STR("x"), str_from(manifest), &version, &err));
    assert_true(registry_add_version(store, "documents", "linear", STR("y"), STR("{}"), &version, &err));
    assert_true(
        registry_add_version(store, "documents", "linear", STR("z"), str_from(manifest), &version, &err));
    assert_true(datasets_users(store, r.manifest, note_reference, users, &err));
    assert_string_equal(users, "documents@3 documents@1 ");
}

/* ---- lineage ---- */

static void assert_lineage(const char *model, const char *input, const char *has, const char *has_not) {
    AUTO_BUF out = BUF_INIT(1 << 16);
    struct json_writer w = JSON_WRITER(&out);
    unsigned char hash[SHA256_SIZE];
    sha256(str_from(input), hash);
    struct lineage_wish wish = {.model = str_from(model), .input = hash, .verify = true};
    if (!lineage_write(store, &wish, &w, &err))
        fail_msg("%s", err.message);
    yyjson_doc_free(json_parse(buf_str(&out), &err));
    assert_int_equal(err.code, ERR_NONE);
    if (!strstr(buf_terminated(&out), has) || (has_not && strstr(out.p, has_not)))
        fail_msg("expected %s, not %s: %s", has, has_not ? has_not : "-", out.p);
}

static void lineage_goes_back_to_the_row(void **state) {
    bool added;
    struct dataset_record r = add("mails", table, 3, &added);
    char manifest[256], path[2048];
    unsigned version;
    snprintf(manifest, sizeof manifest, "{\"dataset\":{\"manifest\":\"%s\"}}", r.manifest);
    assert_true(registry_add_version(store, "spam", "linear", STR("x"), str_from(manifest), &version, &err));
    assert_true(registry_add_version(store, "spam", "rules", STR("y"), STR("{}"), &version, &err));
    assert_lineage("spam@1", "win money", "\"input\":{\"line\":3,\"label\":\"spam\"}", "missing");
    assert_lineage("spam@1", "win mone", "\"reference\":\"mails@1\"", "\"input\"");
    assert_lineage("spam@2", "win money", "\"dataset\":null", "\"input\"");
    assert_lineage("main/gpt", "win money", "{\"model\":\"main/gpt\"}", NULL);
    snprintf(path, sizeof path, "%s/blobs/%.2s/%s", folder.path, r.manifest, r.manifest + 2);
    FILE *f = fopen(path, "w");
    fputs("{}", f);
    fclose(f);
    assert_lineage("spam@1", "win money", "\"state\":\"altered\"", "\"input\"");
    unlink(path);
    assert_lineage("spam@1", "win money", "\"state\":\"missing\"", "\"input\"");
}

/* ---- tags ---- */

static void note_tag(const struct tag *tag, void *ctx) {
    char *text = ctx;
    sprintf(text + strlen(text), "%s=%s%s%s ", tag->key, tag->value, tag->removed ? "(removed)" : "",
            tag->superseded ? "(superseded)" : "");
}

static bool set_tag(const char *name, unsigned version, const char *text, bool remove) {
    struct tag tag = {.subject = TAG_MODEL, .version = version};
    bool changed = false;
    str_put(str_from(name), tag.name, sizeof tag.name);
    assert_true(tag_parse(str_from(text), remove, &tag, &err));
    if (!tags_set(store, &tag, &changed, &err))
        fail_msg("%s", err.message);
    return changed;
}

static void assert_tags(const char *name, unsigned version, bool history, const char *expected) {
    char text[512] = "";
    assert_true(tags_visit(store, TAG_MODEL, name, version, history, note_tag, text, &err));
    assert_string_equal(text, expected);
}

static void a_tag_supersedes_and_nothing_is_lost(void **state) {
    assert_true(set_tag("m", 1, "stage=test", false));
    assert_false(set_tag("m", 1, "stage=test", false));
    assert_true(set_tag("m", 1, "stage=production", false));
    assert_true(set_tag("m", 1, "owner=ann=x", false));
    assert_true(set_tag("m", 2, "stage=test", false));
    assert_true(set_tag("m", 0, "area=mail", false));
    assert_tags("m", 1, false, "owner=ann=x stage=production ");
    assert_tags("m", 1, true, "owner=ann=x stage=production stage=test(superseded) ");
    assert_true(set_tag("m", 1, "stage", true));
    assert_false(set_tag("m", 1, "stage", true));
    assert_false(set_tag("m", 1, "never", true));
    assert_tags("m", 1, false, "owner=ann=x ");
    assert_tags("m", 1, true,
                "owner=ann=x stage=(removed) stage=production(superseded) stage=test(superseded) ");
    assert_tags("m", 2, false, "stage=test ");
    assert_tags("m", 0, false, "area=mail ");
    assert_true(set_tag("m", 1, "stage=", false));
    assert_tags("m", 1, false, "owner=ann=x stage= ");
    struct tag tag;
    const char *wrong[] = {"", "=x", "stage", "a b=c", "k=a\nb", "k=\xff", "\xc3\xa4=1"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_false(tag_parse(str_from(wrong[i]), false, &tag, &err));
        assert_int_equal(err.code, ERR_USAGE);
    }
    assert_false(tag_parse(STR("a=b"), true, &tag, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_comes_back),
        cmocka_unit_test(what_cannot_stand_in_one_is_refused),
        cmocka_unit_test(a_hostile_manifest_is_refused),
        cmocka_unit_test(changes_are_found_by_content),
        cmocka_unit_test_setup_teardown(the_same_rows_are_the_same_dataset, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_are_found_by_what_they_learned_from, setup, teardown),
        cmocka_unit_test_setup_teardown(lineage_goes_back_to_the_row, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tag_supersedes_and_nothing_is_lost, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
