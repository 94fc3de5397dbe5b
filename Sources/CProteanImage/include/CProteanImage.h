// PNG and JPEG files to 8-bit pixels and back, and Pillow's resampling of 8-bit pixels.
// Nothing here prints, exits or keeps state: every function that can fail returns a status and,
// where it takes one, fills a message buffer with one line. All functions are re-entrant.
#ifndef C_PROTEAN_IMAGE_H
#define C_PROTEAN_IMAGE_H

#include <stddef.h>
#include <stdint.h>

typedef enum ptn_image_status {
    PTN_IMAGE_OK = 0,
    PTN_IMAGE_UNKNOWN_FORMAT = 1, // neither PNG nor JPEG by its first bytes
    PTN_IMAGE_BAD_SIZE = 2,       // no pixels, or more than PTN_IMAGE_MAX_PIXELS
    PTN_IMAGE_UNSUPPORTED = 3,    // a valid file with a feature that is not read, such as CMYK
    PTN_IMAGE_TRUNCATED = 4,      // the data end too early
    PTN_IMAGE_CORRUPT = 5,        // the data break a rule of the format
    PTN_IMAGE_OUT_OF_MEMORY = 6,
    PTN_IMAGE_BAD_ARGUMENT = 7,
} ptn_image_status;

// The largest image that is decoded or made: 100 megapixels. Checked against the header, before
// memory is taken.
#define PTN_IMAGE_MAX_PIXELS 100000000

// Rows from top to bottom without padding, channels innermost: 1 (grey) or 3 (R, G, B).
typedef struct ptn_image {
    size_t width;
    size_t height;
    size_t channels;
    uint8_t *pixels; // width * height * channels bytes; NULL when empty
} ptn_image;

typedef struct ptn_image_message {
    char text[256]; // one line, empty when there is nothing to say
} ptn_image_message;

#define PTN_IMAGE_MUST_CHECK __attribute__((warn_unused_result))

// Decodes a whole PNG or JPEG file that lies in memory.
//
// Grey files give one channel, all others three. As Pillow's `convert("RGB")` does: palettes are
// looked up, alpha is dropped (not blended), samples of 16 bits keep their upper 8, samples of 1,
// 2 or 4 bits are spread over 0...255; gamma, colour profiles and the EXIF orientation are not
// applied. JPEG: accurate integer DCT and smooth chroma upsampling; CMYK and YCCK are refused.
// On success `*image` is filled and must be given to ptn_image_free; otherwise it is empty. After
// PTN_IMAGE_BAD_SIZE its width and height tell the header's size.
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_image_decode(const uint8_t *bytes, size_t count,
                                                       ptn_image *image,
                                                       ptn_image_message *message);

// Encodes 1 or 3 channels as an 8-bit PNG in memory. On success `*bytes` has `*count` bytes and
// must be given to free().
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_image_encode_png(const ptn_image *image, uint8_t **bytes,
                                                           size_t *count,
                                                           ptn_image_message *message);

// Frees the pixels and empties the image.
void ptn_image_free(ptn_image *image);

typedef enum ptn_image_filter {
    PTN_IMAGE_BILINEAR = 0, // triangle, support 1
    PTN_IMAGE_BICUBIC = 1,  // Keys' cubic with a = -0.5, support 2
} ptn_image_filter;

// Resizes as Pillow 13 does, bit for bit: one pass per axis, rounding to 8 bits after each; a pass
// whose size does not change is skipped. Columns come first, except where the rows lose more than
// twice as many. When an axis shrinks by s, the filter is stretched by s (antialiasing). `to` must
// hold out_width * out_height * from->channels bytes. PTN_IMAGE_BAD_SIZE also when the image
// between the passes would be too large.
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_image_resize(const ptn_image *from, size_t out_width,
                                                       size_t out_height, ptn_image_filter filter,
                                                       uint8_t *to);

// Grey from RGB: (19595 R + 38470 G + 7471 B + 32768) >> 16, ITU-R 601-2 as in Pillow.
void ptn_image_grey_from_rgb(const uint8_t *rgb, size_t pixels, uint8_t *grey);
// RGB from grey: three equal channels.
void ptn_image_rgb_from_grey(const uint8_t *grey, size_t pixels, uint8_t *rgb);

// Copies the window of `from` at (left, top) to `to` (width * height * channels bytes). Parts of
// the window outside the image become 0.
void ptn_image_window(const ptn_image *from, ptrdiff_t left, ptrdiff_t top, size_t width,
                      size_t height, uint8_t *to);

// out[i] = table[(i mod channels) * 256 + values[i]] for pixels * channels values.
void ptn_image_look_up(const uint8_t *values, size_t pixels, size_t channels, const float *table,
                       float *out);

#endif
