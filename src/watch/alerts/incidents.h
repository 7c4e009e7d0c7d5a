/* Incidents as the store keeps them, with their timelines: what happened and what people did about it. What
 * people do is also a row of the history (store/history.h). Same threads as the store that is passed. */
#pragma once

#include "base/ids.h"
#include "watch/alerts/alert_records.h"
#include "watch/alerts/incident.h"

struct incident_record {
    char id[ID_SIZE];
    char endpoint[ALERT_NAME_SIZE]; /* "": the whole server */
    char owner[ALERT_NAME_SIZE];    /* as configured when it was opened; "": nobody */
    enum alert_class class;         /* the worst it had */
    struct incident_progress progress;
    int64_t opened, acknowledged, resolved; /* wall ns; 0: not yet */
    char acknowledged_by[ALERT_NAME_SIZE], resolved_by[ALERT_NAME_SIZE];
    char summary[ALERT_TEXT_SIZE];
};

bool incidents_put(struct store *s, const struct incident_record *i, struct error *err) MUST_USE;
/* *found false: there is none. */
bool incidents_find(struct store *s, struct str id, bool *found, struct incident_record *out,
                    struct error *err) MUST_USE;

struct incident_filter {
    struct str endpoint; /* .p NULL: all; "" is the server's own */
    struct str id;       /* empty: all */
    bool open;           /* not resolved */
    unsigned limit;      /* 0: no limit */
};
/* Newest first. */
bool incidents_list(struct store *s, const struct incident_filter *filter,
                    void (*visit)(const struct incident_record *i, void *ctx), void *ctx,
                    struct error *err) MUST_USE;

/* One line of the timeline. `what`: "alert.firing", "notice.opened", "acknowledged", "comment" … */
struct incident_event {
    int64_t at;
    const char *what, *who, *text;
};
bool incident_event_add(struct store *s, const char *incident, const struct incident_event *e,
                        struct error *err) MUST_USE;
/* Oldest first; the strings are good within `visit`. */
bool incident_events(struct store *s, const char *incident,
                     void (*visit)(const struct incident_event *e, void *ctx), void *ctx,
                     struct error *err) MUST_USE;

/* What people do; `id` may be an incident's or one of its alerts'. Each in a transaction of its own (a
 * savepoint in another), ERR_NOT_FOUND, ERR_CONFLICT (it is over, or what it is about still fires). */
bool incident_acknowledge(struct store *s, struct str id, const char *who, const char *why,
                          struct incident_record *out, struct error *err) MUST_USE;
bool incident_resolve(struct store *s, struct str id, const char *who, const char *why,
                      struct incident_record *out, struct error *err) MUST_USE;
/* Hands it on: it is nobody's again, and the receivers that would be told later are told with the next looks.
 */
bool incident_escalate(struct store *s, struct str id, const char *who, const char *why,
                       struct incident_record *out, struct error *err) MUST_USE;
bool incident_comment(struct store *s, struct str id, const char *who, const char *text,
                      struct incident_record *out, struct error *err) MUST_USE;

void incident_record_json(const struct incident_record *i, struct json_writer *w);
