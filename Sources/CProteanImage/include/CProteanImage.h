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
    PTN_IMAGE_BAD_SIZE = 2,       // no pixels, or more than the limits below
    PTN_IMAGE_UNSUPPORTED = 3,    // a valid file with a feature that is not read
    PTN_IMAGE_TRUNCATED = 4,      // the data end too early
    PTN_IMAGE_CORRUPT = 5,        // the data break a rule of the format
    PTN_IMAGE_OUT_OF_MEMORY = 6,
    PTN_IMAGE_BAD_ARGUMENT = 7,
    PTN_IMAGE_LIMIT = 8, // decoding takes more memory or work than the file's size allows
} ptn_image_status;

// The largest image that is decoded or made: 100 megapixels.
#define PTN_IMAGE_MAX_PIXELS 100000000
// The longest side that is decoded. JPEG knows none over 65535.
#define PTN_IMAGE_MAX_SIDE 262144
// Bytes that decoding a file may take, the image included: so many, and so many per byte of the
// file. A photograph takes 10 to 100 times its file.
#define PTN_IMAGE_FREE_MEMORY ((size_t)32 << 20)
#define PTN_IMAGE_MEMORY_PER_BYTE 256
// Scans of one JPEG. Progressive files have about ten.
#define PTN_IMAGE_MAX_SCANS 100
// Blocks of 8 x 8 coefficients that the scans of one JPEG may pass over: so many, and so many per
// byte of the file.
#define PTN_IMAGE_FREE_BLOCKS ((size_t)1 << 22)
#define PTN_IMAGE_BLOCKS_PER_BYTE 64

// Rows from top to bottom without padding, channels innermost: 1 (grey) or 3 (R, G, B).
typedef struct ptn_image {
    size_t width;
    size_t height;
    size_t channels;
    uint8_t *pixels; // width * height * channels bytes
} ptn_image;

// What a file says about itself before its pixels.
typedef struct ptn_image_header {
    size_t width; // as stored, before any orientation
    size_t height;
    size_t channels;
    int orientation; // EXIF's, 1 to 8; 1 where none is stated
} ptn_image_header;

// What was wrong with a file whose pixels are all there.
typedef struct ptn_image_notes {
    int missing_end;       // nonzero: it stops behind the pixels, before the chunk that ends a PNG
    int damaged_end;       // nonzero: chunks behind the pixels are damaged
    size_t trailing_bytes; // that follow the chunk that ends a PNG
} ptn_image_notes;

typedef struct ptn_image_message {
    char text[256]; // one line, empty when there is nothing to say
} ptn_image_message;

#define PTN_IMAGE_MUST_CHECK __attribute__((warn_unused_result))

// Reads the header of a whole PNG or JPEG file that lies in memory, and checks that the file can
// hold the size it states and may take the memory that decoding needs: the decoder's, and the
// image `copies` times. After PTN_IMAGE_BAD_SIZE the header's width and height are set too.
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_image_read_header(const uint8_t *bytes, size_t count,
                                                            size_t copies, ptn_image_header *header,
                                                            ptn_image_message *message);

// Whether memory of that size can be had now. For callers whose own allocation would end the
// program where there is none.
int ptn_image_has_memory(size_t bytes);

// Decodes a whole PNG or JPEG file that lies in memory to `pixels`, which hold
// width * height * channels bytes of the header that ptn_image_read_header gave for the same bytes.
//
// Grey files give one channel, all others three. As Pillow's `convert("RGB")` does: palettes are
// looked up, alpha and transparent colours are dropped (not blended), samples of 1, 2 or 4 bits are
// spread over 0...255, CMYK and YCCK are taken as inverted and multiplied out; gamma, colour
// profiles and the EXIF orientation are not applied. Samples of 16 bits keep their upper 8 (Pillow
// clips those of grey files at 255 instead). JPEG: accurate integer DCT and smooth chroma
// upsampling; arithmetic coding and samples of 12 bits are refused. A PNG whose pixels are complete
// is read whatever follows them, with a note. On errors `pixels` are filled in part.
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_image_decode(const uint8_t *bytes, size_t count,
                                                       uint8_t *pixels, ptn_image_notes *notes,
                                                       ptn_image_message *message);

// The image as EXIF's `orientation` (1 to 8) says that it is to be seen. From 5 on, width and
// height change places. `to` must not overlap the image.
void ptn_image_orient(const ptn_image *from, int orientation, uint8_t *to);

// Encodes 1 or 3 channels as an 8-bit PNG in memory. On success `*bytes` has `*count` bytes and
// must be given to free().
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_image_encode_png(const ptn_image *image, uint8_t **bytes,
                                                           size_t *count,
                                                           ptn_image_message *message);

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

// Unpacks a whole gzip file (RFC 1952), of one or several members, and checks its checksums. At
// most `limit` bytes come out; PTN_IMAGE_LIMIT for more. On success `*bytes` has `*count` bytes and
// must be given to free().
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_image_gunzip(const uint8_t *data, size_t size,
                                                       size_t limit, uint8_t **bytes, size_t *count,
                                                       ptn_image_message *message);

#endif
