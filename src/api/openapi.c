/* GET /openapi.json: this surface, described (OpenAPI 3.1) */
#include "api/embed.h"
#include "api/routes.h"

EMBED(description, "api/openapi.json");

void openapi_show(struct call *c) {
    call_reply_json(c, 200, description());
}
