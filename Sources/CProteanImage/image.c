// Choice of the decoder, limits, and the simple loops over pixels.
#include "internal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ptn_image_say(ptn_image_message *message, const char *text) {
    snprintf(message->text, sizeof message->text, "%s", text);
    for (char *c = message->text; *c; c++) {
        if ((unsigned char)*c < ' ') *c = ' ';
    }
}

ptn_image_status ptn_image_check_size(const ptn_image_header *header, ptn_image_message *message) {
    if (header->width > 0 && header->height > 0 && header->width <= PTN_IMAGE_MAX_SIDE &&
        header->height <= PTN_IMAGE_MAX_SIDE &&
        header->height <= PTN_IMAGE_MAX_PIXELS / header->width) {
        return PTN_IMAGE_OK;
    }
    ptn_image_say(message, "the header's size is not usable");
    return PTN_IMAGE_BAD_SIZE;
}

static size_t allowed_memory(size_t count) {
    return PTN_IMAGE_FREE_MEMORY + PTN_IMAGE_MEMORY_PER_BYTE * count;
}

// The decoded image, as often as the caller holds it.
static size_t result_memory(const ptn_image_source *source, const ptn_image_header *header) {
    return header->width * header->height * header->channels * source->copies;
}

ptn_image_status ptn_image_check_memory(const ptn_image_source *source,
                                        const ptn_image_header *header, size_t working) {
    size_t needed = result_memory(source, header) + working;
    size_t allowed = allowed_memory(source->count);
    if (needed <= allowed) return PTN_IMAGE_OK;
    snprintf(source->message->text, sizeof source->message->text,
             "%zu x %zu pixels of a file of %zu bytes take %zu bytes of memory, expected at most "
             "%zu",
             header->width, header->height, source->count, needed, allowed);
    return PTN_IMAGE_LIMIT;
}

size_t ptn_image_working_memory(const ptn_image_source *source, const ptn_image_header *header) {
    size_t taken = result_memory(source, header), allowed = allowed_memory(source->count);
    return allowed > taken ? allowed - taken : 0;
}

ptn_image_status ptn_image_say_too_few(const ptn_image_source *source, size_t bytes,
                                       const ptn_image_header *header) {
    snprintf(source->message->text, sizeof source->message->text,
             "%zu bytes cannot hold %zu x %zu pixels", bytes, header->width, header->height);
    return PTN_IMAGE_TRUNCATED;
}

static ptn_image_status read_file(const ptn_image_source *source, ptn_image_header *header,
                                  uint8_t *pixels, ptn_image_notes *notes) {
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg[3] = {0xff, 0xd8, 0xff};
    *header = (ptn_image_header){.orientation = 1};
    source->message->text[0] = 0;
    if (source->count >= sizeof png && memcmp(source->bytes, png, sizeof png) == 0) {
        return ptn_png_read(source, header, pixels, notes);
    }
    if (source->count >= sizeof jpeg && memcmp(source->bytes, jpeg, sizeof jpeg) == 0) {
        return ptn_jpeg_read(source, header, pixels);
    }
    return PTN_IMAGE_UNKNOWN_FORMAT;
}

ptn_image_status ptn_image_read_header(const uint8_t *bytes, size_t count, size_t copies,
                                       ptn_image_header *header, ptn_image_message *message) {
    ptn_image_source source = {bytes, count, copies, message};
    ptn_image_notes notes;
    return read_file(&source, header, NULL, &notes);
}

ptn_image_status ptn_image_decode(const uint8_t *bytes, size_t count, uint8_t *pixels,
                                  ptn_image_notes *notes, ptn_image_message *message) {
    ptn_image_source source = {bytes, count, 1, message};
    ptn_image_header header;
    *notes = (ptn_image_notes){0};
    return read_file(&source, &header, pixels, notes);
}

int ptn_image_has_memory(size_t bytes) {
    // Without `volatile` the compiler may leave out a pair of malloc and free.
    void *volatile memory = malloc(bytes > 0 ? bytes : 1);
    bool found = memory != NULL;
    free(memory);
    return found;
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
