/* Showing people what somebody else sent */
#include "api/routes.h"

static bool starts_any(struct str type, const char *const *list) {
    for (; *list; list++)
        if (str_starts(type, str_from(*list)))
            return true;
    return false;
}

void call_reply_foreign(struct call *c, struct str type, struct str bytes) {
    static const char *const pictures[] = {"image/jpeg", "image/png", NULL},
                             *const texts[] = {"text/plain", "application/json", NULL},
                             *const documents[] = {"application/pdf", NULL};
    bool text = starts_any(type, texts), document = starts_any(type, documents),
         shown = text || document || starts_any(type, pictures);
    /* A browser's own reader of PDFs does not run in a sandbox; nothing else here needs to be out of one. */
    struct str policy = document ? STR("default-src 'none'; frame-ancestors 'self'")
                                 : STR("default-src 'none'; frame-ancestors 'self'; sandbox");
    struct http_header headers[] = {
        {STR("content-type"), !shown ? STR("application/octet-stream")
                              : text ? STR("text/plain; charset=utf-8")
                                     : type},
        {STR("x-request-id"), c->id},
        {STR("x-content-type-options"), STR("nosniff")},
        {STR("content-disposition"), shown ? STR("inline") : STR("attachment; filename=\"input\"")},
        {STR("content-security-policy"), policy},
        {STR("cross-origin-resource-policy"), STR("same-origin")},
        {STR("cache-control"), STR("private, no-store")}};
    snapshot_unref(c->snapshot);
    exchange_reply(c->x, 200, headers, ARRAY_COUNT(headers), bytes);
}
