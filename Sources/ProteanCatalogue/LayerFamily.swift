/// A family of layers. Its name is that of the folders of layers, entries, tests and benchmarks; in
/// lower case, that of the folder of kernels.
package enum LayerFamily: String, CaseIterable, Sendable {
    case activation = "Activation"
    case attention = "Attention"
    case conditional = "Conditional"
    case containers = "Containers"
    case convolution = "Convolution"
    case deformable = "Deformable"
    case depth = "Depth"
    case dynamic = "Dynamic"
    case normalization = "Normalization"
    case pooling = "Pooling"
    case recurrent = "Recurrent"
    case region = "Region"
    case routing = "Routing"
    case shape = "Shape"
    case sparse = "Sparse"
    case width = "Width"
}
