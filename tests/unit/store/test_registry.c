#include "unit.h"

#include "folder.h"

#include "store/blobs.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/store.h"

#include <ctype.h>
#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <utime.h>

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

static const char *blob_path(const char *hex) {
    static char path[512];
    snprintf(path, sizeof path, "%s/blobs/%.2s/%s", folder.path, hex, hex + 2);
    return path;
}

static void a_blob_comes_back(void **state) {
    char hex[SHA256_HEX_SIZE], again[SHA256_HEX_SIZE];
    struct blob b;
    assert_true(blob_put(folder.path, STR("abc"), hex, &err));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(blob_put(folder.path, STR("abc"), again, &err));
    assert_true(blob_put_unsynced(folder.path, STR("abc"), again, &err));
    assert_true(blob_sync(folder.path, &err));
    assert_string_equal(hex, again);
    assert_true(blob_map(folder.path, hex, true, &b, &err));
    assert_str(b.bytes, "abc");
    blob_unmap(&b);
    struct stat st;
    assert_int_equal(stat(blob_path(hex), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(blob_put(folder.path, STR(""), hex, &err));
    assert_true(blob_map(folder.path, hex, true, &b, &err));
    assert_int_equal(b.bytes.n, 0);
    blob_unmap(&b);
}

static void a_damaged_blob_is_seen_and_put_right(void **state) {
    char hex[SHA256_HEX_SIZE];
    struct blob b;
    assert_true(blob_put(folder.path, STR("abc"), hex, &err));
    FILE *f = fopen(blob_path(hex), "w");
    fputs("abd", f);
    fclose(f);
    assert_false(blob_map(folder.path, hex, true, &b, &err));
    assert_int_equal(err.code, ERR_ARTEFACT);
    assert_true(blob_put(folder.path, STR("abc"), hex, &err));
    assert_true(blob_map(folder.path, hex, true, &b, &err));
    blob_unmap(&b);
}

static void a_removed_blob_is_gone(void **state) {
    char hex[SHA256_HEX_SIZE];
    struct blob b;
    assert_true(blob_put(folder.path, STR("abc"), hex, &err));
    assert_true(blob_remove(folder.path, hex, &err));
    assert_true(blob_remove(folder.path, hex, &err));
    assert_false(blob_map(folder.path, hex, true, &b, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void a_blob_name_cannot_leave_the_folder(void **state) {
    struct blob b;
    const char *names[] = {"",
                           "../../etc/passwd",
                           "/etc/passwd",
                           "../../../../../../../../../../../../../../../../../../../etc/passwd00",
                           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
                           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_false(blob_map(folder.path, names[i], false, &b, &err));
        assert_int_equal(err.code, ERR_ARTEFACT);
        assert_false(blob_remove(folder.path, names[i], &err));
    }
}

static void half_written_blobs_are_swept(void **state) {
    char hex[SHA256_HEX_SIZE], old[600], fresh[600];
    assert_true(blob_put(folder.path, STR("abc"), hex, &err));
    snprintf(old, sizeof old, "%s/blobs/ba/.new-OLD", folder.path);
    snprintf(fresh, sizeof fresh, "%s/blobs/ba/.new-FRESH", folder.path);
    fclose(fopen(old, "w"));
    fclose(fopen(fresh, "w"));
    struct utimbuf long_ago = {time(NULL) - 7200, time(NULL) - 7200};
    utime(old, &long_ago);
    utime(blob_path(hex), &long_ago);
    blob_sweep(folder.path);
    assert_int_not_equal(access(old, F_OK), 0);
    assert_int_equal(access(fresh, F_OK), 0);
    assert_int_equal(access(blob_path(hex), F_OK), 0);
}

static unsigned add(const char *name, struct str artefact) {
    unsigned version = 0;
    if (!registry_add_version(store, name, "linear", artefact, STR("{\"labels\":[]}"), &version, &err))
        fail_msg("registry_add_version: %s", err.message);
    return version;
}

static void versions_count_up_per_name(void **state) {
    assert_int_equal(add("documents", STR("one")), 1);
    assert_int_equal(add("documents", STR("two")), 2);
    assert_int_equal(add("support", STR("one")), 1);
    struct version_record r;
    assert_true(registry_find(store, "documents", 0, &r, &err));
    assert_int_equal(r.version, 2);
    assert_string_equal(r.backend, "linear");
    assert_string_equal(r.manifest, "{\"labels\":[]}");
    assert_true(r.created > 0);
    struct blob b;
    assert_true(blob_map(folder.path, r.artefact, true, &b, &err));
    assert_str(b.bytes, "two");
    blob_unmap(&b);
    version_record_clear(&r);
    assert_true(registry_find(store, "documents", 1, &r, &err));
    assert_int_equal(r.version, 1);
    version_record_clear(&r);
}

static void a_missing_model_names_the_nearest(void **state) {
    struct version_record r;
    assert_false(registry_find(store, "documents", 0, &r, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "models list"));
    add("documents", STR("one"));
    assert_false(registry_find(store, "docments", 0, &r, &err));
    assert_non_null(strstr(err.message, "did you mean \"documents\""));
    assert_false(registry_find(store, "documents", 7, &r, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "documents@1"));
}

static void references_are_read(void **state) {
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    assert_true(registry_parse_reference(STR("documents@3"), name, &version, &err));
    assert_string_equal(name, "documents");
    assert_int_equal(version, 3);
    assert_true(registry_parse_reference(STR("a-b_c.d"), name, &version, &err));
    assert_int_equal(version, 0);
    const char *wrong[] = {"",      "@1",   "a@",  "a@0",          "a@-1", "a@1x",
                           "a b@1", "a@@1", "ä@1", "a@4294967297", "a/b",  "..\n"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_false(registry_parse_reference(str_from(wrong[i]), name, &version, &err));
        assert_int_equal(err.code, ERR_USAGE);
    }
    char longest[MODEL_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    assert_false(registry_parse_reference((struct str){longest, MODEL_NAME_MAX + 1}, name, &version, &err));
    assert_true(registry_parse_reference((struct str){longest, MODEL_NAME_MAX}, name, &version, &err));
}

static void collect(const struct version_record *r, void *ctx) {
    char *text = ctx;
    sprintf(text + strlen(text), "%s@%u ", r->name, r->version);
}

static void the_list_has_the_newest_first(void **state) {
    char text[256] = "";
    add("b", STR("x"));
    add("a", STR("x"));
    add("b", STR("y"));
    assert_true(registry_list(store, collect, text, &err));
    assert_string_equal(text, "a@1 b@2 b@1 ");
}

static void a_key_is_shown_once_and_stored_hashed(void **state) {
    char text[KEY_TEXT_SIZE], other[KEY_TEXT_SIZE];
    struct key_record key, second;
    assert_true(key_create(store, "alice", ROLE_REVIEWER, 12.5, 30, text, &key, &err));
    assert_true(key_create(store, "alice", ROLE_CLIENT, 0, 0, other, &second, &err));
    assert_int_equal(strlen(text), 47);
    assert_memory_equal(text, "psk_", 4);
    for (int i = 4; i < 47; i++)
        assert_true(isalnum((unsigned char)text[i]) || text[i] == '-' || text[i] == '_');
    assert_string_not_equal(text, other);
    unsigned char hash[SHA256_SIZE];
    key_hash(str_from(text), hash);
    assert_memory_equal(hash, key.hash, sizeof hash);

    struct key_record *keys;
    size_t count;
    assert_true(key_list(store, &keys, &count, &err));
    assert_int_equal(count, 2);
    struct key_record *found = strcmp(keys[0].id, key.id) == 0 ? &keys[0] : &keys[1];
    assert_string_equal(found->id, key.id);
    assert_memory_equal(found->hash, hash, sizeof hash);
    assert_int_equal(found->role, ROLE_REVIEWER);
    assert_true(found->rate == 12.5);
    assert_int_equal(found->burst, 30);
    assert_int_equal(found->revoked, 0);
    free(keys);
}

static void a_key_is_revoked_once(void **state) {
    char text[KEY_TEXT_SIZE];
    struct key_record key, *keys;
    size_t count;
    assert_true(key_create(store, "alice", ROLE_ADMIN, 0, 0, text, &key, &err));
    assert_true(key_revoke(store, key.id, &err));
    assert_true(key_list(store, &keys, &count, &err));
    int64_t when = keys[0].revoked;
    assert_true(when > 0);
    free(keys);
    assert_true(key_revoke(store, key.id, &err));
    assert_true(key_list(store, &keys, &count, &err));
    assert_true(keys[0].revoked == when);
    free(keys);
    assert_false(key_revoke(store, "0123456789ab", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void a_wrong_key_is_refused(void **state) {
    char text[KEY_TEXT_SIZE], name[CLIENT_NAME_MAX + 2];
    struct key_record key;
    memset(name, 'n', sizeof name);
    name[CLIENT_NAME_MAX + 1] = '\0';
    const char *names[] = {"", name, "a\nb", "a\x7f", "\xff"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_false(key_create(store, names[i], ROLE_CLIENT, 0, 0, text, &key, &err));
        assert_string_equal(err.param, "client");
    }
    assert_false(key_create(store, "a", ROLE_CLIENT, -1, 0, text, &key, &err));
    assert_false(key_create(store, "a", ROLE_CLIENT, INFINITY, 0, text, &key, &err));
    assert_string_equal(err.param, "rate");
    enum role role;
    assert_true(role_parse(STR("admin"), &role));
    assert_string_equal(role_name(role), "admin");
    assert_false(role_parse(STR("root"), &role));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_blob_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_blob_is_seen_and_put_right, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removed_blob_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_blob_name_cannot_leave_the_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(half_written_blobs_are_swept, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_count_up_per_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_model_names_the_nearest, setup, teardown),
        cmocka_unit_test_setup_teardown(references_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(the_list_has_the_newest_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_shown_once_and_stored_hashed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_revoked_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_key_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
