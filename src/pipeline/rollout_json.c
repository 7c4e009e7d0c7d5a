#include "pipeline/rollout_json.h"

#include "base/clock.h"
#include "traffic/rollout_plan.h"

void rollout_write(const struct rollout_record *r, struct json_writer *w) {
    char time[CLOCK_TEXT_SIZE];
    json_object(w);
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
    json_object_end(w);
}
