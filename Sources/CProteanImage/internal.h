// Shared by the decoders.
#ifndef C_PROTEAN_IMAGE_INTERNAL_H
#define C_PROTEAN_IMAGE_INTERNAL_H

#include "CProteanImage.h"

// A file in memory, and what its decoder says about it.
typedef struct ptn_image_source {
    const uint8_t *bytes;
    size_t count;
    size_t copies; // of the decoded image that the caller holds at once
    ptn_image_message *message;
} ptn_image_source;

// Copies one line of text, cut at the buffer's end.
void ptn_image_say(ptn_image_message *message, const char *text);

// Checks a header's size against the limits of images.
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_image_check_size(const ptn_image_header *header,
                                                           ptn_image_message *message);

// Checks the memory that decoding takes, the image included, against what the file's size allows:
// PTN_IMAGE_LIMIT if it is more. `working` is what the decoder itself keeps.
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_image_check_memory(const ptn_image_source *source,
                                                             const ptn_image_header *header,
                                                             size_t working);
// What is left of that for the decoder itself.
size_t ptn_image_working_memory(const ptn_image_source *source, const ptn_image_header *header);

// PTN_IMAGE_TRUNCATED: so few bytes can never stand for so many pixels.
ptn_image_status ptn_image_say_too_few(const ptn_image_source *source, size_t bytes,
                                       const ptn_image_header *header);

// The orientation that EXIF data (a TIFF header and its first directory) state, 1 to 8; 1 where
// they state none or are damaged.
int ptn_exif_orientation(const uint8_t *exif, size_t count);

// With `pixels`, decodes into them and fills `notes`; without, reads the header only. Both fill
// `header`, and make the same checks.
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_png_read(const ptn_image_source *source,
                                                   ptn_image_header *header, uint8_t *pixels,
                                                   ptn_image_notes *notes);
PTN_IMAGE_MUST_CHECK ptn_image_status ptn_jpeg_read(const ptn_image_source *source,
                                                    ptn_image_header *header, uint8_t *pixels);

#endif
