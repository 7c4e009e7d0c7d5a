#include "models/backend.h"

#include "models/boosted.h"
#include "models/linear.h"
#include "models/onnx_backend.h"
#include "models/rules_backend.h"
#include "models/scratch.h"
#include "models/tabular.h"

#include <stdalign.h>
#include <stdlib.h>

struct scratch *scratch_new(void) {
    /* Nothing of it is read before it is written. */
    return aligned_alloc(alignof(struct scratch), sizeof(struct scratch));
}

void scratch_free(struct scratch *s) {
    free(s);
}

bool backend_open(struct backend **out, const char *name, struct str bytes, struct error *err) {
    static const char *const names[] = {"linear", "boosted", "onnx", "rules"};
    if (str_eq(str_from(name), STR("linear")))
        return linear_open(out, bytes, err);
    if (str_eq(str_from(name), STR("boosted")))
        return boosted_open(out, bytes, err);
    if (str_eq(str_from(name), STR("onnx")))
        return onnx_backend_open(out, bytes, err);
    if (str_eq(str_from(name), STR("rules")))
        return rules_backend_open(out, bytes, err);
    const char *near = str_nearest(str_from(name), names, ARRAY_COUNT(names));
    return fail(err, ERR_ARTEFACT, "There is no backend \"%s\"%s%s%s.", name, near ? "; did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
}

void backend_write_schema(const struct backend *b, struct json_writer *w) {
    const struct tabular *schema = backend_schema(b);
    if (schema)
        tabular_write_json(schema, w);
    else
        json_null(w);
}
