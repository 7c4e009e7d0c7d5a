#include "watch/alerts/alert_trial.h"

#include "base/clock.h"
#include "store/history.h"
#include "watch/alerts/notice.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BODY_ROOM = 1 << 20 };

static void make_up(const struct config *config, struct incident_record *i, struct alert_record *a) {
    int64_t now = clock_wall();
    *i = (struct incident_record){.class = ALERT_P4, .opened = now};
    id_make(now, i->id);
    snprintf(i->summary, sizeof i->summary, "a test: nothing is wrong");
    *a = (struct alert_record){.class = ALERT_P4,
                               .progress = {.state = ALERT_FIRING},
                               .began = now,
                               .fired = now,
                               .value = NAN,
                               .worst = NAN,
                               .expected = NAN,
                               .limit = NAN};
    memcpy(a->id, i->id, sizeof a->id);
    snprintf(a->monitor, sizeof a->monitor, "test");
    snprintf(a->detail, sizeof a->detail, "Somebody tries whether alerts arrive. There is nothing to do.");
}

static bool add(struct store *s, const struct config *config, const struct config_receiver *r,
                enum notice what, const struct incident_record *i, const struct alert_record *a,
                struct error *err) {
    AUTO_BUF subject = BUF_INIT(BODY_ROOM);
    AUTO_BUF body = BUF_INIT(BODY_ROOM);
    struct notice_facts f = {
        .what = what, .receiver = r->name, .incident = i, .alerts = a, .count = 1, .config = &config->alerts};
    notice_write(r->kind, &f, &subject, &body);
    if (subject.failed || body.failed)
        return fail(err, ERR_NO_MEMORY, "Out of memory while writing a test message.");
    struct outbox_message m = {.receiver = str_from(r->name),
                               .shape = str_from(receiver_kind_name(r->kind)),
                               .incident = str_from(i->id),
                               .what = str_from(notice_name(what)),
                               .subject = buf_str(&subject),
                               .body = buf_str(&body)};
    return outbox_add(s, &m, err);
}

static bool add_all(struct store *s, const struct config *config, struct str receiver,
                    struct alert_trial *out, struct error *err) {
    struct incident_record i;
    struct alert_record a;
    make_up(config, &i, &a);
    memcpy(out->incident, i.id, sizeof out->incident);
    for (size_t k = 0; k < config->alerts.receiver_count; k++) {
        const struct config_receiver *r = &config->alerts.receivers[k];
        bool stays = r->kind == RECEIVER_PAGERDUTY || r->kind == RECEIVER_ALERTMANAGER;
        if (receiver.n && !str_eq(receiver, str_from(r->name)))
            continue;
        if (!add(s, config, r, NOTICE_TEST, &i, &a, err) ||
            (stays && !add(s, config, r, NOTICE_RESOLVED, &i, &a, err)))
            return false;
        out->messages += 1 + stays;
    }
    if (out->messages == 0 && receiver.n)
        return fail(err, ERR_NOT_FOUND, "There is no receiver \"%.*s\" in the configuration.",
                    STR_ARG(str_slice(receiver, 0, 60)));
    return out->messages > 0 ||
           fail(err, ERR_NOT_FOUND,
                "No receiver is configured (alerts.receivers): nobody is told of anything.");
}

bool alert_trial_add(struct store *s, const struct config *config, struct str receiver, const char *who,
                     struct alert_trial *out, struct error *err) {
    struct alert_trial made = {0};
    struct change c = {
        .endpoint = "", .what = "alerts.tested", .who = who, .why = "", .before = "", .after = ""};
    if (!store_begin(s, true, err))
        return false;
    if (!add_all(s, config, receiver, &made, err) || !history_add(s, &c, err)) {
        store_rollback(s);
        return false;
    }
    if (!store_commit(s, err))
        return false;
    *out = made;
    return true;
}
