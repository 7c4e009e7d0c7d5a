#include "watch/record_rows.h"

#include "base/clock.h"
#include "store/sql.h"

#include <string.h>

enum { VARINT_MAX = 5 };

/* LEB128: seven bits a byte, lowest first, the high bit says that more follow. */
static bool get_varint(struct str *from, uint32_t *value) {
    uint32_t sum = 0;
    for (unsigned shift = 0; from->n > 0 && shift < 7 * VARINT_MAX; shift += 7) {
        unsigned char c = (unsigned char)from->p[0];
        *from = str_slice(*from, 1, from->n);
        sum |= (uint32_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            *value = sum;
            return true;
        }
    }
    return false;
}

/* Columns of the query below. */
enum {
    AT_ID,
    AT_REQUEST,
    AT_ARRIVED,
    AT_LATENCY,
    AT_STATUS,
    AT_DECISION,
    AT_CLIENT,
    AT_ENDPOINT,
    AT_MODEL,
    AT_PREDICTION,
    AT_CONFIDENCE,
    AT_SCAN,
    AT_CACHE,
    AT_COST,
    AT_STAGES,
    AT_INPUT_HASH,
    AT_OCR,
    AT_FALLBACK,
    AT_ERROR_CODE,
    AT_ERROR_MESSAGE,
    AT_REVIEW,
    AT_BLOB,
    AT_TYPE,
    AT_SIZE,
    AT_KEEP_UNTIL
};

#define COLUMNS                                                                                              \
    "SELECT e.id, e.request_id, e.arrived, e.latency_us, e.status, e.decision, e.client, e.endpoint,"        \
    " e.model, e.prediction, e.confidence, e.scan, e.cache, e.cost, e.stages, e.input_hash,"                 \
    " e.ocr_confidence, e.fallback, e.error_code, e.error_message, e.review_id, k.blob, k.type, k.size,"     \
    " k.keep_until"
#define KEPT   "LEFT JOIN kept_inputs k ON k.event = e.id"
#define RANGE  " e.id >= ?1 AND e.id < ?2"
#define NEWEST " ORDER BY e.id DESC LIMIT ?3"

/* One text each, so that each takes its own way. CROSS JOIN: SQLite keeps the order as written. */
static const char by_time[] = COLUMNS " FROM events e " KEPT " WHERE" RANGE NEWEST;
static const char by_endpoint[] =
    COLUMNS " FROM event_groups g CROSS JOIN events e ON e.id >= g.first AND e.id <= g.last " KEPT
            " WHERE g.endpoint = ?4 AND g.last >= ?1 AND e.endpoint = ?4 AND" RANGE
            " ORDER BY g.last DESC, e.id DESC LIMIT ?3";
static const char by_id_time[] =
    COLUMNS " FROM events e " KEPT " WHERE e.request_id = ?4 AND" RANGE " ORDER BY e.id LIMIT ?3";
static const char by_id_table[] = COLUMNS " FROM request_ids i CROSS JOIN events e ON e.id = i.event " KEPT
                                          " WHERE i.request_id = ?4 AND" RANGE " ORDER BY i.event LIMIT ?3";

static void unpack_stages(struct event *e, struct str packed, const struct record_rows *v) {
    uint32_t id, us;
    while (get_varint(&packed, &id) && get_varint(&packed, &us)) {
        const char *name = id < v->stage_name_count ? v->stage_names[id] : NULL;
        event_add_stage(e, name ? name : "other", us);
    }
}

static float share_at(sqlite3_stmt *q, int column) {
    return sql_null_at(q, column) ? -1 : (float)sqlite3_column_double(q, column);
}

/* A value that this program does not know was written by another one, or by hand. */
static int enum_at(sqlite3_stmt *q, int column, int count) {
    int64_t value = sql_int_at(q, column);
    return value >= 0 && value < count ? (int)value : 0;
}

static struct event *read_event(sqlite3_stmt *q, const struct record_rows *v) {
    size_t room = sizeof(struct review_draft) * 2;
    /* Texts only: asking a number for its bytes would turn it into text. */
    static const int texts[] = {AT_REQUEST,    AT_CLIENT,   AT_ENDPOINT,   AT_MODEL,
                                AT_PREDICTION, AT_FALLBACK, AT_ERROR_CODE, AT_ERROR_MESSAGE};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        room += sql_str_at(q, texts[i]).n;
    struct event *e = event_new(room);
    if (!e)
        return NULL;
    e->request_id = event_keep(e, sql_str_at(q, AT_REQUEST));
    e->wall_ns = sql_int_at(q, AT_ARRIVED);
    e->total_us = (uint32_t)sql_int_at(q, AT_LATENCY);
    e->status = (int)sql_int_at(q, AT_STATUS);
    e->decision = (enum decision)enum_at(q, AT_DECISION, DECISION_COUNT);
    e->client = event_keep(e, sql_str_at(q, AT_CLIENT));
    e->endpoint = event_keep(e, sql_str_at(q, AT_ENDPOINT));
    e->model = event_keep(e, sql_str_at(q, AT_MODEL));
    e->prediction = event_keep(e, sql_str_at(q, AT_PREDICTION));
    e->confidence = share_at(q, AT_CONFIDENCE);
    e->scan = (enum scan_state)enum_at(q, AT_SCAN, SCAN_FOUND + 1);
    e->cache = (enum cache_state)enum_at(q, AT_CACHE, CACHE_STATES);
    e->cost_nanodollars = sql_null_at(q, AT_COST) ? EVENT_COST_UNKNOWN : sql_int_at(q, AT_COST);
    unpack_stages(e, sql_blob_at(q, AT_STAGES), v);
    struct str hash = sql_blob_at(q, AT_INPUT_HASH);
    e->has_input = hash.n == sizeof e->input_hash;
    if (e->has_input)
        memcpy(e->input_hash, hash.p, hash.n);
    e->ocr_confidence = share_at(q, AT_OCR);
    e->fallback = event_keep(e, sql_str_at(q, AT_FALLBACK));
    e->error_code = event_keep(e, sql_str_at(q, AT_ERROR_CODE));
    e->error_message = event_keep(e, sql_str_at(q, AT_ERROR_MESSAGE));
    struct str review = sql_str_at(q, AT_REVIEW);
    struct review_draft *draft = review.n == ID_LENGTH ? event_add_review(e) : NULL;
    if (draft)
        memcpy(draft->id, review.p, review.n);
    return e;
}

static bool visit_row(struct record_rows *v, sqlite3_stmt *q, struct error *err) {
    struct event *e = read_event(q, v);
    struct record r = {.row = sql_int_at(q, AT_ID), .event = e};
    if (!e)
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading a request's record.");
    struct str blob = sql_str_at(q, AT_BLOB);
    if (blob.n == SHA256_HEX_SIZE - 1)
        memcpy(r.input.blob, blob.p, blob.n);
    r.input.type = sql_str_at(q, AT_TYPE);
    r.input.size = (uint64_t)sql_int_at(q, AT_SIZE);
    r.input.keep_until = sql_int_at(q, AT_KEEP_UNTIL);
    if (record_is_wanted(v->wanted, e)) {
        v->left--;
        v->next = r.row;
        v->visit(&r, v->ctx);
    }
    event_free(e);
    return true;
}

bool record_rows_visit(struct record_rows *v, enum record_way way, struct str key, int64_t from, int64_t to,
                       struct error *err) {
    static const char *const texts[] = {[RECORDS_BY_TIME] = by_time,
                                        [RECORDS_BY_ENDPOINT] = by_endpoint,
                                        [RECORDS_BY_ID_TIME] = by_id_time,
                                        [RECORDS_BY_ID_TABLE] = by_id_table};
    sqlite3_stmt *q = v->left > 0 ? sql_statement(v->store, texts[way], err) : NULL;
    if (!q)
        return v->left == 0;
    sql_bind_int(q, 1, from);
    sql_bind_int(q, 2, to);
    sql_bind_int(q, 3, INT64_MAX);
    if (way != RECORDS_BY_TIME)
        sql_bind_str(q, 4, key);
    for (;;) {
        bool row;
        if (!sql_step(v->store, q, &row, err))
            return false;
        if (!row) {
            v->next = 0;
            return true;
        }
        int64_t id = sql_int_at(q, AT_ID);
        bool late = v->deadline && clock_monotonic() >= v->deadline;
        if (late)
            v->next = id + 1;
        if (late || v->left == 0 || !visit_row(v, q, err)) {
            sql_end(q);
            return late || v->left == 0;
        }
    }
}
