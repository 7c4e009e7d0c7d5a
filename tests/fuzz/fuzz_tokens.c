/* Any bytes have a number of tokens: none only where there is no byte, and never more than a few for each. */
#include "base/check.h"
#include "chat/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (enum token_family family = 0; family < TOKENS_FAMILIES; family++) {
        int64_t tokens = token_estimate(family, (struct str){(const char *)data, size});
        CHECK((tokens == 0) == (size == 0) && tokens <= (int64_t)size * 4);
    }
    (void)token_family_of((struct str){(const char *)data, size});
    return 0;
}
