// PNG through libpng. libpng reports errors by longjmp; the jump never leaves this file.
#include "internal.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

// Everything that must survive a jump lives here, not in local variables.
typedef struct png_reader {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t left;
    ptn_image *image;
    png_bytep *rows;
    ptn_image_status status;
    ptn_image_message *message;
} png_reader;

static void on_read_error(png_structp png, png_const_charp text) {
    png_reader *reader = png_get_error_ptr(png);
    // A more precise status may have been set before png_error was called.
    if (reader->status == PTN_IMAGE_OK) {
        reader->status = PTN_IMAGE_CORRUPT;
        // libpng says this when the compressed stream ends inside the image.
        if (strstr(text, "Not enough image data")) reader->status = PTN_IMAGE_TRUNCATED;
        ptn_image_say(reader->message, text);
    }
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep to, size_t count) {
    png_reader *reader = png_get_io_ptr(png);
    if (count > reader->left) {
        reader->status = PTN_IMAGE_TRUNCATED;
        ptn_image_say(reader->message, "the PNG data end too early");
        png_error(png, "truncated");
    }
    memcpy(to, reader->bytes, count);
    reader->bytes += count;
    reader->left -= count;
}

// Asks libpng for 8-bit grey or RGB without alpha. Returns the number of channels.
static size_t choose_transforms(png_reader *reader) {
    int type = png_get_color_type(reader->png, reader->info);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader->png);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(reader->png);
    png_set_strip_16(reader->png);
    png_set_strip_alpha(reader->png);
    png_set_interlace_handling(reader->png);
    bool grey = type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA;
    return grey ? 1 : 3;
}

static void read_image(png_reader *reader) {
    png_set_read_fn(reader->png, reader, read_bytes);
    // The size is checked below, against one limit for both formats.
    png_set_user_limits(reader->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(reader->png, reader->info);
    size_t width = png_get_image_width(reader->png, reader->info);
    size_t height = png_get_image_height(reader->png, reader->info);
    size_t channels = choose_transforms(reader);
    reader->status = ptn_image_allocate(width, height, channels, reader->image, reader->message);
    if (reader->status != PTN_IMAGE_OK) return;
    png_read_update_info(reader->png, reader->info);
    if (png_get_rowbytes(reader->png, reader->info) != width * channels) {
        png_error(reader->png, "unexpected sample layout");
    }
    reader->rows = malloc(height * sizeof *reader->rows);
    if (!reader->rows) {
        reader->status = PTN_IMAGE_OUT_OF_MEMORY;
        return;
    }
    for (size_t row = 0; row < height; row++) {
        reader->rows[row] = reader->image->pixels + row * width * channels;
    }
    png_read_image(reader->png, reader->rows);
    png_read_end(reader->png, NULL);
}

ptn_image_status ptn_image_decode_png(const uint8_t *bytes, size_t count, ptn_image *image,
                                      ptn_image_message *message) {
    png_reader reader = {
        .bytes = bytes, .left = count, .image = image, .message = message, .status = PTN_IMAGE_OK};
    png_reader *volatile kept = &reader;
    reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, kept, on_read_error, on_warning);
    if (reader.png) reader.info = png_create_info_struct(reader.png);
    if (!reader.info) {
        png_destroy_read_struct(&reader.png, NULL, NULL);
        return PTN_IMAGE_OUT_OF_MEMORY;
    }
    if (setjmp(png_jmpbuf(reader.png)) == 0) read_image(kept);
    free(kept->rows);
    png_destroy_read_struct(&kept->png, &kept->info, NULL);
    return kept->status;
}

// ---- writing ----

typedef struct png_writer {
    png_structp png;
    png_infop info;
    uint8_t *bytes;
    size_t count;
    size_t capacity;
    ptn_image_status status;
    ptn_image_message *message;
} png_writer;

static void on_write_error(png_structp png, png_const_charp text) {
    png_writer *writer = png_get_error_ptr(png);
    if (writer->status == PTN_IMAGE_OK) writer->status = PTN_IMAGE_BAD_ARGUMENT;
    ptn_image_say(writer->message, text);
    png_longjmp(png, 1);
}

static void write_bytes(png_structp png, png_bytep from, size_t count) {
    png_writer *writer = png_get_io_ptr(png);
    if (count > writer->capacity - writer->count) {
        size_t capacity = 2 * (writer->count + count) + 4096;
        uint8_t *grown = realloc(writer->bytes, capacity);
        if (!grown) {
            writer->status = PTN_IMAGE_OUT_OF_MEMORY;
            png_error(png, "no memory for the PNG data");
        }
        writer->bytes = grown;
        writer->capacity = capacity;
    }
    memcpy(writer->bytes + writer->count, from, count);
    writer->count += count;
}

static void flush_nothing(png_structp png) { (void)png; }

static void write_image(png_writer *writer, const ptn_image *image) {
    int type = image->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
    png_set_write_fn(writer->png, writer, write_bytes, flush_nothing);
    png_set_user_limits(writer->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(writer->png, writer->info, (png_uint_32)image->width, (png_uint_32)image->height,
                 8, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    png_write_info(writer->png, writer->info);
    for (size_t row = 0; row < image->height; row++) {
        png_write_row(writer->png, image->pixels + row * image->width * image->channels);
    }
    png_write_end(writer->png, NULL);
}

ptn_image_status ptn_image_encode_png(const ptn_image *image, uint8_t **bytes, size_t *count,
                                      ptn_image_message *message) {
    *bytes = NULL;
    *count = 0;
    message->text[0] = 0;
    if (image->channels != 1 && image->channels != 3) return PTN_IMAGE_BAD_ARGUMENT;
    if (image->width == 0 || image->height == 0 ||
        image->height > PTN_IMAGE_MAX_PIXELS / image->width) {
        return PTN_IMAGE_BAD_SIZE;
    }
    png_writer writer = {.message = message, .status = PTN_IMAGE_OK};
    png_writer *volatile kept = &writer;
    writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, kept, on_write_error, on_warning);
    if (writer.png) writer.info = png_create_info_struct(writer.png);
    if (!writer.info) {
        png_destroy_write_struct(&writer.png, NULL);
        return PTN_IMAGE_OUT_OF_MEMORY;
    }
    if (setjmp(png_jmpbuf(writer.png)) == 0) write_image(kept, image);
    png_destroy_write_struct(&kept->png, &kept->info);
    if (kept->status != PTN_IMAGE_OK) {
        free(kept->bytes);
        return kept->status;
    }
    *bytes = kept->bytes;
    *count = kept->count;
    return PTN_IMAGE_OK;
}
