/* What the Open Inference Protocol calls a model: an endpoint that makes predictions, by its name, or a model
 * that such an endpoint serves, by its own. /v2/models/{model}[/versions/{version}][/…]: a version is one of
 * the endpoint's rollout, by its number or as "tickets@2". The loop's thread. */
#pragma once

#include "api/oip_request.h"
#include "api/routes.h"

struct oip_target {
    struct str name; /* as the path has it, decoded */
    const struct endpoint *endpoint;
    struct model_version *pinned; /* the version that the path names; NULL: the endpoint's split chooses */
};

/* Reads the segments behind /v2/models. ERR_NOT_FOUND says what there is. */
bool oip_find(const struct snapshot *s, struct str path, struct arena *arena, struct oip_target *out,
              struct error *err) MUST_USE;
/* The same for a call. False: the call has ended. */
bool oip_target_of(struct call *c, struct oip_target *out) MUST_USE;
/* Is it the path of an inference? */
bool oip_is_infer(struct str path);

/* What its tensors must look like, by the version that is named, or the first of the rollout that is loaded.
 * The names are the version's. */
bool oip_shape_of(const struct oip_target *t, struct arena *arena, struct oip_shape *out,
                  struct error *err) MUST_USE;

/* As paths may name a version of the endpoint: "2", or "tickets@2" where several models answer. */
struct str oip_version_name(const struct endpoint *e, const struct model_version *v);
/* The same version may stand in a rollout twice: is this its first share? */
bool oip_is_first(const struct endpoint *e, unsigned share);
/* The number of a version as texts have it: "2" of "tickets@2". */
struct str oip_version_of(struct str reference);
