#include "watch/alerts/outbox.h"

#include "base/clock.h"
#include "store/sql.h"

const char *outbox_state_name(enum outbox_state state) {
    static const char *const names[] = {"waiting", "delivered", "given up"};
    return (size_t)state < ARRAY_COUNT(names) ? names[state] : "unknown";
}

bool outbox_add(struct store *s, struct outbox_message *m, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO outbox (id, receiver, shape, incident, what, subject, body,"
                                    " created, state, tries, tried, status, answer)"
                                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '')",
                                    err);
    if (!q)
        return false;
    m->created = clock_wall();
    id_make(m->created, m->id);
    const struct str texts[] = {str_from(m->id), m->receiver, m->shape, m->incident,
                                m->what,         m->subject,  m->body};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        sql_bind_str(q, (int)i + 1, texts[i]);
    sql_bind_int(q, 8, m->created);
    return sql_run(s, q, err);
}

static void read_columns(sqlite3_stmt *q, struct outbox_message *m) {
    *m = (struct outbox_message){.receiver = sql_str_at(q, 1),
                                 .shape = sql_str_at(q, 2),
                                 .incident = sql_str_at(q, 3),
                                 .what = sql_str_at(q, 4),
                                 .subject = sql_str_at(q, 5),
                                 .body = sql_str_at(q, 6),
                                 .created = sql_int_at(q, 7),
                                 .state = (enum outbox_state)sql_int_at(q, 8),
                                 .tries = (unsigned)sql_int_at(q, 9),
                                 .tried = sql_int_at(q, 10),
                                 .status = (int)sql_int_at(q, 11),
                                 .answer = sql_str_at(q, 12)};
    str_put(sql_str_at(q, 0), m->id, sizeof m->id);
}

bool outbox_list(struct store *s, const struct outbox_filter *filter,
                 void (*visit)(const struct outbox_message *m, void *ctx), void *ctx, struct error *err) {
    static const char waiting[] = "SELECT id, receiver, shape, incident, what, subject, body, created, state,"
                                  " tries, tried, status, answer FROM outbox WHERE state = 0"
                                  " AND (?1 = '' OR id = ?1) AND (?2 = '' OR incident = ?2)"
                                  " AND (?3 = '' OR receiver = ?3) ORDER BY rowid LIMIT ?4";
    static const char all[] = "SELECT id, receiver, shape, incident, what, subject, body, created, state,"
                              " tries, tried, status, answer FROM outbox"
                              " WHERE (?1 = '' OR id = ?1) AND (?2 = '' OR incident = ?2)"
                              " AND (?3 = '' OR receiver = ?3) ORDER BY rowid DESC LIMIT ?4";
    sqlite3_stmt *q = sql_statement(s, filter->waiting ? waiting : all, err);
    struct outbox_message m;
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, filter->id);
    sql_bind_str(q, 2, filter->incident);
    sql_bind_str(q, 3, filter->receiver);
    sql_bind_int(q, 4, filter->limit ? (int64_t)filter->limit : -1);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        read_columns(q, &m);
        visit(&m, ctx);
    }
    return false;
}

bool outbox_tried(struct store *s, const char *id, enum outbox_state state, int status, struct str answer,
                  struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "UPDATE outbox SET state = ?, status = ?, answer = ?, tried = ?,"
                                    " tries = tries + 1 WHERE id = ?",
                                    err);
    if (!q)
        return false;
    sql_bind_int(q, 1, state);
    sql_bind_int(q, 2, status);
    sql_bind_str(q, 3, answer);
    sql_bind_int(q, 4, clock_wall());
    sql_bind_str(q, 5, str_from(id));
    return sql_run(s, q, err);
}

bool outbox_told(struct store *s, const char *incident, const char *receiver, bool *told, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "SELECT 1 FROM outbox WHERE incident = ? AND receiver = ? LIMIT 1", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(incident));
    sql_bind_str(q, 2, str_from(receiver));
    if (!sql_step(s, q, told, err))
        return false;
    if (*told)
        sql_end(q);
    return true;
}

/* An incident's rows stay while it is open: they say who was told. */
bool outbox_prune(struct store *s, int64_t before, unsigned most, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s,
                      "DELETE FROM outbox WHERE id IN (SELECT o.id FROM outbox o WHERE o.state > 0 AND"
                      " o.created < ? AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.id = o.incident AND"
                      " i.state < 2) ORDER BY o.id LIMIT ?)",
                      err);
    if (!q)
        return false;
    sql_bind_int(q, 1, before);
    sql_bind_int(q, 2, most);
    return sql_run(s, q, err);
}

void outbox_json(const struct outbox_message *m, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "id", m->id);
    json_field_str(w, "receiver", m->receiver);
    json_field_str(w, "shape", m->shape);
    json_field_str(w, "incident", m->incident);
    json_field_str(w, "what", m->what);
    json_field_str(w, "subject", m->subject);
    json_field_text(w, "state", outbox_state_name(m->state));
    alert_time_json(w, "created", m->created);
    json_field_int(w, "tries", m->tries);
    alert_time_json(w, "tried", m->tried);
    json_field_int(w, "status", m->status);
    json_field_str(w, "answer", m->answer);
    json_object_end(w);
}
