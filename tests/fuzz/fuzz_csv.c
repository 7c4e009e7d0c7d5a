/* CSV of any bytes: every record's cells lie within the text, and reading ends. */
#include "base/check.h"
#include "learn/csv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct csv csv;
    char *text = malloc(size + 1), before = '\0';
    struct error err;
    memcpy(text, data, size);
    csv_begin(&csv, "fuzz.csv", text, size);
    size_t records = 0;
    while (csv_next(&csv, &err) == CSV_RECORD) {
        records++;
        CHECK(records <= size && csv.count >= 1);
        for (size_t i = 0; i < csv.count; i++) {
            CHECK(csv.cells[i].p >= text && csv.cells[i].p + csv.cells[i].n <= text + size);
            for (size_t k = 0; k < csv.cells[i].n; k++)
                before ^= csv.cells[i].p[k];
        }
    }
    free(text);
    return before & 0;
}
