/* The content of Resources as constants. `#embed` is C23; clang has it in C11 too since version 19,
 * which Swift 6.2 and Xcode 16.3 surpass. Unlike generated text it costs no time to compile. */
#include "protean_resources.h"

#ifndef __has_embed
#error "this file needs #embed: clang 19 or later, as in Swift 6.2"
#endif
#pragma clang diagnostic ignored "-Wc23-extensions"

/* Aligned as tensors are, so that weights are used where they lie. */
#define PTN_FILE _Alignas(64) static const unsigned char

PTN_FILE image_00_t_shirt_top_0019[] = {
#embed "../ProteanModels/Resources/00_t_shirt_top_0019.png"
};
PTN_FILE image_00_t_shirt_top_0027[] = {
#embed "../ProteanModels/Resources/00_t_shirt_top_0027.png"
};
PTN_FILE image_01_trouser_0002[] = {
#embed "../ProteanModels/Resources/01_trouser_0002.png"
};
PTN_FILE image_01_trouser_0003[] = {
#embed "../ProteanModels/Resources/01_trouser_0003.png"
};
PTN_FILE image_02_pullover_0001[] = {
#embed "../ProteanModels/Resources/02_pullover_0001.png"
};
PTN_FILE image_02_pullover_0016[] = {
#embed "../ProteanModels/Resources/02_pullover_0016.png"
};
PTN_FILE image_03_dress_0013[] = {
#embed "../ProteanModels/Resources/03_dress_0013.png"
};
PTN_FILE image_03_dress_0029[] = {
#embed "../ProteanModels/Resources/03_dress_0029.png"
};
PTN_FILE image_04_coat_0006[] = {
#embed "../ProteanModels/Resources/04_coat_0006.png"
};
PTN_FILE image_04_coat_0010[] = {
#embed "../ProteanModels/Resources/04_coat_0010.png"
};
PTN_FILE image_05_sandal_0008[] = {
#embed "../ProteanModels/Resources/05_sandal_0008.png"
};
PTN_FILE image_05_sandal_0011[] = {
#embed "../ProteanModels/Resources/05_sandal_0011.png"
};
PTN_FILE image_06_shirt_0004[] = {
#embed "../ProteanModels/Resources/06_shirt_0004.png"
};
PTN_FILE image_06_shirt_0007[] = {
#embed "../ProteanModels/Resources/06_shirt_0007.png"
};
PTN_FILE image_07_sneaker_0009[] = {
#embed "../ProteanModels/Resources/07_sneaker_0009.png"
};
PTN_FILE image_07_sneaker_0012[] = {
#embed "../ProteanModels/Resources/07_sneaker_0012.png"
};
PTN_FILE image_08_bag_0018[] = {
#embed "../ProteanModels/Resources/08_bag_0018.png"
};
PTN_FILE image_08_bag_0030[] = {
#embed "../ProteanModels/Resources/08_bag_0030.png"
};
PTN_FILE image_09_ankle_boot_0000[] = {
#embed "../ProteanModels/Resources/09_ankle_boot_0000.png"
};
PTN_FILE image_09_ankle_boot_0023[] = {
#embed "../ProteanModels/Resources/09_ankle_boot_0023.png"
};
PTN_FILE imagenet_classes[] = {
#embed "../ProteanModels/Resources/imagenet_classes.txt"
};
PTN_FILE protean_deformable[] = {
#embed "../ProteanModels/Resources/protean_deformable.safetensors"
};
PTN_FILE protean_exits[] = {
#embed "../ProteanModels/Resources/protean_exits.safetensors"
};
PTN_FILE protean_exits_budgets[] = {
#embed "../ProteanModels/Resources/protean_exits_budgets.json"
};
PTN_FILE protean_tiny[] = {
#embed "../ProteanModels/Resources/protean_tiny.safetensors"
};

#define PTN_RESOURCE(name, extension) {#name extension, name, sizeof name}
#define PTN_IMAGE(number_and_name)                                                                 \
    {#number_and_name ".png", image_##number_and_name, sizeof image_##number_and_name}

ptn_resource ptn_resource_protean_tiny(void) {
    return (ptn_resource)PTN_RESOURCE(protean_tiny, ".safetensors");
}

ptn_resource ptn_resource_protean_deformable(void) {
    return (ptn_resource)PTN_RESOURCE(protean_deformable, ".safetensors");
}

ptn_resource ptn_resource_protean_exits(void) {
    return (ptn_resource)PTN_RESOURCE(protean_exits, ".safetensors");
}

ptn_resource ptn_resource_protean_exits_budgets(void) {
    return (ptn_resource)PTN_RESOURCE(protean_exits_budgets, ".json");
}

ptn_resource ptn_resource_imagenet_classes(void) {
    return (ptn_resource)PTN_RESOURCE(imagenet_classes, ".txt");
}

static const ptn_resource images[] = {
    PTN_IMAGE(00_t_shirt_top_0019), PTN_IMAGE(00_t_shirt_top_0027), PTN_IMAGE(01_trouser_0002),
    PTN_IMAGE(01_trouser_0003),     PTN_IMAGE(02_pullover_0001),    PTN_IMAGE(02_pullover_0016),
    PTN_IMAGE(03_dress_0013),       PTN_IMAGE(03_dress_0029),       PTN_IMAGE(04_coat_0006),
    PTN_IMAGE(04_coat_0010),        PTN_IMAGE(05_sandal_0008),      PTN_IMAGE(05_sandal_0011),
    PTN_IMAGE(06_shirt_0004),       PTN_IMAGE(06_shirt_0007),       PTN_IMAGE(07_sneaker_0009),
    PTN_IMAGE(07_sneaker_0012),     PTN_IMAGE(08_bag_0018),         PTN_IMAGE(08_bag_0030),
    PTN_IMAGE(09_ankle_boot_0000),  PTN_IMAGE(09_ankle_boot_0023),
};

size_t ptn_resource_image_count(void) { return sizeof images / sizeof images[0]; }

ptn_resource ptn_resource_image(size_t index) {
    return index < ptn_resource_image_count() ? images[index] : (ptn_resource){"", NULL, 0};
}
