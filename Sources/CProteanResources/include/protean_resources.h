/* Files that are compiled into the program, so that one executable is all there is to ship. */
#ifndef PROTEAN_RESOURCES_H
#define PROTEAN_RESOURCES_H

#include <stddef.h>

/* One file: its name and its content, which lives as long as the program. The content starts at a
 * multiple of 64 bytes. */
typedef struct {
    const char *name;
    const unsigned char *bytes;
    size_t count;
} ptn_resource;

/* Weights of the embedded networks, safetensors. */
ptn_resource ptn_resource_protean_tiny(void);
ptn_resource ptn_resource_protean_deformable(void);
ptn_resource ptn_resource_protean_exits(void);

/* Thresholds of protean_exits for some budgets, JSON. */
ptn_resource ptn_resource_protean_exits_budgets(void);

/* The classes of ImageNet, one name a line. */
ptn_resource ptn_resource_imagenet_classes(void);

/* The embedded network's images, PNG, by name. */
size_t ptn_resource_image_count(void);

/* The image at `index`; an empty resource behind the last one. */
ptn_resource ptn_resource_image(size_t index);

#endif
