/* An upstream's reply with vectors: the first byte says how many were asked for. It is refused with a reason,
 * or every vector in it is of finite numbers and has a direction. */
#include "base/check.h"
#include "chat/embedding.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct embeddings e = {0};
    struct error err = {0};
    if (size == 0)
        return 0;
    size_t count = data[0] % 8;
    if (!embeddings_read((struct str){(const char *)data + 1, size - 1}, count, &e, &err)) {
        CHECK(err.code == ERR_UPSTREAM && err.message[0] && !e.values);
        return 0;
    }
    CHECK(e.count == count && e.dimensions > 0 && e.dimensions <= EMBEDDING_DIMENSIONS_MAX && e.tokens >= -1);
    for (size_t i = 0; i < count; i++) {
        bool directed = false;
        for (size_t k = 0; k < e.dimensions; k++) {
            CHECK(isfinite(e.values[i * e.dimensions + k]));
            directed |= e.values[i * e.dimensions + k] != 0;
        }
        CHECK(directed);
    }
    embeddings_clear(&e);
    return 0;
}
