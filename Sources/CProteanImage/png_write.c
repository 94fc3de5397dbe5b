// Pixels to PNG through libpng. libpng reports errors by longjmp; the jump never leaves this file.
#include "internal.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

typedef struct png_writer {
    png_structp png;
    png_infop info;
    uint8_t *bytes;
    size_t count;
    size_t capacity;
    ptn_image_status status;
    ptn_image_message *message;
} png_writer;

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

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
