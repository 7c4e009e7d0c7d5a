#include "watch/records.h"

#include "base/clock.h"
#include "store/sql.h"
#include "watch/record_page.h"
#include "watch/record_rows.h"

#include <stdlib.h>
#include <string.h>

enum { ENDPOINT_MAX = 128, GROUPS_MAX = 16, FOUND_WITHIN_US = 10 * 1000 * 1000 };
enum { STAGE_NAMES_MAX = 128, GROUP_US_MAX = 10 * 1000 * 1000, GROUP_PAGES_MAX = 256 };

/* Pages in which an endpoint has events. It goes on over several commits, so that few are needed, but neither
 * for long nor over many pages, of which the endpoint may have few. */
struct group {
    char endpoint[ENDPOINT_MAX];
    int64_t first, last; /* the key of the first page, the key of the last event */
    int64_t stored_last; /* as the store has it; 0: not there yet */
    uint64_t pages;      /* when it began */
};

struct record_writer {
    struct store *store;
    int64_t last_row;
    unsigned char secret[SUBJECT_SECRET_SIZE];
    struct page_writer page; /* of this transaction, not yet written */
    struct {
        const char *name;
        uint32_t id;
    } stages[STAGE_NAMES_MAX]; /* by address: stage names are constants */
    unsigned stage_count;
    struct group groups[GROUPS_MAX];
    unsigned group_count;
    uint64_t pages; /* written so far */
    unsigned near;  /* where the last name was found: the next stage mostly stands behind it */
};

bool record_writer_new(struct record_writer **out, struct store *s, struct error *err) {
    int64_t last_row, last_of_page;
    if (!sql_number(s, "SELECT max(id) FROM events", &last_row, err) ||
        !sql_number(s, "SELECT last FROM event_pages ORDER BY id DESC LIMIT 1", &last_of_page, err))
        return false;
    struct record_writer *w = calloc(1, sizeof *w);
    if (!w)
        return fail(err, ERR_NO_MEMORY, "Out of memory while starting the recorder.");
    w->store = s;
    if (!subject_secret(s, w->secret, err)) {
        free(w);
        return false;
    }
    w->last_row = last_row > last_of_page ? last_row : last_of_page;
    page_writer_init(&w->page);
    *out = w;
    return true;
}

void record_writer_free(struct record_writer *w) {
    if (!w)
        return;
    page_writer_free(&w->page);
    free(w);
}

void record_writer_forget(struct record_writer *w) {
    w->stage_count = 0;
    w->near = 0;
    w->group_count = 0;
    page_clear(&w->page);
}

static bool write_page(struct record_writer *w, struct error *err) {
    struct page_writer *page = &w->page;
    if (page->count == 0)
        return true;
    sqlite3_stmt *q =
        sql_statement(w->store, "INSERT INTO event_pages (id, last, count, body) VALUES (?, ?, ?, ?)", err);
    if (!q)
        return false;
    sql_bind_int(q, 1, page->first);
    sql_bind_int(q, 2, page->last);
    sql_bind_int(q, 3, page->count);
    sql_bind_blob(q, 4, page->bytes.p, page->bytes.n);
    if (!sql_run(w->store, q, err))
        return false;
    page_clear(page);
    w->pages++;
    return true;
}

static bool write_group(struct record_writer *w, struct group *g, struct error *err) {
    sqlite3_stmt *q =
        g->stored_last
            ? sql_statement(w->store, "UPDATE event_groups SET last = ?2 WHERE endpoint = ?1 AND last = ?3",
                            err)
            : sql_statement(w->store, "INSERT INTO event_groups (endpoint, last, first) VALUES (?1, ?2, ?3)",
                            err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(g->endpoint));
    sql_bind_int(q, 2, g->last);
    sql_bind_int(q, 3, g->stored_last ? g->stored_last : g->first);
    if (!sql_run(w->store, q, err))
        return false;
    g->stored_last = g->last;
    return true;
}

static bool write_groups(struct record_writer *w, struct error *err) {
    for (unsigned i = 0; i < w->group_count; i++)
        if (w->groups[i].last != w->groups[i].stored_last && !write_group(w, &w->groups[i], err))
            return false;
    return true;
}

bool record_writer_end(struct record_writer *w, struct error *err) {
    return write_page(w, err) && write_groups(w, err);
}

static bool goes_on(const struct record_writer *w, const struct group *g, int64_t row) {
    return row - g->first < GROUP_US_MAX && w->pages - g->pages < GROUP_PAGES_MAX;
}

static void begin_group(const struct record_writer *w, struct group *g, int64_t row) {
    g->first = w->page.first;
    g->last = row;
    g->stored_last = 0;
    g->pages = w->pages;
}

static bool note_group(struct record_writer *w, struct str endpoint, int64_t row, struct error *err) {
    if (endpoint.n == 0)
        return true;
    endpoint = str_slice(endpoint, 0, ENDPOINT_MAX - 1);
    for (unsigned i = 0; i < w->group_count; i++) {
        struct group *g = &w->groups[i];
        if (!str_eq(endpoint, str_from(g->endpoint)))
            continue;
        if (goes_on(w, g, row)) {
            g->last = row;
            return true;
        }
        if (g->last != g->stored_last && !write_group(w, g, err))
            return false;
        begin_group(w, g, row);
        return true;
    }
    if (w->group_count == GROUPS_MAX) {
        if (!write_groups(w, err))
            return false;
        w->group_count = 0;
    }
    struct group *g = &w->groups[w->group_count++];
    memcpy(g->endpoint, endpoint.p, endpoint.n);
    g->endpoint[endpoint.n] = '\0';
    begin_group(w, g, row);
    return true;
}

/* In wall microseconds. */
static int64_t time_of_id(struct str id) {
    int64_t ms = page_id_time(id);
    return ms < 0 ? -1 : ms * 1000;
}

bool record_found_by_time(struct str request_id, int64_t row) {
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

bool record_insert(struct record_writer *w, struct event *e, int64_t *row, struct error *err) {
    uint32_t stages[EVENT_STAGES_MAX];
    if (e->user.n && !e->has_subject) {
        subject_hash(w->secret, e->user, e->subject);
        e->has_subject = true;
    }
    for (unsigned i = 0; i < e->stage_count; i++)
        if (!stage_id(w, e->stages[i].name, &stages[i], err))
            return false;
    int64_t now = clock_wall() / 1000;
    int64_t id = now > w->last_row ? now : w->last_row + 1;
    if ((page_is_full(&w->page) && !write_page(w, err)) || !page_add(&w->page, e, id, stages, err))
        return false;
    w->last_row = id;
    if (!note_group(w, e->endpoint, id, err) ||
        (!record_found_by_time(e->request_id, id) && !insert_request_id(w, e->request_id, id, err)) ||
        (e->input_blob[0] && !insert_input(w->store, e, id, err)))
        return false;
    *row = id;
    return true;
}

/* ---- reading ---- */

#define PAGE "SELECT p.id, p.last, p.body"

/* One text each, so that each takes its own way. CROSS JOIN: SQLite keeps the order as written. The page that
 * holds a key is the last one that begins no later. */
static const char pages_by_time[] = PAGE " FROM event_pages p WHERE p.id < ?2 ORDER BY p.id DESC";
static const char pages_by_endpoint[] =
    PAGE " FROM event_groups g CROSS JOIN event_pages p ON p.id >= g.first AND p.id <= g.last"
         " WHERE g.endpoint = ?3 AND g.last >= ?1 AND p.id < ?2 ORDER BY g.last DESC, p.id DESC";
static const char pages_by_id_time[] =
    PAGE " FROM event_pages p WHERE p.id >= coalesce("
         "(SELECT o.id FROM event_pages o WHERE o.id <= ?1 ORDER BY o.id DESC LIMIT 1), ?1)"
         " AND p.id < ?2 ORDER BY p.id";
static const char pages_by_id_table[] =
    PAGE ", i.event FROM request_ids i CROSS JOIN event_pages p ON p.id = "
         "(SELECT o.id FROM event_pages o WHERE o.id <= i.event ORDER BY o.id DESC LIMIT 1)"
         " WHERE i.request_id = ?3 AND i.event >= ?1 AND i.event < ?2 ORDER BY i.event";

struct visitor {
    struct record_rows rows; /* what is visited, how and how often; those that are rows of their own */
    int64_t from, to;        /* keys */
    struct str endpoint, request_id;
    char *stage_names[STAGE_NAMES_MAX * 2];
    struct page_reader page;
    bool late; /* the deadline passed among the pages */
};

static bool load_stage_names(struct visitor *v, struct error *err) {
    sqlite3_stmt *q = sql_statement(v->rows.store, "SELECT id, name FROM stage_names", err);
    bool row = q != NULL;
    while (row) {
        if (!sql_step(v->rows.store, q, &row, err))
            return false;
        int64_t id = row ? sql_int_at(q, 0) : 0;
        if (row && id > 0 && id < (int64_t)ARRAY_COUNT(v->stage_names) && !v->stage_names[id])
            v->stage_names[id] = str_dup(sql_str_at(q, 1));
    }
    return q != NULL;
}

static struct visitor *visitor_new(struct store *s, const struct record_filter *filter,
                                   void (*visit)(const struct record *r, void *ctx), void *ctx) {
    struct visitor *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->rows = (struct record_rows){.store = s,
                                   .stage_names = (const char *const *)v->stage_names,
                                   .stage_name_count = ARRAY_COUNT(v->stage_names),
                                   .visit = visit,
                                   .ctx = ctx,
                                   .wanted = filter,
                                   .left = filter->limit};
    v->from = filter->from / 1000;
    v->to = filter->to ? filter->to / 1000 : INT64_MAX;
    if (filter->before && filter->before < v->to)
        v->to = filter->before;
    v->request_id = filter->request_id.n ? filter->request_id : STR("");
    v->endpoint = filter->request_id.n ? STR("") : filter->endpoint;
    return v;
}

static void visitor_free(struct visitor *v) {
    for (size_t i = 0; i < ARRAY_COUNT(v->stage_names); i++)
        free(v->stage_names[i]);
    free(v);
}

/* The event that was read last. What was kept of its input may be gone by now. */
static bool visit_event(struct visitor *v, int64_t row, struct error *err) {
    struct record r = {.row = row, .event = &v->page.event, .input.type = STR("")};
    sqlite3_stmt *q = NULL;
    bool kept = false;
    if (v->page.input_kept) {
        q = sql_statement(v->rows.store,
                          "SELECT blob, type, size, keep_until FROM kept_inputs WHERE event = ?", err);
        if (!q)
            return false;
        sql_bind_int(q, 1, row);
        if (!sql_step(v->rows.store, q, &kept, err))
            return false;
    }
    if (kept) {
        struct str blob = sql_str_at(q, 0);
        if (blob.n == SHA256_HEX_SIZE - 1)
            memcpy(r.input.blob, blob.p, blob.n);
        r.input.type = sql_str_at(q, 1);
        r.input.size = (uint64_t)sql_int_at(q, 2);
        r.input.keep_until = sql_int_at(q, 3);
    }
    v->rows.left--;
    v->rows.next = row;
    v->rows.visit(&r, v->rows.ctx);
    if (kept)
        sql_end(q);
    return true;
}

bool record_is_wanted(const struct record_filter *f, const struct event *e) {
    if (f->request_id.n)
        return true;
    return (f->client.n == 0 || str_eq(e->client, f->client)) &&
           (f->model.n == 0 || str_eq(e->model, f->model)) &&
           (f->decisions == 0 || (f->decisions & 1u << e->decision)) && e->status >= f->status_least &&
           (f->status_most == 0 || e->status <= f->status_most);
}

/* What no event of a page has does not stand in its bytes, and looking for it there is ten times quicker than
 * reading them. */
static bool may_hold(const struct record_filter *f, struct str page) {
    return f->request_id.n || ((f->client.n == 0 || memmem(page.p, page.n, f->client.p, f->client.n)) &&
                               (f->model.n == 0 || memmem(page.p, page.n, f->model.p, f->model.n)));
}

/* `only`: the one key to look at, or 0. */
static bool visit_page(struct visitor *v, sqlite3_stmt *q, bool oldest_first, int64_t only,
                       struct error *err) {
    struct page_reader *page = &v->page;
    if (!may_hold(v->rows.wanted, sql_blob_at(q, 2)))
        return true;
    if (!page_open(page, sql_blob_at(q, 2), sql_int_at(q, 0), v->rows.stage_names, v->rows.stage_name_count,
                   err))
        return false;
    for (unsigned n = 0; n < page->count && v->rows.left > 0; n++) {
        unsigned i = oldest_first ? n : page->count - 1 - n;
        int64_t row = page->rows[i];
        if (row < v->from || row >= v->to || (only && row != only))
            continue;
        page_read(page, i);
        if ((v->request_id.n && !str_eq(page->event.request_id, v->request_id)) ||
            (v->endpoint.n && !str_eq(page->event.endpoint, v->endpoint)) ||
            !record_is_wanted(v->rows.wanted, &page->event))
            continue;
        if (!visit_event(v, row, err))
            return false;
    }
    return true;
}

/* `key` is ?3. */
static bool visit_pages(struct visitor *v, const char *text, struct str key, struct error *err) {
    struct store *s = v->rows.store;
    bool oldest_first = text == pages_by_id_time || text == pages_by_id_table, row, good = true;
    int64_t before = INT64_MAX;
    sqlite3_stmt *q = v->rows.left > 0 ? sql_statement(s, text, err) : NULL;
    if (!q)
        return v->rows.left == 0;
    sql_bind_int(q, 1, v->from);
    sql_bind_int(q, 2, v->to);
    if (text == pages_by_endpoint || text == pages_by_id_table)
        sql_bind_str(q, 3, key);
    while (good) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (!row)
            return true;
        int64_t id = sql_int_at(q, 0);
        if (v->rows.left == 0 || (!oldest_first && sql_int_at(q, 1) < v->from))
            break;
        if (!oldest_first && id >= before)
            continue; /* two groups share it */
        before = id;
        good = visit_page(v, q, oldest_first, text == pages_by_id_table ? sql_int_at(q, 3) : 0, err);
        if (good && v->rows.deadline && v->rows.left > 0 && clock_monotonic() >= v->rows.deadline) {
            v->rows.next = id;
            v->late = true;
            break;
        }
    }
    sql_end(q);
    return good;
}

static bool visit_way(struct visitor *v, enum record_way way, struct str key, struct error *err) {
    static const char *const texts[] = {[RECORDS_BY_TIME] = pages_by_time,
                                        [RECORDS_BY_ENDPOINT] = pages_by_endpoint,
                                        [RECORDS_BY_ID_TIME] = pages_by_id_time,
                                        [RECORDS_BY_ID_TABLE] = pages_by_id_table};
    /* Rows are older than any page. */
    bool oldest_first = way == RECORDS_BY_ID_TIME || way == RECORDS_BY_ID_TABLE;
    return oldest_first ? record_rows_visit(&v->rows, way, key, v->from, v->to, err) &&
                              visit_pages(v, texts[way], key, err)
                        : visit_pages(v, texts[way], key, err) &&
                              (v->late || record_rows_visit(&v->rows, way, key, v->from, v->to, err));
}

static bool visit_request(struct visitor *v, struct error *err) {
    int64_t time = time_of_id(v->request_id), from = v->from, to = v->to;
    if (time >= 0) {
        v->from = from > time ? from : time;
        v->to = to < time + FOUND_WITHIN_US ? to : time + FOUND_WITHIN_US;
        bool good = visit_way(v, RECORDS_BY_ID_TIME, v->request_id, err);
        v->from = from;
        v->to = to;
        if (!good)
            return false;
    }
    return visit_way(v, RECORDS_BY_ID_TABLE, v->request_id, err);
}

static bool visit_all(struct visitor *v, struct error *err) {
    /* One view of the store for all of it: a page must not name stages that were not there when they were
     * read. */
    bool ok = store_view_begin(v->rows.store, err) && load_stage_names(v, err);
    if (ok && v->request_id.n)
        ok = visit_request(v, err);
    else if (ok && v->endpoint.n)
        ok = visit_way(v, RECORDS_BY_ENDPOINT, v->endpoint, err);
    else if (ok)
        ok = visit_way(v, RECORDS_BY_TIME, v->endpoint, err);
    store_view_end(v->rows.store);
    return ok;
}

bool records_search(struct store *s, const struct record_filter *filter, int64_t deadline,
                    void (*visit)(const struct record *r, void *ctx), void *ctx, int64_t *next,
                    struct error *err) {
    struct visitor *v = visitor_new(s, filter, visit, ctx);
    if (!v)
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading records.");
    v->rows.deadline = deadline;
    bool ok = visit_all(v, err);
    if (ok)
        *next = v->rows.next;
    visitor_free(v);
    return ok;
}

bool records_visit(struct store *s, const struct record_filter *filter,
                   void (*visit)(const struct record *r, void *ctx), void *ctx, struct error *err) {
    int64_t next;
    return records_search(s, filter, 0, visit, ctx, &next, err);
}
