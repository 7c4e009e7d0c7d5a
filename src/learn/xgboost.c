#include "learn/xgboost.h"

#include "base/log.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>

/* What is called of the C API; all of it is in 1.6. */
#define CALLS(X)                                                                                             \
    X(XGBoostVersion)                                                                                        \
    X(XGBGetLastError)                                                                                       \
    X(XGBRegisterLogCallback)                                                                                \
    X(XGDMatrixCreateFromMat)                                                                                \
    X(XGDMatrixSetFloatInfo)                                                                                 \
    X(XGDMatrixSetStrFeatureInfo)                                                                            \
    X(XGDMatrixFree)                                                                                         \
    X(XGBoosterCreate)                                                                                       \
    X(XGBoosterSetParam)                                                                                     \
    X(XGBoosterUpdateOneIter)                                                                                \
    X(XGBoosterEvalOneIter)                                                                                  \
    X(XGBoosterSetAttr)                                                                                      \
    X(XGBoosterSaveModelToBuffer)                                                                            \
    X(XGBoosterFree)

static struct {
    pthread_once_t once;
    bool ready; /* if not, `error` says why */
    struct error error;
    char version[32];
} library = {.once = PTHREAD_ONCE_INIT};

/* Found once, too. */
#define X(name) static __typeof__(name) *call_##name;
CALLS(X)
#undef X

/* ---- the library ---- */

static void write_log(const char *message) {
    log_event(LOG_WARN, "xgboost", "%.400s", message);
}

static void *open_library(struct error *err) {
    const char *named = getenv("PENSTOCK_XGBOOST");
    if (named && named[0] != '/') {
        fail(err, ERR_MODEL, "PENSTOCK_XGBOOST is \"%.200s\"; expected the library's full path.", named);
        return NULL;
    }
    void *handle = dlopen(named ? named : "libxgboost.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        fail(err, ERR_MODEL,
             named ? "PENSTOCK_XGBOOST names a library that does not open: %.300s."
                   : "XGBoost is not there (%.200s): install libxgboost0 (scripts/packages does), or set "
                     "PENSTOCK_XGBOOST to the path of libxgboost.so.0.",
             dlerror());
    return handle;
}

static bool find_calls(void *handle, struct error *err) {
    const char *missing = NULL;
#define X(name)                                                                                              \
    *(void **)&call_##name = dlsym(handle, #name);                                                           \
    missing = call_##name ? missing : #name;
    CALLS(X)
#undef X
    return !missing ||
           fail(err, ERR_MODEL, "XGBoost is too old: it has no %s; expected 1.6 or newer.", missing);
}

static void find_library(void) {
    void *handle = open_library(&library.error);
    if (!handle || !find_calls(handle, &library.error))
        return;
    int major, minor, patch;
    call_XGBoostVersion(&major, &minor, &patch);
    snprintf(library.version, sizeof library.version, "%d.%d.%d", major, minor, patch);
    call_XGBRegisterLogCallback(write_log);
    library.ready = true;
}

bool xgboost_ready(struct error *err) {
    pthread_once(&library.once, find_library);
    return library.ready || fail(err, library.error.code, "%s", library.error.message);
}

const char *xgboost_version(void) {
    return library.version;
}

/* Its own words, the first line of them: a trace of the stack follows. */
static bool good(int status, struct error *err) {
    if (status == 0)
        return true;
    const char *words = call_XGBGetLastError();
    size_t n = strcspn(words, "\n");
    return fail(err, ERR_MODEL, "XGBoost: %.*s", (int)(n > 400 ? 400 : n), words);
}

/* ---- training ---- */

struct booster {
    BoosterHandle handle;
    DMatrixHandle rows, validation; /* the latter may be NULL */
    struct error *err;
};

static bool make_matrix(DMatrixHandle *out, const struct xgboost_rows *r, struct error *err) {
    const char **types = calloc(r->columns + 1, sizeof *types);
    if (!types)
        return fail(err, ERR_NO_MEMORY, "Out of memory for training.");
    for (size_t i = 0; i < r->columns; i++)
        types[i] = r->category[i] ? "c" : "q";
    bool ok = good(call_XGDMatrixCreateFromMat(r->values, r->rows, r->columns, NAN, out), err) &&
              good(call_XGDMatrixSetFloatInfo(*out, "label", r->labels, r->rows), err) &&
              good(call_XGDMatrixSetStrFeatureInfo(*out, "feature_type", types, r->columns), err);
    free(types);
    return ok;
}

static bool set_text(struct booster *b, const char *name, const char *value) {
    return good(call_XGBoosterSetParam(b->handle, name, value), b->err);
}

static bool set_number(struct booster *b, const char *name, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.9g", value);
    return set_text(b, name, text);
}

static bool set_parameters(struct booster *b, size_t labels, const struct xgboost_options *o) {
    bool two = labels == 2;
    return set_text(b, "booster", "gbtree") && set_text(b, "tree_method", "hist") &&
           set_text(b, "objective", two ? "binary:logistic" : "multi:softprob") &&
           set_text(b, "eval_metric", two ? "logloss" : "mlogloss") &&
           (two || set_number(b, "num_class", (double)labels)) && set_number(b, "base_score", 0.5) &&
           set_number(b, "nthread", 1) && set_number(b, "verbosity", 0) &&
           set_number(b, "max_depth", o->depth) && set_number(b, "eta", (double)o->step) &&
           set_number(b, "subsample", (double)o->row_share) &&
           set_number(b, "colsample_bytree", (double)o->column_share) &&
           set_number(b, "min_child_weight", (double)o->least_weight) &&
           set_number(b, "lambda", (double)o->ridge) && set_number(b, "seed", o->seed);
}

static bool begin(struct booster *b, const struct xgboost_rows *rows, const struct xgboost_rows *validation,
                  size_t labels, const struct xgboost_options *o) {
    if (!make_matrix(&b->rows, rows, b->err) ||
        (validation && !make_matrix(&b->validation, validation, b->err)))
        return false;
    const DMatrixHandle matrices[] = {b->rows, b->validation};
    return good(call_XGBoosterCreate(matrices, validation ? 2 : 1, &b->handle), b->err) &&
           set_parameters(b, labels, o);
}

/* "[7]\tvalidation-logloss:0.123" */
static bool validation_loss(struct booster *b, unsigned round, double *loss) {
    const char *name = "validation", *words;
    if (!good(call_XGBoosterEvalOneIter(b->handle, (int)round, &b->validation, &name, 1, &words), b->err))
        return false;
    const char *number = strrchr(words, ':');
    char *end = NULL;
    *loss = number ? strtod(number + 1, &end) : NAN;
    return (number && end > number + 1 && !isnan(*loss)) ||
           fail(b->err, ERR_MODEL, "XGBoost said \"%.80s\"; expected a loss.", words);
}

static bool boost(struct booster *b, const struct xgboost_options *o, unsigned *rounds) {
    double best = INFINITY, loss;
    unsigned kept = o->rounds;
    for (unsigned round = 0; round < o->rounds; round++) {
        if (!good(call_XGBoosterUpdateOneIter(b->handle, (int)round, b->rows), b->err))
            return false;
        if (!b->validation)
            continue;
        if (!validation_loss(b, round, &loss))
            return false;
        if (loss < best) {
            best = loss;
            kept = round + 1;
        } else if (round + 1 >= kept + o->patience) {
            break;
        }
    }
    *rounds = kept;
    return true;
}

static bool save(struct booster *b, unsigned rounds, struct buf *model) {
    char best[16];
    const char *json;
    bst_ulong n;
    snprintf(best, sizeof best, "%u", rounds - 1);
    if (!good(call_XGBoosterSetAttr(b->handle, "best_iteration", best), b->err) ||
        !good(call_XGBoosterSaveModelToBuffer(b->handle, "{\"format\":\"json\"}", &n, &json), b->err))
        return false;
    buf_add(model, json, n);
    return !model->failed || fail(b->err, ERR_NO_MEMORY, "Out of memory for the trained trees.");
}

bool xgboost_train(struct buf *model, unsigned *rounds, const struct xgboost_rows *rows,
                   const struct xgboost_rows *validation, size_t labels, const struct xgboost_options *o,
                   struct error *err) {
    struct booster b = {.err = err};
    unsigned kept = 0;
    bool ok = xgboost_ready(err) && begin(&b, rows, validation, labels, o) && boost(&b, o, &kept) &&
              save(&b, kept, model);
    if (b.handle)
        call_XGBoosterFree(b.handle);
    if (b.rows)
        call_XGDMatrixFree(b.rows);
    if (b.validation)
        call_XGDMatrixFree(b.validation);
    if (ok)
        *rounds = kept;
    return ok;
}
