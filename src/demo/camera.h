/* What a telephone's camera does to a page: a table around it, a tilt and a little perspective, uneven light
 * with a shadow, blur, noise, JPEG. Or, for some, what an office scanner does: less of everything. Part of
 * penstock-demo-camera only, since the server links no image library. One thread. */
#pragma once

#include "base/error.h"
#include "demo/dice.h"

#include <leptonica/allheaders.h>

/* `page`: 8 bits of grey. NULL when memory is out. *quality: what the JPEG is to be written with. */
PIX *camera_photograph(PIX *page, struct dice *d, int *quality) MUST_USE;
