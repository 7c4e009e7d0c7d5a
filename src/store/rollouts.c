#include "store/rollouts.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/aliases.h"
#include "store/history.h"
#include "store/sql.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS                                                                                              \
    "id, endpoint, base, stable, candidate, kind, steps, step_least, step_most, least, state, step, "        \
    "step_since, looked, seen, weight, created, ended, who, why, outcome, moves, mirror, mirror_at_once, "   \
    "mirror_per_day, disagreement, segment, segment_rule"

const char *rollout_state_name(enum rollout_state state) {
    static const char *const names[] = {"running", "promoted", "rolled back", "not enough data",
                                        "worse",   "as good",  "better",      "stopped"};
    return (size_t)state < ARRAY_COUNT(names) ? names[state] : "unknown";
}

static void read_columns(sqlite3_stmt *q, struct rollout_record *r) {
    *r = (struct rollout_record){0};
    str_put(sql_str_at(q, 0), r->id, sizeof r->id);
    str_put(sql_str_at(q, 1), r->endpoint, sizeof r->endpoint);
    str_put(sql_str_at(q, 2), r->base, sizeof r->base);
    str_put(sql_str_at(q, 3), r->stable, sizeof r->stable);
    str_put(sql_str_at(q, 4), r->candidate, sizeof r->candidate);
    r->kind = (int)sql_int_at(q, 5);
    str_put(sql_str_at(q, 6), r->steps, sizeof r->steps);
    r->step_least = sql_int_at(q, 7);
    r->step_most = sql_int_at(q, 8);
    r->least = sql_int_at(q, 9);
    r->state = (enum rollout_state)sql_int_at(q, 10);
    r->step = (unsigned)sql_int_at(q, 11);
    r->step_since = sql_int_at(q, 12);
    r->looked = (unsigned)sql_int_at(q, 13);
    r->seen = sql_int_at(q, 14) != 0;
    r->weight = sqlite3_column_double(q, 15);
    r->created = sql_int_at(q, 16);
    r->ended = sql_int_at(q, 17);
    str_put(sql_str_at(q, 18), r->who, sizeof r->who);
    str_put(sql_str_at(q, 19), r->why, sizeof r->why);
    str_put(sql_str_at(q, 20), r->outcome, sizeof r->outcome);
    r->moves = (unsigned)sql_int_at(q, 21);
    r->mirror = sqlite3_column_double(q, 22);
    r->mirror_at_once = (unsigned)sql_int_at(q, 23);
    r->mirror_per_day = sql_int_at(q, 24);
    r->disagreement = sqlite3_column_double(q, 25);
    str_put(sql_str_at(q, 26), r->segment, sizeof r->segment);
    str_put(sql_str_at(q, 27), r->segment_rule, sizeof r->segment_rule);
}

/* For the history: who serves. */
static void describe(const struct rollout_record *r, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "rollout", r->id);
    json_field_text(&w, "state", rollout_state_name(r->state));
    json_field_text(&w, "stable", r->stable);
    json_field_text(&w, "candidate", r->candidate);
    json_field_int(&w, "step", r->step + 1);
    json_key(&w, "weight");
    json_double(&w, r->weight);
    if (r->mirror > 0) {
        json_key(&w, "mirror");
        json_double(&w, r->mirror);
    }
    if (*r->segment)
        json_field_text(&w, "segment", r->segment);
    json_object_end(&w);
}

static bool note(struct store *s, const struct rollout_record *r, const struct rollout_record *before,
                 const char *what, const char *who, const char *why, struct error *err) {
    AUTO_BUF from = BUF_INIT(4096);
    AUTO_BUF to = BUF_INIT(4096);
    if (before)
        describe(before, &from);
    describe(r, &to);
    struct change c = {.endpoint = r->endpoint,
                       .what = what,
                       .who = who,
                       .why = why,
                       .before = before ? buf_terminated(&from) : "",
                       .after = buf_terminated(&to)};
    if (from.failed || to.failed)
        return fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
    return history_add(s, &c, err) && store_note_change(s, err);
}

/* ---- aliases ---- */

/* *version 0: it is no version of the registry. */
static void version_of(const char *reference, char name[REFERENCE_NAME_MAX + 1], unsigned *version) {
    struct error ignored;
    *version = 0;
    if (!strchr(reference, '/') && !reference_parse(str_from(reference), "model", name, version, &ignored))
        *version = 0;
}

/* At the rollout's endpoint. */
static bool set_alias(struct store *s, const struct rollout_record *r, const char *reference,
                      const char *alias, const char *who, const char *why, struct error *err) {
    char name[REFERENCE_NAME_MAX + 1];
    struct alias a = {.model = name, .name = alias, .endpoint = r->endpoint};
    version_of(reference, name, &a.version);
    return !a.version || aliases_set(s, &a, who, why, err);
}

/* Another rollout's is left alone. */
static bool remove_candidate(struct store *s, const struct rollout_record *r, const char *who,
                             const char *why, struct error *err) {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version, now;
    version_of(r->candidate, name, &version);
    if (!version)
        return true;
    return aliases_own(s, name, r->endpoint, ALIAS_CANDIDATE, &now, err) &&
           (now != version ||
            aliases_set(s, &(struct alias){name, ALIAS_CANDIDATE, r->endpoint, 0, 0}, who, why, err));
}

/* From its first rollout on somebody says what is stable at the endpoint. */
static bool begin_aliases(struct store *s, const struct rollout_record *r, struct error *err) {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version, stable = 0;
    version_of(r->stable, name, &version);
    if (version && !aliases_own(s, name, r->endpoint, ALIAS_STABLE, &stable, err))
        return false;
    return (stable || set_alias(s, r, r->stable, ALIAS_STABLE, r->who, r->why, err)) &&
           set_alias(s, r, r->candidate, ALIAS_CANDIDATE, r->who, r->why, err);
}

/* Stable is what serves everybody: not a candidate that has only a segment, and nothing of a shadow's. */
static bool move_aliases(struct store *s, const struct rollout_record *r, const struct rollout_record *before,
                         const char *who, const char *why, struct error *err) {
    bool for_all = !*r->segment, promoted = r->state == ROLLOUT_PROMOTED;
    if (r->state == ROLLOUT_RUNNING || (promoted && !for_all))
        return true;
    if (promoted && !set_alias(s, r, r->candidate, ALIAS_STABLE, who, why, err))
        return false;
    if (before->state == ROLLOUT_PROMOTED && r->state == ROLLOUT_ROLLED_BACK &&
        !set_alias(s, r, r->stable, ALIAS_STABLE, who, why, err))
        return false;
    return remove_candidate(s, r, who, why, err);
}

/* ---- writing ---- */

static bool insert(struct store *s, const struct rollout_record *r, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO rollouts (" COLUMNS ") VALUES"
                                    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, 0, 0, ?, ?, 0, ?, ?, '', 0,"
                                    " ?, ?, ?, ?, ?, ?)",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(r->id));
    sql_bind_str(q, 2, str_from(r->endpoint));
    sql_bind_str(q, 3, str_from(r->base));
    sql_bind_str(q, 4, str_from(r->stable));
    sql_bind_str(q, 5, str_from(r->candidate));
    sql_bind_int(q, 6, r->kind);
    sql_bind_str(q, 7, str_from(r->steps));
    sql_bind_int(q, 8, r->step_least);
    sql_bind_int(q, 9, r->step_most);
    sql_bind_int(q, 10, r->least);
    sql_bind_int(q, 11, r->step_since);
    sql_bind_double(q, 12, r->weight);
    sql_bind_int(q, 13, r->created);
    sql_bind_str(q, 14, str_from(r->who));
    sql_bind_str(q, 15, str_from(r->why));
    sql_bind_double(q, 16, r->mirror);
    sql_bind_int(q, 17, r->mirror_at_once);
    sql_bind_int(q, 18, r->mirror_per_day);
    sql_bind_double(q, 19, r->disagreement);
    sql_bind_str(q, 20, str_from(r->segment));
    sql_bind_str(q, 21, str_from(r->segment_rule));
    return sql_run(s, q, err);
}

struct newest {
    bool *found;
    struct rollout_record *out;
};

static void take(const struct rollout_record *r, void *ctx) {
    struct newest *n = ctx;
    *n->found = true;
    *n->out = *r;
}

/* The newest of those. */
static bool only(struct store *s, const struct rollout_filter *filter, bool *found,
                 struct rollout_record *out, struct error *err) {
    struct newest n = {found, out};
    struct rollout_filter one = *filter;
    one.limit = 1;
    *found = false;
    return rollouts_list(s, &one, take, &n, err);
}

static bool start(struct store *s, struct rollout_record *r, struct error *err) {
    struct rollout_record other;
    bool found;
    if (!only(s, &(struct rollout_filter){.endpoint = r->endpoint, .running = true}, &found, &other, err))
        return false;
    if (found && other.mirror > 0)
        return fail(
            err, ERR_CONFLICT,
            "Endpoint \"%s\" has a rollout already: the shadow %s of %s, by %s. End it with \"penstock "
            "rollouts stop %s\" first.",
            r->endpoint, other.id, other.candidate, other.who, r->endpoint);
    if (found)
        return fail(err, ERR_CONFLICT,
                    "Endpoint \"%s\" has a rollout already: %s of %s, at step %u since %s. End it with "
                    "\"penstock rollback\" or \"penstock promote\" first.",
                    r->endpoint, other.id, other.candidate, other.step + 1, other.who);
    return insert(s, r, err) && note(s, r, NULL, "rollout.started", r->who, r->why, err) &&
           begin_aliases(s, r, err);
}

bool rollouts_start(struct store *s, struct rollout_record *r, struct error *err) {
    r->created = r->step_since = clock_wall();
    id_make(r->created, r->id);
    if (!store_begin(s, true, err))
        return false;
    if (start(s, r, err))
        return store_commit(s, err);
    store_rollback(s);
    return false;
}

static bool find(struct store *s, const char *id, bool *found, struct rollout_record *out,
                 struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT " COLUMNS " FROM rollouts WHERE id = ?", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(id));
    if (!sql_step(s, q, found, err))
        return false;
    if (*found) {
        read_columns(q, out);
        sql_end(q);
    }
    return true;
}

static bool update(struct store *s, const struct rollout_record *r, const void *evidence, size_t n,
                   struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s,
        "UPDATE rollouts SET state = ?, step = ?, step_since = ?, looked = ?, seen = ?, weight = ?,"
        " ended = ?, outcome = ?, moves = moves + 1, evidence = coalesce(?, evidence), segment = ?"
        " WHERE id = ?",
        err);
    if (!q)
        return false;
    sql_bind_int(q, 1, r->state);
    sql_bind_int(q, 2, r->step);
    sql_bind_int(q, 3, r->step_since);
    sql_bind_int(q, 4, r->looked);
    sql_bind_int(q, 5, r->seen);
    sql_bind_double(q, 6, r->weight);
    sql_bind_int(q, 7, r->ended);
    sql_bind_str(q, 8, str_from(r->outcome));
    if (evidence)
        sql_bind_blob(q, 9, evidence, n);
    else
        sql_bind_null(q, 9);
    sql_bind_str(q, 10, str_from(r->segment));
    sql_bind_str(q, 11, str_from(r->id));
    return sql_run(s, q, err);
}

bool rollouts_save(struct store *s, struct rollout_record *r, const void *evidence, size_t n,
                   const char *what, const char *who, const char *why, bool *lost, struct error *err) {
    struct rollout_record before;
    bool found;
    *lost = false;
    if (!store_begin(s, what != NULL, err))
        return false;
    bool good = find(s, r->id, &found, &before, err);
    *lost = good && (!found || before.moves != r->moves);
    if (good && !*lost)
        good = update(s, r, evidence, n, err) && (!what || (note(s, r, &before, what, who, why, err) &&
                                                            move_aliases(s, r, &before, who, why, err)));
    if (!good || *lost) {
        store_rollback(s);
        return good;
    }
    if (!store_commit(s, err))
        return false;
    r->moves++;
    return true;
}

/* ---- reading ---- */

bool rollouts_evidence(struct store *s, const char *id, void *bytes, size_t size, size_t *n,
                       struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT evidence FROM rollouts WHERE id = ?", err);
    bool row;
    *n = 0;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(id));
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return true;
    struct str blob = sql_blob_at(q, 0);
    if (blob.n == size) {
        memcpy(bytes, blob.p, size);
        *n = size;
    }
    sql_end(q);
    return true;
}

bool rollouts_list(struct store *s, const struct rollout_filter *filter,
                   void (*visit)(const struct rollout_record *r, void *ctx), void *ctx, struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT " COLUMNS " FROM rollouts WHERE (?1 = '' OR endpoint = ?1)"
                                    " AND (?2 = 0 OR state = 0) AND (?4 = 0 OR (?4 = 2) = (mirror > 0))"
                                    " AND (?5 = '' OR id = ?5) ORDER BY created DESC, rowid DESC LIMIT ?3",
                                    err);
    struct rollout_record r;
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(filter->endpoint));
    sql_bind_int(q, 2, filter->running);
    sql_bind_int(q, 3, filter->limit ? (int64_t)filter->limit : -1);
    sql_bind_int(q, 4, filter->which);
    sql_bind_str(q, 5, str_from(filter->id));
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        read_columns(q, &r);
        visit(&r, ctx);
    }
    return false;
}

bool rollouts_newest(struct store *s, const char *endpoint, bool *found, struct rollout_record *out,
                     struct error *err) {
    return only(s, &(struct rollout_filter){.endpoint = endpoint, .which = ROLLOUTS_SERVING}, found, out,
                err);
}

bool rollouts_shadow(struct store *s, const char *endpoint, bool *found, struct rollout_record *out,
                     struct error *err) {
    return only(s, &(struct rollout_filter){.endpoint = endpoint, .which = ROLLOUTS_SHADOWS, .running = true},
                found, out, err);
}
