/* What the server itself reads of a file: its type, and the structure of images. */
#include "documents/file_type.h"
#include "documents/image_header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str bytes = {(const char *)data, size};
    struct image_header header;
    enum file_type type;
    struct error err;
    const char *why;
    (void)!file_type_detect(bytes, &type, &err);
    if (image_header_jpeg(bytes, &header, &why) && header.end > size)
        abort();
    if (image_header_png(bytes, &header, &why) && header.end > size)
        abort();
    if (image_header_pgm(bytes, &header, &why) && header.end > size)
        abort();
    return 0;
}
