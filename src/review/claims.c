#include "review/claims.h"

#include "base/clock.h"
#include "base/ids.h"
#include "review/item.h"
#include "review/kinds.h"
#include "review/label_note.h"

#include <stdio.h>
#include <string.h>

/* What of an item decides about a claim or a label. */
struct standing {
    char label[64], reviewer[REVIEWER_MAX + 1]; /* of a resolved one; the label is cut */
    char claimed_by[REVIEWER_MAX + 1], claim_tab[REVIEW_TAB_MAX + 1];
    int64_t claimed_until, lease, wanted;
    enum review_kind kind;
    bool resolved, same_label; /* as was asked for */
    bool free;                 /* no classes are known: a label may have several lines */
};

static void copy(char *to, size_t size, struct str text) {
    size_t n = text.n < size ? text.n : size - 1;
    if (n)
        memcpy(to, text.p, n);
    to[n] = '\0';
}

/* `label`: to be compared with that of a resolved item. */
static bool read_standing(struct store *s, struct str id, struct str label, struct standing *out,
                          struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT label, reviewer, claimed_by, claim_tab, claimed_until, lease,"
                                    " wanted, kind, resolved, labels = '[]' FROM review_items WHERE id = ?",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return review_unknown(id, err);
    *out = (struct standing){.claimed_until = sql_int_at(q, 4),
                             .lease = sql_int_at(q, 5),
                             .wanted = sql_int_at(q, 6),
                             .kind = (enum review_kind)sql_int_at(q, 7),
                             .resolved = !sql_null_at(q, 8),
                             .same_label = str_eq(sql_str_at(q, 0), label),
                             .free = sql_int_at(q, 9) != 0};
    copy(out->label, sizeof out->label, sql_str_at(q, 0));
    copy(out->reviewer, sizeof out->reviewer, sql_str_at(q, 1));
    copy(out->claimed_by, sizeof out->claimed_by, sql_str_at(q, 2));
    copy(out->claim_tab, sizeof out->claim_tab, sql_str_at(q, 3));
    sql_end(q);
    return true;
}

/* ---- what people send ---- */

static bool check_line(const char *field, struct str text, size_t most, struct error *err) {
    bool ok = text.n <= most && str_is_utf8(text, NULL);
    for (size_t i = 0; ok && i < text.n; i++)
        ok = (unsigned char)text.p[i] >= 0x20 && text.p[i] != 0x7f;
    return ok || fail_at(err, ERR_INVALID_FIELD, field,
                         "The %s has at most %zu bytes of UTF-8 without control characters.", field, most);
}

static bool check_there(const char *field, struct str text, size_t most, struct error *err) {
    if (text.n == 0)
        return fail_at(err, ERR_MISSING_FIELD, field, "A review item is resolved with a %s.", field);
    return check_line(field, text, most, err);
}

/* A whole answer has lines. */
static bool check_label(struct str label, bool lines, struct error *err) {
    bool ok = label.n > 0 && label.n <= REVIEW_LABEL_MAX && str_is_utf8(label, NULL);
    for (size_t i = 0; ok && lines && i < label.n; i++)
        ok = label.p[i] == '\n' || label.p[i] == '\r' || label.p[i] == '\t' ||
             ((unsigned char)label.p[i] >= 0x20 && label.p[i] != 0x7f);
    return (ok && lines) || check_there("label", label, REVIEW_LABEL_MAX, err);
}

static bool check_reviewer(const struct reviewer *who, struct error *err) {
    return check_there("reviewer", who->name, REVIEWER_MAX, err) &&
           check_line("tab", who->tab, REVIEW_TAB_MAX, err);
}

/* ---- claims ---- */

static bool is_held(const struct standing *at, int64_t now) {
    return at->claimed_by[0] && at->claimed_until > now;
}

static bool held_by(const struct standing *at, const struct reviewer *who) {
    return str_eq(str_from(at->claimed_by), who->name);
}

static bool refuse_held(const struct standing *at, const struct reviewer *who, struct error *err) {
    char until[CLOCK_TEXT_SIZE];
    clock_format(at->claimed_until, until);
    if (held_by(at, who))
        return fail(err, ERR_CONFLICT,
                    "You have this item in another window until %s; claim it with \"take\": true to go on "
                    "here.",
                    until);
    return fail(err, ERR_CONFLICT, "%s has this item until %s.", at->claimed_by, until);
}

static bool refuse_resolved(const struct standing *at, struct error *err) {
    return fail(err, ERR_CONFLICT, "The item was already resolved as \"%s\" by %s.", at->label, at->reviewer);
}

static bool set_claim(struct store *s, struct str id, const struct reviewer *who, int64_t until,
                      struct error *err) {
    sqlite3_stmt *q = sql_statement(
        s, "UPDATE review_items SET claimed_by = ?1, claim_tab = ?2, claimed_until = ?3 WHERE id = ?4", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, until ? who->name : STR(""));
    sql_bind_str(q, 2, until ? who->tab : STR(""));
    sql_bind_int(q, 3, until);
    sql_bind_str(q, 4, id);
    return sql_run(s, q, err);
}

static bool claim(struct store *s, struct str id, bool take, const struct reviewer *who, struct error *err) {
    struct standing at;
    int64_t now = clock_wall();
    if (!read_standing(s, id, STR(""), &at, err))
        return false;
    if (at.resolved)
        return refuse_resolved(&at, err);
    bool same_tab = str_eq(str_from(at.claim_tab), who->tab);
    if (is_held(&at, now) && !(held_by(&at, who) && (same_tab || take)))
        return refuse_held(&at, who, err);
    return set_claim(s, id, who, now + (at.lease ? at.lease : REVIEW_LEASE_STANDARD), err);
}

static bool release(struct store *s, struct str id, const struct reviewer *who, struct error *err) {
    struct standing at;
    if (!read_standing(s, id, STR(""), &at, err))
        return false;
    return !held_by(&at, who) || set_claim(s, id, who, 0, err);
}

static bool skip(struct store *s, struct str id, struct str reason, const struct reviewer *who,
                 struct error *err) {
    struct standing at;
    sqlite3_stmt *q = sql_statement(
        s, "INSERT OR REPLACE INTO review_skips (item, reviewer, at, reason) VALUES (?, ?, ?, ?)", err);
    if (!q || !check_line("reason", reason, REVIEW_NOTE_MAX, err) || !read_standing(s, id, STR(""), &at, err))
        return false;
    if (at.resolved)
        return refuse_resolved(&at, err);
    if (is_held(&at, clock_wall()) && !held_by(&at, who))
        return refuse_held(&at, who, err);
    sql_bind_str(q, 1, id);
    sql_bind_str(q, 2, who->name);
    sql_bind_int(q, 3, clock_wall());
    sql_bind_str(q, 4, reason);
    return sql_run(s, q, err) && set_claim(s, id, who, 0, err);
}

/* ---- the next one ---- */

#define FREE                                                                                                 \
    " AND r.claimed_until <= ?2"                                                                             \
    " AND NOT EXISTS (SELECT 1 FROM review_opinions o WHERE o.item = r.id AND o.reviewer = ?1)"              \
    " AND NOT EXISTS (SELECT 1 FROM review_skips p WHERE p.item = r.id AND p.reviewer = ?1)"                 \
    " AND (r.gold IS NULL OR NOT EXISTS (SELECT 1 FROM review_items g, review_opinions o"                    \
    " WHERE g.gold = r.gold AND o.item = g.id AND o.reviewer = ?1))"                                         \
    " AND (r.gold IS NULL OR NOT EXISTS (SELECT 1 FROM review_items g, review_opinions o"                    \
    " WHERE g.request_id = r.request_id AND o.item = g.id AND o.reviewer = ?1))"                             \
    " ORDER BY r.rank, r.id LIMIT 1"
#define OWN                                                                                                  \
    " AND r.claimed_by = ?1 AND r.claim_tab = ?4 AND r.claimed_until > ?2 ORDER BY r.rank, r.id LIMIT 1"

/* Two texts each, so that each goes along its index. */
static const char own_any[] = "SELECT r.id FROM review_items r WHERE r.resolved IS NULL" OWN;
static const char own_of[] =
    "SELECT r.id FROM review_items r WHERE r.endpoint = ?3 AND r.resolved IS NULL" OWN;
static const char free_any[] = "SELECT r.id FROM review_items r WHERE r.resolved IS NULL" FREE;
static const char free_of[] =
    "SELECT r.id FROM review_items r WHERE r.endpoint = ?3 AND r.resolved IS NULL" FREE;

/* id "" where there is none. */
static bool find(struct store *s, const char *text, struct str endpoint, const struct reviewer *who,
                 char id[ID_SIZE], struct error *err) {
    sqlite3_stmt *q = sql_statement(s, text, err);
    bool row;
    id[0] = '\0';
    if (!q)
        return false;
    sql_bind_str(q, 1, who->name);
    sql_bind_int(q, 2, clock_wall());
    if (endpoint.n)
        sql_bind_str(q, 3, endpoint);
    if (text == own_any || text == own_of)
        sql_bind_str(q, 4, who->tab);
    if (!sql_step(s, q, &row, err))
        return false;
    if (row) {
        copy(id, ID_SIZE, sql_str_at(q, 0));
        sql_end(q);
    }
    return true;
}

static bool next(struct store *s, struct str endpoint, const struct reviewer *who, struct buf *out,
                 struct error *err) {
    char id[ID_SIZE];
    if (!find(s, endpoint.n ? own_of : own_any, endpoint, who, id, err) ||
        (!id[0] && !find(s, endpoint.n ? free_of : free_any, endpoint, who, id, err)))
        return false;
    if (!id[0]) {
        buf_add_str(out, STR("{\"item\":null}"));
        return true;
    }
    buf_add_str(out, STR("{\"item\":"));
    if (!claim(s, str_from(id), false, who, err) || !review_get(s, str_from(id), who, out, err))
        return false;
    buf_add_char(out, '}');
    return true;
}

/* ---- opinions ---- */

static bool check_verdict(const struct verdict *v, const struct standing *at, struct error *err) {
    if (!check_label(v->label, at->free, err) || !check_line("note", v->note, REVIEW_NOTE_MAX, err))
        return false;
    if (v->fields.n > REVIEW_FIELDS_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "fields", "The corrections have at most %d bytes.",
                       REVIEW_FIELDS_MAX);
    if (at->kind != REVIEW_APPROVAL)
        return true;
    bool denied = str_eq(v->label, STR("denied"));
    if (!denied && !str_eq(v->label, STR("approved")))
        return fail_at(err, ERR_INVALID_FIELD, "label",
                       "This item asks for approval: its label is \"approved\" or \"denied\".");
    return !denied || v->note.n > 0 ||
           fail_at(err, ERR_MISSING_FIELD, "note", "Say why it is denied, in \"note\".");
}

/* *said: this person's label is there already, and it is this one. */
static bool said_before(struct store *s, struct str id, struct str label, const struct reviewer *who,
                        bool *said, struct error *err) {
    sqlite3_stmt *q =
        sql_statement(s, "SELECT label FROM review_opinions WHERE item = ? AND reviewer = ?", err);
    bool row;
    *said = false;
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    sql_bind_str(q, 2, who->name);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return true;
    *said = str_eq(sql_str_at(q, 0), label);
    struct str before = str_slice(sql_str_at(q, 0), 0, 60);
    if (!*said)
        fail(err, ERR_CONFLICT, "You already said \"%.*s\" about this item.", STR_ARG(before));
    sql_end(q);
    return *said;
}

static bool add_opinion(struct store *s, struct str id, const struct verdict *v, const struct reviewer *who,
                        struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO review_opinions (item, reviewer, at, label, fields, note)"
                                    " VALUES (?, ?, ?, ?, ?, ?)",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    sql_bind_str(q, 2, who->name);
    sql_bind_int(q, 3, clock_wall());
    sql_bind_str(q, 4, v->label);
    sql_bind_str(q, 5, v->fields);
    sql_bind_str(q, 6, v->note);
    return sql_run(s, q, err) && label_note(s, id, v->label, who->name, err);
}

static bool count_opinions(struct store *s, struct str id, struct str label, int64_t *all, int64_t *same,
                           struct error *err) {
    static const char text[] =
        "SELECT count(*), coalesce(sum(label = ?1), 0) FROM review_opinions WHERE item = ?2";
    sqlite3_stmt *q = sql_statement(s, text, err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, label);
    sql_bind_str(q, 2, id);
    if (!sql_step(s, q, &row, err))
        return false;
    *all = sql_int_at(q, 0);
    *same = sql_int_at(q, 1);
    sql_end(q);
    return true;
}

static bool resolve(struct store *s, struct str id, const struct verdict *v, const struct reviewer *who,
                    struct error *err) {
    sqlite3_stmt *q = sql_statement(s,
                                    "UPDATE review_items SET label = ?1, reviewer = ?2, resolved = ?3,"
                                    " fields = ?4, note = ?5 WHERE id = ?6 AND resolved IS NULL",
                                    err);
    if (!q)
        return false;
    sql_bind_str(q, 1, v->label);
    sql_bind_str(q, 2, who->name);
    sql_bind_int(q, 3, clock_wall());
    sql_bind_str(q, 4, v->fields);
    sql_bind_str(q, 5, v->note);
    sql_bind_str(q, 6, id);
    return sql_run(s, q, err);
}

/* Two that differ: somebody else has the last word. */
static bool ask_a_third(struct store *s, struct str id, struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "UPDATE review_items SET wanted = 3 WHERE id = ?", err);
    if (!q)
        return false;
    sql_bind_str(q, 1, id);
    return sql_run(s, q, err);
}

static bool settle(struct store *s, struct str id, const struct standing *at, const struct verdict *v,
                   const struct reviewer *who, struct error *err) {
    int64_t all, same;
    if (!count_opinions(s, id, v->label, &all, &same, err))
        return false;
    if (all < at->wanted)
        return true;
    return all == 2 && same < 2 ? ask_a_third(s, id, err) : resolve(s, id, v, who, err);
}

static bool label(struct store *s, struct str id, const struct verdict *v, const struct reviewer *who,
                  struct error *err) {
    struct standing at;
    bool said;
    if (!read_standing(s, id, v->label, &at, err))
        return false;
    if (at.resolved)
        return at.same_label || refuse_resolved(&at, err);
    if (!check_verdict(v, &at, err))
        return false;
    if (is_held(&at, clock_wall()) && !held_by(&at, who))
        return refuse_held(&at, who, err);
    return said_before(s, id, v->label, who, &said, err) &&
           (said || (add_opinion(s, id, v, who, err) && set_claim(s, id, who, 0, err) &&
                     settle(s, id, &at, v, who, err)));
}

/* ---- each in a transaction ---- */

static bool end(struct store *s, bool good, size_t start, struct buf *out, struct error *err) {
    if (!good)
        store_rollback(s);
    else
        good = store_commit(s, err);
    if (!good)
        out->n = start;
    return good;
}

bool review_next(struct store *s, struct str endpoint, const struct reviewer *who, struct buf *out,
                 struct error *err) {
    size_t start = out->n;
    return check_reviewer(who, err) && store_begin(s, true, err) &&
           end(s, next(s, endpoint, who, out, err), start, out, err);
}

bool review_claim(struct store *s, struct str id, bool take, const struct reviewer *who, struct buf *out,
                  struct error *err) {
    size_t start = out->n;
    return check_reviewer(who, err) && store_begin(s, true, err) &&
           end(s, claim(s, id, take, who, err) && review_get(s, id, who, out, err), start, out, err);
}

bool review_release(struct store *s, struct str id, const struct reviewer *who, struct buf *out,
                    struct error *err) {
    size_t start = out->n;
    return check_reviewer(who, err) && store_begin(s, true, err) &&
           end(s, release(s, id, who, err) && review_get(s, id, who, out, err), start, out, err);
}

bool review_skip(struct store *s, struct str id, struct str reason, const struct reviewer *who,
                 struct buf *out, struct error *err) {
    size_t start = out->n;
    return check_reviewer(who, err) && store_begin(s, true, err) &&
           end(s, skip(s, id, reason, who, err) && review_get(s, id, who, out, err), start, out, err);
}

/* "right" about a whole answer is what it said, so that it counts like any label that is the model's. */
static bool say_right(struct store *s, struct str id, struct verdict *v, struct buf *room,
                      struct error *err) {
    sqlite3_stmt *q = str_eq(v->label, STR("right"))
                          ? sql_statement(s,
                                          "SELECT prediction FROM review_items WHERE id = ? AND kind = 1"
                                          " AND action = '" REVIEW_WHOLE_ANSWER "' AND prediction <> ''",
                                          err)
                          : NULL;
    bool row;
    if (!q)
        return !str_eq(v->label, STR("right"));
    sql_bind_str(q, 1, id);
    if (!sql_step(s, q, &row, err))
        return false;
    if (!row)
        return true;
    buf_add_str(room, sql_str_at(q, 0));
    sql_end(q);
    v->label = buf_str(room);
    return !room->failed || fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
}

bool review_label(struct store *s, struct str id, const struct verdict *verdict, const struct reviewer *who,
                  struct buf *out, struct error *err) {
    size_t start = out->n;
    struct verdict v = *verdict;
    AUTO_BUF said = BUF_INIT(REVIEW_LABEL_MAX);
    return check_reviewer(who, err) && store_begin(s, true, err) &&
           end(s,
               say_right(s, id, &v, &said, err) && label(s, id, &v, who, err) &&
                   review_get(s, id, who, out, err),
               start, out, err);
}
