/* Any bytes as a Lua pattern, and any as its subject: the match lies inside the subject and ends within
 * its steps. */
#include "base/check.h"
#include "models/script_pattern.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct str rest = {(const char *)bytes, n};
    struct str text = str_split(&rest, '\n');
    struct pattern p = {.subject = rest, .text = text, .steps = 200000};
    for (size_t i = 0; i <= rest.n && !p.error; i++) {
        const char *end = pattern_match(&p, rest.p + i);
        if (!end)
            continue;
        CHECK(!p.error && end >= rest.p + i && end <= rest.p + rest.n);
        for (int c = 0; c < p.captures; c++) {
            ptrdiff_t length = p.capture[c].length;
            CHECK(p.capture[c].start >= rest.p && p.capture[c].start <= rest.p + rest.n);
            CHECK(length < 0 || p.capture[c].start + length <= rest.p + rest.n);
        }
    }
    return 0;
}
