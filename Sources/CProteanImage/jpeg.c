// JPEG through libjpeg-turbo. libjpeg reports errors by a callback that must not return; the jump
// out of it never leaves this file.
#include "internal.h"

#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>

// A progressive file may claim any number of scans, each a pass over the whole image. Real files
// have about ten.
#define MAXIMUM_SCANS 100

// The library's structures come first in ours, so that a callback finds its reader again.
typedef struct jpeg_reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    ptn_image *image;
    ptn_image_status status;
    ptn_image_message *message;
} jpeg_reader;

static _Noreturn void fail(jpeg_reader *reader, ptn_image_status status, const char *text) {
    reader->status = status;
    ptn_image_say(reader->message, text);
    longjmp(reader->escape, 1);
}

static _Noreturn void fail_with_library_text(j_common_ptr jpeg, ptn_image_status status) {
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    fail((jpeg_reader *)jpeg, status, text);
}

static void on_error(j_common_ptr jpeg) {
    switch (jpeg->err->msg_code) {
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

static void on_progress(j_common_ptr jpeg) {
    jpeg_reader *reader = (jpeg_reader *)jpeg;
    if (reader->jpeg.input_scan_number > MAXIMUM_SCANS) {
        fail(reader, PTN_IMAGE_CORRUPT, "more than 100 scans in one JPEG");
    }
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

static void choose_output(jpeg_reader *reader) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE: jpeg->out_color_space = JCS_GRAYSCALE; break;
    case JCS_YCbCr:
    case JCS_RGB: jpeg->out_color_space = JCS_RGB; break;
    case JCS_CMYK:
    case JCS_YCCK: fail(reader, PTN_IMAGE_UNSUPPORTED, "JPEG with CMYK colours");
    default: fail(reader, PTN_IMAGE_UNSUPPORTED, "JPEG with an unknown colour space");
    }
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->do_fancy_upsampling = TRUE;
    jpeg->do_block_smoothing = TRUE;
}

static void read_image(jpeg_reader *reader, const uint8_t *bytes, size_t count) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &reader->progress;
    reader->source.next_input_byte = bytes;
    reader->source.bytes_in_buffer = count;
    jpeg->src = &reader->source;
    jpeg_read_header(jpeg, TRUE);
    choose_output(reader);
    size_t channels = jpeg->out_color_space == JCS_GRAYSCALE ? 1 : 3;
    reader->status = ptn_image_allocate(jpeg->image_width, jpeg->image_height, channels,
                                        reader->image, reader->message);
    if (reader->status != PTN_IMAGE_OK) return;
    jpeg_start_decompress(jpeg);
    size_t row_bytes = reader->image->width * channels;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = reader->image->pixels + jpeg->output_scanline * row_bytes;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

ptn_image_status ptn_image_decode_jpeg(const uint8_t *bytes, size_t count, ptn_image *image,
                                       ptn_image_message *message) {
    jpeg_reader reader = {.image = image, .message = message, .status = PTN_IMAGE_OK};
    // Read through a volatile pointer after the jump, so that no stale register is used.
    jpeg_reader *volatile kept = &reader;
    set_callbacks(kept);
    reader.jpeg.err = &kept->errors;
    if (setjmp(reader.escape) == 0) read_image(kept, bytes, count);
    jpeg_destroy_decompress(&kept->jpeg);
    return kept->status;
}
