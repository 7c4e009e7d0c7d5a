/* First byte: what the endpoint takes, and whether a header says where the JSON ends; the next two then say
 * where. Behind them the body. What was accepted gives as many rows as it says, each of which lies inside the
 * body or is JSON, and can be answered. */
#include "api/oip_reply.h"
#include "base/check.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const columns[] = {"a", "b", "c"};

static void check_row(const struct oip_request *r, const struct request_given *row) {
    if (row->error.code != ERR_NONE) {
        CHECK(row->error.message[0]);
        return;
    }
    CHECK(row->kind == r->kind);
    if (row->kind != INPUT_FEATURES)
        return;
    struct error err;
    yyjson_doc *doc = json_parse(row->bytes, &err);
    CHECK(doc);
    CHECK(yyjson_obj_size(yyjson_doc_get_root(doc)) == (r->columns ? r->column_count : r->input_count));
    yyjson_doc_free(doc);
}

static void check_reply(const struct oip_request *r, struct arena *arena) {
    struct oip_row *rows = arena_zalloc(arena, r->row_count * sizeof(*rows));
    if (!rows)
        return;
    for (size_t i = 0; i < r->row_count; i++)
        rows[i] = (struct oip_row){.request_id = STR("id"),
                                   .failed = i % 3 == 1,
                                   .error = STR("why"),
                                   .label = STR("a"),
                                   .model = STR("m@1"),
                                   .review_id = STR(""),
                                   .labels = {{STR("a"), 0.5F}},
                                   .label_count = 1};
    struct oip_reply reply = {r, STR("m"), STR("1"), STR("id"), rows};
    AUTO_BUF out = BUF_INIT(64 << 20);
    size_t header;
    struct error err;
    oip_reply_write(&reply, &out, &header);
    CHECK(!out.failed && header <= out.n);
    yyjson_doc *doc = json_parse(str_slice(buf_str(&out), 0, header ? header : out.n), &err);
    CHECK(doc);
    yyjson_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3)
        return 0;
    char text[16];
    struct str header = {0}, body = {(const char *)data + 3, size - 3};
    struct oip_shape shape = {.accepts = data[0] & 7 ? data[0] & 7U : ACCEPTS_TEXT};
    if (data[0] & 8) {
        shape.columns = columns;
        shape.column_count = ARRAY_COUNT(columns);
    }
    if (data[0] & 16)
        header = (struct str){text, (size_t)snprintf(text, sizeof text, "%d", data[1] | data[2] << 8)};
    struct arena *arena = arena_new(1 << 20);
    struct oip_request r;
    struct error err = {0};
    if (oip_request_read(&r, body, header, &shape, arena, &err)) {
        CHECK(r.row_count >= 1 && r.row_count <= OIP_ROWS_MAX);
        for (size_t i = 0; i < r.row_count; i++) {
            struct request_given row;
            oip_next_row(&r, arena, &row);
            check_row(&r, &row);
        }
        check_reply(&r, arena);
        oip_request_clear(&r);
    } else {
        CHECK(err.code != ERR_NONE && err.message[0]);
    }
    arena_free(arena);
    return 0;
}
