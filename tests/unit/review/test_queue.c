/* Claims, second opinions, gold and audits on a clock that the test moves, with events as the recorder writes
 * them. */
#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "base/ids.h"
#include "review/audit.h"
#include "review/claims.h"
#include "review/gold.h"
#include "review/kinds.h"
#include "review/stats.h"
#include "store/blobs.h"
#include "store/sql.h"
#include "watch/label_rows.h"
#include "watch/records.h"
#include "watch/review_record.h"

#define MINUTE (60 * NS_PER_SECOND)

static struct test_folder folder;
static struct store *store;
static struct record_writer *writer;
static struct error err;
static struct buf out;
static int64_t now;
static unsigned items;

static int64_t test_now(void) {
    return now;
}

static int setup(void **state) {
    static const struct clock_source source = {test_now, test_now};
    clock_replace(&source);
    now = INT64_C(1795000000) * NS_PER_SECOND;
    out = BUF_INIT(4 << 20);
    items = 0;
    folder_make(&folder);
    return store_open(&store, folder.path, &err) && record_writer_new(&writer, store, &err) ? 0 : -1;
}

static int teardown(void **state) {
    clock_replace(NULL);
    buf_free(&out);
    record_writer_free(writer);
    store_close(store);
    folder_remove(&folder);
    return 0;
}

struct item {
    double risk, share;
    unsigned opinions;
    enum review_kind kind;
    const char *input; /* NULL: none is kept */
    char id[ID_SIZE];
};

static void add(struct item *x) {
    struct event *e = event_new(4096);
    char request[32];
    int64_t row;
    snprintf(request, sizeof request, "request-%u", items++);
    e->wall_ns = now;
    e->request_id = event_keep(e, str_from(request));
    e->client = STR("shop");
    e->endpoint = STR("documents");
    e->model = STR("documents@3");
    e->prediction = STR("invoice");
    e->confidence = 0.55F;
    e->input = str_from(x->input);
    e->input_type = STR("text/plain");
    struct review_draft *draft = event_add_review(e);
    id_make(now + items * NS_PER_MS, draft->id);
    memcpy(x->id, draft->id, ID_SIZE);
    draft->kind = x->kind;
    draft->reason = STR("low_confidence");
    draft->risk = x->risk;
    draft->share = x->share;
    draft->opinions = x->opinions;
    draft->due = now + 60 * MINUTE;
    draft->lease = 10 * MINUTE;
    if (e->input.n)
        assert_true(blob_put(store_inputs_folder(store), e->input, e->input_blob, &err));
    assert_true(store_begin(store, true, &err));
    assert_true(record_insert(writer, e, &row, &err));
    assert_true(review_insert(store, e, row, &err));
    assert_true(record_writer_end(writer, &err));
    assert_true(store_commit(store, &err));
    event_free(e);
}

static struct reviewer who(const char *name) {
    return (struct reviewer){.name = str_from(name), .tab = STR("")};
}

/* The ID of what this person gets next; "" nothing. */
static const char *next(const char *name) {
    static char id[ID_SIZE];
    struct reviewer r = who(name);
    buf_clear(&out);
    if (!review_next(store, STR("documents"), &r, &out, &err))
        fail_msg("review_next: %s", err.message);
    yyjson_doc *doc = json_parse(buf_str(&out), &err);
    str_put(json_str_of(yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(doc), "item"), "id")), id, ID_SIZE);
    yyjson_doc_free(doc);
    return id;
}

static bool label(const char *name, const struct item *x, const char *label) {
    struct reviewer r = who(name);
    struct verdict v = {.label = str_from(label), .fields = STR(""), .note = STR("")};
    buf_clear(&out);
    err = (struct error){0};
    return review_label(store, str_from(x->id), &v, &r, &out, &err);
}

static bool says(const char *text) {
    return buf_terminated(&out) && strstr(out.p, text);
}

/* ---- the queue ---- */

/* IDs of the list by urgency, a page of `limit` after `after`, each with a blank behind it. */
static const char *urgent(const char *endpoint, const char *after, unsigned limit) {
    static char ids[16 * ID_SIZE];
    struct review_filter f = {.endpoint = str_from(endpoint),
                              .order = STR("urgency"),
                              .status = STR(""),
                              .after = str_from(after),
                              .limit = limit};
    size_t index, max;
    yyjson_val *item;
    buf_clear(&out);
    if (!review_list(store, &f, &out, &err))
        fail_msg("review_list: %s", err.message);
    yyjson_doc *doc = json_parse(buf_str(&out), &err);
    ids[0] = '\0';
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "data"), index, max, item) {
        strcat(ids, yyjson_get_str(yyjson_obj_get(item, "id")));
        strcat(ids, " ");
    }
    yyjson_doc_free(doc);
    return ids;
}

static void the_list_has_the_order_of_next(void **state) {
    struct item items_of[4] = {{.risk = 0.3}, {.risk = 0.1}, {.risk = 1}, {.risk = 1}};
    char expected[5 * ID_SIZE] = "", rest[5 * ID_SIZE];
    for (size_t i = 0; i < 4; i++) {
        add(&items_of[i]);
        now += 5 * MINUTE;
    }
    for (size_t i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%zu", i);
        strcat(expected, next(name));
        strcat(expected, " ");
    }
    assert_string_equal(urgent("documents", "", 100), expected); /* who has it is no matter */
    assert_string_equal(urgent("", "", 100), expected);
    assert_string_equal(urgent("others", "", 100), "");
    /* page by page */
    strcpy(rest, urgent("documents", "", 2));
    assert_true(strncmp(expected, rest, strlen(rest)) == 0 && says("\"has_more\":true"));
    char last[ID_SIZE];
    str_put(str_slice(str_from(rest), strlen(rest) / 2, strlen(rest) - 1), last, sizeof last);
    assert_string_equal(urgent("documents", last, 2), expected + strlen(rest));
    assert_true(says("\"has_more\":false"));
    struct review_filter wrong = {.order = STR("urgency"), .status = STR("resolved")};
    assert_false(review_list(store, &wrong, &out, &err));
    assert_string_equal(err.param, "order");
    wrong = (struct review_filter){.order = STR("luck")};
    assert_false(review_list(store, &wrong, &out, &err));
    assert_string_equal(err.param, "order");
}

static void risk_and_deadline_give_the_order(void **state) {
    struct item calm = {.risk = 0.1}, old = {.risk = 0.3}, high = {.risk = 1};
    add(&old);
    now += 20 * MINUTE;
    add(&calm);
    add(&high);
    /* due at 20 + 0, 0 + 42 and 20 + 54 minutes */
    assert_string_equal(next("anna"), high.id);
    assert_string_equal(next("bert"), old.id);
    assert_string_equal(next("cora"), calm.id);
    assert_string_equal(next("dora"), "");
    now += 11 * MINUTE;
    assert_string_equal(next("dora"), high.id);
}

static void a_lease_ends_and_a_label_after_it_counts_while_nobody_else_has_it(void **state) {
    struct item x = {.risk = 1}, y = {.risk = 0.5};
    add(&x);
    add(&y);
    assert_string_equal(next("anna"), x.id);
    now += 10 * MINUTE - 1;
    assert_false(label("bert", &x, "letter"));
    assert_int_equal(err.code, ERR_CONFLICT);
    now += 1;
    assert_string_equal(next("bert"), x.id);
    assert_false(label("anna", &x, "letter"));
    assert_non_null(strstr(err.message, "bert has this item until"));
    now += 10 * MINUTE;
    assert_true(label("anna", &x, "letter"));
    assert_true(says("\"status\":\"resolved\""));
    assert_string_equal(next("anna"), y.id);
    now += 9 * MINUTE;
    assert_string_equal(next("anna"), y.id); /* renewed */
    now += 9 * MINUTE;
    assert_string_equal(next("bert"), "");
}

static void two_opinions_and_a_third_where_they_differ(void **state) {
    struct item x = {.risk = 1, .opinions = 2};
    add(&x);
    assert_true(label("anna", &x, "letter"));
    assert_true(says("\"status\":\"open\""));
    assert_true(label("anna", &x, "letter"));
    assert_false(label("anna", &x, "invoice"));
    assert_string_equal(next("anna"), "");
    assert_true(label("bert", &x, "invoice"));
    assert_true(says("\"disputed\":true"));
    assert_string_equal(next("bert"), "");
    assert_string_equal(next("cora"), x.id);
    assert_true(label("cora", &x, "receipt"));
    assert_true(says("\"label\":\"receipt\""));
    assert_true(says("\"status\":\"resolved\""));
}

static void an_approval_is_given_or_denied_with_a_reason(void **state) {
    struct item x = {.risk = 1, .kind = REVIEW_APPROVAL};
    add(&x);
    assert_false(label("anna", &x, "invoice"));
    assert_int_equal(err.code, ERR_INVALID_FIELD);
    assert_false(label("anna", &x, "denied"));
    assert_int_equal(err.code, ERR_MISSING_FIELD);
    buf_clear(&out);
    assert_true(review_outcome(store, str_from(x.id), STR("shop"), &out, &err));
    assert_true(says("\"prediction\":null"));
    assert_true(label("anna", &x, "approved"));
    buf_clear(&out);
    assert_true(review_outcome(store, str_from(x.id), STR("shop"), &out, &err));
    assert_true(says("\"prediction\":\"invoice\""));
    assert_false(review_outcome(store, str_from(x.id), STR("others"), &out, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* ---- gold ---- */

static double always(void *ctx) {
    return 0;
}

static void gold_is_mixed_in_by_share_and_given_to_nobody_who_knows_it(void **state) {
    struct item known = {.risk = 1, .opinions = 2, .input = "a letter"}, single = {.risk = 1, .input = "one"},
                fresh = {.risk = 0.2};
    unsigned n;
    add(&known);
    add(&single);
    assert_true(label("anna", &known, "letter"));
    assert_true(label("bert", &known, "letter"));
    assert_true(label("anna", &single, "invoice"));
    assert_true(gold_from_resolved(store, STR("documents"), 2, 10, &n, &err));
    assert_int_equal(n, 1);
    now += MINUTE;
    add(&fresh);
    struct gold_terms terms = {.share = 0.5, .deadline = 60 * MINUTE, .lease = MINUTE};
    assert_true(gold_plant(store, "documents", &terms, now - NS_PER_SECOND, now, always, NULL, &n, &err));
    assert_int_equal(n, 1);
    assert_true(gold_plant(store, "documents", &terms, now - NS_PER_SECOND, now, always, NULL, &n, &err));
    assert_int_equal(n, 0); /* it is in the queue already */
    uint64_t depth;
    assert_true(review_depth(store, &depth, &err));
    assert_int_equal(depth, 1);
    assert_string_equal(next("anna"), fresh.id);
    assert_string_equal(next("bert"), "");
    struct item gold = {0};
    snprintf(gold.id, sizeof gold.id, "%s", next("cora"));
    assert_string_not_equal(gold.id, "");
    assert_true(says("\"text\":\"a letter\""));
    assert_true(says("\"request_id\":null"));
    assert_false(says("gold"));
    assert_true(label("cora", &gold, "invoice"));
    buf_clear(&out);
    assert_true(review_stats(store, STR("documents"), STR(""), true, now, &out, &err));
    assert_true(says("\"reviewer\":\"cora\",\"labels\":1,\"skips\":0,\"gold\":{\"judged\":1,\"wrong\":1"));
    struct label_rows rows;
    assert_true(label_rows_collect(store, STR("documents"), &rows, &err));
    assert_int_equal(rows.count, 2);
    for (size_t i = 0; i < rows.count; i++)
        assert_string_equal(rows.list[i].label,
                            strcmp(rows.list[i].request_id, "request-0") ? "invoice" : "letter");
    label_rows_free(&rows);
    assert_true(gold_retire(store, STR("documents"), &n, &err));
    assert_int_equal(n, 1);
}

/* Cora judges all that is open, wrongly. */
static void cora_judges(void) {
    for (;;) {
        struct item x = {0};
        snprintf(x.id, sizeof x.id, "%s", next("cora"));
        if (!x.id[0])
            return;
        now += 2 * MINUTE;
        assert_true(label("cora", &x, "invoice"));
    }
}

static void errors_on_gold_are_told_to_a_person_in_tens(void **state) {
    enum { GOLD = 11 };
    static char texts[GOLD][16];
    struct gold_terms terms = {.share = 1, .deadline = 60 * MINUTE, .lease = MINUTE};
    unsigned n;
    for (int i = 0; i < GOLD; i++) {
        struct item known = {.risk = 1, .opinions = 2, .input = texts[i]};
        snprintf(texts[i], sizeof texts[i], "letter %d", i);
        add(&known);
        assert_true(label("anna", &known, "letter"));
        assert_true(label("bert", &known, "letter"));
    }
    assert_true(gold_from_resolved(store, STR("documents"), 2, 100, &n, &err));
    assert_int_equal(n, GOLD);
    for (int i = 0; i < GOLD; i++) {
        struct item fresh = {.risk = 0.2};
        now += MINUTE;
        add(&fresh);
        assert_true(gold_plant(store, "documents", &terms, now - NS_PER_SECOND, now, always, NULL, &n, &err));
        assert_int_equal(n, 1);
    }
    cora_judges();
    buf_clear(&out);
    assert_true(review_stats(store, STR("documents"), STR("cora"), false, now, &out, &err));
    assert_true(says(
        "\"you\":{\"last_hour\":22,\"last_day\":22,\"last_week\":22,\"gold\":{\"judged\":10,\"wrong\":10"));
    assert_false(says("reviewers"));
    buf_clear(&out);
    assert_true(review_stats(store, STR("documents"), STR("dora"), false, now + 60 * MINUTE, &out, &err));
    assert_true(says("\"last_week\":0,\"gold\":{\"judged\":0,\"wrong\":0,\"share\":null"));
}

/* ---- audits ---- */

static uint64_t random_state = 7;
static double chance(void) {
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    return (double)(hash64_u64(random_state) >> 11) * 0x1p-53;
}

/* Of wrong answers ten times as many are drawn as of right ones: counted alike, accuracy would be 0.5. */
static void audits_count_by_the_inverse_of_their_probability(void **state) {
    struct review_estimate weighted = {0}, plain = {0};
    unsigned covered = 0;
    for (int run = 0; run < 200; run++) {
        struct review_estimate one = {0};
        for (int i = 0; i < 5000; i++) {
            bool right = i % 11 != 0;
            double share = right ? 0.02 : 0.2;
            if (chance() >= share)
                continue;
            review_estimate_add(&weighted, right, 1 / share);
            review_estimate_add(&plain, right, 1);
            review_estimate_add(&one, right, 1 / share);
        }
        review_estimate_end(&one);
        covered += one.low <= 10.0 / 11 && 10.0 / 11 <= one.high;
    }
    review_estimate_end(&weighted);
    review_estimate_end(&plain);
    assert_true(weighted.value > 0.90 && weighted.value < 0.92);
    assert_true(plain.value < 0.55);
    assert_true(covered > 180); /* of 200 intervals of 95 % */
}

static void an_audit_is_judged_and_counted(void **state) {
    struct item right = {.kind = REVIEW_AUDIT, .share = 0.01}, wrong = {.kind = REVIEW_AUDIT, .share = 0.5},
                unseen = {.kind = REVIEW_AUDIT, .share = 0.5};
    struct review_estimate e;
    add(&right);
    add(&wrong);
    add(&unseen);
    assert_true(review_audit_accuracy(store, STR("documents"), 0, now + 1, &e, &err));
    assert_int_equal(e.rows, 0);
    assert_true(e.low == 0 && e.high == 1);
    assert_true(label("anna", &right, "invoice"));
    assert_true(label("anna", &wrong, "letter"));
    assert_true(review_audit_accuracy(store, STR("documents"), 0, now + 1, &e, &err));
    assert_int_equal(e.rows, 2);
    assert_true(e.value > 0.98 && e.value < 0.981); /* 100 of 102 */
}

/* ---- capacity ---- */

static struct capacity load(uint64_t depth, uint64_t arrived, uint64_t resolved) {
    struct capacity_seen seen = {
        .hours = 24, .arrived = arrived, .resolved = resolved, .depth = depth, .people = 2};
    return capacity_forecast(&seen);
}

static void a_forecast_carries_the_day_forward(void **state) {
    struct capacity c = load(10, 240, 120);
    assert_true(c.arrivals == 10 && c.resolved == 5 && c.per_person == 2.5);
    assert_true(c.depth_day == 130 && c.wait_day_ns == 26 * 3600e9);
    assert_true(load(5, 0, 0).wait_day_ns < 0);
    assert_true(load(5, 0, 240).depth_day == 0);
}

static void what_gives_begins_and_ends_with_hysteresis(void **state) {
    struct overflow o = {0};
    int64_t deadline = 24 * 60 * MINUTE, at = 0;
    struct capacity heavy = load(10, 240, 120), fair = load(10, 160, 120), light = load(0, 120, 120);
    for (int minute = 0; minute < 10; minute++)
        assert_false(overflow_step(&o, &heavy, deadline, at += MINUTE));
    assert_false(overflow_step(&o, &light, deadline, at += MINUTE)); /* a pause: it begins anew */
    for (int minute = 0; minute < 10; minute++)
        assert_false(overflow_step(&o, &heavy, deadline, at += MINUTE));
    assert_true(overflow_step(&o, &heavy, deadline, at += MINUTE));
    assert_true(o.active && o.since == at);
    /* 50 open and 10 h: within the deadline's half by now */
    assert_true(fair.wait_day_ns < (double)deadline / 2);
    struct capacity between = load(10, 190, 120); /* 80 open, 16 h: neither */
    for (int minute = 0; minute < 60; minute++)
        assert_false(overflow_step(&o, &between, deadline, at += MINUTE));
    for (int minute = 0; minute < 10; minute++)
        assert_false(overflow_step(&o, &light, deadline, at += MINUTE));
    assert_true(overflow_step(&o, &light, deadline, at += MINUTE));
    assert_false(o.active);
    assert_false(overflow_step(&o, &heavy, deadline, at - 60 * MINUTE)); /* a clock that jumps back */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(risk_and_deadline_give_the_order, setup, teardown),
        cmocka_unit_test_setup_teardown(the_list_has_the_order_of_next, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lease_ends_and_a_label_after_it_counts_while_nobody_else_has_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(two_opinions_and_a_third_where_they_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(an_approval_is_given_or_denied_with_a_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_on_gold_are_told_to_a_person_in_tens, setup, teardown),
        cmocka_unit_test_setup_teardown(gold_is_mixed_in_by_share_and_given_to_nobody_who_knows_it, setup,
                                        teardown),
        cmocka_unit_test(audits_count_by_the_inverse_of_their_probability),
        cmocka_unit_test_setup_teardown(an_audit_is_judged_and_counted, setup, teardown),
        cmocka_unit_test(a_forecast_carries_the_day_forward),
        cmocka_unit_test(what_gives_begins_and_ends_with_hysteresis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
