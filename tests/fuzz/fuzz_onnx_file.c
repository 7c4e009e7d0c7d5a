/* The check of an ONNX file: any bytes are either passed or refused with words. */
#include "models/onnx_file.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {0};
    if (!onnx_file_check((struct str){(const char *)data, size}, &err))
        CHECK(err.code == ERR_ARTEFACT && err.message[0]);
    return 0;
}
