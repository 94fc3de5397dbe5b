// The orientation in EXIF data, and pixels turned by it.
#include "internal.h"

#include <stdbool.h>
#include <string.h>

typedef struct exif_reader {
    const uint8_t *bytes;
    size_t count;
    bool little_endian;
} exif_reader;

static bool holds(const exif_reader *reader, size_t offset, size_t size) {
    return offset <= reader->count && size <= reader->count - offset;
}

static uint32_t u16(const exif_reader *reader, size_t offset) {
    const uint8_t *b = reader->bytes + offset;
    return reader->little_endian ? b[0] | (uint32_t)b[1] << 8 : b[1] | (uint32_t)b[0] << 8;
}

static uint32_t u32(const exif_reader *reader, size_t offset) {
    uint32_t first = u16(reader, offset), second = u16(reader, offset + 2);
    return reader->little_endian ? first | second << 16 : second | first << 16;
}

int ptn_exif_orientation(const uint8_t *exif, size_t count) {
    enum { entry_size = 12, orientation_tag = 0x0112, type_short = 3, type_long = 4 };
    exif_reader reader = {.bytes = exif, .count = count};
    if (count < 8) return 1;
    reader.little_endian = memcmp(exif, "II", 2) == 0;
    if (!reader.little_endian && memcmp(exif, "MM", 2) != 0) return 1;
    if (u16(&reader, 2) != 42) return 1;
    size_t directory = u32(&reader, 4);
    if (!holds(&reader, directory, 2)) return 1;
    size_t entries = u16(&reader, directory);
    for (size_t i = 0; i < entries; i++) {
        size_t entry = directory + 2 + i * entry_size;
        if (!holds(&reader, entry, entry_size)) return 1;
        if (u16(&reader, entry) != orientation_tag) continue;
        uint32_t type = u16(&reader, entry + 2);
        if (u32(&reader, entry + 4) != 1 || (type != type_short && type != type_long)) return 1;
        uint32_t value = type == type_short ? u16(&reader, entry + 8) : u32(&reader, entry + 8);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

void ptn_image_orient(const ptn_image *from, int orientation, uint8_t *to) {
    // EXIF names the side of the scene at which row 0 and column 0 of the file lie. Bit by bit, the
    // eight values are a mirroring of the columns, one of the rows, and an exchange of both.
    static const bool mirrors_columns[9] = {[2] = true, [3] = true, [7] = true, [8] = true};
    static const bool mirrors_rows[9] = {[3] = true, [4] = true, [6] = true, [7] = true};
    bool exchanges = orientation >= 5;
    size_t channels = from->channels;
    size_t rows = exchanges ? from->width : from->height;
    size_t columns = exchanges ? from->height : from->width;
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < columns; column++) {
            size_t y = exchanges ? column : row, x = exchanges ? row : column;
            if (mirrors_columns[orientation]) x = from->width - 1 - x;
            if (mirrors_rows[orientation]) y = from->height - 1 - y;
            memcpy(to, from->pixels + (y * from->width + x) * channels, channels);
            to += channels;
        }
    }
}
