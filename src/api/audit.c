/* GET /v1/admin/audit/verification */
#include "watch/audit_watch.h"

#include "api/jobs.h"

enum { STATE_MAX = 4096 };

void audit_verification(struct call *c) {
    AUTO_BUF out = BUF_INIT(STATE_MAX);
    struct json_writer w = JSON_WRITER(&out);
    struct error err;
    audit_watch_write(c->loop->parts->audit, &w);
    if (!out.failed) {
        call_reply_json(c, 200, buf_str(&out));
        return;
    }
    fail(&err, ERR_NO_MEMORY, "Out of memory for this request.");
    call_fail(c, &err);
}
