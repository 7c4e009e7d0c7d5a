#include "watch/alerts/alert_retention.h"

#include "store/sql.h"
#include "watch/alerts/alert_records.h"
#include "watch/alerts/outbox.h"

static bool delete (struct store *s, const char *sql, int64_t before, unsigned most, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, sql, err);
    if (!q)
        return false;
    sql_bind_int(q, 1, before);
    sql_bind_int(q, 2, most);
    return sql_run(s, q, err);
}

#define OVER "SELECT id FROM incidents WHERE state = 2 AND resolved < ?1 ORDER BY id LIMIT ?2"

/* The timeline first, so that none is left without its incident wherever this ends. */
static bool delete_incidents(struct store *s, int64_t before, unsigned most, struct error *err) {
    return delete (s, "DELETE FROM incident_events WHERE incident IN (" OVER ")", before, most, err) &&
           delete (s, "DELETE FROM incidents WHERE id IN (" OVER ")", before, most, err);
}

static bool delete_silences(struct store *s, int64_t before, unsigned most, struct error *err) {
    return delete (s,
                   "DELETE FROM silences WHERE id IN (SELECT id FROM silences WHERE ends < ?1"
                   " OR (ended > 0 AND ended < ?1) ORDER BY id LIMIT ?2)",
                   before, most, err);
}

bool alert_retention_run(struct store *s, const struct alert_retention *keep, int64_t now, unsigned most,
                         struct error *err) {
    if (keep->ended > 0 && (!alerts_prune(s, now - keep->ended, most, err) ||
                            !delete_incidents(s, now - keep->ended, most, err)))
        return false;
    if (keep->silences > 0 && !delete_silences(s, now - keep->silences, most, err))
        return false;
    return keep->messages <= 0 || outbox_prune(s, now - keep->messages, most, err);
}
