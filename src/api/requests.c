/* GET /v1/requests/{id}: what is recorded of one request */
#include "api/jobs.h"
#include "base/clock.h"
#include "watch/event_json.h"
#include "watch/records.h"

struct found {
    struct buf *out;
    bool any;
};

static void write_record(const struct record *record, void *ctx) {
    struct found *f = ctx;
    struct json_writer w = JSON_WRITER(f->out);
    char time[CLOCK_TEXT_SIZE];
    clock_format(record->event->wall_ns, time);
    json_object(&w);
    json_field_text(&w, "time", time);
    event_write_fields(record->event, &w);
    json_object_end(&w);
    f->any = true;
}

static bool work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct found f = {.out = out};
    struct record_filter filter = {.request_id = job->id, .limit = 1};
    if (!records_visit(store, &filter, write_record, &f, err))
        return false;
    return f.any ||
           fail(err, ERR_NOT_FOUND, "No request \"%.*s\" is recorded.", STR_ARG(str_slice(job->id, 0, 80)));
}

void request_show(struct call *c) {
    call_submit(c, &(struct api_job){.work = work, .id = c->argument});
}
