#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "base/ids.h"
#include "review/review.h"
#include "store/blobs.h"
#include "store/store.h"
#include "watch/records.h"
#include "watch/review_record.h"

static struct test_folder folder;
static struct store *store;
static struct record_writer *writer;
static struct error err;
static struct buf out;
static char ids[8][ID_SIZE];
static unsigned items;

static int setup(void **state) {
    folder_make(&folder);
    out = BUF_INIT(4 << 20);
    items = 0;
    return store_open(&store, folder.path, &err) && record_writer_new(&writer, store, &err) ? 0 : -1;
}

static int teardown(void **state) {
    buf_free(&out);
    record_writer_free(writer);
    store_close(store);
    folder_remove(&folder);
    return 0;
}

/* As the recorder does it. The n-th item's ID sorts behind the ones before. */
static void add(const char *endpoint, struct str input, const char *type) {
    struct event *e = event_new(4096 + input.n);
    int64_t row;
    e->wall_ns = clock_wall();
    e->request_id = STR("request");
    e->endpoint = str_from(endpoint);
    e->model = STR("documents@3");
    e->prediction = STR("invoice");
    e->confidence = 0.55F;
    e->has_input = true;
    e->input = input;
    e->input_type = str_from(type);
    struct review_draft *draft = event_add_review(e);
    id_make(INT64_C(1795000000) * NS_PER_SECOND + items * NS_PER_MS, draft->id);
    memcpy(ids[items++], draft->id, sizeof draft->id);
    draft->reason = STR("low_confidence");
    draft->detail = STR("0.55 is below 0.60");
    draft->labels =
        STR("[{\"label\":\"invoice\",\"confidence\":0.55},{\"label\":\"letter\",\"confidence\":0.3}]");
    if (input.n)
        assert_true(blob_put(store_inputs_folder(store), input, e->input_blob, &err));
    assert_true(store_begin(store, true, &err));
    assert_true(record_insert(writer, e, &row, &err));
    assert_true(review_insert(store, e, row, &err));
    assert_true(record_writer_end(writer, &err));
    assert_true(store_commit(store, &err));
    event_free(e);
}

static yyjson_doc *parsed(void) {
    yyjson_doc *doc = json_parse(buf_str(&out), &err);
    if (!doc)
        fail_msg("%s in %.*s", err.message, STR_ARG(buf_str(&out)));
    return doc;
}

static yyjson_doc *list(struct review_filter filter) {
    buf_clear(&out);
    if (!review_list(store, &filter, &out, &err))
        fail_msg("review_list: %s", err.message);
    return parsed();
}

static void assert_list(struct review_filter filter, const char *indices, bool more) {
    yyjson_doc *doc = list(filter);
    yyjson_val *root = yyjson_doc_get_root(doc), *item;
    size_t index, max;
    char got[16] = "";
    yyjson_arr_foreach(yyjson_obj_get(root, "data"), index, max,
                       item) for (unsigned i = 0; i < items;
                                  i++) if (str_eq(json_str_of(yyjson_obj_get(item, "id")), str_from(ids[i])))
        sprintf(got + strlen(got), "%u", i);
    assert_string_equal(got, indices);
    assert_int_equal(yyjson_get_bool(yyjson_obj_get(root, "has_more")), more);
    yyjson_doc_free(doc);
}

static yyjson_doc *get(unsigned item) {
    buf_clear(&out);
    assert_true(review_get(store, str_from(ids[item]), NULL, &out, &err));
    return parsed();
}

static void an_item_says_what_a_person_needs(void **state) {
    add("documents", STR("Dear \"Sir\",\nplease find …"), "text/plain; charset=utf-8");
    yyjson_doc *doc = get(0);
    yyjson_val *root = yyjson_doc_get_root(doc), *input = yyjson_obj_get(root, "input");
    assert_str(json_str_of(yyjson_obj_get(root, "status")), "open");
    assert_str(json_str_of(yyjson_obj_get(root, "reason")), "low_confidence");
    assert_str(json_str_of(yyjson_obj_get(root, "model")), "documents@3");
    assert_true(yyjson_is_null(yyjson_obj_get(root, "label")));
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "labels")), 2);
    assert_true(yyjson_get_real(yyjson_obj_get(root, "confidence")) == 0.55);
    assert_str(json_str_of(yyjson_obj_get(input, "text")), "Dear \"Sir\",\nplease find …");
    assert_true(yyjson_get_bool(yyjson_obj_get(input, "kept")));
    yyjson_doc_free(doc);
}

static void a_file_is_named_and_not_inlined(void **state) {
    static char large[65537];
    memset(large, 'a', sizeof large);
    add("documents", STR("\xff\xd8\xff"), "image/jpeg");
    add("documents", (struct str){large, sizeof large}, "text/plain");
    add("documents", STR(""), "text/plain");
    for (unsigned i = 0; i < 3; i++) {
        yyjson_doc *doc = get(i);
        yyjson_val *input = yyjson_obj_get(yyjson_doc_get_root(doc), "input");
        assert_null(yyjson_obj_get(input, "text"));
        assert_int_equal(yyjson_get_bool(yyjson_obj_get(input, "kept")), i < 2);
        if (i < 2)
            assert_int_equal(json_str_of(yyjson_obj_get(input, "blob")).n, 64);
        yyjson_doc_free(doc);
    }
}

static void an_input_that_is_gone_is_said_to_be(void **state) {
    add("documents", STR("text"), "text/plain");
    yyjson_doc *doc = get(0);
    yyjson_val *input = yyjson_obj_get(yyjson_doc_get_root(doc), "input");
    assert_true(blob_remove(store_inputs_folder(store), yyjson_get_str(yyjson_obj_get(input, "blob")), &err));
    yyjson_doc_free(doc);
    doc = get(0);
    input = yyjson_obj_get(yyjson_doc_get_root(doc), "input");
    assert_null(yyjson_obj_get(input, "text"));
    assert_true(json_str_of(yyjson_obj_get(input, "unavailable")).n > 0);
    yyjson_doc_free(doc);
}

static void lists_page_by_id(void **state) {
    for (int i = 0; i < 5; i++)
        add(i % 2 ? "odd" : "even", STR(""), "");
    assert_list((struct review_filter){0}, "01234", false);
    assert_list((struct review_filter){.limit = 2}, "01", true);
    assert_list((struct review_filter){.limit = 2, .after = str_from(ids[1])}, "23", true);
    assert_list((struct review_filter){.limit = 2, .after = str_from(ids[3])}, "4", false);
    assert_list((struct review_filter){.limit = 5}, "01234", false);
    assert_list((struct review_filter){.endpoint = STR("odd")}, "13", false);
    buf_clear(&out);
    assert_true(review_resolve(store, str_from(ids[1]), STR("letter"), STR("bob"), &out, &err));
    assert_list((struct review_filter){0}, "0234", false);
    assert_list((struct review_filter){.status = STR("resolved")}, "1", false);
    assert_list((struct review_filter){.status = STR("all"), .endpoint = STR("odd")}, "13", false);
    uint64_t open;
    assert_true(review_depth(store, &open, &err));
    assert_int_equal(open, 4);
    assert_false(review_list(store, &(struct review_filter){.status = STR("closed")}, &out, &err));
    assert_string_equal(err.param, "status");
    assert_false(review_list(store, &(struct review_filter){.limit = 1001}, &out, &err));
    assert_string_equal(err.param, "limit");
}

static bool resolve(struct str id, struct str label, struct str reviewer) {
    buf_clear(&out);
    return review_resolve(store, id, label, reviewer, &out, &err);
}

static void resolving_twice_alike_is_fine_and_otherwise_refused(void **state) {
    add("documents", STR("x"), "text/plain");
    struct str id = str_from(ids[0]);
    assert_true(resolve(id, STR("letter"), STR("bob")));
    yyjson_doc *doc = parsed();
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_str(json_str_of(yyjson_obj_get(root, "status")), "resolved");
    assert_str(json_str_of(yyjson_obj_get(root, "label")), "letter");
    assert_str(json_str_of(yyjson_obj_get(root, "reviewer")), "bob");
    assert_int_equal(json_str_of(yyjson_obj_get(root, "resolved")).n, 24);
    yyjson_doc_free(doc);
    assert_true(resolve(id, STR("letter"), STR("carol")));
    assert_non_null(strstr(buf_terminated(&out), "\"reviewer\":\"bob\"")); /* the first stays */
    assert_false(resolve(id, STR("invoice"), STR("carol")));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.message, "letter"));
    assert_int_equal(out.n, 0);
    assert_false(resolve(STR("01J00000000000000000000000"), STR("invoice"), STR("carol")));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void a_wrong_label_changes_nothing(void **state) {
    static char longest[REVIEW_LABEL_MAX + 1];
    memset(longest, 'l', sizeof longest);
    add("documents", STR("x"), "text/plain");
    struct str id = str_from(ids[0]);
    assert_false(resolve(id, STR(""), STR("bob")));
    assert_int_equal(err.code, ERR_MISSING_FIELD);
    assert_string_equal(err.param, "label");
    assert_false(resolve(id, STR("letter"), STR("")));
    assert_string_equal(err.param, "reviewer");
    assert_false(resolve(id, (struct str){longest, REVIEW_LABEL_MAX + 1}, STR("bob")));
    assert_false(resolve(id, STR("a\nb"), STR("bob")));
    assert_false(resolve(id, STR("\xff"), STR("bob")));
    assert_int_equal(err.code, ERR_INVALID_FIELD);
    assert_list((struct review_filter){0}, "0", false);
    assert_true(resolve(id, (struct str){longest, REVIEW_LABEL_MAX}, STR("bob")));
}

static void a_reply_that_is_too_large_is_an_error(void **state) {
    add("documents", STR("x"), "text/plain");
    struct buf small = BUF_INIT(64);
    assert_false(review_list(store, &(struct review_filter){0}, &small, &err));
    assert_int_equal(err.code, ERR_NO_MEMORY);
    buf_free(&small);
}

static void a_requests_items_are_found(void **state) {
    add("documents", STR("x"), "text/plain");
    add("documents", STR("y"), "text/plain");
    assert_true(review_of_request(store, STR("request"), &out, &err));
    yyjson_doc *doc = parsed();
    assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(doc)), 2);
    yyjson_doc_free(doc);
    buf_clear(&out);
    assert_true(review_of_request(store, STR("other"), &out, &err));
    assert_str(buf_str(&out), "[]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_item_says_what_a_person_needs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_named_and_not_inlined, setup, teardown),
        cmocka_unit_test_setup_teardown(an_input_that_is_gone_is_said_to_be, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_page_by_id, setup, teardown),
        cmocka_unit_test_setup_teardown(resolving_twice_alike_is_fine_and_otherwise_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_label_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reply_that_is_too_large_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_requests_items_are_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
