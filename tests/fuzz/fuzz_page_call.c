/* What a browser's call may show: cookies, tokens, origins and hosts of any bytes; and times. First byte:
 * which headers; the rest is dealt out to them by lines. */
#include "base/clock.h"
#include "pipeline/page_call.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct str names[] = {STR("cookie"), STR("x-csrf-token"), STR("origin"), STR("host"),
                                       STR("sec-fetch-site")};
    struct http_header headers[ARRAY_COUNT(names)];
    struct exchange x = {.method = METHOD_POST, .headers = headers};
    struct str rest = {(const char *)data, size};
    struct error err;
    int64_t time;
    if (size == 0)
        return 0;
    rest = str_slice(rest, 1, rest.n);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct str value = str_split(&rest, '\n');
        if (data[0] & 1u << i)
            headers[x.header_count++] = (struct http_header){names[i], value};
    }
    struct str session = page_session(&x);
    if (session.n && (session.p < (const char *)data || session.p + session.n > (const char *)data + size))
        abort();
    bool changes = page_may_change(&x, session, &err), local = page_is_local(&x, &err);
    /* No page gets by without the token that belongs to the session. */
    if (changes && !(data[0] & 2))
        abort();
    (void)local;
    if (clock_parse(rest, &time) && time < 0)
        abort();
    return 0;
}
