// Shared by the decoders.
#ifndef C_PROTEAN_IMAGE_INTERNAL_H
#define C_PROTEAN_IMAGE_INTERNAL_H

#include "CProteanImage.h"
#include <stdbool.h>

// Checks a header's size and takes memory for the pixels.
ptn_image_status ptn_image_allocate(size_t width, size_t height, size_t channels, ptn_image *image,
                                    ptn_image_message *message);
// Copies one line of text, cut at the buffer's end.
void ptn_image_say(ptn_image_message *message, const char *text);

ptn_image_status ptn_image_decode_png(const uint8_t *bytes, size_t count, ptn_image *image,
                                      ptn_image_message *message);
ptn_image_status ptn_image_decode_jpeg(const uint8_t *bytes, size_t count, ptn_image *image,
                                       ptn_image_message *message);

#endif
