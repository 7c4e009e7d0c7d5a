/* In the place of onnx_runtime.c where the program was built without the C API's header. */
#include "models/onnx_runtime.h"

bool onnx_runtime_ready(struct error *err) {
    return fail(err, ERR_MODEL,
                "This program was built without ONNX Runtime: run `scripts/packages onnx` and build again.");
}

const char *onnx_type_name(enum onnx_type type) {
    return "unknown";
}

bool onnx_session_open(struct onnx_session **out, struct str bytes, struct error *err) {
    return onnx_runtime_ready(err);
}

void onnx_session_free(struct onnx_session *s) {}

const struct onnx_port *onnx_session_inputs(const struct onnx_session *s, size_t *count) {
    *count = 0;
    return NULL;
}

const struct onnx_port *onnx_session_outputs(const struct onnx_session *s, size_t *count) {
    return onnx_session_inputs(s, count);
}

bool onnx_run(const struct onnx_session *s, const struct onnx_value *inputs, size_t count, const char *output,
              int64_t limit_ns, float *to, size_t room, struct onnx_result *result, struct error *err) {
    return onnx_runtime_ready(err);
}
