#include "models/onnx_runtime.h"

#include "base/clock.h"
#include "base/log.h"
#include "models/onnx_file.h"
#include "models/onnx_watch.h"

#include <dlfcn.h>
#include <onnxruntime/onnxruntime_c_api.h>
#include <pthread.h>
#include <stdlib.h>

/* The oldest API that has all that is called here: ONNX Runtime 1.14. Each runtime offers the older ones. */
enum { API_VERSION = 14 };

static struct {
    pthread_once_t once;
    const OrtApi *api; /* NULL: there is none, and `error` says why */
    OrtEnv *env;
    OrtMemoryInfo *memory;
    OrtAllocator *allocator; /* the runtime's own */
    struct error error;
} runtime = {.once = PTHREAD_ONCE_INIT};

struct onnx_session {
    OrtSession *session;
    struct onnx_port *inputs, *outputs;
    size_t input_count, output_count;
};

/* ---- the library ---- */

/* True where the call was good; otherwise its words, and the status is given back. */
static bool good(OrtStatus *status, enum error_code code, struct error *err) {
    if (!status)
        return true;
    fail(err, code, "ONNX Runtime: %.400s", runtime.api->GetErrorMessage(status));
    runtime.api->ReleaseStatus(status);
    return false;
}

static void ORT_API_CALL write_log(void *ctx, OrtLoggingLevel level, const char *category, const char *id,
                                   const char *place, const char *message) {
    log_event(LOG_WARN, "onnx.runtime", "%.400s", message);
}

static void *open_library(struct error *err) {
    const char *named = getenv("PENSTOCK_ONNXRUNTIME");
    const char *const places[] = {named, ONNXRUNTIME_IN_DEPS, "libonnxruntime.so.1"};
    if (named && named[0] != '/') {
        fail(err, ERR_MODEL, "PENSTOCK_ONNXRUNTIME is \"%.200s\"; expected the library's full path.", named);
        return NULL;
    }
    for (size_t i = named ? 0 : 1; i < (named ? 1 : ARRAY_COUNT(places)); i++) {
        void *library = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
        if (library)
            return library;
    }
    fail(err, ERR_MODEL,
         named ? "PENSTOCK_ONNXRUNTIME names a library that does not open: %.300s."
               : "ONNX Runtime is not there (%.200s): run `scripts/packages onnx`, or set "
                 "PENSTOCK_ONNXRUNTIME to "
                 "the path of libonnxruntime.so.1.",
         dlerror());
    return NULL;
}

static bool start_runtime(const OrtApi *api, struct error *err) {
    if (!good(api->CreateEnvWithCustomLogger(write_log, NULL, ORT_LOGGING_LEVEL_ERROR, "penstock",
                                             &runtime.env),
              ERR_MODEL, err))
        return false;
    OrtStatus *quiet = api->DisableTelemetryEvents(runtime.env);
    return good(quiet, ERR_MODEL, err) &&
           good(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &runtime.memory), ERR_MODEL,
                err) &&
           good(api->GetAllocatorWithDefaultOptions(&runtime.allocator), ERR_MODEL, err);
}

static void find_runtime(void) {
    void *library = open_library(&runtime.error);
    if (!library)
        return;
    const OrtApiBase *(*base)(void);
    *(void **)&base = dlsym(library, "OrtGetApiBase");
    runtime.api = base ? base()->GetApi(API_VERSION) : NULL;
    if (!runtime.api)
        fail(&runtime.error, ERR_MODEL, "ONNX Runtime %.40s is too old; expected 1.%d or newer.",
             base ? base()->GetVersionString() : "of an unknown version", API_VERSION);
    else if (!start_runtime(runtime.api, &runtime.error))
        runtime.api = NULL;
}

bool onnx_runtime_ready(struct error *err) {
    pthread_once(&runtime.once, find_runtime);
    return runtime.api || fail(err, runtime.error.code, "%s", runtime.error.message);
}

/* ---- types ---- */

static const struct {
    ONNXTensorElementDataType theirs;
    const char *name;
    size_t size;
} types[] = {[ONNX_OTHER] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, "something else", 0},
             [ONNX_FLOAT] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, "float", sizeof(float)},
             [ONNX_DOUBLE] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, "double", sizeof(double)},
             [ONNX_INT64] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, "int64", sizeof(int64_t)},
             [ONNX_INT32] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, "int32", sizeof(int32_t)},
             [ONNX_BOOL] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, "bool", sizeof(bool)},
             [ONNX_TEXT] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, "string", sizeof(char *)}};

const char *onnx_type_name(enum onnx_type type) {
    return types[type].name;
}

static enum onnx_type type_of(ONNXTensorElementDataType theirs) {
    for (size_t i = ONNX_FLOAT; i < ARRAY_COUNT(types); i++)
        if (types[i].theirs == theirs)
            return (enum onnx_type)i;
    return ONNX_OTHER;
}

static bool read_shape(const OrtTensorTypeAndShapeInfo *info, enum onnx_type *type, size_t *rank,
                       int64_t shape[ONNX_RANK_MAX], struct error *err) {
    const OrtApi *api = runtime.api;
    ONNXTensorElementDataType theirs;
    if (!good(api->GetTensorElementType(info, &theirs), ERR_MODEL, err) ||
        !good(api->GetDimensionsCount(info, rank), ERR_MODEL, err))
        return false;
    if (*rank > ONNX_RANK_MAX)
        return fail(err, ERR_MODEL, "The model has a tensor of %zu dimensions; expected %d at most.", *rank,
                    ONNX_RANK_MAX);
    *type = type_of(theirs);
    return good(api->GetDimensions(info, shape, *rank), ERR_MODEL, err);
}

/* ---- sessions ---- */

typedef OrtStatus *get_name(const OrtSession *, size_t, OrtAllocator *, char **);
typedef OrtStatus *get_type(const OrtSession *, size_t, OrtTypeInfo **);

static bool read_port_name(struct onnx_port *port, char *name, struct error *err) {
    struct str s = str_from(name);
    bool ok = s.n <= ONNX_NAME_MAX && str_is_utf8(s, NULL) && !str_has_control(s);
    if (ok)
        memcpy(port->name, name, s.n + 1);
    else
        fail(err, ERR_ARTEFACT, "The model has an input or output whose name is no text of at most %d bytes.",
             ONNX_NAME_MAX);
    runtime.allocator->Free(runtime.allocator, name);
    return ok;
}

static bool read_port(struct onnx_port *port, const OrtTypeInfo *info, struct error *err) {
    const OrtTensorTypeAndShapeInfo *tensor;
    if (!good(runtime.api->CastTypeInfoToTensorInfo(info, &tensor), ERR_ARTEFACT, err))
        return false;
    port->type = ONNX_OTHER;
    return !tensor || read_shape(tensor, &port->type, &port->rank, port->shape, err);
}

static bool read_ports(const OrtSession *s, struct onnx_port **ports, size_t count, get_name *name_of,
                       get_type *info_of, struct error *err) {
    if (count == 0 || count > ONNX_PORTS_MAX)
        return fail(err, ERR_ARTEFACT, "The model has %zu inputs or outputs; expected 1 to %d.", count,
                    ONNX_PORTS_MAX);
    *ports = calloc(count, sizeof **ports);
    if (!*ports)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    for (size_t i = 0; i < count; i++) {
        char *name;
        OrtTypeInfo *info;
        if (!good(name_of(s, i, runtime.allocator, &name), ERR_ARTEFACT, err) ||
            !read_port_name(&(*ports)[i], name, err) || !good(info_of(s, i, &info), ERR_ARTEFACT, err))
            return false;
        bool ok = read_port(&(*ports)[i], info, err);
        runtime.api->ReleaseTypeInfo(info);
        if (!ok)
            return false;
    }
    return true;
}

/* One thread, its caller's; ONNX's own form only, since the check reads no other. */
static bool set_options(OrtSessionOptions *o, struct error *err) {
    const OrtApi *api = runtime.api;
    return good(api->SetIntraOpNumThreads(o, 1), ERR_MODEL, err) &&
           good(api->SetInterOpNumThreads(o, 1), ERR_MODEL, err) &&
           good(api->SetSessionExecutionMode(o, ORT_SEQUENTIAL), ERR_MODEL, err) &&
           good(api->AddSessionConfigEntry(o, "session.load_model_format", "ONNX"), ERR_MODEL, err);
}

static bool make_session(struct onnx_session *s, struct str bytes, struct error *err) {
    const OrtApi *api = runtime.api;
    OrtSessionOptions *options;
    if (!good(api->CreateSessionOptions(&options), ERR_MODEL, err))
        return false;
    bool ok = set_options(options, err) &&
              good(api->CreateSessionFromArray(runtime.env, bytes.p, bytes.n, options, &s->session),
                   ERR_ARTEFACT, err);
    api->ReleaseSessionOptions(options);
    return ok && good(api->SessionGetInputCount(s->session, &s->input_count), ERR_MODEL, err) &&
           good(api->SessionGetOutputCount(s->session, &s->output_count), ERR_MODEL, err) &&
           read_ports(s->session, &s->inputs, s->input_count, api->SessionGetInputName,
                      api->SessionGetInputTypeInfo, err) &&
           read_ports(s->session, &s->outputs, s->output_count, api->SessionGetOutputName,
                      api->SessionGetOutputTypeInfo, err);
}

bool onnx_session_open(struct onnx_session **out, struct str bytes, struct error *err) {
    if (!onnx_runtime_ready(err) || !onnx_file_check(bytes, err))
        return false;
    struct onnx_session *s = calloc(1, sizeof *s);
    if (!s)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    if (!make_session(s, bytes, err)) {
        onnx_session_free(s);
        return false;
    }
    *out = s;
    return true;
}

void onnx_session_free(struct onnx_session *s) {
    if (!s)
        return;
    if (s->session)
        runtime.api->ReleaseSession(s->session);
    free(s->inputs);
    free(s->outputs);
    free(s);
}

const struct onnx_port *onnx_session_inputs(const struct onnx_session *s, size_t *count) {
    *count = s->input_count;
    return s->inputs;
}

const struct onnx_port *onnx_session_outputs(const struct onnx_session *s, size_t *count) {
    *count = s->output_count;
    return s->outputs;
}

/* ---- running ---- */

/* Numbers stay where they are; texts are copied by the runtime. */
static bool make_value(const struct onnx_value *from, OrtValue **out, struct error *err) {
    const OrtApi *api = runtime.api;
    size_t count = 1;
    for (size_t i = 0; i < from->rank; i++)
        count *= (size_t)from->shape[i];
    if (from->type == ONNX_TEXT)
        return good(api->CreateTensorAsOrtValue(runtime.allocator, from->shape, from->rank,
                                                types[ONNX_TEXT].theirs, out),
                    ERR_MODEL, err) &&
               good(api->FillStringTensor(*out, from->values, count), ERR_MODEL, err);
    /* It is only read: the API has no other way to say so. */
    return good(api->CreateTensorWithDataAsOrtValue(runtime.memory, (void *)(uintptr_t)from->values,
                                                    count * types[from->type].size, from->shape, from->rank,
                                                    types[from->type].theirs, out),
                ERR_MODEL, err);
}

static void to_floats(enum onnx_type type, const void *values, size_t count, float *to) {
    for (size_t i = 0; i < count; i++)
        to[i] = type == ONNX_DOUBLE  ? (float)((const double *)values)[i]
                : type == ONNX_INT64 ? (float)((const int64_t *)values)[i]
                : type == ONNX_INT32 ? (float)((const int32_t *)values)[i]
                : type == ONNX_BOOL  ? (float)((const bool *)values)[i]
                                     : ((const float *)values)[i];
}

static bool read_value(OrtValue *value, float *to, size_t room, struct onnx_result *out, struct error *err) {
    const OrtApi *api = runtime.api;
    OrtTensorTypeAndShapeInfo *info;
    enum onnx_type type;
    struct onnx_result result = {0};
    void *values;
    if (!good(api->GetTensorTypeAndShape(value, &info), ERR_MODEL, err))
        return false;
    bool ok = read_shape(info, &type, &result.rank, result.shape, err) &&
              good(api->GetTensorShapeElementCount(info, &result.count), ERR_MODEL, err);
    api->ReleaseTensorTypeAndShapeInfo(info);
    if (!ok)
        return false;
    if (type == ONNX_OTHER || type == ONNX_TEXT || result.count > room)
        return fail(err, ERR_MODEL, "The model gave %zu values of type %s; expected at most %zu numbers.",
                    result.count, onnx_type_name(type), room);
    if (!good(api->GetTensorMutableData(value, &values), ERR_MODEL, err))
        return false;
    to_floats(type, values, result.count, to);
    *out = result;
    return true;
}

static void stop_run(void *ctx) {
    OrtStatus *status = runtime.api->RunOptionsSetTerminate(ctx);
    if (status)
        runtime.api->ReleaseStatus(status);
}

static bool run_within(const struct onnx_session *s, const char *const *names, const OrtValue *const *values,
                       size_t count, const char *output, int64_t limit_ns, OrtValue **out,
                       struct error *err) {
    const OrtApi *api = runtime.api;
    OrtRunOptions *options;
    if (!good(api->CreateRunOptions(&options), ERR_MODEL, err))
        return false;
    struct watched watched = {.deadline = clock_monotonic() + limit_ns, .stop = stop_run, .ctx = options};
    bool ok = onnx_watch_begin(&watched) || fail(err, ERR_NO_MEMORY, "Out of threads for a model.");
    if (ok) {
        ok = good(api->Run(s->session, options, names, values, count, &output, 1, out), ERR_MODEL, err);
        onnx_watch_end(&watched);
        if (!ok && watched.stopped)
            fail(err, ERR_DEADLINE, "The model ran for longer than %lld ms and was stopped.",
                 (long long)(limit_ns / NS_PER_MS));
    }
    api->ReleaseRunOptions(options);
    return ok;
}

bool onnx_run(const struct onnx_session *s, const struct onnx_value *inputs, size_t count, const char *output,
              int64_t limit_ns, float *to, size_t room, struct onnx_result *result, struct error *err) {
    OrtValue *values[ONNX_PORTS_MAX] = {NULL}, *out = NULL;
    const char *names[ONNX_PORTS_MAX];
    if (count > ONNX_PORTS_MAX)
        return fail(err, ERR_MODEL, "The model takes %zu inputs; expected %d at most.", count,
                    ONNX_PORTS_MAX);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        names[i] = inputs[i].name;
        ok = make_value(&inputs[i], &values[i], err);
    }
    ok = ok && run_within(s, names, (const OrtValue *const *)values, count, output, limit_ns, &out, err) &&
         read_value(out, to, room, result, err);
    for (size_t i = 0; i < count; i++)
        if (values[i])
            runtime.api->ReleaseValue(values[i]);
    if (out)
        runtime.api->ReleaseValue(out);
    return ok;
}
