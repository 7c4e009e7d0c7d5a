#include "pipeline/rollout_json.h"

#include "base/clock.h"
#include "traffic/rollout_plan.h"
#include "watch/shadows.h"

enum { ANSWERS_SHOWN = 20 };

void rollout_write_fields(const struct rollout_record *r, struct json_writer *w) {
    char time[CLOCK_TEXT_SIZE];
    json_field_text(w, "id", r->id);
    json_field_text(w, "endpoint", r->endpoint);
    json_field_text(w, "kind", rollout_kind_name((enum rollout_kind)r->kind));
    json_field_text(w, "state", rollout_state_name(r->state));
    json_field_text(w, "stable", r->stable);
    json_field_text(w, "candidate", r->candidate);
    json_field_int(w, "step", r->step + 1);
    json_field_text(w, "steps", r->steps);
    json_key(w, "weight");
    json_double(w, r->weight);
    clock_format(r->created, time);
    json_field_text(w, "created", time);
    clock_format(r->ended, time);
    json_field_text(w, "ended", r->ended ? time : NULL);
    json_field_text(w, "by", r->who);
    json_field_text(w, "why", r->why);
    json_field_text(w, "outcome", r->outcome);
    if (*r->segment)
        json_field_text(w, "segment", r->segment);
    if (r->mirror == 0)
        return;
    json_key(w, "mirror");
    json_double(w, r->mirror);
    json_field_int(w, "at_once", r->mirror_at_once);
    json_key(w, "usd_per_day");
    r->mirror_per_day ? json_double(w, (double)r->mirror_per_day / 1e9) : json_null(w);
}

void rollout_write(const struct rollout_record *r, struct json_writer *w) {
    json_object(w);
    rollout_write_fields(r, w);
    json_object_end(w);
}

static void add_answer(const struct shadow_answer *a, void *ctx) {
    struct json_writer *w = ctx;
    const struct arm_answer *c = &a->candidate;
    char time[CLOCK_TEXT_SIZE];
    json_object(w);
    json_field_text(w, "request_id", a->request_id);
    clock_format(a->at, time);
    json_field_text(w, "at", time);
    json_field_text(w, "label", *a->label ? a->label : NULL);
    json_key(w, "confidence");
    c->confidence < 0 ? json_null(w) : json_double(w, c->confidence);
    json_key(w, "latency_ms");
    json_double(w, c->latency_us / 1000.0);
    json_key(w, "cost_usd");
    c->cost < 0 ? json_null(w) : json_double(w, c->cost / 1e9);
    json_field_text(w, "error", *a->error ? a->error : NULL);
    json_key(w, "same");
    c->agrees == ARM_UNKNOWN ? json_null(w) : json_bool(w, c->agrees == ARM_YES);
    json_object_end(w);
}

bool rollout_write_evidence(struct store *store, struct arms *counted, const struct rollout_record *r,
                            struct json_writer *w, struct error *err) {
    struct arm arms[2] = {0};
    size_t n;
    if (!(counted && arms_read(counted, r->id, arms)) &&
        !rollouts_evidence(store, r->id, arms, sizeof arms, &n, err))
        return false;
    json_key(w, "evidence");
    json_object(w);
    json_key(w, "stable");
    arm_write(&arms[0], w);
    json_key(w, "candidate");
    arm_write(&arms[1], w);
    json_object_end(w);
    if (r->mirror == 0)
        return true;
    json_key(w, "answers");
    json_array(w);
    bool good = shadows_list(store, r->id, ANSWERS_SHOWN, add_answer, w, err);
    json_array_end(w);
    return good;
}
