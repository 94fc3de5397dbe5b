// JPEG through libjpeg-turbo. libjpeg reports errors by a callback that must not return; the jump
// out of it never leaves this file.
#include "internal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>

// The library's structures come first in ours, so that a callback finds its reader again.
typedef struct jpeg_reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    const ptn_image_source *file;
    uint8_t *row; // of four channels, where they are CMYK
    // Blocks of the scans that began, and the last of these scans.
    size_t passed_blocks;
    int scan;
    ptn_image_status status;
} jpeg_reader;

static _Noreturn void fail(jpeg_reader *reader, ptn_image_status status, const char *text) {
    reader->status = status;
    ptn_image_say(reader->file->message, text);
    longjmp(reader->escape, 1);
}

static _Noreturn void fail_with_library_text(j_common_ptr jpeg, ptn_image_status status) {
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    fail((jpeg_reader *)jpeg, status, text);
}

static void on_error(j_common_ptr jpeg) {
    switch (jpeg->err->msg_code) {
    case JERR_NO_BACKING_STORE: fail_with_library_text(jpeg, PTN_IMAGE_LIMIT);
    case JERR_OUT_OF_MEMORY: fail_with_library_text(jpeg, PTN_IMAGE_OUT_OF_MEMORY);
    case JERR_EMPTY_IMAGE:
    case JERR_IMAGE_TOO_BIG: fail_with_library_text(jpeg, PTN_IMAGE_BAD_SIZE);
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_COMPONENT_COUNT: fail_with_library_text(jpeg, PTN_IMAGE_UNSUPPORTED);
    default: fail_with_library_text(jpeg, PTN_IMAGE_CORRUPT);
    }
}

// Called for warnings (level -1) and traces. Damage that changes pixels is an error here; bytes
// between segments, which many real files have, are not.
static void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER: fail_with_library_text(jpeg, PTN_IMAGE_TRUNCATED);
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC: fail_with_library_text(jpeg, PTN_IMAGE_CORRUPT);
    default: return;
    }
}

static void print_nothing(j_common_ptr jpeg) { (void)jpeg; }

static void do_nothing(j_decompress_ptr jpeg) { (void)jpeg; }

static boolean out_of_bytes(j_decompress_ptr jpeg) {
    fail((jpeg_reader *)jpeg, PTN_IMAGE_TRUNCATED, "the JPEG data end too early");
}

static void skip_bytes(j_decompress_ptr jpeg, long count) {
    if (count <= 0) return;
    if ((size_t)count > jpeg->src->bytes_in_buffer) out_of_bytes(jpeg);
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

// A progressive file may hold any number of scans, each a pass over all blocks of a component or
// more, in a few bytes.
static void on_progress(j_common_ptr common) {
    jpeg_reader *reader = (jpeg_reader *)common;
    const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    if (jpeg->input_scan_number == reader->scan) return;
    reader->scan = jpeg->input_scan_number;
    for (int i = 0; i < jpeg->comps_in_scan; i++) {
        const jpeg_component_info *component = jpeg->cur_comp_info[i];
        reader->passed_blocks += (size_t)component->width_in_blocks * component->height_in_blocks;
    }
    size_t allowed =
        PTN_IMAGE_FREE_BLOCKS + (size_t)PTN_IMAGE_BLOCKS_PER_BYTE * reader->file->count;
    if (reader->scan <= PTN_IMAGE_MAX_SCANS && reader->passed_blocks <= allowed) return;
    char text[160];
    snprintf(text, sizeof text,
             "%d scans of a file of %zu bytes pass over %zu blocks, expected at most %d scans and "
             "%zu blocks",
             reader->scan, reader->file->count, reader->passed_blocks, PTN_IMAGE_MAX_SCANS,
             allowed);
    fail(reader, PTN_IMAGE_LIMIT, text);
}

static void set_callbacks(jpeg_reader *reader) {
    jpeg_std_error(&reader->errors);
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    reader->errors.output_message = print_nothing;
    reader->source.init_source = do_nothing;
    reader->source.fill_input_buffer = out_of_bytes;
    reader->source.skip_input_data = skip_bytes;
    reader->source.resync_to_restart = jpeg_resync_to_restart;
    reader->source.term_source = do_nothing;
    reader->progress.progress_monitor = on_progress;
}

static void choose_output(jpeg_reader *reader, ptn_image_header *header) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    if (jpeg->arith_code) fail(reader, PTN_IMAGE_UNSUPPORTED, "JPEG with arithmetic coding");
    header->channels = 3;
    switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE:
        jpeg->out_color_space = JCS_GRAYSCALE;
        header->channels = 1;
        break;
    case JCS_YCbCr:
    case JCS_RGB: jpeg->out_color_space = JCS_RGB; break;
    case JCS_CMYK:
    case JCS_YCCK: jpeg->out_color_space = JCS_CMYK; break;
    default: fail(reader, PTN_IMAGE_UNSUPPORTED, "JPEG with an unknown colour space");
    }
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->do_fancy_upsampling = TRUE;
    jpeg->do_block_smoothing = TRUE;
}

static size_t round_up(size_t count, int multiple) {
    return (count + (size_t)multiple - 1) / (size_t)multiple * (size_t)multiple;
}

// The header's size against what the file's bytes can hold and may take.
static ptn_image_status check_header(jpeg_reader *reader, const ptn_image_header *header) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    ptn_image_status status = ptn_image_check_size(header, reader->file->message);
    if (status != PTN_IMAGE_OK) return status;
    size_t blocks = 0, kept_blocks = 0;
    for (int i = 0; i < jpeg->num_components; i++) {
        const jpeg_component_info *component = &jpeg->comp_info[i];
        size_t width = component->width_in_blocks, height = component->height_in_blocks;
        blocks += width * height;
        // The library keeps whole groups of blocks.
        kept_blocks +=
            round_up(width, component->h_samp_factor) * round_up(height, component->v_samp_factor);
    }
    bool keeps_coefficients = jpeg_has_multiple_scans(jpeg);
    // Two codes of at least one bit per block. In several scans, blocks may share codes or lack.
    if (!keeps_coefficients && blocks / 4 > reader->file->count) {
        return ptn_image_say_too_few(reader->file, reader->file->count, header);
    }
    size_t working = keeps_coefficients ? kept_blocks * sizeof(JBLOCK) : 0;
    return ptn_image_check_memory(reader->file, header, working);
}

// As Pillow: samples are taken as inverted, which Adobe's programs write, and multiplied out by
// black, c * k / 255 rounded in each channel.
static void rgb_from_inverted_cmyk(const uint8_t *cmyk, size_t pixels, uint8_t *rgb) {
    for (size_t i = 0; i < pixels; i++) {
        uint32_t black = cmyk[4 * i + 3];
        for (size_t c = 0; c < 3; c++) {
            uint32_t product = (255 - cmyk[4 * i + c]) * black + 128;
            rgb[3 * i + c] = (uint8_t)(black - (((product >> 8) + product) >> 8));
        }
    }
}

static void read_rows(jpeg_reader *reader, const ptn_image_header *header, uint8_t *pixels) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    size_t row_bytes = header->width * header->channels;
    bool converts = jpeg->out_color_space == JCS_CMYK;
    if (converts) {
        reader->row = malloc(4 * header->width);
        if (!reader->row) fail(reader, PTN_IMAGE_OUT_OF_MEMORY, "no memory for a row");
    }
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *to = pixels + jpeg->output_scanline * row_bytes;
        JSAMPROW row = converts ? reader->row : to;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (converts) rgb_from_inverted_cmyk(reader->row, header->width, to);
    }
}

static void read_file(jpeg_reader *reader, ptn_image_header *header, uint8_t *pixels) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &reader->progress;
    reader->source.next_input_byte = reader->file->bytes;
    reader->source.bytes_in_buffer = reader->file->count;
    jpeg->src = &reader->source;
    jpeg_read_header(jpeg, TRUE);
    header->width = jpeg->image_width;
    header->height = jpeg->image_height;
    choose_output(reader, header);
    reader->status = check_header(reader, header);
    if (reader->status != PTN_IMAGE_OK || !pixels) return;
    jpeg->mem->max_memory_to_use = (long)ptn_image_working_memory(reader->file, header) + (1 << 20);
    jpeg_start_decompress(jpeg);
    read_rows(reader, header, pixels);
    jpeg_finish_decompress(jpeg);
}

// The orientation in the first EXIF segment before the pixels.
static int find_orientation(const uint8_t *bytes, size_t count) {
    static const uint8_t exif[6] = {'E', 'x', 'i', 'f', 0, 0};
    enum { app1 = 0xe1, start_of_scan = 0xda, end_of_image = 0xd9 };
    size_t at = 2;
    while (count - at >= 4 && bytes[at] == 0xff) {
        uint8_t marker = bytes[at + 1];
        if (marker == start_of_scan || marker == end_of_image) break;
        if (marker == 0xff) {
            at++;
            continue;
        }
        size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length < 2 || length > count - at - 2) break;
        const uint8_t *data = bytes + at + 4;
        if (marker == app1 && length >= 2 + sizeof exif && memcmp(data, exif, sizeof exif) == 0) {
            return ptn_exif_orientation(data + sizeof exif, length - 2 - sizeof exif);
        }
        at += 2 + length;
    }
    return 1;
}

ptn_image_status ptn_jpeg_read(const ptn_image_source *source, ptn_image_header *header,
                               uint8_t *pixels) {
    jpeg_reader reader = {.file = source, .status = PTN_IMAGE_OK};
    // Read through a volatile pointer after the jump, so that no stale register is used.
    jpeg_reader *volatile kept = &reader;
    set_callbacks(kept);
    reader.jpeg.err = &kept->errors;
    header->orientation = find_orientation(source->bytes, source->count);
    if (setjmp(reader.escape) == 0) read_file(kept, header, pixels);
    jpeg_destroy_decompress(&kept->jpeg);
    free(kept->row);
    return kept->status;
}
