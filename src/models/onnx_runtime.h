/* ONNX Runtime through its C API, opened at run time: a program without it is whole, but cannot open ONNX
 * models. The library is the file that PENSTOCK_ONNXRUNTIME names, else the one that `scripts/packages onnx`
 * put into .deps/, else the system's libonnxruntime.so.1. A session is immutable; any thread may run it, and
 * a run computes on its caller's thread only. */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum { ONNX_PORTS_MAX = 64, ONNX_RANK_MAX = 8, ONNX_NAME_MAX = 200 };

/* False and ERR_MODEL: it is not there, or too old; the message says what to do. Looked for once. */
bool onnx_runtime_ready(struct error *err) MUST_USE;

enum onnx_type { ONNX_OTHER, ONNX_FLOAT, ONNX_DOUBLE, ONNX_INT64, ONNX_INT32, ONNX_BOOL, ONNX_TEXT };
const char *onnx_type_name(enum onnx_type type);

/* An input or output. */
struct onnx_port {
    char name[ONNX_NAME_MAX + 1];
    enum onnx_type type; /* ONNX_OTHER: no tensor, or one of numbers that are not used here */
    size_t rank;
    int64_t shape[ONNX_RANK_MAX]; /* -1: any */
};

struct onnx_session;

/* `bytes` are borrowed only during the call. ERR_ARTEFACT: damaged, another file's numbers, an operator that
 * the runtime does not know, more inputs than are sensible. ERR_MODEL: no runtime. */
bool onnx_session_open(struct onnx_session **out, struct str bytes, struct error *err) MUST_USE;
void onnx_session_free(struct onnx_session *s); /* NULL is fine */
const struct onnx_port *onnx_session_inputs(const struct onnx_session *s, size_t *count);
const struct onnx_port *onnx_session_outputs(const struct onnx_session *s, size_t *count);

/* One input's values, `type` as its port says: floats, doubles, int64_t, int32_t, bool, or terminated texts
 * (const char *). As many as the shape's product. */
struct onnx_value {
    const char *name;
    enum onnx_type type;
    size_t rank;
    int64_t shape[ONNX_RANK_MAX];
    const void *values;
};

/* What a run gave, as floats. */
struct onnx_result {
    size_t rank, count;
    int64_t shape[ONNX_RANK_MAX];
};

/* Copies the output into `to` (room for `room` floats). A run that takes longer than `limit_ns` is stopped
 * before its next operator (ERR_DEADLINE). ERR_MODEL: it failed, or gave no numbers, or too many. */
bool onnx_run(const struct onnx_session *s, const struct onnx_value *inputs, size_t count, const char *output,
              int64_t limit_ns, float *to, size_t room, struct onnx_result *result,
              struct error *err) MUST_USE;
