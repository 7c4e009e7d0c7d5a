#include "watch/records.h"

#include "base/check.h"
#include "base/clock.h"
#include "store/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENDPOINT_MAX = 128, GROUPS_MAX = 16, FOUND_WITHIN_US = 10 * 1000 * 1000 };
enum { STAGE_NAMES_MAX = 128, VARINT_MAX = 5, STAGES_BYTES = EVENT_STAGES_MAX * 2 * VARINT_MAX };

struct record_writer {
    struct store *store;
    int64_t last_row;
    struct {
        const char *name;
        uint32_t id;
    } stages[STAGE_NAMES_MAX]; /* by address: stage names are constants */
    unsigned stage_count;
    struct {
        char endpoint[ENDPOINT_MAX];
        int64_t first, last;
    } groups[GROUPS_MAX]; /* of this transaction */
    unsigned group_count;
    unsigned near; /* where the last name was found: the next stage mostly stands behind it */
};

bool record_writer_new(struct record_writer **out, struct store *s, struct error *err) {
    int64_t last;
    if (!sql_number(s, "SELECT max(id) FROM events", &last, err))
        return false;
    struct record_writer *w = calloc(1, sizeof *w);
    if (!w)
        return fail(err, ERR_NO_MEMORY, "Out of memory while starting the recorder.");
    w->store = s;
    w->last_row = last;
    *out = w;
    return true;
}

void record_writer_free(struct record_writer *w) {
    free(w);
}

void record_writer_forget(struct record_writer *w) {
    w->stage_count = 0;
    w->near = 0;
    w->group_count = 0;
}

bool record_writer_end(struct record_writer *w, struct error *err) {
    for (; w->group_count > 0; w->group_count--) {
        sqlite3_stmt *q =
            sql_statement(w->store, "INSERT INTO event_groups (endpoint, last, first) VALUES (?, ?, ?)", err);
        if (!q)
            return false;
        sql_bind_str(q, 1, str_from(w->groups[w->group_count - 1].endpoint));
        sql_bind_int(q, 2, w->groups[w->group_count - 1].last);
        sql_bind_int(q, 3, w->groups[w->group_count - 1].first);
        if (!sql_run(w->store, q, err))
            return false;
    }
    return true;
}

static bool note_group(struct record_writer *w, struct str endpoint, int64_t row, struct error *err) {
    if (endpoint.n == 0)
        return true;
    endpoint = str_slice(endpoint, 0, ENDPOINT_MAX - 1);
    for (unsigned i = 0; i < w->group_count; i++)
        if (str_eq(endpoint, str_from(w->groups[i].endpoint))) {
            w->groups[i].last = row;
            return true;
        }
    if (w->group_count == GROUPS_MAX && !record_writer_end(w, err))
        return false;
    unsigned at = w->group_count++;
    memcpy(w->groups[at].endpoint, endpoint.p, endpoint.n);
    w->groups[at].endpoint[endpoint.n] = '\0';
    w->groups[at].first = w->groups[at].last = row;
    return true;
}

/* The time that an ID of base/ids.h carries, in wall microseconds; -1 when it is no such ID. */
static int64_t time_of_id(struct str id) {
    static const unsigned char digits[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,
        ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14,
        ['E'] = 15, ['F'] = 16, ['G'] = 17, ['H'] = 18, ['J'] = 19, ['K'] = 20, ['M'] = 21,
        ['N'] = 22, ['P'] = 23, ['Q'] = 24, ['R'] = 25, ['S'] = 26, ['T'] = 27, ['V'] = 28,
        ['W'] = 29, ['X'] = 30, ['Y'] = 31, ['Z'] = 32}; /* the value and 1; 0: no digit */
    int64_t ms = 0;
    if (id.n != ID_LENGTH)
        return -1;
    for (size_t i = 0; i < 10; i++) {
        int digit = digits[(unsigned char)id.p[i]];
        if (!digit)
            return -1;
        ms = ms << 5 | (digit - 1);
    }
    return ms < INT64_C(1) << 48 ? ms * 1000 : -1;
}

static bool found_by_time(struct str request_id, int64_t row) {
    int64_t time = time_of_id(request_id);
    return time >= 0 && row >= time && row < time + FOUND_WITHIN_US;
}

static bool insert_request_id(struct record_writer *w, struct str request_id, int64_t row,
                              struct error *err) {
    sqlite3_stmt *q =
        sql_statement(w->store, "INSERT INTO request_ids (request_id, event) VALUES (?, ?)", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, request_id);
    sql_bind_int(q, 2, row);
    return sql_run(w->store, q, err);
}

static bool intern_stage(struct record_writer *w, const char *name, uint32_t *id, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(w->store, "INSERT INTO stage_names (name) VALUES (?) ON CONFLICT DO NOTHING", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(name));
    if (!sql_run(w->store, q, err))
        return false;
    q = sql_statement(w->store, "SELECT id FROM stage_names WHERE name = ?", err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(name));
    if (!sql_step(w->store, q, &row, err))
        return false;
    *id = row ? (uint32_t)sql_int_at(q, 0) : 0;
    sql_end(q);
    return true;
}

static bool stage_id(struct record_writer *w, const char *name, uint32_t *id, struct error *err) {
    for (unsigned i = 0; i < w->stage_count; i++) {
        unsigned at = (w->near + 1 + i) % w->stage_count;
        if (w->stages[at].name == name) {
            w->near = at;
            *id = w->stages[at].id;
            return true;
        }
    }
    if (!intern_stage(w, name, id, err))
        return false;
    if (w->stage_count == STAGE_NAMES_MAX)
        record_writer_forget(w);
    w->near = w->stage_count;
    w->stages[w->stage_count].name = name;
    w->stages[w->stage_count++].id = *id;
    return true;
}

/* LEB128: seven bits a byte, lowest first, the high bit says that more follow. */
static size_t put_varint(unsigned char *out, uint32_t value) {
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        out[n++] = (unsigned char)(value | 0x80);
    out[n++] = (unsigned char)value;
    return n;
}

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

static bool pack_stages(struct record_writer *w, const struct event *e, unsigned char *out, size_t *n,
                        struct error *err) {
    *n = 0;
    for (unsigned i = 0; i < e->stage_count; i++) {
        uint32_t id;
        if (!stage_id(w, e->stages[i].name, &id, err))
            return false;
        *n += put_varint(out + *n, id);
        *n += put_varint(out + *n, e->stages[i].us);
    }
    return true;
}

/* The column's six digits, so that 0.93 reads as 0.93 and not as the nearest float. */
static void bind_share(sqlite3_stmt *q, int at, float share) {
    if (share >= 0)
        sql_bind_double(q, at, round((double)share * 1e6) / 1e6);
    else
        sql_bind_null(q, at);
}

static void bind_small(sqlite3_stmt *q, int at, int value) {
    if (value)
        sql_bind_int(q, at, value);
    else
        sql_bind_null(q, at);
}

static void bind_event(sqlite3_stmt *q, const struct event *e) {
    sql_bind_str(q, 2, e->request_id);
    sql_bind_int(q, 3, e->wall_ns);
    sql_bind_int(q, 4, e->total_us);
    sql_bind_int(q, 5, e->status);
    sql_bind_int(q, 6, e->decision);
    sql_bind_str_or_null(q, 7, e->client);
    sql_bind_str_or_null(q, 8, e->endpoint);
    sql_bind_str_or_null(q, 9, e->model);
    sql_bind_str_or_null(q, 10, e->prediction);
    bind_share(q, 11, e->confidence);
    bind_small(q, 12, e->scan);
    bind_small(q, 13, e->cache);
    if (e->cost_nanodollars >= 0)
        sql_bind_int(q, 14, e->cost_nanodollars);
    else
        sql_bind_null(q, 14);
    if (e->has_input)
        sql_bind_blob(q, 16, e->input_hash, sizeof e->input_hash);
    else
        sql_bind_null(q, 16);
    bind_share(q, 17, e->ocr_confidence);
    sql_bind_str_or_null(q, 18, e->fallback);
    sql_bind_str_or_null(q, 19, e->error_code);
    sql_bind_str_or_null(q, 20, e->error_message);
    sql_bind_str_or_null(q, 21, str_from(e->review ? e->review->id : NULL));
}

static bool insert_input(struct store *s, const struct event *e, int64_t row, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "INSERT INTO kept_inputs (event, blob, type, size, keep_until) VALUES (?, ?, ?, ?, ?)", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, row);
    sql_bind_str(q, 2, str_from(e->input_blob));
    sql_bind_str(q, 3, e->input_type);
    sql_bind_int(q, 4, (int64_t)e->input.n);
    if (e->input_keep_until)
        sql_bind_int(q, 5, e->input_keep_until);
    else
        sql_bind_null(q, 5);
    return sql_run(s, q, err);
}

bool record_insert(struct record_writer *w, const struct event *e, int64_t *row, struct error *err) {
    unsigned char stages[STAGES_BYTES];
    size_t stages_size;
    if (!pack_stages(w, e, stages, &stages_size, err))
        return false;
    sqlite3_stmt *q =
        sql_statement(w->store,
                      "INSERT INTO events (id, request_id, arrived, latency_us, status, decision,"
                      " client, endpoint, model, prediction, confidence, scan, cache, cost, stages,"
                      " input_hash, ocr_confidence, fallback, error_code, error_message, review_id)"
                      " VALUES"
                      " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      err);
    if (!q)
        return false;
    int64_t now = clock_wall() / 1000;
    int64_t id = now > w->last_row ? now : w->last_row + 1;
    sql_bind_int(q, 1, id);
    bind_event(q, e);
    sql_bind_blob(q, 15, stages, stages_size);
    if (!sql_run(w->store, q, err))
        return false;
    w->last_row = id;
    if (!note_group(w, e->endpoint, id, err) ||
        (!found_by_time(e->request_id, id) && !insert_request_id(w, e->request_id, id, err)) ||
        (e->input_blob[0] && !insert_input(w->store, e, id, err)))
        return false;
    *row = id;
    return true;
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

struct stage_table {
    char *names[STAGE_NAMES_MAX * 2];
};

static bool load_stage_names(struct store *s, struct stage_table *table, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT id, name FROM stage_names", err);
    bool row = q != NULL;
    while (row) {
        if (!sql_step(s, q, &row, err))
            return false;
        int64_t id = row ? sql_int_at(q, 0) : 0;
        if (row && id > 0 && id < (int64_t)ARRAY_COUNT(table->names) && !table->names[id])
            table->names[id] = str_dup(sql_str_at(q, 1));
    }
    return q != NULL;
}

static void free_stage_names(struct stage_table *table) {
    for (size_t i = 0; i < ARRAY_COUNT(table->names); i++)
        free(table->names[i]);
}

static void unpack_stages(struct event *e, struct str packed, const struct stage_table *table) {
    uint32_t id, us;
    while (get_varint(&packed, &id) && get_varint(&packed, &us)) {
        const char *name = id < ARRAY_COUNT(table->names) ? table->names[id] : NULL;
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

static struct event *read_event(sqlite3_stmt *q, const struct stage_table *table) {
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
    e->cache = (enum cache_state)enum_at(q, AT_CACHE, CACHE_STALE + 1);
    e->cost_nanodollars = sql_null_at(q, AT_COST) ? EVENT_COST_UNKNOWN : sql_int_at(q, AT_COST);
    unpack_stages(e, sql_blob_at(q, AT_STAGES), table);
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

static bool visit_row(sqlite3_stmt *q, const struct stage_table *table,
                      void (*visit)(const struct record *r, void *ctx), void *ctx, struct error *err) {
    struct record r = {.row = sql_int_at(q, AT_ID), .event = read_event(q, table)};
    if (!r.event)
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading a request's record.");
    struct str blob = sql_str_at(q, AT_BLOB);
    if (blob.n == SHA256_HEX_SIZE - 1)
        memcpy(r.input.blob, blob.p, blob.n);
    r.input.type = sql_str_at(q, AT_TYPE);
    r.input.size = (uint64_t)sql_int_at(q, AT_SIZE);
    r.input.keep_until = sql_int_at(q, AT_KEEP_UNTIL);
    visit(&r, ctx);
    event_free(r.event);
    return true;
}

struct visitor {
    struct store *store;
    struct stage_table table;
    void (*visit)(const struct record *r, void *ctx);
    void *ctx;
    unsigned left; /* of the filter's limit */
};

/* `key` is ?4. */
static bool visit_query(struct visitor *v, const char *text, struct str key, int64_t from, int64_t to,
                        struct error *err) {
    sqlite3_stmt *q = v->left > 0 ? sql_statement(v->store, text, err) : NULL;
    if (!q)
        return v->left == 0;
    sql_bind_int(q, 1, from);
    sql_bind_int(q, 2, to);
    sql_bind_int(q, 3, v->left);
    if (text != by_time)
        sql_bind_str(q, 4, key);
    for (;;) {
        bool row;
        if (!sql_step(v->store, q, &row, err))
            return false;
        if (!row)
            return true;
        v->left--;
        if (!visit_row(q, &v->table, v->visit, v->ctx, err)) {
            sql_end(q);
            return false;
        }
    }
}

static bool visit_request(struct visitor *v, struct str request_id, int64_t from, int64_t to,
                          struct error *err) {
    int64_t time = time_of_id(request_id), end = time + FOUND_WITHIN_US;
    if (time >= 0 &&
        !visit_query(v, by_id_time, request_id, from > time ? from : time, to < end ? to : end, err))
        return false;
    return visit_query(v, by_id_table, request_id, from, to, err);
}

bool records_visit(struct store *s, const struct record_filter *filter,
                   void (*visit)(const struct record *r, void *ctx), void *ctx, struct error *err) {
    struct visitor v = {.store = s, .visit = visit, .ctx = ctx, .left = filter->limit};
    int64_t from = filter->from / 1000, to = filter->to ? filter->to / 1000 : INT64_MAX;
    if (filter->before && filter->before < to)
        to = filter->before;
    bool ok = load_stage_names(s, &v.table, err);
    if (ok && filter->request_id.n)
        ok = visit_request(&v, filter->request_id, from, to, err);
    else if (ok && filter->endpoint.n)
        ok = visit_query(&v, by_endpoint, filter->endpoint, from, to, err);
    else if (ok)
        ok = visit_query(&v, by_time, filter->endpoint, from, to, err);
    free_stage_names(&v.table);
    return ok;
}
