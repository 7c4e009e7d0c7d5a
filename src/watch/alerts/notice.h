/* What is said to people about an incident, in the words of each kind of receiver. Secrets are no part of it:
 * they are put in when it is sent (watch/alerts/delivery.h). One thread per buffer. */
#pragma once

#include "watch/alerts/incidents.h"

struct notice_facts {
    enum notice what;
    const char *receiver;
    const struct incident_record *incident;
    const struct alert_record *alerts; /* those of the incident; worst first */
    size_t count;
    const struct config_alerts *config;
};

/* The stored name of a kind: "slack". */
const char *receiver_kind_name(enum receiver_kind kind);

/* One line, and what is sent: JSON, of mail the text. Both buffers fail when memory is out. */
void notice_write(enum receiver_kind kind, const struct notice_facts *f, struct buf *subject,
                  struct buf *body);

/* Where a monitor's runbook is, as a link where one is configured. */
void notice_runbook(const struct config_alerts *c, const char *monitor, struct buf *out);

/* "latency, 95th percentile: 812 ms, expected 210 ms, limit 500 ms, since 2026-…"; one line. */
void notice_alert_text(const struct alert_record *a, struct buf *out);
/* 0.153 share: "15.3 %"; 812 ms: "812 ms"; NAN: "nothing". */
void notice_value(struct buf *out, double value, const char *unit);

/* Private to the shapes, a file each. */
void notice_write_pagerduty(const struct notice_facts *f, struct str subject, struct json_writer *w);
void notice_write_alertmanager(const struct notice_facts *f, struct json_writer *w);
void notice_write_slack(const struct notice_facts *f, struct str subject, struct json_writer *w);
void notice_write_webhook(const struct notice_facts *f, struct str subject, struct json_writer *w);
void notice_write_text(const struct notice_facts *f, struct buf *out);
/* Where the incident is at the console; "" without a public URL. */
void notice_link(const struct notice_facts *f, struct buf *out);
