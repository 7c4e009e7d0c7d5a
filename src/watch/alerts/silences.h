/* Silences: what people want no messages about for a while, and times of maintenance. Alerts go on under
 * them; what still fires at their end is told then. Same threads as the store that is passed. */
#pragma once

#include "watch/alerts/alert_records.h"

struct silence {
    char id[ID_SIZE];
    char endpoint[ALERT_NAME_SIZE], monitor[ALERT_MONITOR_SIZE], part[ALERT_NAME_SIZE]; /* "": any */
    int64_t starts, ends;                                                               /* wall ns */
    int64_t created, ended; /* ended: by hand; 0: not */
    char who[ALERT_NAME_SIZE], why[ALERT_TEXT_SIZE];
};

/* id and created are made here; starts 0: now. ERR_INVALID_FIELD: the times, nobody, or no reason. Each
 * writes the history in the same transaction. */
bool silence_add(struct store *s, struct silence *silence, struct error *err) MUST_USE;
bool silence_end(struct store *s, struct str id, const char *who, struct error *err) MUST_USE;

/* `over`: those that have ended too. Those that end first come first. */
bool silences_list(struct store *s, int64_t now, bool over,
                   void (*visit)(const struct silence *silence, void *ctx), void *ctx,
                   struct error *err) MUST_USE;

bool silence_matches(const struct silence *silence, const struct alert_record *a, int64_t now);
/* Is it a time of maintenance of that endpoint? `wall_ns` in UTC. */
bool maintenance_covers(const struct config_maintenance *m, const char *endpoint, int64_t wall_ns);
/* Is `name` among names separated by commas? NULL: all are. */
bool names_have(const char *names, const char *name);

void silence_json(const struct silence *silence, struct json_writer *w);
