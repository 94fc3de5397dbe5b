// PNG to pixels through libpng. libpng reports errors by longjmp; the jump never leaves this file.
//
// The chunks are walked over once before, by their lengths alone: what the compressed pixels take
// bounds what they can hold, and where the file is cut off decides what libpng is shown.
#include "internal.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

// No DEFLATE stream grows by more: 258 bytes in two bits.
#define MAXIMUM_INFLATION 1032

enum { signature_size = 8, chunk_header_size = 8, checksum_size = 4 };

// What the chunks' lengths tell.
typedef struct png_layout {
    size_t pixel_bytes; // in all IDAT chunks
    size_t end;         // of the chunks that are whole
    size_t cut_pixels;  // bytes in an IDAT chunk that is cut off there
    size_t trailing;    // bytes behind IEND
    bool has_pixels, ends;
    int orientation;
} png_layout;

typedef struct png_span {
    const uint8_t *bytes;
    size_t count;
} png_span;

// Everything that must survive a jump lives here, not in local variables.
typedef struct png_reader {
    png_structp png;
    png_infop info;
    const ptn_image_source *source;
    png_layout layout;
    // What libpng is shown, one behind the other.
    png_span spans[4];
    size_t span;
    uint8_t cut_header[chunk_header_size];
    size_t rows; // of the image, once its pixels are read
    int passes;
    ptn_image_notes *notes;
    ptn_image_status status;
} png_reader;

static size_t u32(const uint8_t *b) {
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

static png_layout walk(const uint8_t *bytes, size_t count) {
    png_layout layout = {.end = signature_size, .orientation = 1};
    while (count - layout.end >= chunk_header_size) {
        const uint8_t *chunk = bytes + layout.end, *data = chunk + chunk_header_size;
        size_t length = u32(chunk), left = count - layout.end - chunk_header_size;
        size_t present = length < left ? length : left;
        bool whole = present == length && left - length >= checksum_size;
        if (memcmp(chunk + 4, "IDAT", 4) == 0) {
            layout.has_pixels = true;
            layout.pixel_bytes += present;
            if (!whole) layout.cut_pixels = present;
        }
        if (!whole) break;
        layout.end += chunk_header_size + length + checksum_size;
        if (memcmp(chunk + 4, "eXIf", 4) == 0) {
            layout.orientation = ptn_exif_orientation(data, length);
        }
        if (memcmp(chunk + 4, "IEND", 4) == 0) {
            layout.ends = true;
            layout.trailing = count - layout.end;
            break;
        }
    }
    return layout;
}

// Where a file is cut off in its pixels or behind them, libpng is shown what is there of the pixels
// as a chunk that ends in time, and IEND. It then finds by itself whether pixels are missing.
static void show_file(png_reader *reader) {
    // Four bytes in place of a missing checksum, which nobody looks at: see read_bytes.
    static const uint8_t end[] = {0,   0,   0,   0,   0,    0,    0,    0,
                                  'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    const ptn_image_source *source = reader->source;
    const png_layout *layout = &reader->layout;
    reader->spans[0] = (png_span){source->bytes, source->count};
    if (layout->ends || !layout->has_pixels) return;
    reader->notes->missing_end = 1;
    reader->spans[0].count = layout->end;
    if (layout->cut_pixels > 0) {
        for (int i = 0; i < 4; i++) {
            reader->cut_header[i] = (uint8_t)(layout->cut_pixels >> (24 - 8 * i));
        }
        memcpy(reader->cut_header + 4, "IDAT", 4);
        reader->spans[1] = (png_span){reader->cut_header, sizeof reader->cut_header};
        reader->spans[2] =
            (png_span){source->bytes + layout->end + chunk_header_size, layout->cut_pixels};
    }
    size_t skipped = layout->cut_pixels > 0 ? 0 : checksum_size;
    reader->spans[3] = (png_span){end + skipped, sizeof end - skipped};
}

// Whether every pixel is decoded. libpng looks for the end of the compressed stream before the call
// that reads the last row returns, so this is asked of libpng and not counted by the caller.
static bool is_complete(const png_reader *reader) {
    if (reader->rows == 0) return false;
    if (reader->passes > 1) return png_get_current_pass_number(reader->png) >= reader->passes;
    return png_get_current_row_number(reader->png) >= reader->rows;
}

static void on_read_error(png_structp png, png_const_charp text) {
    png_reader *reader = png_get_error_ptr(png);
    // Errors in the chunks of pixels may have changed pixels; others, after them, have not.
    if (is_complete(reader) && strncmp(text, "IDAT", 4) != 0) {
        reader->notes->damaged_end = !reader->notes->missing_end;
    } else if (reader->status == PTN_IMAGE_OK) {
        // A more precise status may have been set before png_error was called.
        reader->status = PTN_IMAGE_CORRUPT;
        // libpng says this when the compressed stream ends inside the image.
        if (strstr(text, "Not enough image data")) reader->status = PTN_IMAGE_TRUNCATED;
        ptn_image_say(reader->source->message, text);
    }
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    // libpng finds a wrong checksum of the pixels with the last of them, an error to it, or after
    // them, a warning; here it is always one.
    if (strncmp(text, "IDAT", 4) == 0 && strstr(text, "data check")) on_read_error(png, text);
}

static void read_bytes(png_structp png, png_bytep to, size_t count) {
    png_reader *reader = png_get_io_ptr(png);
    while (count > 0) {
        if (reader->span == sizeof reader->spans / sizeof reader->spans[0]) {
            if (!is_complete(reader)) {
                reader->status = PTN_IMAGE_TRUNCATED;
                ptn_image_say(reader->source->message, "the PNG data end too early");
            }
            png_error(png, "truncated");
        }
        // Checksums of the file's whole chunks count; stand-ins have none.
        if (reader->span > 0) png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
        png_span *span = &reader->spans[reader->span];
        size_t taken = count < span->count ? count : span->count;
        if (taken > 0) memcpy(to, span->bytes, taken);
        span->bytes += taken;
        span->count -= taken;
        to += taken;
        count -= taken;
        if (span->count == 0) reader->span++;
    }
}

// Asks libpng for 8-bit grey or RGB without alpha. Returns the number of channels.
static size_t choose_transforms(png_reader *reader) {
    int type = png_get_color_type(reader->png, reader->info);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader->png);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(reader->png);
    png_set_strip_16(reader->png);
    png_set_strip_alpha(reader->png);
    bool grey = type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA;
    return grey ? 1 : 3;
}

static ptn_image_status check_header(const png_reader *reader, const ptn_image_header *header) {
    ptn_image_status status = ptn_image_check_size(header, reader->source->message);
    if (status != PTN_IMAGE_OK) return status;
    size_t bits = (size_t)png_get_bit_depth(reader->png, reader->info) *
                  png_get_channels(reader->png, reader->info);
    size_t held = reader->layout.pixel_bytes;
    if (header->height * (header->width * bits / 8) / MAXIMUM_INFLATION > held) {
        return ptn_image_say_too_few(reader->source, held, header);
    }
    // libpng keeps two rows, of up to 8 bytes per pixel.
    return ptn_image_check_memory(reader->source, header, 2 * 8 * header->width);
}

static void read_file(png_reader *reader, ptn_image_header *header, uint8_t *pixels) {
    png_structp png = reader->png;
    png_set_read_fn(png, reader, read_bytes);
    // The size is checked here, against one limit for both formats.
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
#ifdef PNG_SET_UNKNOWN_CHUNKS_SUPPORTED
    // Profiles, texts and the like are neither unpacked nor kept.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
#endif
    png_read_info(png, reader->info);
    header->width = png_get_image_width(png, reader->info);
    header->height = png_get_image_height(png, reader->info);
    header->channels = choose_transforms(reader);
    header->orientation = reader->layout.orientation;
    reader->status = check_header(reader, header);
    if (reader->status != PTN_IMAGE_OK || !pixels) return;
    reader->passes = png_set_interlace_handling(png);
    reader->rows = header->height;
    png_read_update_info(png, reader->info);
    size_t row_bytes = header->width * header->channels;
    if (png_get_rowbytes(png, reader->info) != row_bytes) {
        png_error(png, "unexpected sample layout");
    }
    for (int pass = 0; pass < reader->passes; pass++) {
        for (size_t row = 0; row < header->height; row++) {
            png_read_row(png, pixels + row * row_bytes, NULL);
        }
    }
    png_read_end(png, NULL);
}

ptn_image_status ptn_png_read(const ptn_image_source *source, ptn_image_header *header,
                              uint8_t *pixels, ptn_image_notes *notes) {
    png_reader reader = {.source = source, .notes = notes, .status = PTN_IMAGE_OK};
    png_reader *volatile kept = &reader;
    reader.layout = walk(source->bytes, source->count);
    notes->trailing_bytes = reader.layout.trailing;
    show_file(&reader);
    reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, kept, on_read_error, on_warning);
    if (reader.png) reader.info = png_create_info_struct(reader.png);
    if (!reader.info) {
        png_destroy_read_struct(&reader.png, NULL, NULL);
        return PTN_IMAGE_OUT_OF_MEMORY;
    }
    if (setjmp(png_jmpbuf(reader.png)) == 0) read_file(kept, header, pixels);
    png_destroy_read_struct(&kept->png, &kept->info, NULL);
    return kept->status;
}
