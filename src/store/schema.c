#include "store/schema.h"

#include "store/audit.h"
#include "store/sql.h"

#include <stdio.h>

enum { APPLICATION_ID = 0x50454e53 }; /* "PENS", so that file(1) and we know our own */

/* A step is never edited once released; a change is a further step. Times are wall ns unless named. */
static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE revision (number INTEGER NOT NULL);"
    "INSERT INTO revision VALUES (0);"
    /* Written to learn whether the store takes writes again. */
    "CREATE TABLE heartbeat (at INTEGER NOT NULL);"
    "INSERT INTO heartbeat VALUES (0);"
    "CREATE TABLE keys ("
    " id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, client TEXT NOT NULL, role INTEGER NOT NULL,"
    " rate REAL NOT NULL, burst INTEGER NOT NULL, created INTEGER NOT NULL, revoked INTEGER NOT NULL);"
    "CREATE TABLE versions ("
    " name TEXT NOT NULL, version INTEGER NOT NULL, backend TEXT NOT NULL, artefact TEXT NOT NULL,"
    " created INTEGER NOT NULL, manifest TEXT NOT NULL, PRIMARY KEY (name, version));"
    /* id: microseconds since 1970 when the event was written, made unique, so a time range is a key
     * range and rows are only ever appended. stages: pairs of varints (stage_names.id, µs). cost: nano-
     * dollars, NULL = unknown. decision, scan, cache: the numbers of watch/event.h. */
    "CREATE TABLE stage_names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE events ("
    " id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, arrived INTEGER NOT NULL,"
    " latency_us INTEGER NOT NULL, status INTEGER NOT NULL, decision INTEGER NOT NULL,"
    " client TEXT, endpoint TEXT, model TEXT, prediction TEXT, confidence REAL, scan INTEGER,"
    " cache INTEGER, cost INTEGER, stages BLOB, input_hash BLOB, ocr_confidence REAL, fallback TEXT,"
    " error_code TEXT, error_message TEXT, review_id TEXT);"
    /* An index entry per event would cost as much as half the event. Instead: the keys that each
     * commit gave to an endpoint's events, and the request IDs of those events that cannot be found by
     * the time their ID carries (watch/records.h). */
    "CREATE TABLE event_groups ("
    " endpoint TEXT NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (endpoint, last));"
    "CREATE TABLE request_ids ("
    " request_id TEXT NOT NULL, event INTEGER NOT NULL, PRIMARY KEY (request_id, event));"
    /* The inputs that are kept, by the event they came with; several may share one blob. */
    "CREATE TABLE kept_inputs ("
    " event INTEGER PRIMARY KEY, blob TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL,"
    " keep_until INTEGER);"
    "CREATE INDEX kept_inputs_until ON kept_inputs (keep_until) WHERE keep_until IS NOT NULL;"
    "CREATE INDEX kept_inputs_blob ON kept_inputs (blob);"
    "CREATE TABLE review_items ("
    " id TEXT PRIMARY KEY, request_id TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL,"
    " created INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, prediction TEXT NOT NULL,"
    " confidence REAL, labels TEXT NOT NULL, event INTEGER, input_hash BLOB, label TEXT, reviewer TEXT,"
    " resolved INTEGER);"
    "CREATE INDEX review_items_open ON review_items (id) WHERE resolved IS NULL;"
    "CREATE INDEX review_items_request ON review_items (request_id);",
    /* 2 */
    /* Events some dozens at a time (watch/record_page.h): id and last are the first event's key and the
     * last one's, of the same kind as events.id and above any there, and in event_groups `first` is a
     * page's id. The table events keeps what is in it and gets nothing more. */
    "CREATE TABLE event_pages ("
    " id INTEGER PRIMARY KEY, last INTEGER NOT NULL, count INTEGER NOT NULL, body BLOB NOT NULL);",
    /* 3 */
    /* What accounts spent (store/spend.h): span, scope: its numbers; start: of the span; cost: nano-dollars,
     * of those requests that are not unpriced. spend_commits: the last commit that holds charges of a
     * journal. */
    "CREATE TABLE spend ("
    " span INTEGER NOT NULL, start INTEGER NOT NULL, scope INTEGER NOT NULL, subject TEXT NOT NULL,"
    " requests INTEGER NOT NULL, tokens INTEGER NOT NULL, cost INTEGER NOT NULL, unpriced INTEGER NOT NULL,"
    " PRIMARY KEY (span, start, scope, subject));"
    "CREATE TABLE spend_commits (journal INTEGER PRIMARY KEY, number INTEGER NOT NULL);",
    /* 4 */
    /* hash: SHA-256 of the text, which is never changed. */
    "CREATE TABLE prompts ("
    " name TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, created INTEGER NOT NULL,"
    " text TEXT NOT NULL, PRIMARY KEY (name, version));",
    /* 5 */
    /* Answers that later requests build on (store/responses.h). input, output: JSON arrays. */
    "CREATE TABLE responses ("
    " tenant TEXT NOT NULL, id TEXT NOT NULL, previous TEXT, endpoint TEXT NOT NULL, created INTEGER NOT "
    "NULL,"
    " expires INTEGER NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY (tenant, id));"
    "CREATE INDEX responses_expires ON responses (expires);"
    /* A name for the last of a chain of them. */
    "CREATE TABLE conversations ("
    " tenant TEXT NOT NULL, id TEXT NOT NULL, last TEXT NOT NULL, created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (tenant, id));"
    /* Which response an item of an answer is of. */
    "CREATE TABLE response_items ("
    " tenant TEXT NOT NULL, item TEXT NOT NULL, response TEXT NOT NULL, PRIMARY KEY (tenant, item));"
    "CREATE INDEX response_items_response ON response_items (tenant, response);",
    /* 6 */
    /* Evaluations of versions (store/evaluations.h, with the numbers of source and verdict). */
    "CREATE TABLE evaluations ("
    " id TEXT PRIMARY KEY, suite TEXT NOT NULL, suite_hash TEXT NOT NULL, endpoint TEXT NOT NULL,"
    " model TEXT NOT NULL, version INTEGER NOT NULL, baseline TEXT NOT NULL, source INTEGER NOT NULL,"
    " cases INTEGER NOT NULL, passed INTEGER NOT NULL, verdict INTEGER NOT NULL, created INTEGER NOT NULL,"
    " who TEXT NOT NULL, report TEXT NOT NULL);"
    "CREATE INDEX evaluations_version ON evaluations (model, version, suite, id);",
    /* 7 */
    /* manifest: the hash of a blob (store/dataset_manifest.h). Rows are only ever added. */
    "CREATE TABLE datasets ("
    " name TEXT NOT NULL, version INTEGER NOT NULL, manifest TEXT NOT NULL, kind INTEGER NOT NULL,"
    " rows INTEGER NOT NULL, bytes INTEGER NOT NULL, labels INTEGER NOT NULL, source TEXT NOT NULL,"
    " created INTEGER NOT NULL, PRIMARY KEY (name, version));"
    "CREATE INDEX datasets_manifest ON datasets (manifest, name);"
    /* Which versions learned from which dataset: what their manifests say, to be found from the other end. */
    "CREATE TABLE version_datasets ("
    " name TEXT NOT NULL, version INTEGER NOT NULL, manifest TEXT NOT NULL, PRIMARY KEY (name, version));"
    "CREATE INDEX version_datasets_manifest ON version_datasets (manifest, name, version);"
    /* The newest row of a key holds (store/tags.h). value NULL: the tag was taken away. version 0: of the
       name. */
    "CREATE TABLE tags ("
    " id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,"
    " key TEXT NOT NULL, value TEXT, created INTEGER NOT NULL);"
    "CREATE INDEX tags_subject ON tags (subject, name, version, key, id);"
    /* All that a listing of versions shows, since the manifests beside it are long. */
    "CREATE INDEX versions_listing ON versions (name, version DESC, backend, artefact, created);",
    /* 8 */
    /* hash: as evaluations have it; files: JSON (store/suites.h), their bytes among the blobs. */
    "CREATE TABLE suites ("
    " name TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, created INTEGER NOT NULL,"
    " files TEXT NOT NULL, PRIMARY KEY (name, version));",
    /* 9 */
    /* Append only (store/history.h). */
    "CREATE TABLE changes ("
    " id TEXT PRIMARY KEY, at INTEGER NOT NULL, endpoint TEXT NOT NULL, what TEXT NOT NULL, who TEXT NOT "
    "NULL,"
    " why TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL);"
    "CREATE INDEX changes_endpoint ON changes (endpoint, what, at);"
    /* store/rollouts.h, with the numbers of state; kind: of traffic/rollout_plan.h. evidence: two struct arm
       of the program that wrote it. */
    "CREATE TABLE rollouts ("
    " id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, base TEXT NOT NULL, stable TEXT NOT NULL,"
    " candidate TEXT NOT NULL, kind INTEGER NOT NULL, steps TEXT NOT NULL, step_least INTEGER NOT NULL,"
    " step_most INTEGER NOT NULL, least INTEGER NOT NULL, state INTEGER NOT NULL, step INTEGER NOT NULL,"
    " step_since INTEGER NOT NULL, looked INTEGER NOT NULL, seen INTEGER NOT NULL, weight REAL NOT NULL,"
    " created INTEGER NOT NULL, ended INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,"
    " outcome TEXT NOT NULL, moves INTEGER NOT NULL, evidence BLOB);"
    "CREATE INDEX rollouts_endpoint ON rollouts (endpoint, created);",
    /* 10 */
    /* watch/feedback.h. correct: 1, 0, -1 not known; score: NULL not said. */
    "CREATE TABLE feedback ("
    " request_id TEXT NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL, endpoint TEXT NOT NULL,"
    " model TEXT NOT NULL, label TEXT NOT NULL, correct INTEGER NOT NULL, score REAL,"
    " PRIMARY KEY (request_id, who));"
    "CREATE INDEX feedback_endpoint ON feedback (endpoint, at);",
    /* 11 */
    /* Append only and chained (store/audit.h); takes over what was in `changes` (audit_adopt). The triggers
       keep honest programs from mistakes; what dishonest ones do, the chain shows. */
    "CREATE TABLE audit ("
    " number INTEGER PRIMARY KEY, at INTEGER NOT NULL, class INTEGER NOT NULL, hash BLOB NOT NULL,"
    " id TEXT NOT NULL, endpoint TEXT NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,"
    " before TEXT NOT NULL, after TEXT NOT NULL);"
    "CREATE INDEX audit_endpoint ON audit (endpoint, what, at);"
    "CREATE INDEX audit_class ON audit (class, number);"
    "CREATE TABLE audit_head (number INTEGER NOT NULL, hash BLOB NOT NULL);"
    "INSERT INTO audit_head VALUES (0, zeroblob(32));"
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN"
    " SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN"
    " SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;",
    /* 12 */
    /* Work in the review queue (review/). kind: of watch/event.h. rank: what is smallest is done first, as a
     * time. lease: ns, 0: the standard. wanted: opinions. share: with which probability an audit was drawn.
     * fields: corrections, a JSON object or "". gold: of review_gold, whose row it was made of; NULL: a real
     * item. */
    "ALTER TABLE review_items ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE review_items ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE review_items ADD COLUMN risk REAL NOT NULL DEFAULT 0;"
    "ALTER TABLE review_items ADD COLUMN due INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE review_items ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE review_items ADD COLUMN wanted INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE review_items ADD COLUMN share REAL;"
    "ALTER TABLE review_items ADD COLUMN action TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE review_items ADD COLUMN fields TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE review_items ADD COLUMN note TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE review_items ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE review_items ADD COLUMN claim_tab TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE review_items ADD COLUMN claimed_until INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE review_items ADD COLUMN gold TEXT;"
    "ALTER TABLE review_items ADD COLUMN client TEXT NOT NULL DEFAULT '';"
    "UPDATE review_items SET rank = created;"
    "CREATE INDEX review_items_queue ON review_items (rank, id) WHERE resolved IS NULL;"
    "CREATE INDEX review_items_endpoint_queue ON review_items (endpoint, rank, id) WHERE resolved IS NULL;"
    "CREATE INDEX review_items_resolved ON review_items (endpoint, resolved) WHERE resolved IS NOT NULL;"
    "CREATE INDEX review_items_created ON review_items (endpoint, created);"
    "CREATE INDEX review_items_audit ON review_items (endpoint, created) WHERE kind = 1;"
    "CREATE INDEX review_items_gold ON review_items (gold) WHERE gold IS NOT NULL;"
    /* What was read in a file that a person looks at; gone with the file. */
    "ALTER TABLE kept_inputs ADD COLUMN text TEXT;"
    /* What each person said of an item, and who left it to others. */
    "CREATE TABLE review_opinions ("
    " item TEXT NOT NULL, reviewer TEXT NOT NULL, at INTEGER NOT NULL, label TEXT NOT NULL,"
    " fields TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (item, reviewer));"
    "CREATE INDEX review_opinions_at ON review_opinions (at);"
    "CREATE TABLE review_skips ("
    " item TEXT NOT NULL, reviewer TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY (item, reviewer));"
    /* Items whose answer is known, to be mixed in unseen (review/gold.h). event: of kept_inputs, below 0.
     * request: that of the item it was taken from, or "". */
    "CREATE TABLE review_gold ("
    " id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, label TEXT NOT NULL, source TEXT NOT NULL,"
    " request TEXT NOT NULL, event INTEGER, input_hash BLOB, model TEXT NOT NULL, reason TEXT NOT NULL,"
    " detail TEXT NOT NULL, prediction TEXT NOT NULL, confidence REAL, labels TEXT NOT NULL,"
    " created INTEGER NOT NULL, planted INTEGER NOT NULL, retired INTEGER);"
    "CREATE INDEX review_gold_endpoint ON review_gold (endpoint, planted);"
    /* What people and the program set for an endpoint while it runs (store/endpoint_states.h). */
    "CREATE TABLE endpoint_states ("
    " endpoint TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL,"
    " who TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY (endpoint, name));",
    /* 13 */
    /* watch/alerts/alert_records.h, with the numbers of state, class and sight. One row each time that
       something is breached; those that end before they fire are deleted. held, cleared, unseen: ns. */
    "CREATE TABLE alerts ("
    " id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, monitor TEXT NOT NULL, part TEXT NOT NULL,"
    " state INTEGER NOT NULL, class INTEGER NOT NULL, sight INTEGER NOT NULL, above INTEGER NOT NULL,"
    " held INTEGER NOT NULL, cleared INTEGER NOT NULL, unseen INTEGER NOT NULL, told_unseen INTEGER NOT NULL,"
    " began INTEGER NOT NULL, fired INTEGER NOT NULL, ended INTEGER NOT NULL, value REAL, worst REAL,"
    " expected REAL, bound REAL, unit TEXT NOT NULL, samples INTEGER NOT NULL, window_from INTEGER NOT NULL,"
    " window_to INTEGER NOT NULL, detail TEXT NOT NULL, muted TEXT NOT NULL, incident TEXT NOT NULL);"
    "CREATE UNIQUE INDEX alerts_active ON alerts (endpoint, monitor, part) WHERE state < 3;"
    "CREATE INDEX alerts_incident ON alerts (incident);"
    /* watch/alerts/incidents.h. waited, quiet, untold, escalated: ns. */
    "CREATE TABLE incidents ("
    " id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, owner TEXT NOT NULL, class INTEGER NOT NULL,"
    " state INTEGER NOT NULL, opened INTEGER NOT NULL, acknowledged INTEGER NOT NULL,"
    " resolved INTEGER NOT NULL, acknowledged_by TEXT NOT NULL, resolved_by TEXT NOT NULL,"
    " summary TEXT NOT NULL, notices INTEGER NOT NULL, waited INTEGER NOT NULL, quiet INTEGER NOT NULL,"
    " untold INTEGER NOT NULL, changed INTEGER NOT NULL, escalated INTEGER NOT NULL);"
    "CREATE INDEX incidents_open ON incidents (endpoint) WHERE state < 2;"
    "CREATE TABLE incident_events ("
    " id INTEGER PRIMARY KEY, incident TEXT NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL,"
    " who TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX incident_events_incident ON incident_events (incident, id);"
    /* watch/alerts/silences.h */
    "CREATE TABLE silences ("
    " id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, monitor TEXT NOT NULL, part TEXT NOT NULL,"
    " starts INTEGER NOT NULL, ends INTEGER NOT NULL, created INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " who TEXT NOT NULL, why TEXT NOT NULL);"
    "CREATE INDEX silences_open ON silences (ends) WHERE ended = 0;"
    /* watch/alerts/outbox.h: messages to receivers, whole but for the receiver's secrets. */
    "CREATE TABLE outbox ("
    " id TEXT PRIMARY KEY, receiver TEXT NOT NULL, shape TEXT NOT NULL, incident TEXT NOT NULL,"
    " what TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, created INTEGER NOT NULL,"
    " state INTEGER NOT NULL, tries INTEGER NOT NULL, tried INTEGER NOT NULL, status INTEGER NOT NULL,"
    " answer TEXT NOT NULL);"
    "CREATE INDEX outbox_waiting ON outbox (id) WHERE state = 0;"
    "CREATE INDEX outbox_incident ON outbox (incident, receiver);"
    /* How an endpoint's objectives were kept (watch/alerts/burn_rate.h): counts of windows, of the program
       that wrote them. */
    "CREATE TABLE objectives ("
    " endpoint TEXT NOT NULL, objective TEXT NOT NULL, at INTEGER NOT NULL, counts BLOB NOT NULL,"
    " PRIMARY KEY (endpoint, objective));",
    /* 14 */
    /* What a shadow rollout may cost (mirror: share; nano-dollars a day) and how much disagreement it allows;
       who takes part in a rollout (store/rollouts.h). */
    "ALTER TABLE rollouts ADD COLUMN mirror REAL NOT NULL DEFAULT 0;"
    "ALTER TABLE rollouts ADD COLUMN mirror_at_once INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE rollouts ADD COLUMN mirror_per_day INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE rollouts ADD COLUMN disagreement REAL NOT NULL DEFAULT 0;"
    "ALTER TABLE rollouts ADD COLUMN segment TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE rollouts ADD COLUMN segment_rule TEXT NOT NULL DEFAULT '';"
    /* What a shadow's candidate said (watch/shadows.h). same: 1, 0, -1 nothing to compare; cost: -1 unknown.
     */
    "CREATE TABLE shadow_answers ("
    " id INTEGER PRIMARY KEY, rollout TEXT NOT NULL, request_id TEXT NOT NULL, at INTEGER NOT NULL,"
    " label TEXT NOT NULL, confidence REAL, latency INTEGER NOT NULL, cost INTEGER NOT NULL,"
    " error TEXT NOT NULL, same INTEGER NOT NULL);"
    "CREATE INDEX shadow_answers_request ON shadow_answers (rollout, request_id);"
    "CREATE INDEX shadow_answers_at ON shadow_answers (at);"
    /* store/aliases.h */
    "CREATE TABLE aliases ("
    " model TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL, changed INTEGER NOT NULL,"
    " PRIMARY KEY (model, alias));"
    /* store/endpoint_versions.h. Rows are only ever added. */
    "CREATE TABLE endpoint_versions ("
    " endpoint TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, created INTEGER NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY (endpoint, version));",
    /* 15 */
    /* watch/monitors/monitor_store.h. span: seconds; counts: watch/monitors/window_pack.c; readings:
       watch/monitors/monitor_series.h. */
    "CREATE TABLE monitor_windows ("
    " endpoint TEXT NOT NULL, span INTEGER NOT NULL, at INTEGER NOT NULL, counts BLOB NOT NULL,"
    " readings BLOB NOT NULL, PRIMARY KEY (endpoint, span, at));"
    "CREATE INDEX monitor_windows_span ON monitor_windows (span, at);",
    /* 16 */
    /* store/subject.h. */
    "CREATE TABLE subject_secret (secret BLOB NOT NULL);"
    "ALTER TABLE responses ADD COLUMN subject BLOB;"
    "CREATE INDEX responses_subject ON responses (subject) WHERE subject IS NOT NULL;"
    "CREATE INDEX responses_previous ON responses (tenant, previous) WHERE previous IS NOT NULL;"
    /* Who is to be forgotten (watch/forget.h). subject NULL: a client. page: the last page of records that
       was looked at, -1: not begun; last: the last there was then. finished 0: not yet. */
    "CREATE TABLE forgets ("
    " id TEXT PRIMARY KEY, subject BLOB, client TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,"
    " asked INTEGER NOT NULL, finished INTEGER NOT NULL, page INTEGER NOT NULL, last INTEGER NOT NULL,"
    " records INTEGER NOT NULL, inputs INTEGER NOT NULL, bytes INTEGER NOT NULL, reviews INTEGER NOT NULL,"
    " feedback INTEGER NOT NULL, responses INTEGER NOT NULL, conversations INTEGER NOT NULL,"
    " spend INTEGER NOT NULL);"
    "CREATE INDEX shadow_answers_of ON shadow_answers (request_id);"
    "CREATE INDEX forgets_open ON forgets (id) WHERE finished = 0;",
    /* 17 */
    /* watch/cost_days.h, with the numbers of kind. day: since 1970. cost: nano-dollars, of those requests
       that are not unpriced. */
    "CREATE TABLE cost_days ("
    " day INTEGER NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL, requests INTEGER NOT NULL,"
    " cost INTEGER NOT NULL, unpriced INTEGER NOT NULL, PRIMARY KEY (kind, name, day));",
    /* 18 */
    /* Aliases of a model at one endpoint (store/aliases.h); "": of the model. What rollouts did so far is
       said where they did it: of each endpoint the newest one that says who serves, and the ones that run. */
    "ALTER TABLE aliases RENAME TO aliases_of_models;"
    "CREATE TABLE aliases ("
    " model TEXT NOT NULL, alias TEXT NOT NULL, endpoint TEXT NOT NULL, version INTEGER NOT NULL,"
    " changed INTEGER NOT NULL, PRIMARY KEY (model, alias, endpoint));"
    "INSERT INTO aliases SELECT model, alias, '', version, changed FROM aliases_of_models;"
    "DROP TABLE aliases_of_models;"
    "CREATE TEMP TABLE moved AS"
    " SELECT endpoint, max(created) AS at, 'stable' AS alias,"
    " CASE WHEN state = 1 AND segment = '' THEN candidate ELSE stable END AS reference"
    " FROM rollouts WHERE mirror = 0 GROUP BY endpoint"
    " UNION ALL SELECT endpoint, max(created), 'candidate', candidate FROM rollouts AS r"
    " WHERE state = 0 OR (state = 1 AND segment <> '' AND created ="
    " (SELECT max(created) FROM rollouts WHERE endpoint = r.endpoint AND mirror = 0)) GROUP BY endpoint;"
    "DELETE FROM moved WHERE reference NOT LIKE '%@%' OR reference LIKE '%/%';"
    "INSERT INTO aliases SELECT substr(reference, 1, instr(reference, '@') - 1), alias, endpoint,"
    " CAST(substr(reference, instr(reference, '@') + 1) AS INTEGER), at FROM moved;"
    "DROP TABLE moved;"
    /* A candidate is nobody's but an endpoint's; `stable` stays for the endpoints that had no rollout. */
    "DELETE FROM aliases WHERE endpoint = '' AND alias = 'candidate' AND EXISTS"
    " (SELECT 1 FROM aliases AS a WHERE a.model = aliases.model AND a.alias = 'candidate'"
    " AND a.version = aliases.version AND a.endpoint <> '');",
    /* 19 */
    /* What versions without a profile are compared with (watch/monitors/first_reference.h); at: fixed, wall
     * ns. profile: as a manifest has it. Never changed. */
    "CREATE TABLE monitor_references ("
    " endpoint TEXT NOT NULL, version TEXT NOT NULL, at INTEGER NOT NULL, profile TEXT NOT NULL,"
    " PRIMARY KEY (endpoint, version));",
};

enum { STEP_COUNT = ARRAY_COUNT(steps), AUDIT_STEP = 11 };

static bool refuse_foreign(struct store *s, int64_t version, struct error *err) {
    int64_t application, tables;
    if (!sql_number(s, "PRAGMA application_id", &application, err) ||
        !sql_number(s, "SELECT count(*) FROM sqlite_master", &tables, err))
        return false;
    if (application == APPLICATION_ID || (application == 0 && version == 0 && tables == 0))
        return true;
    return fail(err, ERR_STORE,
                "%s/store.db is another program's database; name an empty folder or Penstock's own.",
                store_folder(s));
}

static bool apply_steps(struct store *s, int64_t version, struct error *err) {
    for (int64_t step = version; step < STEP_COUNT; step++)
        if (!sql_exec(s, steps[step], err) || (step + 1 == AUDIT_STEP && !audit_adopt(s, err)))
            return fail_within(err, "Bringing %s/store.db to schema %lld failed", store_folder(s),
                               (long long)step + 1);
    char pragma[96];
    snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
             STEP_COUNT);
    return sql_exec(s, pragma, err);
}

/* In one view: while somebody else makes the store, its parts would contradict each other. */
static bool look(struct store *s, int64_t *version, struct error *err) {
    bool good = store_view_begin(s, err) && sql_number(s, "PRAGMA user_version", version, err) &&
                refuse_foreign(s, *version, err);
    store_view_end(s);
    return good;
}

bool schema_apply(struct store *s, struct error *err) {
    int64_t version;
    if (!look(s, &version, err))
        return false;
    if (version > STEP_COUNT)
        return fail(err, ERR_STORE,
                    "%s/store.db has schema %lld and this program knows schemas up to %d: it was made by a "
                    "newer penstock. Run that one, or name another folder.",
                    store_folder(s), (long long)version, STEP_COUNT);
    if (version == STEP_COUNT)
        return true;
    /* Somebody else may be at the same step: look again under the write lock. */
    if (!store_begin(s, true, err))
        return false;
    if (!sql_number(s, "PRAGMA user_version", &version, err) || !apply_steps(s, version, err)) {
        store_rollback(s);
        return false;
    }
    return store_commit(s, err);
}
