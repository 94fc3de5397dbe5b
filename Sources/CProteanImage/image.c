// Choice of the decoder, memory, and the simple loops over pixels.
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ptn_image_say(ptn_image_message *message, const char *text) {
    snprintf(message->text, sizeof message->text, "%s", text);
    for (char *c = message->text; *c; c++) {
        if (*c == '\n' || *c == '\r') *c = ' ';
    }
}

void ptn_image_free(ptn_image *image) {
    free(image->pixels);
    *image = (ptn_image){0};
}

ptn_image_status ptn_image_allocate(size_t width, size_t height, size_t channels, ptn_image *image,
                                    ptn_image_message *message) {
    *image = (ptn_image){.width = width, .height = height, .channels = channels};
    if (width == 0 || height == 0 || height > PTN_IMAGE_MAX_PIXELS / width) {
        ptn_image_say(message, "the header's size is not usable");
        return PTN_IMAGE_BAD_SIZE;
    }
    image->pixels = malloc(width * height * channels);
    if (image->pixels) return PTN_IMAGE_OK;
    ptn_image_say(message, "no memory for the pixels");
    return PTN_IMAGE_OUT_OF_MEMORY;
}

ptn_image_status ptn_image_decode(const uint8_t *bytes, size_t count, ptn_image *image,
                                  ptn_image_message *message) {
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg[3] = {0xff, 0xd8, 0xff};
    *image = (ptn_image){0};
    message->text[0] = 0;
    ptn_image_status status = PTN_IMAGE_UNKNOWN_FORMAT;
    if (count >= sizeof png && memcmp(bytes, png, sizeof png) == 0) {
        status = ptn_image_decode_png(bytes, count, image, message);
    } else if (count >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0) {
        status = ptn_image_decode_jpeg(bytes, count, image, message);
    }
    if (status == PTN_IMAGE_OK) return status;
    ptn_image header = *image;
    ptn_image_free(image);
    if (status == PTN_IMAGE_BAD_SIZE) {
        image->width = header.width;
        image->height = header.height;
    }
    return status;
}

void ptn_image_grey_from_rgb(const uint8_t *rgb, size_t pixels, uint8_t *grey) {
    for (size_t i = 0; i < pixels; i++) {
        uint32_t r = rgb[3 * i], g = rgb[3 * i + 1], b = rgb[3 * i + 2];
        grey[i] = (uint8_t)((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16);
    }
}

void ptn_image_rgb_from_grey(const uint8_t *grey, size_t pixels, uint8_t *rgb) {
    for (size_t i = 0; i < pixels; i++) {
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = grey[i];
    }
}

void ptn_image_window(const ptn_image *from, ptrdiff_t left, ptrdiff_t top, size_t width,
                      size_t height, uint8_t *to) {
    size_t channels = from->channels;
    // Columns of the window that lie inside the image: [first, last).
    ptrdiff_t first = left < 0 ? -left : 0;
    ptrdiff_t last = (ptrdiff_t)from->width - left;
    if (last > (ptrdiff_t)width) last = (ptrdiff_t)width;
    for (size_t row = 0; row < height; row++) {
        uint8_t *out = to + row * width * channels;
        ptrdiff_t source = top + (ptrdiff_t)row;
        memset(out, 0, width * channels);
        if (source < 0 || source >= (ptrdiff_t)from->height || first >= last) continue;
        const uint8_t *in =
            from->pixels + ((size_t)source * from->width + (size_t)(left + first)) * channels;
        memcpy(out + (size_t)first * channels, in, (size_t)(last - first) * channels);
    }
}

void ptn_image_look_up(const uint8_t *values, size_t pixels, size_t channels, const float *table,
                       float *out) {
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < channels; c++) {
            out[i * channels + c] = table[c * 256 + values[i * channels + c]];
        }
    }
}
