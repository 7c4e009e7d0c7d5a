#include "watch/story.h"

#include "base/clock.h"
#include "review/review.h"
#include "store/lineage.h"
#include "store/sql.h"
#include "watch/event_json.h"

static void write_time(struct json_writer *w, const char *key, int64_t wall_ns) {
    char time[CLOCK_TEXT_SIZE];
    clock_format(wall_ns, time);
    json_field_text(w, key, time);
}

static void write_input(const struct record *r, struct json_writer *w) {
    json_key(w, "input");
    if (!r->input.blob[0]) {
        json_null(w);
        return;
    }
    json_object(w);
    json_field_str(w, "type", r->input.type);
    json_field_int(w, "size", (int64_t)r->input.size);
    if (r->input.keep_until)
        write_time(w, "keep_until", r->input.keep_until);
    else
        json_field_text(w, "keep_until", NULL);
    json_object_end(w);
}

static void write_said(sqlite3_stmt *q, struct json_writer *w) {
    int64_t correct = sql_int_at(q, 3);
    json_object(w);
    json_field_str(w, "who", sql_str_at(q, 0));
    write_time(w, "at", sql_int_at(q, 1));
    json_field_str(w, "label", sql_str_at(q, 2));
    json_key(w, "correct");
    if (correct < 0)
        json_null(w);
    else
        json_bool(w, correct > 0);
    json_key(w, "score");
    if (sql_null_at(q, 4))
        json_null(w);
    else
        json_double(w, sqlite3_column_double(q, 4));
    json_object_end(w);
}

static bool write_feedback(struct store *s, struct str request_id, struct json_writer *w, struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "SELECT who, at, label, correct, score FROM feedback WHERE request_id = ? ORDER BY at", err);
    bool row = q != NULL;
    if (!q)
        return false;
    sql_bind_str(q, 1, request_id);
    json_key(w, "feedback");
    json_array(w);
    while (row) {
        if (!sql_step(s, q, &row, err))
            return false;
        if (row)
            write_said(q, w);
    }
    json_array_end(w);
    return true;
}

static bool write_reviews(struct store *s, struct str request_id, struct json_writer *w, struct error *err) {
    json_key(w, "reviews");
    bool good = review_of_request(s, request_id, w->out, err);
    w->comma = true;
    return good;
}

/* Null where no model answered, or one that the registry does not know. */
static void write_lineage(struct store *s, const struct event *e, struct json_writer *w) {
    struct lineage_wish wish = {.model = e->model, .input = e->has_input ? e->input_hash : NULL};
    json_key(w, "lineage");
    struct json_writer before = *w;
    size_t start = w->out->n;
    if (e->model.n && lineage_write(s, &wish, w, NULL))
        return;
    *w = before;
    w->out->n = start;
    json_null(w);
}

bool story_write_record(struct store *s, const struct record *r, struct json_writer *w, struct error *err) {
    json_object(w);
    write_time(w, "time", r->event->wall_ns);
    event_write_fields(r->event, w);
    write_input(r, w);
    if (!write_reviews(s, r->event->request_id, w, err) || !write_feedback(s, r->event->request_id, w, err))
        return false;
    write_lineage(s, r->event, w);
    json_object_end(w);
    return true;
}

struct story {
    struct store *store;
    struct buf *out;
    struct error *err;
    bool any, good;
};

static void write_record(const struct record *r, void *ctx) {
    struct story *s = ctx;
    s->any = true;
    s->good = story_write_record(s->store, r, &JSON_WRITER(s->out), s->err);
}

bool story_write(struct store *s, struct str request_id, struct buf *out, struct error *err) {
    struct story story = {.store = s, .out = out, .err = err, .good = true};
    struct record_filter filter = {.request_id = request_id, .limit = 1};
    if (!records_visit(s, &filter, write_record, &story, err) || !story.good)
        return false;
    return story.any || fail(err, ERR_NOT_FOUND, "No request \"%.*s\" is recorded.",
                             STR_ARG(str_slice(request_id, 0, 80)));
}
